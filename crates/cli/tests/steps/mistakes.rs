//! Mistakes that are told before anything is done, and words that are none.

use std::fs;

use serde_json::{Value, json};

use crate::own::{refrain, run, staged};

/// Returns everything that is said against some text, with the hints.
#[track_caller]
fn told(text: &str, code: i32) -> String {
    let place = staged("x.yaml", text);
    let checked = run(place.path(), &["-f", "x.yaml", "check"], code);
    assert!(!place.path().join(".refrain").exists());
    let problems = checked["problems"].as_array().unwrap().iter();
    let said = problems.map(|problem| {
        let word = |name: &str| problem[name].as_str().unwrap_or_default();
        format!("{}: {} ({})\n", word("code"), word("message"), word("hint"))
    });
    said.collect()
}

#[track_caller]
fn refused(text: &str, part: &str) {
    let said = told(text, 2);
    assert!(said.contains(part), "{text}\n{part}\n{said}");
}

fn step(tool: &str, action: &str, parameters: &str) -> String {
    format!(
        "name: x\ninputs: {{ n: 1 }}\nsteps:\n- {{ id: a, tool: {tool}, action: {action}, parameters: {parameters} }}\n"
    )
}

#[test]
fn keys_of_operations_are_known() {
    let operation = |written: &str| {
        step(
            "data-processing",
            "transform",
            &format!("{{ data: '{{{{ n }}}}', operations: [{{ {written} }}] }}"),
        )
    };
    for (written, part) in [
        ("type: deduplicate, colums: [a]", "E0806: there is no parameter `colums` (did you mean `columns`?)"),
        ("type: filter, field: '{{ n }}', operatr: '>'", "no parameter `operatr` (did you mean `operator`?)"),
        ("type: filter, field: a, operator: '~='", "`operator` cannot be"),
        ("type: flter, field: a", "did you mean `filter`?"),
        ("field: a", "the parameter `type` is missing"),
        (
            "type: calculate, expresions: { a: '1' }",
            "no parameter `expresions` (did you mean `expressions`?)",
        ),
        ("type: aggregate, aggregations: { s: { colum: a, function: sum } }", "no parameter `colum`"),
        ("type: aggregate, aggregations: { s: { column: a, function: summ } }", "did you mean `sum`?"),
        ("type: cast, columns: { a: integr }", "did you mean `integer`?"),
        ("type: filter, criteria: { a: { '>>': 1 } }", "there is no parameter `>>`"),
    ] {
        refused(&operation(written), part);
    }
    assert_eq!(told(&operation("type: '{{ n }}', whatever: 1"), 0), "");
    let filter = |parameters: &str| {
        step("data-processing", "filter", &format!("{{ data: [{{ a: 1 }}], {parameters} }}"))
    };
    refused(&filter("operation: { critera: { a: 1 } }"), "no parameter `critera` (did you mean `criteria`?)");
    refused(&filter("operation: { criteria: { a: 1 }, group_by: [a] }"), "there is no parameter `group_by`");
    refused(&filter("criteria: 'a >'"), "`criteria`: `a >`");
    refused(&filter("format: csv"), "E0807: `criteria` says which rows stay");
    refused(&step("data-processing", "filter", "{ criteria: {} }"), "`data` is missing");
    assert_eq!(told(&filter("criteria: '{{ n }} > 1'"), 0), "");
}

#[test]
fn what_says_the_same_twice_is_refused() {
    let convert = |parameters: &str| step("data-processing", "convert", parameters);
    refused(
        &convert("{ data: [{ a: 1 }], input_data: '{{ n }}' }"),
        "`data` and `input_data` say the same thing",
    );
    refused(
        &convert("{ data: '[]', format: json, input_format: json, output_format: csv }"),
        "`input_format` and `output_format` leave nothing for `format` to say",
    );
    let header = "name: x\ncontext: { timeout: 5, max_retries: 1 }\nconfig: { timeout: 9, error_mode: fail }\nsteps: [{ id: a, action: echo a }]\n";
    refused(header, "`context.timeout` and `config.timeout` say the same thing (keep one of them)");
    assert_eq!(told(&header.replace("timeout: 9, ", ""), 0), "");
}

/// What cannot be kept, is not known or is not there says so, and what to do instead.
#[test]
fn refusals_say_what_is_so() {
    let input = |more: &str| {
        format!("name: x\ninputs: {{ n: {{ {more} }} }}\nsteps: [{{ id: a, action: 'echo {{{{ n }}}}' }}]\n")
    };
    for kind in ["number", "integer"] {
        let large = input(&format!("type: {kind}, default: 123456789012345678901234567890"));
        refused(&large, "cannot be kept: the integer");
        refused(&large, "is beyond 2^53 and would be rounded; write it as a string");
    }
    refused(&input("type: integer, default: x"), "is not a whole number");
    let turns = "name: x\nsteps:\n- { id: lp, while: 'true', max_iterations: 2, steps: [{ id: r, action: echo x }] }\n";
    let read = |text: &str| format!("{turns}- {{ id: a, action: 'echo {{{{ {text} }}}}' }}\n");
    refused(&read("lp_1_r.result"), "`lp` keeps what its last turn made");
    refused(&read("lp_1_r.result"), "read `lp.last.r`");
    assert_eq!(told(&read("lp.last.r.result"), 0), "");
    let text = "name: x\nsteps: [{ id: a, action: 'echo {% macro f() %}x{% endmacro %}' }]\n";
    refused(text, "`macro` is not part of templates; name values with `{% set x = … %}`, and repeat");
    refused(&text.replace("macro f()", "include \"x\""), "one template reads no other");
}

#[test]
fn outputs_are_declared_or_data() {
    let output = |written: &str| {
        format!("name: x\nsteps: [{{ id: a, action: echo a }}]\noutputs: {{ x: {{ {written} }} }}\n")
    };
    refused(
        &output("value: 1, descripton: x"),
        "an output has no key `descripton` (did you mean `description`?)",
    );
    refused(&output("valeu: 1, type: integer"), "an output has no key `valeu` (did you mean `value`?)");
    refused(&output("valeu: 1, description: x"), "an output has no key `valeu`");
    refused(&output("type: integer"), "says no value");
    for (written, expect) in [
        ("value: 1, unit: kg", json!({"value": 1, "unit": "kg"})),
        ("description: x", json!({"description": "x"})),
        ("value: { value: 1, descripton: x }", json!({"value": 1, "descripton": "x"})),
        ("value: 1, description: x", json!(1)),
    ] {
        let place = staged("x.yaml", &output(written));
        assert_eq!(run(place.path(), &["-f", "x.yaml", "run"], 0)["outputs"]["x"], expect, "{written}");
    }
}

#[test]
fn numbers_and_words_are_in_their_ranges() {
    refused(
        &step("recursion-control", "check_condition", "{ context_id: '{{ n }}', max_iterations: 0 }"),
        "and a number from 1 on is expected",
    );
    refused(
        &step("recursion-control", "check_condition", "{ context_id: c, depth_limit: -1 }"),
        "a number from 1 on",
    );
    refused(
        &step("validation", "quality_check", "{ data: '{{ n }}', threshold: 80 }"),
        "a number from 0 to 1 is expected",
    );
    refused(&step("terminal", "execute", "{ command: 'echo {{ n }}', timeout: 0 }"), "a number above 0");
    let gate = |more: &str| step("approval-gate", "execute", &format!("{{ title: t, content: hi, {more} }}"));
    refused(&gate("format: hologram"), "use one of `text`, `markdown`");
    refused(&gate("auto_approve_hash: abc"), "a digest is 64 hexadecimal digits");
    let known = "85".repeat(32);
    assert_eq!(told(&gate(&format!("auto_approve_hash: {known}")), 0), "");
}

#[test]
fn paths_that_cannot_be_meant_are_told() {
    refused(
        &step("filesystem", "write", "{ path: out/, content: x }"),
        "out/ is a folder; name a file in it",
    );
    refused(&step("filesystem", "read", "{ path: ~/x.txt }"), "`~` is no folder of it");
    refused(&step("filesystem", "delete", "{ path: . }"), ". is not for pipelines: it is the project itself");
    let place = staged("x.yaml", &step("filesystem", "list", "{ path: x.yaml }"));
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(failed["steps"]["a"]["error"], "x.yaml is a file, not a folder");
}

#[test]
fn patterns_and_loops_are_told_of_when_the_file_is_checked() {
    let text = |text: &str| {
        format!("name: x\ninputs: {{ n: 'a,b' }}\nsteps: [{{ id: a, action: \"echo {text}\" }}]\n")
    };
    refused(
        &text("{{ n | regex_search('a(?!b)') }}"),
        "`a(?!b)` is no pattern: patterns do not look ahead or behind",
    );
    let place = staged("x.yaml", &text("{{ active_loops() }} {{ current_loop_name() }}"));
    assert_eq!(run(place.path(), &["-f", "x.yaml", "run"], 0)["steps"]["a"]["value"]["result"], "[] None");
    let each = "name: x\ninputs: { n: 'a,b' }\nsteps: [{ id: l, for_each: '{{ n }}', steps: [{ id: a, action: 'echo {{ item }}' }] }]\n";
    let place = staged("x.yaml", each);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1).to_string();
    assert!(failed.contains("a text with commas; write `| split(',')` behind it"), "{failed}");
    fs::write(place.path().join("x.yaml"), each.replace("'{{ n }}'", "\"{{ n | split(',') }}\"")).unwrap();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
}

#[test]
fn some_tools_take_any_action() {
    let place = staged("x.yaml", &step("terminal", "run_command", "{ command: echo hi }"));
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["steps"]["a"]["value"]["result"]["stdout"], "hi\n");
    let place = staged("x.yaml", &step("report-generator", "create_report", "{ title: T }"));
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert!(done["steps"]["a"]["value"]["result"]["markdown"].as_str().unwrap().starts_with("# T"));
    // An action in the parameters is none of this.
    refused(
        &step("terminal", "run_command", "{ command: echo hi, action: other }"),
        "there is no parameter `action`",
    );
    refused(&step("filesystem", "run_command", "{ path: a }"), "has no action `run_command`");
    let one = String::from_utf8(refrain(place.path(), &["tools", "terminal"]).stdout).unwrap();
    assert!(one.contains("any other name of an action means it as well"), "{one}");
}

#[test]
fn what_steps_say_beside_parameters_is_listed() {
    let place = staged("x.yaml", "name: x\nsteps: []\n");
    let listed = |tool: &str| String::from_utf8(refrain(place.path(), &["tools", tool]).stdout).unwrap();
    assert!(listed("mcp-server").contains("server_config"), "{}", listed("mcp-server"));
    assert!(listed("feedback-collection").contains("save_to_file"));
    let gate = listed("approval-gate");
    assert!(gate.contains("BLAKE3"), "{gate}");
}

#[test]
fn experts_for_tools_that_nobody_uses_are_no_mistake() {
    let text = |tool: &str| {
        format!(
            "name: x\nexperts: [{{ {tool}: 'openai:gpt-5-mini' }}]\nsteps: [{{ id: a, action: echo a }}]\n"
        )
    };
    assert_eq!(told(&text("web-search"), 0), "");
    refused(&text("web-serch"), "there is no tool `web-serch`");
}

#[test]
fn questions_are_listed_with_what_answers_are_like() {
    let question = "{ prompt: Which?, input_type: choice, choices: [a, b], default: b }";
    let place = staged("x.yaml", &step("user-prompt", "execute", question));
    run(place.path(), &["-f", "x.yaml", "run"], 6);
    let listed = String::from_utf8(refrain(place.path(), &["-f", "x.yaml", "answer"]).stdout).unwrap();
    for part in ["Which?", "input_type: \"choice\"", "choices: [\"a\",\"b\"]", "default: \"b\""] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
}

const PAST: &str = r#"
name: Past
inputs: { word: one }
steps:
  - { id: say, action: "echo {{ word }}" }
  - { id: runs, tool: checkpoint, action: list, dependencies: [say] }
outputs: { said: "{{ say.result }}", count: "{{ runs.count }}" }
"#;

#[test]
fn runs_on_record_are_looked_at_by_later_ones() {
    let place = staged("past.yaml", PAST);
    let first = run(place.path(), &["-f", "past.yaml", "run"], 0);
    assert_eq!(first["outputs"]["count"], 1);
    let then = |action: &str, parameters: &str| {
        let step = format!(
            "  - {{ id: then, tool: checkpoint, action: {action}, parameters: {parameters} }}\noutputs:"
        );
        fs::write(place.path().join("past.yaml"), PAST.replace("outputs:", &step)).unwrap();
    };
    let value = |document: &Value| document["steps"]["then"]["value"]["result"].clone();
    then("inspect", "{}");
    let second = run(place.path(), &["-f", "past.yaml", "run", "--set", "word=two"], 0);
    let seen = value(&second);
    assert_eq!((&seen["id"], &seen["status"]), (&first["run"]["run_id"], &json!("completed")));
    assert_eq!(seen["outputs"]["said"], "one");
    assert_eq!(
        (&seen["steps"][0]["step"], &seen["steps"][0]["status"]),
        (&json!("say"), &json!("completed"))
    );
    assert_eq!(seen["steps"][0]["digest"], first["run"]["phases"][0]["digest"]);
    assert_eq!(second["outputs"]["count"], 2, "it is asked in every run");
    let id = first["run"]["run_id"].as_str().unwrap();
    then(
        "extract",
        &format!("{{ checkpoint_file: '{id}', output_file: out/first.yaml, output_format: yaml }}"),
    );
    let third = run(place.path(), &["-f", "past.yaml", "run"], 0);
    assert_eq!(value(&third)["steps"]["say"]["result"], "one");
    let written = fs::read_to_string(place.path().join("out/first.yaml")).unwrap();
    assert!(written.contains("result: one") && written.contains(&format!("id: \"{id}\"")), "{written}");
    assert!(refrain(place.path(), &["-f", "past.yaml", "gc", "--keep", "1", "--yes"]).status.success());
    let gone = second["run"]["run_id"].as_str().unwrap();
    then("extract", &format!("{{ checkpoint_file: '{gone}' }}"));
    let failed = run(place.path(), &["-f", "past.yaml", "run"], 1);
    assert_eq!(failed["steps"]["then"]["error"], "what `say` made in that run is no longer kept");
    then("inspect", "{ checkpoint_file: nothing }");
    let failed = run(place.path(), &["-f", "past.yaml", "run"], 1);
    assert_eq!(
        failed["steps"]["then"]["error"],
        "there is no run `nothing` on record; `checkpoint.list` gives them"
    );
    then("extract", "{ output_file: ../out.json }");
    let refused = run(place.path(), &["-f", "past.yaml", "check"], 2);
    assert_eq!(refused["problems"][0]["code"], "E0823", "{refused}");
}

/// What told of a run is not told again by the next one, with all of the one before in it.
#[test]
fn what_is_told_of_runs_does_not_grow_with_them() {
    let tells = |id: &str, file: &str| {
        format!(
            "- {{ id: {id}, tool: checkpoint, action: extract, parameters: {{ {file} }}, dependencies: [a], on_failure: continue }}\n"
        )
    };
    let (c, d) = (tells("c", "output_file: out.yaml, output_format: yaml"), tells("d", ""));
    let place = staged("x.yaml", &format!("name: x\nsteps:\n- {{ id: a, action: echo hi }}\n{c}{d}"));
    // There is no run to tell of yet.
    run(place.path(), &["-f", "x.yaml", "run"], 1);
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    let told =
        run(place.path(), &["-f", "x.yaml", "run"], 0)["steps"]["c"]["value"]["result"]["steps"].clone();
    assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["a"]);
    let size = || fs::metadata(place.path().join("out.yaml")).unwrap().len();
    let before = size();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(size(), before);
}

/// A path that is none, or that of a folder, is the same mistake whatever writes the file.
#[test]
fn files_that_are_written_have_names() {
    let extract = |path: &str| {
        format!("{{ id: w, tool: checkpoint, action: extract, parameters: {{ output_file: {path} }} }}")
    };
    let write = |path: &str| {
        format!("{{ id: w, tool: filesystem, action: write, parameters: {{ path: {path}, content: a }} }}")
    };
    let saves = |path: &str| {
        format!("{{ id: w, tool: user-prompt, parameters: {{ prompt: q, save_to_file: {path} }} }}")
    };
    let product = |path: &str| format!("{{ id: w, action: echo a, products: [{{ result: {path} }}] }}");
    let all: [&dyn Fn(&str) -> String; 4] = [&extract, &write, &saves, &product];
    for (path, told) in [
        ("'~/e.md'", "`~` is no folder of it"),
        ("'~'", "`~` is no folder of it"),
        ("d/", "d/ is a folder"),
        ("d/.", "d/. is a folder"),
    ] {
        for step in all.iter().map(|step| step(path)) {
            let place = staged("x.yaml", &format!("name: x\nsteps:\n- {step}\n"));
            let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
            assert!(refused["problems"][0]["message"].as_str().unwrap().contains(told), "{step}: {refused}");
            // What a template makes of it is no other mistake.
            let later = step.replace(path, &format!("\"{{{{ s }}}}{}\"", path.trim_matches('\'')));
            let text =
                format!("name: x\ninputs: {{ s: '' }}\nsteps:\n- {{ id: z, action: echo z }}\n- {later}\n");
            if step.contains("user-prompt") {
                continue;
            }
            let place = staged("x.yaml", &text);
            let failed = run(place.path(), &["-f", "x.yaml", "run"], 1).to_string();
            assert!(failed.contains(told) || failed.contains("no run that ended"), "{later}: {failed}");
            assert!(!place.path().join("~").exists() && !place.path().join("d").exists(), "{later}");
        }
    }
    // A folder is copied to what ends with `/`, and a file into one that is there.
    let copy = |from: &str, to: &str| {
        format!(
            "name: x\nsteps:\n- {{ id: c, tool: filesystem, action: copy, parameters: {{ path: {from}, destination: {to} }} }}\n"
        )
    };
    let place = staged("x.yaml", &copy("a.txt", "zz/"));
    fs::write(place.path().join("a.txt"), "a").unwrap();
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert!(failed["steps"]["c"]["error"].as_str().unwrap().contains("there is no folder zz/"), "{failed}");
    fs::create_dir(place.path().join("zz")).unwrap();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert!(place.path().join("zz/a.txt").exists());
    fs::write(place.path().join("x.yaml"), copy("zz", "new/")).unwrap();
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert!(place.path().join("new/a.txt").exists());
}

/// A wrong key of an output that is declared in a list is told once.
#[test]
fn a_wrong_key_of_an_output_is_told_once() {
    let text = "name: x\nsteps:\n- { id: a, action: echo a }\noutputs:\n- { name: o, typ: string, value: '{{ a }}' }\n";
    let place = staged("x.yaml", text);
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    let [problem] = refused["problems"].as_array().unwrap().as_slice() else { panic!("{refused}") };
    assert_eq!(problem["code"], "E0801");
}

/// What is told of a file that is too much is short, and true.
#[test]
fn mistakes_of_a_great_size_are_told_briefly() {
    for (text, code, told) in [
        (
            format!("name: x\ninputs: {{ x: {}1{} }}\nsteps: []\n", "[".repeat(500), "]".repeat(500)),
            "E0008",
            "nest more than",
        ),
        (
            format!("name: x\nsteps:\n- {{ id: {}, action: echo a }}\n", "a".repeat(5_000)),
            "E0106",
            "a…` cannot be the id",
        ),
    ] {
        let place = staged("x.yaml", &text);
        let output = refrain(place.path(), &["-f", "x.yaml", "check", "--json"]);
        let refused: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problem = &refused["problems"][0];
        let message = problem["message"].as_str().unwrap();
        assert_eq!(problem["code"], code, "{message:.200}");
        assert!(message.contains(told) && message.len() < 200, "{message:.300}");
    }
}

/// A pipeline that another one carries out is told of by what its own step said.
#[test]
fn what_a_step_of_another_pipeline_said_is_told() {
    let outer =
        "name: x\nsteps:\n- { id: c, tool: pipeline-executor, parameters: { pipeline: child.yaml } }\n";
    let place = staged("x.yaml", outer);
    let child = |step: &str| {
        fs::write(place.path().join("child.yaml"), format!("name: y\nsteps:\n- {step}\n")).unwrap();
    };
    child("{ id: g, tool: user-prompt, parameters: { prompt: How many? } }");
    let waiting = run(place.path(), &["-f", "x.yaml", "run"], 6);
    let told = "step `g`: a person has not answered yet: How many?";
    assert_eq!((&waiting["steps"]["c"]["error"], &waiting["error"]), (&json!(told), &json!(told)));
    child(
        "{ id: l, for_each: [1], steps: [{ id: t, tool: terminal, action: execute, parameters: { command: exit 3 } }] }",
    );
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let told = failed["steps"]["c"]["error"].as_str().unwrap();
    assert!(told.starts_with("step `t`: ") && told.contains('3'), "{told}");
}
