//! Which phases a phase comes after, and which it reads.

use std::collections::BTreeSet;

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{OneOrMany, PhaseSpec};

use super::Checker;
use super::code::Code;
use crate::model::Edge;
use crate::ports::agent::AgentRole;

/// The phases that a phase names; those there are not are left out.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Needs, disabled phases included.
    pub(super) needs: Vec<Edge>,
    /// Wants, disabled phases included.
    pub(super) wants: Vec<Edge>,
    /// The phases that units come from, with the paths that name them.
    pub(super) of: Vec<(PhaseName, String)>,
    /// The phases that context comes from, with the paths that name them.
    pub(super) context: Vec<(PhaseName, String)>,
    /// What else comes before, disabled phases included.
    pub(super) after: Vec<Edge>,
    /// The phases that an input reads, with the paths that name them.
    pub(super) seen: Vec<(PhaseName, String)>,
    /// Everything that is named, with its path, in the order in which a cycle is best shown.
    pub(super) named: Vec<(PhaseName, String)>,
}

impl Links {
    pub(super) fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.needs.iter().chain(&self.wants).chain(&self.after)
    }

    /// Returns the phases that are read, with the paths that name them.
    pub(super) fn reads(&self) -> impl Iterator<Item = &(PhaseName, String)> {
        self.of.iter().chain(&self.context).chain(&self.seen)
    }
}

impl Checker<'_> {
    /// Resolves what a phase names. Where the role is not known, nothing is said about missing inputs.
    pub(super) fn links(&mut self, name: &PhaseName, spec: &PhaseSpec, role: Option<AgentRole>) -> Links {
        let base = format!("phases.{name}");
        let needs = self.named_list(name, &spec.needs, &format!("{base}.needs"));
        let mut wants = self.named_list(name, &spec.wants, &format!("{base}.wants"));
        for (want, path) in &wants {
            if spec.needs.contains(want) {
                let message = format!("`{want}` is needed and wanted");
                self.problems.add(Code::NeedAndWant, path, message);
            }
        }
        let after = self.named_list(name, &spec.after, &format!("{base}.after"));
        for (before, path) in &after {
            if spec.needs.contains(before) || spec.wants.contains(before) {
                let message = format!("`{before}` is in `after`, and needed or wanted as well");
                self.problems.add(Code::NeedAndWant, path, message);
            }
        }
        wants.extend(self.handled_phases(name, spec));
        let of = match &spec.units {
            _ if spec.input.is_some() => Vec::new(),
            Some(units) => self.unit_sources(name, &units.of, &format!("{base}.units.of")),
            None => self.implied_source(name, spec, role, &needs),
        };
        let context = if spec.input.is_some() { Vec::new() } else { self.context_sources(name, spec) };
        let seen = self.seen_phases(name, spec);
        link(of, context, seen, needs, &wants, &after)
    }

    /// Returns the phases whose failures a phase is for, as far as it does not name them otherwise.
    fn handled_phases(&mut self, name: &PhaseName, spec: &PhaseSpec) -> Vec<(PhaseName, String)> {
        let mut found: Vec<(PhaseName, String)> = Vec::new();
        for (n, handled) in spec.handles.iter().enumerate() {
            let (phase, path) = (&handled.phase, format!("phases.{name}.handles[{n}].phase"));
            let mut otherwise = spec.needs.iter().chain(&spec.wants).chain(&spec.after);
            let is_known = found.iter().any(|(known, _)| known == phase);
            if !is_known && self.other_phase(name, phase, &path) && !otherwise.any(|known| known == phase) {
                found.push((phase.clone(), path));
            }
        }
        found
    }

    pub(super) fn named_list(
        &mut self,
        phase: &PhaseName,
        names: &[PhaseName],
        path: &str,
    ) -> Vec<(PhaseName, String)> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for (n, name) in names.iter().enumerate() {
            let path = format!("{path}[{n}]");
            if !seen.insert(name) {
                self.problems.add(Code::Repeated, path, format!("`{name}` is there twice"));
            } else if self.other_phase(phase, name, &path) {
                found.push((name.clone(), path));
            }
        }
        found
    }

    pub(super) fn other_phase(&mut self, phase: &PhaseName, name: &PhaseName, path: &str) -> bool {
        if phase == name {
            self.problems.add(Code::SelfReference, path, format!("phase `{phase}` names itself"));
            return false;
        }
        self.named_phase(name, path)
    }

    fn unit_sources(&mut self, phase: &PhaseName, of: &OneOrMany, path: &str) -> Vec<(PhaseName, String)> {
        match of {
            OneOrMany::One(name) => {
                let found = self.other_phase(phase, name, path);
                found.then(|| (name.clone(), path.to_owned())).into_iter().collect()
            }
            OneOrMany::Many(names) => {
                if names.is_empty() {
                    self.problems.add(Code::NoInput, path, "`units.of` names no phase");
                }
                self.named_list(phase, names, path)
            }
        }
    }

    fn implied_source(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        role: Option<AgentRole>,
        needs: &[(PhaseName, String)],
    ) -> Vec<(PhaseName, String)> {
        let path = format!("phases.{name}");
        match (role, spec.needs.len()) {
            (Some(AgentRole::Read), _) => Vec::new(),
            (Some(AgentRole::Write), _) => {
                let message = format!("phase `{name}` does not say whose records it writes");
                self.problems.add(Code::WriteUnits, path, message);
                Vec::new()
            }
            (_, 1) => needs.to_vec(),
            (Some(AgentRole::Answer), 0) => {
                self.problems.add(Code::NoInput, path, format!("phase `{name}` has no input"));
                Vec::new()
            }
            (Some(AgentRole::Answer), n) => {
                let message = format!("phase `{name}` has {n} needs and does not say which one it splits");
                self.problems.add(Code::SeveralNeeds, path, message);
                Vec::new()
            }
            (None, _) => Vec::new(),
        }
    }

    fn context_sources(&mut self, name: &PhaseName, spec: &PhaseSpec) -> Vec<(PhaseName, String)> {
        let mut sources = Vec::new();
        for (entry, context) in &spec.context {
            let Some(from) = &context.from else { continue };
            let path = format!("phases.{name}.context.{entry}.from");
            if self.other_phase(name, from, &path) {
                sources.push((from.clone(), path));
            }
        }
        sources
    }
}

fn link(
    of: Vec<(PhaseName, String)>,
    context: Vec<(PhaseName, String)>,
    seen: Vec<(PhaseName, String)>,
    needs: Vec<(PhaseName, String)>,
    wants: &[(PhaseName, String)],
    after: &[(PhaseName, String)],
) -> Links {
    let read: BTreeSet<PhaseName> =
        of.iter().chain(&context).chain(&seen).map(|(name, _)| name.clone()).collect();
    let otherwise: BTreeSet<&PhaseName> = wants.iter().chain(after).map(|(name, _)| name).collect();
    let edge = |phase: &PhaseName| Edge { phase: phase.clone(), read: read.contains(phase) };
    let mut needed = Vec::new();
    let mut known = BTreeSet::new();
    for (phase, _) in of.iter().chain(&context).chain(&seen).chain(&needs) {
        if !otherwise.contains(phase) && known.insert(phase.clone()) {
            needed.push(edge(phase));
        }
    }
    let wants_edges = wants.iter().map(|(phase, _)| edge(phase)).collect();
    let after_edges = after.iter().map(|(phase, _)| edge(phase)).collect();
    let named = of.iter().chain(&context).chain(&seen).chain(&needs).chain(wants).chain(after);
    let named = named.cloned().collect();
    Links { needs: needed, wants: wants_edges, of, context, after: after_edges, seen, named }
}
