//! Kills within loops, in other pipelines, where failures are handled, and on ways that steps name themselves.

use super::{Story, survives};

/// A list, a list in a list, and turns that go on as long as a condition holds.
const LOOPS: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a } }
  - id: each
    for_each: [x, y]
    max_parallel: 1
    dependencies: [a]
    steps:
      - { id: s, tool: terminal, action: execute, parameters: { command: "sh step.sh s{{ item }}" } }
      - id: deep
        for_each: [1, 2]
        max_parallel: 1
        dependencies: [s]
        steps:
          - { id: t, tool: terminal, action: execute, parameters: { command: "sh step.sh t{{ item }} && echo '{{ s.stdout }}'" } }
      - { id: u, tool: terminal, action: execute, parameters: { command: "sh step.sh u{{ item }} && echo {{ deep.iterations }}" }, dependencies: [deep] }
  - id: tries
    while: "{{ iteration < 2 }}"
    dependencies: [each]
    steps:
      - { id: w, tool: terminal, action: execute, parameters: { command: "sh step.sh w{{ iteration }}" } }
      - { id: n, tool: recursion-control, action: update_state, parameters: { context_id: c, state_key: n, increment: 1 }, dependencies: [w] }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo {{ each.results | length }} {{ tries.iterations }} {{ tries.last.n.result.state.n }}" }, dependencies: [tries] }
"#,
    kills: &["a", "sx", "t1", "ux", "sy", "uy", "w0", "w1", "b"],
    book: &[
        ("a", 1),
        ("sx", 1),
        ("sy", 1),
        ("t1", 2),
        ("t2", 2),
        ("ux", 1),
        ("uy", 1),
        ("w0", 1),
        ("w1", 1),
        ("b", 1),
    ],
    code: 0,
};

/// Turns of which one fails: of a list that breaks there, of one that goes on, and of one that a value stands in for.
const BROKEN: Story = Story {
    steps: r#"
  - id: breaks
    for_each: [x, y, z]
    break_on_error: true
    on_failure: continue
    steps:
      - { id: s, tool: terminal, action: execute, parameters: { command: "sh step.sh s{{ item }} {{ 3 if item == 'y' else 0 }}" } }
  - id: rest
    for_each: [x, y]
    max_parallel: 1
    dependencies: [breaks]
    on_error: { fallback_value: { iterations: 9 } }
    steps:
      - { id: t, tool: terminal, action: execute, parameters: { command: "sh step.sh t{{ item }} {{ 4 if item == 'x' else 0 }}" } }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo {{ breaks.status }} {{ rest.iterations }}" }, dependencies: [rest] }
"#,
    kills: &["sx", "sy", "tx", "ty", "b"],
    book: &[("sx", 1), ("sy", 1), ("tx", 1), ("ty", 1), ("b", 1)],
    code: 1,
};

/// Another pipeline, one of whose steps fails and is allowed for, and one within that.
const PIPELINES: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a } }
  - id: call
    tool: pipeline-executor
    dependencies: [a]
    parameters:
      inputs: { who: "{{ a.stdout | trim }}" }
      pipeline:
        name: Inner
        inputs: [who]
        steps:
          - { id: x, tool: terminal, action: execute, parameters: { command: "sh step.sh x && echo '{{ who }}'" }, products: [{ stdout: out/x.txt }] }
          - { id: y, tool: terminal, action: execute, parameters: { command: sh step.sh y 3 }, on_failure: continue, dependencies: [x] }
          - id: more
            tool: pipeline-executor
            dependencies: [y]
            parameters:
              pipeline:
                name: Innermost
                steps: [{ id: z, tool: terminal, action: execute, parameters: { command: sh step.sh z } }]
                outputs: { said: "{{ z.stdout }}" }
        outputs: { said: "{{ more.outputs.said }}", code: "{{ y.return_code }}" }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo '{{ call.outputs.code }} {{ call.outputs.said }}'" }, dependencies: [call] }
"#,
    kills: &["a", "x", "y", "z", "b"],
    book: &[("a", 1), ("x", 1), ("y", 1), ("z", 1), ("b", 1)],
    code: 1,
};

/// Steps and actions for failures: where one goes on elsewhere, where a value stands in, and where nothing failed.
const HANDLERS: Story = Story {
    steps: r#"
  - id: a
    tool: terminal
    action: execute
    parameters: { command: sh step.sh a 3 }
    on_failure: fix
    on_error:
      - { error_codes: [3], handler_task_id: mend }
      - { error_codes: [4], handler_task_id: never }
      - { handler_action: "write {{ a.return_code }} {{ a.stdout }} to out/log.txt" }
  - { id: mend, tool: terminal, action: execute, parameters: { command: "sh step.sh mend && echo {{ a.return_code }}" } }
  - { id: never, tool: terminal, action: execute, parameters: { command: sh step.sh never } }
  - { id: behind, tool: terminal, action: execute, parameters: { command: sh step.sh behind }, dependencies: [a] }
  - { id: fix, tool: terminal, action: execute, parameters: { command: sh step.sh fix }, dependencies: [mend] }
  - id: c
    tool: terminal
    action: execute
    parameters: { command: sh step.sh c 5 }
    dependencies: [fix]
    on_error: { error_codes: [5], fallback_value: { ok: false }, handler_task_id: note }
  - { id: note, tool: terminal, action: execute, parameters: { command: "sh step.sh note && echo {{ c.return_code }}" } }
  - { id: d, tool: terminal, action: execute, parameters: { command: "sh step.sh d && echo {{ c.ok }}" }, dependencies: [c, note] }
"#,
    kills: &["a", "mend", "fix", "c", "note", "d"],
    book: &[("a", 1), ("mend", 1), ("fix", 1), ("c", 1), ("note", 1), ("d", 1)],
    code: 1,
};

/// What programs say names the way: it is said once in each execution.
const WAYS: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: "sh step.sh a > said && echo d" }, goto: "{{ a.stdout | trim }}" }
  - { id: b, tool: terminal, action: execute, parameters: { command: sh step.sh b }, dependencies: [a] }
  - { id: c, tool: terminal, action: execute, parameters: { command: sh step.sh c }, dependencies: [b] }
  - { id: d, tool: terminal, action: execute, parameters: { command: sh step.sh d }, dependencies: [c], goto: "{{ 'f' if 'was' in d.stdout else 'e' }}" }
  - { id: e, tool: terminal, action: execute, parameters: { command: sh step.sh e }, dependencies: [d] }
  - { id: f, tool: terminal, action: execute, parameters: { command: sh step.sh f }, dependencies: [e] }
"#,
    kills: &["a", "d", "f"],
    book: &[("a", 1), ("d", 1), ("f", 1)],
    code: 0,
};

/// What a program says names nothing: the execution has failed for that, and goes on with what comes after it.
const ASTRAY: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: "sh step.sh a > said && echo nowhere" }, goto: "{{ a.stdout | trim }}", on_failure: continue }
  - { id: b, tool: terminal, action: execute, parameters: { command: sh step.sh b }, dependencies: [a] }
  - { id: c, tool: terminal, action: execute, parameters: { command: sh step.sh c }, dependencies: [b] }
"#,
    kills: &["a", "b", "c"],
    book: &[("a", 1), ("b", 1), ("c", 1)],
    code: 1,
};

#[test]
fn turns_of_loops_survive_kills() {
    survives(&LOOPS);
}

#[test]
fn turns_that_fail_survive_kills() {
    survives(&BROKEN);
}

#[test]
fn other_pipelines_survive_kills() {
    survives(&PIPELINES);
}

#[test]
fn what_is_for_failures_survives_kills() {
    survives(&HANDLERS);
}

#[test]
fn ways_that_programs_name_survive_kills() {
    survives(&WAYS);
}

#[test]
fn ways_that_lead_nowhere_survive_kills() {
    survives(&ASTRAY);
}
