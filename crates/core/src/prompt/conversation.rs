//! What one call tells a model: about one unit the messages that its key is made from, about several the same with
//! numbers.

use std::fmt::Write as _;

use refrain_schemas::failure::Failure;
use refrain_schemas::json::Json;
use serde_json::Value;

use super::render::{About, Renderer};
use super::{Sight, shape};
use crate::ports::agent::Conversation;

impl Renderer {
    /// Renders what a model is told in one call.
    ///
    /// # Errors
    /// Fails where a template does about one of the units alone.
    pub fn conversation(&self, abouts: &[About<'_>]) -> Result<Conversation, Failure> {
        let alone = abouts.iter().map(|about| self.alone(*about)).collect::<Result<Vec<_>, _>>()?;
        let answer = self.prompt().answer.as_ref().map(|schema| &schema.json);
        // Where there is a schema, no text becomes a record.
        let field = if answer.is_none() { self.prompt().field.clone() } else { String::new() };
        let under = self.prompt().under.clone();
        let numbered = abouts.len() > 1;
        let mut alone = alone.into_iter();
        let first = alone.next();
        let (system, user) = first.map(|first| (first.system, first.user)).unwrap_or_default();
        if !numbered {
            let is_wrapped = answer.is_some_and(|answer| !shape::is_object(answer));
            let schema = self.prompt().schema();
            return Ok(Conversation { system, user, schema, numbered, wrapped: is_wrapped, field, under });
        }
        // A system prompt hangs on no unit where units are packed: the check sees to it.
        let together = (self.prompt().sight == Sight::All).then(|| self.together(abouts));
        let user = match together {
            Some(Ok(user)) => user,
            // What can be said of each unit but not of all of them is said of each.
            _ => blocks(std::iter::once(user).chain(alone.map(|rendered| rendered.user))),
        };
        let user = format!("{user}\n\n{}", instruction(abouts.len()));
        let schema = Some(shape::numbered(answer));
        Ok(Conversation { system, user, schema, numbered, wrapped: false, field, under })
    }
}

fn blocks(users: impl Iterator<Item = String>) -> String {
    let mut out = String::new();
    for (n, user) in users.enumerate() {
        let gap = if n == 0 { "" } else { "\n\n" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{gap}<unit n=\"{}\">\n{user}\n</unit>", n + 1);
    }
    out
}

fn instruction(n: usize) -> String {
    format!(
        "There are {n} units above, numbered from 1 in their order. Treat each one as if it were alone. Answer with one \
         JSON object, {{\"units\": [{{\"n\": 1, \"output\": …}}, …]}}: one entry for each of the {n} units, `n` its \
         number and `output` your answer about it."
    )
}

impl Conversation {
    /// Returns how many bytes a model is told, its schema included; no tokenizer makes more tokens of them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let schema = self.schema.as_ref().map_or(0, |schema| schema.as_str().len());
        (self.system.len() + self.user.len() + schema) as u64
    }

    /// Returns the outputs in an answer that has the shape of [`Conversation::schema`], with the numbers of their units;
    /// `None` where it has not. Where texts are asked for, each becomes a record.
    #[must_use]
    pub fn outputs(&self, answer: &Value) -> Option<Vec<(usize, Json)>> {
        if !self.numbered {
            let output = if self.wrapped { answer.get(shape::ANSWER)? } else { answer };
            return Some(vec![(1, self.output(output)?)]);
        }
        let entries = answer.get(shape::UNITS)?.as_array()?.iter();
        let entry = |entry: &Value| {
            let n = usize::try_from(entry.get("n")?.as_u64()?).ok()?;
            Some((n, self.output(entry.get("output")?)?))
        };
        entries.map(entry).collect()
    }

    fn output(&self, output: &Value) -> Option<Json> {
        match output {
            Value::String(text) if self.asks_for_text() => Some(self.record(text)),
            output => Json::of(output).ok().map(|output| self.placed(output)),
        }
    }

    /// Returns the record that an output with a schema becomes.
    #[must_use]
    pub fn placed(&self, output: Json) -> Json {
        match self.under.as_str() {
            "" => output,
            field => Json::object([(field, output.as_str())]),
        }
    }

    /// Whether the output about a unit is a text.
    #[must_use]
    pub fn asks_for_text(&self) -> bool {
        self.schema.is_none() || (self.numbered && !self.field.is_empty())
    }

    /// Returns the record that a text becomes.
    #[must_use]
    pub fn record(&self, text: &str) -> Json {
        Json::object([(self.field.as_str(), Json::string(text).as_str())])
    }
}
