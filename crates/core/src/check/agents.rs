//! Agents: what answers, with which settings.

use std::time::Duration;

use indexmap::IndexMap;
use refrain_schemas::agent_spec::{AgentSpec, Backoff, RetrySpec};
use refrain_schemas::duration::Span;
use refrain_schemas::name::AgentName;
use refrain_schemas::phase_spec::AgentRef;

use super::code::Code;
use super::files::argument_file;
use super::{Checker, suggest};
use crate::model::{AgentModel, RetryPolicy};
use crate::ports::agent::Draft;

pub(super) const ATTEMPTS: u32 = 4;
const INITIAL: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The ends of names that only scripts have.
const SCRIPTS: [&str; 10] = [".py", ".sh", ".bash", ".js", ".mjs", ".ts", ".rb", ".pl", ".lua", ".php"];

fn names_script(word: &str) -> bool {
    let plain = !word.contains(char::is_whitespace) && !word.contains(['{', '*', '$', ':', '=']);
    plain && SCRIPTS.iter().any(|end| word.len() > end.len() && word.ends_with(end))
}

impl Checker<'_> {
    /// Returns the agents that are known to answer: those of `agents:` and then those written inside phases.
    pub(super) fn agents(&mut self) -> IndexMap<AgentName, AgentModel> {
        let pipeline = self.pipeline;
        let mut agents = IndexMap::new();
        for (name, spec) in &pipeline.agents {
            let agent = self.agent(name, spec, &format!("agents.{name}"));
            agents.extend(agent.map(|agent| (name.clone(), agent)));
        }
        for (phase, spec) in &pipeline.phases {
            let Some(AgentRef::Inline(inline)) = &spec.agent else { continue };
            // Phase names and agent names have the same shape.
            let Ok(name) = phase.as_str().parse::<AgentName>() else { continue };
            let path = format!("phases.{phase}.agent");
            if pipeline.agents.contains_key(&name) {
                let message = format!("the agent written here is called `{name}`, like one under `agents:`");
                self.problems.add(Code::InlineName, &path, message);
            }
            let agent = self.agent(&name, inline, &path);
            agents.extend(agent.map(|agent| (name, agent)));
        }
        agents
    }

    fn agent(&mut self, name: &AgentName, spec: &AgentSpec, path: &str) -> Option<AgentModel> {
        let takes_part = self.takes_part(spec, path);
        self.agent_settings(spec, path);
        let files = self.agent_files(spec, path);
        let accepts = self.declared(&format!("{path}.accepts"), spec.accepts.as_ref());
        if !self.agent_kind(name, spec, path) {
            return None;
        }
        let around = self.around;
        let declared = self.pipeline.declarations();
        let draft = Draft { spec, declared: &declared };
        let Some(factory) = around.factories.iter().find(|factory| factory.handles(spec)) else {
            self.no_factory(spec, path);
            return None;
        };
        for problem in factory.check(&draft) {
            if self.hangs_on_wrong(spec, &problem.field) {
                continue;
            }
            let path = format!("{path}.{}", problem.field);
            // What stands there was reported already.
            if self.problems.is_wrong(&path) {
                continue;
            }
            self.problems.add_with(Code::AgentParams, path, problem.message, problem.hint);
        }
        let traits = factory.describe(&draft);
        if !traits.raw_params {
            self.agent_templates(name, spec, path);
        }
        let timeout = spec.timeout.map(|Span(time)| time).or(traits.default_timeout);
        // A built-in agent that fails would fail again.
        let attempts = if spec.builtin.is_some() { 1 } else { ATTEMPTS };
        let retry = retry_policy(spec.retry.unwrap_or_default(), attempts);
        let (name, spec) = (name.clone(), spec.clone());
        Some(AgentModel { name, spec, traits, takes_part, files, retry, timeout, accepts })
    }

    /// Whether a field names an endpoint or a server of which it was said that something is wrong with it.
    fn hangs_on_wrong(&self, spec: &AgentSpec, field: &str) -> bool {
        let server = |name: &str| {
            self.broken.may_have("servers", &self.broken.servers, name)
                || self.problems.is_wrong(&format!("servers.{name}"))
        };
        match (field, &spec.model, &spec.http, &spec.mcp) {
            ("model", Some(model), _, _) => self.is_wrong_endpoint(model.split('/').next().unwrap_or(model)),
            ("mcp.server", _, _, Some(mcp)) => server(&mcp.server),
            (field, _, Some(http), _) if field.starts_with("http") => {
                http.endpoint.as_deref().is_some_and(|name| self.is_wrong_endpoint(name))
            }
            (field, ..) => field.strip_prefix("tools.from.").is_some_and(server),
        }
    }

    /// Whether something is wrong with an endpoint, or with one that stands in for it.
    fn is_wrong_endpoint(&self, name: &str) -> bool {
        let is_wrong = |name: &str| {
            self.broken.may_have("endpoints", &self.broken.endpoints, name)
                || self.problems.is_wrong(&format!("endpoints.{name}"))
        };
        let stand_ins = self.pipeline.endpoints.get(name).into_iter().flat_map(|endpoint| &endpoint.fallback);
        is_wrong(name) || stand_ins.into_iter().any(|name| is_wrong(name))
    }

    fn agent_kind(&mut self, name: &AgentName, spec: &AgentSpec, path: &str) -> bool {
        match kinds(spec)[..] {
            [_] => {}
            [first, second, ..] => {
                let message = format!("agent `{name}` has both `{first}` and `{second}`");
                self.problems.add(Code::AgentKind, path, message);
                return false;
            }
            [] => {
                let hint = "add `model: provider/name`, `command: [program, argument]` or `builtin: NAME`";
                let message = format!("agent `{name}` does not say what answers");
                self.problems.add_with(Code::AgentKind, path, message, Some(hint.to_owned()));
                return false;
            }
        }
        match (&spec.builtin, &spec.command) {
            (None, Some(command)) if command.first().is_none_or(|program| program.trim().is_empty()) => {
                let message = format!("the command of agent `{name}` names no program");
                self.problems.add(Code::EmptyCommand, format!("{path}.command"), message);
                return false;
            }
            (None, Some(command)) => self.command_files(spec, command, path),
            _ => {}
        }
        self.agent_fields(spec, kinds(spec)[0], path);
        true
    }

    /// A word of a command may be anything, so only what can hardly be anything but a file of the project is missed.
    fn command_files(&mut self, spec: &AgentSpec, command: &[String], path: &str) {
        for (n, word) in command.iter().enumerate() {
            let is_program = n == 0 && word.contains('/');
            let Some(file) = argument_file(spec, word).filter(|_| is_program || names_script(word)) else {
                continue;
            };
            if self.around.files.contains_key(&file) {
                continue;
            }
            let near = suggest::nearest(&file, self.around.files.keys().map(String::as_str));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("there is no file `{file}`");
            self.problems.add_with(Code::CommandFile, format!("{path}.command[{n}]"), message, hint);
        }
    }

    fn no_factory(&mut self, spec: &AgentSpec, path: &str) {
        match &spec.builtin {
            Some(builtin) => {
                // The names built into Refrain; an embedding program may have registered others.
                let known = ["read", "write", "summary", "checks", "select", "template", "map", "set"];
                let known: Vec<&str> = known.into_iter().filter(|name| self.is_builtin(name)).collect();
                let hint = suggest::suggestion(builtin, known.iter().copied());
                let message = format!("there is no built-in agent `{builtin}`");
                self.problems.add_with(Code::UnknownBuiltin, format!("{path}.builtin"), message, hint);
            }
            None => {
                let kind = kinds(spec).first().copied().unwrap_or("command");
                let message = format!("there is nothing here that answers for `{kind}`");
                self.problems.add(Code::UnknownBuiltin, format!("{path}.{kind}"), message);
            }
        }
    }

    fn is_builtin(&self, name: &str) -> bool {
        let spec = AgentSpec { builtin: Some(name.to_owned()), ..AgentSpec::default() };
        self.around.factories.iter().any(|factory| factory.handles(&spec))
    }

    fn agent_settings(&mut self, spec: &AgentSpec, path: &str) {
        self.some_time(spec.timeout, &format!("{path}.timeout"));
        self.limits(spec.limits.as_ref(), &format!("{path}.limits"));
        if let Some(retry) = &spec.retry {
            self.retry(retry, &format!("{path}.retry"));
        }
    }

    pub(super) fn retry(&mut self, retry: &RetrySpec, path: &str) {
        self.at_least_one(retry.attempts.map(u64::from), &format!("{path}.attempts"));
        self.some_time(retry.initial, &format!("{path}.initial"));
        self.some_time(retry.max, &format!("{path}.max"));
        if let (Some(initial), Some(max)) = (retry.initial, retry.max)
            && initial > max
            && max > Span(Duration::ZERO)
        {
            let message = format!("the first pause, {initial}, is longer than the longest, {max}");
            self.problems.add(Code::PauseOrder, format!("{path}.initial"), message);
        }
    }

    /// Returns the files whose contents are part of the agent's identity.
    fn agent_files(&mut self, spec: &AgentSpec, path: &str) -> Vec<String> {
        for (n, file) in spec.files.iter().enumerate() {
            self.project_file(file, &format!("{path}.files[{n}]"));
        }
        let argv = spec.command.iter().flatten().filter_map(|word| argument_file(spec, word));
        let argv = argv.filter(|path| self.around.files.contains_key(path));
        let mut files: Vec<String> = spec.files.iter().cloned().chain(argv).collect();
        files.sort();
        files.dedup();
        files
    }
}

/// Returns the fields that say what answers; exactly one should.
fn kinds(spec: &AgentSpec) -> Vec<&'static str> {
    let fields = [
        ("model", spec.model.is_some()),
        ("command", spec.command.is_some()),
        ("builtin", spec.builtin.is_some()),
        ("http", spec.http.is_some()),
        ("mcp", spec.mcp.is_some()),
        ("tool", spec.tool.is_some()),
    ];
    fields.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
}

/// Returns how failed calls are tried again; `attempts` where that is not said.
pub(super) fn retry_policy(retry: RetrySpec, attempts: u32) -> RetryPolicy {
    let written = |span: Option<Span>| span.map(|Span(time)| time);
    let (initial, max) = match (written(retry.initial), written(retry.max)) {
        (Some(initial), Some(max)) => (initial, max),
        (Some(initial), None) => (initial, LONGEST.max(initial)),
        (None, max) => (INITIAL.min(max.unwrap_or(LONGEST)), max.unwrap_or(LONGEST)),
    };
    let factor = match retry.backoff.unwrap_or_default() {
        Backoff::None => 0,
        Backoff::Fixed => 1,
        Backoff::Exponential => 2,
    };
    RetryPolicy { attempts: retry.attempts.unwrap_or(attempts), initial, max, factor }
}
