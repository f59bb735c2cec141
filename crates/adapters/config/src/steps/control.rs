//! What comes after a step, how long it may take, and how often it is tried.

use std::time::Duration;

use refrain_core::check::code::Code;
use refrain_core::check::suggest::nearest;
use refrain_core::template::is_template;
use refrain_schemas::agent_spec::{Backoff, RetrySpec};
use refrain_schemas::duration::Span;
use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::{OnFailure, Policy};
use refrain_schemas::phase_spec::PhaseSpec;
use serde_json::Value;

use super::Lowering;
use super::body::{Around, Draft, DraftKind};
use super::left::is_left;
use super::reading::Item;
use crate::node::Kind;

/// How often a step is tried that does not say it.
const ATTEMPTS: u32 = 3;
const POLICIES: [&str; 4] = ["fail", "continue", "skip", "retry"];
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Lowering<'_, '_> {
    /// Reads routes, policy, limits of time and attempts, and what to do about errors.
    pub(super) fn control(&mut self, draft: &Draft<'_>, around: Option<&Around>, spec: &mut PhaseSpec) {
        spec.on_false = self.route(draft, "on_false");
        spec.on_success = self.route(draft, "on_success");
        if spec.goto.is_none() {
            spec.goto = self.route(draft, "goto").map(|phase| phase.to_string());
        }
        // What has steps of its own is not tried again; they are.
        let is_tried = !matches!(draft.kind, DraftKind::Loop | DraftKind::Pipeline);
        let usual = self.defaults.policy.filter(|policy| is_tried || *policy != Policy::Retry);
        spec.on_failure = match draft.fields.get("on_failure") {
            Some(item) => self.on_failure(draft, &item),
            None => usual.map(OnFailure::Policy),
        };
        spec.timeout = match draft.fields.get("timeout") {
            Some(item) => self.time(&item),
            None => self.defaults.timeout,
        };
        spec.retry = Some(self.retry(draft));
        let fallback = self.error_handling(draft, spec);
        self.step_handlers(draft, around, fallback, spec);
        // Who writes down how it is tried again means every failure.
        let says_how = |key: &str| draft.fields.get(key).is_some_and(|item| !item.node.is_scalar());
        let handling = draft.fields.get("error_handling").filter(|item| item.node.get("retry").is_some());
        if spec.on_failure.is_none() && is_tried && (says_how("retry") || handling.is_some()) {
            spec.on_failure = Some(OnFailure::Policy(Policy::Retry));
        }
    }

    fn route(&mut self, draft: &Draft<'_>, key: &str) -> Option<PhaseName> {
        let item = draft.fields.get(key)?;
        let name = self.reading.text(&item)?;
        if is_template(name) || (key == "goto" && is_left(&item)) {
            return None;
        }
        self.target(draft, name.trim(), &item, key)
    }

    /// Returns the phase of a step beside this one.
    pub(super) fn target(
        &mut self,
        draft: &Draft<'_>,
        name: &str,
        item: &Item<'_>,
        key: &str,
    ) -> Option<PhaseName> {
        let is_beside = self.names.beside().is_some_and(|frame| frame.steps.contains_key(name));
        if !is_beside && self.names.step(name).is_some() {
            let message = format!("step `{name}` is not in the same list of steps");
            self.reading.at(Code::StepRoute, item, message, None);
            return None;
        }
        let phase = self.named(draft, name, item, Code::StepRoute, Code::StepBack)?;
        self.place(format!("phases.{}.{key}", draft.phase), item);
        Some(phase)
    }

    pub(super) fn on_failure(&mut self, draft: &Draft<'_>, item: &Item<'_>) -> Option<OnFailure> {
        let word = self.reading.text(item)?.trim();
        let policy = match word {
            "fail" => Policy::Fail,
            "continue" => Policy::Continue,
            "skip" => Policy::Skip,
            "retry" => Policy::Retry,
            _ => {
                if self.names.step(word).is_none()
                    && let Some(policy) = nearest(word, POLICIES)
                {
                    let message = format!("`{word}` is neither a policy nor a step");
                    let hint = Some(format!("did you mean `{policy}`?"));
                    self.reading.at(Code::StepRoute, item, message, hint);
                    return None;
                }
                return self.target(draft, word, item, "on_failure").map(OnFailure::Go);
            }
        };
        Some(OnFailure::Policy(policy))
    }

    /// `max_retries` counts attempts in all: 0 and 1 are one.
    fn retry(&mut self, draft: &Draft<'_>) -> RetrySpec {
        let mut retry = self.defaults.retry.unwrap_or_else(|| {
            let usual = usual_retry();
            RetrySpec { attempts: self.defaults.attempts.or(usual.attempts), ..usual }
        });
        let attempts = draft.fields.get("max_retries").and_then(|item| self.whole(&item));
        if let Some(attempts) = attempts {
            retry.attempts = Some(attempts.max(1));
        }
        if let Some(item) = draft.fields.get("retry") {
            self.retry_fields(&item, &mut retry, attempts);
        }
        retry
    }

    fn retry_fields(&mut self, item: &Item<'_>, retry: &mut RetrySpec, attempts: Option<u32>) {
        if item.node.is_scalar() {
            let hint = Some("write `max_retries: ATTEMPTS`".to_owned());
            return self.reading.at_key(Code::StepRefused, item, "`retry` is a mapping", hint);
        }
        let Some(fields) = self.reading.fields(item) else { return };
        self.reading.known(
            &fields,
            "`retry`",
            &["max_attempts", "backoff", "initial_delay", "max_delay"],
            &[],
        );
        if let Some(item) = fields.get("max_attempts")
            && let Some(number) = self.reading.whole(&item)
        {
            if attempts.is_some_and(|attempts| attempts.max(1) != number.max(1)) {
                let message = "`max_attempts` and `max_retries` differ";
                self.reading.at(Code::StepTwo, &item, message, Some("keep one of the two".to_owned()));
            }
            retry.attempts = Some(number.max(1));
        }
        if let Some(item) = fields.get("backoff") {
            let words = ["none", "fixed", "constant", "linear", "exponential"];
            retry.backoff = self.reading.word(&item, &words).map(|word| match word {
                "none" => Backoff::None,
                "exponential" => Backoff::Exponential,
                _ => Backoff::Fixed,
            });
            if item.text() == Some("linear") {
                let hint = Some("use `fixed` or `exponential`".to_owned());
                self.reading.at(Code::StepRefused, &item, "pauses do not grow linearly", hint);
            }
        }
        for (key, into) in [("initial_delay", &mut retry.initial), ("max_delay", &mut retry.max)] {
            match fields.get(key) {
                Some(item) if is_zero(&item) => retry.backoff = Some(Backoff::None),
                Some(item) => *into = self.reading.time(&item).or(*into),
                None => {}
            }
        }
    }

    /// `error_handling: { retry, fallback }`; returns the value that stands in for what the step makes.
    fn error_handling(&mut self, draft: &Draft<'_>, spec: &mut PhaseSpec) -> Option<Value> {
        let item = draft.fields.get("error_handling")?;
        let fields = self.reading.fields(&item)?;
        self.reading.known(&fields, "`error_handling`", &["retry", "fallback"], &[]);
        if let Some(item) = fields.get("retry") {
            let mut retry = spec.retry.unwrap_or_default();
            self.retry_fields(&item, &mut retry, None);
            spec.retry = Some(retry);
        }
        fields.get("fallback").and_then(|item| self.fallback(draft, &item, spec))
    }

    /// A text that is a step beside this one is where to go on; anything else is a value.
    fn fallback(&mut self, draft: &Draft<'_>, item: &Item<'_>, spec: &mut PhaseSpec) -> Option<Value> {
        let is_beside = |text: &str| self.names.beside().is_some_and(|f| f.steps.contains_key(text));
        if !item.text().is_some_and(is_beside) {
            return self.fixed_value(item);
        }
        if spec.on_failure.is_none() {
            spec.on_failure = self.on_failure(draft, item);
        } else {
            let hint = Some("keep one of `fallback` and `on_failure`".to_owned());
            self.reading.at(Code::StepTwo, item, "there are two ways to go on after a failure", hint);
        }
        None
    }
}

/// Returns how a step is tried that does not say it.
pub(super) const fn usual_retry() -> RetrySpec {
    RetrySpec {
        attempts: Some(ATTEMPTS),
        backoff: Some(Backoff::Exponential),
        initial: Some(Span(FIRST_PAUSE)),
        max: Some(Span(LONGEST_PAUSE)),
    }
}

pub(super) fn is_zero(item: &Item<'_>) -> bool {
    match item.node.kind {
        Kind::Integer(number) => number == 0,
        Kind::Float(number) => number == 0.0,
        _ => false,
    }
}
