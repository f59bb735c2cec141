//! What files that were written for the original say in ways of their own: texts, loops, tools, files that come and go, YAML.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::own::{refrain, run, staged};

const FILE: [&str; 3] = ["-f", "x.yaml", "run"];

fn done(place: &Path) -> Value {
    run(place, &FILE, 0)
}

fn read(place: &TempDir, path: &str) -> String {
    fs::read_to_string(place.path().join(path)).unwrap_or_else(|_| "(none)".to_owned())
}

/// A step that writes a text to `out/ID.txt`.
fn write(id: &str, text: &str, more: &str) -> String {
    let text = json!(text);
    format!(
        "- {{ id: {id}, tool: filesystem, action: write, parameters: {{ path: out/{id}.txt, content: {text} }}{more} }}\n"
    )
}

fn refused(text: &str, parts: &[&str]) {
    let place = staged("x.yaml", text);
    let told = refrain(place.path(), &["-f", "x.yaml", "check"]);
    assert_eq!(told.status.code(), Some(2), "{text}");
    let told = [told.stdout, told.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    for part in parts {
        assert!(told.contains(part), "{part}: {told}");
    }
    let n_places = told.matches("error[").count();
    assert_eq!(n_places, 1, "one mistake is told once: {told}");
}

const INPUTS: &str = "{ s: Hello World, n: 5, xs: { type: array, default: [3, 1, 2] } }";

/// What a slice is taken of is read, so that it is there.
#[test]
fn texts_say_what_they_say_in_the_original() {
    let cases = [
        ("{{ s[:5] }} {{ xs[1:] }} {{ s[::-1] }}", "Hello [1, 2] dlroW olleH"),
        ("{% for x in xs[:2] %}{{ x }};{% endfor %}", "3;1;"),
        ("{{ inputs.get('n') }} {{ parameters.get('q', 'none') }}", "5 none"),
        ("{{ '<b>a</b>  b' | striptags }} {{ 13000000 | filesizeformat }}", "a b 13.0 MB"),
        ("{{ s | replace('o', '0', 1) }} {{ '<' | forceescape }}", "Hell0 World &lt;"),
        ("{{ s.partition(' ')[2] }} {{ s.rfind('o') }} {{ s.swapcase() }}", "World 7 hELLO wORLD"),
        ("{{ s.removeprefix('Hello ') }} {{ '7'.rjust(3) }}|", "World   7|"),
        (
            "{{ execution.date | length }} {{ execution.time | length }} {{ execution.id == execution_id }}",
            "10 8 True",
        ),
        ("{{ '=' * 4 }}{{ '-' * s | length }} {{ 2 * 'ab' }} {{ 7 % 3 }}", "====----------- abab 1"),
        ("{{ '{}: {:.2f}'.format(s, n) }} {{ '%-3s|' | format(n) }}", "Hello World: 5.00 5  |"),
        ("{{ s | wordwrap(6) }}", "Hello\nWorld"),
        ("{% for k, v in {'a': 1}.items() %}{{ loop.index0 }}{{ k }}{{ loop.last }}{% endfor %}", "0aTrue"),
        ("{{ (execution.date ~ 'T' ~ execution.time) == execution.started_at[:19] }}!", "True!"),
    ];
    let steps: String =
        cases.iter().enumerate().map(|(n, (text, _))| write(&format!("a{n}"), text, "")).collect();
    let place = staged("x.yaml", &format!("id: x\nname: x\ninputs: {INPUTS}\nsteps:\n{steps}"));
    done(place.path());
    for (n, (text, expect)) in cases.iter().enumerate() {
        assert_eq!(read(&place, &format!("out/a{n}.txt")), *expect, "{text}");
    }
}

/// A text that reads a step by a slice alone comes after it, and is made anew with it.
#[test]
fn a_slice_is_read_like_anything_else() {
    let steps = |text: &str| {
        let cut = write("b", "{{ a.result[:2] }}", ", condition: \"{{ a.result[:1] == 'h' }}\"");
        format!(
            "name: x\nsteps:\n{cut}- {{ id: a, action: 'echo {text}' }}\noutputs: {{ o: '{{{{ a.result[1:] }}}}' }}\n"
        )
    };
    let place = staged("x.yaml", &steps("hello"));
    assert_eq!(done(place.path())["outputs"]["o"], "ello");
    assert_eq!(read(&place, "out/b.txt"), "he");
    fs::write(place.path().join("x.yaml"), steps("hallo")).unwrap();
    done(place.path());
    assert_eq!(read(&place, "out/b.txt"), "ha");
}

#[test]
fn what_a_text_cannot_use_is_told_before_anything_runs() {
    let text = |text: &str| format!("name: x\ninputs: {INPUTS}\nsteps:\n{}", write("a", text, ""));
    refused(&text("{{ s | uper }}"), &["there is no filter `uper`", "did you mean `upper`"]);
    refused(&text("{% set n = namespace(a=1) %}"), &["`namespace` is not part of templates"]);
    refused(&text("{{ xs | random }}"), &["`random` is not part of templates", "the same inputs"]);
    refused(&text("{{ s is strng }}"), &["there is no test `strng`", "did you mean `string`"]);
    refused(&text("{{ '%s' % s }}"), &["`%` is for numbers", "format(VALUE)"]);
    refused(&text("{{ inputs['nope'] }}"), &["there is no input `nope`"]);
    refused(&text("{{ parameters['ns'] }}"), &["there is no input `ns`"]);
    let condition = write("a", "x", ", condition: '{{ s | nosuch }}'");
    refused(&format!("name: x\ninputs: {INPUTS}\nsteps:\n{condition}"), &["there is no filter `nosuch`"]);
}

/// An output says what to do where a step was skipped.
#[test]
fn outputs_of_skipped_steps_may_have_defaults() {
    let step = write("a", "x", ", condition: 'false'");
    let outputs = "outputs:\n  p: '{{ a.result.path }}'\n  q: \"{{ a.result.path | default('none') }}\"\n  r: '{{ a is defined }}'\n";
    let place = staged("x.yaml", &format!("name: x\nsteps:\n{step}{outputs}"));
    assert_eq!(done(place.path())["outputs"], json!({ "p": null, "q": "none", "r": false }));
}

/// What later steps did to a file is no change of it.
#[test]
fn files_that_come_and_go_are_not_made_again() {
    let step = |id: &str, action: &str, parameters: &str, after: &str| {
        format!(
            "- {{ id: {id}, tool: filesystem, action: {action}, parameters: {{ {parameters} }}, dependencies: [{after}] }}\n"
        )
    };
    let write = |id: &str, content: &str, after: &str| {
        step(id, "write", &format!("path: out/f.txt, content: '{content}'"), after)
    };
    let first = write("a", "1", "");
    let read_it = step("r", "read", "path: out/f.txt", "a");
    let pipelines = [
        ("removed", step("z", "delete", "path: out/f.txt", "r"), "(none)"),
        ("moved", step("z", "move", "path: out/f.txt, destination: out/g.txt", "r"), "(none)"),
        ("written over", write("z", "2", "r"), "2"),
        ("added to", write("z", "{{ r.content }}2", "r"), "12"),
    ];
    for (name, last, expect) in pipelines {
        let text = |first: &str| format!("name: x\nsteps:\n{first}{read_it}{last}");
        let place = staged("x.yaml", &text(&first));
        done(place.path());
        assert_eq!(read(&place, "out/f.txt"), expect, "{name}");
        let again = done(place.path());
        assert_eq!(
            (&again["run"]["calls"], read(&place, "out/f.txt")),
            (&json!(0), expect.to_owned()),
            "{name}"
        );
        let plan = run(place.path(), &["-f", "x.yaml", "plan"], 0);
        assert_eq!(plan["changes"], false, "{name}: {plan:#}");
        // Whoever else changes it is noticed.
        fs::write(place.path().join("out/f.txt"), "other").unwrap();
        done(place.path());
        assert_eq!(read(&place, "out/f.txt"), expect, "{name}");
        assert_eq!(done(place.path())["run"]["calls"], 0, "{name}");
        // And so is what an earlier step writes anew.
        fs::write(place.path().join("x.yaml"), text(&first.replace("'1'", "'5'"))).unwrap();
        let third = done(place.path());
        assert_eq!(third["steps"]["r"]["value"]["result"]["content"], "5", "{name}");
        assert_eq!(read(&place, "out/f.txt"), expect.replace("12", "52"), "{name}");
    }
}

/// The turns of a loop follow each other.
#[test]
fn a_file_that_each_turn_writes_is_as_the_last_one_left_it() {
    let text = "name: x\nsteps:\n- id: l\n  while: '{{ iteration < 3 }}'\n  steps:\n  - { id: s, tool: filesystem, action: write, \
                parameters: { path: out/s.txt, content: '{{ iteration }}' } }\n";
    let place = staged("x.yaml", text);
    done(place.path());
    assert_eq!(done(place.path())["run"]["calls"], 0);
    assert_eq!(read(&place, "out/s.txt"), "2");
}

#[test]
fn a_loop_that_cannot_go_over_its_list_is_told_of() {
    let text = "name: x\ninputs: { n: 5 }\nsteps:\n- id: e\n  for_each: '{{ n }}'\n  steps: [{ id: s, action: 'echo {{ item }}' }]\n";
    let place = staged("x.yaml", text);
    let failed = run(place.path(), &FILE, 1);
    assert_eq!(
        (&failed["steps"]["e"]["status"], &failed["steps"]["e"]["success"]),
        (&json!("failed"), &json!(false))
    );
    assert!(failed["error"].as_str().unwrap().contains("goes over a list"), "{failed:#}");
}

#[test]
fn lists_are_written_in_many_ways() {
    for list in ["[a, b]", "'[\"a\", \"b\"]'", "\"['a', 'b']\"", "a, b", "'{{ xs }}'", "'{{ text }}'"] {
        let inputs = "inputs: { xs: { type: array, default: [a, b] }, text: '[\"a\", \"b\"]' }\n";
        let text = format!(
            "name: x\n{inputs}steps:\n- id: e\n  for_each: {list}\n  steps: [{{ id: s, action: 'echo {{{{ item }}}}' }}]\n"
        );
        let place = staged("x.yaml", &text);
        let done = done(place.path());
        let of = |id: &str| done["steps"][id]["value"]["result"].clone();
        assert_eq!([of("e_0_s"), of("e_1_s")], ["a", "b"], "{list}");
    }
    let number = "name: x\nsteps:\n- id: e\n  for_each: 5\n  steps: [{ id: s, action: 'echo {{ item }}' }]\n";
    refused(number, &["`for_each` is the number 5"]);
}

/// What the turns made goes by the names that the result has for them.
#[test]
fn steps_of_turns_are_read_by_their_names() {
    let text = "name: x\nsteps:\n- id: e\n  for_each: [a, b]\n  steps: [{ id: my_s, action: 'echo {{ item }}' }]\n\
                - { id: z, action: 'echo {{ e_1_my_s.result }}', condition: \"e_0_my_s.result == 'a'\" }\n\
                outputs: { o: '{{ e_0_my_s.result }}' }\n";
    let place = staged("x.yaml", text);
    let done = done(place.path());
    assert_eq!((&done["steps"]["z"]["value"]["result"], &done["outputs"]["o"]), (&json!("b"), &json!("a")));
    refused(&text.replace("e_1_my_s", "f_1_my_s"), &["`f_1_my_s` is neither"]);
}

/// After a turn there is what it made.
#[test]
fn until_reads_the_steps_of_its_turn() {
    let text = "name: x\nsteps:\n- id: l\n  until: \"{{ s.result == '2' }}\"\n  steps: [{ id: s, action: 'echo {{ iteration }}' }]\n\
                - id: q\n  action_loop: [{ action: 'echo {{ iteration }}' }]\n  until: \"action1.result == '1'\"\n";
    let place = staged("x.yaml", text);
    let done = done(place.path());
    let turns = ["l", "q"].map(|id| done["steps"][id]["value"]["iterations"].clone());
    assert_eq!(turns, [3, 2]);
}

#[test]
fn tools_take_what_the_original_takes() {
    let rows = "[{ d: a, v: 1, n: x }, { d: b, v: 2, n: null }, { d: a, v: 1, n: x }]";
    let steps = format!(
        "- {{ id: report, tool: report-generator, action: generate, parameters: {{ title: T }} }}\n\
         - {{ id: profile, tool: data-processing, action: profile, parameters: {{ data: {rows}, profiling_options: [missing_values, duplicate_detection] }} }}\n\
         - {{ id: fill, tool: data-processing, action: transform, parameters: {{ data: {rows}, operations: [{{ type: fill_missing, strategy: {{ n: q }} }}] }} }}\n\
         - {{ id: sum, tool: data-processing, action: transform, parameters: {{ data: {rows}, operations: [{{ type: filter, field: d, value: a }}, {{ type: aggregate, operation: sum, field: v }}] }} }}\n\
         - {{ id: number, tool: filesystem, action: write, parameters: {{ path: out/n.txt, content: 5 }} }}\n\
         - {{ id: prose, action: \"save {{{{ report.result.markdown | length > 9 }}}} to file out/{{{{ 'a' | upper }}}}.txt\" }}\n\
         - {{ id: empty, tool: filesystem, action: exists, parameters: {{ path: out }}, dependencies: }}\n\
         - {{ id: one, action: echo 1, condition: 1 }}\n\
         - {{ id: none, action: echo 0, condition: 0 }}\n"
    );
    let place = staged("x.yaml", &format!("name: x\nsteps:\n{steps}"));
    let done = done(place.path());
    let of = |id: &str| &done["steps"][id]["value"]["result"]["data"];
    assert_eq!(
        *of("profile"),
        json!({
            "row_count": 3, "column_count": 3, "duplicate_rows": 1,
            "columns": { "d": { "count": 3, "missing": 0 }, "v": { "count": 3, "missing": 0 }, "n": { "count": 2, "missing": 1 } },
        })
    );
    assert_eq!(of("fill")[1]["n"], "q");
    assert_eq!(*of("sum"), json!([{ "v_sum": 2 }]));
    assert_eq!((read(&place, "out/n.txt"), read(&place, "out/A.txt")), ("5".to_owned(), "True".to_owned()));
    let states = ["one", "none"].map(|id| done["steps"][id]["status"].clone());
    assert_eq!(states, ["completed", "skipped"]);
    let wrong = "- { id: a, tool: data-processing, action: profile, parameters: { data: [], profiling_options: [all] } }\n";
    refused(&format!("name: x\nsteps:\n{wrong}"), &["E0808"]);
}

/// Maps keep no order, but the file has one.
#[test]
fn columns_are_written_in_the_order_of_the_file() {
    let convert = |id: &str, more: &str| {
        format!(
            "- {{ id: {id}, tool: data-processing, action: convert, parameters: {{ data: [{{ name: ann, age: 3 }}, {{ name: bob, zip: 1 }}], format: csv{more} }} }}\n"
        )
    };
    let text = format!("name: x\nsteps:\n{}{}", convert("a", ""), convert("b", ", column_order: [zip]"));
    let place = staged("x.yaml", &text);
    let done = done(place.path());
    let of = |id: &str| done["steps"][id]["value"]["result"]["data"].clone();
    assert_eq!(
        [of("a"), of("b")],
        ["name,age,zip\r\nann,3,\r\nbob,,1\r\n", "zip,age,name\r\n,3,ann\r\n1,,bob\r\n"]
    );
}

/// What is read from a text keeps the order of the text.
#[test]
fn columns_are_written_in_the_order_of_a_text() {
    let step = |id: &str, action: &str, parameters: &str| {
        format!("- {{ id: {id}, tool: data-processing, action: {action}, parameters: {{ {parameters} }} }}\n")
    };
    let text = [
        step("text", "convert", r#"data: '[{"name": "ann", "age": 3}, {"zip": 1, "age": 4}]', format: csv"#),
        step("file", "filter", "data: rows.json, criteria: 'age > 3', output_format: csv"),
        step("both", "merge", r#"datasets: ['[{"b": 1, "a": 2}]', '{"c": 3, "a": 4}'], output_format: csv"#),
    ];
    let place = staged("x.yaml", &format!("name: x\nsteps:\n{}", text.concat()));
    std::fs::write(
        place.path().join("rows.json"),
        r#"[{"name": "ann", "age": 3}, {"name": "bob", "age": 4}]"#,
    )
    .unwrap();
    let done = done(place.path());
    let of = |id: &str| done["steps"][id]["value"]["result"]["data"].clone();
    assert_eq!(of("text"), "name,age,zip\r\nann,3,\r\n,4,1\r\n");
    assert_eq!(of("file"), "name,age\r\nbob,4\r\n");
    assert_eq!(of("both"), "b,a,c\r\n1,2,\r\n,4,3\r\n");
}

#[test]
fn another_pipeline_may_stand_in_a_text() {
    let text = "name: x\nsteps:\n- id: c\n  tool: pipeline-executor\n  action: execute\n  parameters:\n    inputs: { n: 4 }\n    pipeline: |\n      \
                name: sub\n      inputs: { n: { type: integer, required: true } }\n      steps:\n      - { id: s, action: 'echo {{ n }}' }\n      \
                outputs: { o: '{{ s.result }}' }\noutputs: { o: '{{ c.outputs.o }}' }\n";
    let place = staged("x.yaml", text);
    assert_eq!(done(place.path())["outputs"]["o"], "4");
    // Its mistakes are told at their places, and only they.
    refused(&text.replace("echo {{ n }}", "echo {{ m }}"), &["x.yaml:12:", "`m` is neither"]);
    refused(&text.replace("inputs: { n: 4 }", "inputs: {}"), &["must be given the input `n`"]);
    refused(&text.replace("steps:\n      - {", "steps:\n      - }{"), &["the pipeline that is written here"]);
}

#[test]
fn maps_are_merged() {
    let text = "name: x\nmetadata:\n  write: &write { tool: filesystem, action: write }\n  say: &say { content: hi }\nsteps:\n\
                - { <<: *write, id: a, parameters: { <<: *say, path: out/a.txt } }\n\
                - { <<: [*write], id: b, parameters: { <<: [{ path: out/b.txt }, *say], content: own } }\n";
    let place = staged("x.yaml", text);
    done(place.path());
    assert_eq!((read(&place, "out/a.txt"), read(&place, "out/b.txt")), ("hi".to_owned(), "own".to_owned()));
    refused("name: x\nsteps:\n- { <<: 5, id: a, action: echo a }\n", &["E0005"]);
}

#[test]
fn failures_are_told_apart_by_what_is_said() {
    let handlers = "on_error: [{ error_types: [PermissionError, ValueError], fallback_value: { content: b } }, \
                    { error_types: [FileNotFoundError, TimeoutError], fallback_value: { content: a } }]";
    let python = "tool: python-executor, action: execute, parameters: { code: 'raise ValueError(1)' }";
    let text = format!(
        "name: x\nsteps:\n- {{ id: gone, tool: filesystem, action: read, parameters: {{ path: nope }}, {handlers} }}\n\
         - {{ id: bad, {python}, {handlers} }}\n- {{ id: other, {}, {handlers} }}\n",
        python.replace("ValueError", "KeyError")
    );
    let place = staged("x.yaml", &text);
    let failed = run(place.path(), &FILE, 1);
    let of = |id: &str| failed["steps"][id]["value"]["content"].clone();
    assert_eq!([of("gone"), of("bad"), of("other")], [json!("a"), json!("b"), Value::Null]);
    // Lower numbers come first, and without one a handler is in the middle.
    let text = "name: x\nsteps:\n- id: a\n  tool: filesystem\n  action: read\n  parameters: { path: nope }\n  on_error: \
                [{ fallback_value: 9, priority: 101 }, { fallback_value: 5 }, { fallback_value: 1, priority: 99 }]\n";
    let place = staged("x.yaml", text);
    assert_eq!(done(place.path())["steps"]["a"]["value"], 1);
}

/// Who writes down how a step is tried again means every failure of it.
#[test]
fn a_step_with_a_retry_of_its_own_is_tried_again() {
    let command = "echo x >> n; test $(wc -l < n) -ge 2";
    for retry in
        ["retry: { max_attempts: 2, initial_delay: 0 }", "error_handling: { retry: { max_attempts: 2 } }"]
    {
        let text = format!(
            "name: x\nsteps:\n- {{ id: a, tool: terminal, action: execute, parameters: {{ command: '{command}' }}, {retry} }}\n"
        );
        let place = staged("x.yaml", &text);
        assert_eq!(done(place.path())["steps"]["a"]["retries"], 1, "{retry}");
    }
    let text = format!(
        "name: x\nsteps:\n- {{ id: a, tool: terminal, action: execute, parameters: {{ command: '{command}' }}, max_retries: 3 }}\n"
    );
    let place = staged("x.yaml", &text);
    assert_eq!(run(place.path(), &FILE, 1)["steps"]["a"]["retries"], 0);
}

/// What a `for` calls `loop` is not an input of that name, which is read as one of `inputs`.
#[test]
fn an_input_may_be_called_loop() {
    let text = |text: &str| format!("name: x\ninputs: {{ loop: 3 }}\nsteps:\n{}", write("a", text, ""));
    let place = staged(
        "x.yaml",
        &text("{% for x in [5, 6] %}{{ loop.index }}{% endfor %} {{ inputs.loop }} {{ inputs['loop'] }}"),
    );
    done(place.path());
    assert_eq!(read(&place, "out/a.txt"), "12 3 3");
    refused(&text("{{ loop }}"), &["`loop` is what a `{% for %}` has of its own", "`inputs.loop`"]);
}

/// A queue whose task is none is told of that alone.
#[test]
fn a_queue_with_a_bad_task_is_told_once() {
    let text = "name: x\nsteps:\n- { id: q, action: create_parallel_queue, create_parallel_queue: { 'on': '[1]', task: 5 } }\n";
    refused(text, &["`task` is the number 5"]);
}

#[test]
fn two_steps_that_leave_one_file_behind_are_warned_of() {
    let text = "name: x\nsteps:\n- { id: a, action: 'echo 1', products: { result: out/a.txt } }\n\
                - { id: b, action: 'echo 2', products: [{ result: ./out/a.txt }], dependencies: [a] }\n";
    let place = staged("x.yaml", text);
    let done = done(place.path());
    let problem = &done["problems"][0];
    assert_eq!((&problem["code"], &problem["severity"]), (&json!("W0829"), &json!("warning")));
    assert_eq!(problem["message"], "`out/a.txt` is a product of step `a` as well");
    assert_eq!((done["problems"].as_array().unwrap().len(), &problem["place"]["line"]), (1, &json!(4)));
    assert_eq!(read(&place, "out/a.txt"), "2");
}

/// Which of the files of one name is there in the end does not hang on who is done first.
#[test]
fn of_files_of_one_name_the_later_one_is_there() {
    let step = |id: &str, wait: &str, more: &str| {
        let command = format!("sleep {wait}; printf {id}");
        format!(
            "- {{ id: {id}, tool: terminal, action: execute, parameters: {{ command: '{command}' }}, products: {{ stdout: f.txt }}{more} }}\n"
        )
    };
    let steps = |all: &[String]| format!("name: x\nsteps:\n{}", all.concat());
    let alone = [step("a", "0.4", ""), step("b", "0.2", ""), step("c", "0", "")];
    let place = staged("x.yaml", &steps(&alone));
    done(place.path());
    assert_eq!(read(&place, "f.txt"), "c");
    // What comes after another step writes after it, wherever it stands.
    let turned = [step("a", "0", ", dependencies: [c]"), step("b", "0.4", ""), step("c", "0", "")];
    for (all, expect) in [(&turned[..], "b"), (&[turned[0].clone(), turned[2].clone()], "a")] {
        let place = staged("x.yaml", &steps(all));
        done(place.path());
        assert_eq!(read(&place, "f.txt"), expect);
    }
    // A loop is over before what stands behind it writes, and the other way round.
    let round = |wait: &str| {
        format!(
            "- {{ id: l, for_each: [1], steps: [ {} ] }}\n",
            step("s", wait, "").trim_start_matches("- ").trim()
        )
    };
    for (all, expect) in
        [([round("0.3"), step("b", "0", "")], "b"), ([step("b", "0.3", ""), round("0")], "s")]
    {
        let place = staged("x.yaml", &steps(&all));
        done(place.path());
        assert_eq!(read(&place, "f.txt"), expect);
    }
    // One that is made anew does not stay in the way of the later one.
    let place = staged(
        "x.yaml",
        &steps(&alone).replace("steps:", "inputs: { w: a }\nsteps:").replace("printf a", "printf {{ w }}"),
    );
    done(place.path());
    run(place.path(), &["-f", "x.yaml", "run", "--set", "w=new"], 0);
    assert_eq!(read(&place, "f.txt"), "c");
}

#[test]
fn yaml_is_written_as_yaml() {
    let text = "name: x\nsteps:\n- { id: a, tool: validation, action: validate, products: { data: out/a.yaml }, \
                parameters: { data: { b: 'no', a: [1, { c: x y }] }, schema: { type: object } } }\n";
    let place = staged("x.yaml", text);
    done(place.path());
    assert_eq!(read(&place, "out/a.yaml"), "a:\n- 1\n- c: x y\nb: \"no\"\n");
}

/// Outputs are named in a map or in a list, as inputs are.
#[test]
fn outputs_may_be_a_list() {
    let step = "- { id: a, action: 'echo 5' }\n";
    let text = format!(
        "name: x\nsteps:\n{step}outputs:\n- p: '{{{{ a.result }}}}'\n- {{ name: q, type: integer, value: '{{{{ a.result | int }}}}' }}\n"
    );
    let place = staged("x.yaml", &text);
    assert_eq!(done(place.path())["outputs"], json!({ "p": "5", "q": 5 }));
    refused(&text.replace("- p:", "- p: 1\n  r:"), &["an output of a list has one key, or a `name`"]);
    for (entry, told) in [
        ("- p: 1", "`p` is there twice"),
        ("- { name: r, type: integer }", "the output `r` says no value"),
        ("- { name: r }", "the output `r` says no value"),
        ("- { name: r, value: 1, colour: red }", "an output has no key `colour`"),
        ("- r", "a mapping is expected"),
    ] {
        refused(&format!("{text}{entry}\n"), &[told]);
    }
}

#[test]
fn tools_of_the_header_are_those_of_steps_that_name_none() {
    let text = "name: x\nmodel: openai:gpt-5-mini\ntools: [filesystem]\nsteps:\n- { id: a, prompt: hi }\n- { id: b, prompt: ho, tools: [] }\n";
    let place = staged("x.yaml", text);
    let native = refrain(place.path(), &["-f", "x.yaml", "convert"]);
    let native = String::from_utf8_lossy(&native.stdout).into_owned();
    assert_eq!(native.matches("filesystem_read").count(), 1, "{native}");
    refused(&text.replace("[filesystem]", "[filesystm]"), &["there is no tool `filesystm`"]);
}
