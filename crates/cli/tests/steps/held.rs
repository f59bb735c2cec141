//! What steps make is held to what they say of it: results of tools and agents, and outputs of other pipelines.

use std::fs;

use serde_json::{Value, json};

use crate::language::COUNT;
use crate::own::{run, staged};

fn tool(schema: &str) -> String {
    format!(
        "name: x\nsteps:\n- id: a\n  tool: terminal\n  action: execute\n  parameters: {{ command: 'echo x >> n.txt; echo hi' }}\n  \
         output_schema: {schema}\n- {{ id: b, action: 'echo {{{{ a.stdout }}}}' }}\n"
    )
}

#[test]
fn the_result_of_a_tool_is_held_to_its_schema() {
    let fits = "{ type: object, required: [stdout], properties: { stdout: { pattern: '^h' } } }";
    let place = staged("x.yaml", &tool(fits));
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["steps"]["b"]["value"]["result"], "hi\n");
    let place = staged("x.yaml", &tool(&fits.replace("'^h'", "'^n'")));
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let step = &failed["steps"]["a"];
    let told = step["error"].as_str().unwrap();
    assert!(step["status"] == "failed" && told.contains("stdout"), "{step:#}");
    assert_eq!(failed["steps"]["b"]["status"], "skipped");
    assert_eq!(
        fs::read_to_string(place.path().join("n.txt")).unwrap(),
        "x\n",
        "what was done is not done again"
    );
    let definitions = "{ $ref: '#/$defs/r', $defs: { r: { type: object, required: [gone] } } }";
    let place = staged("x.yaml", &tool(definitions));
    run(place.path(), &["-f", "x.yaml", "run"], 1);
}

#[test]
fn a_result_that_does_not_fit_is_a_failure_like_any_other() {
    let text = tool("{ type: string }").replace("  output_schema", "  on_failure: continue\n  output_schema");
    let text = text.replace("a.stdout", "a.error_type");
    let place = staged("x.yaml", &text);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!(failed["steps"]["b"]["value"]["result"], "invalid");
}

/// Who answers is told at once what does not fit, and what nobody answered is held to the schema as well.
#[test]
fn what_people_answer_is_held_to_its_schema() {
    let asks = |question: &str, schema: &str| {
        let step = format!("{{ id: q, {question}, output_schema: {schema} }}");
        staged("x.yaml", &format!("name: x\nsteps:\n- {step}\noutputs: {{ said: '{{{{ q.result }}}}' }}\n"))
    };
    let go = |place: &tempfile::TempDir, words: &[&str], code: i32| {
        run(place.path(), &[&["-f", "x.yaml"], words].concat(), code)
    };
    let refused = |place: &tempfile::TempDir, words: &[&str], told: &str| {
        let output = crate::own::refrain(place.path(), &[&["-f", "x.yaml", "answer", "q"], words].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.contains(told), "{words:?}: {stderr}");
    };
    let place =
        asks("tool: user-prompt, parameters: { prompt: How?, input_type: number }", "{ type: integer }");
    go(&place, &["run"], 6);
    refused(&place, &["2.5"], "does not fit: 2.5 is not of type");
    go(&place, &["answer", "q", "3"], 0);
    assert_eq!(go(&place, &["run"], 0)["outputs"]["said"], json!({"value": 3}));

    let several = "tool: feedback-collection, parameters: { title: T, questions: [a] }";
    let place = asks(
        several,
        "{ $ref: '#/$defs/s', $defs: { s: { required: [a], properties: { a: { type: string } } } } }",
    );
    go(&place, &["run"], 6);
    refused(&place, &["{\"a\": 1}"], "does not fit at /a");
    go(&place, &["answer", "q", "{\"a\": \"x\"}"], 0);
    go(&place, &["run"], 0);

    let gate = "tool: approval-gate, parameters: { title: T, content: short, allow_modifications: true }";
    let place = asks(gate, "{ type: string, minLength: 6 }");
    go(&place, &["run"], 6);
    refused(&place, &["--approve"], "does not fit");
    refused(&place, &["--approve", "tiny"], "does not fit");
    go(&place, &["answer", "q", "--approve", "long enough"], 0);
    assert_eq!(go(&place, &["run"], 0)["outputs"]["said"]["content"], "long enough");

    let late = "tool: user-prompt, parameters: { prompt: How?, timeout: 0.01, default: x }";
    let place = asks(late, "{ type: integer }");
    go(&place, &["run"], 2);
    let place = asks(&late.replace("default: x", "default: '{{ 1 + 1 }}'"), "{ type: string }");
    go(&place, &["run"], 6);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let failed = go(&place, &["run"], 1);
    let told = failed["steps"]["q"]["error"].as_str().unwrap();
    assert!(told.contains("the default does not fit"), "{told}");
    let place = asks("tool: user-prompt, parameters: { prompt: How? }", "{ type: whole }");
    assert_eq!(go(&place, &["run"], 2)["problems"][0]["path"], "steps[0].output_schema");
}

/// What is no text is taken as what it is in JSON, where a text does not fit.
#[test]
fn every_question_can_be_answered() {
    for (question, answer, expect) in [
        ("output_schema: { type: integer }", "5", json!(5)),
        ("output_schema: { type: [integer, string] }", "5", json!("5")),
        ("output_schema: { type: integer }, default: 7", "6", json!(6)),
        ("choices: [1, two]", "1", json!(1)),
        ("input_type: choice, choices: ['1', two]", "1", json!("1")),
        ("output_schema: { type: object }", "{\"a\": 1}", json!({"a": 1})),
    ] {
        let step = format!("{{ id: q, tool: user-prompt, parameters: {{ prompt: How?, {question} }} }}");
        let text = format!("name: x\nsteps:\n- {step}\noutputs: {{ said: '{{{{ q.value }}}}' }}\n");
        let place = staged("x.yaml", &text);
        run(place.path(), &["-f", "x.yaml", "run"], 6);
        run(place.path(), &["-f", "x.yaml", "answer", "q", answer], 0);
        let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
        assert_eq!(done["outputs"]["said"], expect, "{question}");
    }
}

/// What nobody can answer is an error before it is asked.
#[test]
fn a_question_that_nobody_can_answer_is_refused() {
    let integer = "output_schema: { type: integer }";
    for (tool, question, held, path, told) in [
        ("user-prompt", "input_type: text", integer, ".output_schema", "the answer is a text"),
        ("user-prompt", "choices: [a]", integer, ".output_schema", "the choice \"a\" does not fit"),
        ("user-prompt", integer, integer, ".output_schema", "an `output_schema` as well"),
        ("user-prompt", "output_schema: { type: whole }", "", ".parameters.output_schema", "no JSON Schema"),
        ("user-prompt", "input_type: text, choices: [1]", "", ".parameters.choices", "is not a text"),
        ("user-prompt", "input_type: text, default: 5", "", ".parameters.default", "is not a text"),
        ("feedback-collection", "questions: [a]", integer, ".output_schema", "the answer is an object"),
        ("approval-gate", "content: a", integer, ".output_schema", "may not be changed"),
    ] {
        let title = if tool == "user-prompt" { "prompt" } else { "title" };
        let held = if held.is_empty() { String::new() } else { format!(", {held}") };
        let step = format!("{{ id: q, tool: {tool}, parameters: {{ {title}: How?, {question} }}{held} }}");
        let place = staged("x.yaml", &format!("name: x\nsteps:\n- {step}\n"));
        let problems = run(place.path(), &["-f", "x.yaml", "run"], 2)["problems"].clone();
        let [problem] = problems.as_array().unwrap().as_slice() else { panic!("{step}: {problems}") };
        assert_eq!(problem["path"], format!("steps[0]{path}"), "{step}");
        assert!(problem["message"].as_str().unwrap().contains(told), "{step}: {problem}");
    }
    let late = "name: x\ninputs: { xs: { type: array, default: [1] } }\nsteps:\n- { id: q, tool: user-prompt, \
        parameters: { prompt: How?, input_type: text, choices: '{{ xs }}' } }\n";
    let place = staged("x.yaml", late);
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert!(failed["steps"]["q"]["error"].as_str().unwrap().contains("nobody can answer this"), "{failed}");
}

/// Of another pipeline its outputs are, by the names that they have here.
#[test]
fn what_another_pipeline_gives_is_held_to_the_schema_of_its_step() {
    let check = |schema: &str, outputs: &str, mapping: &str, code: i32| {
        let (place, _) = other(outputs, mapping);
        let text = fs::read_to_string(place.path().join("x.yaml")).unwrap();
        let text = text.replace(" } }\noutputs", &format!(" }}, output_schema: {schema} }}\noutputs"));
        assert!(text.contains("output_schema"), "{text}");
        fs::write(place.path().join("x.yaml"), text).unwrap();
        run(place.path(), &["-f", "x.yaml", "run"], code)
    };
    let schema =
        "{ required: [n], properties: { n: { $ref: '#/$defs/n' } }, $defs: { n: { type: integer } } }";
    check(schema, "n: '{{ a.result | int }}'", "", 0);
    let failed = check(schema, "n: '{{ c.result }}'", "", 1);
    let told = failed["steps"]["call"]["error"].as_str().unwrap();
    assert!(told.contains("/n"), "{told}");
    check(schema, "m: '{{ a.result | int }}'", "", 1);
    check(schema, "m: '{{ a.result | int }}'", ", output_mapping: { m: n }", 0);
    check(schema, "m: { type: string, value: '{{ a.result | int }}' }", ", output_mapping: { m: n }", 1);
    let refused = check("{ type: whole }", "n: 1", "", 2);
    assert_eq!(refused["problems"][0]["path"], "steps[0].output_schema");
}

/// A loop is held to it when its turns are over.
#[test]
fn what_a_loop_comes_to_is_held_to_its_schema() {
    let text = |more: &str| {
        format!(
            "name: x\nsteps:\n- id: each\n  for_each: [1, 2]\n  steps: [{{ id: s, action: 'echo {{{{ item }}}}' }}]\n  {more}\n\
             - {{ id: then, action: 'echo {{{{ each.iterations | default(each.error_type) }}}}', dependencies: [each] }}\n"
        )
    };
    let of =
        |more: &str, code: i32| run(staged("x.yaml", &text(more)).path(), &["-f", "x.yaml", "run"], code);
    let fits = "output_schema: { properties: { iterations: { type: integer, maximum: 2 }, results: { minItems: 2 } } }";
    assert_eq!(of(fits, 0)["steps"]["then"]["value"]["result"], "2");
    let failed = of(&fits.replace("maximum: 2", "maximum: 1"), 1);
    let told = failed["steps"]["each"]["error"].as_str().unwrap();
    assert!(told.contains("/iterations"), "{failed:#}");
    assert_eq!(failed["steps"]["then"]["status"], "skipped");
    let goes_on = fits.replace("maximum: 2", "maximum: 1") + "\n  on_failure: continue";
    assert_eq!(of(&goes_on, 1)["steps"]["then"]["value"]["result"], "invalid");
    let stands_in = fits.replace("maximum: 2", "maximum: 1")
        + "\n  on_error: { error_types: [invalid], fallback_value: { iterations: 9 } }";
    assert_eq!(of(&stands_in, 0)["steps"]["then"]["value"]["result"], "9");
    // Another schema is noticed although no turn is.
    let place = staged("x.yaml", &text(fits));
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    fs::write(place.path().join("x.yaml"), text(&fits.replace("maximum: 2", "maximum: 1"))).unwrap();
    let again = run(place.path(), &["-f", "x.yaml", "run"], 1);
    assert_eq!((&again["run"]["calls"], &again["steps"]["each"]["status"]), (&json!(0), &json!("failed")));
    for (kind, steps) in [
        ("while: \"{{ iteration < 2 }}\"", "steps: [{ id: s, action: echo x }]"),
        (
            "create_parallel_queue: { \"on\": [1, 2], action_loop: [{ action: echo x }] }",
            "action: create_parallel_queue",
        ),
        ("action_loop: [{ action: echo x }]\n  max_iterations: 2\n  until: 'false'", "output_description: x"),
    ] {
        let text = |n: u8| {
            format!(
                "name: x\nsteps:\n- id: l\n  {kind}\n  {steps}\n  output_schema: {{ properties: {{ iterations: {{ maximum: {n} }} }} }}\n"
            )
        };
        run(staged("x.yaml", &text(2)).path(), &["-f", "x.yaml", "run"], 0);
        run(staged("x.yaml", &text(1)).path(), &["-f", "x.yaml", "run"], 1);
    }
}

#[test]
fn what_an_agent_answers_is_held_to_its_schema() {
    let text = |kind: &str| {
        format!(
            "name: x\nagents:\n  it: {{ command: [python3, count.py], accepts: {{ type: object }} }}\nsteps:\n\
             - {{ id: a, tool: it, parameters: {{ text: a b }}, max_retries: 1, \
             output_schema: {{ type: object, required: [words], properties: {{ words: {{ type: {kind} }} }} }} }}\n"
        )
    };
    for (kind, code) in [("integer", 0), ("string", 1)] {
        let place = staged("x.yaml", &text(kind));
        fs::write(place.path().join("count.py"), COUNT).unwrap();
        run(place.path(), &["-f", "x.yaml", "run"], code);
    }
}

fn other(outputs: &str, mapping: &str) -> (tempfile::TempDir, String) {
    let outer = format!(
        "name: x\nsteps:\n- {{ id: call, tool: pipeline-executor, parameters: {{ pipeline: in.yaml, inputs: {{ to: ' c ' }}{mapping} }} }}\n\
         outputs: {{ all: '{{{{ call.outputs }}}}' }}\n"
    );
    let inner = format!(
        "name: y\ninputs: {{ to: {{ type: string }} }}\nsteps:\n- {{ id: a, action: echo 3, goto: '{{{{ to }}}}' }}\n\
         - {{ id: b, action: echo b, dependencies: [a] }}\n- {{ id: c, action: echo c, dependencies: [b] }}\noutputs:\n  {outputs}\n"
    );
    let place = staged("x.yaml", &outer);
    fs::write(place.path().join("in.yaml"), &inner).unwrap();
    (place, inner)
}

#[test]
fn outputs_of_other_pipelines_are_of_their_types() {
    let check = |outputs: &str, mapping: &str, code: i32, expect: Value| {
        let (place, _) = other(outputs, mapping);
        let document = run(place.path(), &["-f", "x.yaml", "run"], code);
        assert_eq!(document["outputs"]["all"], expect, "{outputs}{mapping}");
        document
    };
    check("n: { type: string, value: '{{ c.result }}' }", "", 0, json!({"n": "c"}));
    check("n: { type: integer, value: '{{ a.result | int }}' }", "", 0, json!({"n": 3}));
    let failed = check("n: { type: integer, value: '{{ c.result }}' }", "", 1, Value::Null);
    let told = failed["steps"]["call"]["error"].as_str().unwrap().to_owned();
    assert!(told.contains("integer"), "{told}");
    for mapping in [", output_mapping: { n: m }", ", output_mapping: { m: n }"] {
        check("n: { type: integer, value: '{{ c.result }}' }", mapping, 1, Value::Null);
        check("n: { type: any, value: '{{ c.result }}' }", mapping, 0, json!({"m": "c"}));
    }
    // Each is of its own type, whatever it is called here.
    let both = "n: { type: integer, value: 3 }\n  m: { type: string, value: '{{ c.result }}' }";
    check(both, ", output_mapping: { n: m, m: n }", 0, json!({"m": 3, "n": "c"}));
}

#[test]
fn a_way_with_spaces_around_it_is_that_way_in_other_pipelines_too() {
    let (place, inner) = other("n: \"{{ b.result | default('skipped') }} {{ c.result }}\"", "");
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["outputs"]["all"], json!({"n": "skipped c"}), "{:#}", done["steps"]);
    fs::write(place.path().join("in.yaml"), inner.replace("id: c,", "id: to,")).unwrap();
    let refused = run(place.path(), &["-f", "x.yaml", "run"], 2);
    assert!(refused.to_string().contains("`to` is both a step and an input"), "{refused:#}");
}

/// Values that texts give are held to what the other pipeline declares, like those that are written out.
#[test]
fn a_pipeline_is_given_what_it_takes() {
    let text = |given: &str| {
        format!(
            "name: x\ninputs: {{ v: {{ type: string, default: many }}, k: 3 }}\nsteps:\n- id: c\n  tool: pipeline-executor\n  parameters:\n    inputs: {{ n: {given} }}\n    \
             pipeline: {{ name: y, inputs: {{ n: {{ type: integer, validation: {{ max: 4 }} }}, m: {{ type: string, default: null }} }}, \
             steps: [{{ id: s, action: 'echo {{{{ n * 2 }}}}' }}], outputs: {{ o: '{{{{ s.result }}}}' }} }}\n"
        )
    };
    for (given, why) in [
        ("'{{ v }}'", "`n`: \"many\" is not of type \"integer\""),
        ("'{{ k + 2 }}'", "greater than the maximum"),
    ] {
        let place = staged("x.yaml", &text(given));
        let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
        let error = failed["steps"]["c"]["error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
    }
    let place = staged("x.yaml", &text("'{{ k + 1 }}'"));
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["steps"]["c"]["value"]["result"]["outputs"]["o"], "8", "{done:#}");
}
