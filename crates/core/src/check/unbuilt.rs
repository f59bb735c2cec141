//! Fields that mean nothing where they stand; one that is there is refused, never ignored.

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;

use super::Checker;
use super::code::Code;

impl Checker<'_> {
    /// Refuses the fields of a phase that act only beside others, where these are not there.
    pub(super) fn unaided(&mut self, name: &PhaseName, spec: &PhaseSpec, does_work: bool) {
        let makes_document = spec.input.is_some() || spec.turns.is_some();
        if !makes_document && does_work && !spec.recover.is_empty() {
            let message =
                "values stand in for phases that have an `input` of their own, and this one has none";
            self.problems.add(Code::ReservedField, format!("phases.{name}.recover"), message);
        }
        if spec.input.is_none() && spec.goto.as_deref().is_some_and(crate::template::is_template) {
            let message = "a `goto` that is a template is for phases that have an `input`";
            self.problems.add(Code::RouteAlone, format!("phases.{name}.goto"), message);
        }
        if !makes_document && spec.when.is_none() && !spec.names.is_empty() {
            let hint = "leave it out: `let` names what `input` and `when` read".to_owned();
            let message =
                format!("phase `{name}` has neither `input` nor `when`, so that nothing reads its names");
            self.problems.add_with(Code::LetName, format!("phases.{name}.let"), message, Some(hint));
        }
    }
}
