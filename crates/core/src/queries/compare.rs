//! Comparing the texts of two revisions, pair by pair.

pub(super) mod issues;
mod pairs;

use std::collections::BTreeMap;

use refrain_schemas::artifact::ArtifactKind;
use refrain_schemas::comparison::{
    Comparison, Example, Measure, MeasureKind, MeasureVerdict, PairCounts, Side,
};
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use super::diff::last_two;
use super::named;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::score::chrf::{COUNTS, Counts, score};
use crate::score::distance::Edited;
use crate::score::interval::Rows;
use crate::tree::sequence::Sequence;

use issues::Found;
use pairs::Pairs;

/// The field whose texts are compared where none is named.
const TEXT: &str = "text";

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareRequest {
    /// The two revisions.
    pub what: Compared,
    /// The field whose texts are compared; `text` where none is named, and whole records where they have no such field.
    pub field: Option<String>,
    /// Good texts to measure both against, by key.
    pub references: Option<BTreeMap<String, String>>,
    /// How many of the pairs that differ most are shown.
    pub limit: usize,
}

/// Two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The last two of a target.
    LastTwo(Target),
    /// Two of any targets; the latest where no revision is named.
    Two([(Target, Option<Revision>); 2]),
}

/// Compares two revisions.
pub(crate) async fn compare(engine: &Engine, request: &CompareRequest) -> Result<Comparison, EngineError> {
    let store = &*engine.ports().store;
    let history = History::fold(store.history().await?);
    let [a, b] = revisions(&history, &request.what)?;
    let sequences = [
        Sequence::open_whole(store, a.artifact.digest).await?,
        Sequence::open_whole(store, b.artifact.digest).await?,
    ];
    let pairs = Pairs::of(&sequences, request.field.as_deref().unwrap_or(TEXT));
    if let (Some(field), None) = (&request.field, pairs.field()) {
        return Err(not_comparable(a, format!("no record has a field `{field}`")));
    }
    let found = Found::on_both(engine, &history, [a, b]).await?;
    let edited: Vec<Edited> = pairs.iter().map(|pair| Edited::of(&pair.a, &pair.b)).collect();
    let referenced = request.references.as_ref().map(|references| against(&pairs, references));
    let mut measures: Vec<Measure> = referenced.iter().flat_map(chrf).collect();
    measures.extend(found.measures(&pairs));
    let [found_a, found_b] = found.sides();
    Ok(Comparison {
        schema_version: 1,
        field: pairs.field().map(str::to_owned),
        a: side(a, found_a),
        b: side(b, found_b),
        records: counts(&pairs),
        edit_ratio: ratio(&edited),
        likeness: likeness(&pairs),
        referenced: referenced.map(|rows| rows.lines() as u64),
        measures,
        examples: examples(&pairs, &edited, request),
    })
}

fn revisions<'a>(history: &'a History, compared: &Compared) -> Result<[&'a RevisionRecord; 2], EngineError> {
    let both = match compared {
        Compared::LastTwo(target) => {
            let (from, to) = last_two(history, target)?;
            [named(history, target, Some(from))?, named(history, target, Some(to))?]
        }
        Compared::Two([a, b]) => [named(history, &a.0, a.1)?, named(history, &b.0, b.1)?],
    };
    match both.iter().find(|record| record.artifact.kind != ArtifactKind::Records) {
        Some(record) => Err(not_comparable(record, "it makes no records".to_owned())),
        None => Ok(both),
    }
}

fn not_comparable(record: &RevisionRecord, reason: String) -> EngineError {
    EngineError::NotComparable { target: record.target.to_string(), reason }
}

fn side(record: &RevisionRecord, issues: Vec<refrain_schemas::comparison::SideIssues>) -> Side {
    Side {
        phase: record.target.phase.clone(),
        scope: record.target.scope.clone(),
        revision: record.revision,
        at: record.at,
        records: record.artifact.records,
        holes: record.artifact.holes,
        usage: record.usage,
        issues,
    }
}

fn counts(pairs: &Pairs<'_>) -> PairCounts {
    let same = pairs.iter().filter(|pair| pair.a == pair.b).count() as u64;
    PairCounts { same, changed: pairs.len() as u64 - same, added: pairs.added(), removed: pairs.removed() }
}

fn ratio(edited: &[Edited]) -> f64 {
    let sum = edited.iter().fold(Edited::default(), |sum, one| Edited {
        distance: sum.distance + one.distance,
        longer: sum.longer + one.longer,
    });
    sum.ratio()
}

/// Returns how alike both sides are: chrF is not symmetric, so A is measured against B and B against A.
fn likeness(pairs: &Pairs<'_>) -> f64 {
    let (mut forth, mut back) = (Counts::default(), Counts::default());
    for pair in pairs.iter() {
        let counts = Counts::of(&pair.b, &pair.a);
        forth.add(&counts);
        back.add(&counts.turned());
    }
    f64::midpoint(forth.score(), back.score())
}

/// Counts the n-grams of both sides of every pair that has a reference.
fn against(pairs: &Pairs<'_>, references: &BTreeMap<String, String>) -> Rows {
    let n = pairs.iter().filter(|pair| references.contains_key(pair.key)).count();
    let mut rows = Rows::new(n, 2 * COUNTS);
    for pair in pairs.iter() {
        let Some(reference) = references.get(pair.key) else { continue };
        let a = Counts::of(&pair.a, reference);
        let b = if pair.a == pair.b { a } else { Counts::of(&pair.b, reference) };
        rows.add(&[a.0, b.0].concat());
    }
    rows
}

fn chrf(rows: &Rows) -> Option<Measure> {
    measure(MeasureKind::Chrf, rows, |sums| {
        let (a, b) = sums.split_at(COUNTS);
        (score(a), score(b))
    })
}

/// Works out a measure on both sides from sums over pairs; `None` where there are no pairs.
fn measure(kind: MeasureKind, rows: &Rows, of: impl Fn(&[f64]) -> (f64, f64)) -> Option<Measure> {
    if rows.lines() == 0 {
        return None;
    }
    let (a, b) = of(&rows.sums());
    let interval = rows.interval(|sums| {
        let (a, b) = of(sums);
        b - a
    });
    let (low, high) = (interval.low, interval.high);
    let b_is_better = if kind == MeasureKind::Chrf { low > 0.0 } else { high < 0.0 };
    let verdict = match (low > 0.0 || high < 0.0, b_is_better) {
        (false, _) => MeasureVerdict::NoDifference,
        (true, true) => MeasureVerdict::BBetter,
        (true, false) => MeasureVerdict::ABetter,
    };
    Some(Measure {
        kind,
        pairs: rows.lines() as u64,
        a,
        b,
        difference: interval.difference,
        low,
        high,
        verdict,
    })
}

/// Returns the pairs that differ most.
fn examples(pairs: &Pairs<'_>, edited: &[Edited], request: &CompareRequest) -> Vec<Example> {
    let mut changed: Vec<(usize, &Edited)> =
        edited.iter().enumerate().filter(|(_, one)| one.distance > 0).collect();
    changed.sort_by(|(_, a), (_, b)| b.ratio().total_cmp(&a.ratio()).then(b.distance.cmp(&a.distance)));
    let chosen = changed.into_iter().take(request.limit);
    let example = |(at, edited): (usize, &Edited)| {
        let pair = pairs.get(at)?;
        Some(Example {
            key: pair.key.to_owned(),
            edit_ratio: edited.ratio(),
            a: pair.a.into_owned(),
            b: pair.b.into_owned(),
            reference: request.references.as_ref().and_then(|references| references.get(pair.key).cloned()),
        })
    };
    chosen.filter_map(example).collect()
}
