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

/// Each word of `requires_model` leaves out who does not fulfil it, and so do the limits of a `selection`.
#[test]
fn what_is_asked_of_a_model_leaves_others_out() {
    let models = "name: x\nmodels:\n\
        \x20 p/small: { size: 7b, quality: 0.3, speed: 100, latency_ms: 100, expertise: [law], cost: { input: 1, output: 1 } }\n\
        \x20 p/large: { size: 70, quality: 0.9, speed: 10, latency_ms: 2000, expertise: [code], cost: { input: 9, output: 9 } }\n";
    let asked = |selection: &str, requires: &str| {
        let step = format!(
            "- {{ id: a, action: generate, {requires}parameters: {{ prompt: hi, max_tokens: 100 }} }}\n"
        );
        let (pipeline, problems) = lowered(&format!("{models}selection: {selection}\nsteps:\n{step}"));
        let code = problems.into_iter().map(|(code, _)| code).collect::<Vec<_>>().join(" ");
        if code.is_empty() {
            pipeline["phases"]["a"]["agent"]["model"].as_str().unwrap().to_owned()
        } else {
            code
        }
    };
    let of = |strategy: &str, wish: &str| asked(strategy, &format!("requires_model: {{ {wish} }}, "));
    // Of these the cheap one would be asked.
    for (wish, model) in [
        ("min_size: 7", "p/small"),
        ("min_size: 8b", "p/large"),
        ("min_size: 8", "p/large"),
        ("min_size: '7001m'", "p/large"),
        ("min_size: 71b", "E0827"),
        ("expertise: low", "p/small"),
        ("expertise: medium", "p/large"),
        ("expertise: very-high", "p/large"),
        ("expertise: low, min_accuracy_score: 0.5", "p/large"),
        ("expertise: high, min_accuracy_score: 0.2", "p/large"),
        ("expertise: [code]", "p/large"),
        ("expertise: [code, law]", "E0827"),
        ("min_accuracy_score: 0.3", "p/small"),
        ("excluded: ['p:small']", "p/large"),
        ("preferred: ['p:large']", "p/large"),
    ] {
        assert_eq!(of("cost", wish), model, "{wish}");
    }
    // And of these the good one.
    for (wish, model) in [
        ("max_size: 70b", "p/large"),
        ("max_size: 69b", "p/small"),
        ("max_size: '900m'", "E0827"),
        ("max_latency_ms: 2000", "p/large"),
        ("max_latency_ms: 1999", "p/small"),
        ("min_tokens_per_second: 10", "p/large"),
        ("min_tokens_per_second: 10.5", "p/small"),
        ("cost_limit: 0.0005", "p/small"),
        ("cost_limit: 0.00005", "E0827"),
    ] {
        assert_eq!(of("performance", wish), model, "{wish}");
    }
    let limited = |limit: &str| asked(&format!("{{ strategy: performance, {limit} }}"), "");
    assert_eq!(limited("max_latency_ms: 2000"), "p/large");
    assert_eq!(limited("max_latency_ms: 500"), "p/small");
    assert_eq!(limited("cost_limit: 0.0005"), "p/small");
    // What the step says goes before what the file says.
    assert_eq!(
        asked("{ strategy: performance, max_latency_ms: 500 }", "selection: { max_latency_ms: 5000 }, "),
        "p/large"
    );
    assert_eq!(
        asked("{ strategy: performance, max_latency_ms: 5000 }", "requires_model: { max_latency_ms: 500 }, "),
        "p/small"
    );
}

const PERSONALITIES: &str = "name: x\ndefault_model: p:m\n\
    experts: { e: { model: 'p:e', temperature: 0.1, max_tokens: 11, system_prompt: Of the expert. } }\n\
    personalities:\n\
    \x20 base: { system_prompt: Base., parameters: { temperature: 0.2, max_tokens: 22 } }\n\
    \x20 other: { system_prompt: Other., parameters: { temperature: 0.3 } }\n\
    \x20 both: { system_prompt: Both., format: bare, extends: [base, other, base] }\n\
    \x20 own: { system_prompt: Own., extends: base, parameters: { temperature: 0.4 } }\n";

/// The nearest word counts, of each setting by itself: that of the parameters, of the personality, of what it builds on in
/// order, of the expert.
#[test]
fn what_a_model_is_told_to_be_is_said_by_the_nearest() {
    let told = |header: &str, step: &str| {
        let (pipeline, problems) =
            lowered(&format!("{PERSONALITIES}{header}steps:\n- {{ id: a, prompt: hi{step} }}\n"));
        assert_eq!(problems, [], "{step}");
        let phase = &pipeline["phases"]["a"];
        json!([phase["input"]["system"], phase["agent"]["temperature"], phase["agent"]["max_tokens"]])
    };
    for (step, expect) in [
        ("", json!([null, null, null])),
        (", expert: e", json!(["Of the expert.", 0.1, 11])),
        (", expert: e, personality: base", json!(["Base.", 0.2, 22])),
        (", expert: e, personality: other", json!(["Other.", 0.3, 11])),
        (", personality: both", json!(["Base.\n\nOther.\n\nBoth.\nFormat: bare", 0.2, 22])),
        (", personality: own", json!(["Base.\n\nOwn.", 0.4, 22])),
        (
            ", expert: e, personality: own, parameters: { temperature: 1, max_tokens: 33, system: Said. }",
            json!(["Said.", 1.0, 33]),
        ),
        (", expert: e, parameters: { system_prompt: Said. }", json!(["Said.", 0.1, 11])),
        (", personality: 'Be brief, and kind.'", json!(["Be brief, and kind.", null, null])),
    ] {
        assert_eq!(told("", step), expect, "{step}");
    }
    let standard = "  standard: As always.\n";
    assert_eq!(told(standard, ""), json!(["As always.", null, null]));
    assert_eq!(told(standard, ", personality: other"), json!(["Other.", 0.3, null]));
    let mistaken = |step: &str| {
        let (_, problems) = lowered(&format!("{PERSONALITIES}steps:\n- {{ id: a, prompt: hi{step} }}\n"));
        problems.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };
    assert_eq!(mistaken(", personality: nobody"), ["E0820"]);
    assert_eq!(mistaken(", expert: nobody"), ["E0820"]);
    assert_eq!(mistaken(", parameters: { temperature: 3 }"), ["E0104"]);
}

/// Of a server all tools may be used, or those that are named; all where both is said.
#[test]
fn a_model_may_use_tools_of_servers() {
    let of = |tools: &str| {
        let header = "name: x\nservers: { s: { command: [run] }, t: { command: [run] } }\nsteps:\n";
        let (pipeline, problems) =
            lowered(&format!("{header}- {{ id: a, prompt: hi, model: 'p:m', tools: [{tools}] }}\n"));
        assert_eq!(problems, [], "{tools}");
        pipeline["phases"]["a"]["agent"]["tools"]["from"].clone()
    };
    assert_eq!(of("s/one, s/two"), json!({"s": ["one", "two"]}));
    assert_eq!(of("s/one, s, t/one"), json!({"s": [], "t": ["one"]}));
    assert_eq!(of("echo, t"), json!({"refrain": ["echo"], "t": []}));
}

/// Several models that are good with a tool are chosen from like any others.
#[test]
fn of_those_that_are_good_with_a_tool_one_is_chosen() {
    let asked = |selection: &str, more: &str| {
        let text = format!(
            "{HEADER}experts: [{{ echo: ['p:one', 'p:two'] }}]\ndefault_model: p:default\n{selection}steps:\n\
             - {{ id: a, prompt: hi, tools: [echo]{more} }}\n"
        );
        let text = text.replace("experts: { e: { model: 'p:expert' } }\n", "");
        let (pipeline, problems) = lowered(&text);
        assert_eq!(problems, [], "{selection}{more}");
        pipeline["phases"]["a"]["agent"]["model"].as_str().unwrap().to_owned()
    };
    assert_eq!(asked("selection: cost\n", ""), "p/one");
    assert_eq!(asked("selection: performance\n", ""), "p/two");
    assert_eq!(asked("", ", requires_model: { min_accuracy_score: 0.5 }"), "p/two");
    assert_eq!(asked("", ", model: 'p:own'"), "p/own");
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

/// Who is told to be somebody by name is not told to be somebody else as well.
#[test]
fn what_is_nearest_says_who_the_model_is() {
    let header = "default_model: p:m\npersonalities: { standard: Std., kind: Kind. }\nexperts: { s: { system_prompt: Exp. }, q: { temperature: 1 } }\n";
    let system = |header: &str, step: &str| {
        let (pipeline, problems) =
            lowered(&format!("name: x\n{header}steps:\n- {{ id: a, prompt: hi{step} }}\n"));
        assert_eq!(problems, [], "{header}{step}");
        pipeline["phases"]["a"]["input"]["system"].clone()
    };
    let cases = [
        ("", json!("Std.")),
        (", expert: s", json!("Exp.")),
        (", expert: q", json!("Std.")),
        (", expert: s, personality: kind", json!("Kind.")),
        (", expert: s, personality: standard", json!("Std.")),
        (", expert: s, personality: standard, parameters: { system: Own. }", json!("Own.")),
    ];
    for (step, expect) in cases {
        assert_eq!(system(header, step), expect, "{step}");
    }
    assert_eq!(system("default_model: p:m\n", ", personality: standard"), Value::Null);
}

#[test]
fn personalities_without_a_ground_are_told_of_once() {
    let kinds =
        "{ a: { extends: b }, b: { extends: c }, c: { extends: a }, d: { extends: d }, e: { extends: c } }";
    let (_, problems) =
        lowered(&format!("name: x\npersonalities: {kinds}\nsteps: [{{ id: a, action: echo hi }}]\n"));
    assert_eq!(problems, [("E0820".to_owned(), 2), ("E0820".to_owned(), 2)]);
}

/// `NAME` alone would be one of two things, and nobody sees which.
#[test]
fn a_name_of_two_things_is_told_of() {
    let codes = |text: &str| {
        let (_, problems) = lowered(&format!(
            "name: x\ndefault_model: p:m\ninputs: {{ who: ann }}\nsteps:\n- {{ id: a, prompt: 'Name {{{{ who }}}}', vars: [who, b] }}\n\
             - {{ id: b, action: 'echo {text}', dependencies: [a] }}\n- {{ id: c, action: 'echo {text}', dependencies: [b] }}\n"
        ));
        problems.into_iter().map(|(code, line)| format!("{code} {line}")).collect::<Vec<_>>()
    };
    assert_eq!(codes("{{ who }}"), ["E0813 6", "E0813 7"]);
    assert_eq!(codes("{{ inputs.who }} {{ a.who }} {{ a.b }}"), [""; 0]);
    let (_, problems) = lowered(
        "name: x\ndefault_model: p:m\nsteps:\n- { id: a, prompt: hi, vars: [b] }\n- { id: b, action: 'echo b' }\n\
         - { id: c, action: 'echo {{ b.result }}' }\n- { id: d, action: 'echo {{ b }}' }\n",
    );
    assert_eq!(problems, [("E0813".to_owned(), 7)]);
}

#[test]
fn a_variable_with_a_bad_name_is_one_mistake() {
    let (_, problems) =
        lowered("name: x\ndefault_model: p:m\nsteps:\n- { id: a, prompt: hi, vars: { a-b: x } }\n");
    assert_eq!(problems, [("E0106".to_owned(), 4)]);
}

#[test]
fn what_costs_money_stands_in_for_nothing_free_without_a_word() {
    let codes = |how: &str, price: u32| {
        let (_, problems) = lowered(&format!(
            "name: x\nmodels: {{ p/free: {{ quality: 0.5, cost: {{ input: 0, output: 0 }} }}, p/paid: {{ quality: 0.9, cost: {{ input: {price}, output: 5 }} }} }}\n\
             selection: {{ strategy: cost{how} }}\nsteps:\n- {{ id: a, prompt: hi{} }}\n",
            if how.is_empty() { ", requires_model: { fallback_strategy: best_available }" } else { "" }
        ));
        problems.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
    };
    assert_eq!(codes("", 5), ["W0832"]);
    assert_eq!(codes(", fallback: 'p:paid'", 5), [""; 0]);
}
