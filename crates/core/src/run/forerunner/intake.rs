//! What flows into a forerunner: from final records to units that lack nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::name::UnitId;

use crate::model::{AskWork, Work};
use crate::request::{Requests, View};
use crate::stream::Flow;
use crate::units::{Members, Unit, record_unit};

use super::super::input::TargetNo;
use super::super::job::Job;
use super::super::state::RunState;
use super::super::unit_state::{UnitProgress, UnitState};
use super::{Final, Forerunner, Live, Rank};

/// How often all groups are looked at: one may be complete because a unit failed far upstream.
const SWEEP: Duration = Duration::from_millis(100);

/// What has come along an edge.
struct News {
    /// Records, each with the value of the field of a group that its unit has.
    finals: Vec<(Final, Option<String>)>,
    /// Whether a unit brought nothing.
    is_lacking: bool,
    /// Of units that had left memory before somebody came to see their records, the values of the field of a group.
    departed: Vec<Option<String>>,
    at: usize,
}

impl Forerunner {
    /// Forgets what an earlier job of a target brought that is not used yet: the new one tells all of it.
    pub(super) fn reread(&mut self, up: TargetNo) {
        for (edge, live) in self.live.iter_mut().enumerate().filter(|(_, live)| live.up == up) {
            live.at = 0;
            self.groups.retain(|(of, _), _| *of != edge);
        }
        self.n_stashed = self.groups.values().map(Vec::len).sum();
    }

    /// Takes nothing more in, and lets go of what is put aside.
    fn close(&mut self) {
        (self.is_closed, self.n_stashed) = (true, 0);
        self.groups = HashMap::new();
    }

    fn pack(&mut self, value: Option<String>) -> u32 {
        let next = u32::try_from(self.pack_values.len()).unwrap_or(u32::MAX);
        let group = *self.packs.entry(value.clone()).or_insert(next);
        if group == next {
            self.pack_values.push(value);
        }
        group
    }

    fn begin(&mut self, group: u32) {
        if let Some(n) = self.unstarted.get_mut(&group) {
            *n = n.saturating_sub(1);
        }
    }
}

impl RunState {
    /// Takes in the units that are known from the start.
    pub(super) fn take_known(&mut self, no: TargetNo, units: Vec<Unit>) {
        let units = (0..).zip(units).map(|(at, unit)| (unit, vec![at])).collect();
        self.with_ahead(no, |state, ahead| state.add_units(no, ahead, units));
    }

    /// Takes in what has become final since.
    pub(in super::super) fn take_in(&mut self, no: TargetNo) {
        if !self.targets[no].is_before_asking() {
            return;
        }
        self.with_ahead(no, |state, ahead| {
            let mut ready = Vec::new();
            for edge in 0..ahead.live.len() {
                let Some(news) = state.news(&ahead.live[edge]) else { continue };
                ahead.live[edge].at = news.at;
                if !ahead.is_closed {
                    ready.extend(state.take_news(no, ahead, edge, news));
                }
            }
            ready
        });
    }

    /// Lets something be done with a forerunner's notes, and asks about the units that it says lack nothing.
    fn with_ahead(&mut self, no: TargetNo, f: impl FnOnce(&mut Self, &mut Forerunner) -> Vec<usize>) {
        let model = self.model.clone();
        let Work::Ask(work) = &model.phases[self.targets[no].phase].work else { return };
        if !self.forerunners[no].as_ref().is_some_and(Forerunner::is_asking) {
            return;
        }
        let Some(mut ahead) = self.forerunners[no].take() else { return };
        let forerunner = self.forerunner(no);
        let mut ready = f(self, &mut ahead);
        if let Some(job) = self.targets[forerunner].job_mut() {
            ready.iter().for_each(|unit| ahead.begin(job.units[*unit].group));
            let n_ready = ready.len();
            ready.retain(|unit| !is_as_before(&ahead, job, *unit));
            ahead.leaves_some |= ready.len() < n_ready && !ahead.keeps_others;
            for unit in &ready {
                job.units[*unit].digest = job.prepared.requests.digest(job.unit(*unit));
            }
        }
        ahead.n_started += ready.len();
        self.forerunners[no] = Some(ahead);
        for unit in ready {
            self.start_stage(forerunner, work, unit, 0, None);
        }
    }

    /// Returns what has come along an edge; nothing where nothing has, and no group may be complete for other reasons.
    fn news(&self, live: &Live) -> Option<News> {
        let of = if self.targets[live.up].is_before_asking() { self.forerunner(live.up) } else { live.up };
        let mut news = News { finals: Vec::new(), is_lacking: false, departed: Vec::new(), at: live.at };
        let job = self.targets[of].job().filter(|job| !job.is_stopped)?;
        if job.ended.len() <= live.at {
            return matches!(live.flow, Flow::Group(_)).then_some(news);
        }
        news.at = job.ended.len();
        let ranks = self.forerunners[live.up].as_ref().filter(|_| of != live.up).map(|ahead| &ahead.ranks);
        for unit in job.ended[live.at..].iter().copied() {
            let rank = ranks.and_then(|ranks| ranks.get(unit).cloned()).unwrap_or_else(|| vec![unit as u64]);
            let own = if let Flow::Group(field) = &live.flow { job.value(unit, field) } else { None };
            if job.units.get(unit).is_none() {
                news.departed.push(own);
                continue;
            }
            let records = job.finals(unit);
            news.is_lacking |= records.is_none();
            for (n, stamped) in (0..).zip(records.into_iter().flatten()) {
                let rank = rank.iter().copied().chain([n]).collect();
                let (key, record) = (stamped.key.to_string(), stamped.record.clone());
                news.finals.push((Final { key, record, rank }, own.clone()));
            }
        }
        Some(news)
    }

    /// Returns the units that lack nothing more.
    fn take_news(&mut self, no: TargetNo, ahead: &mut Forerunner, edge: usize, news: News) -> Vec<usize> {
        self.note_departed(ahead, edge, &news.departed);
        match ahead.live[edge].flow.clone() {
            Flow::Record | Flow::Group(_) if ahead.is_full => Vec::new(),
            Flow::Record => {
                let records = news.finals.into_iter().map(|(record, _)| record);
                let new = records.filter(|record| ahead.known.insert(record.key.clone())).collect();
                let members = self.push_source(no, new).into_iter();
                let units = members.map(|(at, id, rank)| (record_unit(at, &id), rank)).collect();
                self.add_units(no, ahead, units)
            }
            Flow::Group(field) => {
                let mut touched = self.stash(ahead, edge, &field, news.finals);
                if news.is_lacking || self.time.saturating_sub(ahead.swept) >= SWEEP {
                    ahead.swept = self.time;
                    let open = ahead.groups.keys().filter(|(of, _)| *of == edge);
                    touched.extend(open.map(|(_, value)| value.clone()));
                }
                let ready = self.take_groups(no, ahead, edge, &field, touched);
                // No more records are put aside than units are held.
                if ahead.n_stashed > self.options.window {
                    ahead.close();
                }
                ready
            }
            Flow::Join(_) => self.join(no, ahead, edge, news.finals),
        }
    }

    /// Takes note of units whose records nobody will see before the target's turn: what is made of them waits for it.
    fn note_departed(&self, ahead: &mut Forerunner, edge: usize, departed: &[Option<String>]) {
        let Live { up, flow, .. } = &ahead.live[edge];
        if departed.is_empty() || matches!(flow, Flow::Join(_)) {
            return;
        }
        (ahead.is_gapped, ahead.leaves_some) = (true, true);
        let Flow::Group(field) = flow else { return };
        // Where a record may say another value than its unit, any group may lack it.
        ahead.is_closed |= !self.is_given(*up, field) || departed.contains(&None);
        ahead.known.extend(departed.iter().flatten().cloned());
    }

    /// Puts records aside until their groups are complete; returns the values of these groups.
    fn stash(
        &self,
        ahead: &mut Forerunner,
        edge: usize,
        field: &str,
        finals: Vec<(Final, Option<String>)>,
    ) -> BTreeSet<String> {
        let mut touched = BTreeSet::new();
        ahead.is_closed |= !self.is_whole(ahead.live[edge].up);
        for (record, own) in finals {
            let value = record.record.field(field).and_then(refrain_schemas::json::scalar_text);
            let value = value.map(std::borrow::Cow::into_owned);
            // An agent that says another value than the one it was given may say any.
            ahead.is_closed |= value.is_none() || own != value;
            let Some(value) = value else { continue };
            let group = ahead.groups.entry((edge, value.clone())).or_default();
            match group.iter_mut().find(|other| other.key == record.key) {
                // Its place is that of the first unit that brings it, whichever of them ended first.
                Some(other) if record.rank < other.rank => *other = record,
                Some(_) => {}
                None => {
                    group.push(record);
                    ahead.n_stashed += 1;
                }
            }
            touched.insert(value);
        }
        touched
    }

    fn take_groups(
        &mut self,
        no: TargetNo,
        ahead: &mut Forerunner,
        edge: usize,
        field: &str,
        touched: BTreeSet<String>,
    ) -> Vec<usize> {
        let up = ahead.live[edge].up;
        ahead.is_closed |= !self.is_whole(up);
        let mut units: Vec<(Unit, Rank)> = Vec::new();
        for value in touched {
            let is_open = ahead.known.contains(&value) || self.may_bring(up, Some(field), Some(&value));
            if ahead.is_closed || is_open {
                continue;
            }
            let Some(mut group) = ahead.groups.remove(&(edge, value.clone())) else { continue };
            ahead.n_stashed -= group.len();
            group.sort_by(|a, b| a.rank.cmp(&b.rank));
            let members = self.push_source(no, group);
            let rank = members.first().map(|(.., rank)| rank.clone()).unwrap_or_default();
            let places = members.iter().map(|(at, ..)| *at).collect();
            units.push((Unit { id: UnitId::new(&value), members: Members::Many(places) }, rank));
            ahead.known.insert(value);
        }
        self.add_units(no, ahead, units)
    }

    /// Adds records to what units are made of; returns their places, keys and ranks.
    fn push_source(&mut self, no: TargetNo, records: Vec<Final>) -> Vec<(u64, String, Rank)> {
        let forerunner = self.forerunner(no);
        let Some(requests) = self.targets[forerunner].job_mut().and_then(requests_of) else {
            return Vec::new();
        };
        let first = requests.source.count();
        let texts = records.iter().map(|record| (record.key.as_str(), record.record.as_str()));
        requests.source.push_records(texts);
        (first..).zip(records).map(|(at, record)| (at, record.key, record.rank)).collect()
    }

    /// Adds records to a context entry; returns the units that lack nothing more.
    fn join(
        &mut self,
        no: TargetNo,
        ahead: &mut Forerunner,
        edge: usize,
        finals: Vec<(Final, Option<String>)>,
    ) -> Vec<usize> {
        let (forerunner, window) = (self.forerunner(no), self.options.window);
        let mut ready = Vec::new();
        let requests = self.targets[forerunner].job_mut().and_then(requests_of);
        let view = requests.and_then(|requests| {
            let entry = &ahead.live[edge].entry;
            requests.contexts.iter_mut().find(|context| &*context.name == entry)
        });
        let Some(View::Joined { records, places, .. }) = view.map(|context| &mut context.view) else {
            return ready;
        };
        for (record, _) in finals {
            let lacking = ahead.waiting.remove(&(edge, record.key.clone()));
            // No more are kept for units to come than there may be of these.
            let has_room = !ahead.is_full && records.count() < window as u64;
            if places.contains_key(&record.key) || (lacking.is_none() && !has_room) {
                continue;
            }
            places.insert(record.key.clone(), vec![records.count()]);
            records.push_records(std::iter::once((record.key.as_str(), record.record.as_str())));
            for unit in lacking.unwrap_or_default() {
                let lacks = ahead.lacking.entry(unit).or_insert(1);
                *lacks -= 1;
                if *lacks == 0 {
                    ahead.lacking.remove(&unit);
                    ready.push(unit);
                }
            }
        }
        ready
    }

    /// Adds units to a forerunner; returns those that lack nothing.
    fn add_units(&mut self, no: TargetNo, ahead: &mut Forerunner, units: Vec<(Unit, Rank)>) -> Vec<usize> {
        let model = self.model.clone();
        let Work::Ask(work) = &model.phases[self.targets[no].phase].work else { return Vec::new() };
        let forerunner = self.forerunner(no);
        let Some(job) = self.targets[forerunner].job_mut() else { return Vec::new() };
        let mut ready = Vec::new();
        let room = self.options.window.saturating_sub(job.units.len());
        // The rest waits for the target's turn, and is not held before.
        ahead.is_full |= units.len() > room;
        for (unit, rank) in units.into_iter().take(room) {
            let at = push_unit(work, job, ahead, unit, rank);
            if job.units[at].is_over() {
                continue;
            }
            match note_lacks(job, ahead, at) {
                0 => ready.push(at),
                lacks => drop(ahead.lacking.insert(at, lacks)),
            }
        }
        ready
    }
}

/// Notes which records a unit lacks, and returns how many.
fn note_lacks(job: &Job, ahead: &mut Forerunner, unit: usize) -> usize {
    let mut n = 0;
    for (edge, live) in ahead.live.iter().enumerate() {
        let Flow::Join(field) = &live.flow else { continue };
        let Some(value) = job.value(unit, field) else { continue };
        if joined(&job.prepared.requests, &live.entry, &value).is_none() {
            ahead.waiting.entry((edge, value)).or_default().push(unit);
            n += 1;
        }
    }
    n
}

fn push_unit(work: &AskWork, job: &mut Job, ahead: &mut Forerunner, unit: Unit, rank: Rank) -> usize {
    let value = work.pack_within.as_deref().and_then(|field| job.prepared.requests.value(&unit, field));
    let group = ahead.pack(value);
    let is_hole = job.prepared.requests.is_hole(&unit);
    let progress = if is_hole { UnitProgress::Hole } else { UnitProgress::Open };
    let at = job.units.len();
    job.prepared.units.push(unit);
    job.units.push(UnitState::new(group, progress));
    job.counts.total += 1;
    ahead.ranks.push(rank);
    if !is_hole {
        job.n_open += 1;
        job.note_open(at);
        *ahead.unstarted.entry(group).or_default() += 1;
    }
    at
}

/// Returns what the requests of a forerunner are made from, which nobody else holds.
fn requests_of(job: &mut Job) -> Option<&mut Requests> {
    Arc::get_mut(&mut job.prepared.requests)
}

/// Returns the record that a context entry has under a key.
fn joined<'a>(requests: &'a Requests, name: &str, key: &str) -> Option<&'a str> {
    let context = requests.contexts.iter().find(|context| &*context.name == name)?;
    let View::Joined { records, places, .. } = &context.view else { return None };
    records.entry(*places.get(key)?.first()?).map(|entry| entry.text())
}

/// Whether everything that flows into a unit is as it was when the latest revision was made from it. Its turn will tell
/// whether it is kept.
fn is_as_before(ahead: &Forerunner, job: &Job, unit: usize) -> bool {
    let Some(source) = &ahead.source else { return false };
    let requests = &job.prepared.requests;
    let is_same = |at: &u64| {
        let entry = requests.source.entry(*at);
        entry.is_some_and(|entry| ahead.before.has(source, entry.id, entry.text()))
    };
    let members_are = match &job.unit(unit).members {
        Members::One(at) => is_same(at),
        Members::Many(places) => places.iter().all(is_same),
    };
    members_are
        && ahead.live.iter().all(|live| {
            let Flow::Join(field) = &live.flow else { return true };
            let Some(value) = job.value(unit, field) else { return true };
            let text = joined(requests, &live.entry, &value);
            text.is_some_and(|text| ahead.before.has(&live.phase, &value, text))
        })
}
