//! `docs/steps.md` has a row for every key; each acts, says something to people, or is refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::lowered;

const DOCS: &str = include_str!("../../../../../../docs/steps.md");

enum Row {
    /// It becomes this, under a pointer into the pipeline.
    Acts(&'static str, Value),
    /// It is taken and says something to people alone.
    Inert,
    /// It is refused with this code.
    Refused(&'static str),
}

use Row::{Acts, Inert, Refused};

/// Returns the keys of a table of the documentation.
fn documented(heading: &str) -> BTreeSet<&'static str> {
    let section = DOCS.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

#[track_caller]
fn check(what: &str, key: &str, text: &str, row: &Row) {
    let (pipeline, problems) = lowered(text);
    let codes: Vec<&str> = problems.iter().map(|(code, _)| code.as_str()).collect();
    match row {
        Acts(pointer, value) => {
            assert_eq!(codes, [""; 0], "{what} `{key}`: {text}");
            assert_eq!(pipeline.pointer(pointer), Some(value), "{what} `{key}` in {pipeline:#}");
        }
        Inert => assert_eq!(codes, [""; 0], "{what} `{key}`: {text}"),
        Refused(code) => assert!(codes.contains(code), "{what} `{key}`: {codes:?}"),
    }
}

fn header() -> Vec<(&'static str, &'static str, Row)> {
    let agent = json!({"command": ["true"]});
    let mut rows = vec![
        ("id", "my-id", Inert),
        ("name", "", Acts("/name", json!("x"))),
        ("description", "words", Acts("/description", json!("words"))),
        ("version", "1.2.3", Inert),
        ("metadata", "{ a: '{{ b }}' }", Inert),
        ("author", "me", Inert),
        ("tags", "[a]", Inert),
        ("inputs", "{ n: 1 }", Acts("/params/n/default", json!(1))),
        ("parameters", "{ n: 1 }", Acts("/params/n/default", json!(1))),
        ("outputs", "{ o: { value: '{{ a.path }}' } }", Acts("/let/a", json!("phases.a.step"))),
        ("steps", "", Acts("/phases/a/input/path", json!("p"))),
        ("context", "{ timeout: 5 }", Acts("/phases/a/timeout", json!("5s"))),
        ("config", "{ parallel: false }", Acts("/limits/concurrency", json!(1))),
        ("servers", "{ s: { command: [x] } }", Acts("/servers/s/command", json!(["x"]))),
        ("agents", "{ mine: { command: ['true'] } }", Acts("/agents/mine", agent)),
        (
            "endpoints",
            "{ e: { base_url: 'http://localhost' } }",
            Acts("/endpoints/e/base_url", json!("http://localhost")),
        ),
        ("prices", "{ 'a/b': { input: 1, output: 2 } }", Acts("/prices/a~1b/input", json!(1.0))),
        ("limits", "{ calls: 3 }", Acts("/limits/calls", json!(3))),
        ("budget", "{ calls: 3 }", Acts("/budget/calls", json!(3))),
        ("durability", "power", Acts("/durability", json!("power"))),
        ("default_model", "p:m", Inert),
        ("model", "p:m", Inert),
        ("selection", "cost", Inert),
        (
            "selection_schema",
            "{ strategy: balanced, fallback: 'p:m', timeout: 3, cost_limit: 1, max_latency_ms: 9 }",
            Inert,
        ),
        ("models", "{ 'p/m': { size: 7b, quality: 1, cost: { input: 1, output: 2 } } }", Inert),
        ("experts", "{ e: { model: 'p:m' } }", Inert),
        ("personalities", "{ e: words }", Inert),
        ("system", "be brief", Acts("/system", json!("be brief"))),
        ("orchestrator", "p:m", Inert),
        ("intention", "to test", Inert),
        ("architecture", "one step", Inert),
        ("output_dir", "out", Acts("/phases/a-product-1/input/path", json!("out/o.txt"))),
        (
            "global_error_handlers",
            "[{ fallback_value: 1 }]",
            Acts("/phases/a/recover", json!([{"value": 1}])),
        ),
    ];
    rows.push(("tools", "[filesystem]", Inert));
    rows.extend(
        ["imports", "extends", "pipeline", "tasks"].into_iter().map(|key| (key, "x", Refused("E0802"))),
    );
    rows
}

#[test]
fn every_key_of_the_header_acts_or_is_refused() {
    let rows = header();
    assert_eq!(rows.iter().map(|(key, ..)| *key).collect::<BTreeSet<_>>(), documented("The header"));
    for (key, value, row) in &rows {
        let own = if value.is_empty() { String::new() } else { format!("{key}: {value}\n") };
        let text = format!(
            "name: x\n{own}steps:\n- {{ id: a, tool: filesystem, action: read, parameters: {{ path: p }}, products: {{ content: o.txt }} }}\n"
        );
        check("header", key, &text, row);
    }
    check("header", "nmae", "nmae: x\nname: x\nsteps: [{ id: a, action: echo x }]\n", &Refused("E0801"));
}

fn step() -> Vec<(&'static str, &'static str, Row)> {
    let a = "/phases/a";
    let mut rows = vec![
        ("id", "", Acts("/phases/a/input/path", json!("p"))),
        ("name", "words", Acts("/phases/a/description", json!("words"))),
        ("description", "words", Acts("/phases/a/description", json!("words"))),
        ("metadata", "{ x: '{{ y }}' }", Inert),
        ("output_description", "words", Inert),
        ("tool", "", Acts("/phases/a/agent/tool/name", json!("filesystem"))),
        ("action", "", Acts("/phases/a/agent/tool/action", json!("read"))),
        ("parameters", "", Acts("/phases/a/input", json!({"path": "p"}))),
        ("dependencies", "[b]", Acts("/phases/a/after", json!(["b"]))),
        ("depends_on", "b", Acts("/phases/a/after", json!(["b"]))),
        ("condition", "1 > 2", Acts("/phases/a/when", json!("1 > 2"))),
        ("if", "false", Acts("/phases/a/when", json!("false"))),
        ("on_false", "b", Acts("/phases/a/on_false", json!("b"))),
        ("on_success", "b", Acts("/phases/a/on_success", json!("b"))),
        ("goto", "b", Acts("/phases/a/goto", json!("b"))),
        ("on_failure", "skip", Acts("/phases/a/on_failure", json!("skip"))),
        ("timeout", "1.5", Acts("/phases/a/timeout", json!("1s500ms"))),
        ("max_retries", "0", Acts("/phases/a/retry/attempts", json!(1))),
        ("retry", "{ max_attempts: 7 }", Acts("/phases/a/retry/attempts", json!(7))),
        ("error_handling", "{ fallback: { x: 1 } }", Acts("/phases/a/recover", json!([{"value": {"x": 1}}]))),
        ("on_error", "{ fallback_value: 1 }", Acts("/phases/a/recover", json!([{"value": 1}]))),
        (
            "products",
            "[{ content: out/a.txt }]",
            Acts("/phases/a-product-1/input/content", json!("{{ a.content }}")),
        ),
        ("produces", "out/a.txt", Acts("/phases/a-product-1/input/path", json!("out/a.txt"))),
        (
            "location",
            "out/a.txt, produces: path",
            Acts("/phases/a-product-1/input/content", json!("{{ a.path }}")),
        ),
        ("format", "csv, location: out/a", Acts("/phases/a-product-1/input/format", json!("csv"))),
        ("size_limit", "1KB, location: out/a", Acts("/phases/a-product-1/input/size_limit", json!(1000))),
        ("error_handlers", "[{ fallback_result: 1 }]", Acts("/phases/a/recover", json!([{"value": 1}]))),
        (
            "output_schema",
            "{ type: object }",
            Acts("/phases/a/output/schema/properties/result", json!({"type": "object"})),
        ),
    ];
    let refused = ["else", "foreach", "loop", "parallel", "continue_on_error", "checkpoint", "cache"];
    rows.extend(refused.into_iter().map(|key| (key, "x", Refused("E0802"))));
    // These are for models; the test below shows what they do there.
    let of_models =
        ["prompt", "model", "expert", "personality", "selection", "requires_model", "tools", "vars"];
    rows.extend(of_models.into_iter().map(|key| (key, "x", Refused("E0803"))));
    assert!(rows.iter().all(|(_, _, row)| !matches!(row, Acts(pointer, _) if !pointer.starts_with(a))));
    rows
}

/// Keys of loops, each as a whole step.
fn round() -> Vec<(&'static str, &'static str, Row)> {
    vec![
        ("for_each", "for_each: [1], steps: S", Acts("/phases/a/loop/for_each", json!([1]))),
        ("while", "while: 'false', steps: S", Acts("/phases/a/loop/while", json!("false"))),
        ("until", "until: 'true', steps: S", Acts("/phases/a/loop/until", json!("true"))),
        (
            "create_parallel_queue",
            "create_parallel_queue: { on: [1], action_loop: S }",
            Acts("/phases/a/loop/for_each", json!([1])),
        ),
        (
            "create_parallel_queue",
            "create_parallel_queue: { on: [1], task: { id: t, action: echo x }, while: 'is_first', until: 'index > 0' }",
            Acts("/phases/a/loop", json!({"for_each": [1], "while": "is_first", "until": "index > 0"})),
        ),
        (
            "create_parallel_queue",
            "create_parallel_queue: { on: [1], tool: filesystem, action_loop: [{ action: read, parameters: { path: p } }] }",
            Acts("/phases/a_action1/agent/tool/name", json!("filesystem")),
        ),
        ("timeout", "timeout: 3, for_each: [1], steps: S", Acts("/phases/a/timeout", json!("3s"))),
        (
            "max_retries",
            "max_retries: 7, for_each: [1], steps: S",
            Acts("/phases/a_t/retry/attempts", json!(7)),
        ),
        ("action_loop", "action_loop: S, until: 'true'", Acts("/phases/a/loop/max", json!(100))),
        (
            "while_condition",
            "action_loop: S, while_condition: 'false'",
            Acts("/phases/a/loop/while", json!("false")),
        ),
        (
            "max_iterations",
            "while: 'true', max_iterations: 4, steps: S",
            Acts("/phases/a/loop/max", json!(4)),
        ),
        (
            "max_parallel",
            "for_each: [1], max_parallel: 3, steps: S",
            Acts("/phases/a/loop/max_parallel", json!(3)),
        ),
        (
            "loop_name",
            "for_each: [1], loop_name: outer, steps: T",
            Acts("/phases/a_t/let/outer", json!("loop.a")),
        ),
        (
            "loop_var",
            "for_each: [1], loop_var: outer, steps: V",
            Acts("/phases/a_t/let/outer", json!("loop.a.item")),
        ),
        ("add_completion_task", "for_each: [1], add_completion_task: true, steps: S", Inert),
        (
            "break_on_error",
            "while: 'true', break_on_error: true, steps: S",
            Acts("/phases/a/loop/break_on_error", json!(true)),
        ),
        (
            "iteration_timeout",
            "while: 'true', iteration_timeout: 2, steps: S",
            Acts("/phases/a/loop/turn_timeout", json!("2s")),
        ),
        ("steps", "for_each: [1], steps: S", Acts("/phases/a_t/in", json!("a"))),
    ]
}

#[test]
fn every_key_of_a_step_acts_or_is_refused() {
    let (steps, loops) = (step(), round());
    let known = steps.iter().chain(&loops).map(|(key, ..)| *key).collect::<BTreeSet<_>>();
    assert_eq!(known, documented("Steps"));
    let before = "- { id: b, action: echo x }\n";
    let after_b = ["on_false", "on_success", "goto"];
    for (key, value, row) in &steps {
        let own = if value.is_empty() { String::new() } else { format!(", {key}: {value}") };
        let a = format!("- {{ id: a, tool: filesystem, action: read, parameters: {{ path: p }}{own} }}\n");
        let order = if after_b.contains(key) { format!("{a}{before}") } else { format!("{before}{a}") };
        check("step", key, &format!("name: x\nsteps:\n{order}"), row);
    }
    for (key, step, row) in &loops {
        let step = step
            .replace(": S", ": [{ id: t, action: echo x }]")
            .replace(": T", ": [{ id: t, action: 'echo {{ outer.item }}' }]")
            .replace(": V", ": [{ id: t, action: 'echo {{ outer }}' }]");
        check("loop", key, &format!("name: x\nsteps:\n- {{ id: a, {step} }}\n"), row);
    }
    check(
        "step",
        "on_sucess",
        "name: x\nsteps: [{ id: a, action: echo x, on_sucess: b }]\n",
        &Refused("E0801"),
    );
}

#[test]
fn keys_of_steps_that_ask_a_model() {
    let header = "name: x\ndefault_model: p:m\nprices: { fake/shipped: { input: 1, output: 2 } }\nexperts: { e: { model: q, provider: r, max_tokens: 9 } }\n\
                  personalities: { kind: be kind, short: { system_prompt: be short, extends: kind } }\n";
    let check = |step: &str, pointer: &'static str, value: Value| {
        check("model", step, &format!("{header}steps:\n- {{ id: a, {step} }}\n"), &Acts(pointer, value));
    };
    check("prompt: hi", "/phases/a/agent/model", json!("p/m"));
    check("prompt: hi", "/phases/a/input", json!({"prompt": "hi"}));
    check("prompt: hi, model: 's:t'", "/phases/a/agent/model", json!("s/t"));
    check("prompt: hi, expert: e", "/phases/a/agent/model", json!("r/q"));
    check("prompt: hi, expert: e", "/phases/a/agent/max_tokens", json!(9));
    check("action: generate, parameters: { prompt: hi, system: go }", "/phases/a/input/system", json!("go"));
    check("prompt: hi, personality: short", "/phases/a/input/system", json!("be kind\n\nbe short"));
    check("prompt: hi, personality: you are a cat", "/phases/a/input/system", json!("you are a cat"));
    let vars = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
    let result = "/phases/a/agent/output";
    check("prompt: hi, vars: [{ n: { type: integer } }]", result, vars);
    check("prompt: hi, output_schema: { type: integer }", result, json!({"type": "integer"}));
    check(
        "action: generate_structured, parameters: { prompt: hi, schema: { enum: [1] } }",
        result,
        json!({"enum": [1]}),
    );
    check(
        "action: generate, parameters: { prompt: hi, output_format: json }",
        result,
        json!({"type": ["object", "array"]}),
    );
    check(
        "prompt: hi, tools: [echo, filesystem]",
        "/phases/a/agent/tools/from",
        json!({"refrain": ["echo", "filesystem_read", "filesystem_write", "filesystem_list"]}),
    );
    check("prompt: hi, selection: cost", "/phases/a/agent/model", json!("fake/shipped"));
    check(
        "prompt: hi, model: 's:t', selection: { fallback: 'u:v', timeout: 9 }",
        "/agents/a-fallback-1/timeout",
        json!("9s"),
    );
    check(
        "prompt: hi, model: 's:t', selection: { fallback: 'u:v' }",
        "/phases/a/agents",
        json!({"a": 1, "a-fallback-1": 1}),
    );
    check("prompt: hi, model: auto, selection: { cost_limit: 2 }", "/phases/a/budget/usd", json!(2.0));
}
