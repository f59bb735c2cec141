//! What calls would come to that nobody has made before, guessed from what would be said in them.

use refrain_schemas::agent_spec::Effort;
use refrain_schemas::json::Json;
use refrain_schemas::plan::{Basis, Estimate};

use crate::model::AgentModel;
use crate::prompt::Prompt;
use crate::tokens::count;

use super::outlay::{Expected, PerCall, Wanted};
use super::spent::float;

/// How many calls are made up to be measured.
const MEASURED: usize = 32;

/// How far the count of tokens may be off, and how far the length of an answer or of a unit that is not there yet.
const OFF: (f64, f64) = (0.8, 1.25);
const FAR_OFF: (f64, f64) = (0.4, 2.5);

/// What an answer has besides its contents, in tokens.
const AROUND_ANSWER: f64 = 8.0;

/// What would be said in a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Tokens sent in a call.
    pub(super) sent: f64,
    /// Tokens of the units that a call is about, without anything around them.
    pub(super) units: f64,
    /// How many units a call is about.
    pub(super) n_units: f64,
    /// Whether there are such units already.
    pub(super) is_measured: bool,
}

impl Said {
    /// Measures calls about the units that are known; `None` where there are none.
    pub(super) fn measure(wanted: &Wanted<'_>, expected: &Expected) -> Option<Self> {
        let job = wanted.job;
        let all: Vec<usize> = (0..job.units.len()).collect();
        let units = if wanted.units.is_empty() { &all } else { wanted.units };
        let calls: Vec<&[usize]> = units.chunks(whole(expected.asks_per_call)).collect();
        let step = calls.len().div_ceil(MEASURED).max(1);
        let (mut n_calls, mut n_units, mut sent, mut of_units) = (0_u64, 0_u64, 0, 0);
        for call in calls.into_iter().step_by(step) {
            n_calls += 1;
            n_units += call.len() as u64;
            sent += count(job.shared.as_str());
            for unit in call {
                let request = job.prepared.requests.request(&job.prepared.units[*unit]).asked(None);
                of_units += count(request.input.as_str());
                sent += count(request.input.as_str()) + count(request.context.as_str());
            }
        }
        let each = |sum: u64| float(sum) / float(n_calls);
        (n_calls > 0).then(|| Self {
            sent: each(sent),
            units: each(of_units),
            n_units: each(n_units),
            is_measured: true,
        })
    }

    /// Guesses calls about units that are not there yet, from what their records will be like.
    pub(super) fn imagine(
        prompt: Option<&Prompt>,
        shared: Option<&Json>,
        record: f64,
        per_call: f64,
    ) -> Self {
        let layers = prompt.into_iter().flat_map(|prompt| prompt.system.iter().chain(&prompt.user));
        let fixed: u64 = layers.map(|layer| count(layer.template.source())).sum();
        let shared = shared.map_or(0, |shared| count(shared.as_str()));
        let units = record * per_call;
        Self { sent: float(fixed + shared) + units, units, n_units: per_call, is_measured: false }
    }

    /// Returns the tokens of one unit.
    pub(super) fn unit(&self) -> f64 {
        if self.n_units > 0.0 { self.units / self.n_units } else { 0.0 }
    }

    /// Returns what such a call comes to; `None` where the agent is no model, so that nobody counts tokens.
    pub(super) fn per_call(&self, agent: &AgentModel) -> Option<PerCall> {
        let model = agent.traits.model.as_ref()?;
        let off = if self.is_measured { OFF } else { FAR_OFF };
        // A round of tools sends everything again; how many rounds there are is the model's choice.
        let rounds = float(u64::from(model.requests.max(1)));
        let again = float(model.round_bytes) / 4.0;
        let input = Estimate {
            low: self.sent * off.0,
            median: self.sent * (1.0 + rounds) / 2.0,
            high: self.sent * off.1 * rounds + again * (rounds - 1.0),
        };
        let most = model.max_output.map_or(f64::MAX, float) * rounds;
        let output = self.answer(agent);
        let capped = |tokens: f64| tokens.min(most);
        let output = Estimate {
            low: capped(output.low),
            median: capped(output.median),
            high: capped(output.high * rounds),
        };
        Some(PerCall { input, output, cached: 0.0, cost: None, basis: Basis::Prompts })
    }

    /// Guesses the length of an answer: as long as what it is about, and what a model thinks before.
    fn answer(&self, agent: &AgentModel) -> Estimate {
        let median = self.units + AROUND_ANSWER * self.n_units;
        let thought = thought(agent.spec.reasoning);
        Estimate {
            low: median * FAR_OFF.0 + thought.low,
            median: median + thought.median,
            high: median * FAR_OFF.1 + thought.high,
        }
    }
}

/// Returns a number of units as one that a call can carry.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "packs are far smaller than 2^32"
)]
const fn whole(units: f64) -> usize {
    units.clamp(1.0, 1e6) as usize
}

/// Returns how long a model thinks, in tokens.
const fn thought(effort: Option<Effort>) -> Estimate {
    let (low, median, high) = match effort {
        None | Some(Effort::None) => (0.0, 0.0, 0.0),
        Some(Effort::Minimal) => (0.0, 50.0, 300.0),
        Some(Effort::Low) => (50.0, 300.0, 1_500.0),
        Some(Effort::Medium) => (200.0, 1_000.0, 5_000.0),
        Some(Effort::High) => (500.0, 3_000.0, 15_000.0),
    };
    Estimate { low, median, high }
}
