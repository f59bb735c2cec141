//! What programs use, and how much of what they say is kept: measured where they run, and told to whoever asks.

use serde_json::Value;

use crate::own::{run, staged};

/// Holds memory and works for a while, and then does something else.
const WORK: &str = "import time; held = bytearray(80 << 20); began = time.process_time()\n        \
                    while time.process_time() - began < 0.4: pass";

/// Runs a program that does its work and THEN, as a step of these fields; returns the document.
fn worked(then: &str, fields: &str, code: i32) -> Value {
    let text = format!(
        "name: x\nsteps:\n- id: a\n  tool: python-executor\n  action: execute\n  max_retries: 1\n{fields}  \
         parameters:\n    timeout: 5\n    code: |\n        {WORK}\n        {then}\n"
    );
    run(staged("x.yaml", &text).path(), &["-f", "x.yaml", "run"], code)
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

/// What was measured reaches the result of the tool, the step, and the report of the run, whatever became of the step.
#[test]
fn what_a_program_used_is_told_with_its_step() {
    for (then, fields, code, tells_itself) in [
        ("pass", "", 0, true),
        ("raise SystemExit(3)", "", 1, true),
        ("raise SystemExit(3)", "  on_error: { fallback_value: { ok: false } }\n", 0, false),
        ("time.sleep(60)", "", 1, true),
    ] {
        let document = worked(then, fields, code);
        let step = &document["steps"]["a"];
        assert!(number(step, "/resources/cpu_seconds") >= 0.35, "{then}: {step:#}");
        assert!(number(step, "/resources/peak_bytes") >= f64::from(80 << 20), "{then}: {step:#}");
        let (wall, duration) = (number(step, "/resources/wall_seconds"), number(step, "/duration"));
        assert!(wall >= 0.35 && wall <= duration + 0.05, "{then}: {wall} of {duration}");
        assert_eq!(document["run"]["phases"][0]["resources"], step["resources"], "{then}");
        if tells_itself {
            let result = &step["value"]["result"];
            assert!(number(result, "/cpu_time") >= 0.35, "{then}: {result:#}");
            assert!(number(result, "/peak_memory") >= f64::from(80 << 20), "{then}: {result:#}");
        }
    }
}

/// Of each attempt is told what it used, all of them together.
#[test]
fn what_is_tried_again_is_counted_each_time() {
    let text = "name: x\nsteps:\n- id: a\n  tool: python-executor\n  action: execute\n  on_failure: retry\n  \
                retry: { max_attempts: 3, initial_delay: 0.01 }\n  parameters:\n    code: |\n        WORK\n        raise SystemExit(3)\n";
    let place = staged("x.yaml", &text.replace("WORK", WORK));
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert!(number(&failed["steps"]["a"], "/resources/cpu_seconds") >= 1.05, "{failed:#}");
}

/// An output is kept up to 4 MiB, and that something is missing is said where it is.
#[test]
fn what_is_cut_off_of_an_output_is_said() {
    let said = |command: &str, more: &str| {
        let text = format!(
            "name: x\nsteps:\n- {{ id: a, tool: terminal, action: execute, parameters: {{ command: \"{command}\"{more} }} }}\n\
             outputs: {{ cut: \"{{{{ a.result.truncated | default(false) }}}}\", n: \"{{{{ a.stdout | length }}}}\" }}\n"
        );
        run(staged("x.yaml", &text).path(), &["-f", "x.yaml", "run"], 0)
    };
    let most = 4 << 20;
    for (n, is_cut) in [(most, false), (most + 1, true)] {
        let document = said(&format!("head -c {n} /dev/zero | tr '\\\\0' x"), "");
        assert_eq!(
            (&document["outputs"]["cut"], &document["outputs"]["n"]),
            (&is_cut.into(), &most.into()),
            "{n}"
        );
        assert_eq!(document["steps"]["a"]["value"]["result"].get("truncated").is_some(), is_cut);
    }
    let document = said("echo x >&2; head -c 5000000 /dev/zero >&2", "");
    assert_eq!(document["outputs"]["cut"], true, "what it says on the side is cut as well");
    // Of what nobody keeps, nothing is missing.
    let document = said("head -c 5000000 /dev/zero", ", capture_output: false");
    assert_eq!((&document["outputs"]["cut"], &document["outputs"]["n"]), (&false.into(), &0.into()));
}
