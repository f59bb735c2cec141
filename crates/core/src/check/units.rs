//! How the input of a phase is split into units.

use std::collections::BTreeSet;

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;

use super::Checker;
use super::code::Code;
use super::links::Links;
use super::phases::{Made, MadeBy};
use crate::model::{Split, Units};

impl Checker<'_> {
    /// Returns what the sources of units make, where they agree.
    pub(super) fn source(&mut self, links: &Links, made: &MadeBy) -> Made {
        let kinds: Vec<(&Made, &String)> =
            links.of.iter().map(|(name, path)| (made.get(name).unwrap_or(&Made::Unknown), path)).collect();
        let Some((first, _)) = kinds.first() else { return Made::Unknown };
        for (kind, path) in &kinds {
            if let (Made::Records(a), Made::Records(b)) = (first, kind)
                && a != b
            {
                let message = format!("its records are told apart by `{b}`, those of the first by `{a}`");
                self.problems.add(Code::KeysDiffer, path.as_str(), message);
            }
        }
        if kinds.iter().all(|(kind, _)| kind == first) { (*first).clone() } else { Made::Unknown }
    }

    /// Returns how a phase splits its input.
    pub(super) fn units(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        links: &Links,
        source: &Made,
    ) -> Units {
        let split = self.split(name, spec);
        if *source == Made::Document && split != Split::Whole {
            let at = links.of.first().map_or_else(|| format!("phases.{name}"), |(_, path)| path.clone());
            let document = links.of.first().map_or("", |(name, _)| name.as_str());
            let hint =
                (spec.units.is_none()).then(|| format!("write `units: {{ of: {document}, whole: true }}`"));
            let message = format!("phase `{document}` makes a document, which has no records");
            self.problems.add_with(Code::SplitDocument, at, message, hint);
        }
        let id_field = match (&split, source) {
            (Split::Record, Made::Records(key)) => Some(key.clone()),
            (Split::By(field), _) => Some(field.clone()),
            // The id of a chunk is its first record's, and no field of the others.
            _ => None,
        };
        Units { of: self.present_sources(name, links), split, id_field }
    }

    fn split(&mut self, name: &PhaseName, spec: &PhaseSpec) -> Split {
        let Some(units) = &spec.units else { return Split::Record };
        let path = format!("phases.{name}.units");
        let ways = [units.by.is_some(), units.chunk.is_some(), units.whole];
        if ways.iter().filter(|given| **given).count() > 1 {
            let message = format!("phase `{name}` splits its units in more than one way");
            self.problems.add(Code::SplitKinds, &path, message);
        }
        self.at_least_one(units.chunk.map(u64::from), &format!("{path}.chunk"));
        self.field_name(units.by.as_deref(), &format!("{path}.by"));
        match (&units.by, units.chunk, units.whole) {
            (Some(field), _, _) => Split::By(field.clone()),
            (None, Some(n), _) => Split::Chunk(n as usize),
            (None, None, true) => Split::Whole,
            (None, None, false) => Split::Record,
        }
    }

    /// Returns the sources of units that are enabled; of a disabled phase, all.
    pub(super) fn present_sources(&mut self, name: &PhaseName, links: &Links) -> Vec<PhaseName> {
        let of: Vec<PhaseName> = links.of.iter().map(|(name, _)| name.clone()).collect();
        if !self.is_enabled(name) {
            return of;
        }
        let enabled: Vec<PhaseName> = of.iter().filter(|name| self.is_enabled(name)).cloned().collect();
        if enabled.is_empty()
            && let Some((source, path)) = links.of.first()
        {
            let distinct: BTreeSet<&PhaseName> = of.iter().collect();
            let message = match distinct.len() {
                1 => format!("phase `{source}` is disabled, and units come from nowhere else"),
                _ => "all phases that units come from are disabled".to_owned(),
            };
            self.problems.add(Code::OnlyDisabled, path.as_str(), message);
        }
        enabled
    }
}
