//! Phases whose units people lock in later ones.

use std::collections::BTreeSet;

use refrain_schemas::name::PhaseName;

use super::Checker;
use super::code::Code;
use crate::edits::{editable_key, keys_are_units};
use crate::model::{Phase, Work};

impl Checker<'_> {
    /// Takes `locked_by` over into the phases, which stand in order; what does not fit is reported.
    pub(super) fn locks(&mut self, phases: &mut [Phase]) {
        for n in 0..phases.len() {
            let name = phases[n].name.clone();
            let Some(spec) = self.pipeline.phases.get(&name).filter(|spec| !spec.locked_by.is_empty()) else {
                continue;
            };
            if !matches!(phases[n].work, Work::Ask(_)) {
                // That it asks nobody has been reported.
                continue;
            }
            if !is_lockable(&phases[n]) {
                let message = format!("the records of `{name}` are not those of its units");
                self.problems.add(Code::LockedUnits, format!("phases.{name}.locked_by"), message);
                continue;
            }
            let named = self.named_list(&name, &spec.locked_by, &format!("phases.{name}.locked_by"));
            let fitting: Vec<PhaseName> = named
                .into_iter()
                .filter(|(later, path)| self.locks_fit(phases, n, later, path) && self.is_enabled(later))
                .map(|(later, _)| later)
                .collect();
            phases[n].locked_by = fitting;
        }
    }

    /// Checks a later phase that locks units of an earlier one. One that is wrong itself is reported for that.
    fn locks_fit(&mut self, phases: &[Phase], n: usize, later: &PhaseName, path: &str) -> bool {
        let earlier = &phases[n];
        let Some(found) = phases.iter().find(|phase| phase.name == *later) else { return false };
        let (code, message) = if !self.after(&earlier.name).contains(later) {
            (Code::LockedEarlier, format!("`{later}` does not come after `{}`", earlier.name))
        } else if !is_lockable(found) {
            (Code::LockedUnits, format!("the records of `{later}` are not those of its units"))
        } else if editable_key(found) != editable_key(earlier) {
            (Code::LockedUnits, format!("`{later}` and `{}` have different keys", earlier.name))
        } else if found.per != earlier.per {
            (Code::LockedScopes, format!("`{later}` and `{}` are not `per` the same", earlier.name))
        } else {
            return true;
        };
        self.problems.add(code, path, message);
        false
    }

    /// Returns the phases that come after one, disabled ones included.
    fn after(&self, name: &PhaseName) -> BTreeSet<PhaseName> {
        let mut after = BTreeSet::from([name.clone()]);
        loop {
            let before = after.len();
            for (later, spec) in &self.pipeline.phases {
                let of = spec.units.iter().flat_map(|units| units.of.names());
                let from = spec.context.values().filter_map(|entry| entry.from.clone());
                let mut named = of.chain(from).chain(spec.needs.clone()).chain(spec.wants.clone());
                if named.any(|name| after.contains(&name)) {
                    after.insert(later.clone());
                }
            }
            if after.len() == before {
                after.remove(name);
                return after;
            }
        }
    }
}

fn is_lockable(phase: &Phase) -> bool {
    matches!(&phase.work, Work::Ask(work) if keys_are_units(phase, work))
}
