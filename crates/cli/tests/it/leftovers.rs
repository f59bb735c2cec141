//! Files that no export writes any more: only what nothing needs is named, and only what is named goes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use crate::project::{TestProject, copying};

/// Returns a project that ran with one export, and then with another.
fn moved(from: &str, to: &str, between: impl FnOnce(&TestProject)) -> TestProject {
    let project = TestProject::new(&copying("lines.csv", "notes.txt", from));
    project.write("lines.csv", "id,text\n1,one\n");
    project.write("notes.txt", "none");
    project.run_json(&[], 0);
    between(&project);
    project.write("refrain.yaml", &copying("lines.csv", "notes.txt", to));
    project.run_json(&[], 0);
    project
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(project: &TestProject, expect: Value) {
    let report = project.run(&["gc", "--exports", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(report["exports"], expect);
    let report = project.run(&["gc", "--exports", "--json"]).expect(0).json();
    assert_eq!(report["exports"], expect);
}

#[test]
fn what_no_one_needs_goes() {
    let project = moved("out/lines.csv", "build/lines.csv", |_| {});
    check(&project, json!(["out/lines.csv"]));
    assert!(!project.path("out/lines.csv").exists() && project.path("build/lines.csv").exists());
}

#[test]
fn programs_are_told_of_what_is_left_over() {
    let project = moved("out/lines.csv", "build/lines.csv", |_| {});
    let left = json!([{"path": "out/lines.csv", "target": {"phase": "export", "scope": {}}}]);
    assert_eq!(project.json(&["status"], 0)["leftovers"], left);
    assert_eq!(project.run_json(&[], 0)["leftovers"], left);
    check(&project, json!(["out/lines.csv"]));
    assert_eq!(project.json(&["status"], 0).get("leftovers"), None);
    assert_eq!(project.run_json(&[], 0).get("leftovers"), None);
}

#[test]
fn what_is_left_over_is_known_although_revisions_are_forgotten() {
    let project = moved("out/lines.csv", "build/lines.csv", |_| {});
    for n in 0..3 {
        project.write("lines.csv", &format!("id,text\n1,one\n2,version {n}\n"));
        project.run_json(&[], 0);
    }
    let revisions = |project: &TestProject| {
        let history = project.json(&["history", "export"], 0);
        let revisions = history["revisions"].as_array().unwrap().iter();
        revisions.map(|view| view["record"]["revision"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        project.run(&["gc", "--keep", "1"]).expect(0);
        assert_eq!(revisions(&project), [1, 5], "the one that knows of the file stays");
    }
    assert!(project.run(&["status"]).expect(0).stdout.contains("out/lines.csv"));
    // With the file goes what it was known by; one that somebody changed is nobody's business.
    let dry = project.run(&["gc", "--keep", "1", "--exports", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(dry["revisions"], json!(["export#1"]));
    let report = project.run(&["gc", "--keep", "1", "--exports", "--json"]).expect(0).json();
    assert_eq!((&report["exports"], &report["revisions"]), (&dry["exports"], &dry["revisions"]));
    assert_eq!(revisions(&project), [5]);
}

#[test]
fn a_phase_of_the_same_name_in_another_pipeline_leaves_nothing_over() {
    let project = TestProject::new(&copying("lines.csv", "notes.txt", "out/a.csv"));
    project.write("other.yaml", &copying("lines.csv", "notes.txt", "out/b.csv"));
    project.write("lines.csv", "id,text\n1,one\n");
    project.write("notes.txt", "none");
    for _ in 0..2 {
        project.run_json(&["-f", "other.yaml"], 0);
        assert_eq!(project.run_json(&[], 0).get("leftovers"), None);
        assert_eq!(project.json(&["status"], 0).get("leftovers"), None);
        check(&project, json!([]));
    }
    // What this one left over is its own all the same, and forgetting counts what each made by itself.
    project.write("refrain.yaml", &copying("lines.csv", "notes.txt", "out/c.csv"));
    project.run_json(&[], 0);
    project.run(&["gc", "--keep", "1"]).expect(0);
    check(&project, json!(["out/a.csv"]));
    assert!(project.path("out/b.csv").exists() && project.path("out/c.csv").exists());
    project.write(
        "other.yaml",
        &copying("lines.csv", "notes.txt", "out/b.csv")
            .replace("copy:", "echo:")
            .replace("of: copy", "of: echo"),
    );
    project.run_json(&["-f", "other.yaml"], 0);
    project.run(&["gc"]).expect(0);
    assert!(
        project.run(&["history", "-f", "other.yaml"]).expect(0).stdout.contains("echo"),
        "its phases are kept"
    );
}

#[test]
fn what_the_project_names_or_would_read_stays() {
    for (source, notes) in
        [("lines.csv", "out/lines.csv"), ("out/*.csv", "notes.txt"), ("./out/lines.csv", "notes.txt")]
    {
        let project = moved("out/lines.csv", "build/lines.csv", |_| {});
        project.write("refrain.yaml", &copying(source, notes, "build/lines.csv"));
        check(&project, json!([]));
        assert!(project.path("out/lines.csv").exists(), "{source} {notes}");
        // Neither is anything removed while one cannot tell what is read.
        project.write("refrain.yaml", &copying("nowhere/*.csv", "notes.txt", "build/lines.csv"));
        check(&project, json!([]));
    }
}

#[test]
fn a_file_that_is_written_under_another_name_stays() {
    let project = moved("out/lines.csv", "build/lines.csv", |project| {
        fs::rename(project.path("out"), project.path("build")).unwrap();
        symlink("build", project.path("out")).unwrap();
    });
    check(&project, json!([]));
    assert!(project.path("build/lines.csv").exists());
}

#[test]
fn what_another_pipeline_of_the_folder_wrote_stays() {
    let project = TestProject::new(&copying("lines.csv", "notes.txt", "out/a.csv"));
    project
        .write("other.yaml", &copying("lines.csv", "notes.txt", "out/b.csv").replace("export:", "publish:"));
    project.write("lines.csv", "id,text\n1,one\n");
    project.write("notes.txt", "none");
    project.run_json(&["-f", "other.yaml"], 0);
    project.run_json(&[], 0);
    assert!(!project.run(&["status"]).expect(0).stdout.contains("--exports"));
    assert!(!project.run(&["status", "-f", "other.yaml"]).expect(0).stdout.contains("--exports"));
    check(&project, json!([]));
    let refused = project.run(&["gc", "--exports", "-f", "other.yaml"]).expect(2);
    assert!(words(&refused.stderr).contains("shares its history"), "{}", refused.stderr);
    assert!(project.path("out/a.csv").exists() && project.path("out/b.csv").exists());
}

/// What is there instead is no business of whoever asks how things stand.
#[test]
fn nothing_fails_for_what_lies_where_a_file_was() {
    let places: [fn(&TestProject); 3] = [
        |project| {
            assert!(Command::new("mkfifo").arg(project.path("out/lines.csv")).status().unwrap().success());
        },
        |project| {
            fs::write(project.outside("lines.csv"), "id,text\n1,one\n").unwrap();
            symlink(project.outside("lines.csv"), project.path("out/lines.csv")).unwrap();
        },
        |project| symlink(project.path(".git/config"), project.path("out/lines.csv")).unwrap(),
    ];
    for put in places {
        let project = moved("out/lines.csv", "build/lines.csv", |_| {});
        fs::remove_file(project.path("out/lines.csv")).unwrap();
        put(&project);
        let status = project.run(&["status"]).expect(0);
        assert!(!status.stdout.contains("--exports"), "{}", status.stdout);
        project.run(&["run"]).expect(0);
        check(&project, json!([]));
        assert!(project.path("out/lines.csv").symlink_metadata().is_ok(), "it stays");
    }
}
