//! Questions that people answer between two runs.
//!
//! Where there is no answer the step waits; the question with its digest is kept with that. An answer is for exactly what was
//! asked: a question that reads otherwise is another one.

use async_trait::async_trait;
use refrain_core::ports::scratch::Change;
use refrain_core::ports::tool_catalogue::{About, Complaint, Written, whole_match};
use refrain_core::ports::workspace::Workspace;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value, json};

use super::question::{fits, unanswerable, unfit_default};
use crate::params::printed;
use crate::tool::{Act, Acted, Fault, Tool};

/// Where answers are remembered.
const ANSWERS: &str = "answers";
/// Where it is remembered when something was asked first.
const ASKED: &str = "asked";

/// What is asked of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// A value.
    Value,
    /// Approval.
    Approval,
    /// Several answers.
    Questions,
}

impl Person {
    const fn name(self) -> &'static str {
        match self {
            Self::Value => "user-prompt",
            Self::Approval => "approval-gate",
            Self::Questions => "feedback-collection",
        }
    }

    fn answered(self, act: &Act<'_>, answer: &Value) -> Result<Acted, Fault> {
        let by = answer.get("by").cloned().unwrap_or_default();
        let value = answer.get("value").cloned().unwrap_or_default();
        match self {
            Self::Value => Ok(Acted::new(json!({ "value": value }))),
            Self::Questions => Ok(Acted::new(json!({ "answers": value, "by": by }))),
            Self::Approval => {
                let approved = answer.get("approved") == Some(&Value::Bool(true));
                let reason = answer.get("reason").cloned().unwrap_or_default();
                let result = json!({
                    "approved": approved,
                    "decision": if approved { "approved" } else { "rejected" },
                    "content": answer.get("content").or_else(|| act.params.get("content")),
                    "reason": reason,
                    "by": by,
                });
                let why = reason.as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
                if approved {
                    Ok(Acted::new(result))
                } else {
                    Err(Fault::reported(format!("rejected{why}")).with(result))
                }
            }
        }
    }

    /// Says what comes of a question that nobody answered in its time: the default, or a failure.
    async fn too_late(self, act: &Act<'_>, asked: &str) -> Result<Option<Result<Acted, Fault>>, Fault> {
        let Some(patience) = act.params.number("timeout") else { return Ok(None) };
        let now = act.ports.clock.now().as_micros();
        let by = Digest::of_content(format!("asked {asked}").as_bytes());
        let known = act.ports.scratch.look(ASKED).await?;
        let since = match known.get(asked).and_then(serde_json::Value::as_i64) {
            Some(since) => since,
            None => {
                act.ports.scratch.change(ASKED, &by, Change::Put(asked.to_owned(), json!(now))).await?;
                now
            }
        };
        let waited = now.saturating_sub(since) as f64 / 1e6;
        if waited < patience {
            return Ok(None);
        }
        Ok(Some(match act.params.get("default") {
            Some(value) => {
                let question = self.question(act.params.whole().as_object().cloned().unwrap_or_default());
                match fits(&question, value) {
                    Ok(()) => self.answered(act, &json!({ "value": value, "by": "timeout" })),
                    Err(why) => Err(Fault::reported(format!("the default {why}"))),
                }
            }
            None => Err(Fault::reported(format!("nobody answered within {patience} s"))),
        }))
    }

    /// Returns what is asked, with who asks it.
    fn question(self, mut params: Map<String, Value>) -> Value {
        params.insert("tool".to_owned(), json!(self.name()));
        Value::Object(params)
    }

    /// Returns what is wrong with content that nobody may change and nobody can approve.
    fn unfit_content(self, written: &Written) -> Option<String> {
        let is_fixed = !written.made.contains("allow_modifications")
            && written.get("allow_modifications") != Some(&Value::Bool(true));
        let content = written.get("content").filter(|_| self == Self::Approval && is_fixed)?;
        let why = fits(&self.question(written.literals.clone()), content).err()?;
        Some(format!("the content {why}, and may not be changed"))
    }

    /// Content whose digest was approved beforehand needs nobody.
    fn approved_beforehand(self, act: &Act<'_>) -> bool {
        let known =
            act.params.text("auto_approve_hash").and_then(|known| known.trim().parse::<Digest>().ok());
        let content = act.params.get("content").map(printed);
        let is_it = |(known, content): (Digest, String)| known == Digest::of_content(content.as_bytes());
        self == Self::Approval && known.zip(content).is_some_and(is_it)
    }
}

/// Returns a question that must be answered and is not asked.
fn unasked(literals: &Map<String, Value>) -> Option<String> {
    let questions = literals.get("questions")?.as_array()?;
    let is_asked = |name: &str| {
        questions.iter().any(|question| match question {
            Value::Object(fields) => fields.values().any(|value| value == name),
            other => other == name,
        })
    };
    let mut required = literals.get("required_questions")?.as_array()?.iter().filter_map(Value::as_str);
    required.find(|name| !is_asked(name)).map(str::to_owned)
}

#[async_trait]
impl Tool for Person {
    fn judge(&self, _: &str, written: &Written, _: &dyn Workspace) -> Vec<Complaint> {
        let pattern = written.get("validation_pattern").and_then(Value::as_str);
        let complaint = |parameter: &str, message| Complaint {
            parameter: parameter.to_owned(),
            message,
            about: About::Value,
        };
        if let Some(error) = pattern.and_then(|pattern| whole_match(pattern, "").err()) {
            return vec![complaint("validation_pattern", error)];
        }
        let digest = written.get("auto_approve_hash").and_then(Value::as_str);
        if let Some(error) = digest.and_then(|digest| digest.trim().parse::<Digest>().err()) {
            return vec![complaint("auto_approve_hash", error.to_string())];
        }
        if let Some(name) = unasked(&written.literals) {
            return vec![complaint("required_questions", format!("`{name}` is none of the questions"))];
        }
        let question = self.question(written.literals.clone());
        let content = || Some(("content", self.unfit_content(written)?));
        let default = || Some(("default", unfit_default(&question)?));
        let found = unanswerable(&question).or_else(content).or_else(default);
        found.map(|(parameter, message)| complaint(parameter, message)).into_iter().collect()
    }

    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        if self.approved_beforehand(&act) {
            return self.answered(&act, &json!({ "approved": true, "by": "auto_approve_hash" }));
        }
        // An answer could never be judged by it.
        let pattern = act.params.text("validation_pattern");
        if let Some(error) = pattern.and_then(|pattern| whole_match(pattern, "").err()) {
            return Err(Fault::reported(format!("`validation_pattern` {error}")));
        }
        let digest = act.params.text("auto_approve_hash");
        if let Some(error) = digest.and_then(|digest| digest.trim().parse::<Digest>().err()) {
            return Err(Fault::reported(format!("`auto_approve_hash`: {error}")));
        }
        let mut question = self.question(act.params.whole().as_object().cloned().unwrap_or_default());
        if let Some((_, message)) = unanswerable(&question) {
            return Err(Fault::reported(format!("nobody can answer this: {message}")));
        }
        let asked = Digest::of_content(question.to_string().as_bytes()).to_string();
        let answers = act.ports.scratch.look(ANSWERS).await?;
        if let Some(answer) = answers.get(&asked) {
            return self.answered(&act, answer);
        }
        if let Some(answered) = self.too_late(&act, &asked).await? {
            return answered;
        }
        question["asked"] = json!(asked);
        let title = act.params.text("title").or_else(|| act.params.text("prompt")).unwrap_or_default();
        let message = format!("a person has not answered yet: {title}");
        Err(Fault::Waiting { message, question })
    }
}
