//! The templates in agents' params.

use std::collections::BTreeSet;

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::name::{AgentName, DimensionName, PhaseName};
use refrain_schemas::phase_spec::AgentRef;
use serde_json::Value;

use super::code::Code;
use super::{Checker, suggest};
use crate::template::{Template, TemplateError};

impl Checker<'_> {
    /// Checks the strings in an agent's params, which the engine fills in.
    pub(super) fn agent_templates(&mut self, name: &AgentName, spec: &AgentSpec, path: &str) {
        for (field, value) in &spec.params {
            self.templates_in(name, value, &format!("{path}.params.{field}"));
        }
    }

    /// Values nest at most as deeply as the reader of the file allows.
    fn templates_in(&mut self, agent: &AgentName, value: &Value, path: &str) {
        match value {
            Value::String(text) => self.template(agent, text, path),
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.templates_in(agent, item, &format!("{path}[{n}]"));
                }
            }
            Value::Object(fields) => {
                for (field, value) in fields {
                    self.templates_in(agent, value, &format!("{path}.{field}"));
                }
            }
            _ => {}
        }
    }

    fn template(&mut self, agent: &AgentName, text: &str, path: &str) {
        match Template::compile("", text) {
            Ok(template) => {
                for variable in template.variables() {
                    self.template_variable(agent, &variable, path);
                }
            }
            Err(error) => self.problems.add(Code::TemplateSyntax, path, located(&error)),
        }
    }

    fn template_variable(&mut self, agent: &AgentName, variable: &str, path: &str) {
        let mut parts = variable.split('.');
        match (parts.next(), parts.next()) {
            (Some("params"), Some(name)) => self.template_param(name, Code::TemplateName, path),
            (Some("scope"), Some(name)) => {
                for (phase, per) in self.users(agent) {
                    self.template_scope(&phase, &per, name, Code::TemplateName, path);
                }
            }
            (Some("params" | "scope"), None) => {}
            (root, _) => {
                let message = format!("the template reads `{}`", root.unwrap_or_default());
                self.problems.add(Code::TemplateName, path, message);
            }
        }
    }

    pub(super) fn template_param(&mut self, name: &str, code: Code, path: &str) {
        let known = self.pipeline.params.contains_key(name)
            || self.broken.may_have("params", &self.broken.params, name);
        if !known {
            let hint = suggest::suggestion(name, self.pipeline.params.keys().map(String::as_str))
                .or_else(|| Some(format!("declare it: `params: {{ {name}: {{ type: string }} }}`")));
            self.problems.add_with(code, path, format!("there is no param `{name}`"), hint);
        }
    }

    pub(super) fn template_scope(
        &mut self,
        phase: &PhaseName,
        per: &[DimensionName],
        name: &str,
        code: Code,
        path: &str,
    ) {
        if per.iter().any(|dimension| dimension.as_str() == name) {
            return;
        }
        let hint = match suggest::nearest(name, per.iter().map(DimensionName::as_str)) {
            Some(near) => format!("did you mean `scope.{near}`?"),
            None => format!("add `per: [{name}]` to phase `{phase}`"),
        };
        let message = format!("`scope.{name}` is read, and phase `{phase}` is not per `{name}`");
        self.problems.add_with(code, path, message, Some(hint));
    }

    /// Returns the phases that ask an agent or go by its rules, with their dimensions.
    fn users(&self, agent: &AgentName) -> Vec<(PhaseName, Vec<DimensionName>)> {
        let uses = |name: &PhaseName, spec: &refrain_schemas::phase_spec::PhaseSpec| {
            spec.agents.contains_key(agent)
                || spec.output.as_ref().is_some_and(|output| output.rules.as_ref() == Some(agent))
                || match &spec.agent {
                    Some(AgentRef::Name(named)) => named == agent,
                    Some(AgentRef::Inline(_)) => name.as_str() == agent.as_str(),
                    None => false,
                }
        };
        let phases = self.pipeline.phases.iter().filter(|(name, spec)| uses(name, spec));
        let mut seen = BTreeSet::new();
        // Phases with the same dimensions would be reported with the same words but for their name.
        let distinct = phases.filter(|(_, spec)| seen.insert(spec.per.clone()));
        distinct.map(|(name, spec)| (name.clone(), spec.per.clone())).collect()
    }
}

/// Says where in the template an error is, where it is not in its first line's text as a whole.
pub(super) fn located(error: &TemplateError) -> String {
    match (error.line, error.column) {
        (0, _) => error.message.clone(),
        (line, 0) => format!("{} (line {line} of the text)", error.message),
        (1, column) => format!("{} (at character {column} of the text)", error.message),
        (line, column) => format!("{} (at line {line}, character {column} of the text)", error.message),
    }
}
