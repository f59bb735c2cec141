//! The expressions of `when:` and `accept:`.

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::json;

use super::code::Code;
use super::given::is_of_document;
use super::links::Links;
use super::templates::located;
use super::{Checker, suggest};
use crate::condition::Condition;
use crate::expression::Expression;
use crate::template::{Context, Dialect};

impl Checker<'_> {
    /// Checks the conditions of a phase.
    pub(super) fn conditions(&mut self, name: &PhaseName, spec: &PhaseSpec, links: &Links) {
        if let Some(condition) = self.condition(spec.when.as_deref(), &format!("phases.{name}.when")) {
            for variable in condition.variables() {
                let (root, rest) = variable.split_once('.').map_or((variable.as_str(), ""), |(a, b)| (a, b));
                let named = spec.names.get(root).map(|path| format!("{path}.{rest}"));
                self.when_variable(name, spec, links, named.as_deref().unwrap_or(variable));
            }
        }
        let path = format!("phases.{name}.accept");
        if let Some(expression) = self.expression(spec.accept.as_deref(), &path) {
            for variable in expression.variables() {
                let root = root(variable);
                if !matches!(root, "reply" | "unit") {
                    let hint = Some("`accept` sees `reply` and `unit`".to_owned());
                    self.problems.add_with(
                        Code::ExpressionName,
                        &path,
                        format!("the condition reads `{root}`"),
                        hint,
                    );
                }
            }
        }
    }

    /// Whether an agent takes part in the phases that name it. One whose condition is wrong does, so that nothing more is
    /// said about its phases.
    pub(super) fn takes_part(&mut self, spec: &AgentSpec, path: &str) -> bool {
        let path = format!("{path}.when");
        let Some(expression) = self.expression(spec.when.as_deref(), &path) else { return true };
        let mut is_known = true;
        for variable in expression.variables() {
            match variable.split_once('.') {
                Some(("params", name)) => {
                    let name = root(name);
                    self.template_param(name, Code::ExpressionName, &path);
                    is_known &= self.params.contains_key(name);
                }
                _ => is_known &= self.agent_variable(variable, &path),
            }
        }
        let context = Context::of(&json!({ "params": self.params }));
        let value = is_known.then(|| expression.eval_bool(&context));
        let value = value.transpose().unwrap_or_else(|error| {
            self.problems.add(Code::ExpressionSyntax, path, located(&error));
            None
        });
        value.unwrap_or(true)
    }

    /// The agents of a phase are the same in all its scopes, so `params` is all there is to go by.
    fn agent_variable(&mut self, variable: &str, path: &str) -> bool {
        if variable == "params" {
            return true;
        }
        let message = format!("the condition reads `{}`", root(variable));
        let hint = Some("an agent's `when` sees `params`".to_owned());
        self.problems.add_with(Code::ExpressionName, path, message, hint);
        false
    }

    /// Returns a condition in the dialect of the pipeline.
    fn condition(&mut self, text: Option<&str>, path: &str) -> Option<Condition> {
        match Condition::compile(self.dialect(), text?) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.problems.add(Code::ExpressionSyntax, path, located(&error));
                None
            }
        }
    }

    fn expression(&mut self, text: Option<&str>, path: &str) -> Option<Expression> {
        match Expression::compile(text?) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.problems.add(Code::ExpressionSyntax, path, located(&error));
                None
            }
        }
    }

    fn when_variable(&mut self, phase: &PhaseName, spec: &PhaseSpec, links: &Links, variable: &str) {
        let path = format!("phases.{phase}.when");
        let mut parts = variable.split('.');
        match (parts.next(), parts.next()) {
            (Some("params"), Some(name)) => self.template_param(name, Code::ExpressionName, &path),
            (Some("scope"), Some(name)) => {
                self.template_scope(phase, &spec.per, name, Code::ExpressionName, &path);
            }
            (Some("phases"), Some(name)) => {
                self.when_phase(name, links, &path);
                self.when_gathered(spec, name, parts.next().unwrap_or("document"), &path);
            }
            (Some("params" | "scope" | "phases" | "execution"), None) => {}
            (Some("execution"), Some(field)) => self.of_an_execution(field, &path),
            _ if self.dialect() == Dialect::Steps => {}
            (root, _) => {
                let root = root.unwrap_or_default();
                let hint = suggest::nearest(root, ["params", "scope", "phases"])
                    .map_or("`when` sees `params`, `scope` and `phases`".to_owned(), |near| {
                        format!("did you mean `{near}`?")
                    });
                let message = format!("the condition reads `{root}`");
                self.problems.add_with(Code::ExpressionName, path, message, Some(hint));
            }
        }
    }

    /// Of several scopes there are sums, and no one document.
    fn when_gathered(&mut self, spec: &PhaseSpec, name: &str, field: &str, path: &str) {
        let read = self.pipeline.phases.get(name);
        let gathered =
            read.and_then(|read| read.per.iter().find(|dimension| spec.gather.contains(dimension)));
        if let Some(dimension) = gathered.filter(|_| is_of_document(field)) {
            let hint =
                Some("a phase that gathers sees `present`, `records`, `holes` and `success`".to_owned());
            let message =
                format!("`{name}` has one `{field}` for each `{dimension}`, and this phase gathers them");
            self.problems.add_with(Code::ExpressionName, path, message, hint);
        }
    }

    /// A summary that may or may not be there yet would make the condition hang on the order of things.
    fn when_phase(&mut self, name: &str, links: &Links, path: &str) {
        let Ok(named) = name.parse::<PhaseName>() else { return };
        if self.named_phase(&named, path) && !links.edges().any(|edge| edge.phase == named) {
            let message =
                format!("the condition reads phase `{named}`, which this phase does not come after");
            self.problems.add(Code::ConditionPhase, path, message);
        }
    }
}

fn root(variable: &str) -> &str {
    variable.split('.').next().unwrap_or(variable)
}
