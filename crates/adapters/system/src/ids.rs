//! Random ids.

use refrain_core::ports::clock::Ids;
use refrain_schemas::name::RunId;

/// Makes ids from the time and the system's random numbers (UUIDs of version 7).
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn run_id(&self) -> RunId {
        RunId::new(uuid::Uuid::now_v7())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_differ_and_sort_by_the_time_they_were_made() {
        let ids: Vec<RunId> = (0..1000).map(|_| RandomIds.run_id()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1000);
        assert!(ids.is_sorted());
        assert_eq!(ids[0].uuid().get_version_num(), 7);
    }
}
