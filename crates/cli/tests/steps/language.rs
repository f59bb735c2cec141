//! What steps files say besides steps and conditions: handlers, files, types, agents, routes, questions, words.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::own::{refrain, run, staged};

pub(crate) const ALARM: &str = r#"
name: Alarm
global_error_handlers:
  - { handler_task_id: alarm }
steps:
  - id: boom
    tool: terminal
    action: execute
    parameters: { command: "echo oh >&2; exit 3" }
    max_retries: 1
    on_error:
      - { error_codes: [3], handler_action: "write {{ boom.stderr }} to out/log.txt" }
      - { error_codes: [4], handler_action: "write no to out/no.txt" }
      - { error_types: [TimeoutError], handler_task_id: late }
  - { id: never, action: echo never, dependencies: [boom] }
  - { id: late, action: echo late }
  - { id: alarm, action: "echo {{ boom.return_code }}" }
"#;

fn state<'v>(document: &'v Value, id: &str) -> &'v str {
    document["steps"][id]["status"].as_str().unwrap()
}

#[test]
fn handlers_run_where_something_failed_that_they_are_for() {
    let place = staged("x.yaml", ALARM);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let states = ["boom", "never", "late", "alarm"].map(|id| state(&failed, id));
    assert_eq!(states, ["completed", "skipped", "skipped", "skipped"]);
    assert_eq!(fs::read_to_string(place.path().join("out/log.txt")).unwrap(), "oh\n");
    assert!(!place.path().join("out/no.txt").exists());
    // Where none of its own is for it, that of the file is.
    let other = staged("x.yaml", &ALARM.replace("error_codes: [3]", "error_codes: [5]"));
    let failed = run(other.path(), &["-f", "x.yaml", "run"], 1);
    let states = ["boom", "never", "late", "alarm"].map(|id| state(&failed, id));
    assert_eq!(states, ["completed", "skipped", "skipped", "completed"]);
    assert_eq!(failed["steps"]["alarm"]["value"]["result"], "3");
    assert!(!other.path().join("out").exists());
    fs::write(place.path().join("x.yaml"), ALARM.replace("exit 3", "exit 0")).unwrap();
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    let states = ["boom", "never", "late", "alarm"].map(|id| state(&done, id));
    assert_eq!(states, ["completed", "completed", "skipped", "skipped"]);
}

pub(crate) const BOOM: &str = "name: x\nsteps:\n\
    - { id: boom, tool: terminal, action: execute, parameters: { command: 'echo half; exit 3' }, max_retries: 1, MORE }\n\
    - { id: b, action: echo b, dependencies: [boom] }\n- { id: fix, action: echo fix }\n";

/// A route of a failure passes over what comes after it, and not what is done about it.
#[test]
fn what_is_done_about_a_failure_is_done_wherever_it_goes_on() {
    let more = "on_failure: fix, on_error: { handler_action: 'write {{ boom.stdout }} to log.txt' }";
    let place = staged("x.yaml", &BOOM.replace("MORE", more));
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(["b", "fix"].map(|id| state(&failed, id)), ["skipped", "completed"]);
    assert_eq!(fs::read_to_string(place.path().join("log.txt")).unwrap(), "half\n");
}

#[test]
fn a_value_that_stands_in_leaves_the_failure_to_its_handlers() {
    let more = "on_error: { error_codes: [3], fallback_value: { ok: false }, handler_action: 'write {{ boom.stdout }} to log.txt' }";
    let text = BOOM.replace("MORE", more).replace("echo b,", "'echo {{ boom.ok }}',");
    let place = staged("x.yaml", &text);
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["steps"]["b"]["value"]["result"], "False");
    assert_eq!(fs::read_to_string(place.path().join("log.txt")).unwrap(), "half\n");
}

/// Files of a step are written after a success, whatever its failure means to others.
#[test]
fn a_failed_step_leaves_no_files_behind() {
    let text = BOOM.replace("MORE", "on_failure: continue, products: { stdout: out/log.txt }");
    let place = staged("x.yaml", &text);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(state(&failed, "b"), "completed");
    assert!(!place.path().join("out").exists());
    fs::write(place.path().join("x.yaml"), text.replace("exit 3", "exit 0")).unwrap();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(fs::read_to_string(place.path().join("out/log.txt")).unwrap(), "half\n");
}

#[test]
fn a_folder_exists_as_one() {
    let look = |id: &str, path: &str| {
        format!("- {{ id: {id}, tool: filesystem, action: exists, parameters: {{ path: {path} }} }}\n")
    };
    let text = format!("name: x\nsteps:\n{}{}{}", look("a", "out"), look("b", "x.yaml"), look("c", "nope"));
    let place = staged("x.yaml", &text);
    fs::create_dir(place.path().join("out")).unwrap();
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    let kinds = ["a", "b", "c"].map(|id| done["steps"][id]["value"]["result"]["type"].clone());
    assert_eq!(kinds, ["directory", "file", "none"]);
}

#[test]
fn files_of_steps_go_where_they_may() {
    let text = "name: x\ninputs: { who: ann }\noutput_dir: out\nsteps:\n\
                - { id: a, action: 'echo 12345', products: [{ result: '{{ who }}.txt' }] }\n\
                - { id: b, action: 'echo 12345', produces: result, location: b.txt, size_limit: 4 }\n";
    let place = staged("x.yaml", text);
    run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(fs::read_to_string(place.path().join("out/ann.txt")).unwrap(), "12345");
    assert!(!place.path().join("out/b.txt").exists());
    let all = text.replace("size_limit: 4", "size_limit: 5");
    fs::write(place.path().join("x.yaml"), &all).unwrap();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(fs::read_to_string(place.path().join("out/b.txt")).unwrap(), "12345");
    run(place.path(), &["-f", "x.yaml", "run", "--set", "who=../ann"], 1);
    assert!(!place.path().join("ann.txt").exists());
}

#[test]
fn an_output_of_another_type_is_an_error() {
    let text = "name: x\nsteps: [{ id: a, action: 'echo 5' }]\noutputs:\n  n: { type: TYPE, value: '{{ a.result }}' }\n";
    let place = staged("x.yaml", &text.replace("TYPE", "string"));
    assert_eq!(run(place.path(), &["-f", "x.yaml", "run"], 0)["outputs"]["n"], "5");
    fs::write(place.path().join("x.yaml"), text.replace("TYPE", "integer")).unwrap();
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(failed["error"], "output `n`: \"5\" is not a whole number");
}

pub(crate) const COUNT: &str = "import json, sys\nopen('began', 'w')\nfor line in sys.stdin:\n    asked = json.loads(line)\n    \
                     units = [{'id': u['id'], 'output': {'words': len(u['input']['text'].split())}} for u in asked['units']]\n    \
                     print(json.dumps({'call': asked['call'], 'units': units}), flush=True)\n";
pub(crate) const COUNTING: &str = r#"
name: Counting
inputs: { text: { type: any, default: one two three } }
agents:
  count:
    command: [python3, count.py]
    accepts: { type: object, required: [text], properties: { text: { type: string } }, additionalProperties: false }
steps:
  - { id: a, tool: count, parameters: { text: "{{ text }}" } }
outputs: { n: "{{ a.words }}" }
"#;

#[test]
fn agents_of_the_file_are_tools_and_held_to_what_they_accept() {
    let place = staged("x.yaml", COUNTING);
    fs::write(place.path().join("count.py"), COUNT).unwrap();
    // What does not fit is asked of nobody.
    let failed = run(place.path(), &["-f", "x.yaml", "run", "--set", "text=[1]"], 1);
    let error = failed["steps"]["a"]["error"].as_str().unwrap();
    assert!(error.contains("`count` does not accept it: `text`: [1] is not of type"), "{error}");
    assert_eq!(failed["run"]["calls"], 0);
    assert!(!place.path().join("began").exists());
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["outputs"]["n"], 3);
    assert_eq!(run(place.path(), &["-f", "x.yaml", "run"], 0)["run"]["calls"], 0);
    // What was good enough is held to what is accepted now, and where it still is nobody is asked again.
    fs::write(place.path().join("x.yaml"), COUNTING.replace("{ type: string }", "{ type: integer }"))
        .unwrap();
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert!(failed["steps"]["a"]["error"].as_str().unwrap().contains("does not accept it"), "{failed}");
    fs::write(place.path().join("x.yaml"), COUNTING.replace("{ type: string }", "{ type: [string] }"))
        .unwrap();
    assert_eq!(run(place.path(), &["-f", "x.yaml", "run"], 0)["run"]["calls"], 0);
    let tool = run(place.path(), &["-f", "x.yaml", "tools", "count"], 0);
    assert_eq!(
        (&tool["kind"], &tool["actions"][0]["input"]["required"][0]),
        (&"agent".into(), &"text".into())
    );
}

#[test]
fn what_a_step_made_names_the_step_to_go_on_with() {
    let text = "name: x\ninputs: { to: c }\nsteps:\n- { id: a, action: 'echo {{ to }}', goto: '{{ a.result }}' }\n\
                - { id: b, action: echo b, dependencies: [a] }\n- { id: c, action: echo c, dependencies: [b] }\n\
                - { id: d, action: echo d, dependencies: [c] }\n";
    let place = staged("x.yaml", text);
    let states = |to: &str, code: i32| {
        let done = run(place.path(), &["-f", "x.yaml", "run", "--set", &format!("to={to}")], code);
        ["a", "b", "c", "d"].map(|id| state(&done, id).to_owned())
    };
    assert_eq!(states("c", 0), ["completed", "skipped", "completed", "completed"]);
    assert_eq!(states("d", 0), ["completed", "skipped", "skipped", "completed"]);
    assert_eq!(states("b", 0), ["completed", "completed", "completed", "completed"]);
    assert_eq!(states("a", 1)[0], "failed");
    assert_eq!(states("x", 1), ["failed", "skipped", "skipped", "skipped"]);
}

/// Asks something, answers in vain, then answers; returns the result of the step.
fn answered(parameters: &str, in_vain: &[(&[&str], &str)], answer: &[&str]) -> (Value, tempfile::TempDir) {
    let (tool, parameters) = parameters.split_once(' ').unwrap();
    let place =
        staged("x.yaml", &format!("name: x\nsteps: [{{ id: q, tool: {tool}, parameters: {parameters} }}]\n"));
    run(place.path(), &["-f", "x.yaml", "run"], 6);
    let command = ["-f", "x.yaml", "answer", "q"];
    for (words, expect) in in_vain {
        let said = refrain(place.path(), &[&command[..], words].concat());
        let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.code() == Some(2) && stderr.contains(expect), "{words:?}: {stderr}");
    }
    let said = refrain(place.path(), &[&command[..], answer].concat());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    (done["steps"]["q"]["value"]["result"].clone(), place)
}

#[test]
fn answers_are_held_to_what_the_question_says() {
    let ask = |parameters: &str, in_vain: &[(&[&str], &str)], answer: &[&str]| {
        answered(parameters, in_vain, answer).0
    };
    let no_approval: [(&[&str], &str); 2] =
        [(&["--reject"], "asks for a value, and not for approval"), (&["--approve"], "asks for a value")];
    let made = ask("user-prompt { prompt: 'Who?', default: nobody }", &no_approval, &[]);
    assert_eq!(made["value"], "nobody");
    let made = ask(
        "user-prompt { prompt: 'Code?', validation_pattern: '[A-Z]{2}' }",
        &[(&["ABC"], "does not fit the pattern"), (&[], "there is no answer")],
        &["AB"],
    );
    assert_eq!(made["value"], "AB");
    let made = ask(
        "feedback-collection { title: How, questions: [a, b], required_questions: [a], anonymous: true }",
        &[(&["{\"b\": 1}"], "leaves out a")],
        &["{\"a\": 1}", "--by", "Mika"],
    );
    assert_eq!((&made["answers"]["a"], &made["by"]), (&1.into(), &Value::Null));
    let made = ask(
        "approval-gate { title: Send, content: draft, allow_modifications: true }",
        &[],
        &["--approve", "final"],
    );
    assert_eq!((&made["content"], &made["approved"]), (&"final".into(), &true.into()));
    let made = ask(
        "approval-gate { title: Send, content: draft }",
        &[(&["--approve", "final"], "approved as it is")],
        &["--approve"],
    );
    assert_eq!(made["content"], "draft");
}

#[test]
fn what_a_person_answers_goes_to_a_file() {
    let (_, place) = answered("user-prompt { prompt: 'Who?', save_to_file: out/said.json }", &[], &["Ann"]);
    let saved: Value =
        serde_json::from_slice(&fs::read(place.path().join("out/said.json")).unwrap()).unwrap();
    assert_eq!(saved["value"], "Ann");
}

#[test]
fn a_pattern_that_is_none_is_told_at_check() {
    let text = "name: x\nsteps: [{ id: q, tool: user-prompt, parameters: { prompt: x, validation_pattern: '(' } }]\n";
    let place = staged("x.yaml", text);
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    assert!(refused["problems"][0]["message"].as_str().unwrap().contains("does not parse"), "{refused}");
}

/// A question whose default, or whose pattern, does not fit is told before anybody is asked, or fails.
#[test]
fn questions_that_nobody_could_answer_are_told() {
    let ask = |parameters: &str| {
        format!(
            "name: x\ninputs: {{ p: '(', d: many }}\nsteps: [{{ id: q, tool: user-prompt, parameters: {{ prompt: x, {parameters} }} }}]\n"
        )
    };
    for (parameters, expect) in [
        ("input_type: number, default: many", "the default is not a number"),
        ("choices: [a, b], default: c", "the default is none of"),
        ("validation_pattern: '[a-z]+', default: '1'", "the default does not fit"),
    ] {
        let place = staged("x.yaml", &ask(parameters));
        let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
        assert!(refused["problems"][0]["message"].as_str().unwrap().contains(expect), "{refused}");
    }
    let place = staged("x.yaml", &ask("validation_pattern: '{{ p }}'"));
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert!(failed["steps"]["q"]["error"].as_str().unwrap().contains("does not parse"), "{failed}");
    let place = staged("x.yaml", &ask("input_type: number, default: '{{ d }}'"));
    run(place.path(), &["-f", "x.yaml", "run"], 6);
    run_refused(place.path(), &["-f", "x.yaml", "answer", "q"], "the answer is not a number");
}

/// That something else failed does not give a person more time.
#[test]
fn since_when_a_person_is_asked_outlives_a_failed_run() {
    let text = "name: x\nsteps:\n\
        - { id: q, tool: user-prompt, parameters: { prompt: x, timeout: 9000 } }\n\
        - { id: boom, tool: terminal, action: execute, parameters: { command: exit 1 }, max_retries: 1 }\n";
    let place = staged("x.yaml", text);
    let asked = || {
        run(place.path(), &["-f", "x.yaml", "run"], 1);
        let kept = fs::read_to_string(place.path().join(".refrain/steps/x/scratch.jsonl")).unwrap();
        assert_eq!(kept.matches("\"asked\"").count(), 1, "{kept}");
        kept
    };
    assert_eq!(asked(), asked());
}

/// What is told of a failure are the words of who told it.
#[test]
fn what_tools_say_is_said_in_their_words() {
    let text = "name: x\nsteps: [{ id: boom, tool: terminal, action: execute, max_retries: 1, \
                parameters: { command: 'echo phase 2 lacks param x >&2; exit 1' } }]\n";
    let place = staged("x.yaml", text);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let error = failed["steps"]["boom"]["error"].as_str().unwrap();
    assert!(error.contains("phase 2 lacks param x"), "{error}");
    let place =
        staged("x.yaml", "name: x\ninputs: [input]\nsteps: [{ id: a, action: 'echo {{ input }}' }]\n");
    run_refused(place.path(), &["-f", "x.yaml", "run"], "input `input` has no value");
}

/// What an agent accepts is looked at although nobody asks it yet, and a file is none of records.
#[test]
fn what_agents_accept_is_a_schema() {
    let text = "name: x\nagents: { own: { command: [x], accepts: { type: nonsense } } }\nsteps: [{ id: a, action: echo x }]\n";
    let place = staged("x.yaml", text);
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    assert_eq!(refused["problems"][0]["code"], "E0403", "{refused}");
    assert_eq!(refused["problems"].as_array().unwrap().len(), 1, "{refused}");
}

#[test]
fn inputs_that_must_be_set_are_told_and_asked_for_where_it_counts() {
    let text = "name: x\ninputs: [who]\nsteps: [{ id: a, action: 'echo {{ who }}' }]\n";
    let place = staged("x.yaml", text);
    let checked = run(place.path(), &["-f", "x.yaml", "check"], 0);
    let problem = &checked["problems"][0];
    assert_eq!((&checked["ok"], &problem["severity"]), (&true.into(), &"warning".into()));
    assert_eq!(problem["message"], "input `who` has no value");
    for command in ["plan", "run"] {
        run_refused(place.path(), &["-f", "x.yaml", command], "input `who` has no value");
    }
    run(place.path(), &["-f", "x.yaml", "run", "--set", "who=ann"], 0);
    // Anything else that is wrong is an error as ever, and so is this.
    fs::write(place.path().join("x.yaml"), text.replace("echo {{", "echo {{ nobody }} {{")).unwrap();
    run(place.path(), &["-f", "x.yaml", "check"], 2);
}

#[track_caller]
fn run_refused(place: &Path, words: &[&str], expect: &str) {
    let said = refrain(place, words);
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.code() == Some(2) && text.contains(expect), "{words:?}: {text}");
}

/// What is found by those who know nothing of steps is told in the words of steps all the same.
#[test]
fn nothing_is_said_in_words_that_the_file_has_not() {
    let agents = "agents: { own: { command: [x], accepts: { type: object, properties: { n: { type: integer } } } } }\n";
    for (steps, code) in [
        (
            "- { id: a, action: echo a, dependencies: [b] }\n- { id: b, action: echo b, dependencies: [a] }\n",
            2,
        ),
        (
            "- { id: a, action: echo a, on_success: b }\n- { id: b, action: echo b }\n- { id: c, action: echo c, on_success: a, dependencies: [b] }\n",
            2,
        ),
        ("- { id: a, tool: own, parameters: { n: many } }\n", 2),
        ("- { id: a, action: echo a, on_error: { error_patterns: ['('], fallback_value: 1 } }\n", 2),
        ("- { id: a, action: echo a, on_false: b }\n- { id: b, action: echo b }\n", 2),
        ("- { id: a, action: echo a, condition: 'false' }\n- { id: b, action: 'echo {{ a.result }}' }\n", 1),
        ("- { id: a, action: echo a, condition: \"'x' > 1\" }\n", 1),
        ("- { id: a, action: echo a, goto: \"{{ 'x' }}\" }\n", 1),
        ("- { id: a, action: echo a, for_each: [1] }\n", 2),
    ] {
        let place = staged(
            "x.yaml",
            &format!("name: x\n{agents}inputs: {{ n: {{ type: integer }} }}\nsteps:\n{steps}"),
        );
        let set: &[&str] = if code == 2 { &[] } else { &["--set", "n=1"] };
        let document = run(place.path(), &[&["-f", "x.yaml", "run"], set].concat(), code);
        let steps = document["steps"].as_object().unwrap().values();
        let said = steps.flat_map(|step| [&step["error"], &step["reason"]]);
        let problems = document["problems"].as_array().into_iter().flatten();
        let told = problems.flat_map(|problem| [&problem["message"], &problem["hint"], &problem["path"]]);
        for text in said.chain(told).filter_map(Value::as_str) {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '.');
            let native = words.filter(|word| {
                ["phase", "phases", "param", "params"].contains(word) || word.starts_with("phases.")
            });
            assert_eq!(native.count(), 0, "{text}");
        }
    }
}

#[test]
fn a_field_that_no_result_has_is_told_with_those_that_there_are() {
    let place = staged(
        "x.yaml",
        "name: x\nsteps:\n- { id: r, tool: filesystem, action: read, parameters: { path: a } }\n\
         - { id: b, action: 'echo {{ r.result.nosuch }}' }\n- { id: c, action: 'echo {{ r.contnet }}' }\n",
    );
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    let problems = refused["problems"].as_array().unwrap();
    let told: Vec<&str> = problems.iter().map(|problem| problem["message"].as_str().unwrap()).collect();
    assert_eq!(told, ["the result of `r` has no field `nosuch`", "the result of `r` has no field `contnet`"]);
    let hint = problems[0]["hint"].as_str().unwrap();
    assert!(["content", "path", "size"].iter().all(|field| hint.contains(field)), "{hint}");
    assert!(problems[1]["hint"].as_str().unwrap().contains("`content`"), "{refused}");
}
