//! The conflicts that merges recorded.

use refrain_schemas::name::Revision;
use refrain_schemas::report::RunStatus;
use refrain_schemas::why::Conflict;
use refrain_testkit::world::World;
use serde_json::json;

use super::{now, project, target};

/// Two agents who disagree about every line.
fn panel(rule: &str) -> World {
    project(json!({
        "judge": {
            "units": {"of": "ingest"}, "fan": "panel", "merge": rule,
            "agents": {"a": 1, "b": 1}, "output": {"key": "id"},
        },
    }))
}

fn with_agents(mut world: World) -> World {
    world.redefine(|pipeline| {
        pipeline["agents"] = json!({"a": {"builtin": "note"}, "b": {"builtin": "mark"}});
    });
    world
}

fn conflicts(world: &mut World, revision: Option<Revision>) -> Result<Vec<Conflict>, String> {
    let engine = world.engine(false);
    let target = target(&engine, "judge");
    now(engine.conflicts(&target, revision)).map_err(|error| error.to_string())
}

#[test]
fn a_revision_has_the_conflicts_of_its_merge() {
    let mut world = with_agents(panel("first"));
    assert_eq!(conflicts(&mut world, None).unwrap_err(), "judge has no revision yet");
    world.run();
    let found = conflicts(&mut world, None).unwrap();
    assert_eq!(found.len(), 6);
    assert_eq!((found[0].key.as_str(), found[0].chosen, found[0].proposals.len()), ("l1", Some(0), 2));
    assert_eq!(conflicts(&mut world, Some(Revision(1))).unwrap(), found);
    world.redefine(|pipeline| pipeline["phases"]["judge"]["agents"] = json!({"a": 1}));
    world.run();
    assert_eq!(conflicts(&mut world, None).unwrap(), []);
    assert_eq!(conflicts(&mut world, Some(Revision(1))).unwrap(), found);
}

#[test]
fn an_attempt_that_failed_for_conflicts_tells_them() {
    let mut world = with_agents(panel("error"));
    assert_eq!(world.run().status, RunStatus::Failed);
    let found = conflicts(&mut world, None).unwrap();
    assert!(found.len() == 6 && found.iter().all(|conflict| conflict.chosen.is_none()));
    assert_eq!(conflicts(&mut world, Some(Revision(1))).unwrap_err(), "judge has no revision 1");
    world.redefine(|pipeline| pipeline["phases"]["judge"]["merge"] = json!("last"));
    world.run();
    assert!(conflicts(&mut world, None).unwrap().iter().all(|conflict| conflict.chosen == Some(1)));
}
