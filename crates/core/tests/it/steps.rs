//! Pipelines of steps: phases with inputs of their own, whose agents do as their inputs say.

use std::collections::BTreeMap;
use std::time::Duration;

use refrain_core::ports::agent::{AgentError, AnsweredUnit, Reply};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::name::UnitId;
use refrain_schemas::report::{PhaseStatus, RunReport};
use refrain_testkit::world::{Act, AskedCall, World};
use serde_json::{Map, Value, json};

/// Returns a world of steps. The agent `do` says `{"success": true, "result": …}` about the field `say` of its input;
/// with `report` it says that it failed, with `raise` it fails, with `hang` it never answers, with `until` it reports
/// failures before that attempt.
pub(crate) fn steps(phases: Value) -> World {
    let mut file = json!({"refrain": 1, "name": "test", "params": {"n": {"default": 3}}, "phases": {}});
    let phases = phases.as_object().unwrap().iter().map(|(name, phase)| {
        let mut phase = phase.clone();
        let fields = phase.as_object_mut().unwrap();
        if fields.contains_key("loop") {
            return (name.clone(), phase);
        }
        if !fields.contains_key("agent") && !fields.contains_key("agents") {
            fields.insert("agent".to_owned(), json!({"builtin": "do"}));
        }
        if !fields.contains_key("input") {
            fields.insert("input".to_owned(), json!({"say": name}));
        }
        (name.clone(), phase)
    });
    file["phases"] = Value::Object(phases.collect());
    let mut world = World::new(file);
    world.calls("do", act);
    world
}

fn act(call: &AskedCall) -> Act {
    let asked = &call.units[0];
    let input = &asked.input;
    let until = input["until"].as_u64().unwrap_or(0);
    if let Some(message) = input["raise"].as_str() {
        return Act::Fail(AgentError::new(FailureKind::Permanent, message));
    }
    if input["hang"] == true {
        return Act::Hang;
    }
    if input["report"].is_object() || u64::from(asked.attempt) < until {
        let document = if until > 0 { json!({"attempt": asked.attempt}) } else { input["report"].clone() };
        let failure = Failure { kind: FailureKind::Reported, message: "it did not work".to_owned() };
        let unit = AnsweredUnit {
            id: UnitId::new(&asked.id),
            result: Err(failure),
            said: Some(document.to_string()),
        };
        return Act::Reply(Reply { units: vec![unit], ..Reply::default() });
    }
    let document = json!({"success": true, "result": input["say"]});
    let reply =
        AnsweredUnit::new(UnitId::new(&asked.id), Ok(refrain_schemas::json::Json::of(&document).unwrap()));
    Act::Late(Duration::from_millis(10), Reply { units: vec![reply], ..Reply::default() })
}

/// Returns what became of each phase.
pub(crate) fn statuses(report: &RunReport) -> BTreeMap<String, PhaseStatus> {
    report.phases.iter().map(|phase| (phase.phase.to_string(), phase.status)).collect()
}

#[track_caller]
pub(crate) fn check(report: &RunReport, expect: &[(&str, PhaseStatus)]) {
    let found = statuses(report);
    let found: BTreeMap<&str, PhaseStatus> =
        found.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    assert_eq!(found, expect.iter().copied().collect());
}

/// Returns the document of a phase, be it that of its failure.
pub(crate) fn document(world: &mut World, phase: &str) -> Value {
    let target = refrain_schemas::scope::Target {
        phase: phase.parse().unwrap(),
        scope: refrain_schemas::scope::Scope::none(),
    };
    let engine = world.engine(false);
    let found = futures::executor::block_on(engine.document(&target)).unwrap();
    found.map_or(Value::Null, |json| json.value())
}

/// Returns the problems of a pipeline of steps.
pub(crate) fn problems(phases: Value) -> Vec<String> {
    steps(phases).checked().map(|_| Map::<String, Value>::new()).unwrap_err()
}
