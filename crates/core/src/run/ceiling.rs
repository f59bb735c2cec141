//! The most that a call can consume.

use refrain_schemas::json::Json;
use refrain_schemas::usage::Usage;

use crate::ports::agent::{ModelTraits, Request};

use super::purse::{Amount, Hold};

/// What a request adds around what is said in it: roles, separators, the frame of a schema.
const FRAME: u64 = 200;
/// What a provider tells a model of its own accord where there are tools: some hundreds of tokens.
const TOOLS_FRAME: u64 = 600;
/// How many bytes a token has, about; for estimates, never for ceilings.
const BYTES_PER_TOKEN: u64 = 4;
/// How long an answer is, about, where nobody says how long it may get.
const USUAL_OUTPUT: u64 = 500;

/// Returns what has to be set aside for a call; so many bytes of each of its requests are about tools. A token has at
/// least one byte, so there are never more tokens than bytes.
pub(super) fn hold(model: Option<&ModelTraits>, request: &Request, tool_bytes: u64) -> Hold {
    let one = Amount { calls: 1, ..Amount::default() };
    let Some(model) = model else { return Hold { amount: one, ..Hold::default() } };
    let Some(output) = model.max_output else {
        return Hold { amount: one, ceiling: None, no_tokens: true, no_dollars: true };
    };
    let tools = if tool_bytes > 0 { tool_bytes.saturating_add(TOOLS_FRAME) } else { 0 };
    let usage = most(model, bytes(request).saturating_add(tools), output);
    Hold {
        amount: Amount::of(&usage),
        ceiling: Some(usage),
        no_tokens: false,
        no_dollars: usage.cost_usd.is_none(),
    }
}

/// Returns the most that the requests of one call consume: each later one carries the answers to those before, and what
/// tools said to them.
pub(crate) fn most(model: &ModelTraits, bytes: u64, output: u64) -> Usage {
    let n = u64::from(model.requests.max(1));
    let before = n.saturating_mul(n - 1) / 2;
    let input = n.saturating_mul(bytes.saturating_add(FRAME));
    let input = input.saturating_add(before.saturating_mul(output.saturating_add(model.round_bytes)));
    let mut usage =
        Usage { input_tokens: input, output_tokens: n.saturating_mul(output), ..Usage::default() };
    usage.cost_usd = model.dearest.or(model.price).map(|price| {
        // Nobody knows beforehand what will be in the provider's cache.
        let dearest = price.cached_input.unwrap_or(price.input).max(price.input);
        let price = refrain_schemas::money::PriceSpec { input: dearest, cached_input: None, ..price };
        price.cost(&usage)
    });
    usage
}

/// Returns how many tokens a call takes, about.
pub(super) fn estimate(model: Option<&ModelTraits>, request: &Request) -> u64 {
    let output = model.and_then(|model| model.max_output).unwrap_or(USUAL_OUTPUT);
    (bytes(request) / BYTES_PER_TOKEN).saturating_add(output)
}

/// Returns how many bytes are sent.
fn bytes(request: &Request) -> u64 {
    let asked = match &request.conversation {
        Some(conversation) => {
            let schema = conversation.schema.as_ref().map_or(0, |schema| schema.as_str().len());
            conversation.system.len() + conversation.user.len() + schema
        }
        None => {
            let units = request.units.iter();
            let own: usize = units.map(|unit| unit.input.as_str().len() + unit.context.as_str().len()).sum();
            own + request.context.as_str().len() + request.params.as_str().len()
        }
    };
    // What was said before stands beside what is wrong with it, each in a frame of its own.
    let repairs = request.repairs.iter();
    let repairs: u64 = repairs
        .map(|repair| {
            // What was said may stand in JSON, where it is longer.
            let said = Json::string(&repair.said).as_str().len();
            (said + repair.error.len() + repair.unit.as_str().len()) as u64 + FRAME
        })
        .sum();
    asked as u64 + repairs
}
