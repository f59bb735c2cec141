//! Bounded fuzzing: bytes, JSON and changes of whole samples, made from what parsers stumble over.
//!
//! The gate runs the same few cases every time. `REFRAIN_FUZZ=N`, as `make fuzz` sets it, runs N times as many with a seed
//! of chance; what fails then is printed and becomes a case of a test.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::Value;

/// What text formats of all kinds stumble over.
pub const PARTS: [&[u8]; 28] = [
    b"\"",
    b"'",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\t",
    b"\0",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"#",
    b"=",
    b"$",
    b"-",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xf0\x9f\x92\xa1",
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"null",
    b"data: ",
];

/// Returns the settings of a target that runs so many cases in the gate.
#[must_use]
pub fn config(cases: u32) -> ProptestConfig {
    let times = std::env::var("REFRAIN_FUZZ").ok().and_then(|text| text.parse::<u32>().ok());
    ProptestConfig {
        cases: cases.saturating_mul(times.unwrap_or(1)),
        rng_seed: if times.is_some() { RngSeed::Random } else { RngSeed::Fixed(29) },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Returns so many values of a strategy, for what has no use for smaller ones: where every case starts a program.
#[must_use]
pub fn cases<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, n: u32) -> Vec<T> {
    let config = config(n);
    let n = config.cases;
    let mut runner = TestRunner::new(config);
    let made = (0..n).map(|_| strategy.new_tree(&mut runner).map(|tree| tree.current()));
    made.collect::<Result<_, _>>().unwrap_or_default()
}

/// Makes bytes of what parsers stumble over.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(part(), 0..24).prop_map(|parts| parts.concat())
}

/// Changes a sample in a few places: something goes, and something else comes.
pub fn changed(sample: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0_usize..12, part());
    prop::collection::vec(change, 1..5).prop_map(move |changes| {
        let mut bytes = sample.clone();
        for (at, gone, new) in changes {
            let at = at.index(bytes.len() + 1);
            let end = (at + gone).min(bytes.len());
            bytes.splice(at..end, new);
        }
        bytes
    })
}

/// Makes JSON whose names and texts are some words.
pub fn json(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0_i64, 1, 2, -1, i64::MAX]).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((word(), inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(PARTS.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}
