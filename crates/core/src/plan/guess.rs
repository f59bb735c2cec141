//! What calls would come to that nobody has made before, guessed from what would be said in them.

use refrain_schemas::agent_spec::Effort;
use refrain_schemas::json::Json;
use refrain_schemas::plan::{Basis, Estimate};

use crate::model::AgentModel;
use crate::prompt::{About, Prompt};
use crate::request::UnitRequest;
use crate::run::job::Job;
use crate::tokens::count;

use super::outlay::{PerCall, Wanted};
use super::spent::float;

/// How many calls are made up to be measured.
const MEASURED: usize = 32;

/// How far the count of tokens may be off, and how far the length of an answer or of a unit that is not there yet.
const OFF: (f64, f64) = (0.8, 1.25);
const FAR_OFF: (f64, f64) = (0.4, 2.5);

/// A token has fewer bytes than this, in nearly all texts.
const BYTES_PER_TOKEN: f64 = 8.0;

/// How many bytes a token has, about, of what tells of tools.
const BYTES_PER_TOOL_TOKEN: u64 = 4;

/// What the roles of the messages and their ends come to, in tokens.
const AROUND_PROMPT: f64 = 8.0;

/// What an answer has besides its contents, in tokens.
const AROUND_ANSWER: f64 = 8.0;

/// What would be said in a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Tokens sent in every call, whatever it is about.
    pub(super) fixed: f64,
    /// Tokens that each unit adds to them.
    pub(super) each: f64,
    /// Tokens of one unit, without anything around it.
    pub(super) unit: f64,
    /// How many units a call is about.
    pub(super) n_units: f64,
    /// Whether there are such units already.
    pub(super) is_measured: bool,
}

impl Said {
    /// Measures calls about the units that are known; `None` where there are none, or where nothing can be said of them.
    pub(super) fn measure(wanted: &Wanted<'_>, member: u32, per_call: f64) -> Option<Self> {
        let all: Vec<usize> = (0..wanted.job.units.len()).collect();
        let units = if wanted.units.is_empty() { &all } else { wanted.units };
        // Where there are fewer than a call is about, they stand for others of their kind.
        let n = units.len().max(whole(per_call.ceil()));
        let units: Vec<usize> = units.iter().copied().cycle().take(n).collect();
        let calls: Vec<&[usize]> = units.chunks(whole(per_call.ceil())).collect();
        let step = calls.len().div_ceil(MEASURED).max(1);
        let mut sums = Sums::default();
        calls.into_iter().step_by(step).for_each(|call| sums.take(wanted.job, member as usize, call));
        sums.average(per_call)
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
        let fixed = float(fixed + shared);
        Self { fixed, each: record, unit: record, n_units: per_call, is_measured: false }
    }

    /// Returns how many bytes a call is at most, as far as can be told: a ceiling counts each of them as a token.
    pub(super) fn bytes(&self) -> u64 {
        whole(self.sent() * BYTES_PER_TOKEN) as u64
    }

    /// Returns how many tokens are sent in a call.
    pub(super) fn sent(&self) -> f64 {
        AROUND_PROMPT + self.fixed + self.each * self.n_units
    }

    /// Returns the same with units that are so many times as long.
    pub(super) const fn longer(self, times: f64) -> Self {
        Self { each: self.each * times, unit: self.unit * times, ..self }
    }

    /// Returns the same with so many units in a call.
    pub(super) const fn about(self, n_units: f64) -> Self {
        Self { n_units, ..self }
    }

    /// Returns what such a call comes to; `None` where the agent is no model, so that nobody counts tokens.
    pub(super) fn per_call(&self, agent: &AgentModel) -> Option<PerCall> {
        let model = agent.traits.model.as_ref()?;
        let off = if self.is_measured { OFF } else { FAR_OFF };
        // A round of tools sends everything again; how many rounds there are is the model's choice.
        let rounds = float(u64::from(model.requests.max(1)));
        let again = float(model.round_bytes) / 4.0;
        let input = Estimate {
            low: self.sent() * off.0,
            median: self.sent() * (1.0 + rounds) / 2.0,
            high: self.sent() * off.1 * rounds + again * (rounds - 1.0),
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
    pub(super) fn answer(&self, agent: &AgentModel) -> Estimate {
        let median = (self.unit + AROUND_ANSWER) * self.n_units;
        let thought = thought(agent.spec.reasoning);
        Estimate {
            low: median * FAR_OFF.0 + thought.low,
            median: median + thought.median,
            high: median * FAR_OFF.1 + thought.high,
        }
    }
}

/// What is said in the calls that are measured.
#[derive(Debug, Default)]
struct Sums {
    calls: u64,
    units: u64,
    tokens_sent: u64,
    tokens_fixed: u64,
    tokens_of_units: u64,
}

impl Sums {
    fn take(&mut self, job: &Job, member: usize, units: &[usize]) {
        let requests = units.iter().map(|unit| job.prepared.requests.request(&job.prepared.units[*unit]));
        let requests: Vec<UnitRequest> = requests.collect();
        let Some(all) = sent(job, member, &requests) else { return };
        let of_units = requests.iter().map(|request| count(request.input.as_str())).sum::<u64>();
        // Two calls that share the units of one say once more what every call says.
        let (first, second) = requests.split_at(requests.len() / 2);
        let halves = sent(job, member, first).zip(sent(job, member, second)).filter(|_| !first.is_empty());
        let fixed =
            halves.map_or(all.saturating_sub(of_units), |(a, b)| (a + b).saturating_sub(all).min(all));
        self.calls += 1;
        self.units += units.len() as u64;
        self.tokens_sent += all;
        self.tokens_fixed += fixed;
        self.tokens_of_units += of_units;
    }

    fn average(&self, per_call: f64) -> Option<Said> {
        (self.calls > 0 && self.units > 0).then(|| Said {
            fixed: float(self.tokens_fixed) / float(self.calls),
            each: float(self.tokens_sent - self.tokens_fixed) / float(self.units),
            unit: float(self.tokens_of_units) / float(self.units),
            n_units: per_call,
            is_measured: true,
        })
    }
}

/// Counts the tokens of one call; `None` where its prompt cannot be rendered.
fn sent(job: &Job, member: usize, requests: &[UnitRequest]) -> Option<u64> {
    let Some(renderer) = job.renderers.get(member).and_then(Option::as_ref) else {
        let unit = |request: &UnitRequest| {
            let asked = request.asked(None);
            count(asked.input.as_str()) + count(asked.context.as_str())
        };
        return Some(count(job.shared.as_str()) + requests.iter().map(unit).sum::<u64>());
    };
    // What a link of a chain gets from the one before is not there yet; it is about as long as what that one got.
    let about = |request| About { request, previous: (member > 0).then_some(&request.input) };
    let abouts: Vec<About<'_>> = requests.iter().map(about).collect();
    let said = renderer.conversation(&abouts).ok()?;
    let schema = said.schema.as_ref().map_or(0, |schema| count(schema.as_str()));
    let tools = job.standing.definition.agents.get(member).map_or(0, |agent| agent.tool_bytes);
    Some(count(&said.system) + count(&said.user) + schema + tools / BYTES_PER_TOOL_TOKEN)
}

/// Returns an amount of one or more as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "packs and prompts are far smaller"
)]
const fn whole(amount: f64) -> usize {
    amount.clamp(1.0, 1e9) as usize
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
