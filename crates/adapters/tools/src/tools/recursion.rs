//! Counters and limits of what goes round.

use std::slice::from_ref;

use async_trait::async_trait;
use refrain_core::condition::Condition;
use refrain_core::ports::scratch::{Change, number};
use refrain_core::template::{Context, Dialect};
use serde_json::{Map, Value, json};

use crate::declare::{action, any, at_least_one, boolean, integer, map, number as numeric, positive, text};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

/// The most rounds, where nothing is said.
const ROUNDS: u64 = 1000;
/// The deepest nesting, where nothing is said.
const DEPTH: u64 = 10;

#[derive(Debug)]
struct Recursion;

pub(super) fn declared() -> Declared {
    let context = ("context_id!", text(), "which counters are meant");
    let state = [("context_id", text(), "which counters are meant"), ("state", map(), "their values")];
    let checked = [
        state[0].clone(),
        state[1].clone(),
        ("should_terminate", boolean(), "whether the condition holds or a limit is reached"),
        ("reason", any(), "condition, max_iterations, depth_limit or time_limit; null where it goes on"),
        ("condition_met", boolean(), "whether the condition holds"),
        ("iterations", integer(), "how often this was asked"),
        ("depth", integer(), "how deep it is"),
    ];
    let actions = vec![
        action(
            "check_condition",
            "Says whether it is time to end",
            &[
                context.clone(),
                ("condition", text(), "a formula over state, depth, iterations, executions and call_stack"),
                ("max_iterations", at_least_one(), "the most rounds (1000)"),
                ("depth_limit", at_least_one(), "the deepest nesting (10)"),
                ("time_limit", positive(), "the most seconds since it was asked first"),
            ],
            &checked,
        )
        .volatile(),
        action(
            "update_state",
            "Sets a value, or adds to one",
            &[
                context.clone(),
                ("state_key!", text(), "its name"),
                ("state_value", any(), "what it is to be"),
                ("increment", numeric(), "what is added to it"),
            ],
            &state,
        )
        .volatile(),
        action("get_state", "Gives the values", from_ref(&context), &state).volatile(),
        action("reset", "Forgets the values", &[context], &state).volatile(),
    ];
    super::tool(
        "recursion-control",
        &["recursion_control"],
        "Counts rounds, and says when to end",
        actions,
        Recursion,
    )
}

#[async_trait]
impl Tool for Recursion {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let id = act.params.needed("context_id")?;
        let (space, scratch) = (format!("recursion/{id}/state"), &act.ports.scratch);
        let state = match act.action {
            "check_condition" => return check(&act, id, &space).await,
            "update_state" => {
                let key = act.params.needed("state_key")?.to_owned();
                let change = match (act.params.get("state_value"), act.params.number("increment")) {
                    (Some(value), None) => Change::Put(key, value.clone()),
                    (None, Some(amount)) => Change::Add(key, amount),
                    _ => return Err(Fault::reported("either `state_value` or `increment` is to be given")),
                };
                scratch.change(&space, &act.by, change).await?
            }
            "reset" => {
                scratch.change(&rounds(id), &act.by, Change::Clear).await?;
                scratch.change(&space, &derived(&act, "state"), Change::Clear).await?
            }
            _ => scratch.look(&space).await?,
        };
        Ok(Acted::new(json!({ "context_id": id, "state": state })))
    }
}

fn rounds(id: &str) -> String {
    format!("recursion/{id}/rounds")
}

/// Tells two changes of one doing apart.
fn derived(act: &Act<'_>, what: &str) -> refrain_schemas::digest::Digest {
    refrain_schemas::digest::Digest::of_content(format!("{}/{what}", act.by).as_bytes())
}

async fn check(act: &Act<'_>, id: &str, space: &str) -> Result<Acted, Fault> {
    let (scratch, params) = (&act.ports.scratch, &act.params);
    let now = act.ports.clock.now().as_micros();
    if !scratch.look(&rounds(id)).await?.contains_key("since") {
        let since = Change::Put("since".to_owned(), json!(now.to_string()));
        scratch.change(&rounds(id), &derived(act, "since"), since).await?;
    }
    let counted = scratch.change(&rounds(id), &act.by, Change::Add("iterations".to_owned(), 1.0)).await?;
    let state = scratch.look(space).await?;
    let iterations = counted.get("iterations").and_then(Value::as_u64).unwrap_or(1);
    let depth = state.get("depth").and_then(Value::as_u64).unwrap_or(0);
    let since = counted.get("since").and_then(Value::as_str).and_then(|since| since.parse::<i64>().ok());
    #[expect(clippy::cast_precision_loss, reason = "microseconds are exact enough")]
    let seconds = since.map_or(0.0, |since| (now - since) as f64 / 1e6);
    let met = match params.text("condition") {
        Some(text) => holds(text, &state, iterations, depth)?,
        None => false,
    };
    let reason = if met {
        Some("condition")
    } else if iterations >= params.count("max_iterations").unwrap_or(ROUNDS) {
        Some("max_iterations")
    } else if depth > params.count("depth_limit").unwrap_or(DEPTH) {
        Some("depth_limit")
    } else {
        params.number("time_limit").filter(|limit| seconds >= *limit).map(|_| "time_limit")
    };
    Ok(Acted::new(json!({
        "context_id": id, "state": state, "should_terminate": reason.is_some(), "reason": reason,
        "condition_met": met, "iterations": iterations, "depth": depth,
    })))
}

fn holds(text: &str, state: &Map<String, Value>, iterations: u64, depth: u64) -> Result<bool, Fault> {
    if text.contains("{{") || text.contains("{%") {
        return Err(Fault::reported("a condition has no braces left when it is evaluated"));
    }
    let names = Context::of(&json!({
        "state": state, "iterations": number(iterations as f64), "executions": iterations, "depth": depth, "call_stack": [],
    }));
    let condition = Condition::compile(Dialect::Steps, text);
    let holds = condition.and_then(|condition| condition.holds(&names));
    holds.map_err(|error| Fault::reported(format!("condition: {error}")))
}
