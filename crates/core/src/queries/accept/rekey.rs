//! The unit table of a revision under the keys that its asks have now.

use std::collections::BTreeMap;

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{Alias, LedgerEntry};
use refrain_schemas::phase_spec::Fan;
use refrain_schemas::scope::Target;

use super::super::gc::malformed;
use super::refused;
use crate::artifact::Pages;
use crate::engine::{Engine, EngineError};
use crate::model::AskWork;
use crate::ports::store::{Batch, Store, StoreError};
use crate::prepare::Prepared;
use crate::run::job::Job;
use crate::survey::Standing;
use crate::tree::build::TreeBuilder;
use crate::tree::page::Entry;
use crate::tree::sequence::Sequence;
use crate::unit_table::{AskRow, UnitRow};
use crate::units::Unit;

/// How many units are recorded at once.
const CHUNK: usize = 2048;

/// Checks that a revision has the units that its target has now. Others would be no output to accept: what an old unit
/// was answered is not what a new one with the same id would be, where units are cut in another way.
pub(super) async fn check_units(
    store: &dyn Store,
    target: &Target,
    table: Digest,
    units: &[Unit],
) -> Result<(), EngineError> {
    let table = Sequence::open_whole(store, table).await?;
    let same = table.count() == units.len() as u64
        && table.iter().zip(units).all(|((_, entry), unit)| entry.id == unit.id.as_str());
    if same {
        return Ok(());
    }
    let reason = format!(
        "its units are not the same any more ({} then, {} now), so there is output for other ones only; run it",
        table.count(),
        units.len()
    );
    Err(refused(target, reason))
}

/// Records each reply of a unit table under the key that its ask has now, and returns the table under these keys with
/// those of its pages that are not stored yet.
pub(super) async fn rekey(
    engine: &Engine,
    work: &AskWork,
    standing: Standing,
    prepared: Box<Prepared>,
    table: Digest,
) -> Result<(Digest, Pages), EngineError> {
    let store = &*engine.ports().store;
    let job = Job::new(engine.model(), work, Box::new(standing), prepared);
    let old = Sequence::open_whole(store, table).await?;
    let mut new = TreeBuilder::new();
    for first in (0..job.units.len()).step_by(CHUNK) {
        let chunk = first..(first + CHUNK).min(job.units.len());
        let mut rows = Vec::with_capacity(chunk.len());
        for unit in chunk {
            let entry = old.entry(unit as u64).ok_or_else(|| malformed(table))?;
            let row = UnitRow::decode(&entry).ok_or_else(|| malformed(table))?;
            rows.push((unit, entry, row));
        }
        let replies = replies(store, &rows).await?;
        let mut ledger = Vec::new();
        for (unit, entry, row) in rows {
            let row = under_new_keys(&job, work, unit, row, &replies, &mut ledger);
            new.push(&Entry { body: &row.encode(), ..entry });
        }
        store.commit(Batch { pages: new.take_pages(), ledger, ..Batch::default() }).await?;
    }
    let (root, pages) = new.finish();
    Ok((root.digest, pages))
}

/// Returns the replies that some units came from, by key.
async fn replies(
    store: &dyn Store,
    rows: &[(usize, Entry<'_>, UnitRow)],
) -> Result<BTreeMap<Digest, Json>, StoreError> {
    let keys: Vec<Digest> = rows.iter().flat_map(|(_, _, row)| &row.asks).map(|ask| ask.key).collect();
    let found = store.replies(&keys).await?;
    Ok(keys.into_iter().zip(found).filter_map(|(key, reply)| Some((key, reply?))).collect())
}

/// Gives each ask of a unit its present key. An ask that nobody would ask any more keeps the one it has.
fn under_new_keys(
    job: &Job,
    work: &AskWork,
    unit: usize,
    mut row: UnitRow,
    replies: &BTreeMap<Digest, Json>,
    ledger: &mut Vec<LedgerEntry>,
) -> UnitRow {
    let mut previous: Option<&Json> = None;
    for ask in &mut row.asks {
        let reply = replies.get(&ask.key);
        if let Some(now) = present(job, work, unit, ask, previous) {
            if let (true, Some(_)) = (now.key != ask.key, reply) {
                ledger.push(LedgerEntry::Alias(Alias { key: now.key, of: ask.key }));
            }
            *ask = now;
        }
        // A chain passes on what the link before it said, which is the same under either key.
        previous = reply.filter(|_| work.fan == Fan::Chain);
    }
    row
}

/// Returns an ask as it would be made now, if it would be: of several agents that share the units, by the one whose
/// unit it is today.
fn present(job: &Job, work: &AskWork, unit: usize, ask: &AskRow, previous: Option<&Json>) -> Option<AskRow> {
    let stage = match work.fan {
        Fan::Split | Fan::Panel => 0,
        Fan::Cascade | Fan::Chain => ask.member as usize,
    };
    let fits = |(member, sample): &(u32, u32)| {
        *sample == ask.sample && (work.fan == Fan::Split || *member == ask.member)
    };
    let (member, sample) = job.stage(work, unit, stage).into_iter().find(fits)?;
    let row = AskRow::new(member, sample, job.key(unit, member, sample, previous).ok()?);
    // An ask that keeps its key keeps the chain behind it; under a new key the reply is the first.
    Some(if ask.first.unwrap_or(ask.key) == row.key { *ask } else { row })
}
