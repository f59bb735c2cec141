//! The translator as a process, the way the engine sees it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_refrain-pseudo");

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn one_process_answers_call_after_call() {
    let mut child = Command::new(PROGRAM).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for (language, expect) in [("fr", "Hî {name}"), ("ja", "ヒ{name}")] {
        let units = json!([{ "id": "a", "input": { "text": "Hi {name}" }, "context": {} }]);
        let scope = json!({ "language": language });
        let request = json!({ "call": language, "phase": "translate", "scope": scope, "params": {}, "context": {}, "units": units });
        writeln!(input, "{request}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["call"], language);
        assert_eq!(answer["units"][0]["output"]["text"], expect);
    }
    drop(input);
    assert!(child.wait().unwrap().success(), "the end of the input is the end of the agent");
}

#[test]
fn help_is_a_result_and_nonsense_is_not() {
    let help = run(&["--help"]);
    assert!(help.status.success() && help.stdout.starts_with(b"Makes pseudo-translations"));
    let nonsense = run(&["--nonsense"]);
    assert_eq!(nonsense.status.code(), Some(2));
    assert!(nonsense.stdout.is_empty() && !nonsense.stderr.is_empty());
}
