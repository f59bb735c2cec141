//! Targets on their way to their units: judging, preparing, reading and writing.

use std::collections::BTreeMap;

use refrain_schemas::event::EventKind;
use refrain_schemas::failure::PhaseError;
use refrain_schemas::freshness::{Cause, CauseKind, Freshness};
use refrain_schemas::history::{AttemptRecord, GenerationRecord, HistoryEntry, RevisionRecord};
use refrain_schemas::report::{KeptFile, PhaseStatus};
use refrain_schemas::scope::Target;

use crate::end::{Skip, Word};
use crate::engine::EngineError;
use crate::facts::Known;
use crate::model::Work;
use crate::survey::{Standing, is_anew, is_kept, is_misled};

use super::input::{Effect, TargetNo, Transferred, Trouble, Whole};
use super::job::Job;
use super::state::{RunState, Stop};
use super::target_state::Stage;

impl RunState {
    pub(super) fn word(&self, target: &Target) -> Word {
        match self.by_target.get(target) {
            Some(no) => self.targets[*no].word(),
            None => self.outside.get(target).copied().unwrap_or(Word::MISSING),
        }
    }

    pub(super) fn start_targets(&mut self) {
        while let Some(no) = self.agenda.next_ready() {
            if let Some(stop) = self.stop {
                self.end_early(no, stop);
                continue;
            }
            self.targets[no].stage = Stage::Judging;
            let target = self.targets[no].target.clone();
            let known =
                Known::of(&self.model, self.phase(no), &target, &self.history, |other| self.word(other));
            let known = known.in_turns(&self.targets[no].bindings);
            let place = self.place(no);
            self.effect(Effect::Judge(place, Box::new(known)));
        }
    }

    pub(super) fn judged(&mut self, no: TargetNo, judged: Result<Box<Standing>, EngineError>) {
        let mut standing = match judged {
            Ok(standing) => standing,
            Err(error) => return self.fail_or_abort(no, None, error),
        };
        let word = standing.word();
        (self.targets[no].freshness, self.targets[no].end) = (word.freshness, word.end);
        self.targets[no].report.causes.clone_from(&standing.verdict.causes);
        self.report_latest(no);
        if let Some(Skip { reason, .. }) = standing.now.skipped.clone() {
            self.tell(no, EventKind::PhaseSkipped { reason });
            return self.end(no, PhaseStatus::Skipped, None);
        }
        if let Some(error) = self.blocked(no, &standing) {
            return self.block(no, &standing, error);
        }
        if self.phase(no).rounds().is_some() && standing.now.unfit.is_none() {
            return self.start_loop(no, standing);
        }
        let is_volatile = self.is_volatile(no, &standing);
        if let Some(attempt) = self.spent(no, &standing) {
            return self.fail_as_before(no, attempt);
        }
        if let Some(message) = standing.now.unfit.clone() {
            let (code, hint) = ("definition".to_owned(), None);
            let error = PhaseError { code, message, hint, units: Vec::new(), missing: Vec::new() };
            return self.fail(no, &standing, error, None);
        }
        if !self.is_to_run(no, &standing, is_volatile) {
            return self.keep(no, &standing);
        }
        if self.stop.is_some() {
            return self.end_early(no, self.stop.unwrap_or(Stop::Drained));
        }
        if let Some(error) = self.is_out_of_time(no) {
            return self.fail(no, &standing, error, None);
        }
        self.note_start(no);
        let is_anew = self.targets[no].is_forced || is_volatile || is_misled(&self.history, &standing);
        if is_anew && !self.options.offline {
            self.raise_generation(no, &mut standing);
        }
        let revision = self.history.next_revision(&self.targets[no].target);
        let causes = self.targets[no].causes().to_vec();
        self.targets[no].report.started_at = self.phase(no).given().map(|_| self.now);
        self.tell(no, EventKind::PhaseStarted { revision, causes });
        self.start_work(no, standing, Whole::No);
    }

    /// Whether there is anything to do about a target.
    pub(super) fn is_to_run(&self, no: TargetNo, standing: &Standing, is_volatile: bool) -> bool {
        let target = &self.targets[no];
        target.is_forced || is_volatile || !is_kept(&self.history, &target.target, standing.verdict.freshness)
    }

    pub(super) fn keep(&mut self, no: TargetNo, standing: &Standing) {
        let partial = standing.verdict.freshness == Freshness::Partial;
        self.renew_stamps(no, &standing.now);
        if let Some(record) = self.history.latest(&self.targets[no].target) {
            let revision = record.revision;
            let is_ours = self.history.goes_on_with(record.run_id);
            self.targets[no].report.earlier_retries = if is_ours { record.retries } else { 0 };
            let mut counts = record.counts;
            (counts.reused, counts.ran) = (counts.reused + counts.ran, 0);
            self.targets[no].report.units = counts;
            self.tell(no, EventKind::PhaseFresh { revision });
        }
        self.end(no, if partial { PhaseStatus::Partial } else { PhaseStatus::Fresh }, None);
    }

    pub(super) fn is_volatile(&self, no: TargetNo, standing: &Standing) -> bool {
        is_anew(&self.model, self.phase(no), &self.history, standing)
    }

    /// Gives all asks of a target new keys, unless an earlier run did so and did not come to its end.
    pub(super) fn raise_generation(&mut self, no: TargetNo, standing: &mut Standing) {
        let target = (*self.targets[no].target).clone();
        let made_from = self.history.lineage(&target).map(|lineage| lineage.generation);
        let attempt = self.history.target(&target).and_then(|target| target.last_attempt.as_ref());
        let needs_others = attempt.is_some_and(AttemptRecord::needs_other_replies);
        let is_open = made_from.is_none_or(|made_from| made_from < standing.now.generation) && !needs_others;
        if !is_open {
            standing.now.generation += 1;
        }
        if matches!(self.phase(no).work, Work::Ask(_)) && !is_open {
            let (run_id, at, generation) = (self.run_id, self.now, standing.now.generation);
            self.write(HistoryEntry::Generation(GenerationRecord {
                target: target.clone(),
                generation,
                run_id,
                at,
            }));
        }
        if self.targets[no].report.causes.is_empty() {
            self.targets[no].report.causes.push(Cause::new(CauseKind::Generation, target.to_string()));
        }
    }

    pub(super) fn start_work(&mut self, no: TargetNo, standing: Box<Standing>, whole: Whole) {
        if matches!(self.phase(no).work, Work::Ask(_)) {
            let prior = self.history.prior(&self.targets[no].target).map(Box::new);
            self.targets[no].stage = Stage::Preparing(standing.clone());
            let place = self.place(no);
            self.effect(Effect::Prepare(place, standing, prior, whole));
        } else {
            self.targets[no].stage = Stage::Transferring(standing.clone());
            let place = self.place(no);
            self.effect(Effect::Transfer(place, standing));
        }
    }

    pub(super) fn prepared(
        &mut self,
        no: TargetNo,
        prepared: Result<Box<crate::prepare::Prepared>, Trouble>,
    ) {
        let Stage::Preparing(mut standing) = std::mem::replace(&mut self.targets[no].stage, Stage::Judging)
        else {
            return;
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(trouble) => return self.in_trouble(no, &standing, trouble),
        };
        if self.phase(no).given().is_some() {
            standing.now.sources.clone_from(&prepared.reads);
        }
        let model = self.model.clone();
        let Work::Ask(work) = &model.phases[self.targets[no].phase].work else { return };
        // What was read is what the revision is made from, even if it changed since the target was judged.
        standing.now.context_files.clone_from(&prepared.context_files);
        let job = Job::opened(&model, work, standing, prepared);
        self.targets[no].stage = Stage::Asking(Box::new(job));
        self.take_over(no);
        self.agenda.asks(no, false);
        self.start_asks(no);
        if self.targets[no].job().is_some_and(|job| job.prepared.units.len() > self.options.window) {
            self.agenda.asks(no, true);
        }
    }

    pub(super) fn transferred(&mut self, no: TargetNo, transferred: Result<Box<Transferred>, Trouble>) {
        let Stage::Transferring(mut standing) =
            std::mem::replace(&mut self.targets[no].stage, Stage::Judging)
        else {
            return;
        };
        let transferred = match transferred {
            Ok(transferred) => *transferred,
            Err(trouble) => return self.in_trouble(no, &standing, trouble),
        };
        // What was read is what the revision is made from, even if it changed a moment before.
        let reads = matches!(self.phase(no).work, Work::Read(_));
        standing.now.sources.clone_from(if reads { &transferred.files } else { &transferred.patched });
        for KeptFile { path, copy, imported } in &transferred.kept {
            let (file, copy) = (path.clone(), copy.clone());
            self.tell(no, EventKind::ExportKept { file, copy, imported: *imported });
        }
        self.targets[no].report.kept = transferred.kept;
        self.tell(no, transferred.event);
        let lineage = standing.now.lineage(&BTreeMap::new());
        let Transferred { artifact, files, content_ids, patched, .. } = transferred;
        let record =
            RevisionRecord { files, content_ids, patched, ..self.next_record(no, artifact, lineage) };
        standing.now.altered.clear();
        self.publish_revision(no, record, &standing);
    }
}
