//! Steps files, inputs and files beside them that mean harm: each is refused or fails, within bounds, and nothing outside of the
//! project is read or changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::TestProject;

/// The longest that anything may take here; far from what it takes.
const GUARD: Duration = Duration::from_secs(60);

/// A project with a steps file, beside a file that nobody may touch.
fn project(text: &str) -> TestProject {
    let project = TestProject::new(text).with_outside();
    fs::write(project.outside("secret.txt"), "hidden").unwrap();
    fs::write(project.path(".env"), "TOKEN=hidden\n").unwrap();
    symlink(project.outside(""), project.path("link")).unwrap();
    project
}

/// Runs a file that must not go well; returns what it says.
#[track_caller]
fn failing(project: &TestProject, words: &[&str]) -> String {
    let began = Instant::now();
    let output = project.run(&[&["run", "--json", "--quiet"], words].concat());
    assert!(began.elapsed() < GUARD, "{:?}", began.elapsed());
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(matches!(output.code, Some(1 | 2)), "{:?}: {said:.2000}", output.code);
    assert!(!said.contains("panicked") && !said.contains("hidden"), "{said:.2000}");
    assert_eq!(fs::read_to_string(project.outside("secret.txt")).unwrap(), "hidden");
    assert_eq!(fs::read_dir(project.outside("")).unwrap().count(), 1, "something was made outside");
    assert!(!project.path("pwned").exists());
    said
}

#[track_caller]
fn step_fails(step: &str, part: &str) {
    let said = failing(&project(&format!("name: x\nsteps:\n- {{ id: a, {step} }}\n")), &[]);
    assert!(said.contains(part), "`{part}` is not in {said:.2000}");
}

#[test]
fn values_of_inputs_are_no_templates() {
    let text = "name: x\ninputs: { who: ann }\nsteps:\n\
                - { id: a, action: 'echo {{ who }}' }\n- { id: b, action: 'echo {{ a.result }}', condition: \"{{ who }} != 'x'\" }\n\
                - { id: c, tool: evaluate_condition, parameters: { condition: \"'{{ who }}' == 'x'\" } }\n\
                outputs: { said: '{{ b.result }}' }\n";
    for value in
        ["{{ ''.__class__ }}", "{% for x in range(9) %}x{% endfor %}", "'; touch pwned", "__import__('os')"]
    {
        let project = project(text);
        let output = project.run(&["run", "--json", "--quiet", "--set", &format!("who={value}")]);
        let document: Value = serde_json::from_str(&output.stdout).unwrap();
        // As a part of a condition a value is a value: it is compared, or the step fails.
        let said = &document["steps"]["a"]["value"]["result"];
        assert_eq!(said, value, "{document}");
        if let Some(said) = document["outputs"]["said"].as_str() {
            assert_eq!(said, value);
        }
        assert_ne!(document["steps"]["c"]["value"]["result"], true, "{document}");
        assert!(!project.path("pwned").exists());
    }
}

#[test]
fn nothing_leads_into_what_a_value_is_made_of() {
    for text in [
        "{{ ''.__class__.__mro__ }}",
        "{{ [].__init__ }}",
        "{{ inputs.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ ''.format.__globals__ }}",
    ] {
        let text = text.replace('\'', "''");
        step_fails(&format!("action: 'echo {text}'"), "");
    }
    for condition in [
        "''.__class__ == 1",
        "__import__('os').system('touch pwned')",
        "(lambda: 1)() == 1",
        "[c for c in ().__class__.__base__.__subclasses__()]",
        "open('/etc/passwd')",
        "exec('1')",
        "f'{1}' == '1'",
    ] {
        let quoted = Value::from(condition).to_string();
        step_fails(&format!("action: echo a, condition: {quoted}"), "");
        let said = format!("tool: evaluate_condition, parameters: {{ condition: {quoted} }}");
        step_fails(&said, "");
    }
}

#[test]
fn what_would_take_for_ever_is_stopped() {
    for condition in [
        "9 ** 9999 > 1",
        "9 ** 9 ** 9 ** 9 > 1",
        "'a' * 1000000000 == 'b'",
        "sum([x for x in range(1000000000)]) > 0",
        "len([1] * 100000000) > 0",
        "sum([len([y for y in range(99999)]) for x in range(99999)]) > 0",
    ] {
        step_fails(&format!("action: echo a, condition: \"{condition}\""), "");
        step_fails(&format!("tool: evaluate_condition, parameters: {{ condition: \"{condition}\" }}"), "");
    }
    for text in [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ range(999999999) | list }}",
        "{{ 'x' | center(999999999) }}",
        "{{ 9 ** 9999 }}",
        "{{ ('a' * 9999) | regex_replace('a', 'b' * 9999) }}",
    ] {
        step_fails(&format!("action: \"echo {text}\""), "");
    }
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    step_fails(&format!("action: echo a, condition: \"{deep} > 0\""), "");
    step_fails(&format!("action: \"echo {{{{ {deep} }}}}\""), "");
    step_fails(&format!("action: echo a, condition: \"{} > 0\"", "1 + ".repeat(5000) + "1"), "");
}

#[test]
fn paths_of_steps_stay_in_the_project() {
    for path in ["../secret.txt", "/etc/passwd", "link/secret.txt", "sub/../../secret.txt", ".env"] {
        let quoted = Value::from(path).to_string();
        step_fails(
            &format!("tool: filesystem, action: write, parameters: {{ path: {quoted}, content: x }}"),
            "",
        );
        step_fails(&format!("action: echo x, products: {{ result: {quoted} }}"), "");
        step_fails(&format!("action: echo x, location: {quoted}"), "");
        step_fails(
            &format!(
                "tool: data-processing, action: profile, parameters: {{ data: x, format: csv }}, products: {{ nosuch: {quoted} }}"
            ),
            "",
        );
        step_fails(&format!("tool: filesystem, action: delete, parameters: {{ path: {quoted} }}"), "");
        step_fails(
            &format!("tool: filesystem, action: move, parameters: {{ path: x, destination: {quoted} }}"),
            "",
        );
        let set = format!("who={path}");
        let text = "name: x\ninputs: { who: ann }\nsteps:\n- { id: a, action: echo x, products: { result: '{{ who }}' } }\n";
        failing(&project(text), &["--set", &set]);
        let within = text.replacen("steps:", "output_dir: out\nsteps:", 1);
        // What is absolute, or a link beside, is nothing of the kind within the folder.
        if path.contains("..") {
            failing(&project(&within), &["--set", &set]);
        }
        if path != ".env" {
            step_fails(&format!("tool: filesystem, action: read, parameters: {{ path: {quoted} }}"), "");
            step_fails(&format!("tool: filesystem, action: exists, parameters: {{ path: {quoted} }}"), "");
            step_fails(&format!("action: 'echo << {path} >>'"), "");
            step_fails(&format!("action: 'echo {{{{ file:{path} }}}}'"), "");
            step_fails(&format!("action: \"echo {{{{ include_file('{path}') }}}}\""), "");
            step_fails(&format!("tool: pipeline-executor, parameters: {{ pipeline: {quoted} }}"), "");
            failing(
                &project(&format!(
                    "name: x\noutput_dir: {quoted}\nsteps: [{{ id: a, action: echo x, products: {{ result: o.txt }} }}]\n"
                )),
                &[],
            );
        }
    }
    step_fails(
        "tool: terminal, action: execute, parameters: { command: touch pwned, working_dir: ../.. }",
        "",
    );
    step_fails("tool: filesystem, action: write, parameters: { path: refrain.yaml, content: x }", "");
    step_fails("tool: filesystem, action: write, parameters: { path: .git/hooks/x, content: x }", "");
}

/// A name that means something else where steps are named means that, and no tool.
#[test]
fn names_that_look_like_policies_change_no_policy() {
    let agents = "name: x\nagents: { fail: { command: ['false'], accepts: {} }, continue: { command: ['false'], accepts: {} } }\nsteps:\n";
    let text = format!(
        "{agents}- {{ id: a, tool: terminal, action: execute, parameters: {{ command: exit 1 }}, on_failure: fail, max_retries: 1 }}\n\
         - {{ id: b, action: echo b, dependencies: [a] }}\n"
    );
    let said = failing(&project(&text), &[]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["steps"]["b"]["status"], "skipped");
    for id in ["fail", "continue", "skip", "retry", "steps", "inputs", "loop"] {
        let said = failing(&project(&format!("{agents}- {{ id: {id}, action: echo x }}\n")), &[]);
        assert!(said.contains("E0810"), "{said}");
    }
}

#[test]
fn files_that_are_too_large_are_not_read() {
    let text = "name: x\nsteps: [{ id: a, action: 'echo << big.txt >>' }]\n";
    let project_ = project(text);
    fs::write(project_.path("big.txt"), vec![b'a'; (10 << 20) + 1]).unwrap();
    assert!(failing(&project_, &[]).contains("10 MiB"));
    let project_ = project(&text.replace("<< big.txt >>", "{{ include_file(\"big.txt\") }}"));
    fs::write(project_.path("big.txt"), vec![b'a'; (10 << 20) + 1]).unwrap();
    assert!(failing(&project_, &[]).contains("10 MiB"));
    let project_ = project(
        "name: x\nsteps: [{ id: a, tool: filesystem, action: read, parameters: { path: big.txt } }]\n",
    );
    fs::write(project_.path("big.txt"), vec![b'a'; (16 << 20) + 1]).unwrap();
    assert!(failing(&project_, &[]).contains("MiB"));
    // Files that read each other in do not grow without an end.
    let project_ = project("name: x\nsteps: [{ id: a, action: 'echo << 0.txt >>' }]\n");
    for n in 0..9 {
        fs::write(project_.path(&format!("{n}.txt")), format!("<< {}.txt >>", n + 1).repeat(30)).unwrap();
    }
    fs::write(project_.path("9.txt"), "x".repeat(1000)).unwrap();
    assert!(failing(&project_, &[]).contains("10 MiB"));
    // A long file is read, and what is wrong at its end is told.
    let filler = "a".repeat(10 << 20);
    let long = format!("name: x\ndescription: {filler}\nsteps: [{{ id: a, actoin: echo x }}]\n");
    assert!(failing(&project(&long), &[]).contains("E0801"));
    for sign in ["<<", "{{", "{{file:", "<<x.y>> "] {
        let long = sign.repeat((10 << 20) / sign.len());
        let long = format!("name: x\ndescription: '{long}'\nsteps: [{{ id: a, actoin: echo x }}]\n");
        let expect = if sign.contains("x.y") { "E0817" } else { "E0801" };
        assert!(failing(&project(&long), &[]).contains(expect), "{sign}");
    }
    let many: String = (0..3000).map(|n| format!("- {{ id: s{n}, action: ehco x }}\n")).collect();
    assert!(failing(&project(&format!("name: x\nsteps:\n{many}")), &[]).contains("E0805"));
}

#[test]
fn deep_nesting_and_aliases_are_bounded() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    for n in [200, 5_000, 200_000] {
        let text = format!(
            "name: x\nsteps: [{{ id: a, tool: evaluate_condition, parameters: {{ condition: {} }} }}]\n",
            nested(n)
        );
        failing(&project(&text), &[]);
    }
    let mut bomb = "name: x\nmetadata:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        bomb.push_str(&format!("  a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")));
    }
    bomb.push_str("steps: [{ id: a, action: echo x }]\n");
    let said = failing(&project(&bomb), &[]);
    assert!(said.contains("alias") || said.contains("anchor"), "{said:.2000}");
    let loops = format!(
        "name: x\nsteps:\n{}",
        (0..400).fold(String::new(), |text, n| {
            let pad = "  ".repeat(n);
            format!("{text}{pad}- id: l{n}\n{pad}  for_each: [1]\n{pad}  steps:\n")
        })
    );
    failing(&project(&format!("{loops}{}- {{ id: a, action: echo x }}\n", "  ".repeat(400))), &[]);
}

#[test]
fn pipelines_that_carry_each_other_out_come_to_an_end() {
    let call = |path: &str| {
        format!(
            "name: x\nsteps: [{{ id: a, tool: pipeline-executor, parameters: {{ pipeline: {path} }} }}]\n"
        )
    };
    let project_ = project(&call("a.yaml"));
    project_.write("a.yaml", &call("b.yaml"));
    project_.write("b.yaml", &call("a.yaml"));
    assert!(failing(&project_, &[]).contains("carries itself out"));
    let project_ = project(&call("0.yaml"));
    for n in 0..40 {
        project_.write(&format!("{n}.yaml"), &call(&format!("{}.yaml", n + 1)));
    }
    assert!(failing(&project_, &[]).contains("10 deep"));
    let calls = |path: &str| {
        let call =
            |n| format!("- {{ id: c{n}, tool: pipeline-executor, parameters: {{ pipeline: {path} }} }}\n");
        format!("name: x\nsteps:\n{}", (0..10).map(call).collect::<String>())
    };
    let project_ = project(&calls("0.yaml"));
    for n in 0..9 {
        project_.write(&format!("{n}.yaml"), &calls(&format!("{}.yaml", n + 1)));
    }
    project_.write("9.yaml", "name: x\nsteps: [{ id: a, action: echo x }]\n");
    assert!(failing(&project_, &[]).contains("more than 100,000 steps"));
}
