//! Calls on their way out: cutting packs, asking gates and purses, writing intents.

use std::time::Duration;

use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::ledger::{Abandoned, Intent, IntentAsk, LedgerEntry, Rung};
use refrain_schemas::name::{CallId, UnitId};
use refrain_schemas::phase_spec::Fan;

use crate::define::BoundAgent;
use crate::model::Work;
use crate::ports::agent::{AskedUnit, ModelTraits, Repair, Request};
use crate::ports::executor::{Call, Slot};

use super::ceiling;
use super::forerunner::Forerunner;
use super::gate::Admission;
use super::input::{Effect, TargetNo};
use super::pool::{Growth, Pack};
use super::purse::Hold;
use super::purses::{Claims, Owner, Payers, Shortage};
use super::state::{Flight, PoolNo, RunState, Stop};

/// What a call gets of a turn whose time is up.
const LEAST_TIME: Duration = Duration::from_millis(1);

impl RunState {
    /// Returns the pool of one agent of a target's phase.
    pub(super) fn pool_no(&self, no: TargetNo, member: usize) -> PoolNo {
        self.first_pool[self.targets[no].phase] + member
    }

    /// Gives free clones something to do, as far as gates and purses allow.
    pub(super) fn start_calls(&mut self) {
        self.wake = None;
        if self.stop.is_some() || self.fatal.is_some() {
            return;
        }
        self.is_short = false;
        self.serve(false);
        // What runs ahead of its turn takes what nobody else wants, be it clones or money.
        let is_asking = |no: TargetNo| self.forerunners[no].as_ref().is_some_and(Forerunner::is_asking);
        if !self.is_short && self.agenda.any_ahead(is_asking) {
            self.serve(true);
        }
    }

    /// Gives free clones calls of targets whose turn has come, or of any.
    fn serve(&mut self, with_early: bool) {
        let pools = &self.pools;
        let mut hungry: Vec<PoolNo> = self.agenda.pools(|no| pools[no].pool.has_waiting());
        hungry.retain(|no| pools[*no].pool.has_free());
        // Each round gives every pool one call, beginning behind the one that had the last, so that no pool takes all of
        // what is left under a common ceiling.
        let first = hungry.partition_point(|no| *no <= self.served);
        hungry.rotate_left(first);
        while !hungry.is_empty() {
            hungry.retain(|no| self.stop.is_none() && self.start_call(*no, with_early));
        }
    }

    /// Starts one call of a pool; tells whether there may be another.
    fn start_call(&mut self, no: PoolNo, with_early: bool) -> bool {
        if !self.has_room(no) || !self.is_admitted(no) {
            return false;
        }
        let (pack, more) = self.cut(no, with_early);
        let Some(pack) = pack else { return more };
        let Some(request) = self.request(self.next_call, &pack) else { return more };
        let hold = ceiling::hold(self.model_of(no), &request, self.tool_bytes(&pack));
        let payers = self.payers(no);
        if self.is_spoken_for(pack.target, payers, &hold) {
            self.pools[no].pool.put_back(pack);
            return false;
        }
        if let Err(shortage) = self.purses.reserve(payers, &hold) {
            return self.fall_short(no, pack, shortage);
        }
        self.send(no, pack, request, hold);
        self.served = no;
        self.pools[no].pool.has_free()
    }

    /// Cuts the next pack of a pool, without those asks that have ended; tells whether there may be another.
    fn cut(&mut self, no: PoolNo, with_early: bool) -> (Option<Pack>, bool) {
        let model = self.model.clone();
        let (phase, member) = (self.pools[no].phase, self.pools[no].member);
        let Work::Ask(work) = &model.phases[phase].work else { return (None, false) };
        let mut pool = std::mem::take(&mut self.pools[no].pool);
        let growth = |target: TargetNo, group: u32| {
            if self.targets[target].job().is_some_and(|job| job.may_grow(work.fan, member, group)) {
                Growth::Open
            } else {
                self.growth_ahead(target, group)
            }
        };
        let mut left = Vec::new();
        let is_due = |target: TargetNo| !self.is_early(target) || (with_early && !self.is_halted(target));
        let cut =
            if pool.has_free() { pool.next_pack(member, work.pack, is_due, growth, &mut left) } else { None };
        let more = cut.is_some() && pool.has_waiting();
        self.pools[no].pool = pool;
        left.into_iter().for_each(|ask| self.disown(ask));
        let pack = cut.and_then(|pack| self.wanted(pack)).map(|mut pack| {
            if work.fan == Fan::Cascade && member > 0 && pack.rung == Rung::First {
                pack.rung = Rung::Cascade;
            }
            pack
        });
        (pack, more)
    }

    /// Returns what of a pack is still to be asked; its target may have ended or stopped.
    fn wanted(&self, mut pack: Pack) -> Option<Pack> {
        pack.asks.retain(|ask| self.is_still_to_ask(*ask));
        let stops = |no: TargetNo| self.targets[no].job().is_some_and(|job| job.is_stopped);
        let is_stopped = stops(pack.target) || stops(self.principal(pack.target));
        (!is_stopped && !pack.asks.is_empty()).then_some(pack)
    }

    /// Whether the ceilings on calls in flight allow one more.
    fn has_room(&self, no: PoolNo) -> bool {
        let below =
            |count: usize, ceiling: Option<u32>| ceiling.is_none_or(|ceiling| count < ceiling as usize);
        let seat = &self.pools[no];
        below(self.flights.len(), self.model.limits.concurrency)
            && below(self.in_flight.phases[seat.phase], self.model.phases[seat.phase].limits.concurrency)
            && below(self.in_flight.agents[seat.agent_no], seat.limits.concurrency)
    }

    /// Whether the gates of a pool let a call leave now; asks to be woken where they will later.
    fn is_admitted(&mut self, no: PoolNo) -> bool {
        match self.gates.admits(&self.pools[no].chain, self.time) {
            Admission::Now => true,
            Admission::Full => false,
            Admission::At(time) => {
                self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
                self.give_up_waiting(no, time);
                false
            }
        }
    }

    /// Says what happens to a pack that cannot be paid for; tells whether the pool may start another call.
    fn fall_short(&mut self, no: PoolNo, pack: Pack, shortage: Shortage) -> bool {
        let target = pack.target;
        self.pools[no].pool.put_back(pack);
        if shortage.lack.may_pass {
            self.is_short |= !self.is_early(target);
            return false;
        }
        if self.is_early(target) {
            self.halt(target);
            return self.pools[no].pool.has_waiting();
        }
        let words = shortage.words(self.phase(target).name.as_str(), self.pools[no].agent.as_str());
        if shortage.owner == Owner::Run {
            self.shortage.get_or_insert(words);
            self.stop(Stop::Ceiling);
            return false;
        }
        let principal = self.principal(target);
        for no in self.both(principal) {
            if let Some(job) = self.targets[no].job_mut() {
                job.is_stopped = true;
                self.agenda.stops(no);
            }
        }
        self.targets[principal].shortage.get_or_insert(words);
        self.pools[no].pool.has_waiting() && self.targets[principal].job().is_some()
    }

    /// Whether a call ahead of its turn would take what others need that come first. One that cannot be paid for anyway is for
    /// others to judge.
    fn is_spoken_for(&self, target: TargetNo, payers: Payers, hold: &Hold) -> bool {
        self.is_early(target)
            && self.purses.is_limited(payers)
            && self.purses.spare(payers, hold, &Claims::default())
            && !self.purses.spare(payers, hold, &self.claims(target))
    }

    pub(super) fn payers(&self, no: PoolNo) -> Payers {
        let seat = &self.pools[no];
        Payers { phase: seat.phase, agent: seat.agent_no }
    }

    /// Returns what there is to know of the model behind a pool's agent, if it is one.
    pub(super) fn model_of(&self, no: PoolNo) -> Option<&ModelTraits> {
        let (_, agent) = self.model.agents.get_index(self.pools[no].agent_no)?;
        agent.traits.model.as_ref()
    }

    fn send(&mut self, no: PoolNo, pack: Pack, request: Request, hold: Hold) {
        let Some(bound) = self.bound(&pack) else { return };
        let (identity, files) = (bound.identity, bound.files.clone());
        let Some(clone) = self.pools[no].pool.take_clone() else { return };
        let call = request.call;
        self.next_call = call.next();
        let agent = self.pools[no].agent.clone();
        let lane = self.lane(pack.target, no);
        let asks =
            pack.asks.iter().zip(&request.units).filter_map(|(ask, unit)| {
                Some(IntentAsk { key: self.open_key(*ask)?, unit: unit.id.clone() })
            });
        let intent = Intent {
            call,
            lane,
            attempt: pack.attempt + pack.limited,
            rung: pack.rung,
            at: self.now,
            ceiling: hold.ceiling,
            asks: asks.collect(),
        };
        if self.wants(Level::Debug) {
            let units = intent.asks.iter().map(|ask| ask.unit.clone()).collect();
            self.tell(pack.target, EventKind::CallIntended { call, agent: agent.clone(), units });
        }
        self.note_doubts();
        self.ledger(LedgerEntry::Intent(intent));
        let tokens = ceiling::estimate(self.model_of(no), &request);
        let timeout = self.time_left(pack.target, self.pools[no].timeout);
        let slot = Slot { phase: request.phase.clone(), agent, clone };
        self.effect(Effect::Call(Box::new(Call { slot, identity, files, request, timeout })));
        self.depart(no, pack, call, (clone, tokens, hold));
    }

    /// Returns how long a call may take: no longer than what is left of its turn.
    fn time_left(&self, no: TargetNo, timeout: Option<Duration>) -> Option<Duration> {
        let left =
            self.targets[no].deadline.map(|deadline| deadline.saturating_sub(self.time).max(LEAST_TIME));
        [timeout, left].into_iter().flatten().min()
    }

    /// Takes note of the calls in doubt, each once, along with the first call of the run: a run that makes none uses
    /// nothing up, so the next one has to reckon with them as well.
    fn note_doubts(&mut self) {
        let (run_id, at) = (self.run_id, self.now);
        for doubt in std::mem::take(&mut self.options.in_doubt) {
            self.ledger(LedgerEntry::Abandoned(Abandoned { call: doubt.call, run_id, at }));
        }
    }

    fn depart(&mut self, no: PoolNo, pack: Pack, call: CallId, (clone, tokens, hold): (u32, u64, Hold)) {
        let seat = &self.pools[no];
        self.in_flight.phases[seat.phase] += 1;
        self.in_flight.agents[seat.agent_no] += 1;
        let principal = self.principal(pack.target);
        let tally = &mut self.targets[principal].tally;
        tally.calls += 1;
        tally.retries += u64::from(matches!(pack.rung, Rung::Retry | Rung::Repair | Rung::Split));
        tally.repairs += u64::from(pack.rung == Rung::Repair);
        self.targets[principal].dearest = self.targets[principal].dearest.most(&hold.amount);
        if principal != pack.target {
            let job = self.targets[pack.target].job();
            let called = job.iter().flat_map(|job| pack.asks.iter().map(|ask| job.unit_id(ask.unit).clone()));
            let called: Vec<UnitId> = called.collect();
            self.targets[principal].called.extend(called);
        }
        let target = &mut self.targets[pack.target];
        if let Some(job) = target.job_mut() {
            job.n_in_flight += 1;
            job.since.get_or_insert(self.time);
            for ask in &pack.asks {
                job.units[ask.unit].was_called = true;
            }
        }
        self.note_flying(&pack.asks, true);
        let passes = self.gates.enter(&self.pools[no].chain, tokens, self.time);
        self.flights.insert(call, Flight { pack, clone, started: self.time, passes, hold });
    }

    /// Returns the agent of a pack as its target sees it.
    fn bound(&self, pack: &Pack) -> Option<&BoundAgent> {
        let job = self.targets[pack.target].job()?;
        job.standing.definition.agents.get(pack.member).map(AsRef::as_ref)
    }

    /// Returns how many bytes of each request of a pack tell the model of its tools.
    fn tool_bytes(&self, pack: &Pack) -> u64 {
        self.bound(pack).map_or(0, |agent| agent.tool_bytes)
    }

    fn request(&self, call: CallId, pack: &Pack) -> Option<Request> {
        let job = self.targets[pack.target].job()?;
        let agent = self.bound(pack)?;
        let units = pack.asks.iter().filter(|ask| self.open_key(**ask).is_some()).map(|ask| {
            let previous = job.previous(ask.unit, ask.ask);
            job.prepared.requests.asked(&job.prepared.units[ask.unit], previous.as_ref())
        });
        let open = pack.asks.iter().filter(|ask| self.open_key(**ask).is_some());
        let conversation = job.conversation(pack.member, open.map(|ask| (ask.unit, ask.ask)));
        let units: Vec<AskedUnit> = units.collect();
        // Of units that are not asked about any more nobody is told what was wrong.
        let is_asked = |repair: &&Repair| units.iter().any(|unit| unit.id == repair.unit);
        let repairs = pack.repairs.iter().filter(is_asked).cloned().collect();
        Some(Request {
            call,
            phase: self.targets[pack.target].target.phase.clone(),
            scope: job.prepared.requests.scope.clone(),
            turns: job.prepared.requests.turns.clone(),
            params: agent.params.clone(),
            vars: agent.vars.clone(),
            context: job.shared.clone(),
            units,
            conversation,
            repairs,
        })
    }
}
