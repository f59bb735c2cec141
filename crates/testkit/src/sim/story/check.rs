//! What must be true after a run, and at the end of a chapter.

use std::collections::{BTreeMap, BTreeSet};

use refrain_core::model::Model;
use refrain_core::upstream::upstream;
use refrain_schemas::digest::Digest;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::report::{PhaseStatus, RunReport, RunStatus};

use super::session::{Ended, Session};
use super::{Baseline, Story, is_settled};
use crate::sim::book::is_same;
use crate::sim::finding::FindingKind;
use crate::sim::profile::Profile;
use crate::sim::subject::Scene;

impl Story {
    /// Checks that no more calls are in doubt than can have been under way.
    pub(super) fn check_in_doubt(&self, scene: &Scene, before: usize) {
        let new = self.book.open().saturating_sub(before) as u64;
        if new > scene.capacity() {
            let message = format!("{new} calls are in doubt, and {} can be under way", scene.capacity());
            self.find(FindingKind::TooManyInDoubt, message);
        }
    }

    /// Checks that a report agrees with itself.
    pub(super) fn check_report(&self, report: &RunReport) {
        let calls: u64 = report.phases.iter().map(|phase| phase.calls).sum();
        if calls != report.calls {
            let message = format!("the run has {} calls, and its phases {calls}", report.calls);
            self.find(FindingKind::ReportDiffers, message);
        }
        let (calls, usage) = self.book.of_run(report.run_id);
        if calls != report.calls || !is_same(&usage, &report.usage) {
            let (told, cost) = (report.calls, report.usage);
            let message =
                format!("the run tells of {told} calls for {cost:?}; the ledger has {calls} for {usage:?}");
            self.find(FindingKind::BooksDiffer, message);
        }
        let settled = report.phases.iter().all(|phase| is_settled(phase.status));
        if report.status == RunStatus::Completed && !settled {
            self.find(FindingKind::ReportDiffers, "the run is completed, and not all of its phases are");
        }
    }

    /// Checks that no target passes for fresh that is not what it would be.
    pub(super) fn check_nothing_passes(&self, scene: &Scene, expect: &Baseline) {
        let digests = self.world.digests();
        let awaiting = awaiting(&scene.chapter.model, &digests, expect);
        for (target, word) in self.world.freshness(scene) {
            let differs = expect.digests.get(&target) != digests.get(&target);
            let is_known = expect.digests.contains_key(&target) && digests.contains_key(&target);
            let is_judged = is_known && !awaiting.contains(&target) && !scene.has_understudies();
            if differs && is_judged && word == Freshness::Fresh {
                self.find(
                    FindingKind::Stale,
                    format!("{target} passes for fresh, and a run would make something else"),
                );
            }
        }
    }

    /// Returns the first target whose artifact is not that of the undisturbed run.
    pub(super) fn differs(&self, scene: &Scene, expect: &Baseline) -> Option<String> {
        if scene.has_understudies()
            && self.result.profile != Profile::Calm
            && self.result.profile != Profile::Crash
        {
            return None;
        }
        let digests = self.world.digests();
        let behind = self.behind_held_over(scene, expect);
        let differs = expect.digests.iter().filter(|(target, digest)| digests.get(*target) != Some(*digest));
        differs.map(|(target, _)| target).find(|target| !behind.contains(phase_of(target))).cloned()
    }

    /// Returns the phases that come after one which can make nothing in this chapter, and has what it made in the chapter before:
    /// those that only want it read that, and are told to be stale.
    fn behind_held_over(&self, scene: &Scene, expect: &Baseline) -> BTreeSet<String> {
        let (digests, model) = (self.world.digests(), &scene.chapter.model);
        let held_over = model.targets().into_iter().filter(|target| {
            let name = target.to_string();
            digests.contains_key(&name) && !expect.digests.contains_key(&name)
        });
        let mut behind: BTreeSet<String> = held_over.map(|target| target.phase.to_string()).collect();
        // Phases stand in an order in which each comes after those it reads.
        for phase in &model.phases {
            if phase.edges().any(|edge| behind.contains(edge.phase.as_str())) {
                behind.insert(phase.name.to_string());
            }
        }
        behind
    }

    /// Checks what a chapter must have come to.
    pub(super) fn check_chapter(
        &mut self,
        scene: &Scene,
        expect: &Baseline,
        report: &RunReport,
        had: &BTreeSet<Digest>,
        none_failed: bool,
    ) {
        if report.status != expect.report.status && !scene.has_understudies() {
            let (found, wanted) = (report.status.as_str(), expect.report.status.as_str());
            self.find(
                FindingKind::NotDone,
                format!("the last run ended {found}, the undisturbed one {wanted}"),
            );
        }
        if let Some(target) = self.differs(scene, expect) {
            self.find(FindingKind::OtherBytes, format!("{target} is not what it is undisturbed"));
        }
        self.book.balance();
        // Where a phase fails, what else was asked by then is a matter of time.
        let is_exact = none_failed && expect.report.phases.iter().all(|phase| is_settled(phase.status));
        if is_exact && !scene.has_understudies() && !scene.is_volatile() {
            self.check_asked(expect, had);
        }
        if report.status == RunStatus::Completed {
            self.check_idle(scene);
        }
    }

    /// Checks that exactly the asks were made that had no reply.
    fn check_asked(&self, expect: &Baseline, had: &BTreeSet<Digest>) {
        let asked = self.book.take_asked();
        let wanted: BTreeSet<Digest> = expect.asked.difference(had).copied().collect();
        let surplus = asked.difference(&wanted).count();
        if surplus > 0 {
            self.find(FindingKind::AskedTooMuch, format!("{surplus} asks were made that nothing hangs on"));
        }
        let lacking = wanted.difference(&asked).count();
        if lacking > 0 {
            self.find(FindingKind::UnitLost, format!("{lacking} asks were never made"));
        }
    }

    /// Checks that nothing is stale after a run that completed, as a command that only reads would see it.
    fn check_fresh(&self, scene: &Scene) {
        let stale = self.world.freshness(scene).into_iter();
        let stale = stale.filter(|(_, word)| !matches!(word, Freshness::Fresh | Freshness::Skipped));
        for (target, word) in stale {
            self.find(FindingKind::Stale, format!("{target} is {word} after a run that completed"));
        }
    }

    /// Checks that the next run finds everything fresh and has nothing to do.
    fn check_idle(&mut self, scene: &Scene) {
        if scene.is_volatile() {
            return self.check_fresh(scene);
        }
        let (seed, run) = (self.result.seed, self.result.runs);
        let session = Session { scene, odds: Profile::Calm.odds(), seed, run, steps: None, wish: None };
        match self.world.run(&session).0 {
            Ended::Over(report) => self.check_did_nothing(&report),
            other => self.find(FindingKind::Failed, format!("a run with nothing to do: {other:?}")),
        }
    }

    fn check_did_nothing(&self, report: &RunReport) {
        if report.calls > 0 || report.status != RunStatus::Completed {
            let (calls, word) = (report.calls, report.status.as_str());
            self.find(
                FindingKind::NotIdle,
                format!("a run with nothing to do makes {calls} calls and ends {word}"),
            );
        }
        let idle = |status| matches!(status, PhaseStatus::Fresh | PhaseStatus::Skipped);
        for phase in report.phases.iter().filter(|phase| !idle(phase.status)) {
            let word = phase.status.as_str();
            self.find(FindingKind::Stale, format!("{} is {word} after a run that completed", phase.phase));
        }
    }
}

/// Returns the targets that were made without something they only want and which a run would make now, and those behind them:
/// what never was there makes nothing stale before it arrives.
fn awaiting(model: &Model, digests: &BTreeMap<String, Digest>, expect: &Baseline) -> BTreeSet<String> {
    let is_absent = |name: &String| expect.digests.contains_key(name) && !digests.contains_key(name);
    let mut awaiting = BTreeSet::new();
    // Targets stand in an order in which each comes after those it reads.
    for target in model.targets() {
        let Some(phase) = model.phase(target.phase.as_str()) else { continue };
        let awaits = upstream(model, phase, &target.scope).into_iter().any(|earlier| {
            let name = earlier.target.to_string();
            (!earlier.hard && is_absent(&name)) || awaiting.contains(&name)
        });
        if awaits {
            awaiting.insert(target.to_string());
        }
    }
    awaiting
}

/// Returns the phase of a target that is written out.
fn phase_of(target: &str) -> &str {
    target.split('@').next().unwrap_or(target)
}
