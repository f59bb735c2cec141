//! Which model is asked, where a step says what it needs and not who answers.
//!
//! A pure function of what is asked for and what is known: the same in every order, and nothing here asks anybody.

use std::cmp::Ordering;

use refrain_schemas::choice::ModelEntry;
use refrain_schemas::money::PriceSpec;
use serde::Serialize;

#[cfg(test)]
mod tests;

/// The words for how much a model knows, each with the quality that it stands for at least.
pub const EXPERTISE: [(&str, f64); 5] =
    [("very-low", 0.0), ("low", 0.2), ("medium", 0.4), ("high", 0.6), ("very-high", 0.8)];

/// What counts most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The cheapest that fits.
    Cost,
    /// The best that fits.
    Performance,
    /// Half of it quality, and then price and speed.
    #[default]
    Balanced,
}

/// What a step asks of its model. What is not said does not matter.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Wish {
    /// What it must be able to do.
    pub capabilities: Vec<String>,
    /// What it must read.
    pub modalities: Vec<String>,
    /// What it must know about.
    pub expertise: Vec<String>,
    /// How good it must be.
    pub min_quality: Option<f64>,
    /// How many billions of parameters it must have.
    pub min_size: Option<f64>,
    /// How many it may have.
    pub max_size: Option<f64>,
    /// How long it may take to begin, in milliseconds.
    pub max_latency_ms: Option<u64>,
    /// How many tokens a second it must say.
    pub min_speed: Option<f64>,
    /// The most that an answer may cost, in dollars; a model without a price may cost anything.
    pub cost_limit: Option<f64>,
    /// The models to take first, where they fit.
    pub preferred: Vec<String>,
    /// The models that are out of the question.
    pub excluded: Vec<String>,
}

impl Wish {
    /// Whether any model would do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A model that may be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name, as `endpoint/name`.
    pub name: String,
    /// What is known of it; nothing where there is no entry.
    pub entry: Option<ModelEntry>,
    /// What it costs.
    pub price: Option<PriceSpec>,
    /// Whether its endpoint and its key are at hand.
    pub is_reachable: bool,
}

/// How long what a model is told and its answer are, as far as that is known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Tokens it is told, at least.
    pub input: u64,
    /// Tokens it may answer.
    pub output: Option<u64>,
}

/// The models that fit, the best first, and those that do not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking {
    /// Those that fit.
    pub fitting: Vec<String>,
    /// The others, with what each lacks.
    pub lacking: Vec<(String, Vec<String>)>,
}

/// Puts models in order: those that can be reached before the others, those that are preferred before those, and then by what
/// the strategy says of them; ties by name.
#[must_use]
pub fn rank(wish: &Wish, extent: Extent, strategy: Strategy, candidates: &[Candidate]) -> Ranking {
    let mut ranking = Ranking::default();
    let mut fitting: Vec<&Candidate> = Vec::new();
    for candidate in candidates {
        let lacks = lacks(wish, extent, candidate);
        if lacks.is_empty() {
            fitting.push(candidate);
        } else {
            ranking.lacking.push((candidate.name.clone(), lacks));
        }
    }
    let scores = Scores::of(&fitting);
    let place = |candidate: &Candidate| {
        wish.preferred.iter().position(|name| *name == candidate.name).unwrap_or(usize::MAX)
    };
    fitting.sort_by(|a, b| {
        b.is_reachable
            .cmp(&a.is_reachable)
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| scores.of_strategy(strategy, b).total_cmp(&scores.of_strategy(strategy, a)))
            .then_with(|| a.name.cmp(&b.name))
    });
    ranking.fitting = fitting.into_iter().map(|candidate| candidate.name.clone()).collect();
    ranking.lacking.sort();
    ranking
}

/// Says what a model lacks.
#[must_use]
pub fn lacks(wish: &Wish, extent: Extent, candidate: &Candidate) -> Vec<String> {
    let mut lacks = Vec::new();
    if wish.excluded.contains(&candidate.name) {
        lacks.push("it is excluded".to_owned());
    }
    let nothing = ModelEntry::default();
    let entry = match &candidate.entry {
        Some(entry) => entry,
        None if wish.wants_to_know() => {
            lacks.push("nothing is known of it".to_owned());
            return lacks;
        }
        None => &nothing,
    };
    words("capability", &wish.capabilities, entry.capabilities.as_deref(), &mut lacks);
    words("modality", &wish.modalities, entry.modalities.as_deref(), &mut lacks);
    words("expertise", &wish.expertise, entry.expertise.as_deref(), &mut lacks);
    least("quality", wish.min_quality, entry.quality, &mut lacks);
    least("size", wish.min_size, entry.size, &mut lacks);
    most("size", wish.max_size, entry.size, &mut lacks);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
    let milliseconds = |number: Option<u64>| number.map(|number| number as f64);
    most("latency_ms", milliseconds(wish.max_latency_ms), milliseconds(entry.latency_ms), &mut lacks);
    least("speed", wish.min_speed, entry.speed, &mut lacks);
    let tokens = extent.input.saturating_add(extent.output.unwrap_or(0));
    if let Some(context) = entry.context.filter(|context| *context < tokens) {
        lacks.push(format!("its context of {context} tokens is shorter than {tokens}"));
    }
    cost(wish, extent, candidate.price, &mut lacks);
    lacks
}

impl Wish {
    /// Whether anything has to be known of a model.
    fn wants_to_know(&self) -> bool {
        let Self { preferred: _, excluded: _, cost_limit: _, .. } = self;
        let rest = Self { preferred: Vec::new(), excluded: Vec::new(), cost_limit: None, ..self.clone() };
        !rest.is_empty()
    }
}

fn words(what: &str, wanted: &[String], known: Option<&[String]>, lacks: &mut Vec<String>) {
    let is_there = |word: &&String| known.is_some_and(|known| known.contains(word));
    lacks.extend(wanted.iter().filter(|word| !is_there(word)).map(|word| format!("no {what} `{word}`")));
}

fn least(what: &str, least: Option<f64>, known: Option<f64>, lacks: &mut Vec<String>) {
    match (least, known) {
        (Some(least), Some(known)) if known < least => {
            lacks.push(format!("its {what} of {known} is below {least}"));
        }
        (Some(_), None) => lacks.push(format!("its {what} is not known")),
        _ => {}
    }
}

fn most(what: &str, most: Option<f64>, known: Option<f64>, lacks: &mut Vec<String>) {
    match (most, known) {
        (Some(most), Some(known)) if known > most => {
            lacks.push(format!("its {what} of {known} is above {most}"));
        }
        (Some(_), None) => lacks.push(format!("its {what} is not known")),
        _ => {}
    }
}

/// What the longest answer costs has to stay within the limit.
fn cost(wish: &Wish, extent: Extent, price: Option<PriceSpec>, lacks: &mut Vec<String>) {
    let Some(limit) = wish.cost_limit else { return };
    let Some(price) = price else { return lacks.push("its price is not known".to_owned()) };
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
    let dollars = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
    let whole = dollars(extent.input, price.input) + dollars(extent.output.unwrap_or(0), price.output);
    if whole > limit {
        lacks.push(format!("an answer costs up to ${whole:.4}, and the limit is ${limit}"));
    }
}

/// How models compare with each other.
struct Scores {
    prices: Vec<f64>,
    speeds: Vec<f64>,
}

impl Scores {
    fn of(candidates: &[&Candidate]) -> Self {
        let sorted = |numbers: Vec<f64>| {
            let mut numbers = numbers;
            numbers.sort_by(f64::total_cmp);
            numbers.dedup();
            numbers
        };
        let prices = candidates.iter().filter_map(|candidate| blended(candidate)).collect();
        let speeds = candidates.iter().filter_map(|candidate| candidate.entry.as_ref()?.speed).collect();
        Self { prices: sorted(prices), speeds: sorted(speeds) }
    }

    /// Returns how well a model does; more is better.
    fn of_strategy(&self, strategy: Strategy, candidate: &Candidate) -> f64 {
        let entry = candidate.entry.as_ref();
        let quality = entry.and_then(|entry| entry.quality);
        match strategy {
            // What may cost anything comes last.
            Strategy::Cost => blended(candidate).map_or(f64::NEG_INFINITY, |price| -price),
            Strategy::Performance => quality.unwrap_or(-1.0),
            Strategy::Balanced => {
                let price = blended(candidate).map_or(1.0, |price| share(&self.prices, price));
                let speed =
                    entry.and_then(|entry| entry.speed).map_or(0.0, |speed| share(&self.speeds, speed));
                0.5 * quality.unwrap_or(0.0) + 0.3 * (1.0 - price) + 0.2 * speed
            }
        }
    }
}

/// Dollars for a million tokens, three of four of which are sent.
fn blended(candidate: &Candidate) -> Option<f64> {
    candidate.price.map(|price| 0.75f64.mul_add(price.input, 0.25 * price.output))
}

/// The share of the numbers that are smaller.
#[expect(clippy::cast_precision_loss, reason = "there are few models")]
fn share(sorted: &[f64], number: f64) -> f64 {
    let below = sorted.iter().filter(|known| known.total_cmp(&number) == Ordering::Less).count();
    below as f64 / sorted.len().saturating_sub(1).max(1) as f64
}
