//! What was found in both sides, by phases that looked at just these artifacts.

use std::collections::{BTreeSet, HashMap};

use refrain_schemas::artifact::ArtifactKind;
use refrain_schemas::comparison::{Measure, MeasureKind, SideIssues};
use refrain_schemas::history::RevisionRecord;
use refrain_schemas::json::{field, scalar_text};
use refrain_schemas::name::PhaseName;
use refrain_schemas::scope::Target;

use super::measure;
use super::pairs::Pairs;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{Model, OutputShape, Work};
use crate::queries::report::records::tells_rules_apart;
use crate::score::interval::Rows;
use crate::tree::walk::walk;

/// Issues and errors of records, by key.
type ByKey = HashMap<String, (u64, u64)>;

/// What was found in both sides.
#[derive(Debug)]
pub(super) struct Found {
    sides: [FoundIn; 2],
}

/// What was found in one side.
#[derive(Debug, Default)]
struct FoundIn {
    reports: Vec<SideIssues>,
    by_key: ByKey,
}

impl Found {
    /// Looks for phases that found something, or looked in vain, in both. Where some phases looked at both sides, the
    /// others do not count: who looks with more eyes finds more.
    pub(super) async fn on_both(
        engine: &Engine,
        history: &History,
        [a, b]: [&RevisionRecord; 2],
    ) -> Result<Self, EngineError> {
        let looked = [looked_at(history, a), looked_at(history, b)];
        let phases =
            |at: usize| looked[at].iter().map(|record| &record.target.phase).collect::<BTreeSet<_>>();
        let both: BTreeSet<&PhaseName> = phases(0).intersection(&phases(1)).copied().collect();
        let mut sides = [FoundIn::default(), FoundIn::default()];
        for ((side, record), looked) in sides.iter_mut().zip([a, b]).zip(&looked) {
            let key = key_field(engine.model(), &record.target);
            for looked in
                looked.iter().filter(|record| both.is_empty() || both.contains(&record.target.phase))
            {
                side.add(engine, looked, &key).await?;
            }
        }
        Ok(Self { sides })
    }

    /// Measures issues and errors per thousand lines, where somebody looked at both sides.
    pub(super) fn measures(&self, pairs: &Pairs<'_>) -> Vec<Measure> {
        let [a, b] = &self.sides;
        if !(a.can_be_paired() && b.can_be_paired()) {
            return Vec::new();
        }
        let of = |side: &FoundIn, key: &str| side.by_key.get(key).copied().unwrap_or_default();
        let mut rows = [Rows::new(pairs.len(), 3), Rows::new(pairs.len(), 3)];
        for pair in pairs.iter() {
            let (a, b) = (of(a, pair.key), of(b, pair.key));
            rows[0].add(&[1.0, number(a.0), number(b.0)]);
            rows[1].add(&[1.0, number(a.1), number(b.1)]);
        }
        let per_thousand = |sums: &[f64]| (1000.0 * sums[1] / sums[0], 1000.0 * sums[2] / sums[0]);
        let issues = measure(MeasureKind::Issues, &rows[0], per_thousand);
        issues.into_iter().chain(measure(MeasureKind::Errors, &rows[1], per_thousand)).collect()
    }

    /// Returns what each side is said to have.
    pub(super) fn sides(self) -> [Vec<SideIssues>; 2] {
        self.sides.map(|side| side.reports)
    }
}

impl FoundIn {
    /// Adds what a revision found, where it is one that finds issues.
    async fn add(&mut self, engine: &Engine, looked: &RevisionRecord, key: &str) -> Result<(), EngineError> {
        let phase = engine.model().phase(looked.target.phase.as_str());
        let mut is_critic = phase.is_some_and(tells_rules_apart);
        let (mut issues, mut errors) = (0, 0);
        let by_key = &mut self.by_key;
        walk(&*engine.ports().store, looked.artifact.digest, |entry| {
            let (rule, severity) = (field(entry.text(), "rule"), field(entry.text(), "severity"));
            let (Some(_), Some(severity)) = (rule, severity) else { return };
            let is_error = u64::from(severity == "\"error\"");
            (is_critic, issues, errors) = (true, issues + 1, errors + is_error);
            if let Some(about) = field(entry.text(), key).and_then(scalar_text) {
                let found = by_key.entry(about.into_owned()).or_default();
                *found = (found.0 + 1, found.1 + is_error);
            }
        })
        .await?;
        if is_critic {
            let Target { phase, scope } = looked.target.clone();
            self.reports.push(SideIssues { phase, scope, revision: looked.revision, issues, errors });
        }
        Ok(())
    }

    /// Whether somebody looked, and whatever was found says on which record.
    fn can_be_paired(&self) -> bool {
        let total: u64 = self.reports.iter().map(|report| report.issues).sum();
        !self.reports.is_empty() && (total == 0 || !self.by_key.is_empty())
    }
}

/// Returns the latest revision of each target that was made from the contents of a revision, in the order of targets.
fn looked_at<'a>(history: &'a History, record: &RevisionRecord) -> Vec<&'a RevisionRecord> {
    let reads = |made: &&RevisionRecord| {
        let upstream = made.lineage.upstream.values().flatten();
        made.artifact.kind == ArtifactKind::Records
            && upstream.into_iter().any(|upstream| {
                upstream.read
                    && upstream.target == record.target
                    && upstream.artifact.digest == record.artifact.digest
            })
    };
    let latest = history
        .targets()
        .filter_map(|(_, target)| target.revisions.iter().rev().map(|(_, made)| made).find(reads));
    latest.collect()
}

/// Returns the field that tells the records of a target apart.
pub(in crate::queries) fn key_field(model: &Model, target: &Target) -> String {
    let key = model.phase(target.phase.as_str()).and_then(|phase| match &phase.work {
        Work::Read(work) => Some(work.key.clone()),
        Work::Ask(work) => match &work.output.shape {
            OutputShape::Records { key } => Some(key.clone()),
            OutputShape::Document => None,
        },
        Work::Write(_) | Work::Loop(_) => None,
    });
    key.unwrap_or_else(|| "id".to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "a line has far fewer than 2^53 issues")]
const fn number(n: u64) -> f64 {
    n as f64
}
