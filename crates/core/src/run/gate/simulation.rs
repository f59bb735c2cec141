//! Gates in front of simulated providers, on virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use refrain_schemas::endpoint::RateLimits;

use super::{Admission, Gate, Pass, Refusal};

const MINUTE: Duration = Duration::from_secs(60);

/// How a provider counts.
#[derive(Debug, Clone, Copy)]
enum Counting {
    /// A bucket that holds so many requests.
    Bucket(f64),
    /// What came in the last minute.
    Sliding,
    /// What came in the present minute.
    Fixed,
}

/// A provider that allows so many requests per minute, and fewer or more from a moment on.
#[derive(Debug)]
struct Provider {
    counting: Counting,
    limit: f64,
    later: Option<(Duration, f64)>,
    says_when: bool,
    /// How long a refusal takes, in milliseconds.
    refuses_in: u64,
    /// One in so many is refused for no reason.
    moody: Option<u64>,
    n: u64,
    level: f64,
    at: Duration,
    served: VecDeque<Duration>,
}

impl Provider {
    fn new(counting: Counting, says_when: bool) -> Self {
        let level = if let Counting::Bucket(size) = counting { size } else { 0.0 };
        let (at, served) = (Duration::ZERO, VecDeque::new());
        Self {
            counting,
            limit: 600.0,
            later: None,
            says_when,
            refuses_in: 100,
            moody: None,
            n: 0,
            level,
            at,
            served,
        }
    }

    /// Serves a request, or says when to come back.
    fn serve(&mut self, now: Duration) -> Answer {
        if let Some((_, limit)) = self.later.take_if(|(at, _)| *at <= now) {
            self.limit = limit;
        }
        self.n += 1;
        // The multiples of a number that has nothing to do with it come in no order.
        if self
            .moody
            .is_some_and(|one_in| self.n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33 < (1 << 31) / one_in)
        {
            return Err(self.says_when.then_some(Duration::from_secs(1)));
        }
        let wait = match self.counting {
            Counting::Bucket(size) => self.pour(size, now),
            Counting::Sliding => self.count(now.saturating_sub(MINUTE), now),
            Counting::Fixed => self.count(Duration::from_secs(now.as_secs() / 60 * 60), now),
        };
        match wait {
            None => Ok(()),
            Some(wait) => Err(self.says_when.then_some(wait)),
        }
    }

    fn pour(&mut self, size: f64, now: Duration) -> Option<Duration> {
        let rate = self.limit / 60.0;
        self.level = (self.level + (now - self.at).as_secs_f64() * rate).min(size);
        self.at = now;
        if self.level < 1.0 {
            return Some(Duration::from_secs_f64((1.0 - self.level) / rate));
        }
        self.level -= 1.0;
        None
    }

    fn count(&mut self, since: Duration, now: Duration) -> Option<Duration> {
        while self.served.front().is_some_and(|at| *at < since) {
            self.served.pop_front();
        }
        if (self.served.len() as f64) < self.limit {
            self.served.push_back(now);
            return None;
        }
        Some(match self.counting {
            Counting::Fixed => since + MINUTE - now,
            _ => self.served[self.served.len() - self.limit as usize] + MINUTE - now,
        })
    }
}

/// Served, or refused until some time that may be told.
type Answer = Result<(), Option<Duration>>;

/// What came of a stretch of time.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    served: f64,
    refused: f64,
}

impl Stretch {
    /// Returns the share of what was allowed that was used.
    fn used(&self, per_minute: f64, seconds: f64) -> f64 {
        self.served / (per_minute / 60.0 * seconds)
    }

    fn refusals(&self) -> f64 {
        self.refused / (self.refused + self.served)
    }
}

/// Calls a provider through a gate for so many minutes; returns what came of each second.
fn run(limits: RateLimits, clones: u32, provider: &mut Provider, minutes: u64, latency: u64) -> Vec<Stretch> {
    let mut gate = Gate::new(&limits, clones);
    let mut seconds = vec![Stretch::default(); usize::try_from(minutes * 60).unwrap()];
    let mut flights: BTreeMap<(Duration, u32), (Pass, Answer)> = BTreeMap::new();
    let mut n = 0;
    for millis in (0..minutes * 60_000).step_by(5) {
        let now = Duration::from_millis(millis);
        while let Some(first) = flights.first_entry().filter(|first| first.key().0 <= now) {
            let (pass, answer) = first.remove();
            gate.leave(&pass, None, now);
            let jitter = (millis % 97) as f64 / 97.0;
            match answer {
                Ok(()) => gate.succeeded(&pass),
                Err(retry_after) => gate.refused(&pass, Refusal { retry_after, jitter }, now, |strikes| {
                    Duration::from_millis(500 << strikes.min(6).saturating_sub(1))
                }),
            }
        }
        while flights.len() < clones as usize && gate.admits(now) == Admission::Now {
            let pass = gate.enter(0, now);
            let answer = provider.serve(now);
            let second = &mut seconds[usize::try_from(now.as_secs()).unwrap()];
            if answer.is_ok() {
                second.served += 1.0;
            } else {
                second.refused += 1.0;
            }
            let latency = if answer.is_ok() { latency } else { latency.min(provider.refuses_in) };
            n += 1;
            flights.insert((now + Duration::from_millis(latency), n), (pass, answer));
        }
    }
    seconds
}

fn sum(seconds: &[Stretch]) -> Stretch {
    seconds.iter().fold(Stretch::default(), |sum, second| Stretch {
        served: sum.served + second.served,
        refused: sum.refused + second.refused,
    })
}

fn declared(requests_per_minute: Option<u32>) -> RateLimits {
    RateLimits { requests_per_minute, ..RateLimits::default() }
}

const COUNTINGS: [Counting; 5] = [
    Counting::Bucket(3.0),
    Counting::Bucket(10.0),
    Counting::Bucket(600.0),
    Counting::Sliding,
    Counting::Fixed,
];

/// Returns the least share of a limit that is to be used, and the most refusals. A provider that counts whole minutes
/// and does not say when to come back has to be tried.
const fn bounds(counting: Counting, says_when: bool) -> (f64, f64) {
    match counting {
        Counting::Bucket(_) => (0.9, 0.01),
        Counting::Sliding => (0.9, 0.0125),
        Counting::Fixed if says_when => (0.9, 0.01),
        Counting::Fixed => (0.85, 0.02),
    }
}

#[test]
fn a_declared_limit_is_used_without_refusals() {
    for counting in COUNTINGS {
        for latency in [20, 200, 3000] {
            let mut provider = Provider::new(counting, true);
            let all = sum(&run(declared(Some(600)), 64, &mut provider, 10, latency));
            let used = all.used(600.0, 600.0);
            assert!(used >= 0.95 && all.refused == 0.0, "{counting:?} {latency}: {used} {all:?}");
        }
    }
}

#[test]
fn a_limit_that_nobody_declared_is_found_out() {
    for counting in COUNTINGS {
        for says_when in [false, true] {
            let mut provider = Provider::new(counting, says_when);
            let all = sum(&run(declared(None), 32, &mut provider, 20, 200));
            let (used, refusals) = (all.used(600.0, 1200.0), all.refusals());
            let (least, most) = bounds(counting, says_when);
            assert!(used >= least && refusals < most, "{counting:?} {says_when}: {used} {refusals}");
        }
    }
}

#[test]
fn slow_answers_make_no_difference() {
    for (counting, latency) in
        [(Counting::Bucket(10.0), 3000), (Counting::Sliding, 3000), (Counting::Fixed, 8000)]
    {
        let mut provider = Provider::new(counting, true);
        let seconds = run(declared(None), 100, &mut provider, 20, latency);
        let late = sum(&seconds[600..]);
        assert!(late.used(600.0, 600.0) >= 0.9 && late.refusals() < 0.01, "{counting:?} {latency}: {late:?}");
    }
}

#[test]
fn a_limit_that_is_halved_is_settled_for_within_half_a_minute() {
    for counting in COUNTINGS {
        for (says_when, known) in [(false, Some(600)), (true, Some(600)), (false, None), (true, None)] {
            let mut provider = Provider::new(counting, says_when);
            provider.later = Some((MINUTE * 10, 300.0));
            let seconds = run(declared(known), 32, &mut provider, 20, 200);
            let settling = sum(&seconds[600..630]);
            let after = sum(&seconds[630..]);
            let (used, refusals) = (after.used(300.0, 570.0), after.refusals());
            let what = format!("{counting:?} {says_when} {known:?}: {used} {refusals} {settling:?}");
            let (least, most) = bounds(counting, says_when);
            assert!(used >= least && refusals < most && settling.refused <= 15.0, "{what}");
        }
    }
}

#[test]
fn a_limit_that_is_raised_is_used_in_time() {
    let mut provider = Provider::new(Counting::Bucket(10.0), true);
    provider.later = Some((MINUTE * 2, 1200.0));
    let seconds = run(declared(None), 32, &mut provider, 15, 200);
    let used = sum(&seconds[600..]).used(1200.0, 300.0);
    assert!(used >= 0.9, "{used}");
}

#[test]
fn refusals_that_come_anyway_slow_nothing_down() {
    for one_in in [5, 10, 20, 40] {
        for says_when in [false, true] {
            let mut provider = Provider::new(Counting::Bucket(1e9), says_when);
            provider.moody = Some(one_in);
            // Without refusals 16 clones make 16 / 0.2 calls per second.
            let seconds = run(declared(None), 16, &mut provider, 3, 200);
            let (first, late) = (sum(&seconds[..60]), sum(&seconds[60..]));
            let what = format!("one in {one_in} {says_when}: {first:?} {late:?}");
            assert!(first.served / 60.0 >= 40.0 && late.served / 120.0 >= 60.0, "{what}");
        }
    }
}

#[test]
fn many_clones_and_a_short_run_find_a_limit_out_as_well() {
    for (clones, latency) in [(64, 100), (64, 20), (256, 200), (128, 1000), (24, 50)] {
        for (says_when, refuses_in) in [(false, 5), (true, 5), (false, 100), (true, 100)] {
            let mut provider = Provider::new(Counting::Bucket(10.0), says_when);
            provider.refuses_in = refuses_in;
            let seconds = run(declared(None), clones, &mut provider, 2, latency);
            let (first, all) = (sum(&seconds[..10]), sum(&seconds));
            let what = format!("{clones} {latency} {says_when}: {first:?} {all:?}");
            assert!(all.used(600.0, 120.0) >= 0.95 && all.refusals() < 0.01, "{what}");
        }
    }
}
