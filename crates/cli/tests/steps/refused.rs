//! Each thing that a file cannot say is told, once, in words about it.

use serde_json::Value;

use crate::own::{refrain, staged};

const MODEL: &str = "default_model: 'anthropic:claude-haiku-4-5'\n";
const STEP: &str = "steps: [{ id: a, action: echo x }]\n";

/// Returns the errors of a file, each with its code.
fn told(text: &str) -> Vec<String> {
    let place = staged("x.yaml", text);
    let output = refrain(place.path(), &["-f", "x.yaml", "check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let errors = report["problems"].as_array().unwrap().iter().filter(|found| found["severity"] == "error");
    let one =
        |found: &Value| format!("{} {}", found["code"].as_str().unwrap(), found["message"].as_str().unwrap());
    errors.map(one).collect()
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let found = told(text);
    let is_told = found.len() == 1 && found[0].starts_with(expect);
    assert!(is_told || (expect.is_empty() && found.is_empty()), "{text}: {found:#?}");
}

/// Checks headers of a file with one step.
fn headers(cases: &[(&str, &str)]) {
    for (header, expect) in cases {
        check(&format!("name: x\n{header}\n{STEP}"), expect);
    }
}

/// Checks steps that stand before another one, `b`.
fn steps(header: &str, cases: &[(&str, &str)]) {
    for (step, expect) in cases {
        check(
            &format!("name: x\n{header}steps:\n- {{ id: a, {step} }}\n- {{ id: b, action: echo y }}\n"),
            expect,
        );
    }
}

#[test]
fn headers_say_what_they_cannot() {
    check("name: x\nsteps: []\n", "E0202 there are no steps");
    check("name: x\nsteps:\n", "E0104 `steps` is nothing");
    headers(&[
        ("id: 'a b'", "E0106 `a b` cannot be an id"),
        ("version: '1.0'", "E0105 `1.0` is not a version"),
        ("version: 1.x.0", "E0105 `1.x.0` is not a version"),
        ("version: 1.2.3", ""),
        ("agents: { y: 5 }", "E0109 invalid type"),
        ("budget: [5]", "E0109 a list stands where a mapping is expected"),
        ("limits: [3]", "E0109 a list stands where a mapping is expected"),
        ("prices: { 'p/m': [1, 2, 3, 4] }", "E0109 a list stands where a mapping is expected"),
        ("context: { checkpoint: false }", "E0802 checkpoints cannot be turned off"),
        ("context: { checkpoint_strategy: none }", "E0802 checkpoints cannot be turned off"),
        ("context: { checkpoint: true, checkpoint_strategy: fixed, parallel: true }", ""),
        ("inputs: { n: 1 }\nparameters: { n: 2 }", "E0803 `n` is declared twice, and differently"),
        ("inputs: { n: 1 }\nparameters: { n: 1 }", ""),
        ("inputs: [{ a: 1, b: 2 }]", "E0104 an input of a list has one key, or a `name`"),
        ("inputs: { n: { type: integer, validation: { min: low } } }", "E0104 `min` is the text \"low\""),
        ("default_model: 'p:a'\nmodel: 'p:b'", "E0803 `model` and `default_model` differ"),
        ("default_model: 'p:a'\nmodel: 'p:a'", ""),
        ("models: {}", "E0105 no model is named"),
        ("models: { plain: { quality: 1 } }", "E0105 `plain` names no model"),
        ("models: { 'p/m': { cost: cheap } }", "E0109 invalid type"),
    ]);
}

#[test]
fn steps_that_ask_a_model_say_what_they_cannot() {
    steps(
        MODEL,
        &[
            ("prompt: hi", ""),
            (
                "prompt: hi, output_schema: { type: object }, parameters: { output_format: text }",
                "E0803 a text is wanted",
            ),
            ("prompt: hi, output_schema: { type: '{{ b }}' }", "E0808 a schema is not filled in"),
            (
                "prompt: hi, output_schema: { const: 12345678901234567890 }",
                "E0808 the schema has a number that cannot be kept",
            ),
            ("prompt: hi, output_schema: { title: x }", "E0808 the schema says nothing"),
            ("prompt: hi, output_schema: [1]", "E0808 a JSON Schema is a mapping"),
            ("prompt: hi, vars: []", "E0808 no variable is named"),
            ("prompt: hi, vars: [{ a: x, b: y }]", "E0104 a variable has one key, or a `name`"),
            ("prompt: hi, vars: ['']", "E0106 `` cannot be a variable"),
            ("prompt: hi, vars: ['1a']", "E0106 `1a` cannot be a variable"),
            ("prompt: hi, parameters: { temperature: 3 }", "E0104 `temperature` cannot be the number 3"),
            ("prompt: hi, model: noname", "E0105 `noname` names no model"),
            ("prompt: hi, model: 'p:'", "E0105 `p:` names no model"),
            ("prompt: ''", "E0104 the prompt is empty"),
            ("prompt: ' ', parameters: { text: t }", ""),
            ("prompt: hi, parameters: { prompt: ho }", "E0803 what is asked stands in"),
            ("prompt: hi, tools: [nope]", "E0804 there is no tool `nope`"),
            ("prompt: hi, tools: [user-prompt]", "E0804 `user-prompt` is no tool that a model may use"),
            ("prompt: hi, tools: [web-search]", "E0804 tool `web-search` is not carried out here"),
            ("prompt: hi, requires_model: none", "E0803 step `a` asks a model, and says that it needs none"),
            ("action: echo x, requires_model: none", ""),
            (
                "prompt: hi, requires_model: { budget_period: per-hour }",
                "E0802 nothing is counted by the hour",
            ),
            (
                "prompt: hi, requires_model: { budget_period: per-task }",
                "E0807 there is no limit to count towards",
            ),
            ("prompt: hi, requires_model: { modalities: [smell] }", "E0105 `smell` is no modality"),
            ("prompt: hi, requires_model: { min_accuracy_score: 2 }", "E0107 `min_accuracy_score` is 2"),
            ("prompt: hi, requires_model: { min_size: big }", "E0107 `big` is no size of a model"),
            ("prompt: hi, requires_model: { cost_limit: -1 }", "E0107 `cost_limit` cannot be the number -1"),
            ("prompt: hi, requires_model: { expertise: some }", "E0105 `expertise` cannot be"),
        ],
    );
}

#[test]
fn loops_and_other_pipelines_say_what_they_cannot() {
    let each = |more: &str| format!("{more}, steps: [{{ id: t, action: echo x }}]");
    let cases = [
        (each("for_each: [1], loop_name: 'a b'"), "E0106 `a b` cannot be a name"),
        (each("for_each: abc"), "E0104 `for_each` is no list"),
        (each("for_each: '{a, b}'"), "E0104 `for_each` is no list"),
        (each("for_each: 'a, b'"), ""),
        (each("for_each: [1], break_on_error: maybe"), "E0104 `break_on_error` is the text \"maybe\""),
    ];
    steps("", &cases.each_ref().map(|(step, expect)| (step.as_str(), *expect)));
    let other =
        "tool: pipeline-executor, parameters: { pipeline: { name: x, steps: [{ id: c, action: echo c }] }";
    let two = format!("{other}, error_handling: continue }}, on_failure: skip");
    let alone = format!("{other}, wait_for_completion: false }}");
    let written = |text: &str| format!("tool: pipeline-executor, parameters: {{ pipeline: {text} }}");
    let cases = [
        (two, "E0803 there are two ways to go on after a failure"),
        (alone, "E0802 another pipeline is always waited for"),
        (written("{ name: x, steps: [] }"), "E0202 there are no steps"),
        (written("{ name: x }"), "E0103 the other pipeline has no `steps`"),
        (
            written("\"name: x\\nphases: {}\\n# steps:\\n\""),
            "E0825 what is written here is no pipeline of steps",
        ),
        (written("\"name: x\\nsteps: [}\\n\""), "E0825 the pipeline that is written here:"),
        (written("'{{ b.result }}'"), "E0825 the file of another pipeline is written out"),
        (written("../x.yaml"), "E0825 `../x.yaml` leads out of the project"),
    ];
    steps("", &cases.each_ref().map(|(step, expect)| (step.as_str(), *expect)));
    steps(
        "",
        &[
            (
                "create_parallel_queue: { action_loop: [{ id: t, action: echo x }] }",
                "E0103 a queue does not say `on` what",
            ),
            (
                "action_loop: [{ id: t, action: echo x }]",
                "E0815 the loop says neither `while_condition` nor `until`",
            ),
            ("while: 'false', steps: t", "E0104 `steps` is the text \"t\""),
            ("action: 'echo {{ current_loop_name() }}'", ""),
            ("action: \"echo {{ loop_var('z', 'item') }}\"", "E0813 there is no loop `z` around"),
            ("action: 'echo {{ loop_var(z, 1) }}'", "E0813 `loop_var` is not called like this"),
            ("tool: pipeline-executor", "E0807 the parameter `pipeline` is missing"),
        ],
    );
}

#[test]
fn values_say_what_they_cannot_be() {
    steps(
        "",
        &[
            ("action: echo x, timeout: 0", "E0206 `timeout` is 0"),
            ("action: echo x, timeout: soon", "E0108 `timeout` cannot be the text"),
            ("action: echo x, timeout: -1", "E0108 `timeout` cannot be the number -1"),
            ("action: echo x, timeout: [1]", "E0108 `timeout` cannot be a list"),
            ("action: echo x, timeout: 0.5s", "E0108"),
            ("action: echo x, max_retries: -1", "E0104 `max_retries` is the number -1"),
            ("action: echo x, max_retries: 1.5", "E0104 `max_retries` is the number 1.5"),
            ("action: echo x, max_retries: '3'", "E0104 `max_retries` is the text \"3\""),
            ("action: [echo]", "E0104 `action` is a list"),
            ("action: 'echo <AUTO>x</AUTO>'", "E0818 `action` is left to a model, and there is none"),
            ("action: echo x, dependencies: { b: 1 }", "E0104 `dependencies` is a mapping"),
            ("action: echo x, on_error: [5]", "E0104 `on_error[0]` is the number 5"),
            (
                "action: echo x, on_error: { fallback_value: 1, priority: high }",
                "E0104 `priority` is the text",
            ),
            (
                "tool: user-prompt, parameters: { prompt: hi, input_type: choice }",
                "E0807 a choice is asked for",
            ),
            (
                "tool: filesystem, action: write, parameters: { path: o.txt, content: x }, produces: o.txt, location: o.txt, size_limit: 5",
                "E0803 the step writes that file itself",
            ),
        ],
    );
    let connect = |id: &str, command: &str| {
        format!(
            "- {{ id: {id}, tool: mcp-server, action: connect, parameters: {{ server_name: s, server_config: {{ command: {command} }} }} }}\n"
        )
    };
    let two = |other: &str| format!("name: x\nsteps:\n{}{}", connect("a", "run"), connect("b", other));
    check(&two("run"), "");
    check(&two("go"), "E0803 the server `s` is declared twice, and differently");
}
