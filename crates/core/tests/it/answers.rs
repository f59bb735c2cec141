//! Phases with an input of their own that ask models: answers whose shape is written out, and who gave them.

use refrain_schemas::name::PhaseName;
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::{Scope, Target};
use refrain_testkit::world::World;
use serde_json::{Value, json};

use crate::steps::{check, document, problems, steps};

use PhaseStatus::{Blocked, Completed, Failed, Fresh};

/// A model `m/first` that says nonsense, and others behind it; `tell` reads what is answered.
fn rated(agents: &[&str]) -> World {
    let pool: Value =
        agents.iter().map(|name| ((*name).to_owned(), json!(1))).collect::<serde_json::Map<_, _>>().into();
    let fan = if agents.len() > 1 { json!("cascade") } else { json!("split") };
    let mut world = steps(json!({
        "rate": {"agents": pool, "fan": fan, "input": {"text": "x"}},
        "tell": {"input": {"say": "{{ phases.rate.step.score + 1 }} {{ phases.rate.step.success }}"}},
    }));
    let schema = json!({
        "type": "object", "required": ["result"],
        "properties": {"result": {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}},
    });
    let agents = agents.to_vec();
    world.redefine(|file| {
        for name in agents {
            let retry = json!({"attempts": 2, "backoff": "none"});
            file["agents"][name] = json!({
                "model": format!("m/{name}"), "prompt": "{{ unit.text }}", "output": schema, "retry": retry,
            });
        }
        if file["phases"]["rate"]["fan"] == "split" {
            file["phases"]["rate"].as_object_mut().unwrap().remove("fan");
        }
    });
    world.agent("m/first", |_| Ok(json!({"result": {"score": "high"}})));
    world.agent("m/second", |_| Ok(json!({"result": {"score": 3}})));
    world
}

/// Returns who answered last about a phase.
fn answered(world: &mut World, phase: &str) -> Option<String> {
    let target = Target { phase: phase.parse::<PhaseName>().unwrap(), scope: Scope::none() };
    let engine = world.engine(false);
    let found = futures::executor::block_on(engine.answered(&[target])).unwrap();
    found.into_iter().next().flatten().map(|agent| agent.to_string())
}

#[test]
fn an_answer_that_does_not_fit_fails_with_the_path() {
    let mut world = rated(&["first"]);
    let report = world.run();
    check(&report, &[("rate", Failed), ("tell", Blocked)]);
    let rate = report.phases.iter().find(|phase| phase.phase.as_str() == "rate").unwrap();
    let message = &rate.error.as_ref().unwrap().units[0].failure.message;
    assert!(message.contains("at /result/score: \"high\" is not of type \"integer\""), "{message}");
    assert_eq!((rate.calls, rate.repairs), (2, 1), "it was told what was wrong");
    assert_eq!(answered(&mut world, "rate"), None);
}

#[test]
fn who_answered_in_the_place_of_another_is_known() {
    let mut world = rated(&["first", "second"]);
    check(&world.run(), &[("rate", Completed), ("tell", Completed)]);
    assert_eq!(answered(&mut world, "rate").as_deref(), Some("second"));
    assert_eq!(answered(&mut world, "tell").as_deref(), Some("tell"));
    assert_eq!(document(&mut world, "tell")["result"], "4 True");
    check(&world.run(), &[("rate", Fresh), ("tell", Fresh)]);
    let mut world = rated(&["second", "first"]);
    world.run();
    assert_eq!(answered(&mut world, "rate").as_deref(), Some("second"));
}

#[test]
fn a_schema_that_is_written_out_is_judged_where_it_stands() {
    let phase = |schema: Value| json!({"a": {"output": {"document": "d", "schema": schema}}});
    for wrong in [json!({"type": "objekt"}), json!({"$ref": "https://example.org/a.json"})] {
        let problems = problems(phase(wrong));
        assert!(problems.len() == 1 && problems[0].starts_with("phases.a.output.schema: "), "{problems:?}");
    }
    let mut world = steps(phase(json!({"required": ["more"]})));
    check(&world.run(), &[("a", Failed)]);
    let mut world = steps(phase(json!({"required": ["result"]})));
    check(&world.run(), &[("a", Completed)]);
    world.redefine(|file| file["phases"]["a"]["output"]["schema"] = json!({"required": ["success"]}));
    check(&world.run(), &[("a", Completed)]);
}
