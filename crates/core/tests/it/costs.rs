//! What a run of many steps costs: work that grows with the steps and not with their square, counted and not timed.

use std::time::Duration;

use refrain_core::ports::agent::{AnsweredUnit, Reply};
use refrain_schemas::json::Json;
use refrain_schemas::name::UnitId;
use refrain_testkit::world::{Act, World};
use serde_json::{Map, Value, json};

use crate::steps::steps;

/// How much more work twice as many steps may be.
const TWICE: f64 = 2.1;

/// Makes a step of a number and of how many there are.
type Shape = fn(usize, usize) -> Value;

fn chain(n: usize, _: usize) -> Value {
    let after = n.checked_sub(1).map(|before| format!("s{before}")).into_iter().collect::<Vec<_>>();
    json!({"after": after, "agent": {"builtin": "slow"}, "input": {"say": "{{ params.n }}", "n": n, "takes": 1}})
}

/// Each takes another time, so that each comes back in a turn of its own.
fn side_by_side(n: usize, _: usize) -> Value {
    json!({"agent": {"builtin": "slow"}, "input": {"say": "{{ params.n }}", "n": n, "takes": n + 1}})
}

/// All of them fail, one after the other, and what comes after them goes on.
fn failing(n: usize, _: usize) -> Value {
    json!({"agent": {"builtin": "slow"}, "input": {"say": "{{ params.n }}", "n": n, "takes": n + 1, "fails": true}, "on_failure": "continue"})
}

/// All hang on the first, and the last hangs on all.
fn fan(n: usize, of: usize) -> Value {
    let after: Vec<String> = match n {
        0 => Vec::new(),
        last if last + 1 == of => (0..last).map(|before| format!("s{before}")).collect(),
        _ => vec!["s0".to_owned()],
    };
    json!({"after": after, "agent": {"builtin": "slow"}, "input": {"say": "{{ params.n }}", "n": n, "takes": n + 1}})
}

fn world(n: usize, shape: Shape) -> World {
    let phases: Map<String, Value> = (0..n).map(|no| (format!("s{no}"), shape(no, n))).collect();
    let mut world = steps(Value::Object(phases));
    world.unwatched();
    world.calls("slow", |call| {
        let asked = &call.units[0];
        let takes = Duration::from_millis(asked.input["takes"].as_u64().unwrap());
        let document = Json::of(&json!({"success": true, "result": asked.input["say"]})).unwrap();
        let failure = || refrain_schemas::failure::Failure {
            kind: refrain_schemas::failure::FailureKind::Permanent,
            message: "no".to_owned(),
        };
        let result = if asked.input["fails"] == true { Err(failure()) } else { Ok(document) };
        let unit = AnsweredUnit::new(UnitId::new(&asked.id), result);
        Act::Late(takes, Reply { units: vec![unit], ..Reply::default() })
    });
    world
}

/// Returns how often targets were looked at in a first run, in one that finds everything fresh, and in one that does all
/// anew.
fn looks(n: usize, shape: Shape) -> [f64; 3] {
    let mut world = world(n, shape);
    let mut looks = [0.0; 3];
    for (run, looks) in looks.iter_mut().enumerate() {
        if run == 2 {
            world.set_param("n", json!(4));
        }
        let report = world.run();
        assert_eq!(report.phases.len(), n);
        *looks = world.take_looks() as f64;
    }
    looks
}

#[track_caller]
fn grows_with_the_steps(shape: Shape) {
    let (once, twice) = (looks(100, shape), looks(200, shape));
    for run in 0..3 {
        assert!(once[run] >= 100.0, "nothing is counted");
        assert!(twice[run] <= once[run] * TWICE, "run {run}: {} and then {}", once[run], twice[run]);
    }
}

#[test]
fn a_chain_costs_what_its_steps_cost() {
    grows_with_the_steps(chain);
}

#[test]
fn steps_side_by_side_cost_what_they_cost() {
    grows_with_the_steps(side_by_side);
}

#[test]
fn steps_that_fail_side_by_side_cost_what_they_cost() {
    grows_with_the_steps(failing);
}

#[test]
fn a_fan_costs_what_its_steps_cost() {
    grows_with_the_steps(fan);
}
