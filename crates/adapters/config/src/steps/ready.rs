//! What is made ready for a step right before it: the files that it asks about, the list that a model gives it.

use std::collections::HashSet;

use refrain_schemas::name::PhaseName;

use super::Lowering;

impl Lowering<'_, '_> {
    /// Has what makes something ready for steps come after all that these come after, and run where they do.
    pub(super) fn wait_alike(&mut self) {
        let phases = &mut self.pipeline.phases;
        let ready = phases.iter().filter_map(|(name, spec)| Some((name.clone(), spec.prepares.clone()?)));
        let ready: Vec<(PhaseName, PhaseName)> = ready.collect();
        let own: HashSet<&PhaseName> = ready.iter().map(|(name, _)| name).collect();
        for (name, later) in &ready {
            let Some(step) = phases.get(later).cloned() else { continue };
            let Some(spec) = phases.get_mut(name) else { continue };
            spec.handles = step.handles;
            let handled: HashSet<&PhaseName> = spec.handles.iter().map(|handled| &handled.phase).collect();
            spec.after.retain(|before| !handled.contains(before));
            let mut known: HashSet<PhaseName> =
                spec.needs.iter().chain(&spec.wants).chain(&spec.after).cloned().collect();
            let mut is_new = |before: &PhaseName| !own.contains(before) && known.insert(before.clone());
            spec.needs.extend(step.needs.into_iter().filter(&mut is_new));
            spec.wants.extend(step.wants.into_iter().filter(&mut is_new));
            spec.after.extend(step.after.into_iter().filter(&mut is_new));
        }
    }
}
