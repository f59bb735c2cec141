//! Phases that are for failures of others: no route passes them over, and of several the first that fits acts.

use refrain_schemas::report::PhaseStatus;
use serde_json::{Value, json};

use crate::steps::{check, problems, steps};

use PhaseStatus::{Completed, Failed, Skipped};

/// Who is for a failure comes after it for that, and no failure passes it over or drops it.
#[test]
fn a_failure_leaves_those_alone_that_are_for_it() {
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}, "on_failure": "fix"},
        "alarm": {"handles": [{"phase": "a"}], "input": {"say": "{{ phases.a.document.error }}"}},
        "told": {"after": ["alarm"]}, "never": {"after": ["a"]}, "fix": {},
    }));
    let rest = [("a", Failed), ("never", Skipped), ("told", Completed)];
    check(&world.run(), &[&rest[..], &[("alarm", Completed), ("fix", Completed)]].concat());
    let mut world = steps(json!({
        "a": {"input": {"raise": "boom"}, "on_failure": "skip"},
        "alarm": {"after": ["a"], "handles": [{"phase": "a"}]},
        "told": {"after": ["alarm"]}, "never": {"after": ["a"]},
    }));
    check(&world.run(), &[&rest[..], &[("alarm", Completed)]].concat());
}

/// Of what has a rank the first that fits acts alone; what has none acts as ever.
#[test]
fn the_lowest_rank_that_fits_acts_alone() {
    let of = |rank: u32, more: Value| {
        let mut entry = json!({"phase": "a", "rank": rank});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([entry])
    };
    let phases = |kind: &str, recover: Value| {
        json!({
            "a": {"input": {"raise": "boom"}, "recover": recover},
            "first": {"handles": of(1, json!({"kinds": [kind]}))}, "second": {"handles": of(2, json!({}))},
            "beside": {"handles": of(2, json!({}))}, "third": {"handles": of(3, json!({}))},
            "free": {"handles": [{"phase": "a"}]},
        })
    };
    let late = json!([{"rank": 3, "value": 1}]);
    for recover in [json!([]), late.clone()] {
        let rest = [("a", Failed), ("free", Completed), ("third", Skipped)];
        let mut world = steps(phases("timed_out", recover.clone()));
        let acting = [("first", Skipped), ("second", Completed), ("beside", Completed)];
        check(&world.run(), &[&rest[..], &acting].concat());
        let mut world = steps(phases("permanent", recover));
        let acting = [("first", Completed), ("second", Skipped), ("beside", Skipped)];
        check(&world.run(), &[&rest[..], &acting].concat());
    }
    let mut world = steps(phases("timed_out", json!([{"rank": 1, "value": 1}])));
    let skipped = ["first", "second", "beside", "third"].map(|name| (name, Skipped));
    check(&world.run(), &[&skipped[..], &[("a", Completed), ("free", Completed)]].concat());
    // What is switched off is for nothing, and a value waits for nobody.
    let mut off = phases("permanent", late);
    for name in ["first", "second", "beside"] {
        off[name]["enabled"] = json!(false);
    }
    let mut world = steps(off.clone());
    check(&world.run(), &[("a", Completed), ("free", Completed), ("third", Completed)]);
    off["first"] = json!({"handles": of(1, json!({"yields": true}))});
    let mut world = steps(off);
    check(&world.run(), &[("a", Completed), ("free", Completed), ("third", Skipped), ("first", Completed)]);
}

/// A phase that yields and fails leaves the failure to the next one, which waits for it.
#[test]
fn a_phase_that_yields_leaves_failures_to_the_next_one() {
    let phases = |input: Value, yields: bool| {
        let of = |rank: u32, yields: bool| json!([{"phase": "a", "rank": rank, "yields": yields}]);
        json!({
            "third": {"handles": of(3, false)}, "second": {"handles": of(2, true), "input": input},
            "first": {"handles": of(1, yields), "input": input}, "a": {"input": {"raise": "boom"}},
        })
    };
    let ends = |input: Value, yields: bool, expect: [PhaseStatus; 3]| {
        let mut world = steps(phases(input, yields));
        let expect = [("first", expect[0]), ("second", expect[1]), ("third", expect[2]), ("a", Failed)];
        check(&world.run(), &expect);
        let again = |status| if status == Completed { PhaseStatus::Fresh } else { status };
        check(&world.run(), &expect.map(|(name, status)| (name, again(status))));
    };
    ends(json!({"raise": "no"}), true, [Failed, Failed, Completed]);
    ends(json!({"raise": "no"}), false, [Failed, Skipped, Skipped]);
    let mut world = steps(phases(json!({"say": 1}), true));
    check(&world.run(), &[("first", Completed), ("second", Skipped), ("third", Skipped), ("a", Failed)]);
    let alone = problems(json!({"a": {}, "b": {"handles": [{"phase": "a", "yields": true}]}}));
    assert!(alone.iter().any(|problem| problem.contains("without a `rank`")), "{alone:?}");
    let problems = problems(json!({
        "a": {}, "b": {"handles": [{"phase": "a", "rank": 1, "yields": true}], "after": ["c"]},
        "c": {"handles": [{"phase": "a", "rank": 2}]},
    }));
    assert!(problems.iter().any(|problem| problem.contains("wait for each other")), "{problems:?}");
}
