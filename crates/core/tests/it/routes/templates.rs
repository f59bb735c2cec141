//! Templates that name the phase to go on with.

use std::sync::atomic::{AtomicUsize, Ordering};

use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::PhaseStatus;
use refrain_testkit::world::World;
use serde_json::json;

use crate::ahead::plan;
use crate::steps::{check, steps};

use PhaseStatus::{Completed, Failed, Skipped};

#[test]
fn a_template_names_the_phase_to_go_on_with() {
    let mut world = steps(json!({
        "a": {"input": {"say": "c"}, "goto": "{{ phases.a.document.result }}"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]}, "d": {"after": ["c"]}, "other": {"after": ["a"]},
    }));
    let all = [("b", Skipped), ("c", Completed), ("d", Completed), ("other", Completed)];
    check(&world.run(), &[&all[..], &[("a", Completed)]].concat());
    let fresh =
        all.map(|(name, status)| (name, if status == Completed { PhaseStatus::Fresh } else { status }));
    check(&world.run(), &[&fresh[..], &[("a", PhaseStatus::Fresh)]].concat());
    assert_eq!(world.unfresh(), ["b"], "it is skipped");
}

/// Where it goes on hangs on more than what is asked: nobody is asked again, and another way is taken.
#[test]
fn another_value_of_a_template_takes_another_way() {
    let mut world = steps(json!({
        "a": {"goto": "{{ 'c' if params.n > 5 else 'd' }}"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]}, "d": {"after": ["c"]},
    }));
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Skipped), ("d", Completed)]);
    world.set_param("n", json!(9));
    world.take_asked();
    let report = world.run();
    check(&report, &[("a", Completed), ("b", Skipped), ("c", Completed), ("d", PhaseStatus::Fresh)]);
    assert_eq!(world.take_units(), ["c/all"]);
    assert_eq!(world.unfresh(), ["b"], "it is skipped");
}

#[test]
fn a_template_that_names_nothing_later_fails_its_phase() {
    for to in ["nowhere", "before", "a", "beside", "no name at all"] {
        let mut world = steps(json!({
            "before": {}, "beside": {"after": ["before"]},
            "a": {"after": ["before"], "goto": format!("{{{{ '{to}' }}}}")}, "b": {"after": ["a"]},
        }));
        let report = world.run();
        check(
            &report,
            &[("before", Completed), ("beside", Completed), ("a", Failed), ("b", PhaseStatus::Blocked)],
        );
        let error =
            report.phases.iter().find_map(|phase| phase.error.clone().filter(|e| e.missing.is_empty()));
        let message = error.unwrap().message;
        assert!(message.contains("names nothing that comes later"), "{message}");
        assert_eq!(report.exit_code, 1);
    }
}

/// Returns a world whose first answer names nothing to go on with.
fn misled(is_volatile: bool) -> World {
    let mut world = steps(json!({
        "a": {"agent": {"builtin": "pick", "volatile": is_volatile}, "goto": "{{ phases.a.document.result }}"},
        "b": {"after": ["a"]}, "c": {"after": ["b"]},
    }));
    let asked = AtomicUsize::new(0);
    world.agent("pick", move |_| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(json!({"success": true, "result": if first { "nowhere" } else { "c" }}))
    });
    world
}

/// An answer that names nothing to go on with is of no use, be it kept ever so well: the next run asks again.
#[test]
fn an_answer_that_names_nothing_is_asked_for_again() {
    for is_volatile in [false, true] {
        let mut world = misled(is_volatile);
        let report = world.run();
        check(&report, &[("a", Failed), ("b", PhaseStatus::Blocked), ("c", PhaseStatus::Blocked)]);
        assert_eq!(report.phases[0].error.as_ref().unwrap().code, "goto");
        assert_eq!((report.phases[0].units.total, report.phases[0].units.ran), (1, 1));
        assert_eq!(world.status()["a"], Freshness::Failed);
        world.take_asked();
        let plan = plan(&mut world);
        assert_eq!(plan.calls.min, 1, "{is_volatile}");
        check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
        assert_eq!(world.take_units(), ["a/all", "c/all"], "{is_volatile}");
    }
}

/// Another template may find its way by the same answer, for which nobody needs to be asked.
#[test]
fn another_template_reads_the_answer_that_is_there() {
    let mut world = misled(false);
    world.run();
    world.take_asked();
    world.redefine(|file| {
        file["phases"]["a"]["goto"] = json!("{{ 'c' if phases.a.document.result == 'nowhere' else 'b' }}");
    });
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
    assert_eq!(world.take_units(), ["c/all"]);
}

/// What was made before named another way; the value that stands in now names none.
#[test]
fn a_value_that_stands_in_names_no_way() {
    let mut world = steps(json!({
        "a": {"input": {"say": "c"}, "goto": "{{ phases.a.document.result }}", "recover": [{"value": {"result": "c"}}]},
        "b": {"after": ["a"]}, "c": {"after": ["b"]},
    }));
    check(&world.run(), &[("a", Completed), ("b", Skipped), ("c", Completed)]);
    world.redefine(|file| file["phases"]["a"]["input"] = json!({"raise": "boom"}));
    check(&world.run(), &[("a", Completed), ("b", Completed), ("c", PhaseStatus::Fresh)]);
}

#[test]
fn what_a_template_may_pass_over_is_planned_as_doubtful() {
    let mut world = steps(json!({
        "a": {"goto": "{{ phases.a.document.result }}", "input": {"say": "c"}},
        "b": {"after": ["a"]}, "c": {"after": ["b"]},
    }));
    let plan = plan(&mut world);
    assert_eq!((plan.calls.min, plan.calls.max), (1, Some(3)));
}
