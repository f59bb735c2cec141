//! `refrain init` writes what can be run and overwrites nothing.

use crate::project::TestProject;

#[test]
fn without_questions_the_smallest_template_is_written() {
    let project = TestProject::empty();
    let output = project.run(&["init"]).expect(0);
    assert_eq!(
        output.stdout,
        "wrote refrain.yaml\nwrote greetings.csv\nwrote .gitignore\n\nnext: `refrain plan`, then `refrain run`\n"
    );
    assert_eq!(project.files(), [".gitignore", "greetings.csv", "refrain.yaml"]);
}

#[test]
fn templates_go_into_new_folders() {
    let project = TestProject::empty();
    let output = project.run(&["init", "--template", "fanout", "games/first", "--json"]).expect(0);
    assert_eq!(output.json()["files"][0], "refrain.yaml");
    assert!(project.read("games/first/refrain.yaml").contains("name: fanout"));
    assert!(project.path("games/first/script/scene_2.csv").is_file());
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    for taken in ["refrain.yaml", "refrain.json", "greetings.csv"] {
        let project = TestProject::empty().file(taken, "mine\n");
        let output = project.run(&["init", "--yes"]).expect(2);
        assert!(
            output.stderr.contains(&format!("{taken} is there already; nothing was written")),
            "{}",
            output.stderr
        );
        assert_eq!(project.files(), [taken]);
        assert_eq!(project.read(taken), "mine\n");
    }
    let project = TestProject::empty().file(".gitignore", "mine\n");
    project.run(&["init", "--yes"]).expect(0);
    assert_eq!(project.read(".gitignore"), "mine\n");
}

#[test]
fn an_unknown_template_names_those_there_are() {
    let output = TestProject::empty().run(&["init", "--template", "helo"]).expect(2);
    assert!(output.stderr.contains("hello") && output.stderr.contains("fanout"), "{}", output.stderr);
}
