//! Tools of the registry: listed, explained, and carried out by the binary.

use std::fs;

use serde_json::{Value, json};

use crate::project::{TestProject, phase};

#[test]
fn tools_are_listed_and_explained() {
    let project = TestProject::empty();
    let list = project.run(&["tools"]).expect(0).stdout;
    for name in ["filesystem", "terminal", "data-processing", "approval-gate", "generate", "web-search"] {
        assert!(list.contains(name), "{name}: {list}");
    }
    let one = project.run(&["tools", "file"]).expect(0).stdout;
    for part in ["filesystem", "write (once): ", "content*", "the file, from the project's folder"] {
        assert!(one.contains(part), "{part}: {one}");
    }
    let schemas = project.run(&["tools", "filesystem", "--json"]).expect(0).json();
    let write = schemas["actions"].as_array().unwrap().iter().find(|it| it["name"] == "write").unwrap();
    assert_eq!(
        (&write["effect"], &write["input"]["required"]),
        (&json!("once"), &json!(["path", "content"]))
    );
    let wrong = project.run(&["tools", "filesystm"]).expect(2).stderr;
    assert!(wrong.contains("no tool `filesystm`") && wrong.contains("filesystem"), "{wrong}");
}

#[test]
fn agents_that_say_what_they_accept_are_tools() {
    let project = TestProject::new(
        "\
refrain: 1
name: own
agents:
  shout: { command: [fake_agent], accepts: { type: object, required: [text] } }
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.csv } }
    output: { records: lines, key: id }
",
    );
    assert!(project.run(&["tools"]).expect(0).stdout.contains("shout"));
    let own = project.run(&["tools", "shout", "--json"]).expect(0).json();
    assert_eq!(own["actions"][0]["input"]["required"], json!(["text"]));
}

fn steps(phases: &str) -> TestProject {
    TestProject::new(&format!(
        "\
refrain: 1
name: steps
agents:
  write: {{ tool: {{ name: filesystem, action: write }} }}
  read: {{ tool: {{ name: filesystem, action: read }} }}
  shell: {{ tool: terminal }}
  table: {{ tool: {{ name: data-processing, action: filter }} }}
  memory: {{ tool: mcp-memory }}
phases:
{phases}"
    ))
}

/// Runs everything and returns the report.
#[track_caller]
fn report(project: &TestProject, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["run", "--progress", "none", "--json"], arguments].concat();
    project.run(&arguments).expect(code).json()
}

/// Returns the document of a phase.
fn document(project: &TestProject, name: &str) -> Value {
    project.run(&["show", name, "--json"]).expect(0).json()
}

#[test]
fn phases_carry_tools_out() {
    let project = steps(
        "  note: { agent: write, input: { path: out/note.txt, content: \"line\\n\" } }
  count: { agent: shell, after: [note], input: { command: 'wc -l < out/note.txt; echo warn >&2', working_dir: sub/dir } }
  rows: { agent: table, input: { data: in/t.csv, criteria: { dept: dev } } }
  keep: { agent: memory, input: { action: store, key: k, value: [1] } }
  found: { agent: memory, after: [keep], input: { action: retrieve, key: k } }
",
    )
    .file("in/t.csv", "name,dept\nann,ops\nbob,dev\n")
    .file("sub/dir/out/note.txt", "a\nb\n");
    report(&project, &[], 0);
    assert_eq!(project.read("out/note.txt"), "line\n");
    let text = document(&project, "count").to_string();
    assert!(text.contains("\"stdout\":\"2\\n\"") && text.contains("warn"), "{text}");
    let text = document(&project, "rows").to_string();
    assert!(text.contains("name,dept\\r\\nbob,dev\\r\\n"), "{text}");
    let text = document(&project, "found").to_string();
    assert!(text.contains("\"found\":true"), "{text}");
    // The run is over: nothing of it is remembered, and nothing but what tools are for is left.
    assert!(!project.path(".refrain/scratch.jsonl").exists());
}

#[test]
fn a_tool_that_fails_says_so() {
    let project = steps("  lost: { agent: read, input: { path: nope.txt } }\n");
    let said = report(&project, &[], 1);
    let lost = phase(&said, "lost");
    assert!(lost["error"].to_string().contains("no file nope.txt"), "{lost}");
    let project = steps("  hang: { agent: shell, input: { command: 'sleep 600', timeout: 1 } }\n");
    let begun = std::time::Instant::now();
    let said = report(&project, &[], 1);
    assert!(phase(&said, "hang")["error"].to_string().contains("longer than 1 s"), "{said}");
    assert!(begun.elapsed().as_secs() < 15);
}

#[test]
fn nothing_is_written_outside_of_the_project() {
    let project = steps(
        "  out: { agent: write, input: { path: '{{ params.where }}/x.txt', content: hi } }\nparams:\n  where: { default: out }\n",
    );
    for place in ["../escaped", "/escaped-by-a-tool", ".git", ".refrain"] {
        let said = report(&project, &["--set", &format!("where={place}")], 1);
        let error = phase(&said, "out")["error"].to_string();
        assert!(
            error.contains("leads out of the project") || error.contains("not for pipelines"),
            "{place}: {error}"
        );
    }
    assert!(!project.path("../escaped").exists() && fs::metadata("/escaped-by-a-tool").is_err());
    report(&project, &["--set", "where=out"], 0);
    assert_eq!(project.read("out/x.txt"), "hi");
}

#[test]
fn a_tool_that_is_none_is_told_of_at_its_place() {
    let project = TestProject::new(
        "refrain: 1\nname: x\nagents:\n  a: { tool: filesystm }\n  b: { tool: { name: filesystem, action: explode } }\nphases:\n  one: { agent: a, input: {} }\n  two: { agent: b, input: {} }\n",
    );
    let wrong = project.run(&["check"]).expect(2);
    let text = format!("{}{}", wrong.stdout, wrong.stderr);
    assert!(text.contains("no tool `filesystm`") && text.contains("no action `explode`"), "{text}");
}
