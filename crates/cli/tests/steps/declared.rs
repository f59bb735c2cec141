//! What a file declares, and how it is told of what is wrong with it: the mistake itself, and nothing that follows from it.

use std::fs;

use serde_json::{Value, json};

use crate::own::{refrain, run, staged};

/// Returns the codes and messages of what is wrong with a file.
fn wrong(text: &str, words: &[&str]) -> Vec<String> {
    let place = staged("x.yaml", &format!("name: x\n{text}"));
    let refused = run(place.path(), &[&["-f", "x.yaml", "run"], words].concat(), 2);
    let problems = refused["problems"].as_array().unwrap();
    let told = |problem: &Value| {
        let [code, message] = ["code", "message"].map(|field| problem[field].as_str().unwrap());
        format!("{code} {message}")
    };
    problems.iter().map(told).collect()
}

const ECHO: &str = "steps: [{ id: a, action: 'echo {{ v }}' }]\n";

#[test]
fn a_mistake_is_told_once() {
    for (text, words, expect) in [
        // An input, a step and a call that are wrong are there all the same.
        (format!("inputs: {{ v: {{ type: strnig }} }}\n{ECHO}"), &["--set", "v=1"][..], "E0105"),
        (format!("inputs: {{ v: {{ type: string, defualt: 1 }} }}\n{ECHO}"), &[], "E0801"),
        ("steps: [{ id: 'a b', action: echo a }]\n".to_owned(), &[], "E0106"),
        ("steps: [{ action: echo a }]\n".to_owned(), &[], "E0103"),
        ("steps: [echo a]\n".to_owned(), &[], "E0104"),
        (
            "steps: [{ id: s, tool: pipeline-executor, parameters: { pipeline: { name: y, inputs: [n], \
             steps: [{ id: a, action: 'echo {{ n }}' }] } } }]\n"
                .to_owned(),
            &[],
            "E0825",
        ),
        ("steps: [{ id: a, prompt: x, model: 'ollama:m', vars: ['a b'] }]\n".to_owned(), &[], "E0106"),
        ("steps: [{ id: a, prompt: '', model: 'ollama:m' }]\n".to_owned(), &[], "E0104"),
        (
            "steps: [{ id: a, prompt: x, model: 'ollama:m', parameters: { prompt: y } }]\n".to_owned(),
            &[],
            "E0803",
        ),
        (format!("{}outputs: {{ o: {{ type: integer }} }}\n", ECHO.replace("{{ v }}", "v")), &[], "E0103"),
        (
            "steps: [{ id: q, tool: user-prompt, parameters: { prompt: x, input_type: choice } }]\n"
                .to_owned(),
            &[],
            "E0807",
        ),
        (
            "steps: [{ id: q, tool: feedback-collection, parameters: { title: x, questions: [a], \
             required_questions: [b] } }]\n"
                .to_owned(),
            &[],
            "E0823",
        ),
    ] {
        let told = wrong(&text, words);
        assert!(told.len() == 1 && told[0].starts_with(expect), "{text}: {told:?}");
    }
}

#[test]
fn rules_are_for_types() {
    let input = |spec: &str| format!("inputs: {{ v: {spec} }}\n{ECHO}");
    for (spec, value, expect) in [
        ("{ type: string, validation: { min: 1 } }", "a", "E0803 `min` is no rule for a string"),
        (
            "{ type: integer, validation: { pattern: a } }",
            "1",
            "E0803 `pattern` is no rule for a whole number",
        ),
        (
            "{ type: object, validation: { properties: { a: { type: integer, required: true, min: 3 } } } }",
            "{\"a\": 2}",
            "E0821",
        ),
        ("{ type: object, validation: { properties: { a: { type: int, required: true } } } }", "{}", "E0821"),
        ("{ enum: [a, b] }", "c", "E0821"),
    ] {
        let told = wrong(&input(spec), &["--set", &format!("v={value}")]);
        assert!(told.len() == 1 && told[0].starts_with(expect), "{spec}: {told:?}");
    }
    for (spec, value) in [
        (
            "{ type: object, validation: { properties: { a: { type: int, required: true }, b: string } } }",
            "{\"a\": 2}",
        ),
        ("{ description: whatever }", "[1]"),
        ("{ enum: [a, b] }", "a"),
    ] {
        let place = staged("x.yaml", &format!("name: x\n{}", input(spec)));
        run(place.path(), &["-f", "x.yaml", "run", "--set", &format!("v={value}")], 0);
    }
}

#[test]
fn hints_are_about_the_mistake() {
    let text = "name: x\nsteps: [{ id: q, tool: user-prompt, parameters: { prompt: x, validation_pattern: '(' } }]\n";
    let place = staged("x.yaml", text);
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    assert_eq!(refused["problems"][0]["hint"], "`refrain tools user-prompt` says what it takes");
    let text = "name: x\nsteps: [{ id: a, tool: filesystem, action: read, parameters: { path: ../x } }]\n";
    let place = staged("x.yaml", text);
    let refused = run(place.path(), &["-f", "x.yaml", "check"], 2);
    assert_eq!(refused["problems"][0]["hint"], "paths stay in the project folder");
}

#[test]
fn who_waits_has_not_failed() {
    let steps = "steps:\n- id: all\n  for_each: [a, b]\n  steps:\n  \
                 - { id: n, tool: user-prompt, parameters: { prompt: 'How many {{ item }}?', input_type: number } }\n\
                 outputs: { all: '{{ all.results }}' }\n";
    let place = staged("x.yaml", &format!("name: x\n{steps}"));
    let said = refrain(place.path(), &["-f", "x.yaml", "run"]);
    let (out, told) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert_eq!(said.status.code(), Some(6));
    assert!(!out.contains("failed") && !told.contains("failed"), "{out}\n{told}");
    assert!(out.contains("2 units for a person to answer"), "{out}");
    // By the name that the result has for it, and by that of the target; numbers may be negative.
    for (step, value) in [("all_0_n", "-5"), ("all_n@1", "7")] {
        let said = refrain(place.path(), &["-f", "x.yaml", "answer", step, value]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    let made = done["outputs"]["all"].as_array().unwrap().iter();
    let made: Vec<&Value> = made.map(|turn| &turn["n"]["result"]["value"]).collect();
    assert_eq!(made, [&json!(-5), &json!(7)]);
}

#[test]
fn what_changed_of_a_loop_is_told_by_its_turns() {
    let text = "name: x\ninputs: { all: [a, b] }\nsteps:\n- id: l\n  for_each: '{{ all }}'\n  steps:\n  \
                - { id: s, action: 'echo {{ item }}' }\n";
    let place = staged("x.yaml", text);
    run(place.path(), &["-f", "x.yaml", "run"], 0);
    let why = |list: &str| {
        let set = format!("all={list}");
        let said = refrain(place.path(), &["-f", "x.yaml", "--set", &set, "why", "l"]);
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    assert!(why("[\"a\"]").contains("l_1_s is no longer part of it"), "{}", why("[\"a\"]"));
    let more = why("[\"a\", \"b\", \"c\"]");
    assert!(more.contains("`inputs.all` is written differently"), "{more}");
    assert!(!more.contains("scopes"), "{more}");
    let text = "name: x\nsteps:\n- { id: p, tool: terminal, parameters: { command: date +%N } }\n- id: l\n  \
                for_each: [a, b]\n  steps:\n  - { id: s, action: 'echo {{ item }} {{ p.stdout }}' }\n";
    let place = staged("y.yaml", text);
    run(place.path(), &["-f", "y.yaml", "run"], 0);
    let planned = refrain(place.path(), &["-f", "y.yaml", "plan"]);
    let planned = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(planned.contains("l_0_s is not fresh") && !planned.contains("no longer"), "{planned}");
}

#[test]
fn people_are_warned_in_the_document_as_well() {
    let place = staged(
        "x.yaml",
        "name: x\nendpoints: { gone: { base_url: 'http://127.0.0.1:9/v1' } }\norchestrator: gone:m\n\
         steps: [{ id: a, action: echo a }]\n",
    );
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    let told: Vec<&Value> = done["problems"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 1, "one warning: {told:?}");
    assert_eq!((&told[0]["code"], &told[0]["severity"]), (&json!("W0828"), &json!("warning")));
}

#[test]
fn a_written_plan_keeps_the_models_that_it_was_made_with() {
    let text = "name: x\nendpoints: { sim: { base_url: 'http://127.0.0.1:9/v1' } }\nselection: cost\nmodels:\n  \
                sim/a: { quality: 0.5, cost: { input: 1, output: 1 } }\n  sim/b: { quality: 0.5, cost: { input: 2, output: 2 } }\n\
                steps: [{ id: s, prompt: x }]\n";
    let place = staged("x.yaml", text);
    let asks = |words: &[&str]| {
        run(place.path(), &[&["-f", "x.yaml"], words].concat(), 0)["choices"][0]["model"].clone()
    };
    assert_eq!(asks(&["plan"]), "sim/a");
    fs::write(place.path().join("x.yaml"), text.replace("input: 1,", "input: 9,")).unwrap();
    assert_eq!(asks(&["plan"]), "sim/b", "who only looks keeps nothing");
    fs::write(place.path().join("x.yaml"), text).unwrap();
    assert_eq!(asks(&["plan", "-o", "plan.json"]), "sim/a");
    fs::write(place.path().join("x.yaml"), text.replace("input: 1,", "input: 9,")).unwrap();
    assert_eq!(asks(&["plan"]), "sim/a", "what was written down stays");
}

#[test]
fn inputs_may_have_any_name() {
    let names = ["execution", "params", "phases", "scope", "now", "range"];
    let inputs: Vec<String> = names.iter().map(|name| format!("{name}: {name}!")).collect();
    let texts: Vec<String> =
        names.iter().map(|name| format!("{{{{ {name} }}}} {{{{ inputs.{name} }}}}")).collect();
    let text = format!(
        "name: x\ninputs: {{ {}, scope_: other }}\nsteps:\n- {{ id: a, condition: \"scope == 'scope!' and len(range(3)) == 3\", \
         action: 'echo {} {{{{ scope_ }}}} {{{{ range(2) | list }}}}' }}\n",
        inputs.join(", "),
        texts.join(" ")
    );
    let place = staged("x.yaml", &text);
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    let expect: Vec<String> = names.iter().map(|name| format!("{name}! {name}!")).collect();
    assert_eq!(done["steps"]["a"]["value"]["result"], format!("{} other [0, 1]", expect.join(" ")));
}

const SERVER: &str = r#"
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    params = asked.get("params", {})
    made = {
        "initialize": lambda: {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                               "serverInfo": {"name": "t", "version": "1"}},
        "tools/list": lambda: {"tools": [{"name": "add", "inputSchema": {"type": "object"}}]},
        "tools/call": lambda: {"content": [{"type": "text", "text": os.environ["WORD"] + sys.argv[1]}]},
        "ping": lambda: {},
    }[asked["method"]]()
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": made}), flush=True)
"#;

#[test]
fn a_server_may_be_declared_where_it_is_connected_to() {
    let steps = "steps:\n- { id: use, tool: mcp-server, action: execute_tool, dependencies: [open], \
                 parameters: { server_name: t, tool_name: add } }\n\
                 - { id: open, tool: mcp-server, action: connect, parameters: { server_name: t, \
                 server_config: { command: python3, args: [server.py, 7], env: { WORD: hi } } } }\n\
                 outputs: { said: '{{ use.text }}', tools: '{{ open.tools }}' }\n";
    let place = staged("x.yaml", &format!("name: x\n{steps}"));
    fs::write(place.path().join("server.py"), SERVER).unwrap();
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["outputs"], json!({"said": "hi7", "tools": ["add"]}));
    for (from, to, expect) in [
        (
            "execute_tool, dependencies: [open], parameters: { server_name: t,",
            "execute_tool, parameters: { server_name: s,",
            "E0105 there is no MCP server `s`",
        ),
        ("command: python3, ", "", "E0104 server `t`: it has neither"),
        ("command: python3, ", "comand: python3, ", "E0801"),
        ("WORD: hi", "WORD: '{{ timestamp }}'", "E0104 how a server is started"),
    ] {
        assert!(steps.contains(from), "{from}");
        let told = wrong(&steps.replace(from, to), &[]);
        assert!(told.len() == 1 && told[0].starts_with(expect), "{to}: {told:?}");
    }
}

/// What a server has to be read is listed and read; nothing is subscribed to.
#[test]
fn what_a_server_has_to_be_read_is_read() {
    let fake = refrain_testkit::bin::fake_mcp();
    let text = format!(
        "name: x\nservers: {{ s: {{ command: ['{}', --resources] }} }}\nsteps:\n\
         - {{ id: all, tool: mcp-resource, action: list, parameters: {{ server_name: s }} }}\n\
         - {{ id: note, tool: mcp-resource, action: read, parameters: {{ server_name: s, uri: '{{{{ all.resources[0].uri }}}}' }} }}\n\
         outputs: {{ names: \"{{{{ all.resources | map(attribute='name') | list }}}}\", text: '{{{{ note.text }}}}' }}\n",
        fake.display()
    );
    let place = staged("x.yaml", &text);
    let done = run(place.path(), &["-f", "x.yaml", "run"], 0);
    assert_eq!(done["outputs"], json!({"names": ["a", "B"], "text": "hello"}), "{done:#}");
    fs::write(place.path().join("x.yaml"), text.replace("'{{ all.resources[0].uri }}'", "'note://c'"))
        .unwrap();
    let failed = run(place.path(), &["-f", "x.yaml", "run"], 1);
    let told = failed["steps"]["note"]["error"].as_str().unwrap();
    assert!(told.contains("`note://c` cannot be read: no resource"), "{told}");
    for (from, to, expect) in [
        ("action: list", "action: subscribe", "E0802"),
        ("action: list", "action: lst", "E0805"),
        (
            "parameters: { server_name: s }",
            "parameters: { server_name: t }",
            "E0105 there is no MCP server `t`",
        ),
        ("server_name: s, uri", "server_name: s, url", "E08"),
    ] {
        assert!(text.contains(from), "{from}");
        let told = wrong(text.replace(from, to).strip_prefix("name: x\n").unwrap(), &[]);
        assert!(told.iter().any(|told| told.starts_with(expect)), "{to}: {told:?}");
    }
}

/// Numbers and times may hang on inputs, which are known before anything runs, and on nothing else.
#[test]
fn limits_hang_on_inputs_alone() {
    let text = "name: x\ninputs: { n: { type: integer, default: 2 }, wait: 30s, free: { type: integer } }\nsteps:\n\
                - id: l\n  while: 'true'\n  max_iterations: '{{ n }}'\n  iteration_timeout: '{{ inputs.wait }}'\n  \
                steps: [{ id: s, action: echo x, timeout: '{{ n * 10 }}', max_retries: \"{{ inputs['n'] }}\" }]\n";
    let place = staged("x.yaml", text);
    let set = |words: &[&str], code: i32| {
        run(place.path(), &[&["-f", "x.yaml", "run", "--set", "free=1"], words].concat(), code)
    };
    assert_eq!(set(&[], 0)["steps"]["l"]["value"]["iterations"], 2);
    assert_eq!(set(&["--set", "n=3"], 0)["steps"]["l"]["value"]["iterations"], 3);
    assert_eq!(set(&["--set", "n=0"], 2)["problems"][0]["path"], "steps[0].max_iterations");
    assert_eq!(set(&["--set", "wait=soon"], 2)["problems"][0]["code"], "E0108");
    // What is not set yet is not known yet.
    let open = text.replace("'{{ n }}'", "'{{ free }}'");
    fs::write(place.path().join("x.yaml"), &open).unwrap();
    run(place.path(), &["-f", "x.yaml", "check"], 0);
    assert_eq!(set(&["--set", "free=4"], 0)["steps"]["l"]["value"]["iterations"], 4);
    for (from, to) in [
        ("'{{ n * 10 }}'", "'{{ iteration }}'"),
        ("'{{ n * 10 }}'", "'{{ l.iterations }}'"),
        ("'{{ n * 10 }}'", "'{{ now() }}'"),
        ("'{{ n }}'", "'{{ m }}'"),
    ] {
        let told = wrong(text.replace(from, to).strip_prefix("name: x\n").unwrap(), &["--set", "free=1"]);
        let is_told =
            told[0].contains("known before anything runs") || told[0].contains("known in a run only");
        assert!(told.len() == 1 && is_told, "{to}: {told:?}");
    }
    let told = wrong(
        text.replace("'{{ n }}'", "'{{ inputs.m }}'").strip_prefix("name: x\n").unwrap(),
        &["--set", "free=1"],
    );
    assert!(told.len() == 1 && told[0].contains("there is no input `m`"), "{told:?}");
    // Inputs of another pipeline are made in the run.
    let other = "steps: [{ id: p, tool: pipeline-executor, parameters: { inputs: { n: 1 }, \
                 pipeline: { name: y, inputs: [n], steps: [{ id: a, action: echo a, timeout: '{{ n }}' }] } } }]\n";
    let told = wrong(other, &[]);
    assert!(told.len() == 1 && told[0].contains("known before anything runs"), "{told:?}");
}
