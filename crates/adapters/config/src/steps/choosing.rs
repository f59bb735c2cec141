//! Which model a step asks: its own, that of its expert, that of its tools, the default of the file, or one that is chosen.

use std::collections::BTreeMap;

use refrain_core::check::code::Code;
use refrain_core::choice::{Candidate, Extent, Ranking, Strategy, lacks, rank};
use refrain_schemas::choice::{ChoiceOnRecord, ModelChoice, ModelEntry};
use refrain_schemas::digest::Digest;
use refrain_schemas::pipeline::Declarations;
use serde_json::json;

use super::Lowering;
use super::reading::Item;
use super::wishes::{Requirements, Selection, StandIn};

/// How many models that do not fit are told of.
const TOLD: usize = 6;

/// What there is to go by for one step.
pub(super) struct Case<'a, 'n> {
    pub(super) id: &'a str,
    pub(super) phase: &'a str,
    /// Where problems are shown.
    pub(super) item: &'a Item<'n>,
    /// The model of the step itself, or of its expert.
    pub(super) own: Option<String>,
    /// Whether the step leaves its model open: `model: auto`.
    pub(super) is_open: bool,
    /// The models that are good with its tools.
    pub(super) of_tools: Vec<String>,
    pub(super) requires: Option<Requirements>,
    pub(super) selection: Option<Selection>,
    pub(super) extent: Extent,
}

/// The models that a step asks, one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Asked {
    pub(super) models: Vec<String>,
    /// How a model is chosen for it, where that matters.
    pub(super) selection: Selection,
    pub(super) cost_limit: Option<f64>,
}

impl Lowering<'_, '_> {
    /// Makes out which models a step asks; nothing where none can be, which is told.
    pub(super) fn asked_models(&mut self, case: &Case<'_, '_>) -> Option<Asked> {
        let is_said = case.selection.is_some() || self.models.selection.is_some();
        let of_file = self.models.selection.clone().unwrap_or_default();
        let selection = case.selection.clone().unwrap_or_default().over(of_file);
        let requires = case.requires.clone().unwrap_or_default().under(&selection);
        let is_free = case.requires.is_none() && case.selection.is_none() && !case.is_open;
        let models = if let Some(own) = &case.own {
            self.fixed(case, own, "the step", &requires, &selection)?
        } else if !case.of_tools.is_empty() {
            self.of_tools(case, &requires, &selection)?
        } else if let Some(default) =
            self.models.default.clone().filter(|_| !case.is_open && case.selection.is_none())
        {
            let fits = is_free || self.fits(&default, &requires, case.extent);
            if fits || !is_said {
                self.fixed(case, &default, "the default", &requires, &selection)?
            } else {
                self.chosen(case, &requires, &selection)?
            }
        } else if is_said || !is_free {
            self.chosen(case, &requires, &selection)?
        } else {
            let message = format!("step `{}` asks a model, and there is none", case.id);
            self.reading.at(Code::StepModel, case.item, message, None);
            return None;
        };
        Some(Asked { models, selection, cost_limit: requires.wish.cost_limit })
    }

    fn fits(&self, model: &str, requires: &Requirements, extent: Extent) -> bool {
        lacks(&requires.wish, extent, &self.candidate(model)).is_empty()
    }

    /// A model that is named stays, and has to be what the step asks for.
    fn fixed(
        &mut self,
        case: &Case<'_, '_>,
        model: &str,
        whose: &str,
        requires: &Requirements,
        selection: &Selection,
    ) -> Option<Vec<String>> {
        let lacking = lacks(&requires.wish, case.extent, &self.candidate(model));
        let is_asked_for = case.requires.is_some() || case.selection.is_some();
        if is_asked_for && !lacking.is_empty() {
            let message = format!(
                "`{model}`, the model of {whose}, does not fit step `{}`: {}",
                case.id,
                lacking.join("; ")
            );
            let hint = Some(
                "name another model, ask for less, or say how to choose one: `selection: balanced`"
                    .to_owned(),
            );
            self.reading.at(Code::StepNoFit, case.item, message, hint);
            return None;
        }
        Some(with_fallback(model, &declared(requires, selection)))
    }

    /// Of several that are good with its tools, the one that fits best.
    fn of_tools(
        &mut self,
        case: &Case<'_, '_>,
        requires: &Requirements,
        selection: &Selection,
    ) -> Option<Vec<String>> {
        if let [only] = case.of_tools.as_slice() {
            return self.fixed(case, &only.clone(), "its tools", requires, selection);
        }
        let candidates: Vec<Candidate> = case.of_tools.iter().map(|name| self.candidate(name)).collect();
        self.choice(case, requires, selection, &candidates)
    }

    fn chosen(
        &mut self,
        case: &Case<'_, '_>,
        requires: &Requirements,
        selection: &Selection,
    ) -> Option<Vec<String>> {
        let names: Vec<String> = if self.models.own.is_empty() {
            let shipped = self.given.models.map(|models| models.shipped().keys().cloned().collect());
            shipped.unwrap_or_default()
        } else {
            self.models.own.keys().cloned().collect()
        };
        let candidates: Vec<Candidate> = names.iter().map(|name| self.candidate(name)).collect();
        self.choice(case, requires, selection, &candidates)
    }

    /// Chooses, unless what was chosen before still holds.
    fn choice(
        &mut self,
        case: &Case<'_, '_>,
        requires: &Requirements,
        selection: &Selection,
        candidates: &[Candidate],
    ) -> Option<Vec<String>> {
        let strategy = selection.strategy.unwrap_or_default();
        let ranking = rank(&requires.wish, case.extent, strategy, candidates);
        let asked = self.asked_digest(case, requires, selection);
        let record = self.given.choices.and_then(|choices| choices.phases.get(case.phase)).cloned();
        let fits = |name: &String| ranking.fitting.contains(name);
        let kept = record.clone().filter(|record| {
            !self.given.choose_anew && record.asked == asked && record.models.first().is_some_and(fits)
        });
        let models = match &kept {
            Some(record) => record.models.clone(),
            None => {
                let Some(best) = ranking.fitting.first() else {
                    self.no_fit(case, &ranking);
                    return None;
                };
                let stand_ins = match requires.stand_in {
                    Some(StandIn::None) => Vec::new(),
                    Some(how) => stand_in(how, requires, case.extent, candidates, best),
                    None => declared(requires, selection),
                };
                with_fallback(best, &stand_ins)
            }
        };
        let model = models.first()?.clone();
        if requires.stand_in.is_some() {
            self.no_silent_cost(case, &models, candidates);
        }
        let before = record.and_then(|record| record.models.first().cloned());
        self.chosen.push(ModelChoice {
            step: case.phase.to_owned(),
            fallback: models[1..].to_vec(),
            reason: reason(strategy, requires, &ranking, candidates, &model),
            others: ranking.fitting.iter().filter(|name| **name != model).cloned().collect(),
            lacking: ranking.lacking.into_iter().collect(),
            kept: kept.is_some(),
            instead_of: before.filter(|before| *before != model),
            model,
        });
        let record = ChoiceOnRecord { models: models.clone(), asked };
        self.record.phases.insert(case.phase.to_owned(), record);
        Some(models)
    }

    /// Returns the digest of what a choice is made from: what is asked for and what the file says of models, without prices.
    fn asked_digest(&self, case: &Case<'_, '_>, requires: &Requirements, selection: &Selection) -> Digest {
        let without_price = |entry: &ModelEntry| ModelEntry { cost: None, ..entry.clone() };
        let own: BTreeMap<&String, ModelEntry> =
            self.models.own.iter().map(|(name, entry)| (name, without_price(entry))).collect();
        let stand_in = requires.stand_in.map(|stand_in| format!("{stand_in:?}"));
        let asked = json!([
            requires.wish,
            selection.strategy.unwrap_or_default(),
            selection.fallback,
            stand_in,
            case.of_tools,
            own,
        ]);
        Digest::of_content(asked.to_string().as_bytes())
    }

    /// Nobody goes from what is free to what is paid without a word.
    fn no_silent_cost(&mut self, case: &Case<'_, '_>, models: &[String], candidates: &[Candidate]) {
        let is_free = |name: &String| {
            let price =
                candidates.iter().find(|candidate| candidate.name == *name).and_then(|found| found.price);
            price.is_some_and(|price| price.input == 0.0 && price.output == 0.0)
        };
        let Some((first, others)) = models.split_first().filter(|(first, _)| is_free(first)) else { return };
        if let Some(paid) = others.iter().find(|name| !is_free(name)) {
            let message =
                format!("`{paid}`, which stands in for `{first}`, may cost money, and that is free");
            self.reading.at(Code::PaidStandIn, case.item, message, None);
        }
    }

    fn no_fit(&mut self, case: &Case<'_, '_>, ranking: &Ranking) {
        let told = ranking.lacking.iter().take(TOLD);
        let mut told: Vec<String> =
            told.map(|(name, lacks)| format!("`{name}`: {}", lacks.join("; "))).collect();
        if ranking.lacking.len() > TOLD {
            told.push(format!("and {} more", ranking.lacking.len() - TOLD));
        }
        let hint = if told.is_empty() {
            "declare models under `models:`".to_owned()
        } else {
            format!("ask for less, or declare one under `models:`; {}", told.join(", "))
        };
        let message = format!("no model fits step `{}`", case.id);
        self.reading.at(Code::StepNoFit, case.item, message, Some(hint));
    }

    /// Returns what is known of a model: what the file says, over what ships.
    fn candidate(&self, name: &str) -> Candidate {
        let shipped = self.given.models.and_then(|models| models.shipped().get(name));
        let entry = match (self.models.own.get(name), shipped) {
            (Some(own), Some(shipped)) => Some(own.clone().over(shipped)),
            (own, shipped) => own.or(shipped).cloned(),
        };
        let declared = Declarations {
            endpoints: self.pipeline.endpoints.clone(),
            prices: self.pipeline.prices.clone(),
            ..Declarations::default()
        };
        let own = self.pipeline.prices.get(name).copied().or_else(|| entry.as_ref()?.cost);
        Candidate {
            name: name.to_owned(),
            price: own.or_else(|| self.given.models?.price(&declared, name)),
            is_reachable: self.given.models.is_none_or(|models| models.is_reachable(&declared, name)),
            entry,
        }
    }
}

/// Models that were named to stand in.
fn declared(requires: &Requirements, selection: &Selection) -> Vec<String> {
    match requires.stand_in {
        Some(StandIn::None) => Vec::new(),
        _ => selection.fallback.clone(),
    }
}

fn with_fallback(model: &str, fallback: &[String]) -> Vec<String> {
    let mut models = vec![model.to_owned()];
    for name in fallback {
        if !models.contains(name) {
            models.push(name.clone());
        }
    }
    models
}

/// Returns the model that stands in for the best one: the best of the others, or the cheapest.
fn stand_in(
    how: StandIn,
    requires: &Requirements,
    extent: Extent,
    candidates: &[Candidate],
    best: &str,
) -> Vec<String> {
    let strategy = if how == StandIn::Cheapest { Strategy::Cost } else { Strategy::Performance };
    let ranking = rank(&requires.wish, extent, strategy, candidates);
    ranking.fitting.into_iter().find(|name| name != best).into_iter().collect()
}

fn reason(
    strategy: Strategy,
    requires: &Requirements,
    ranking: &Ranking,
    candidates: &[Candidate],
    model: &str,
) -> String {
    let n = ranking.fitting.len();
    let fit = if n == 1 { "the only one that fits".to_owned() } else { format!("of {n} that fit") };
    let why = match strategy {
        _ if n == 1 => String::new(),
        _ if requires.wish.preferred.iter().any(|name| name == model) => "the preferred one ".to_owned(),
        Strategy::Cost => "the cheapest ".to_owned(),
        Strategy::Performance => "the best ".to_owned(),
        Strategy::Balanced => "the most balanced ".to_owned(),
    };
    let is_reachable = candidates.iter().any(|candidate| candidate.name == model && candidate.is_reachable);
    let key = if is_reachable { "" } else { "; its key is not set" };
    format!("{why}{fit}{key}")
}
