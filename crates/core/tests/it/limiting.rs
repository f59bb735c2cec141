//! What providers allow: pace, refusals, time-outs, and how fast calls leave where nothing holds them back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use refrain_core::ports::agent::{AgentError, RateSignal};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::RunStatus;
use refrain_testkit::world::{Act, AskedCall, World, reply_to};
use serde_json::{Value, json};

use crate::pieces::{lines, mark, modelled, world};

const LATENCY: Duration = Duration::from_millis(200);

fn good(call: &AskedCall) -> Act {
    Act::Late(LATENCY, reply_to(call, &|asked| Ok(mark(asked))))
}

fn refused(retry_after: Option<Duration>) -> Act {
    let error = AgentError::new(FailureKind::RateLimited, "too many requests");
    Act::FailLate(LATENCY, AgentError { retry_after, ..error })
}

/// A provider with a bucket of ten requests, and what it served and refused.
#[derive(Debug, Default)]
struct Provider {
    level: f64,
    at: Duration,
    served: u32,
    refused: u32,
}

impl Provider {
    fn act(&mut self, call: &AskedCall, per_second: impl Fn(Duration) -> f64) -> Act {
        let passed = call.at.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * per_second(call.at)).min(10.0);
        self.at = call.at;
        if self.level < 1.0 {
            self.refused += 1;
            return refused(None);
        }
        self.level -= 1.0;
        self.served += 1;
        good(call)
    }
}

/// Runs so many units against a provider; returns how long it took and how often it refused.
fn run(limits: &Value, n: usize, per_second: fn(Duration) -> f64) -> (f64, f64) {
    let mut world = modelled(limits, &json!({}), 24);
    world.unwatched();
    world.set("lines.csv", lines(n));
    let provider = Arc::new(Mutex::new(Provider { level: 10.0, ..Provider::default() }));
    let own = provider.clone();
    world.calls("sim/small", move |call| own.lock().unwrap().act(call, per_second));
    let report = world.run();
    assert_eq!((report.status, report.units.failed), (RunStatus::Completed, 0));
    let provider = provider.lock().unwrap();
    assert_eq!(report.calls, u64::from(provider.served + provider.refused), "the ledger has every request");
    (world.elapsed().as_secs_f64(), f64::from(provider.refused) / f64::from(provider.served))
}

#[test]
fn six_hundred_requests_per_minute_are_used_declared_or_not() {
    for limits in [json!({"requests_per_minute": 600}), json!({})] {
        let (seconds, refusals) = run(&limits, 3000, |_| 10.0);
        assert!(seconds <= 300.0 / 0.9 && refusals < 0.01, "{limits}: {seconds} {refusals}");
    }
}

#[test]
fn a_limit_that_is_halved_is_lived_with() {
    let halved = |at: Duration| if at < Duration::from_secs(120) { 10.0 } else { 5.0 };
    let (seconds, refusals) = run(&json!({"requests_per_minute": 600}), 1800, halved);
    assert!(seconds <= 120.0 + 600.0 / 5.0 / 0.9 && refusals < 0.02, "{seconds} {refusals}");
}

#[test]
fn two_hundred_and_fifty_six_clones_are_kept_busy() {
    let mut world = modelled(&json!({}), &json!({}), 256);
    world.unwatched();
    world.set("lines.csv", lines(256 * 12));
    world.calls("sim/small", good);
    assert_eq!(world.run().calls, 256 * 12);
    let ideal = LATENCY * 12;
    assert!(world.elapsed() <= ideal.mul_f64(1.0 / 0.9), "{:?} where {ideal:?} is ideal", world.elapsed());
}

#[test]
fn refusals_cost_no_attempts() {
    let mut world = modelled(&json!({}), &json!({"retry": {"attempts": 1}}), 2);
    world.calls("sim/small", |call| {
        if call.units[0].attempt < 20 { refused(Some(Duration::from_secs(2))) } else { good(call) }
    });
    let report = world.run();
    assert_eq!((report.status, report.units.ran), (RunStatus::Completed, 6));
    assert!(world.elapsed() >= Duration::from_secs(40), "it waits as long as it is told");
}

#[test]
fn refusals_end_all_the_same() {
    let mut world =
        modelled(&json!({}), &json!({"retry": {"attempts": 1, "initial": "1ms", "max": "1ms"}}), 1);
    world.set("lines.csv", lines(1));
    world.calls("sim/small", |_| refused(None));
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Failed, 51));
}

#[test]
fn a_gate_is_shared_by_all_agents_of_a_model() {
    // Two phases with agents of their own, and room for one call at a time.
    let phase =
        json!({"units": {"of": "ingest"}, "agent": {"model": "sim/small", "prompt": "{{ unit.text }}"}});
    let mut other = phase.clone();
    other["agent"]["params"] = json!({"again": true});
    let mut world = world(json!({"t": phase, "u": other}));
    world.redefine(|file| {
        file["endpoints"] = json!({"sim": {"base_url": "http://sim", "limits": {"concurrency": 1}}})
    });
    world.calls("sim/small", good);
    assert_eq!(world.run().calls, 12);
    assert!(world.elapsed() >= LATENCY * 12);
    let asked: Vec<String> = world.take_asked().iter().map(|asked| asked.target.clone()).collect();
    assert!(asked[..6].contains(&"t".to_owned()) && asked[..6].contains(&"u".to_owned()), "they take turns");
}

#[test]
fn what_a_provider_says_of_its_limits_counts() {
    let told = |signal: RateSignal| {
        let mut world = modelled(&json!({}), &json!({}), 1);
        world.calls("sim/small", move |call| {
            let mut reply = reply_to(call, &|asked| Ok(mark(asked)));
            reply.trace.signal = if call.count == 1 { signal } else { RateSignal::default() };
            Act::Reply(reply)
        });
        assert_eq!(world.run().calls, 6);
        world.elapsed().as_secs_f64()
    };
    let pause = RateSignal { exhausted_for: Some(Duration::from_secs(30)), ..RateSignal::default() };
    assert!((30.0..40.0).contains(&told(pause)));
    let pace = RateSignal { requests_per_minute: Some(60), ..RateSignal::default() };
    assert!((4.0..6.0).contains(&told(pace)), "{}", told(pace));
    assert!(told(RateSignal::default()) < 1.0);
}

#[test]
fn tokens_per_minute_are_a_pace_too() {
    // Each call is reckoned with some five hundred tokens, and takes six thousand.
    let mut world = modelled(&json!({"tokens_per_minute": 60000}), &json!({}), 4);
    world.set("lines.csv", lines(20));
    world.calls("sim/small", |call| {
        let mut reply = reply_to(call, &|asked| Ok(mark(asked)));
        reply.usage.output_tokens = 6000;
        Act::Reply(reply)
    });
    assert_eq!(world.run().calls, 20);
    let seconds = world.elapsed().as_secs_f64();
    assert!((90.0..130.0).contains(&seconds), "{seconds}");
}

#[test]
fn runs_on_the_same_seed_make_the_same_pauses() {
    let log = || -> Vec<String> {
        let mut world: World = modelled(&json!({}), &json!({}), 3);
        world.calls("sim/small", |call| {
            if call.count % 3 == 1 { refused(Some(Duration::from_secs(1))) } else { good(call) }
        });
        world.run();
        world.events().iter().map(|event| format!("{event:?}")).collect()
    };
    assert_eq!(log(), log());
}
