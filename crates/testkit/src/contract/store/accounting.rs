//! What the calls came to, and which of them are in doubt.

use refrain_core::ports::store::{CallFilter, InDoubt, LedgerSummary};
use refrain_schemas::ledger::{CallState, LaneSum, LedgerEntry, Rung};
use refrain_schemas::name::CallId;
use refrain_schemas::usage::Usage;

use super::Open;
use super::fixture::{
    abandoned, begin, ceiling, failure, holder, intent, intent_for, lane, ledger, model_lane, outcome,
    outcome_by, reply, run, served, target, usage,
};

fn story() -> Vec<LedgerEntry> {
    vec![
        lane(0, run(1), target("translate", "ja")),
        model_lane(1, run(1), target("qa", "ja"), "openai/one"),
        intent(0, 0, &["a", "a2"]),
        outcome(0, &[("a", reply("A")), ("a2", reply("A2"))]),
        intent_for(1, 1, Rung::First, &["b"]),
        outcome_by("main", 1, &[("b", failure("no"))]),
        intent_for(2, 1, Rung::Repair, &["b"]),
        outcome_by("main", 2, &[("b", reply("B"))]),
        intent_for(3, 1, Rung::Repair, &["c"]),
        intent_for(4, 1, Rung::Cascade, &["d"]),
        intent(5, 0, &["e"]),
    ]
}

fn sum(lane: &LedgerEntry, rung: Rung, done: u64, in_doubt: u64) -> LaneSum {
    let LedgerEntry::Lane(lane) = lane else { panic!("{lane:?} is no lane") };
    let mut sum = LaneSum::new(lane.clone(), rung);
    let ceiling = (lane.lane == 1).then(ceiling);
    // The first lane's calls are about two units each.
    let asks = if lane.lane == 0 { 2 } else { 1 };
    (0..done).for_each(|_| sum.add(CallState::Done, asks, &usage(), None));
    (0..in_doubt).for_each(|_| sum.add(CallState::InDoubt, 1, &Usage::default(), ceiling.as_ref()));
    sum
}

/// Each lane has its sums, apart by the reason of the calls; a call in doubt counts with its ceiling, noted or not.
pub async fn lanes_are_summed_up_by_rung(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    let lanes = [&story()[0], &story()[1]].map(Clone::clone);
    let expected = [
        sum(&lanes[0], Rung::First, 1, 1),
        sum(&lanes[1], Rung::First, 1, 0),
        sum(&lanes[1], Rung::Repair, 1, 1),
        sum(&lanes[1], Rung::Cascade, 0, 1),
    ];
    store.commit(ledger(story())).await.unwrap();
    for store in [&store, &open()] {
        assert_eq!(store.lane_sums().await.unwrap(), expected);
    }
    store.end_writing().await.unwrap();
    let store = open();
    begin(&store).await;
    store.commit(ledger(vec![abandoned(CallId(3), run(2))])).await.unwrap();
    for store in [&store, &open()] {
        assert_eq!(store.lane_sums().await.unwrap(), expected, "noted or not");
    }
    let late = vec![lane(2, run(2), target("qa", "fr")), intent(6, 2, &["f"]), outcome(6, &[])];
    store.commit(ledger(late.clone())).await.unwrap();
    let mut expected = expected.to_vec();
    expected.push(sum(&late[0], Rung::First, 1, 0));
    drop(store);
    let store = open();
    assert_eq!(store.lane_sums().await.unwrap(), expected);
    let summary = store.ledger_summary().await.unwrap();
    let usage = Usage { input_tokens: 12, cached_input_tokens: 4, output_tokens: 8, cost_usd: Some(1.0) };
    assert_eq!(summary, LedgerSummary { done: 4, in_doubt: 2, abandoned: 1, usage });
}

/// A call is listed with its model, reason, ceiling and server; one call, and those of an agent, can be asked for.
pub async fn calls_say_why_they_were_made_and_who_served_them(open: Open<'_>) {
    let store = open();
    begin(&store).await;
    store.commit(ledger(story())).await.unwrap();
    for store in [&store, &open()] {
        let one = CallFilter { call: Some(CallId(2)), ..CallFilter::default() };
        let calls = store.calls(&one).await.unwrap();
        assert_eq!(calls.iter().map(|view| view.call.0).collect::<Vec<_>>(), [2]);
        let view = &calls[0];
        assert_eq!((view.model.as_deref(), view.rung), (Some("openai/one"), Rung::Repair));
        assert_eq!((view.ceiling, &view.served), (Some(ceiling()), &Some(served("main"))));
        assert_eq!(view.usage, usage());
        let agent = Some("critic".parse().unwrap());
        let critic = store.calls(&CallFilter { agent, ..CallFilter::default() }).await.unwrap();
        assert_eq!(critic.iter().map(|view| view.call.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let none = CallFilter { call: Some(CallId(77)), ..CallFilter::default() };
        assert_eq!(store.calls(&none).await.unwrap(), []);
    }
}

/// The next writer is told of every call in doubt: for what it was, to whom, and what it may have cost.
pub async fn calls_that_are_in_doubt_are_named_in_full(open: Open<'_>) {
    for ended in [false, true] {
        let store = open();
        let opening = store.begin_writing(&holder("refrain run")).await.unwrap();
        if ended {
            let doubt = |call, phase, agent: &str, ceiling| InDoubt {
                call: CallId(call),
                target: target(phase, "ja"),
                agent: agent.parse().unwrap(),
                ceiling,
            };
            let expected = [
                doubt(3, "qa", "critic", Some(ceiling())),
                doubt(4, "qa", "critic", Some(ceiling())),
                doubt(5, "translate", "agent", None),
            ];
            assert_eq!(opening.in_doubt, expected);
            store.commit(ledger(vec![outcome(4, &[("d", reply("D"))])])).await.unwrap();
        } else {
            store.commit(ledger(story())).await.unwrap();
        }
        if ended {
            store.end_writing().await.unwrap();
        }
    }
    let opening = open().begin_writing(&holder("refrain run")).await.unwrap();
    assert_eq!(opening.in_doubt.iter().map(|doubt| doubt.call.0).collect::<Vec<_>>(), [3, 5]);
}
