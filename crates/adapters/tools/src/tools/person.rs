//! Questions that people answer between two runs.
//!
//! Where there is no answer the step waits; the question with its digest is kept with that. An answer is for exactly what was
//! asked: a question that reads otherwise is another one.

use async_trait::async_trait;
use refrain_schemas::digest::Digest;
use serde_json::{Map, Value, json};

use crate::params::printed;
use crate::tool::{Act, Acted, Fault, Tool};

/// Where answers are remembered.
const ANSWERS: &str = "answers";

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
                    "content": act.params.get("content"),
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

    /// Content whose digest was approved beforehand needs nobody.
    fn approved_beforehand(self, act: &Act<'_>) -> bool {
        let known = act.params.text("auto_approve_hash");
        let content = act.params.get("content").map(printed);
        let is_it =
            |(known, content): (&str, String)| known == Digest::of_content(content.as_bytes()).to_string();
        self == Self::Approval && known.zip(content).is_some_and(is_it)
    }
}

#[async_trait]
impl Tool for Person {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        if self.approved_beforehand(&act) {
            return self.answered(&act, &json!({ "approved": true, "by": "auto_approve_hash" }));
        }
        let mut question = Map::from_iter([("tool".to_owned(), json!(self.name()))]);
        if let Value::Object(params) = act.params.whole() {
            question.extend(params);
        }
        let asked = Digest::of_content(Value::Object(question.clone()).to_string().as_bytes()).to_string();
        let answers = act.ports.scratch.look(ANSWERS).await?;
        if let Some(answer) = answers.get(&asked) {
            return self.answered(&act, answer);
        }
        question.insert("asked".to_owned(), json!(asked));
        let title = act.params.text("title").or_else(|| act.params.text("prompt")).unwrap_or_default();
        let message = format!("a person has not answered yet: {title}");
        Err(Fault::Waiting { message, question: Value::Object(question) })
    }
}
