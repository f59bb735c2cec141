//! Steps files: what each key becomes, and how what is wrong is told.

use std::collections::BTreeMap;

use refrain_config::{Given, parse_with};
use serde_json::{Value, json};

use crate::fake::parse_whole;
use crate::fake_tools::FakeTools;

mod autos;
mod blocks;
mod bounds;
mod handlers;
mod keys;
mod made;
mod models;
mod others;
mod tries;

/// A pipeline that others carry out.
const CHILD: &str = "name: child\n\
    inputs: { who: { type: string }, n: { type: integer, default: 2, validation: { max: 5 } } }\n\
    steps:\n\
    - { id: say, action: 'echo {{ who }} {{ inputs.n }}' }\n\
    - { id: again, action: 'echo {{ say.content }}', dependencies: [say] }\n\
    outputs: { said: '{{ again.content }}', n: { type: integer, value: '{{ n }}' } }\n";

const STEPS: &str = "# two\n- { id: b, action: echo b }\n- { id: c, action: 'echo {{ b.result }}' }\n";

fn calling(path: &str) -> String {
    format!("name: x\nsteps: [{{ id: a, tool: pipeline-executor, parameters: {{ pipeline: {path} }} }}]\n")
}

/// Returns the pipeline that a steps file becomes, and the codes of what is wrong with their lines.
pub(crate) fn lowered(text: &str) -> (Value, Vec<(String, u32)>) {
    let files = BTreeMap::from([
        ("inc/part.txt".to_owned(), Some(b"INCLUDED\n".to_vec())),
        ("inc/again.txt".to_owned(), Some(b"<< inc/again.txt >>".to_vec())),
        ("inc/deep.txt".to_owned(), Some(b"a {{ file:inc/part.txt }} b".to_vec())),
        ("inc/gone.txt".to_owned(), None),
        ("inc/steps.yaml".to_owned(), Some(STEPS.as_bytes().to_vec())),
        ("inc/more.yaml".to_owned(), Some(b"<< inc/steps.yaml >>\n- { id: m, action: echo m }\n".to_vec())),
        ("inc/step.yaml".to_owned(), Some(b"{ id: b, action: echo b }".to_vec())),
        ("inc/header.yaml".to_owned(), Some(b"description: d\ncontext:\n  timeout: 3\n".to_vec())),
        ("inc/all.yaml".to_owned(), Some(b"steps:\n- << inc/step.yaml >>\n".to_vec())),
        ("LICENSE".to_owned(), Some(b"FREE\n".to_vec())),
        ("my steps".to_owned(), Some(b"- { id: b, action: echo b }\n".to_vec())),
        ("inc/empty.yaml".to_owned(), Some(b"# nothing\n".to_vec())),
        ("inc/items.txt".to_owned(), Some(b"- a\n- b\n".to_vec())),
        ("inc/id.yaml".to_owned(), Some(b"id: other\n".to_vec())),
        ("inc/named.yaml".to_owned(), Some(b"name: y\n".to_vec())),
        ("inc/round.yaml".to_owned(), Some(b"- << inc/round.yaml >>\n".to_vec())),
        ("inc/bad.yaml".to_owned(), Some(b"- {\n".to_vec())),
        ("sub/child.yaml".to_owned(), Some(CHILD.as_bytes().to_vec())),
        ("sub/bad.yaml".to_owned(), Some(b"name: bad\nsteps:\n- { id: x, tool: nope }\n".to_vec())),
        ("sub/native.yaml".to_owned(), Some(b"refrain: 1\nname: x\n".to_vec())),
        ("sub/itself.yaml".to_owned(), Some(calling("sub/itself.yaml").into_bytes())),
        ("sub/gone.yaml".to_owned(), None),
    ]);
    let deep = (0..12)
        .map(|n| (format!("deep/{n}.yaml"), Some(calling(&format!("deep/{}.yaml", n + 1)).into_bytes())));
    let files: BTreeMap<String, Option<Vec<u8>>> = files.into_iter().chain(deep).collect();
    let parsed = parse_whole(text.as_bytes(), "steps.yaml", files);
    let problems = parsed.problems().iter();
    let problems = problems.map(|problem| (problem.code.clone(), problem.place.as_ref().unwrap().line));
    (serde_json::to_value(parsed.pipeline()).unwrap(), problems.collect())
}

/// Checks what a list of steps becomes: `expect` are pointers into the pipeline.
#[track_caller]
fn check(steps: &str, expect: &[(&str, Value)]) {
    let text = format!("name: x\nparameters: {{ n: 1, xs: [a, b], s: hi }}\nsteps:\n{steps}");
    let (pipeline, problems) = lowered(&text);
    assert_eq!(problems, [], "{text}");
    for (pointer, value) in expect {
        assert_eq!(pipeline.pointer(pointer), Some(value), "{pointer} in {pipeline:#}");
    }
}

/// Checks what is found wrong with a list of steps: codes and lines, the first step being line 1.
#[track_caller]
fn refused(steps: &str, expect: &[(&str, u32)]) {
    let (_, problems) =
        lowered(&format!("steps:\n{steps}\nname: x\nparameters: {{ n: 1, xs: [a, b], s: hi }}\n"));
    let problems: Vec<(&str, u32)> = problems.iter().map(|(code, line)| (code.as_str(), line - 1)).collect();
    assert_eq!(problems, expect, "{steps}");
}

#[test]
fn names_become_what_they_are_natively() {
    check(
        "- { id: a, tool: filesystem, action: write, parameters: { path: p, content: '{{ s }} {{ inputs.n }}' } }\n\
         - { id: b-c, tool: filesystem, action: read, parameters: { path: '{{ a.result.path }}' } }\n\
         - { id: d, tool: filesystem, action: write, parameters: { path: p, content: \"{{ steps['b-c'].content }}{{ steps.a.path }}\" } }\n",
        &[
            ("/phases/a/let", json!({"s": "params.s", "inputs": "params"})),
            ("/phases/b-c/let", json!({"a": "phases.a.step"})),
            ("/phases/b-c/after", json!(["a"])),
            ("/phases/d/input/content", json!("{{ b_c.content }}{{ a.path }}")),
            ("/phases/d/let", json!({"a": "phases.a.step", "b_c": "phases.b-c.step"})),
        ],
    );
}

#[test]
fn names_that_are_nothing_are_told() {
    let write = |content: &str| {
        format!(
            "- {{ id: a, tool: filesystem, action: write, parameters: {{ path: p, content: \"{content}\" }} }}"
        )
    };
    refused(&write("{{ nobody }}"), &[("E0813", 1)]);
    refused(&write("{{ a.result }}"), &[("E0814", 1)]);
    refused(&write("{{ inputs.m }}"), &[("E0813", 1)]);
    refused(&write("{{ steps.ghost.result }}"), &[("E0813", 1)]);
    refused(&write("{{ steps }}"), &[("E0813", 1)]);
    refused(&write("{{ steps[s].result }}"), &[("E0813", 1)]);
    refused(
        "- { id: a, action: echo a }\n- { id: b, action: echo b, condition: 'steps[s].success' }",
        &[("E0813", 2)],
    );
    refused(&write("{{ steps | default('x') }}"), &[]);
    refused(&write("{{ item }}"), &[("E0813", 1)]);
    refused(&write("{{ $position }}"), &[("E0813", 1)]);
    refused(&write("$results.a"), &[("E0824", 1)]);
    refused(&write("<AUTO>x</AUTO>"), &[("E0818", 1)]);
    refused(&write("{{ 1 + }}"), &[("E0501", 1)]);
    refused(&write("{{ nobody | default('x') }}"), &[]);
    let read = "- { id: my-n, tool: filesystem, action: read, parameters: { path: p } }\n";
    refused(&format!("{read}{}", write("{{ my-n }}")), &[("E0813", 2)]);
    refused(&write("{% if nobody is defined %}x{% endif %}"), &[]);
    refused(&write("{% for x in xs %}{{ x }}{% endfor %}{{ '{{' }}"), &[]);
}

#[test]
fn fields_of_results_are_known_where_tools_say_so() {
    let read = "- { id: r, tool: filesystem, action: read, parameters: { path: p } }\n";
    let uses = |text: &str| {
        format!(
            "{read}- {{ id: w, tool: filesystem, action: write, parameters: {{ path: p, content: '{{{{ {text} }}}}' }} }}"
        )
    };
    for good in ["r.result.content", "r.content", "r.success", "r.result.content.x", "r.nosuch | default(1)"]
    {
        refused(&uses(good), &[]);
    }
    for bad in ["r.result.nosuch", "r.nosuch"] {
        refused(&uses(bad), &[("E0813", 2)]);
    }
}

#[test]
fn tools_and_their_parameters() {
    let step = |rest: &str| format!("- {{ id: a, {rest} }}");
    refused(&step("tool: filesytem, action: read"), &[("E0804", 1)]);
    refused(&step("tool: web-search, action: search"), &[("E0804", 1)]);
    refused(&step("tool: filesystem, action: explode"), &[("E0805", 1)]);
    refused(&step("action: gernate"), &[("E0805", 1)]);
    refused(&step("action: generate, parameters: { prompt: hi }"), &[("E0819", 1)]);
    refused(&step("prompt: hi"), &[("E0819", 1)]);
    refused(&step("tool: filesystem, action: read"), &[("E0807", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { paht: p }"), &[("E0806", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { path: [p] }"), &[("E0808", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { path: ../p }"), &[("E0823", 1)]);
    refused(&step("tool: filesystem, action: read, parameters: { path: '{{ n }}' }"), &[]);
    refused(&step("description: nothing"), &[("E0103", 1)]);
    check(
        "- { id: a, action: filesystem, parameters: { action: read, path: p } }\n- { id: b, action: 'echo {{ s }}' }\n",
        &[
            ("/phases/a/agent/tool", json!({"name": "filesystem", "action": "read"})),
            ("/phases/a/input", json!({"path": "p"})),
            ("/phases/b/input", json!({"text": "{{ s }}"})),
            ("/phases/b/let", json!({"s": "params.s"})),
        ],
    );
}

#[test]
fn what_comes_after_a_step_waits_for_its_files() {
    let a =
        "- { id: a, tool: filesystem, action: read, parameters: { path: p }, products: { content: o.txt }";
    let b = "- { id: b, action: echo x, dependencies: [a] }\n- { id: c, action: echo x }\n";
    check(
        &format!("{a} }}\n{b}"),
        &[("/phases/b/wants", json!(["a-product-1"])), ("/phases/b/after", json!(["a"]))],
    );
    let text = format!("name: x\nsteps:\n{a}, on_success: b }}\n{b}");
    assert_eq!(lowered(&text).0.pointer("/phases/b/wants"), None);
}

#[test]
fn ids() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    refused(&format!("- {{ id: retry, {read} }}"), &[("E0810", 1)]);
    refused(&format!("- {{ id: yes, {read} }}"), &[("E0822", 1)]);
    refused(&format!("- {{ id: \"yes\", {read} }}"), &[]);
    refused(&format!("- {{ id: a b, {read} }}"), &[("E0106", 1)]);
    refused(&format!("- {{ {read} }}"), &[("E0103", 1)]);
    refused(&format!("- {{ id: a, {read} }}\n- {{ id: a, {read} }}"), &[("E0809", 2)]);
    refused(&format!("- {{ id: n, {read} }}"), &[("E0803", 1)]);
    let each = format!("- {{ id: l, for_each: [1], steps: [{{ id: b, {read} }}] }}\n");
    refused(&format!("{each}- {{ id: l_0_b, {read} }}"), &[("E0803", 2)]);
    refused(&format!("- {{ id: l_0_b, {read} }}\n{each}"), &[("E0803", 1)]);
    refused(&format!("{each}- {{ id: l_0_c, {read} }}\n- {{ id: l_x_b, {read} }}"), &[]);
    let goes = format!("- {{ id: l, while: 'false', steps: [{{ id: b, {read} }}] }}\n");
    refused(&format!("{goes}- {{ id: l_3_result, {read} }}"), &[("E0803", 2)]);
}

#[test]
fn routes_lead_to_steps_beside() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    refused(&format!("- {{ id: a, {read}, on_success: ghost }}"), &[("E0811", 1)]);
    refused(&format!("- {{ id: a, {read}, goto: a }}"), &[("E0812", 1)]);
    refused(&format!("- {{ id: a, {read}, dependencies: [ghost] }}"), &[("E0601", 1)]);
    refused(
        &format!(
            "- {{ id: a, {read} }}\n- {{ id: l, for_each: [1], steps: [{{ id: b, {read}, goto: a }}] }}"
        ),
        &[("E0811", 2)],
    );
}

#[test]
fn functions_of_loops_are_written_as_what_they_stand_for() {
    let step = |content: &str| {
        format!(
            "- id: l\n  for_each: '{{{{ xs }}}}'\n  loop_name: outer\n  steps:\n  - id: m\n    while: 'false'\n    steps:\n    \
             - {{ id: a, tool: filesystem, action: write, parameters: {{ path: p, content: \"{content}\" }} }}\n"
        )
    };
    let becomes = |content: &str, expect: &str| {
        check(&step(content), &[("/phases/l_m_a/input/content", json!(expect))]);
    };
    becomes("{{ loop_var('outer', 'item') }}", "{{ outer.item }}");
    becomes("{{ loop_item_at('outer', iteration + 1) ~ 'x' }}", "{{ outer.items[iteration + 1] ~ 'x' }}");
    becomes("{{ current_loop_name() }} {{ active_loops() }}", "{{ 'm' }} {{ ['outer', 'm'] }}");
    refused(&step("{{ loop_var('outre', 'item') }}"), &[("E0813", 8)]);
    refused(&step("{{ loop_var(outer) }}"), &[("E0813", 8)]);
    becomes("{{ historical_loops() }}", "{{ [] }}");
    check(
        &step("{{ $items | next_in_loop(0) }}"),
        &[("/phases/l_m_a/input/content", json!("{{ outer.items | next_in_loop(0) }}"))],
    );
    refused(&step("{{ historical_loops(1) }}"), &[("E0813", 8)]);
}

#[test]
fn loops_and_their_bodies() {
    let write = "tool: filesystem, action: write";
    check(
        &format!(
            "- id: l\n  for_each: '{{{{ xs }}}}'\n  loop_var: x\n  steps:\n  - {{ id: a, {write}, parameters: {{ path: '{{{{ x }}}}', content: '{{{{ $index }}}}' }} }}\n  \
             - {{ id: b, {write}, parameters: {{ path: '{{{{ a.path }}}}', content: '{{{{ l.item }}}}' }}, dependencies: a }}\n"
        ),
        &[
            ("/phases/l/loop/for_each", json!("{{ xs }}")),
            ("/phases/l/let", json!({"xs": "params.xs"})),
            ("/phases/l_a/in", json!("l")),
            ("/phases/l_a/let", json!({"x": "loop.l.item", "index": "loop.l.index"})),
            ("/phases/l_a/input/content", json!("{{ index }}")),
            ("/phases/l_b/let", json!({"a": "phases.l_a.step", "l": "loop.l"})),
            ("/phases/l_b/after", json!(["l_a"])),
        ],
    );
    check(
        &format!(
            "- id: w\n  while: '{{{{ iteration < 3 }}}}'\n  steps: [{{ id: a, {write}, parameters: {{ path: p, content: '{{{{ position }}}}' }} }}]\n"
        ),
        &[
            ("/phases/w/loop/while", json!("{{ iteration < 3 }}")),
            ("/phases/w/loop/max", json!(10)),
            ("/phases/w/let", json!({"iteration": "loop.w.iteration"})),
        ],
    );
    check(
        "- id: q\n  action: create_parallel_queue\n  create_parallel_queue:\n    on: [1, 2]\n    max_parallel: 2\n    \
         action_loop:\n    - { action: 'echo {{ queue_size }}' }\n    - { action: 'echo {{ item }}' }\n",
        &[
            ("/phases/q/loop", json!({"for_each": [1, 2], "max_parallel": 2})),
            ("/phases/q_action1/let", json!({"queue_size": "loop.q.length"})),
            ("/phases/q_action2/after", json!(["q_action1"])),
        ],
    );
}

#[test]
fn loops_that_do_not_fit_together() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    refused(
        &format!("- {{ id: l, for_each: [1], while: 'true', steps: [{{ id: a, {read} }}] }}"),
        &[("E0815", 1)],
    );
    refused("- { id: l, for_each: [1] }", &[("E0815", 1)]);
    refused("- { id: l, for_each: [1], steps: [] }", &[("E0815", 1)]);
    refused(&format!("- {{ id: a, {read}, max_parallel: 2 }}"), &[("E0815", 1)]);
    refused(&format!("- {{ id: l, for_each: 3, steps: [{{ id: a, {read} }}] }}"), &[("E0104", 1)]);
}

#[test]
fn files_are_read_in() {
    let write = |content: &str| {
        format!(
            "- {{ id: a, tool: filesystem, action: write, parameters: {{ path: p, content: '{content}' }} }}\n"
        )
    };
    let content = "/phases/a/input/content";
    check(&write("{{ file:inc/part.txt }}"), &[(content, json!("INCLUDED"))]);
    check(&write("x << inc/deep.txt >>"), &[(content, json!("x a INCLUDED b"))]);
    check(
        &write("{{ include_file(\"inc/part.txt\") | upper }}"),
        &[(content, json!("{{ \"INCLUDED\\n\" | upper }}"))],
    );
    check(&write("{{ \"inc/part.txt\" | include_file }}"), &[(content, json!("{{ \"INCLUDED\\n\" }}"))]);
    for bad in
        ["{{ include_file(s) }}", "{{ include_file(\"inc/gone.txt\") }}", "{{ include_file(\"../x\") }}"]
    {
        refused(&write(bad), &[("E0817", 1)]);
    }
    let looked =
        [(content, json!("{{ file_exists_1 }}")), ("/phases/a-look-1/input/path", json!("{{ \"b\" }}"))];
    check(&write("{{ file_exists(\"b\") }}"), &looked);
    let many = |n: usize| (0..n).map(|n| format!("{{{{ file_exists(\"{n}\") }}}}")).collect::<String>();
    check(&write(&many(100)), &[("/phases/a-look-100/input/path", json!("{{ \"99\" }}"))]);
    refused(&write(&many(101)), &[("E0802", 1)]);
    for bad in ["<< inc/again.txt >>", "{{ file:inc/gone.txt }}", "{{ file:../x }}", "{{ file:/etc/passwd }}"]
    {
        refused(&write(bad), &[("E0817", 1)]);
    }
}

#[test]
fn files_of_steps_are_written_where_and_how_they_say() {
    let step = |rest: &str| {
        format!("- {{ id: a, tool: filesystem, action: read, parameters: {{ path: p }}, {rest} }}")
    };
    let input = "/phases/a-product-1/input";
    check(
        &step(
            "products: [{ name: 'o/{{ n }}.json', template: '{{ a.items }}', format: json, size_limit: 2KiB }]",
        ),
        &[(
            input,
            json!({"path": "o/{{ n }}.json", "value": "{{ a.items }}", "format": "json", "size_limit": 2048}),
        )],
    );
    check(
        &step("products: [{ name: o.txt, variables: [content] }, { count: n.json }]"),
        &[
            (input, json!({"path": "o.txt", "content": "{{ a.content }}"})),
            ("/phases/a-product-2/input/content", json!("{{ a.count | to_json }}")),
        ],
    );
    refused(&step("products: [{ name: o.txt }]"), &[("E0103", 1)]);
    refused(&step("products: [{ nosuch: o.txt }]"), &[("E0813", 1)]);
    refused(&step("products: [{ name: o.txt, template: x, variables: [nosuch] }]"), &[("E0813", 1)]);
    refused(&step("produces: content"), &[("E0103", 1)]);
    refused(&step("produces: nosuch, location: o.txt"), &[("E0813", 1)]);
    refused(&step("format: json"), &[("E0803", 1)]);
    refused(&step("size_limit: huge, location: o.txt"), &[("E0104", 1)]);
    refused(&step("location: ../o.txt"), &[("E0823", 1)]);
    let within = |products: &str| {
        let header = "name: x\ninputs: { n: 1 }\noutput_dir: ./out/\nsteps:\n";
        lowered(&format!("{header}{}", step(products)))
    };
    let (pipeline, _) = within("products: [{ content: '{{ n }}.txt' }]");
    let expect = json!({"path": "out/{{ n }}.txt", "value": "{{ a.content }}", "within": "out"});
    assert_eq!(pipeline.pointer(input), Some(&expect));
    assert_eq!(within("products: [{ content: ../in.txt }]").1, [("E0823".to_owned(), 5)]);
    for folder in ["../out", "/out", "'{{ n }}'"] {
        let (_, problems) =
            lowered(&format!("name: x\noutput_dir: {folder}\nsteps: [{{ id: a, action: echo a }}]\n"));
        assert_eq!(problems.len(), 1, "{folder}");
    }
}

#[test]
fn outputs_have_types() {
    let outputs =
        |text: &str| lowered(&format!("name: x\nsteps: [{{ id: a, action: echo a }}]\noutputs:\n  {text}\n"));
    let (pipeline, problems) = outputs("o: { type: list, value: '{{ a.items }}' }");
    assert_eq!(
        (problems, &pipeline["output_types"], &pipeline["outputs"]),
        (vec![], &json!({"o": "list"}), &json!({"o": "{{ a.items }}"}))
    );
    assert_eq!(outputs("o: { type: integer, value: one }").1, [("E0104".to_owned(), 4)]);
    assert_eq!(outputs("o: { type: integr, value: 1 }").1, [("E0105".to_owned(), 4)]);
    assert_eq!(outputs("o: { type: integer, value: 1 }").1, []);
}

#[test]
fn agents_of_the_file_are_tools() {
    let file = |step: &str| {
        let agents = "name: x\nagents:\n  count:\n    command: [./count]\n    accepts: { type: object, required: [text], \
                      properties: { text: { type: string }, most: { type: integer } }, additionalProperties: false }\n  \
                      plain: { command: [x] }\n  web-search: { command: [x], accepts: { type: object } }\n  \
                      echo: { command: [x], accepts: {} }\nsteps:\n";
        lowered(&format!("{agents}- {{ id: a, {step} }}\n"))
    };
    let (pipeline, problems) = file("tool: count, parameters: { text: '{{ 1 }}', most: 3 }");
    assert_eq!(problems, []);
    let a = &pipeline["phases"]["a"];
    assert_eq!((&a["agent"], &a["input"]), (&json!("count"), &json!({"text": "{{ 1 }}", "most": 3})));
    assert_eq!(file("tool: web-search, action: execute, parameters: { query: x }").1, []);
    let refused = |step: &str, code: &str| {
        assert_eq!(file(step).1, [(code.to_owned(), 10)], "{step}");
    };
    refused("tool: count, parameters: { most: 3 }", "E0807");
    refused("tool: count, parameters: { text: x, most: many }", "E0808");
    refused("tool: count, parameters: { text: x, more: 1 }", "E0806");
    refused("tool: count, action: start, parameters: { text: x }", "E0805");
    refused("tool: plain", "E0804");
    refused("tool: coutn", "E0804");
    refused("tool: echo, parameters: { text: x }", "E0803");
}

#[test]
fn a_template_may_name_the_step_to_go_on_with() {
    let read = "tool: filesystem, action: read, parameters: { path: p }";
    check(
        &format!(
            "- {{ id: a, {read}, goto: '{{{{ a.content }}}}' }}\n- {{ id: b, {read}, dependencies: a }}\n\
             - {{ id: l, for_each: [1], steps: [{{ id: c, {read}, goto: '{{{{ s }}}}' }}] }}\n"
        ),
        &[
            ("/phases/a/goto", json!("{{ a.content }}")),
            ("/phases/a/let", json!({"a": "phases.a.step"})),
            ("/phases/l_c/goto", json!("l_{{ (s) | trim }}")),
        ],
    );
    refused(&format!("- {{ id: a, {read}, goto: '{{{{ nobody }}}}' }}"), &[("E0813", 1)]);
}

#[test]
fn questions_to_people_keep_what_acts() {
    let step = |parameters: &str| {
        format!("- {{ id: a, tool: approval-gate, parameters: {{ title: x{parameters} }} }}")
    };
    check(
        &step(", save_to_file: out/said.json"),
        &[
            ("/phases/a/input", json!({"title": "x"})),
            (
                "/phases/a-product-1000/input",
                json!({"path": "out/said.json", "content": "{{ a.result | to_json }}"}),
            ),
        ],
    );
    for refused_ in ["context: cli", "retry_on_invalid: true", "max_retries: 2"] {
        refused(&step(&format!(", {refused_}")), &[("E0802", 1)]);
    }
}

/// What is written out is the same pipeline.
#[test]
fn converted_files_mean_the_same() {
    let text = include_str!("steps/all.yaml");
    let files = BTreeMap::from([("inc/part.txt".to_owned(), Some(b"INCLUDED\n".to_vec()))]);
    let given = Given { files: Some(&files), tools: Some(&FakeTools), ..Given::default() };
    let parsed = parse_with(text.as_bytes(), "steps.yaml", &given);
    assert_eq!(parsed.problems(), []);
    let converted = parsed.converted().unwrap();
    let again = parse_with(converted.as_bytes(), "refrain.yaml", &Given::default());
    assert_eq!(again.problems(), [], "{converted}");
    assert_eq!(again.pipeline(), parsed.pipeline(), "{converted}");
    insta::assert_snapshot!(converted);
}

#[test]
fn inputs_in_every_form() {
    let inputs = |text: &str| {
        let (pipeline, problems) =
            lowered(&format!("name: x\ninputs:\n{text}\nsteps: [{{ id: zz, action: echo x }}]\n"));
        (pipeline["params"].clone(), problems.into_iter().map(|(code, _)| code).collect::<Vec<_>>())
    };
    assert_eq!(
        inputs("- a: 1\n- b\n- { name: c, type: string }\n- d: ~").0,
        json!({"a": {"default": 1}, "b": {"type": "any"}, "c": {"type": "string"}, "d": {"type": "any"}})
    );
    assert_eq!(
        inputs("  a: bare\n  b: { type: float, validation: { min: 1, max: 5 } }\n  c: { x: 1 }\n  d: { type: list, required: false }").0,
        json!({
            "a": {"default": "bare"},
            "b": {"type": "number", "schema": {"minimum": 1, "maximum": 5}},
            "c": {"default": {"x": 1}},
            "d": {"type": "any", "default": null, "schema": {"anyOf": [{"type": "null"}, {"type": "array"}]}}
        })
    );
    let flags = inputs(
        "  a: { type: boolean, default: yes }\n  b: { type: boolean, default: Off }\n  c: { default: yes }",
    )
    .0;
    assert_eq!(flags["a"]["default"], true);
    assert_eq!(flags["b"]["default"], false);
    assert_eq!(flags["c"]["default"], "yes", "where nobody asks for a boolean it is none");
    assert_eq!(inputs("  a: { type: integr }").1, ["E0105"]);
    assert_eq!(inputs("  a: { type: string, validation: { mim: 1 } }").1, ["E0801"]);
}
