//! What the rest of the language is converted to ends the same, makes the same, and leaves the same files behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::language::{ALARM, BOOM, COUNT, COUNTING};
use crate::own::{refrain, run, staged};

/// A pipeline, words that `run` gets besides, and how it ends.
struct Case {
    text: String,
    words: &'static [&'static str],
    code: i32,
    /// How many files it leaves behind in `out`.
    n_files: usize,
}

fn case(text: &str, words: &'static [&'static str], code: i32, n_files: usize) -> Case {
    Case { text: text.to_owned(), words, code, n_files }
}

fn boom(more: &str) -> String {
    BOOM.replace("MORE", more)
}

const WAYS: &str = "name: x\ninputs: { to: c }\nsteps:\n- { id: a, action: 'echo {{ to }}', goto: '{{ a.result }}' }\n\
    - { id: b, action: 'write b to out/b.txt', dependencies: [a] }\n- { id: c, action: 'write c to out/c.txt', dependencies: [b] }\n\
    - { id: d, action: 'write d to out/d.txt', dependencies: [c] }\n";
const FILES: &str = "name: x\ninputs: { who: ann }\noutput_dir: out\nsteps:\n\
    - { id: a, action: 'echo 12345', products: [{ result: '{{ who }}.txt' }] }\n\
    - { id: b, action: 'echo 12345', produces: result, location: b.json, size_limit: 7 }\n";
const TYPES: &str =
    "name: x\nsteps: [{ id: a, action: 'echo 5' }]\noutputs:\n  n: { type: TYPE, value: '{{ a.result }}' }\n";
const READ_IN: &str = "name: x\nsteps:\n- { id: a, action: \"echo {{ include_file('count.py') | length }}\", products: { result: out/n.txt } }\n\
    outputs: { n: '{{ a.result }}' }\n";
const CALL: &str = "name: x\noutput_dir: out\ninputs: { n: 2 }\nsteps:\n\
    - { id: c, tool: pipeline-executor, parameters: { inherit_context: true, output_mapping: { word: said }, pipeline: { name: y, output_dir: out/deep, inputs: { n: 1 }, \
    steps: [{ id: s, action: 'echo {{ n }}!', products: { result: s.txt } }, { id: t, tool: terminal, action: execute, parameters: { command: exit 3 }, max_retries: 1, \
    on_failure: continue, on_error: { handler_action: 'write {{ t.return_code }} to out/t.txt' } }], outputs: { said: '{{ s.result }}' } } } }\n\
    outputs: { word: '{{ c.outputs.word }}' }\n";
const ASKED: &str = "name: x\nsteps:\n- { id: q, tool: user-prompt, parameters: { prompt: Who, choices: [ann, bob], save_to_file: out/q.json } }\n\
    - { id: b, action: 'write b to out/b.txt' }\n";

fn cases() -> Vec<Case> {
    let none: &[&str] = &[];
    let mut cases = vec![
        case(ALARM, none, 1, 1),
        case(&ALARM.replace("exit 3", "exit 0"), none, 0, 0),
        case(&boom("on_failure: fix, on_error: { handler_action: 'write {{ boom.stdout }} to out/log.txt' }"), none, 1, 1),
        case(
            &boom("on_error: { error_codes: [3], fallback_value: { ok: false }, handler_action: 'write {{ boom.stdout }} to out/log.txt' }")
                .replace("echo b,", "'echo {{ boom.ok }}',"),
            none,
            0,
            1,
        ),
        case(&boom("on_failure: continue, products: { stdout: out/log.txt }"), none, 1, 0),
        case(&boom("products: { stdout: out/log.txt }").replace("exit 3", "exit 0"), none, 0, 1),
        case(FILES, none, 0, 2),
        case(FILES, &["--set", "who=../ann"], 1, 1),
        case(&FILES.replace("size_limit: 7", "size_limit: 6"), none, 1, 1),
        case(&TYPES.replace("TYPE", "string"), none, 0, 0),
        case(&TYPES.replace("TYPE", "integer"), none, 1, 0),
        case(COUNTING, none, 0, 0),
        case(COUNTING, &["--set", "text=[1]"], 1, 0),
        case(READ_IN, none, 0, 1),
        case(CALL, none, 1, 2),
        case(ASKED, none, 6, 1),
    ];
    let ways: [(&'static [&'static str], i32, usize); 4] = [
        (&["--set", "to=b"], 0, 3),
        (&["--set", "to=c"], 0, 2),
        (&["--set", "to=d"], 0, 1),
        (&["--set", "to=x"], 1, 0),
    ];
    cases.extend(ways.map(|(words, code, n)| case(WAYS, words, code, n)));
    cases
}

/// Returns what is in a folder and those below it, by path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let inner = files(&entry.path()).into_iter();
            found.extend(inner.map(|(path, text)| (format!("{name}/{path}"), text)));
        } else {
            found.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    found
}

/// Returns what became of each phase of a run, and why.
fn ends(report: &Value) -> Vec<[Value; 4]> {
    let end = |phase: &Value| {
        let error = phase["error"]["message"].clone();
        [phase["phase"].clone(), phase["scope"].clone(), phase["status"].clone(), error]
    };
    let mut ends: Vec<_> = report["phases"].as_array().unwrap().iter().map(end).collect();
    ends.sort_by_key(|end| format!("{end:?}"));
    ends
}

#[test]
fn the_native_form_of_the_rest_does_the_same() {
    for Case { text, words, code, n_files } in cases() {
        let (steps, native) = (staged("x.yaml", &text), tempfile::tempdir().unwrap());
        for place in [&steps, &native] {
            fs::write(place.path().join("count.py"), COUNT).unwrap();
        }
        let converted = refrain(steps.path(), &["-f", "x.yaml", "convert"]);
        assert!(converted.status.success(), "{text}\n{}", String::from_utf8_lossy(&converted.stderr));
        fs::write(native.path().join("refrain.yaml"), &converted.stdout).unwrap();
        let document = run(steps.path(), &[&["-f", "x.yaml", "run"], words].concat(), code);
        let report = run(native.path(), &[&["run"], words].concat(), code);
        assert_eq!(ends(&report), ends(&document["run"]), "{text}");
        let given = |outputs: &Value| outputs.as_object().cloned().unwrap_or_default();
        assert_eq!(given(&report["outputs"]), given(&document["outputs"]), "{text}");
        let written = files(&steps.path().join("out"));
        assert_eq!((&files(&native.path().join("out")), written.len()), (&written, n_files), "{text}");
    }
}

const LIMITED: &str = "name: x\ninputs: { n: { type: integer, required: true } }\nsteps:\n\
    - { id: a, while: 'true', max_iterations: '{{ n }}', steps: [{ id: s, action: 'echo {{ iteration }}' }] }\n";

/// A limit is a number in a native file: the one that it has for what is set, and none that it would have.
#[test]
fn a_limit_that_hangs_on_an_input_is_written_with_what_is_set() {
    let place = staged("x.yaml", LIMITED);
    let converted = |words: &[&str]| refrain(place.path(), &[&["-f", "x.yaml", "convert"], words].concat());
    assert_eq!(converted(&[]).status.code(), Some(2));
    let written = converted(&["--set", "n=3"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let text = String::from_utf8(written.stdout).unwrap();
    assert!(text.contains("      max: 3\n"), "{text}");
}
