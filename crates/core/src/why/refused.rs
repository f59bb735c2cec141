//! Units whose requests are as they were, and whose replies today's rules refuse.

use std::collections::BTreeMap;

use refrain_schemas::digest::Digest;

use crate::model::{AskWork, Phase};
use crate::plan::LOOK_UPS;
use crate::ports::store::{Store, StoreError};
use crate::run::job::Job;
use crate::run::unit_state::{Ask, AskState};
use crate::unit_table::{AskRow, UnitRow};

/// Whether a part of a definition says which replies are good.
pub(super) fn is_of_rules(part: &str) -> bool {
    part == "output" || ["rules.", "schema."].iter().any(|root| part.starts_with(root))
}

/// Returns why a reply of a unit is refused, by the ids of the units of a job of which one is.
pub(super) async fn refused(
    store: &dyn Store,
    phase: &Phase,
    work: &AskWork,
    mut job: Job,
    rows: &BTreeMap<String, UnitRow>,
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut asks: Vec<(usize, AskRow)> = Vec::new();
    for unit in 0..job.units.len() {
        let row = rows.get(job.unit_id(unit).as_str());
        asks.extend(row.into_iter().flat_map(|row| &row.asks).map(|ask| (unit, *ask)));
    }
    let mut refused = BTreeMap::new();
    for batch in asks.chunks(LOOK_UPS as usize) {
        let keys: Vec<Digest> = batch.iter().map(|(_, row)| row.key).collect();
        for ((unit, row), reply) in batch.iter().zip(store.replies(&keys).await?) {
            let asks = &mut job.units[*unit].asks;
            asks.push(Ask { row: *row, state: AskState::Pending });
            let ask = asks.len() - 1;
            let Some(Err(failure)) = reply.map(|reply| job.accept(phase, work, *unit, ask, &reply)) else {
                continue;
            };
            refused.entry(job.unit_id(*unit).as_str().to_owned()).or_insert(failure.message);
        }
    }
    Ok(refused)
}
