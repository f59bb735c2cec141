use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use refrain_schemas::choice::ModelEntry;
use refrain_schemas::money::PriceSpec;

use super::{Candidate, Extent, Strategy, Wish, lacks, rank};

fn entry(quality: f64, speed: f64) -> ModelEntry {
    ModelEntry { quality: Some(quality), speed: Some(speed), ..ModelEntry::default() }
}

fn candidate(name: &str, entry: ModelEntry, price: Option<f64>) -> Candidate {
    let price = price.map(|price| PriceSpec { input: price, output: price, ..PriceSpec::default() });
    Candidate { name: name.to_owned(), entry: Some(entry), price, is_reachable: true }
}

/// One that is cheap, one that is good, and one that is neither and fast.
fn three() -> Vec<Candidate> {
    vec![
        candidate("p/cheap", entry(0.4, 50.0), Some(1.0)),
        candidate("p/good", entry(0.9, 20.0), Some(10.0)),
        candidate("p/middle", entry(0.7, 90.0), Some(2.0)),
    ]
}

#[track_caller]
fn check(wish: &Wish, strategy: Strategy, candidates: &[Candidate], expect: &[&str]) {
    assert_eq!(rank(wish, Extent::default(), strategy, candidates).fitting, expect);
}

#[test]
fn each_strategy_has_an_order_of_its_own() {
    let any = Wish::default();
    check(&any, Strategy::Cost, &three(), &["p/cheap", "p/middle", "p/good"]);
    check(&any, Strategy::Performance, &three(), &["p/good", "p/middle", "p/cheap"]);
    // 0.5·0.7 + 0.3·0.5 + 0.2·1, 0.5·0.4 + 0.3 + 0.2·0.5, 0.5·0.9.
    check(&any, Strategy::Balanced, &three(), &["p/middle", "p/cheap", "p/good"]);
}

#[test]
fn what_is_not_known_comes_last() {
    let mut candidates = three();
    candidates.push(candidate("p/a-riddle", ModelEntry::default(), None));
    for strategy in [Strategy::Cost, Strategy::Performance, Strategy::Balanced] {
        let ranking = rank(&Wish::default(), Extent::default(), strategy, &candidates);
        assert_eq!(ranking.fitting.last().unwrap(), "p/a-riddle", "{strategy:?}");
    }
}

#[test]
fn who_is_preferred_goes_first_where_it_can_be_reached() {
    let wish = Wish { preferred: vec!["p/good".into(), "p/cheap".into()], ..Wish::default() };
    check(&wish, Strategy::Cost, &three(), &["p/good", "p/cheap", "p/middle"]);
    let mut candidates = three();
    candidates[1].is_reachable = false;
    check(&wish, Strategy::Cost, &candidates, &["p/cheap", "p/middle", "p/good"]);
}

#[test]
fn each_model_is_told_what_it_lacks() {
    let check = |wish: Wish, expect: &[&str]| {
        let ranking = rank(&wish, Extent { input: 10, output: Some(1000) }, Strategy::Cost, &three());
        let told: Vec<String> = ranking
            .lacking
            .iter()
            .map(|(name, lacks)| format!("{}: {}", &name[2..], lacks.join("; ")))
            .collect();
        assert_eq!(told, expect, "{wish:?}");
        assert_eq!(ranking.fitting.len() + ranking.lacking.len(), 3);
    };
    let any = Wish::default;
    check(any(), &[]);
    check(Wish { excluded: vec!["p/good".into()], ..any() }, &["good: it is excluded"]);
    check(
        Wish { min_quality: Some(0.6), min_speed: Some(30.0), ..any() },
        &["cheap: its quality of 0.4 is below 0.6", "good: its speed of 20 is below 30"],
    );
    check(
        Wish { cost_limit: Some(0.005), ..any() },
        &["good: an answer costs up to $0.0101, and the limit is $0.005"],
    );
    let unknown = |what: &str| ["cheap", "good", "middle"].map(|name| format!("{name}: {what}"));
    let check_all = |wish: Wish, what: &str| {
        let expect = unknown(what);
        check(wish, &expect.each_ref().map(String::as_str));
    };
    check_all(Wish { min_size: Some(7.0), ..any() }, "its size is not known");
    check_all(Wish { max_size: Some(7.0), ..any() }, "its size is not known");
    check_all(Wish { max_latency_ms: Some(7), ..any() }, "its latency_ms is not known");
    check_all(Wish { modalities: vec!["audio".into()], ..any() }, "no modality `audio`");
    check_all(Wish { capabilities: vec!["tools".into()], ..any() }, "no capability `tools`");
    check_all(Wish { expertise: vec!["law".into()], ..any() }, "no expertise `law`");
}

#[test]
fn a_context_is_long_enough_for_what_is_told_and_answered() {
    let short = ModelEntry { context: Some(1000), ..ModelEntry::default() };
    let lacks = |input, output| {
        lacks(&Wish::default(), Extent { input, output }, &candidate("p/m", short.clone(), None))
    };
    assert_eq!(lacks(500, Some(500)), [""; 0]);
    assert_eq!(lacks(500, Some(501)), ["its context of 1000 tokens is shorter than 1001"]);
}

#[test]
fn of_a_model_that_nobody_knows_only_what_is_needed_counts() {
    let unknown = Candidate { entry: None, ..candidate("p/x", ModelEntry::default(), Some(1.0)) };
    let lacks = |wish: Wish| lacks(&wish, Extent::default(), &unknown);
    assert_eq!(lacks(Wish { cost_limit: Some(1.0), ..Wish::default() }), [""; 0]);
    assert_eq!(lacks(Wish { min_quality: Some(0.1), ..Wish::default() }), ["nothing is known of it"]);
}

fn any_candidate() -> impl Generator<Value = Candidate> {
    let number = || proptest::option::of(0.0..1.0f64);
    (0..40u32, number(), number(), number(), any::<bool>()).prop_map(
        |(name, quality, speed, price, is_reachable)| {
            let entry = ModelEntry { quality, speed, ..ModelEntry::default() };
            Candidate { is_reachable, ..candidate(&format!("p/{name}"), entry, price) }
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_the_file_does_not_matter(
        mut candidates in proptest::collection::vec(any_candidate(), 0..8),
        turn in 0..8usize,
    ) {
        candidates.sort_by(|a, b| a.name.cmp(&b.name));
        candidates.dedup_by(|a, b| a.name == b.name);
        let mut turned = candidates.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        let wish = Wish { min_quality: Some(0.3), ..Wish::default() };
        for strategy in [Strategy::Cost, Strategy::Performance, Strategy::Balanced] {
            let ranking = rank(&wish, Extent::default(), strategy, &candidates);
            prop_assert_eq!(&ranking, &rank(&wish, Extent::default(), strategy, &turned));
            prop_assert_eq!(ranking.fitting.len() + ranking.lacking.len(), candidates.len());
            for (name, lacks) in &ranking.lacking {
                prop_assert!(!lacks.is_empty() && !ranking.fitting.contains(name));
            }
        }
    }
}
