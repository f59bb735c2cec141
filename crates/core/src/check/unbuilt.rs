//! Fields that have a shape and no meaning yet; one that is there is refused, never ignored.

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;

use super::Checker;
use super::code::Code;

impl Checker<'_> {
    /// Refuses the fields of a phase that nothing acts on.
    pub(super) fn unbuilt(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        if spec.goto.as_deref().is_some_and(crate::template::is_template) {
            self.refuse("goto", format!("phases.{name}.goto"));
        }
    }

    /// Refuses the fields of a phase that act only beside others, where these are not there.
    pub(super) fn unaided(&mut self, name: &PhaseName, spec: &PhaseSpec, does_work: bool) {
        let makes_document = spec.input.is_some() || spec.turns.is_some();
        if !makes_document && does_work && !spec.recover.is_empty() {
            let message =
                "values stand in for phases that have an `input` of their own, and this one has none";
            self.problems.add(Code::ReservedField, format!("phases.{name}.recover"), message);
        }
        if !makes_document && spec.when.is_none() && !spec.names.is_empty() {
            let hint = "leave it out: `let` names what `input` and `when` read".to_owned();
            let message =
                format!("phase `{name}` has neither `input` nor `when`, so that nothing reads its names");
            self.problems.add_with(Code::LetName, format!("phases.{name}.let"), message, Some(hint));
        }
    }

    fn refuse(&mut self, field: &str, path: String) {
        self.problems.add(Code::ReservedField, path, format!("`{field}` is not available yet"));
    }
}
