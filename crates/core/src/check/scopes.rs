//! The dimensions of phases: `per` and `gather`.

use std::collections::BTreeSet;

use refrain_schemas::name::{DimensionName, PhaseName};
use refrain_schemas::phase_spec::PhaseSpec;

use super::Checker;
use super::code::Code;
use super::links::Links;

impl Checker<'_> {
    /// Checks the dimensions of a phase against those it reads.
    pub(super) fn scopes(&mut self, name: &PhaseName, spec: &PhaseSpec, links: &Links) {
        self.dimension_list(&spec.per, &format!("phases.{name}.per"));
        self.dimension_list(&spec.gather, &format!("phases.{name}.gather"));
        self.gathered(name, spec, links);
        let mut seen = BTreeSet::new();
        for (source, path) in links.reads() {
            if seen.insert(source) {
                self.wider(spec, source, path);
            }
        }
    }

    fn dimension_list(&mut self, names: &[DimensionName], path: &str) {
        for (n, name) in names.iter().enumerate() {
            let path = format!("{path}[{n}]");
            if names[..n].contains(name) {
                self.problems.add(Code::Repeated, path, format!("`{name}` is there twice"));
            } else {
                self.named_dimension(name, &path);
            }
        }
    }

    fn gathered(&mut self, name: &PhaseName, spec: &PhaseSpec, links: &Links) {
        for (n, dimension) in spec.gather.iter().enumerate() {
            let path = format!("phases.{name}.gather[{n}]");
            let read = links.reads().any(|(source, _)| {
                self.pipeline.phases.get(source).is_some_and(|source| source.per.contains(dimension))
            });
            if spec.per.contains(dimension) {
                let message = format!("`{dimension}` is in `per` as well");
                self.problems.add(Code::GatherAndPer, path, message);
            } else if !read && self.pipeline.dimensions.contains_key(dimension) && !self.reads_unknown(name) {
                let message = format!("no phase that `{name}` reads is per `{dimension}`");
                self.problems.add(Code::GatherNothing, path, message);
            }
        }
    }

    /// Whether a phase names sources that are not there, of which nothing can be said.
    fn reads_unknown(&self, name: &PhaseName) -> bool {
        let spec = self.pipeline.phases.get(name);
        let of = spec.and_then(|spec| spec.units.as_ref()).map(|units| units.of.names());
        let from =
            spec.into_iter().flat_map(|spec| spec.context.values().filter_map(|entry| entry.from.clone()));
        of.into_iter().flatten().chain(from).any(|source| !self.pipeline.phases.contains_key(&source))
    }

    fn wider(&mut self, spec: &PhaseSpec, source: &PhaseName, path: &str) {
        let Some(read) = self.pipeline.phases.get(source) else { return };
        let distinct = read.per.iter().enumerate().filter(|(n, name)| !read.per[..*n].contains(name));
        for (_, dimension) in distinct {
            if !spec.per.contains(dimension) && !spec.gather.contains(dimension) {
                let hint = format!(
                    "add `gather: [{dimension}]` to read all its scopes at once, or `per: [{dimension}]` to stay in scope"
                );
                let message = format!("`{source}` is per `{dimension}`, and this phase is not");
                self.problems.add_with(Code::WiderScope, path, message, Some(hint));
            }
        }
    }
}
