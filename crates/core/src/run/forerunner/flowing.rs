//! What may still flow: who counts which units, and whether anything of a kind is to come.

use crate::model::Work;
use crate::stream;

use super::super::input::TargetNo;
use super::super::job::Job;
use super::super::pool::Growth;
use super::super::state::RunState;
use super::super::target_state::Stage;
use super::Forerunner;

impl RunState {
    /// Begins to count the open units of a target, and of those that flow into it, by a field.
    pub(super) fn watch(&mut self, up: TargetNo, field: &str) {
        if !self.watched.insert((up, field.to_owned())) {
            return;
        }
        for no in self.both(up) {
            if let Some(job) = self.targets[no].job_mut() {
                job.watch(field);
            }
        }
        let before: Vec<TargetNo> = self.forerunners[up].iter().flat_map(Forerunner::sources).collect();
        before.into_iter().for_each(|up| self.watch(up, field));
    }

    /// Lets a job that has just been made count what others want to know of it.
    pub(in super::super) fn watch_all(&mut self, no: TargetNo) {
        let principal = self.principal(no);
        let fields: Vec<String> =
            self.watched.iter().filter(|(up, _)| *up == principal).map(|(_, field)| field.clone()).collect();
        if let Some(job) = self.targets[no].job_mut() {
            fields.iter().for_each(|field| job.watch(field));
        }
    }

    /// Lets flow what is final of a target whose units are all over, as long as it is there to be seen.
    pub(in super::super) fn flow_out(&mut self, no: TargetNo) {
        let reads = |ahead: &Option<Forerunner>| {
            ahead
                .as_ref()
                .is_some_and(|ahead| ahead.is_asking() && ahead.live.iter().any(|live| live.up == no))
        };
        let readers: Vec<TargetNo> =
            self.agenda.ahead().into_iter().filter(|reader| reads(&self.forerunners[*reader])).collect();
        if readers.is_empty() || self.stop.is_some() {
            return;
        }
        let is_settled = self.targets[no].job().is_some_and(Job::is_all_settled);
        let is_whole = self.is_whole(no);
        for reader in readers {
            self.take_in(reader);
            if let Some(ahead) = &mut self.forerunners[reader] {
                ahead.is_gapped |= !(is_whole && is_settled);
                ahead.leaves_some |= !(is_settled && (is_whole || ahead.keeps_others));
            }
        }
    }

    /// Whether all units of a target flow, or will.
    pub(super) fn is_whole(&self, up: TargetNo) -> bool {
        match (&self.targets[up].stage, &self.forerunners[up]) {
            // Units that are kept of the revision before are on nobody's list.
            (Stage::Asking(job), _) => job.is_whole,
            (Stage::Publishing(..) | Stage::Over, _) => !self.targets[up].has_ended_badly(),
            (_, Some(ahead)) => {
                let lacks_some = ahead.is_gapped || ahead.is_closed || ahead.is_full;
                !lacks_some && ahead.sources().all(|up| self.is_whole(up))
            }
            (_, None) => false,
        }
    }

    /// Whether units of a target tell what its records will say in a field.
    pub(super) fn is_given(&self, up: TargetNo, field: &str) -> bool {
        matches!(&self.phase(up).work, Work::Ask(work) if stream::is_given(work, field))
    }

    /// Whether records with a value of a field may still flow out of a target; any records where none is given.
    pub(super) fn may_bring(&self, up: TargetNo, field: Option<&str>, value: Option<&str>) -> bool {
        // Where its agents choose the value, units tell nothing of it.
        let field = field.filter(|field| self.is_given(up, field));
        let value = value.filter(|_| field.is_some());
        match &self.targets[up].stage {
            Stage::Asking(job) => job.awaits(field, value),
            Stage::Publishing(..) | Stage::Over => false,
            _ => match (self.targets[self.forerunner(up)].job(), &self.forerunners[up]) {
                (Some(job), Some(ahead)) => {
                    job.awaits(field, value) || ahead.sources().any(|up| self.may_bring(up, field, value))
                }
                _ => true,
            },
        }
    }

    /// Says whether units that have not come yet could join a pack of a forerunner. Where the turn of its target may bring such
    /// units, an incomplete pack is left to it: asked apart, they would take more calls than a plan foretells.
    pub(in super::super) fn growth_ahead(&self, no: TargetNo, group: u32) -> Growth {
        let principal = self.principal(no);
        let (true, Some(ahead)) = (self.is_early(no), self.ahead(principal)) else { return Growth::Over };
        let is_awaited = ahead.unstarted.get(&group).is_some_and(|n| *n > 0);
        if is_awaited || self.may_flow(principal, ahead, group) {
            Growth::Open
        } else if self.brings_all(principal) {
            Growth::Over
        } else {
            Growth::Deferred
        }
    }

    /// Whether units of a group may still flow in.
    fn may_flow(&self, principal: TargetNo, ahead: &Forerunner, group: u32) -> bool {
        let Work::Ask(work) = &self.phase(principal).work else { return false };
        let value = ahead.pack_values.get(group as usize).and_then(Option::as_deref);
        let field = work.pack_within.as_deref();
        !ahead.is_closed && !ahead.is_full && ahead.sources().any(|up| self.may_bring(up, field, value))
    }

    /// Whether the turn of a target asks about no units but those that its forerunner has, or will have.
    fn brings_all(&self, no: TargetNo) -> bool {
        let Some(ahead) = self.ahead(no) else { return false };
        let lacks_some = ahead.is_closed || ahead.is_full || ahead.leaves_some;
        let flows = |up: TargetNo| {
            let is_ahead = self.targets[up].is_before_asking();
            (ahead.keeps_others || self.is_whole(up)) && (!is_ahead || self.brings_all(up))
        };
        !lacks_some && ahead.sources().all(flows)
    }
}
