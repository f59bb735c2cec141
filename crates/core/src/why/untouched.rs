//! Units whose requests are as they were, although something that they might have hung on is not.
//!
//! What a model is asked is what its prompt renders. A layer, a param or a context entry that differs says nothing about
//! a unit of which the same is rendered, and what was rendered before is told by the keys of its asks.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::json::Json;
use refrain_schemas::phase_spec::Fan;

use crate::model::AskWork;
use crate::plan::LOOK_UPS;
use crate::ports::store::{Store, StoreError};
use crate::run::job::Job;
use crate::unit_table::{AskRow, UnitRow};

/// Returns the ids of the units of a job all of whose asks have the keys that they had.
pub(super) async fn untouched(
    store: &dyn Store,
    work: &AskWork,
    job: &Job,
    rows: &BTreeMap<String, UnitRow>,
) -> Result<BTreeSet<String>, StoreError> {
    let replies = if work.fan == Fan::Chain { replies(store, rows).await? } else { BTreeMap::new() };
    let mut same = BTreeSet::new();
    for unit in 0..job.units.len() {
        let id = job.unit_id(unit).as_str();
        if rows.get(id).is_some_and(|row| is_untouched(work, job, unit, row, &replies)) {
            same.insert(id.to_owned());
        }
    }
    Ok(same)
}

/// Returns the replies that the links of a chain passed on.
async fn replies(
    store: &dyn Store,
    rows: &BTreeMap<String, UnitRow>,
) -> Result<BTreeMap<Digest, Json>, StoreError> {
    let keys: Vec<Digest> = rows.values().flat_map(|row| &row.asks).map(|ask| ask.key).collect();
    let mut replies = BTreeMap::new();
    for keys in keys.chunks(LOOK_UPS as usize) {
        let found = store.replies(keys).await?;
        replies.extend(keys.iter().zip(found).filter_map(|(key, reply)| Some((*key, reply?))));
    }
    Ok(replies)
}

fn is_untouched(
    work: &AskWork,
    job: &Job,
    unit: usize,
    row: &UnitRow,
    replies: &BTreeMap<Digest, Json>,
) -> bool {
    if row.failure.is_some() || !has_same_asks(work, job, unit, &row.asks) {
        return false;
    }
    let mut previous: Option<&Json> = None;
    row.asks.iter().all(|ask| {
        let now = job.key(unit, ask.member, ask.sample, previous);
        previous = replies.get(&ask.key);
        now.is_ok_and(|now| now == ask.first.unwrap_or(ask.key))
    })
}

/// Whether the same agents would be asked; how far down a cascade goes is for its replies to say.
fn has_same_asks(work: &AskWork, job: &Job, unit: usize, asks: &[AskRow]) -> bool {
    let were = asks.iter().map(|ask| (ask.member, ask.sample));
    match work.fan {
        Fan::Split | Fan::Panel => were.eq(job.stage(work, unit, 0)),
        Fan::Cascade => !asks.is_empty() && asks.len() <= work.pool.len(),
        Fan::Chain => asks.len() == work.pool.len(),
    }
}
