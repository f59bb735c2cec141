//! Conditions as a tool.

use async_trait::async_trait;
use refrain_core::condition::Condition;
use refrain_core::template::{Context, Dialect};
use serde_json::{Value, json};

use crate::declare::{action, boolean, map, text};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

#[derive(Debug)]
struct Evaluate;

pub(super) fn declared() -> Declared {
    let evaluate = action(
        "execute",
        "Says whether a condition holds; one that cannot be evaluated is a failure",
        &[("condition!", text(), "a word or a formula"), ("context", map(), "the names that it may read")],
        &[
            ("result", boolean(), "whether it holds"),
            ("condition", text(), "the condition"),
            ("status", text(), "success or error"),
        ],
    );
    super::tool(
        "evaluate_condition",
        &["evaluate-condition"],
        "Evaluates a condition",
        vec![evaluate],
        Evaluate,
    )
}

#[async_trait]
impl Tool for Evaluate {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let text = act.params.needed("condition")?;
        let names = act.params.get("context").map_or_else(Context::new, Context::of);
        // What is here was filled in already: braces that are left are data.
        let holds = if text.contains("{{") || text.contains("{%") {
            Err("a condition has no braces left when it is evaluated".to_owned())
        } else {
            let condition = Condition::compile(Dialect::Steps, text);
            condition.and_then(|condition| condition.holds(&names)).map_err(|error| error.message)
        };
        match holds {
            Ok(holds) => Ok(Acted::new(json!({ "result": holds, "condition": text, "status": "success" }))),
            Err(message) => Err(Fault::reported(message)
                .with(json!({ "result": Value::Null, "condition": text, "status": "error" }))),
        }
    }
}
