//! Asking again: the answer as it was, and what is wrong with it.

use refrain_core::ports::agent::{AskedUnit, Conversation, Repair};
use serde_json::{Value, json};

use super::wire::{Said, Turn};

/// Returns what is said again and what is said to it, where earlier answers were no good.
pub(super) fn repair_turns(
    conversation: &Conversation,
    units: &[AskedUnit],
    repairs: &[Repair],
) -> Vec<Turn> {
    if repairs.is_empty() {
        return Vec::new();
    }
    let said = said_before(conversation, units, repairs);
    let number =
        |repair: &Repair| units.iter().position(|unit| unit.id == repair.unit).map_or(0, |at| at + 1);
    let errors: Vec<String> = repairs
        .iter()
        .map(|repair| match (conversation.numbered, repair.error.as_str()) {
            (true, error) => format!("- number {}: {error}", number(repair)),
            (false, error) => format!("- {error}"),
        })
        .collect();
    let again = if conversation.numbered {
        "Answer again, with all units, in the form that was asked for."
    } else {
        "Answer again in the form that was asked for."
    };
    let complaint = format!("That answer cannot be used:\n{}\n{again}", errors.join("\n"));
    let said = Said { text: said, ..Said::default() };
    vec![Turn::Model(said), Turn::User(complaint)]
}

/// Returns the earlier answer as the model may have given it.
fn said_before(conversation: &Conversation, units: &[AskedUnit], repairs: &[Repair]) -> String {
    let mut texts: Vec<&str> = repairs.iter().map(|repair| repair.said.as_str()).collect();
    texts.dedup();
    let parsed = |repair: &Repair| serde_json::from_str::<Value>(&repair.said).ok();
    if conversation.numbered && (texts.len() > 1 || repairs.len() == 1) {
        let item = |(at, unit): (usize, &AskedUnit)| {
            let repair = repairs.iter().find(|repair| repair.unit == unit.id)?;
            Some(
                json!({ "n": at + 1, "output": parsed(repair).unwrap_or_else(|| repair.said.clone().into()) }),
            )
        };
        let items: Vec<Value> = units.iter().enumerate().filter_map(item).collect();
        return json!({ "units": items }).to_string();
    }
    let text = texts.join("\n");
    // A turn without words is refused by some providers.
    if text.trim().is_empty() { "(nothing)".to_owned() } else { text }
}
