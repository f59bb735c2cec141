//! Which model a step asks, in what order that is made out, and what is known of its answer.

use serde_json::{Value, json};

use super::{lowered, refused};

const HEADER: &str = "name: x\n\
    experts: { e: { model: 'p:expert' } }\n\
    models: { 'p/one': { quality: 0.2, cost: { input: 1, output: 1 } }, 'p/two': { quality: 0.9, cost: { input: 9, output: 9 } } }\n";

fn model(header: &str, step: &str) -> Result<Value, Vec<String>> {
    let (pipeline, problems) = lowered(&format!("{HEADER}{header}steps:\n- {{ id: a, prompt: hi{step} }}\n"));
    let codes: Vec<String> = problems.into_iter().map(|(code, _)| code).collect();
    if codes.is_empty() { Ok(pipeline["phases"]["a"]["agent"]["model"].clone()) } else { Err(codes) }
}

#[track_caller]
fn check(header: &str, step: &str, expect: Result<&str, &str>) {
    let expect = expect.map(Value::from).map_err(|code| vec![code.to_owned()]);
    assert_eq!(model(header, step), expect, "{header}{step}");
}

#[test]
fn the_nearest_word_on_who_answers_counts() {
    let of_tools = "experts: [{ echo: 'p:handy' }]\n";
    let (default, cost) = ("default_model: p:default\n", "selection: cost\n");
    let all = format!("{default}{cost}");
    check(&all, ", model: 'p:own', expert: e", Ok("p/own"));
    check(&all, ", expert: e", Ok("p/expert"));
    check(&all, "", Ok("p/default"));
    check(cost, "", Ok("p/one"));
    check("", "", Err("E0819"));
    let text = format!("name: x\n{of_tools}{all}steps:\n- {{ id: a, prompt: hi, tools: [echo] }}\n");
    assert_eq!(lowered(&text).0["phases"]["a"]["agent"]["model"], "p/handy");
    let text = text.replace("tools: [echo]", "tools: [filesystem]");
    assert_eq!(lowered(&text).0["phases"]["a"]["agent"]["model"], "p/default");
}

#[test]
fn requirements_bind_whoever_is_named() {
    let good = ", requires_model: { min_accuracy_score: 0.8 }";
    let own = |model: &str| format!("{good}, model: 'p:{model}'");
    check("", &own("two"), Ok("p/two"));
    check("", &own("one"), Err("E0827"));
    check("", &own("nobody-knows-it"), Err("E0827"));
    check("", good, Ok("p/two"));
    // The default stays where nobody says that another one may be chosen.
    check("default_model: p:two\n", good, Ok("p/two"));
    check("default_model: p:one\n", good, Err("E0827"));
    check("default_model: p:one\nselection: cost\n", good, Ok("p/two"));
    check("default_model: p:one\n", &format!("{good}, selection: cost"), Ok("p/two"));
    check("default_model: p:one\n", ", model: auto", Ok("p/two"));
}

#[test]
fn what_ships_is_chosen_from_where_the_file_names_no_models() {
    let (pipeline, problems) = lowered("name: x\nselection: performance\nsteps:\n- { id: a, prompt: hi }\n");
    assert_eq!(problems, []);
    // The better one has no key here.
    assert_eq!(pipeline["phases"]["a"]["agent"]["model"], "fake/shipped");
    let (pipeline, _) = lowered(
        "name: x\nmodels: { 'fake:shipped': }\nselection: cost\nsteps:\n- { id: a, prompt: hi, requires_model: { capabilities: [tools] } }\n",
    );
    assert_eq!(pipeline["phases"]["a"]["agent"]["model"], "fake/shipped", "the file says nothing new of it");
    let long = "word ".repeat(1000);
    let text = format!("name: x\nselection: cost\nsteps:\n- {{ id: a, prompt: '{long}' }}\n");
    assert_eq!(lowered(&text).1, [("E0827".to_owned(), 4)], "its context is too short");
}

#[test]
fn a_price_of_the_registry_is_one_of_the_pipeline_where_its_model_is_asked() {
    let (pipeline, _) = lowered(&format!("{HEADER}selection: cost\nsteps:\n- {{ id: a, prompt: hi }}\n"));
    assert_eq!(pipeline["prices"], json!({"p/one": {"input": 1.0, "output": 1.0}}));
}

#[test]
fn a_stand_in_has_a_name_that_nobody_has() {
    let text = "name: x\nselection: { fallback: [p:b, p:c] }\nagents: { a-fallback-2: { command: ['true'] } }\nsteps:\n\
                - { id: a-fallback-1, action: echo x }\n- { id: a, prompt: hi, model: 'p:a' }\n";
    let (pipeline, problems) = lowered(text);
    assert_eq!(problems, []);
    let names = json!({"a": 1, "a-model-1-2": 1, "a-model-2-2": 1});
    assert_eq!(pipeline["phases"]["a"]["agents"], names, "{pipeline:#}");
    assert_eq!(pipeline["agents"]["a-model-2-2"]["model"], "p/c");
}

#[test]
fn what_a_model_answers_is_known_to_those_who_read_it() {
    let ask = "- { id: m, prompt: hi, model: 'p:m', vars: [words, { name: parts, type: object, properties: { one: string } }] }\n\
               - { id: t, prompt: hi, model: 'p:m' }\n";
    let uses = |text: &str| format!("{ask}- {{ id: w, action: 'echo {{{{ {text} }}}}' }}");
    for good in [
        "words",
        "m.words",
        "m.result.words",
        "m.success",
        "parts.one",
        "m.parts.one",
        "t.result",
        "t.error",
        "m.result.items()",
        "words.upper()",
        "nosuch | default(1)",
        "m.nosuch | default(1)",
    ] {
        refused(&uses(good), &[]);
    }
    for bad in ["word", "m.word", "m.result.word", "parts.two", "m.parts.two", "t.words"] {
        refused(&uses(bad), &[("E0813", 3)]);
    }
    refused("- { id: m, prompt: '{{ words }}', model: 'p:m', vars: [words] }", &[("E0814", 1)]);
    let (pipeline, _) = lowered(&format!("name: x\nsteps:\n{}\n", uses("words")));
    assert_eq!(pipeline["phases"]["w"]["let"], json!({"words": "phases.m.step.words"}));
    assert_eq!(pipeline["phases"]["w"]["after"], json!(["m"]));
}

#[test]
fn a_schema_of_any_shape_stands_under_result() {
    let text = "name: x\nsteps:\n- { id: a, prompt: hi, model: 'p:m', output_schema: { $ref: '#/$defs/a', $defs: { a: \
                { type: array, items: { $ref: '#' } } } } }\n";
    let (pipeline, problems) = lowered(text);
    assert_eq!(problems, []);
    let output = &pipeline["phases"]["a"]["agent"]["output"];
    assert_eq!(pipeline["phases"]["a"]["agent"]["field"], "result");
    assert_eq!(output["$ref"], "#/$defs/a");
    assert_eq!(output["$defs"]["a"]["items"], json!({"$ref": "#"}));
}
