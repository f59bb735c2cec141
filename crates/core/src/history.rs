//! The history folded into what is true now.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::artifact::ArtifactRef;
use refrain_schemas::digest::Digest;
use refrain_schemas::edit::EditsRecord;
use refrain_schemas::history::{
    AttemptOutcome, AttemptRecord, GenerationRecord, HistoryEntry, Lineage, RevisionRecord, RunStart,
    StampsRecord, WaiverRecord,
};
use refrain_schemas::name::{Revision, RunId};
use refrain_schemas::report::{RunReport, RunStatus, UnitCounts};
use refrain_schemas::scope::Target;
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;

use crate::execution::Execution;

/// The history, folded; every question about the past is answered from here.
#[derive(Debug, Clone, Default)]
pub struct History {
    targets: BTreeMap<Target, TargetHistory>,
    runs: Vec<PastRun>,
    n_entries: usize,
    /// Who ever wrote a file for an input of its own.
    writers: BTreeMap<String, BTreeSet<Target>>,
}

/// What happened to one target.
#[derive(Debug, Clone, Default)]
pub struct TargetHistory {
    /// The revisions, oldest first, each with its position in the history.
    pub revisions: Vec<(usize, RevisionRecord)>,
    /// The last attempt that made no revision, unless a revision or a person's word came after it.
    pub last_attempt: Option<AttemptRecord>,
    /// All attempts that made no revision.
    pub attempts: Vec<AttemptRecord>,
    /// The generation that asks belong to now.
    pub generation: u32,
    /// What people declared good.
    pub waivers: Vec<WaiverRecord>,
    /// What people changed of its records, oldest first; the last entry says what holds now.
    pub edits: Vec<EditsRecord>,
}

/// The revision before: what a new one may keep units of.
#[derive(Debug, Clone)]
pub struct Prior {
    /// The revision.
    pub record: RevisionRecord,
    /// What it counts as made from.
    pub lineage: Lineage,
    /// Its unit table.
    pub units: Option<Digest>,
}

/// A run of the past.
#[derive(Debug, Clone)]
pub struct PastRun {
    /// How it began.
    pub start: RunStart,
    /// How it ended; `None` where it was killed or still runs.
    pub end: Option<(Timestamp, RunReport)>,
}

impl PastRun {
    /// Whether it came to an end that no later run goes on behind.
    fn is_over(&self) -> bool {
        use RunStatus as S;
        let ended = self.end.as_ref().map(|(_, report)| report.status);
        ended.is_some_and(|status| !matches!(status, S::Cancelled | S::Stopped | S::Waiting))
    }
}

impl TargetHistory {
    /// Returns the contents of files whose changes were taken over as edits, and not taken back as such since.
    #[must_use]
    pub fn imported(&self) -> BTreeSet<Digest> {
        self.taken(|record| record.imported)
    }

    /// Returns the contents of files of which not everything could be taken over, as far as that was not taken back since.
    #[must_use]
    pub fn imported_in_part(&self) -> BTreeSet<Digest> {
        self.taken(|record| record.imported_in_part)
    }

    fn taken(&self, of: impl Fn(&EditsRecord) -> Option<Digest>) -> BTreeSet<Digest> {
        let mut taken = BTreeSet::new();
        for record in &self.edits {
            taken.retain(|digest| !record.withdrawn.contains(digest));
            taken.extend(of(record));
        }
        taken
    }
}

impl History {
    /// Folds entries, oldest first.
    #[must_use]
    pub fn fold(entries: Vec<HistoryEntry>) -> Self {
        let mut history = Self::default();
        entries.into_iter().for_each(|entry| history.apply(entry));
        history
    }

    /// Takes one more entry.
    pub fn apply(&mut self, entry: HistoryEntry) {
        let position = self.n_entries;
        self.n_entries += 1;
        match entry {
            HistoryEntry::RunStarted(start) => self.runs.push(PastRun { start, end: None }),
            HistoryEntry::RunEnded(end) => {
                let run = self.runs.iter_mut().rev().find(|run| run.start.run_id == end.report.run_id);
                if let Some(run) = run {
                    run.end = Some((end.at, end.report));
                }
            }
            HistoryEntry::Revision(record) => {
                // Those that read sources or write exports have no units.
                for file in record.files.iter().filter(|_| record.units.is_some()) {
                    self.writers.entry(file.path.clone()).or_default().insert(record.target.clone());
                }
                let target = self.target_mut(&record.target);
                target.last_attempt = None;
                target.revisions.push((position, *record));
            }
            HistoryEntry::Attempt(record) => self.apply_attempt(record),
            HistoryEntry::Generation(GenerationRecord { target, generation, .. }) => {
                self.target_mut(&target).generation = generation;
            }
            HistoryEntry::Waiver(waiver) => {
                let target = self.target_mut(&waiver.target);
                // The attempt was at the very inputs for which the revision is now declared good.
                target.last_attempt = None;
                target.waivers.push(waiver);
            }
            HistoryEntry::Edits(record) => self.target_mut(&record.target).edits.push(record),
            HistoryEntry::Stamps(stamps) => self.apply_stamps(&stamps),
        }
    }

    fn apply_attempt(&mut self, record: AttemptRecord) {
        let target = self.target_mut(&record.target);
        if record.outcome != AttemptOutcome::Stopped {
            target.last_attempt = Some(record.clone());
        }
        target.attempts.push(record);
    }

    fn apply_stamps(&mut self, stamps: &StampsRecord) {
        let revisions = self.target_mut(&stamps.target).revisions.iter_mut();
        let record = revisions.map(|(_, record)| record).rfind(|record| record.revision == stamps.revision);
        let files = record
            .into_iter()
            .flat_map(|record| record.files.iter_mut().chain(&mut record.patched).chain(&mut record.read));
        for file in files {
            if let Some(stamp) = stamps.files.iter().find(|stamp| stamp.is_same_file(file)) {
                file.clone_from(stamp);
            }
        }
    }

    fn target_mut(&mut self, target: &Target) -> &mut TargetHistory {
        // `entry` would clone the target at every call.
        if !self.targets.contains_key(target) {
            self.targets.insert(target.clone(), TargetHistory::default());
        }
        self.targets.entry(target.clone()).or_default()
    }

    /// Returns what happened to a target, if anything did.
    #[must_use]
    pub fn target(&self, target: &Target) -> Option<&TargetHistory> {
        self.targets.get(target)
    }

    /// Returns the edits that people made of a target's records, as far as they stand.
    #[must_use]
    pub fn edits(&self, target: &Target) -> Option<&ArtifactRef> {
        self.targets.get(target)?.edits.last()?.edits.as_ref()
    }

    /// Returns the targets that ever wrote a file for an input of their own.
    pub(crate) fn writers(&self, path: &str) -> impl Iterator<Item = &Target> {
        self.writers.get(path).into_iter().flatten()
    }

    /// Returns where in the history the latest revision of a target is.
    pub(crate) fn position(&self, target: &Target) -> Option<usize> {
        self.targets.get(target)?.revisions.last().map(|(position, _)| *position)
    }

    /// Returns the latest revision of a target.
    #[must_use]
    pub fn latest(&self, target: &Target) -> Option<&RevisionRecord> {
        self.targets.get(target)?.revisions.last().map(|(_, record)| record)
    }

    /// Returns a revision of a target by its number.
    #[must_use]
    pub fn revision(&self, target: &Target, revision: Revision) -> Option<&RevisionRecord> {
        let target = self.targets.get(target)?;
        target.revisions.iter().map(|(_, record)| record).find(|record| record.revision == revision)
    }

    /// Returns the number for the next revision of a target.
    #[must_use]
    pub fn next_revision(&self, target: &Target) -> Revision {
        self.latest(target).map_or(Revision(1), |record| record.revision.next())
    }

    /// Returns the record of the next revision of a target, of which nothing more is known than what it holds and what it
    /// was made from: no units, no files, no causes.
    #[must_use]
    pub fn next_record(
        &self,
        target: &Target,
        run_id: RunId,
        at: Timestamp,
        artifact: ArtifactRef,
        lineage: Lineage,
    ) -> RevisionRecord {
        RevisionRecord {
            target: target.clone(),
            revision: self.next_revision(target),
            run_id,
            at,
            artifact,
            lineage,
            units: None,
            local: false,
            counts: UnitCounts::default(),
            usage: Usage::default(),
            missing: Vec::new(),
            own_failures: 0,
            conflicts: None,
            n_conflicts: 0,
            files: Vec::new(),
            pipeline: None,
            content_ids: None,
            edits: None,
            patched: Vec::new(),
            read: Vec::new(),
            goes_to: None,
            retries: 0,
            took_ms: 0,
            causes: Vec::new(),
        }
    }

    /// Returns the generation that asks of a target belong to now.
    #[must_use]
    pub fn generation(&self, target: &Target) -> u32 {
        self.targets.get(target).map_or(0, |target| target.generation)
    }

    /// Returns what the latest revision of a target counts as made from: its lineage, or a later person's word.
    #[must_use]
    pub fn lineage(&self, target: &Target) -> Option<&Lineage> {
        let latest = self.latest(target)?;
        Some(self.waiver(latest).map_or(&latest.lineage, |waiver| &waiver.lineage))
    }

    /// Returns the unit table of the latest revision of a target, under the keys of a later person's word.
    #[must_use]
    pub fn units(&self, target: &Target) -> Option<Digest> {
        let latest = self.latest(target)?;
        self.waiver(latest).map_or(latest.units, |waiver| waiver.units)
    }

    /// Returns the latest revision of a target with what it counts as made from.
    #[must_use]
    pub fn prior(&self, target: &Target) -> Option<Prior> {
        let record = self.latest(target)?.clone();
        let lineage = self.lineage(target)?.clone();
        Some(Prior { units: self.units(target), record, lineage })
    }

    fn waiver(&self, record: &RevisionRecord) -> Option<&WaiverRecord> {
        let target = self.targets.get(&record.target)?;
        target.waivers.iter().rev().find(|waiver| waiver.revision == record.revision)
    }

    /// Iterates over all targets that ever had a revision, an attempt, a generation or a waiver.
    pub fn targets(&self) -> impl Iterator<Item = (&Target, &TargetHistory)> {
        self.targets.iter()
    }

    /// Returns the runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[PastRun] {
        &self.runs
    }

    /// Whether a run is one that the next run of its pipeline goes on with: it was killed, stopped or cancelled, or waits, and
    /// none has come to its end since.
    #[must_use]
    pub fn goes_on_with(&self, run_id: RunId) -> bool {
        let Some(at) = self.runs.iter().rposition(|run| run.start.run_id == run_id) else { return false };
        let pipeline = &self.runs[at].start.pipeline;
        !self.runs[at..].iter().filter(|run| run.start.pipeline == *pipeline).any(PastRun::is_over)
    }

    /// Returns the execution that the latest run belongs to: the first of the runs that it goes on with began it.
    #[must_use]
    pub fn execution(&self) -> Option<Execution> {
        let latest = self.runs.last()?;
        let mut of_pipeline =
            self.runs.iter().rev().filter(|run| run.start.pipeline == latest.start.pipeline).skip(1);
        let mut first = latest;
        while let Some(before) = of_pipeline.next().filter(|run| !run.is_over()) {
            first = before;
        }
        Some(Execution { id: first.start.run_id, started_at: first.start.at })
    }

    /// Returns how many entries the history has.
    #[must_use]
    pub const fn n_entries(&self) -> usize {
        self.n_entries
    }
}
