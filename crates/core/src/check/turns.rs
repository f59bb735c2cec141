//! Loops, and the phases of their turns: which loops are around a phase, what it may come after, and what comes before the
//! loop because something in it does.
//!
//! What a phase of a turn reads outside of the loop comes before the whole loop, so that no turn waits for anything that
//! comes after them all.

use std::collections::HashMap;

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;

use super::code::Code;
use super::links::Links;
use super::{Checker, suggest};
use crate::model::Edge;

/// How an edge comes about, where it is one of a loop that a phase in it has brought about.
#[derive(Clone, Copy)]
enum Kind {
    Want,
    After,
}

impl Checker<'_> {
    /// Returns the loops around a phase, the outermost first; as far as they are there.
    pub(super) fn loops_around(&self, name: &PhaseName) -> Vec<PhaseName> {
        let mut around: Vec<PhaseName> = Vec::new();
        let mut at = name;
        while let Some(within) = self.pipeline.phases.get(at).and_then(|spec| spec.within.as_ref()) {
            let is_loop = self.pipeline.phases.get(within).is_some_and(|spec| spec.turns.is_some());
            if !is_loop || within == name || around.contains(within) {
                break;
            }
            around.push(within.clone());
            at = within;
        }
        around.reverse();
        around
    }

    /// Checks which loops phases are in, and lets loops come after what their turns come after.
    pub(super) fn nests(&mut self, specs: &[(&PhaseName, &PhaseSpec)], links: &mut [Links]) {
        let has_loops = specs.iter().any(|(_, spec)| spec.within.is_some() || spec.turns.is_some());
        if !has_loops {
            return;
        }
        let places: HashMap<&PhaseName, usize> =
            specs.iter().enumerate().map(|(n, (name, _))| (*name, n)).collect();
        let around: Vec<Vec<PhaseName>> = specs.iter().map(|(name, _)| self.loops_around(name)).collect();
        for (n, (name, spec)) in specs.iter().enumerate() {
            self.in_turn(name, spec);
            links[n].around.clone_from(&spec.within);
            let wants: Vec<(Edge, Kind)> = links[n].wants.iter().map(|e| (e.clone(), Kind::Want)).collect();
            let others = links[n].needs.iter().chain(&links[n].after).map(|e| (e.clone(), Kind::After));
            for (edge, kind) in wants.into_iter().chain(others.collect::<Vec<_>>()) {
                let Some(&before) = places.get(&edge.phase) else { continue };
                let path = links[n].named.iter().find(|(named, _)| *named == edge.phase);
                let path = path.map_or_else(|| format!("phases.{name}"), |(_, path)| path.clone());
                if !self.is_reachable(name, &around[n], &edge.phase, &around[before], &path) {
                    continue;
                }
                if let Some(outer) = around[n].get(around[before].len()).and_then(|name| places.get(name)) {
                    links[*outer].lift(edge.phase, kind, path);
                }
            }
        }
    }

    /// Whether a phase may come after another one: one of the same turn, of a turn around it, or of no loop.
    fn is_reachable(
        &mut self,
        name: &PhaseName,
        own: &[PhaseName],
        before: &PhaseName,
        others: &[PhaseName],
        path: &str,
    ) -> bool {
        if own.contains(before) {
            let message = format!("`{name}` is in the turns of `{before}`, and cannot come after it");
            let hint = Some(format!("what the turn is about is `loop.{before}.item` and the like"));
            self.problems.add_with(Code::LoopRead, path, message, hint);
            return false;
        }
        if own.starts_with(others) {
            return true;
        }
        let around = others.iter().find(|other| !own.contains(other)).or(others.last());
        let around = around.map_or("", PhaseName::as_str);
        let message =
            format!("`{before}` exists once per turn of `{around}`, and `{name}` is in no such turn");
        let hint = Some(format!("read `{around}`, whose document tells of all turns"));
        self.problems.add_with(Code::LoopRead, path, message, hint);
        false
    }

    /// Checks what a phase of a turn is.
    fn in_turn(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        let Some(within) = &spec.within else { return };
        let path = format!("phases.{name}.in");
        if within == name {
            return self.problems.add(Code::SelfReference, path, format!("phase `{name}` is in itself"));
        }
        if !self.named_phase(within, &path) {
            return;
        }
        let Some(around) = self.pipeline.phases.get(within) else { return };
        if around.turns.is_none() {
            let message = format!("`{within}` does not go round");
            return self.problems.add(Code::LoopBody, path, message);
        }
        let mut seen = vec![name];
        let mut at = Some(within);
        while let Some(outer) = at {
            if seen.contains(&outer) {
                let names: Vec<&str> = seen.iter().map(|name| name.as_str()).collect();
                let message = format!("these are in each other: {}", names.join(", "));
                return self.problems.add(Code::LoopBody, path, message);
            }
            seen.push(outer);
            at = self.pipeline.phases.get(outer).and_then(|spec| spec.within.as_ref());
        }
        if spec.input.is_none() && spec.turns.is_none() {
            let message = format!("`{name}` splits records, and a turn has phases with `input` of their own");
            let hint = Some("give it an `input`, or take it out of the loop".to_owned());
            self.problems.add_with(Code::LoopBody, &path, message, hint);
        }
        if spec.per != around.per {
            let message = format!("`{name}` and the loop that it is in have different dimensions");
            let hint =
                Some(format!("give both the same `per`: one `{within}` is there in each of its scopes"));
            self.problems.add_with(Code::LoopBody, path, message, hint);
        }
    }

    /// Checks that something of a loop is read by what is in its turns.
    pub(super) fn loop_variable(
        &mut self,
        phase: &PhaseName,
        (name, field): (&str, Option<&str>),
        own: &[&str],
        code: Code,
        path: &str,
    ) {
        // Of a loop that could not be read nothing is known but that.
        if self.broken.may_have("phases", &self.broken.phases, name) {
            return;
        }
        let around = self.loops_around(phase);
        let is_own = name == phase.as_str() && !own.is_empty();
        if !is_own && !around.iter().any(|around| around.as_str() == name) {
            let hint = match around.last() {
                Some(inner) => format!("the loop around it is `{inner}`"),
                None => "add `in: LOOP` to the phase, or read something else".to_owned(),
            };
            let message = format!("`loop.{name}` is read, and `{phase}` is in no turn of such a loop");
            return self.problems.add_with(code, path, message, Some(hint));
        }
        let Some(field) = field else { return };
        let turns = self.pipeline.phases.get(name).and_then(|spec| spec.turns.as_ref());
        let fields: Vec<&str> = match turns {
            _ if is_own => own.to_vec(),
            Some(turns) => super::rounds::fields(turns),
            None => return,
        };
        if !fields.contains(&field) {
            let hint = suggest::suggestion(field, fields.iter().copied());
            let message = format!("a turn of `{name}` has no `{field}`");
            self.problems.add_with(code, path, message, hint);
        }
    }
}

impl Links {
    /// Lets a loop come after what one of its phases comes after.
    fn lift(&mut self, phase: PhaseName, kind: Kind, path: String) {
        if self.edges().any(|edge| edge.phase == phase) {
            return;
        }
        self.named.push((phase.clone(), path));
        let edge = Edge { phase, read: false };
        match kind {
            Kind::Want => self.wants.push(edge),
            Kind::After => self.after.push(edge),
        }
    }
}
