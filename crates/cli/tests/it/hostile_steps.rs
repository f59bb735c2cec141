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
    for file in ["there.txt", "sub/there.txt"] {
        project.write(file, "there");
    }
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

fn file_of(step: &str) -> String {
    format!("name: x\nsteps:\n- {{ id: a, {step} }}\n")
}

/// Runs a step that must not go well, and says why; a test for which any reason would do shows nothing.
#[track_caller]
fn step_fails(step: &str, part: &str) {
    assert_ne!(part, "");
    let said = failing(&project(&file_of(step)), &[]);
    assert!(said.contains(part), "`{part}` is not in {said:.2000}");
}

/// Runs a step that must go well, or ask somebody: what is refused beside it is not refused for its other words.
#[track_caller]
fn step_does(step: &str) {
    let project = project(&file_of(step));
    project.write("call.yaml", &file_of("action: echo x"));
    let output = project.run(&["run", "--json", "--quiet"]);
    let expect = if step.contains("user-prompt") { 6 } else { 0 };
    assert_eq!(output.code, Some(expect), "{step}: {:.2000}{:.2000}", output.stdout, output.stderr);
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
    step_does("action: \"echo {{ 'x'.upper() }}\"");
    for (text, expect) in [
        ("{{ ''.__class__.__mro__ }}", "`(...).__class__` is undefined"),
        ("{{ [].__init__ }}", "`[].__init__` is undefined"),
        ("{{ inputs.__class__ }}", "there is no input `__class__`"),
        ("{{ ''['__class__'] }}", "['__class__']` is undefined"),
        ("{{ self.__init__.__globals__ }}", "`self` is neither a step nor an input"),
        ("{{ cycler.__init__ }}", "`cycler` is not part of templates"),
        ("{{ ''.format.__globals__ }}", "`(...).format` is undefined"),
    ] {
        let text = text.replace('\'', "''");
        step_fails(&format!("action: 'echo {text}'"), expect);
    }
    let hidden = "names that begin with `_` are not part of the language";
    for (condition, expect) in [
        ("'x'.upper() == 'X'", ""),
        ("''.__class__ == 1", hidden),
        ("__import__('os').system('touch pwned')", hidden),
        ("(lambda: 1)() == 1", "`lambda` is not part of the language"),
        ("[c for c in ().__class__.__base__.__subclasses__()]", hidden),
        ("open('/etc/passwd')", "no function `open`"),
        ("exec('1')", "no function `exec`"),
        ("f'{1}' == '1'", "texts with a prefix"),
    ] {
        condition_fails(condition, expect);
    }
}

/// Runs a step with a condition, and one that evaluates it; they do where nothing is expected of them.
#[track_caller]
fn condition_fails(condition: &str, expect: &str) {
    let quoted = Value::from(condition).to_string();
    let with = format!("action: echo a, condition: {quoted}");
    let evaluated = format!("tool: evaluate_condition, parameters: {{ condition: {quoted} }}");
    for step in [with, evaluated] {
        if expect.is_empty() {
            step_does(&step);
        } else {
            step_fails(&step, expect);
        }
    }
}

#[test]
fn what_would_take_for_ever_is_stopped() {
    for (condition, expect) in [
        ("9 ** 9 > 1", ""),
        ("9 ** 9999 > 1", "more than 1024 as an exponent"),
        ("9 ** 9 ** 9 ** 9 > 1", "more than 1024 as an exponent"),
        ("'a' * 1000000000 == 'b'", "more than 1000000 elements and characters made"),
        ("sum([x for x in range(1000)]) > 0", ""),
        ("sum([x for x in range(1000000000)]) > 0", "more than 100000 numbers in a range"),
        ("len([1] * 100000000) > 0", "more than 1000000 elements and characters made"),
        (
            "sum([len([y for y in range(99999)]) for x in range(99999)]) > 0",
            "more than 100000 items gone through",
        ),
        ("((((1)))) > 0", ""),
        (&format!("{}1{} > 0", "(".repeat(5000), ")".repeat(5000)), "more than 4096 characters"),
        (&format!("{}1 > 0", "1 + ".repeat(5000)), "more than 4096 characters"),
        (&format!("{}1{} > 0", "(".repeat(60), ")".repeat(60)), "more than 40 levels of nesting"),
        (&format!("{}1 > 0", "1+".repeat(600)), "more than 40 levels of nesting"),
        (&format!("len([{}]) > 0", vec!["1"; 600].join(", ")), "more than 500 parts"),
    ] {
        condition_fails(condition, expect);
    }
    step_does("action: \"echo {% for a in range(99) %}x{% endfor %}\"");
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    for (text, expect) in [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
            "more than 2000000 steps",
        ),
        ("{{ 'a' * 1000000000 }}", "a text is repeated a whole number of times"),
        ("{{ range(999999999) | list }}", "range has too many elements"),
        ("{{ 'x' | center(999999999) }}", "a width is at most 10000"),
        ("{{ 9 ** 9999 }}", "unable to calculate 9 ** 9999"),
        (&format!("{{{{ {deep} }}}}"), "an expression has at most 10000 bytes"),
    ] {
        step_fails(&format!("action: \"echo {text}\""), expect);
    }
}

const OUTSIDE: [&str; 4] = ["../secret.txt", "/etc/passwd", "link/secret.txt", "sub/../../secret.txt"];
const LEADS_OUT: &str = "leads out of the project";
/// Files of the project that are not for pipelines.
const KEPT: [&str; 4] = [".env", "refrain.yaml", ".git/x", ".refrain/x"];
const NOT_FOR_PIPELINES: &str = "is not for pipelines";

/// Tries a step that names a file at `PATH`: with one that it may name, and with those that it may not.
#[track_caller]
fn path_is_judged(step: &str, fine: &str, kept: &[&str]) {
    step_does(&step.replace("PATH", fine));
    let paths = OUTSIDE.map(|path| (path, LEADS_OUT)).into_iter();
    for (path, expect) in paths.chain(kept.iter().map(|path| (*path, NOT_FOR_PIPELINES))) {
        step_fails(&step.replace("PATH", path), expect);
        // What comes in by a value is judged when it is there.
        let text =
            file_of(&step.replace("PATH", "'{{ who }}'")).replace("name: x", "name: x\ninputs: { who: x }");
        let said = failing(&project(&text), &["--set", &format!("who={path}")]);
        assert!(said.contains(expect), "`{expect}` is not in {said:.2000}");
    }
}

#[test]
fn paths_of_steps_stay_in_the_project() {
    for (step, fine) in [
        ("tool: filesystem, action: write, parameters: { path: PATH, content: x }", "fine.txt"),
        ("tool: filesystem, action: delete, parameters: { path: PATH }", "there.txt"),
        ("tool: filesystem, action: move, parameters: { path: there.txt, destination: PATH }", "fine.txt"),
        ("tool: filesystem, action: move, parameters: { path: PATH, destination: fine.txt }", "there.txt"),
        ("tool: filesystem, action: copy, parameters: { path: there.txt, destination: PATH }", "fine.txt"),
        ("tool: terminal, action: execute, parameters: { command: touch pwned, working_dir: PATH }", "sub"),
        ("action: echo x, products: { result: PATH }", "fine.txt"),
        ("action: echo x, products: { name: PATH, template: x, format: json }", "fine.txt"),
        ("action: echo x, products: { name: PATH, template: x, size_limit: 9 }", "fine.txt"),
        ("action: echo x, produces: result, location: PATH", "fine.txt"),
    ] {
        path_is_judged(step, fine, &KEPT);
    }
    for (step, fine) in [
        ("tool: filesystem, action: read, parameters: { path: PATH }", "there.txt"),
        ("tool: filesystem, action: exists, parameters: { path: PATH }", "there.txt"),
        ("tool: filesystem, action: list, parameters: { path: PATH }", "sub"),
        ("tool: filesystem, action: copy, parameters: { path: PATH, destination: fine.txt }", "there.txt"),
    ] {
        path_is_judged(step, fine, &[".env"]);
    }
}

/// What is read in with the file is judged before anything runs.
#[test]
fn files_that_are_read_in_are_of_the_project() {
    for (step, fine) in [
        ("action: 'echo << PATH >>'", "there.txt"),
        ("action: 'echo {{ file:PATH }}'", "there.txt"),
        ("action: \"echo {{ include_file('PATH') }}\"", "there.txt"),
        ("tool: pipeline-executor, parameters: { pipeline: PATH }", "call.yaml"),
    ] {
        step_does(&step.replace("PATH", fine));
        for path in OUTSIDE {
            // Where a link leads to, there is nothing.
            let expect =
                if path.starts_with("link") { "there is no file `link/secret.txt`" } else { LEADS_OUT };
            step_fails(&step.replace("PATH", path), expect);
        }
        step_fails(&step.replace("PATH", ".env"), "there is no file `.env`");
    }
    step_does("tool: user-prompt, parameters: { prompt: x, save_to_file: fine.txt }");
    for path in OUTSIDE.into_iter().chain(KEPT) {
        let expect = if KEPT.contains(&path) { NOT_FOR_PIPELINES } else { LEADS_OUT };
        step_fails(&format!("tool: user-prompt, parameters: {{ prompt: x, save_to_file: {path} }}"), expect);
    }
}

#[test]
fn files_stay_in_their_folder() {
    let file = |folder: &str, path: &str| {
        format!(
            "name: x\ninputs: {{ who: x }}\noutput_dir: {folder}\nsteps: [{{ id: a, action: echo x, products: {{ result: {path} }} }}]\n"
        )
    };
    let fine = project(&file("out", "'{{ who }}'"));
    assert_eq!(fine.run(&["run", "--quiet", "--set", "who=o.txt"]).code, Some(0));
    assert_eq!(fine.read("out/o.txt"), "x");
    for folder in ["../secret.txt", "/etc/passwd", "link/sub", "sub/../../secret.txt"] {
        assert!(failing(&project(&file(folder, "o.txt")), &[]).contains(LEADS_OUT), "{folder}");
    }
    for folder in [".git", ".refrain"] {
        assert!(failing(&project(&file(folder, "o.txt")), &[]).contains(NOT_FOR_PIPELINES), "{folder}");
    }
    for path in ["../o.txt", "sub/../../o.txt", "../../secret.txt"] {
        let said = failing(&project(&file("out", path)), &[]);
        assert!(said.contains("leads out of `output_dir`"), "{path}: {said:.2000}");
        let set = format!("who={path}");
        let said = failing(&project(&file("out", "'{{ who }}'")), &["--set", &set]);
        assert!(said.contains(&format!("out/{path} is not in out")), "{path}: {said:.2000}");
    }
    // What is absolute, or a link beside, is nothing of the kind within the folder.
    let within = project(&file("out", "'{{ who }}'"));
    assert_eq!(within.run(&["run", "--quiet", "--set", "who=/etc/passwd"]).code, Some(0));
    assert_eq!(within.read("out/etc/passwd"), "x");
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
    // A file that is named without its ending is that file.
    let project_ = project(&call("one"));
    project_.write("one.yaml", &call("one"));
    assert!(failing(&project_, &[]).contains("`one.yaml` carries itself out"));
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
