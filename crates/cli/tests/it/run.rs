//! `refrain run` from the outside: what is on which stream, and what a second run does.

use crate::project::TestProject;

#[test]
fn templates_run_at_once_and_have_nothing_left_to_do() {
    for template in ["hello", "fanout"] {
        let project = TestProject::empty();
        project.run(&["init", "--template", template]).expect(0);
        let first = project.run(&["run", "--json"]).expect(0);
        assert_eq!(first.json()["status"], "completed", "{template}");
        assert_eq!(first.stdout.lines().count(), 1, "one document on standard output");
        let second = project.run(&["run", "--json"]).expect(0).json();
        assert_eq!((&second["calls"], &second["status"]), (&0.into(), &"completed".into()), "{template}");
    }
}

#[test]
fn the_summary_is_the_result_and_progress_is_not() {
    let project = TestProject::empty();
    project.run(&["init"]).expect(0);
    let output = project.run(&["run", "--quiet"]).expect(0);
    insta::assert_snapshot!(output.redacted());
    project.write("greetings.csv", "id,name,place\nada,Ada,Paris\ngrace,Grace,New York\nkurt,Kurt,Brno\n");
    let output = project.run(&["run", "--progress", "plain"]).expect(0);
    assert!(output.stdout.contains("completed: 1 call, 1 unit asked, 2 units reused"), "{}", output.stdout);
    assert!(output.stderr.contains("run completed"), "{}", output.stderr);
    let log = project.run(&["logs", "--last", "1"]).expect(0);
    assert!(log.stdout.contains("run completed: 1 call"), "{}", log.stdout);
}

#[test]
fn a_run_that_is_refused_leaves_no_log() {
    let project = TestProject::empty();
    project.run(&["init"]).expect(0);
    let output = project.run(&["run", "gret"]).expect(2);
    assert!(output.stderr.contains("did you mean `greet`?"), "{}", output.stderr);
    let logs = std::fs::read_dir(project.path(".refrain/logs")).map_or(0, Iterator::count);
    assert_eq!(logs, 0);
}
