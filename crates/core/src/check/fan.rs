//! How units and agents meet, and what happens to what they reply.

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{Fan, MergeSpec, OnUnitFailure, PhaseSpec};

use super::Checker;
use super::code::Code;
use super::pool::Pool;

impl Checker<'_> {
    /// Checks `fan`, `accept`, `merge` and `on_unit_failure`.
    pub(super) fn fan(&mut self, name: &PhaseName, spec: &PhaseSpec, pool: &Pool) {
        let path = format!("phases.{name}");
        let fan = spec.fan.unwrap_or_default();
        if spec.accept.is_some() && fan != Fan::Cascade {
            let message = "only a cascade asks whether a reply is good enough";
            self.problems.add(Code::AcceptFan, format!("{path}.accept"), message);
        }
        if matches!(fan, Fan::Cascade | Fan::Chain) {
            self.no_samples(name, pool);
        }
        self.one_ask(spec, pool, &path);
        if let Some(OnUnitFailure::Quorum(quorum)) = spec.on_unit_failure
            && !(quorum > 0.0 && quorum <= 1.0)
        {
            let message = format!("a quorum of {quorum} cannot be reached or missed");
            self.problems.add(Code::Quorum, format!("{path}.on_unit_failure.quorum"), message);
        }
        if let Some(MergeSpec::Union(fields)) = &spec.merge {
            self.union_fields(fields, &format!("{path}.merge.union"));
        }
    }

    fn no_samples(&mut self, name: &PhaseName, pool: &Pool) {
        for member in pool.members.iter().filter(|member| member.samples > 1) {
            let path = format!("phases.{name}.agents.{}.samples", member.agent);
            let message = "in a cascade or a chain an agent is asked once about a unit";
            self.problems.add(Code::SamplesFan, path, message);
        }
    }

    fn one_ask(&mut self, spec: &PhaseSpec, pool: &Pool, path: &str) {
        let several = match spec.fan {
            Some(Fan::Panel) => pool.asks_per_unit(Fan::Panel) > 1,
            Some(Fan::Cascade | Fan::Chain) => pool.members.len() > 1,
            Some(Fan::Split) | None => true,
        };
        // Those that take no part at present may do so tomorrow.
        if !several && !pool.members.is_empty() && pool.idle == 0 {
            let message = "there is only one agent to ask, once, about each unit";
            self.problems.add(Code::OneAsk, format!("{path}.fan"), message);
        }
    }

    fn union_fields(&mut self, fields: &[String], path: &str) {
        if fields.is_empty() {
            self.problems.add(Code::UnionFields, path, "`union` names no fields");
        }
        for (n, field) in fields.iter().enumerate() {
            let path = format!("{path}[{n}]");
            self.field_name(Some(field), &path);
            if fields[..n].contains(field) {
                self.problems.add(Code::UnionFields, path, format!("`{field}` is there twice"));
            }
        }
    }
}
