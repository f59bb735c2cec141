//! The order in which files are written that several steps leave behind: which of them is there in the end must not hang on
//! timing. The one that stands later in the file is written later, unless its step comes before the other's.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::OnFailure;
use refrain_schemas::phase_spec::PhaseSpec;

/// An order of all phases in which each comes after what it waits for; those that stand later in the file come as late as they can.
pub(super) struct Order {
    /// The loops around each phase, from the outermost one, and itself.
    around: HashMap<PhaseName, Vec<PhaseName>>,
    ranks: HashMap<PhaseName, usize>,
    /// What each waits for, among the steps of its list.
    before: HashMap<PhaseName, HashSet<PhaseName>>,
}

impl Order {
    pub(super) fn of(phases: &IndexMap<PhaseName, PhaseSpec>) -> Self {
        let mut order = Self { around: HashMap::new(), ranks: HashMap::new(), before: HashMap::new() };
        for name in phases.keys() {
            order.around.insert(name.clone(), lineage(phases, name));
        }
        let mut before: HashMap<PhaseName, HashSet<PhaseName>> = HashMap::new();
        let mut n_behind: HashMap<PhaseName, usize> = HashMap::new();
        for (later, earlier) in phases.iter().flat_map(|(name, spec)| waits(name, spec)) {
            if let Some((later, earlier)) = order.beside(&later, &earlier)
                && before.entry(later).or_default().insert(earlier.clone())
            {
                *n_behind.entry(earlier).or_default() += 1;
            }
        }
        // From the end: the last of those that nothing waits for any more.
        let is_last = |name: &PhaseName| !n_behind.contains_key(name);
        let mut last: BTreeSet<usize> =
            phases.keys().enumerate().filter(|(_, name)| is_last(name)).map(|(n, _)| n).collect();
        let mut rank = phases.len();
        while let Some((name, _)) = last.pop_last().and_then(|n| phases.get_index(n)) {
            rank -= 1;
            order.ranks.insert(name.clone(), rank);
            for earlier in before.get(name).into_iter().flatten() {
                let Some(left) = n_behind.get_mut(earlier) else { continue };
                *left -= 1;
                if *left == 0 {
                    last.extend(phases.get_index_of(earlier));
                }
            }
        }
        order.before = before;
        order
    }

    /// Returns these phases as pairs of one and the one that is to come right before it.
    pub(super) fn pairs(&self, phases: impl Iterator<Item = PhaseName>) -> Vec<(PhaseName, PhaseName)> {
        let mut ranked: Vec<_> = phases.filter_map(|phase| Some((self.rank(&phase)?, phase))).collect();
        ranked.sort();
        let pairs = ranked.windows(2).filter_map(|pair| match pair {
            [(_, earlier), (_, later)] => self.beside(later, earlier),
            _ => None,
        });
        pairs.collect()
    }

    /// Whether a phase comes after another one, whatever the order.
    pub(super) fn is_behind(&self, later: &PhaseName, earlier: &PhaseName) -> bool {
        let Some((later, earlier)) = self.beside(later, earlier) else { return false };
        let mut open = vec![&later];
        let mut seen: HashSet<&PhaseName> = HashSet::new();
        while let Some(phase) = open.pop() {
            if *phase == earlier {
                return true;
            }
            let before = self.before.get(phase).into_iter().flatten();
            open.extend(before.filter(|before| seen.insert(before)));
        }
        false
    }

    /// Returns where a phase comes among the others, first by the loops around it; nothing where phases wait in a circle.
    fn rank(&self, phase: &PhaseName) -> Option<Vec<usize>> {
        self.around.get(phase)?.iter().map(|name| self.ranks.get(name).copied()).collect()
    }

    /// Returns two phases, or the loops around them, that are steps of one list.
    fn beside(&self, one: &PhaseName, other: &PhaseName) -> Option<(PhaseName, PhaseName)> {
        let (one, other) = (self.around.get(one)?, self.around.get(other)?);
        let (one, other) = one.iter().zip(other).find(|(one, other)| one != other)?;
        Some((one.clone(), other.clone()))
    }
}

/// Returns the loops around a phase, from the outermost one, and itself.
fn lineage(phases: &IndexMap<PhaseName, PhaseSpec>, name: &PhaseName) -> Vec<PhaseName> {
    let mut around = vec![name.clone()];
    let mut at = name;
    while let Some(within) = phases.get(at).and_then(|spec| spec.within.as_ref()) {
        around.push(within.clone());
        at = within;
    }
    around.reverse();
    around
}

/// Returns pairs of phases of which the first waits for the second, as far as one phase says so.
fn waits(name: &PhaseName, spec: &PhaseSpec) -> Vec<(PhaseName, PhaseName)> {
    let handled = spec.handles.iter().map(|handles| &handles.phase);
    let before = spec.needs.iter().chain(&spec.after).chain(&spec.wants).chain(handled);
    let on_failure = match &spec.on_failure {
        Some(OnFailure::Go(phase)) => Some(phase),
        _ => None,
    };
    let routes = [spec.on_false.as_ref(), spec.on_success.as_ref(), on_failure, spec.prepares.as_ref()];
    let goto = spec.goto.as_ref().and_then(|phase| phase.parse().ok());
    let behind = routes.into_iter().flatten().cloned().chain(goto);
    let behind: Vec<_> = behind.map(|later| (later, name.clone())).collect();
    before.map(|earlier| (name.clone(), earlier.clone())).chain(behind).collect()
}
