//! Files that steps leave behind: one that several steps write holds what the last of them made.

use std::collections::{HashMap, HashSet};

use refrain_core::check::code::Code;
use refrain_core::template::is_template;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::OnFailure;
use refrain_schemas::phase_spec::PhaseSpec;

use super::Lowering;
use super::body::Draft;
use super::reading::{Item, OwnItem};
use super::rivals::Order;

/// A file that a step leaves behind.
pub(super) struct LeftFile {
    step: String,
    phase: PhaseName,
    /// The phase that writes it.
    writer: PhaseName,
    /// Whether it is one of the step's products, and not what its tool writes.
    is_product: bool,
    place: OwnItem,
}

impl Lowering<'_, '_> {
    /// Notes a file of a step of this very pipeline, where its name is written out; of a product it is written by a phase of
    /// its own.
    pub(super) fn leaves(
        &mut self,
        draft: &Draft<'_>,
        path: &str,
        product: Option<&PhaseName>,
        item: &Item<'_>,
    ) {
        if is_template(path) || self.calls.len() != 1 {
            return;
        }
        let plain = path.trim_start_matches("./").to_owned();
        let file = LeftFile {
            step: draft.id.clone(),
            phase: draft.phase.clone(),
            writer: product.unwrap_or(&draft.phase).clone(),
            is_product: product.is_some(),
            place: OwnItem::of(item),
        };
        self.left_behind.entry(plain).or_default().push(file);
    }

    /// Warns of files that more than one step leaves behind, and has them written in an order. Two steps of which a run may do
    /// one alone are not warned of, nor is one that writes what a step before it did.
    pub(super) fn written_twice(&mut self) {
        let mut left = std::mem::take(&mut self.left_behind);
        left.retain(|_, files| files.len() > 1);
        if left.is_empty() {
            return;
        }
        let optional = self.optional();
        let order = Order::of(&self.pipeline.phases);
        for (path, files) in left {
            let Some((first, others)) = files.split_first() else { continue };
            let is_rival = |other: &&LeftFile| {
                let may_be_alone = optional.contains(&first.phase) && optional.contains(&other.phase);
                let goes_on = !other.is_product && order.is_behind(&other.writer, &first.writer);
                !may_be_alone && !goes_on
            };
            for other in others.iter().filter(is_rival) {
                let how = if first.is_product { "is a product of" } else { "is written by" };
                let message = format!("`{path}` {how} step `{}` as well", first.step);
                self.reading.at(Code::ProductTwice, &other.place.item(), message, None);
            }
            for (later, earlier) in order.pairs(files.into_iter().map(|file| file.writer)) {
                let spec =
                    self.pipeline.phases.get_mut(&later).filter(|_| !order.is_behind(&later, &earlier));
                if let Some(spec) = spec {
                    spec.wants.push(earlier);
                }
            }
        }
    }

    /// Returns the phases that a run may leave out: those with a condition, those that are for failures, and those that a route
    /// leads to or may pass over.
    fn optional(&self) -> HashSet<PhaseName> {
        let phases = &self.pipeline.phases;
        let mut later: HashMap<&PhaseName, Vec<&PhaseName>> = HashMap::new();
        for (name, spec) in phases {
            for before in spec.needs.iter().chain(&spec.after) {
                later.entry(before).or_default().push(name);
            }
        }
        let own = phases.iter().filter(|(_, spec)| spec.when.is_some() || !spec.handles.is_empty());
        let mut optional: HashSet<&PhaseName> = own.map(|(name, _)| name).collect();
        let mut open: Vec<&PhaseName> = Vec::new();
        for (name, spec) in phases.iter().filter(|(_, spec)| has_route(spec)) {
            open.push(name);
            let handler = match &spec.on_failure {
                Some(OnFailure::Go(to)) => Some(to),
                _ => None,
            };
            let targets = [spec.on_false.as_ref(), spec.on_success.as_ref(), handler].into_iter().flatten();
            for target in targets {
                optional.insert(target);
                open.push(target);
            }
        }
        let mut seen: HashSet<&PhaseName> = HashSet::new();
        while let Some(name) = open.pop() {
            for next in later.get(name).into_iter().flatten() {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        optional.extend(seen);
        optional.into_iter().cloned().collect()
    }
}

/// Whether a phase says what to go on with.
pub(super) const fn has_route(spec: &PhaseSpec) -> bool {
    let is_failure = matches!(spec.on_failure, Some(OnFailure::Go(_)));
    is_failure || spec.on_false.is_some() || spec.on_success.is_some() || spec.goto.is_some()
}
