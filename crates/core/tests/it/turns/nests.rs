//! Made-up nests of loops with policies, against a model of them; killed anywhere, they make what an unbroken run makes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::World;
use serde_json::{Map, Value, json};

use super::{document, ends};
use crate::ahead::plan;
use crate::steps::steps;

/// Something of a made-up pipeline.
#[derive(Debug, Clone)]
struct Node {
    /// Whether it comes after the one before it.
    is_after: bool,
    /// 0 fails, 1 continues, 2 skips.
    policy: u8,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// A step that fails in the turn of this number.
    Step(Option<usize>),
    /// A loop of so many turns; of a list with a condition, so many start at once, and it ends behind one of them.
    Loop { kind: u8, n: usize, breaks: bool, rows: usize, until: usize, body: Vec<Node> },
}

fn nodes(depth: u32) -> BoxedStrategy<Vec<Node>> {
    let step = proptest::option::weighted(0.3, 0..3_usize).prop_map(What::Step).boxed();
    let what = if depth == 0 {
        step
    } else {
        let turns = (0..4_u8, 0..4_usize, any::<bool>(), 1..3_usize, 0..4_usize, nodes(depth - 1));
        let turns = turns.prop_map(|(kind, n, breaks, rows, until, body)| What::Loop {
            kind,
            n,
            breaks: breaks && kind != 3,
            rows,
            until,
            body,
        });
        prop_oneof![1 => step, 2 => turns].boxed()
    };
    let node = (any::<bool>(), 0..3_u8, what);
    let node = node.prop_map(|(is_after, policy, what)| Node { is_after, policy, what });
    proptest::collection::vec(node, 1..3).boxed()
}

/// Writes nodes as phases; `around` is the loop that they are in, `index` what its turns are told apart by.
fn write(
    nodes: &[Node],
    prefix: &str,
    around: Option<(&str, bool)>,
    indexes: &str,
    into: &mut Map<String, Value>,
) {
    for (n, node) in nodes.iter().enumerate() {
        let name = format!("{prefix}{n}");
        let mut phase = json!({"on_failure": (["fail", "continue", "skip"][node.policy as usize])});
        if node.is_after && n > 0 {
            phase["after"] = json!([format!("{prefix}{}", n - 1)]);
        }
        if let Some((around, _)) = around {
            phase["in"] = json!(around);
        }
        match &node.what {
            What::Step(fails) => {
                let has_index = around.is_some_and(|(_, has_index)| has_index);
                let fails = match (fails, around) {
                    (Some(k), Some((around, _))) if has_index => {
                        json!(format!("{{{{ 'boom' if loop.{around}.index == {k} else none }}}}"))
                    }
                    (Some(0), _) => json!("boom"),
                    _ => Value::Null,
                };
                phase["input"] = json!({"say": format!("{name} {indexes}"), "raise": fails});
                into.insert(name, phase);
            }
            What::Loop { kind, n, breaks, rows, until, body } => {
                phase["loop"] = match kind {
                    0 => json!({"for_each": (0..*n).collect::<Vec<_>>(), "break_on_error": breaks}),
                    1 => json!({"while": format!("loop.{name}.iteration < {n}")}),
                    3 => {
                        let until = format!("loop.{name}.index == {until}");
                        json!({"for_each": (0..*n).collect::<Vec<_>>(), "max_parallel": rows, "until": until})
                    }
                    _ => json!({"once": true}),
                };
                into.insert(name.clone(), phase);
                let indexes = if *kind == 2 {
                    indexes.to_owned()
                } else {
                    format!("{indexes} {{{{ loop.{name}.index }}}}")
                };
                write(body, &format!("{name}_"), Some((&name, *kind != 2)), &indexes, into);
            }
        }
    }
}

/// What should become of made-up nodes, by target.
fn model(nodes: &[Node], prefix: &str, turns: &[usize], into: &mut BTreeMap<String, &'static str>) {
    let scope = turns.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut before = ("made", 0);
    for (n, node) in nodes.iter().enumerate() {
        let name = format!("{prefix}{n}");
        let own = match if node.is_after && n > 0 { before } else { ("made", 0) } {
            ("failed", 2) | ("skipped", _) => "skipped",
            ("failed", 0) | ("blocked", _) => "blocked",
            _ => match &node.what {
                What::Step(fails) if *fails == Some(turns.last().copied().unwrap_or(0)) => "failed",
                What::Step(_) => "made",
                What::Loop { kind, n, breaks, rows, until, body } => {
                    let (mut is_bad, mut is_over) = (false, false);
                    let n = if *kind == 2 { 1 } else { *n };
                    for turn in 0..n {
                        let mut ends = BTreeMap::new();
                        model(body, &format!("{name}_"), &[turns, &[turn]].concat(), &mut ends);
                        let has_failed = fails(body, &format!("{name}_"), &[turns, &[turn]].concat(), &ends);
                        into.extend(ends);
                        is_bad |= has_failed;
                        is_over |= *kind == 3 && turn == *until && !has_failed;
                        let is_asked = (turn + 1) % rows == 0;
                        if (has_failed && (*breaks || *kind == 1)) || (is_over && is_asked) {
                            break;
                        }
                    }
                    if is_bad { "failed" } else { "made" }
                }
            },
        };
        let target = if turns.is_empty() { name } else { format!("{name}@{scope}") };
        into.insert(target, own);
        before = (own, node.policy);
    }
}

/// Whether a turn has failed.
fn fails(body: &[Node], prefix: &str, turns: &[usize], ends: &BTreeMap<String, &'static str>) -> bool {
    let scope = turns.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    body.iter().enumerate().any(|(n, node)| {
        let end = ends[&format!("{prefix}{n}@{scope}")];
        end == "blocked" || (end == "failed" && node.policy == 0)
    })
}

fn found(world: &mut World) -> (BTreeMap<String, &'static str>, u64) {
    let report = world.run();
    let word = |status: PhaseStatus| match status {
        PhaseStatus::Completed | PhaseStatus::Fresh => "made",
        PhaseStatus::Failed => "failed",
        PhaseStatus::Blocked => "blocked",
        _ => "skipped",
    };
    (ends(&report).into_iter().map(|(name, status)| (name, word(status))).collect(), report.calls)
}

fn documents(world: &mut World, nodes: &[Node]) -> Vec<Value> {
    (0..nodes.len()).map(|n| document(world, &format!("n{n}"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn nests_end_as_their_definition_says(nodes in nodes(2), kills in proptest::collection::vec(1..60_u64, 0..3)) {
        let mut phases = Map::new();
        write(&nodes, "n", None, "", &mut phases);
        let mut expect = BTreeMap::new();
        model(&nodes, "n", &[], &mut expect);
        let mut whole = steps(Value::Object(phases.clone()));
        let (ends, calls) = found(&mut whole);
        prop_assert_eq!(&ends, &expect);
        let mut broken = steps(Value::Object(phases));
        for kill in kills {
            drop(broken.run_killed(kill));
        }
        let (ends, _) = found(&mut broken);
        prop_assert_eq!(&ends, &expect);
        prop_assert_eq!(documents(&mut broken, &nodes), documents(&mut whole, &nodes));
        prop_assert_eq!(broken.bought_twice(), [""; 0]);
        let n_failed = expect.iter().filter(|(name, end)| **end == "failed" && is_step(&nodes, name)).count() as u64;
        prop_assert!(calls >= n_failed);
        // Another run tries what failed, and nothing else; and the plan expects no less.
        let plan = plan(&mut whole);
        let (ends, calls) = found(&mut whole);
        prop_assert_eq!((&ends, calls), (&expect, n_failed));
        prop_assert!(plan.calls.max.is_none_or(|max| calls <= max), "{:?} of {:?}", plan.calls, calls);
    }
}

/// Whether a target is one of a step.
fn is_step(nodes: &[Node], target: &str) -> bool {
    let name = target.split('@').next().unwrap_or(target);
    let mut at = nodes;
    let mut is_step = false;
    for part in name.trim_start_matches('n').split('_') {
        let Some(node) = part.parse::<usize>().ok().and_then(|n| at.get(n)) else { return false };
        match &node.what {
            What::Step(_) => is_step = true,
            What::Loop { body, .. } => at = body,
        }
    }
    is_step
}
