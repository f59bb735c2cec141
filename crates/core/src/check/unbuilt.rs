//! Fields that have a shape and no meaning yet; one that is there is refused, never ignored.

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;

use super::Checker;
use super::code::Code;

impl Checker<'_> {
    /// Refuses the fields of a phase that nothing acts on.
    pub(super) fn unbuilt(&mut self, name: &PhaseName, spec: &PhaseSpec) {
        // Of a loop that is refused, its body need not be refused as well.
        let is_body = spec.within.as_ref().and_then(|within| self.pipeline.phases.get(within));
        let fields = [
            ("in", spec.within.is_some() && is_body.is_none_or(|around| around.turns.is_none())),
            ("loop", spec.turns.is_some()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, given)| *given) {
            self.refuse(field, format!("phases.{name}.{field}"));
        }
    }

    /// Refuses the fields of a phase that act only beside others, where these are not there.
    pub(super) fn unaided(&mut self, name: &PhaseName, spec: &PhaseSpec, does_work: bool) {
        if spec.input.is_none() && does_work && !spec.recover.is_empty() {
            let message =
                "values stand in for phases that have an `input` of their own, and this one has none";
            self.problems.add(Code::ReservedField, format!("phases.{name}.recover"), message);
        }
        if spec.input.is_none() && spec.goto.as_deref().is_some_and(crate::template::is_template) {
            let message = "a `goto` that is a template is for phases that have an `input`";
            self.problems.add(Code::RouteAlone, format!("phases.{name}.goto"), message);
        }
        let has_texts = spec.input.is_some() || spec.turns.is_some();
        if !has_texts && spec.when.is_none() && !spec.names.is_empty() {
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
