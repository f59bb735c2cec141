//! What a file and its steps ask of models: `selection`, `requires_model`, and the entries of `models`.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::nearest;
use refrain_core::choice::{EXPERTISE, Strategy, Wish};
use refrain_schemas::choice::ModelEntry;
use refrain_schemas::duration::Span;
use refrain_schemas::money::PriceSpec;

use super::Lowering;
use super::reading::{Fields, Item, listed};
use crate::decode::decode;
use crate::node::Kind;

const SELECTION: [&str; 5] = ["strategy", "fallback", "timeout", "cost_limit", "max_latency_ms"];
const REQUIRES: [&str; 13] = [
    "min_size",
    "max_size",
    "expertise",
    "capabilities",
    "modalities",
    "max_latency_ms",
    "min_tokens_per_second",
    "min_accuracy_score",
    "cost_limit",
    "budget_period",
    "preferred",
    "excluded",
    "fallback_strategy",
];
const ENTRY: [&str; 9] =
    ["capabilities", "modalities", "context", "size", "quality", "speed", "latency_ms", "expertise", "cost"];
const MODALITIES: [&str; 4] = ["text", "vision", "code", "audio"];
const STRATEGIES: [&str; 3] = ["cost", "performance", "balanced"];

/// How a model is chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Selection {
    pub(super) strategy: Option<Strategy>,
    pub(super) fallback: Vec<String>,
    pub(super) timeout: Option<Span>,
    cost_limit: Option<f64>,
    max_latency_ms: Option<u64>,
}

impl Selection {
    /// Returns what a step says over what the file does.
    pub(super) fn over(self, other: Self) -> Self {
        Self {
            strategy: self.strategy.or(other.strategy),
            fallback: if self.fallback.is_empty() { other.fallback } else { self.fallback },
            timeout: self.timeout.or(other.timeout),
            cost_limit: self.cost_limit.or(other.cost_limit),
            max_latency_ms: self.max_latency_ms.or(other.max_latency_ms),
        }
    }
}

/// What a step asks of its model.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Requirements {
    pub(super) wish: Wish,
    /// Which of the models that fit stands in for the chosen one.
    pub(super) stand_in: Option<StandIn>,
}

/// Which of the models that fit stands in for the chosen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandIn {
    None,
    Best,
    Cheapest,
}

impl Requirements {
    /// Adds what the way of choosing asks for as well.
    pub(super) fn under(mut self, selection: &Selection) -> Self {
        self.wish.cost_limit = self.wish.cost_limit.or(selection.cost_limit);
        self.wish.max_latency_ms = self.wish.max_latency_ms.or(selection.max_latency_ms);
        self
    }
}

impl Lowering<'_, '_> {
    /// Reads a word, or a map with more.
    pub(super) fn selection(&mut self, item: &Item<'_>) -> Selection {
        let mut selection = Selection::default();
        if item.text().is_some() {
            selection.strategy = self.strategy(item);
            return selection;
        }
        let Some(fields) = self.reading.fields(item) else { return selection };
        self.reading.known(&fields, "a selection", &SELECTION, &[]);
        selection.strategy = fields.get("strategy").and_then(|item| self.strategy(&item));
        selection.fallback = fields.get("fallback").map(|item| self.model_names(&item)).unwrap_or_default();
        selection.timeout = fields.get("timeout").and_then(|item| self.reading.time(&item));
        selection.cost_limit = fields.get("cost_limit").and_then(|item| self.amount(&item));
        selection.max_latency_ms =
            fields.get("max_latency_ms").and_then(|item| self.reading.whole(&item)).map(u64::from);
        selection
    }

    fn strategy(&mut self, item: &Item<'_>) -> Option<Strategy> {
        Some(match self.reading.word(item, &STRATEGIES)? {
            "cost" => Strategy::Cost,
            "performance" => Strategy::Performance,
            _ => Strategy::Balanced,
        })
    }

    /// Reads the names of models.
    pub(super) fn model_names(&mut self, item: &Item<'_>) -> Vec<String> {
        let items = if item.text().is_some() {
            vec![item.clone()]
        } else {
            self.reading.list(item).unwrap_or_default()
        };
        items.iter().filter_map(|item| self.model_name(item)).collect()
    }

    /// Reads `requires_model:`; `none` asks nothing of a model, because none is asked.
    pub(super) fn requirements(&mut self, item: &Item<'_>) -> Requirements {
        let mut found = Requirements::default();
        let Some(fields) = self.reading.fields(item) else { return found };
        self.reading.known(&fields, "`requires_model`", &REQUIRES, &[]);
        let wish = &mut found.wish;
        wish.min_size = fields.get("min_size").and_then(|item| self.size(&item));
        wish.max_size = fields.get("max_size").and_then(|item| self.size(&item));
        wish.capabilities = self.words(&fields, "capabilities");
        wish.modalities = self.modalities(&fields);
        wish.max_latency_ms =
            fields.get("max_latency_ms").and_then(|item| self.reading.whole(&item)).map(u64::from);
        wish.min_speed = fields.get("min_tokens_per_second").and_then(|item| self.amount(&item));
        wish.min_quality = fields.get("min_accuracy_score").and_then(|item| self.share(&item));
        wish.cost_limit = fields.get("cost_limit").and_then(|item| self.amount(&item));
        wish.preferred = fields.get("preferred").map(|item| self.model_names(&item)).unwrap_or_default();
        wish.excluded = fields.get("excluded").map(|item| self.model_names(&item)).unwrap_or_default();
        if let Some(item) = fields.get("expertise") {
            self.expertise(&item, wish);
        }
        let words = ["best_available", "cheapest", "fail"];
        found.stand_in = fields.get("fallback_strategy").and_then(|item| {
            Some(match self.reading.word(&item, &words)? {
                "best_available" => StandIn::Best,
                "cheapest" => StandIn::Cheapest,
                _ => StandIn::None,
            })
        });
        self.budget_period(&fields);
        found
    }

    /// What a step may spend is counted for each run.
    fn budget_period(&mut self, fields: &Fields<'_>) {
        let Some(item) = fields.get("budget_period") else { return };
        let words = ["per-task", "per-pipeline", "per-hour"];
        let Some(word) = self.reading.word(&item, &words) else { return };
        if word == "per-hour" {
            let hint = Some("write `per-task` or `per-pipeline`: a run ends".to_owned());
            self.reading.at(Code::StepRefused, &item, "nothing is counted by the hour", hint);
        } else if fields.get("cost_limit").is_none() {
            let hint = Some("add `cost_limit:`, or leave it out".to_owned());
            self.reading.at_key(Code::StepMissing, &item, "there is no limit to count towards", hint);
        }
    }

    /// A word for how much it knows, or a list of what it knows about.
    fn expertise(&mut self, item: &Item<'_>, wish: &mut Wish) {
        if item.text().is_none() {
            wish.expertise = self.names(item);
            return;
        }
        let words: Vec<&str> = EXPERTISE.iter().map(|(word, _)| *word).collect();
        let word = self.reading.word(item, &words);
        let found = word.and_then(|word| EXPERTISE.iter().find(|(known, _)| *known == word));
        if let Some((_, quality)) = found.filter(|(_, quality)| *quality > 0.0) {
            wish.min_quality = Some(wish.min_quality.map_or(*quality, |own: f64| own.max(*quality)));
        }
    }

    fn names(&mut self, item: &Item<'_>) -> Vec<String> {
        self.reading.names(item).into_iter().map(|(name, _)| name).collect()
    }

    fn words(&mut self, fields: &Fields<'_>, key: &str) -> Vec<String> {
        fields.get(key).map(|item| self.names(&item)).unwrap_or_default()
    }

    fn modalities(&mut self, fields: &Fields<'_>) -> Vec<String> {
        let Some(item) = fields.get("modalities") else { return Vec::new() };
        let names = self.reading.names(&item);
        let (known, unknown): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|(name, _)| MODALITIES.contains(&name.as_str()));
        for (name, item) in &unknown {
            let meant = nearest(name, MODALITIES).map(|word| format!("did you mean `{word}`? "));
            let hint = format!("{}use one of {}", meant.unwrap_or_default(), listed(&MODALITIES));
            self.reading.at(Code::NotAChoice, item, format!("`{name}` is no modality"), Some(hint));
        }
        known.into_iter().map(|(name, _)| name).collect()
    }

    /// Reads a number that is not below nothing.
    fn amount(&mut self, item: &Item<'_>) -> Option<f64> {
        let number = match item.node.kind {
            Kind::Float(number) => Some(number),
            Kind::Integer(number) => i32::try_from(number).ok().map(f64::from),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        if number.is_none() {
            let message = format!("`{}` cannot be {}", item.name(), item.node.describe());
            self.reading.at(Code::NumberRange, item, message, Some("write a number, 0 or more".to_owned()));
        }
        number
    }

    fn share(&mut self, item: &Item<'_>) -> Option<f64> {
        let number = self.amount(item)?;
        if number > 1.0 {
            let message = format!("`{}` is {number}, and 1 is the most", item.name());
            self.reading.at(Code::NumberRange, item, message, Some("write 0.8 for instance".to_owned()));
            return None;
        }
        Some(number)
    }

    /// Reads billions of parameters: a number, or `7b` and `500m`.
    fn size(&mut self, item: &Item<'_>) -> Option<f64> {
        let Some(text) = item.text() else { return self.amount(item) };
        let text = text.trim().to_ascii_lowercase();
        let (digits, billions) = match text.strip_suffix('m') {
            Some(digits) => (digits, 0.001),
            None => (text.strip_suffix('b').unwrap_or(&text), 1.0),
        };
        let number = digits.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        if number.is_none() {
            let hint = Some("write billions of parameters, such as `7` or `7b`".to_owned());
            self.reading.at(Code::NumberRange, item, format!("`{text}` is no size of a model"), hint);
        }
        number.map(|number| number * billions)
    }

    /// Reads `models:`, which are the ones to choose from.
    pub(super) fn registry(&mut self, section: &Item<'_>) {
        let Some(fields) = self.reading.fields(section) else { return };
        for (written, item) in fields.iter() {
            let Some(name) = self.name_of_entry(written, &item) else { continue };
            let entry = if matches!(item.node.kind, Kind::Null) {
                ModelEntry::default()
            } else {
                let Some(fields) = self.reading.fields(&item) else { continue };
                self.entry(&fields)
            };
            self.models.own.insert(name, entry);
        }
        if fields.entries.is_empty() {
            self.reading.at_key(Code::NotAChoice, section, "no model is named", None);
        }
    }

    fn name_of_entry(&mut self, written: &str, item: &Item<'_>) -> Option<String> {
        let name = super::models::named_model(written);
        if name.is_none() {
            let hint = Some("write `PROVIDER/MODEL: { … }`".to_owned());
            self.reading.at_key(Code::NotAChoice, item, format!("`{written}` names no model"), hint);
        }
        name
    }

    fn entry(&mut self, fields: &Fields<'_>) -> ModelEntry {
        self.reading.known(fields, "a model", &ENTRY, &[]);
        let is_there = |key: &str| fields.get(key).is_some();
        let whole = |this: &mut Self, key: &str| {
            fields.get(key).and_then(|item| this.reading.whole(&item)).map(u64::from)
        };
        let cost = fields.get("cost").and_then(|item| match decode::<PriceSpec>(item.node) {
            Ok(price) => Some(price),
            Err(error) => {
                let hint = Some("write dollars for a million tokens: `{ input: 1, output: 4 }`".to_owned());
                self.reading.at_key(Code::Shape, &item, error.to_string(), hint);
                None
            }
        });
        ModelEntry {
            capabilities: is_there("capabilities").then(|| self.words(fields, "capabilities")),
            modalities: is_there("modalities").then(|| self.modalities(fields)),
            context: whole(self, "context"),
            size: fields.get("size").and_then(|item| self.size(&item)),
            quality: fields.get("quality").and_then(|item| self.share(&item)),
            speed: fields.get("speed").and_then(|item| self.amount(&item)),
            latency_ms: whole(self, "latency_ms"),
            expertise: is_there("expertise").then(|| self.words(fields, "expertise")),
            cost,
        }
    }
}
