//! From replies to a revision: when a target's units are over, and what is published and told then.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use refrain_schemas::artifact::ArtifactRef;
use refrain_schemas::event::{EventKind, PhaseEnded};
use refrain_schemas::freshness::{Cause, CauseKind};
use refrain_schemas::history::{HistoryEntry, Lineage, RevisionRecord};
use refrain_schemas::phase_spec::OnUnitFailure;
use refrain_schemas::report::PhaseStatus;
use refrain_schemas::scope::Target;

use crate::engine::EngineError;
use crate::judge::judge;
use crate::model::Work;
use crate::publish::Published;
use crate::survey::Standing;

use super::input::{Effect, TargetNo, Whole};
use super::job::Job;
use super::state::RunState;
use super::target_state::Stage;

impl RunState {
    /// Ends the asking about a target whose units are all over.
    pub(super) fn finish_asking(&mut self, no: TargetNo) {
        let Work::Ask(work) = &self.phase(no).work else { return };
        let rule = work.on_unit_failure;
        let Some(job) = self.targets[no].job() else { return };
        // Holes were not tried; they count neither way.
        let failed = job.own_failures;
        let total = job.counts.total - (job.counts.failed - failed);
        let enough = match rule {
            OnUnitFailure::Stop => failed == 0,
            OnUnitFailure::Continue => failed == 0 || failed < total,
            OnUnitFailure::Quorum(share) => failed == 0 || (total - failed) as f64 >= share * total as f64,
        };
        // What is not on record is no gap that a revision may have: the whole run is about what is.
        if !enough || !job.missed.is_empty() {
            return self.fail_units(no);
        }
        self.flow_out(no);
        let Stage::Asking(mut job) = std::mem::replace(&mut self.targets[no].stage, Stage::Judging) else {
            return;
        };
        if job.prepared.before.is_some() {
            // Should units turn out not to be keepable, all are made again, and these have been asked about already.
            let called = job.units.iter().filter(|(_, state)| state.was_called);
            self.targets[no].called.extend(called.map(|(unit, _)| job.unit_id(unit).clone()));
        }
        let (mut outcomes, begun) = job.settling.take();
        outcomes.extend(job.take_outcomes());
        let Job { standing, prepared, counts, .. } = *job;
        let mut standing = standing;
        standing.verdict.missing.clear();
        self.targets[no].context_artifacts.clone_from(&prepared.context_artifacts);
        self.targets[no].stage = Stage::Publishing(standing, counts);
        let place = self.place(no);
        self.effect(Effect::Publish(place, prepared, outcomes, begun));
    }

    pub(super) fn published(&mut self, no: TargetNo, published: Result<Box<Option<Published>>, EngineError>) {
        let Stage::Publishing(standing, counts) =
            std::mem::replace(&mut self.targets[no].stage, Stage::Judging)
        else {
            return;
        };
        let published = match published.map(|published| *published) {
            Ok(Some(published)) => published,
            Ok(None) => return self.start_work(no, standing, Whole::Yes),
            Err(error) => {
                self.targets[no].report.units = counts;
                return self.fail_or_abort(no, Some(&standing.now), error);
            }
        };
        self.targets[no].report.units = counts;
        if let Some(conflict) = &published.open_conflict {
            return self.fail_conflict(no, &standing, &published, conflict);
        }
        let tally = self.targets[no].tally;
        let lineage = standing.now.lineage(&self.targets[no].context_artifacts);
        let record = RevisionRecord {
            units: Some(published.units),
            local: published.local,
            counts,
            usage: tally.usage,
            missing: published.missing,
            own_failures: published.own_failures,
            conflicts: published.conflicts,
            n_conflicts: published.n_conflicts,
            edits: published.edits,
            files: published.files,
            read: published.read,
            goes_to: published.goes_to,
            retries: self.retries_given(no),
            took_ms: self.took_ms(no, Some(&standing.now)),
            ..self.next_record(no, published.artifact, lineage)
        };
        let mut standing = standing;
        standing.now.altered.clear();
        self.publish_revision(no, record, &standing);
    }

    /// Returns the record of a target's next revision, made by this run.
    pub(super) fn next_record(
        &self,
        no: TargetNo,
        artifact: ArtifactRef,
        lineage: Lineage,
    ) -> RevisionRecord {
        let target = &self.targets[no];
        let record = self.history.next_record(&target.target, self.run_id, self.now, artifact, lineage);
        RevisionRecord { causes: target.causes().to_vec(), pipeline: self.options.pipeline.clone(), ..record }
    }

    pub(super) fn publish_revision(&mut self, no: TargetNo, record: RevisionRecord, standing: &Standing) {
        let before = self.history.latest(&record.target).map(|before| before.artifact.digest);
        let (artifact, n_conflicts) = (record.artifact.clone(), record.n_conflicts);
        let partial = record.is_partial() || standing.now.reads_partial();
        let verdict = judge(&standing.now, Some(&record), Some(&record.lineage), None);
        let tally = self.targets[no].tally;
        let ended = PhaseEnded {
            revision: record.revision,
            digest: artifact.digest,
            units: record.counts,
            calls: tally.calls,
            usage: tally.usage,
            resources: tally.resources,
        };
        self.write(HistoryEntry::Revision(Box::new(record)));
        if before == Some(artifact.digest) {
            self.tell(no, EventKind::ArtifactReused { digest: artifact.digest });
        } else {
            let (digest, records, holes) = (artifact.digest, artifact.records, artifact.holes);
            self.tell(no, EventKind::ArtifactWritten { digest, records, holes, conflicts: n_conflicts });
        }
        self.report_latest(no);
        self.targets[no].freshness = verdict.freshness;
        let status = if partial { PhaseStatus::Partial } else { PhaseStatus::Completed };
        self.tell(
            no,
            if partial { EventKind::PhasePartial(ended) } else { EventKind::PhaseCompleted(ended) },
        );
        if before.is_some_and(|before| before != artifact.digest) {
            self.invalidate(no);
        }
        self.end(no, status, None);
    }

    /// Tells of the revisions downstream that are no longer fresh, each once a run. Behind one of which that has been told,
    /// it has been told of all.
    pub(super) fn invalidate(&mut self, no: TargetNo) {
        let changed = self.targets[no].target.clone();
        let model = self.model.clone();
        let mut reached: HashSet<Target> = HashSet::from([(*changed).clone()]);
        let mut open: BTreeSet<usize> = self.agenda.readers(self.targets[no].phase).iter().copied().collect();
        // Phases stand behind those that they read.
        while let Some(place) = open.pop_first() {
            let phase = &model.phases[place];
            let n_reached = reached.len();
            for target in model.scopes(phase).into_iter().map(|scope| phase.target(scope)) {
                let before = crate::upstream::upstream(&model, phase, &target.scope);
                let through =
                    before.iter().find(|upstream| upstream.read && reached.contains(&upstream.target));
                let Some(through) = through.filter(|_| !self.invalidated.contains(&target)) else { continue };
                let direct = through.target == *changed;
                let kind = if direct { CauseKind::Upstream } else { CauseKind::UpstreamStale };
                let cause = Cause::new(kind, through.target.to_string());
                reached.insert(target.clone());
                if let Some(revision) = self.history.latest(&target).map(|record| record.revision) {
                    self.invalidated.insert(target.clone());
                    self.told.push((Some(Arc::new(target)), EventKind::PhaseInvalidated { revision, cause }));
                }
            }
            if reached.len() > n_reached {
                open.extend(self.agenda.readers(place).iter().filter(|reader| **reader > place));
            }
        }
    }
}
