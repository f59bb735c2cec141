//! What a plan says that models will consume, held against models that count as real ones do: so many tokens for every
//! call, so many for what is said in it, never twice quite the same.

use std::sync::Mutex;

use futures::FutureExt as _;
use refrain_schemas::plan::{Basis, Estimate, Outlay};
use refrain_schemas::usage::Usage;
use refrain_testkit::world::{Act, AskedCall, World, reply_to, request};
use serde_json::{Value, json};

use crate::pieces::world;

const SEEDS: u64 = 20;

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.next() % words.len() as u64).unwrap()]
    }
}

const WORDS: [&str; 12] =
    ["the", "ship", "was", "never", "seen", "again", "by", "those", "who", "waited", "harbour", "evening"];

fn text(chance: &mut Chance) -> String {
    let n = 4 + chance.next() % 30;
    (0..n).map(|_| chance.pick(&WORDS)).collect::<Vec<_>>().join(" ")
}

fn line(chance: &mut Chance, n: u64) -> Value {
    json!({"id": format!("l{n}"), "text": text(chance)})
}

/// How a model counts.
#[derive(Debug, Clone, Copy)]
struct Counts {
    /// Tokens around every prompt.
    around: f64,
    /// Tokens for a byte that is sent or received.
    per_byte: f64,
    /// Tokens around the answer about one unit.
    per_unit: f64,
}

impl Counts {
    fn of(chance: &mut Chance) -> Self {
        Self {
            around: chance.between(3.0, 15.0),
            per_byte: chance.between(0.19, 0.25),
            per_unit: chance.between(3.0, 12.0),
        }
    }

    fn usage(self, call: &AskedCall, chance: &mut Chance) -> Usage {
        let told = call.units[0].told.as_ref().unwrap();
        let said: usize = call.units.iter().map(|unit| unit.input.to_string().len()).sum();
        let sent = (self.around + self.per_byte * amount(told.bytes())) * chance.between(0.9, 1.1);
        let answered = self.per_unit * amount(call.units.len() as u64) + self.per_byte * amount(said as u64);
        let answered = answered * chance.between(0.9, 1.1);
        Usage { input_tokens: whole(sent), output_tokens: whole(answered), ..Usage::default() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand tokens")]
fn amount(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand tokens")]
fn whole(n: f64) -> u64 {
    n.round() as u64
}

/// Returns a world of so many lines and a model, and calls with so many units at most.
fn lived(seed: u64, n: u64, pack: u32) -> World {
    let mut chance = Chance(seed);
    let counts = Counts::of(&mut chance);
    let mut world = world(json!({"t": {"units": {"of": "ingest"}, "agent": "m", "output": {"key": "id"}}}));
    world.unwatched();
    world.set("lines.csv", (0..n).map(|n| line(&mut chance, n)).collect());
    world.redefine(|file| {
        file["agents"] = json!({"m": {"model": "openai/m", "max_tokens": 4000,
            "system": "You translate the log of an old ship. Keep names as they are, and keep the tone of the sailors.",
            "prompt": "Translate this line into plain English of today: {{ unit.text }}"}});
        file["prices"] = json!({"openai/m": {"input": 0.5, "output": 5.0}});
    });
    packed(&mut world, pack);
    let chance = Mutex::new(chance);
    world.calls("openai/m", move |call| {
        let mut reply = reply_to(call, &|asked| Ok(json!({"text": asked.input["text"]})));
        reply.usage = counts.usage(call, &mut chance.lock().unwrap());
        Act::Reply(reply)
    });
    world
}

fn packed(world: &mut World, pack: u32) {
    world.redefine(|file| file["phases"]["t"]["pack"] = json!({"max": pack}));
}

fn outlay(world: &mut World) -> Outlay {
    let engine = world.engine(false);
    async move { engine.plan(&request(&[])).await }.now_or_never().unwrap().unwrap().outlay.unwrap()
}

/// How often a guess was right.
#[derive(Debug, Default)]
struct Score {
    all: u64,
    held: u64,
    near: u64,
    missed: Vec<String>,
}

impl Score {
    fn take(&mut self, what: &str, estimate: &Estimate, truth: f64) {
        let held = estimate.low <= truth && truth <= estimate.high;
        let near = (estimate.median - truth).abs() <= truth * 0.3;
        self.all += 1;
        self.held += u64::from(held);
        self.near += u64::from(near);
        if !held || !near {
            self.missed.push(format!("{what}: {truth} {estimate:?}"));
        }
    }

    /// Plans, runs, and compares.
    fn compare(&mut self, world: &mut World, basis: Basis) {
        let outlay = outlay(world);
        assert_eq!(outlay.basis, basis);
        let run = world.run();
        assert_eq!(run.exit_code, 0);
        self.take("sent", &outlay.input_tokens, amount(run.usage.input_tokens));
        self.take("received", &outlay.output_tokens, amount(run.usage.output_tokens));
        self.take("dollars", &outlay.cost_usd.unwrap(), run.cost_usd.unwrap());
    }
}

#[track_caller]
fn check(basis: Basis, percent_near: u64, before: impl Fn(u64) -> World) {
    let mut score = Score::default();
    for seed in 0..SEEDS {
        score.compare(&mut before(seed), basis);
    }
    let held = score.held >= score.all * 95 / 100;
    assert!(held && score.near >= score.all * percent_near / 100, "{score:#?}");
}

/// A world that has run with packs of one size, and then has other lines and packs of another size.
fn changed(seed: u64, (from, to): (u32, u32), edit: impl Fn(&mut Chance, &mut Vec<Value>)) -> World {
    let mut world = lived(seed, 45, from);
    world.run();
    packed(&mut world, to);
    world.edit("lines.csv", |lines| edit(&mut Chance(seed + 1_000), lines));
    world
}

const SIZES: [(u32, u32); 9] = [(1, 1), (4, 4), (20, 20), (1, 4), (1, 20), (4, 1), (4, 20), (20, 1), (20, 4)];

#[test]
fn prompts_tell_what_a_first_run_consumes() {
    for pack in [1, 4, 20] {
        check(Basis::Prompts, 95, |seed| lived(seed, 45, pack));
    }
}

#[test]
fn earlier_calls_tell_what_one_edited_line_consumes() {
    for sizes in SIZES {
        // How long a single answer is after packs of several is told less well by their averages.
        let near = if sizes.0 > 1 { 60 } else { 95 };
        check(Basis::History, near, |seed| {
            changed(seed, sizes, |chance, lines| lines[7]["text"] = json!(text(chance)))
        });
    }
}

#[test]
fn earlier_calls_tell_what_many_new_lines_consume() {
    for sizes in SIZES {
        check(Basis::History, 95, |seed| {
            changed(seed, sizes, |chance, lines| {
                lines.clear();
                lines.extend((100..130).map(|n| line(chance, n)));
            })
        });
    }
}

#[test]
fn what_earlier_calls_consumed_is_paid_at_the_price_in_force() {
    let mut world = changed(1, (20, 20), |chance, lines| lines[7]["text"] = json!(text(chance)));
    let cheap = outlay(&mut world).cost_usd.unwrap();
    world.redefine(|file| file["prices"] = json!({"openai/m": {"input": 50.0, "output": 500.0}}));
    let dear = outlay(&mut world).cost_usd.unwrap();
    for (cheap, dear) in [(cheap.low, dear.low), (cheap.median, dear.median), (cheap.high, dear.high)] {
        assert!((dear / cheap - 100.0).abs() < 1e-6, "{cheap} {dear}");
    }
}
