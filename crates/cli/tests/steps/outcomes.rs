//! A document for every outcome of a run: where the state is damaged, the disk is full, or nothing may be written.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::own::{refrain, run, staged};

const FILE: &str = "name: x\nsteps: [{ id: a, action: echo a }, { id: b, action: 'echo {{ a.result }}' }]\n";
const RUN: [&str; 5] = ["-f", "x.yaml", "run", "-o", "out.json"];
const STATE: &str = ".refrain/steps/x";
/// The exit code where the store or a file failed.
const STORE: i32 = 9;

/// A project whose steps have run.
fn ran() -> TempDir {
    let place = staged("x.yaml", FILE);
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    place
}

/// Runs and holds what is told to what is expected: on standard output, in the file, and on standard error.
#[track_caller]
fn check(place: &Path, code: i32, parts: &[&str]) {
    let document = run(place, &RUN, code);
    let kept: Value = serde_json::from_slice(&fs::read(place.join("out.json")).unwrap()).unwrap();
    assert_eq!(kept, document);
    assert_eq!((&document["pipeline_id"], &document["status"]), (&json!("x"), &json!("failed")));
    assert_eq!(document["exit_code"], code);
    let told = document["error"].as_str().unwrap();
    let shown = refrain(place, &["-f", "x.yaml", "run"]);
    let shown = String::from_utf8_lossy(&shown.stderr);
    for part in parts {
        assert!(told.contains(part) && shown.contains(part), "{part}: {told}\n{shown}");
    }
}

#[test]
fn a_damaged_state_is_told_of_in_a_document() {
    let hint = "move it away and run again";
    let place = ran();
    fs::write(place.path().join(STATE).join("format"), "nonsense\n").unwrap();
    check(place.path(), STORE, &[".refrain/steps/x/format is damaged", "restore `.refrain/steps/x/`", hint]);

    let place = ran();
    let log = place.path().join(STATE).join("history-1.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[20] ^= 1;
    fs::write(&log, bytes).unwrap();
    check(place.path(), STORE, &[".refrain/steps/x/history-1.log is damaged", hint]);

    let place = ran();
    let pages = place.path().join(STATE).join("pages-1.log");
    fs::remove_file(&pages).unwrap();
    fs::create_dir(&pages).unwrap();
    check(place.path(), STORE, &["failed to read .refrain/steps/x/pages-1.log"]);

    let place = ran();
    fs::remove_dir_all(place.path().join(STATE)).unwrap();
    fs::write(place.path().join(STATE), "in the way").unwrap();
    check(place.path(), STORE, &[".refrain/steps/x"]);
}

/// Carries out a script in a project, `$REFRAIN` being the binary.
fn script(place: &Path, before: &[&str], text: &str) -> Output {
    let words: Vec<&str> = before.iter().copied().chain(["sh", "-c", text]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(place).env("REFRAIN", env!("CARGO_BIN_EXE_refrain"));
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_run_that_the_disk_cuts_short_tells_what_was_done() {
    let step = |n: u32| {
        let before = if n > 0 { format!(", dependencies: [s{}]", n - 1) } else { String::new() };
        let command = "head -c 30000 /dev/zero | tr '\\\\0' x";
        format!(
            "- {{ id: s{n}, tool: terminal, action: execute, parameters: {{ command: \"{command}\" }}{before} }}\n"
        )
    };
    let steps: String = (0..8).map(step).collect();
    let place = staged("x.yaml", &format!("name: x\nsteps:\n{steps}"));
    let text = "trap '' XFSZ; ulimit -f 200; exec \"$REFRAIN\" -f x.yaml run --json --quiet";
    let output = script(place.path(), &[], text);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(STORE), "{told}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let state = |n: u32| document["steps"][format!("s{n}")]["status"].as_str().unwrap_or("none").to_owned();
    let states: Vec<String> = (0..8).map(state).collect();
    let done = states.iter().take_while(|state| *state == "completed").count();
    assert!((1..8).contains(&done) && states[done..].iter().all(|state| state == "pending"), "{states:?}");
    assert!(document["steps"]["s0"]["value"]["result"]["stdout"].as_str().unwrap().len() == 30_000);
    assert!(document["execution_id"].is_string());
    assert_eq!((&document["status"], &document["exit_code"]), (&json!("failed"), &json!(STORE)));
    let error = document["error"].as_str().unwrap();
    assert!(error.contains(".refrain/steps/x/") && error.contains("make room and run again"), "{error}");
    let again = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(again["execution_id"], document["execution_id"], "it goes on");
    assert_eq!(again["run"]["calls"], 8 - done as u64, "{states:?}");
}

#[test]
fn a_project_that_may_not_be_written_says_so() {
    let mounts = ["unshare", "-m"];
    let may_mount = script(Path::new("/"), &mounts, "mount -t tmpfs none /mnt").status.success();
    if !may_mount {
        return;
    }
    let place = staged("x.yaml", FILE);
    let text = "mount --bind . . && cd \"$PWD\" && mount -o remount,bind,ro . || exit 99
        for command in check plan status; do $REFRAIN -f x.yaml $command > /dev/null 2>&1 || echo $command $?; done
        $REFRAIN -f x.yaml run --json --quiet";
    let output = script(place.path(), &mounts, text);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(STORE), "{told}");
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)));
    let error = document["error"].as_str().unwrap();
    for part in [".refrain/steps/x", "Read-only file system", "status` only read"] {
        assert!(error.contains(part) && told.contains(part), "{part}: {error}\n{told}");
    }
}

/// Whatever becomes of a run, the file does not pass for its result that an earlier one left.
#[test]
fn the_result_of_an_earlier_run_is_not_left_behind() {
    let place = staged("x.yaml", FILE);
    let native = refrain(place.path(), &["-f", "x.yaml", "convert"]).stdout;
    let native = String::from_utf8(native).unwrap();
    fs::write(place.path().join("refrain.yaml"), &native).unwrap();
    let (file, out) = (place.path().join("x.yaml"), place.path().join("out.json"));
    let at = |words: &[&str], code: i32| {
        let output = refrain(place.path(), &[words, &["run", "-o", "out.json", "--quiet"]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    };
    at(&[], 0);
    assert!(out.exists());
    fs::write(place.path().join("refrain.yaml"), format!("nonsense: 1\n{native}")).unwrap();
    at(&[], 2);
    assert!(!out.exists(), "a native file that is refused has no document");
    at(&["-f", "x.yaml"], 0);
    fs::write(&file, FILE.replace("steps:", "setps:\nsteps:")).unwrap();
    at(&["-f", "x.yaml"], 2);
    let kept: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!((&kept["status"], &kept["exit_code"]), (&json!("failed"), &json!(2)));
    fs::write(&file, "name: x\nsteps: [}\n").unwrap();
    at(&["-f", "x.yaml"], 2);
    assert!(!out.exists(), "what is no YAML has no document");
}

#[test]
fn a_result_goes_to_a_file_and_not_to_one_called_minus() {
    let place = staged("x.yaml", FILE);
    for command in ["run", "plan"] {
        let output = refrain(place.path(), &["-f", "x.yaml", command, "-o", "-"]);
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("`--json` prints the result to standard output"), "{told}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing was made");
}

/// To explain a pipeline needs no values; what a run would do with them is not said.
#[test]
fn a_pipeline_whose_inputs_are_not_set_is_explained() {
    let text = "name: x\ninputs: { who: { type: string, required: true }, n: { type: integer, enum: [3, 4] } }\n\
                steps: [{ id: a, action: 'echo {{ who }} {{ n + 1 }}' }]\n";
    let place = staged("x.yaml", text);
    let output = refrain(place.path(), &["-f", "x.yaml", "explain", "pipeline", "--json"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("hangs on what is not set: who, n"), "{told}");
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&explained["now"], explained["inputs"][0]["required"].as_bool()), (&Value::Null, Some(true)));
    let set = ["-f", "x.yaml", "explain", "pipeline", "--json", "--set", "who=ann", "--set", "n=3"];
    let explained: Value = serde_json::from_slice(&refrain(place.path(), &set).stdout).unwrap();
    assert!(explained["now"].is_object(), "{explained}");
    fs::write(place.path().join("x.yaml"), text.replace("{{ who }}", "{{ whom }}")).unwrap();
    let output = refrain(place.path(), &["-f", "x.yaml", "explain", "pipeline"]);
    assert_eq!(output.status.code(), Some(2), "what is wrong besides is wrong");
}

#[test]
fn two_steps_that_write_one_file_are_warned_of() {
    let write = |id: &str, path: &str, more: &str| {
        format!(
            "- {{ id: {id}, tool: filesystem, action: write, parameters: {{ path: {path}, content: {id} }}{more} }}\n"
        )
    };
    let warned = |steps: &[String]| {
        let place = staged("x.yaml", &format!("name: x\nsteps:\n{}", steps.concat()));
        let output = refrain(place.path(), &["-f", "x.yaml", "check", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = report["problems"].as_array().unwrap().iter();
        let told: Vec<String> = problems
            .map(|found| format!("{} {} {}", found["code"], found["place"]["line"], found["message"]))
            .collect();
        told
    };
    let twice = "\"W0829\" 4 \"`out/a.txt` is written by step `a` as well\"";
    assert_eq!(warned(&[write("a", "out/a.txt", ""), write("b", "./out/a.txt", "")]), [twice]);
    let condition = ", condition: '{{ 1 > 2 }}'";
    assert_eq!(warned(&[write("a", "out/a.txt", condition), write("b", "out/a.txt", "")]), [twice]);
    let product = "- { id: b, action: echo b, products: { result: out/a.txt } }\n".to_owned();
    assert_eq!(warned(&[write("a", "out/a.txt", ""), product]), [twice]);
    // Of two ways a run takes one.
    let ways = [
        write("a", "out/a.txt", ", condition: '{{ 1 > 2 }}', on_false: c, on_success: d"),
        write("c", "out/a.txt", ", dependencies: [a]"),
        "- { id: d, action: echo d, dependencies: [c] }\n".to_owned(),
    ];
    assert_eq!(warned(&ways), [""; 0]);
    let others = [condition, ", condition: '{{ 1 <= 2 }}'"];
    assert_eq!(warned(&others.map(|more| write(&format!("s{}", more.len()), "out/a.txt", more))), [""; 0]);
    assert_eq!(warned(&[write("a", "out/a.txt", ""), write("b", "out/b.txt", "")]), [""; 0]);
}
