//! The environment variables that a pipeline names.

use std::collections::BTreeSet;

use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::HeaderValue;
use refrain_schemas::environment::Variable;
use refrain_schemas::phase_spec::AgentRef;
use refrain_schemas::pipeline::Pipeline;

/// A variable that a pipeline names, of the environment or of `.env`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedVariable {
    /// Where the pipeline names it, such as `endpoints.openai.api_key_env`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub used_as: VariableUse,
}

/// What a variable is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariableUse {
    /// It holds a key, or the value of a header: it is a secret.
    Secret,
    /// A process gets it.
    Passed,
}

/// Returns the variables that a pipeline names, sorted by where it does.
#[must_use]
pub fn named_variables(pipeline: &Pipeline) -> Vec<NamedVariable> {
    let mut found = Found::default();
    for (name, endpoint) in &pipeline.endpoints {
        let path = format!("endpoints.{name}");
        if let Some(variable) = &endpoint.api_key_env {
            found.secret(format!("{path}.api_key_env"), variable);
        }
        found.headers(&path, &endpoint.headers);
    }
    for (name, server) in &pipeline.servers {
        let path = format!("servers.{name}");
        found.passed(&path, &server.env);
        found.headers(&path, &server.headers);
    }
    for (name, spec) in &pipeline.agents {
        found.agent(&format!("agents.{name}"), spec);
    }
    for (name, phase) in &pipeline.phases {
        if let Some(AgentRef::Inline(spec)) = &phase.agent {
            found.agent(&format!("phases.{name}.agent"), spec);
        }
    }
    found.0.into_iter().collect()
}

#[derive(Default)]
struct Found(BTreeSet<NamedVariable>);

impl Found {
    fn agent(&mut self, path: &str, spec: &AgentSpec) {
        self.passed(path, &spec.env);
        if let Some(http) = &spec.http {
            self.headers(&format!("{path}.http"), &http.headers);
        }
    }

    fn headers<'a>(&mut self, path: &str, headers: impl IntoIterator<Item = (&'a String, &'a HeaderValue)>) {
        for (header, value) in headers {
            if let HeaderValue::Env(value) = value {
                self.secret(format!("{path}.headers.{header}.env"), &value.env);
            }
        }
    }

    fn passed(&mut self, path: &str, entries: &[String]) {
        for (n, entry) in entries.iter().enumerate() {
            if let Ok(Variable::Passed(name)) = Variable::parse(entry) {
                self.add(format!("{path}.env[{n}]"), name, VariableUse::Passed);
            }
        }
    }

    fn secret(&mut self, path: String, name: &str) {
        self.add(path, name, VariableUse::Secret);
    }

    fn add(&mut self, path: String, name: &str, used_as: VariableUse) {
        self.0.insert(NamedVariable { path, name: name.to_owned(), used_as });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_that_names_a_variable_is_found() {
        let headers = |name: &str| json!({"X-Key": {"env": name}, "X-Plain": "no"});
        let pipeline: Pipeline = serde_json::from_value(json!({
            "refrain": 1,
            "name": "test",
            "endpoints": {"local": {"api_key_env": "A", "headers": headers("B")}},
            "servers": {"files": {"env": ["C"], "headers": headers("D")}},
            "agents": {"command": {"env": ["E", "SET=x", "bad name"]}},
            "phases": {"ask": {"agent": {"http": {"url": "http://x", "headers": headers("F")}}}},
        }))
        .unwrap();
        let found: Vec<String> = named_variables(&pipeline)
            .into_iter()
            .map(|variable| format!("{} {} {:?}", variable.path, variable.name, variable.used_as))
            .collect();
        assert_eq!(
            found,
            [
                "agents.command.env[0] E Passed",
                "endpoints.local.api_key_env A Secret",
                "endpoints.local.headers.X-Key.env B Secret",
                "phases.ask.agent.http.headers.X-Key.env F Secret",
                "servers.files.env[0] C Passed",
                "servers.files.headers.X-Key.env D Secret",
            ]
        );
    }
}
