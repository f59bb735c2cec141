//! Which steps may run at once: by the longest way to each.

use std::collections::HashMap;

use refrain_schemas::name::PhaseName;

use super::Subject;

/// Returns the names of the steps that take part, those together that hang on none of each other. What a step of a loop comes
/// after, its loop comes after.
pub(super) fn levels(subject: &Subject<'_>) -> Vec<Vec<PhaseName>> {
    let mut before: HashMap<&PhaseName, Vec<&PhaseName>> = HashMap::new();
    for phase in subject.model.phases.iter().filter(|phase| phase.enabled) {
        let own = subject.outermost(&phase.name);
        let earlier = phase.edges().map(|edge| subject.outermost(&edge.phase));
        before.entry(own).or_default().extend(earlier.filter(|earlier| *earlier != own));
    }
    let names: Vec<&PhaseName> = subject.model.phases.iter().map(|phase| &phase.name).collect();
    let names: Vec<&PhaseName> = names.into_iter().filter(|name| before.contains_key(name)).collect();
    let level = settled(&names, &before);
    let mut levels: Vec<Vec<PhaseName>> = Vec::new();
    for name in names {
        let own = level.get(name).copied().unwrap_or(0);
        levels.resize_with(levels.len().max(own + 1), Vec::new);
        levels[own].push(name.clone());
    }
    levels
}

/// Phases stand behind those that they come after; only a loop may stand before what its steps come after, so that few
/// rounds do. There are no circles.
fn settled<'a>(
    names: &[&'a PhaseName],
    before: &HashMap<&'a PhaseName, Vec<&'a PhaseName>>,
) -> HashMap<&'a PhaseName, usize> {
    let mut level: HashMap<&PhaseName, usize> = HashMap::new();
    for _ in 0..=names.len() {
        let mut is_settled = true;
        for name in names {
            let earlier = before.get(name).into_iter().flatten();
            let deepest = earlier.filter_map(|earlier| level.get(earlier)).max();
            let own = deepest.map_or(0, |deepest| deepest + 1);
            is_settled &= level.insert(name, own) == Some(own);
        }
        if is_settled {
            break;
        }
    }
    level
}
