//! What steps tell later ones.

use std::slice::from_ref;

use async_trait::async_trait;
use refrain_core::ports::scratch::Change;
use refrain_schemas::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::declare::{action, any, boolean, integer, list, positive, text};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

#[derive(Debug)]
struct Memory;

pub(super) fn declared() -> Declared {
    let namespace = ("namespace", text(), "where it is remembered (default)");
    let key = ("key!", text(), "its name");
    let known = ("namespace", text(), "where it is remembered");
    let actions = vec![
        action(
            "store",
            "Remembers a value while the pipeline is carried out",
            &[
                namespace.clone(),
                key.clone(),
                ("value!", any(), "the value"),
                ("ttl", positive(), "how many seconds it is remembered"),
            ],
            &[
                known.clone(),
                ("key", text(), "its name"),
                ("stored", boolean(), "true"),
                ("stored_at", text(), "when that was"),
            ],
        )
        .volatile(),
        action(
            "retrieve",
            "Gives a value that was remembered",
            &[namespace.clone(), key],
            &[
                known.clone(),
                ("key", text(), "its name"),
                ("found", boolean(), "whether there is one"),
                ("value", any(), "the value; null where there is none"),
                ("stored_at", any(), "when it was remembered"),
            ],
        )
        .volatile(),
        action(
            "list",
            "Gives the names of what is remembered",
            from_ref(&namespace),
            &[known.clone(), ("keys", list(), "the names"), ("count", integer(), "how many that are")],
        )
        .volatile(),
        action(
            "clear",
            "Forgets what is remembered",
            &[namespace],
            &[known, ("cleared", integer(), "how many values that were")],
        )
        .volatile(),
    ];
    super::tool("mcp-memory", &["memory"], "Remembers values from step to step", actions, Memory)
}

#[async_trait]
impl Tool for Memory {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let namespace = act.params.text("namespace").unwrap_or("default");
        let space = format!("memory/{namespace}");
        let (scratch, now) = (&act.ports.scratch, act.ports.clock.now());
        let key = act.params.text("key").unwrap_or_default();
        let result = match act.action {
            "store" => {
                let ttl = act.params.number("ttl");
                let entry = json!({
                    "value": act.params.get("value"),
                    "stored_at": now.to_string(),
                    "until": ttl.map(|seconds| now.as_micros().saturating_add(micros(seconds)).to_string()),
                });
                let after = scratch.change(&space, &act.by, Change::Put(key.to_owned(), entry)).await?;
                let stored_at = after.get(key).and_then(|entry| entry.get("stored_at"));
                json!({ "namespace": namespace, "key": key, "stored": true, "stored_at": stored_at })
            }
            "retrieve" => {
                let values = scratch.look(&space).await?;
                let entry = values.get(key).filter(|entry| is_alive(entry, now));
                let field = |name: &str| entry.and_then(|entry| entry.get(name));
                json!({
                    "namespace": namespace, "key": key, "found": entry.is_some(),
                    "value": field("value"), "stored_at": field("stored_at"),
                })
            }
            "list" => {
                let values = scratch.look(&space).await?;
                let keys: Vec<&String> = alive(&values, now).collect();
                json!({ "namespace": namespace, "count": keys.len(), "keys": keys })
            }
            _ => {
                let cleared = alive(&scratch.look(&space).await?, now).count();
                scratch.change(&space, &act.by, Change::Clear).await?;
                json!({ "namespace": namespace, "cleared": cleared })
            }
        };
        Ok(Acted::new(result))
    }
}

fn alive(values: &Map<String, Value>, now: Timestamp) -> impl Iterator<Item = &String> {
    values.iter().filter(move |(_, entry)| is_alive(entry, now)).map(|(key, _)| key)
}

fn is_alive(entry: &Value, now: Timestamp) -> bool {
    let until = entry.get("until").and_then(Value::as_str).and_then(|until| until.parse::<i64>().ok());
    until.is_none_or(|until| now.as_micros() < until)
}

#[expect(clippy::cast_possible_truncation, reason = "a number that is too large is the largest one")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}
