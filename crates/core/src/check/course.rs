//! What a failure means to what comes after a phase, and the values that stand in for what it would have made.

use std::time::Duration;

use indexmap::IndexMap;
use refrain_schemas::agent_spec::RetrySpec;
use refrain_schemas::duration::Span;
use refrain_schemas::json::Json;
use refrain_schemas::name::{AgentName, PhaseName};
use refrain_schemas::on_failure::{HandlesSpec, OnFailure, Policy, RecoverSpec};
use refrain_schemas::phase_spec::PhaseSpec;
use regex::{Regex, RegexBuilder};

use super::agents::{ATTEMPTS, retry_policy};
use super::code::Code;
use super::pool::Pool;
use super::{Checker, suggest};
use crate::model::{AgentModel, Course, Failures, Handled, Recover, RetryPolicy};

/// The kinds of failures that a value may stand in for.
const KINDS: [&str; 11] = [
    "reported",
    "timed_out",
    "transient",
    "invalid",
    "refused",
    "filtered",
    "truncated",
    "permanent",
    "input",
    "definition",
    "goto",
];
/// The longest pattern.
const LONGEST: usize = 1_000;
/// The most memory that a pattern may take.
const LARGEST: usize = 1 << 20;

impl Checker<'_> {
    /// Returns what the end of a phase means to what comes after it; which routes pass it over is told apart.
    pub(super) fn course(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        agents: &IndexMap<AgentName, AgentModel>,
    ) -> Course {
        let path = format!("phases.{name}");
        self.some_time(spec.timeout, &format!("{path}.timeout"));
        if let Some(retry) = &spec.retry {
            self.retry(retry, &format!("{path}.retry"));
        }
        let recover = (0..).zip(&spec.recover);
        let recover: Vec<Recover> = recover
            .filter_map(|(n, entry): (usize, _)| self.recover(entry, &format!("{path}.recover[{n}]")))
            .collect();
        let (policy, goes_on) = match &spec.on_failure {
            Some(OnFailure::Policy(policy)) => (*policy, false),
            Some(OnFailure::Go(_)) => (Policy::Fail, true),
            None => (Policy::Fail, false),
        };
        Course {
            policy,
            goes_on,
            recover,
            retry: retry(spec, policy, pool, agents),
            timeout: spec.timeout.map(|Span(time)| time).filter(|time| *time > Duration::ZERO),
            passed_by: Vec::new(),
            needs_made: spec.needs_made,
            prepares: spec.prepares.clone(),
            handles: (0..)
                .zip(&spec.handles)
                .map(|(n, entry): (usize, _)| self.handled(entry, &format!("{path}.handles[{n}]")))
                .collect(),
            claims: Vec::new(),
        }
    }

    fn recover(&mut self, spec: &RecoverSpec, path: &str) -> Option<Recover> {
        let failures = self.failures(&spec.kinds, &spec.patterns, &spec.codes, path);
        let Some(value) = &spec.value else {
            self.problems.add(Code::Recover, path, "nothing stands in for what the phase would have made");
            return None;
        };
        let Ok(value) = Json::of(value) else {
            self.problems.add(Code::Recover, format!("{path}.value"), "a number cannot be held exactly");
            return None;
        };
        Some(Recover { failures, value, propagate: spec.propagate, rank: spec.rank })
    }

    fn handled(&mut self, spec: &HandlesSpec, path: &str) -> Handled {
        let failures = self.failures(&spec.kinds, &spec.patterns, &spec.codes, path);
        if spec.yields && spec.rank.is_none() {
            let message = "without a `rank` nothing comes behind it that failures could be left to";
            self.problems.add(Code::Recover, format!("{path}.yields"), message);
        }
        Handled { phase: spec.phase.clone(), failures, rank: spec.rank, yields: spec.yields }
    }

    fn failures(&mut self, kinds: &[String], written: &[String], codes: &[String], path: &str) -> Failures {
        for (n, kind) in kinds.iter().enumerate() {
            if !KINDS.contains(&kind.as_str()) {
                let hint = suggest::suggestion(kind, KINDS);
                let message = format!("there are no failures of the kind `{kind}`");
                self.problems.add_with(Code::Recover, format!("{path}.kinds[{n}]"), message, hint);
            }
        }
        let mut patterns = Vec::new();
        for (n, text) in written.iter().enumerate() {
            match pattern(text) {
                Ok(regex) => patterns.push(regex),
                Err(message) => self.problems.add(Code::Recover, format!("{path}.patterns[{n}]"), message),
            }
        }
        Failures { kinds: kinds.to_vec(), patterns, codes: codes.to_vec() }
    }
}

/// Reads a pattern that messages of failures are held to.
///
/// # Errors
/// Fails with what is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(text).size_limit(LARGEST).build().map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default();
        format!("the pattern does not parse: {}", last.trim_start_matches("error: "))
    })?;
    if text.len() > LONGEST {
        return Err(format!("the pattern is longer than {LONGEST} bytes"));
    }
    Ok(regex)
}

/// Returns how calls of a phase are tried again, where it says so itself. Attempts that it does not count are those of its
/// agents; one that is to be tried again has more than one.
fn retry(
    spec: &PhaseSpec,
    policy: Policy,
    pool: &Pool,
    agents: &IndexMap<AgentName, AgentModel>,
) -> Option<RetryPolicy> {
    let members = pool.members.iter().filter_map(|member| agents.get(member.agent.as_str()));
    let is_counted =
        members.clone().any(|agent| agent.spec.retry.is_some_and(|retry| retry.attempts.is_some()));
    let own = members.map(|agent| agent.retry.attempts).max().unwrap_or(ATTEMPTS);
    let is_to_try = policy == Policy::Retry && own == 1 && !is_counted;
    let attempts = if is_to_try { ATTEMPTS } else { own };
    let retry = spec.retry.or_else(|| is_to_try.then(RetrySpec::default))?;
    Some(retry_policy(retry, attempts))
}
