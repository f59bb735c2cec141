//! What a steps file has of Refrain: nothing done twice, a state of its own, a document for every outcome, a native form.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const GREET: &str = r#"
id: greet
name: Greet
inputs:
  who: { type: string, default: ann }
steps:
  - id: save
    tool: filesystem
    action: write
    parameters: { path: "out/{{ who }}.txt", content: "Hello, {{ who }}" }
  - id: back
    tool: filesystem
    action: read
    parameters: { path: "{{ save.path }}" }
outputs:
  said: "{{ back.content }}"
"#;

pub(crate) fn staged(file: &str, text: &str) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join(file), text).unwrap();
    place
}

pub(crate) fn refrain(place: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    command.args(words).current_dir(place).env_clear().env("PATH", std::env::var("PATH").unwrap());
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command.output().unwrap()
}

#[track_caller]
pub(crate) fn run(place: &Path, words: &[&str], code: i32) -> Value {
    let output = refrain(place, &[words, &["--json", "--quiet"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[test]
fn nothing_is_done_twice() {
    let place = staged("greet.yaml", GREET);
    let first = run(place.path(), &["-f", "greet.yaml", "run"], 0);
    assert_eq!((first["run"]["calls"].as_u64(), &first["outputs"]["said"]), (Some(2), &"Hello, ann".into()));
    let again = run(place.path(), &["-f", "greet.yaml", "run"], 0);
    assert_eq!(again["run"]["calls"], 0);
    assert_eq!((&again["steps"]["back"]["success"], &again["outputs"]), (&true.into(), &first["outputs"]));
    let other = run(place.path(), &["-f", "greet.yaml", "run", "--set", "who=bob"], 0);
    assert_eq!((other["run"]["calls"].as_u64(), &other["outputs"]["said"]), (Some(2), &"Hello, bob".into()));
}

#[test]
fn each_file_has_a_state_of_its_own() {
    let place = staged("greet.yaml", GREET);
    fs::write(place.path().join("other.yaml"), GREET.replace("id: greet", "id: other")).unwrap();
    run(place.path(), &["-f", "greet.yaml", "run"], 0);
    assert_eq!(run(place.path(), &["-f", "other.yaml", "run"], 0)["run"]["calls"], 2);
    assert!(place.path().join(".refrain/steps/greet").is_dir());
    assert!(place.path().join(".refrain/steps/other").is_dir());
    let status = run(place.path(), &["-f", "greet.yaml", "status"], 0);
    assert_eq!(status["phases"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_that_is_refused_has_a_document_as_well() {
    let place = staged("greet.yaml", &GREET.replace("action: read", "action: raed"));
    let document = run(place.path(), &["-f", "greet.yaml", "run"], 2);
    assert_eq!((&document["status"], &document["run"]), (&"failed".into(), &Value::Null));
    assert_eq!(document["problems"][0]["code"], "E0805");
    let output = refrain(place.path(), &["-f", "greet.yaml", "check"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("did you mean `read`?") && text.contains("greet.yaml:13"), "{text}");
}

#[test]
fn the_native_form_does_the_same() {
    let place = staged("greet.yaml", GREET);
    let converted = refrain(place.path(), &["-f", "greet.yaml", "convert"]);
    let text = String::from_utf8(converted.stdout).unwrap();
    fs::write(place.path().join("refrain.yaml"), &text).unwrap();
    let report = run(place.path(), &["run", "--set", "who=eve"], 0);
    assert_eq!(report["outputs"]["said"], "Hello, eve", "{text}");
    assert_eq!(fs::read_to_string(place.path().join("out/eve.txt")).unwrap(), "Hello, eve");
}

#[test]
fn values_of_inputs_are_data() {
    let place = staged("greet.yaml", GREET);
    let walk = "who={{ ''.__class__ }}";
    let document = run(place.path(), &["-f", "greet.yaml", "run", "--set", walk], 0);
    assert_eq!(document["outputs"]["said"], "Hello, {{ ''.__class__ }}");
    let document = run(place.path(), &["-f", "greet.yaml", "run", "--set", "who=../../x"], 1);
    assert_eq!(document["steps"]["save"]["success"], false);
    assert!(!place.path().join("../x.txt").exists());
}

const GATE: &str = r#"
id: gate
name: Gate
steps:
  - { id: g, tool: approval-gate, parameters: { title: "Send it?", content: "a text" } }
  - { id: s, tool: filesystem, action: write, parameters: { path: out/s.txt, content: "{{ g.decision }}" } }
  - { id: beside, tool: filesystem, action: write, parameters: { path: out/b.txt, content: b } }
"#;

#[test]
fn a_person_answers_between_two_runs() {
    let place = staged("gate.yaml", GATE);
    let gate = |words: &[&str], code| run(place.path(), &[&["-f", "gate.yaml"], words].concat(), code);
    let waiting = gate(&["run"], 6);
    let state = |document: &Value, id: &str| document["steps"][id]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (state(&waiting, "g"), state(&waiting, "s"), state(&waiting, "beside")),
        ("pending".into(), "pending".into(), "completed".into())
    );
    assert_eq!(gate(&["answer"], 0)[0]["question"]["title"], "Send it?");
    gate(&["answer", "g", "--approve", "--by", "Mika"], 0);
    // How it goes on is told as this file is run.
    let said = refrain(place.path(), &["-f", "gate.yaml", "answer", "g", "--approve"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("`refrain -f gate.yaml run` goes on"), "{said:?}");
    gate(&["answer", "g", "--approve", "--by", "Mika"], 0);
    let done = gate(&["run"], 0);
    assert_eq!(
        (state(&done, "s"), &done["steps"]["g"]["value"]["result"]["by"]),
        ("completed".into(), &"Mika".into())
    );
    assert_eq!(gate(&["run"], 0)["run"]["calls"], 0);
}

#[test]
fn what_a_person_rejects_fails() {
    let place = staged("gate.yaml", GATE);
    let gate = |words: &[&str], code| run(place.path(), &[&["-f", "gate.yaml"], words].concat(), code);
    gate(&["run"], 6);
    gate(&["answer", "g", "--reject", "--reason", "too long"], 0);
    let failed = gate(&["run"], 1);
    assert_eq!(failed["steps"]["g"]["error"], "rejected: too long");
    assert_eq!(failed["steps"]["s"]["status"], "skipped");
    gate(&["run"], 6);
}

#[test]
fn another_pipeline_is_carried_out() {
    let inner = "{ name: y, inputs: { n: 1 }, steps: [{ id: b, action: \"echo got {{ n }}\" }], outputs: { o: \"{{ b.result }}\" } }";
    let file = format!(
        "name: x\nsteps:\n- {{ id: a, tool: pipeline-executor, parameters: {{ pipeline: {inner}, inputs: {{ n: 7 }} }} }}\n\
         outputs: {{ said: \"{{{{ a.outputs.o }}}}\" }}\n"
    );
    let place = staged("x.yaml", &file);
    let first = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!((&first["outputs"]["said"], state(&first, "a")), (&"got 7".into(), "completed".to_owned()));
    assert_eq!(run(place.path(), &["-f", "x.yaml", "run"], 0)["run"]["calls"], 0);
}

fn state(document: &Value, id: &str) -> String {
    document["steps"][id]["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_text_that_reads_what_is_not_there_says_what_kind_of_error_it_is() {
    let place = staged(
        "x.yaml",
        "name: x\nsteps:\n- { id: a, action: echo a, condition: 'false' }\n- { id: b, action: 'echo {{ a.result }}' }\n",
    );
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(
        (&failed["error_type"], &failed["steps"]["b"]["error_type"]),
        (&"input".into(), &"input".into())
    );
}

#[test]
fn what_was_written_is_written_again_when_an_old_input_comes_back() {
    let text = "name: x\ninputs: { t: hello }\nsteps:\n\
                - { id: w, tool: filesystem, action: write, parameters: { path: a.txt, content: '{{ t }}' } }\n\
                - { id: r, tool: filesystem, action: read, parameters: { path: a.txt }, dependencies: [w] }\n\
                outputs: { r: '{{ r.content }}' }\n";
    let place = staged("x.yaml", text);
    for said in ["hello", "bye", "hello", "bye"] {
        let done = run(place.path(), &["-f", "x.yaml", "run", "--set", &format!("t={said}")], 0);
        assert_eq!(
            (&done["outputs"]["r"], done["run"]["status"].as_str()),
            (&said.into(), Some("completed"))
        );
        assert_eq!(fs::read_to_string(place.path().join("a.txt")).unwrap(), said);
        assert_eq!(
            run(place.path(), &["-f", "x.yaml", "run", "--set", &format!("t={said}")], 0)["run"]["calls"],
            0
        );
    }
}

#[test]
fn a_file_is_not_copied_onto_itself() {
    let text = "name: x\ninputs: { to: x }\nsteps:\n\
                - { id: c, tool: filesystem, action: copy, parameters: { path: x, destination: '{{ to }}' } }\n";
    let place = staged("x.yaml", text);
    fs::write(place.path().join("x"), "hello").unwrap();
    fs::create_dir(place.path().join("q")).unwrap();
    fs::hard_link(place.path().join("x"), place.path().join("hard")).unwrap();
    std::os::unix::fs::symlink("x", place.path().join("soft")).unwrap();
    for to in ["x", "./q/../x", "hard", "soft", "."] {
        run(place.path(), &["-f", "x.yaml", "run", "--set", &format!("to={to}")], 1);
        assert_eq!(fs::read_to_string(place.path().join("x")).unwrap(), "hello", "{to}");
    }
    run(place.path(), &["-f", "x.yaml", "run", "--set", "to=y"], 0);
    assert_eq!(fs::read_to_string(place.path().join("y")).unwrap(), "hello");
}

#[test]
fn products_are_there_for_what_comes_after_and_have_the_format_of_their_names() {
    let text = "name: x\nsteps:\n\
                - { id: a, tool: data-processing, action: filter, parameters: { data: [{ n: 1, m: 'x,y' }], criteria: { n: 1 } }, products: { data: out/a.csv } }\n\
                - { id: b, tool: filesystem, action: read, parameters: { path: out/a.csv }, dependencies: [a] }\n\
                outputs: { text: '{{ b.content }}' }\n";
    let place = staged("x.yaml", text);
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    let text = done["outputs"]["text"].as_str().unwrap();
    assert!(text.contains("\"x,y\"") && !text.contains('{') && text.lines().count() == 2, "{text}");
}

#[test]
fn a_default_stands_for_a_step_that_was_skipped() {
    let text = "name: x\nsteps:\n- { id: my-a, action: echo a, condition: 'false' }\n\
                - { id: b, action: \"echo {{ steps['my-a'].result | default('none') }} {{ my_a.x.y | default('no') }} {{ my_a.result is defined }}\" }\n";
    let place = staged("x.yaml", text);
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["steps"]["b"]["value"]["result"], "none no False", "{done}");
}

#[test]
fn pipelines_whose_names_look_alike_keep_states_of_their_own() {
    let place = staged("x.yaml", "name: \"\u{dc}n\"\nsteps: [{ id: a, action: echo a }]\n");
    fs::write(place.path().join("y.yaml"), "name: \"\u{c4}n\"\nsteps: [{ id: a, action: echo a }]\n")
        .unwrap();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    run(place.path(), &["-f", "y.yaml", "run"], 0);
    assert_eq!(fs::read_dir(place.path().join(".refrain/steps")).unwrap().count(), 2);
}
