//! What the planned calls would consume.

use refrain_schemas::money::PriceSpec;
use refrain_schemas::name::AgentName;
use refrain_schemas::plan::{Basis, Estimate, Outlay, PhasePlan};
use refrain_schemas::scope::Target;

use crate::model::{AgentModel, AskWork, Model, Split};
use crate::run::job::Job;
use crate::run::most;

use super::Ahead;
use super::guess::Said;
use super::spent::float;

/// What one call of an agent comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerCall {
    /// Tokens sent.
    pub(super) input: Estimate,
    /// Tokens received.
    pub(super) output: Estimate,
    /// The share of the tokens sent that the provider has in its cache.
    pub(super) cached: f64,
    /// Dollars, as agents have told them.
    pub(super) cost: Option<Estimate>,
    /// Where the guess comes from.
    pub(super) basis: Basis,
}

/// How many calls there would be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    /// At least.
    pub(super) min: u64,
    /// As far as can be told.
    pub(super) likely: u64,
    /// At most; `None` where nobody knows.
    pub(super) max: Option<u64>,
}

/// What one agent of a pool would have to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// Its place in the pool.
    pub(super) member: u32,
    /// How many calls it would get.
    pub(super) calls: Calls,
    /// How many asks each of them would carry.
    pub(super) asks_per_call: f64,
}

/// What the calls of one agent of a phase would come to.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) agent: AgentName,
    pub(super) calls: Calls,
    pub(super) per_call: PerCall,
    pub(super) price: Option<PriceSpec>,
}

/// What the records of a target are like, as far as that is known ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Tokens of one.
    pub(super) record: f64,
    /// How many there are.
    pub(super) records: f64,
}

/// The units of a target that are known and would be asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) job: &'a Job,
    pub(super) units: &'a [usize],
}

impl Ahead {
    /// Notes in a target's plan what its calls would consume.
    pub(super) fn note_outlay(
        &mut self,
        target: &Target,
        work: &AskWork,
        wanted: Option<Wanted<'_>>,
        expected: &[Expected],
        plan: &mut PhasePlan,
    ) {
        let (mut shares, all) = (Vec::new(), self.model.clone());
        for expected in expected.iter().filter(|expected| expected.calls.is_some()) {
            let Some(agent) = agent_of(&all, work, expected.member) else { continue };
            let said = self.said(work, wanted, expected.member, expected.asks_per_call);
            let model = agent.traits.model.as_ref();
            let past = self.spent.past(target, &agent.name, model.map(|model| model.name.as_str()));
            let known = past.map(|past| {
                // What was asked before is taken to have been like all units there are.
                let all = wanted.map(|wanted| Wanted { units: &[], ..wanted });
                let then = self.said(work, all, expected.member, past.asks_per_call());
                past.per_call(agent, &then, &said, expected.calls.likely)
            });
            let ceiling = ceiling(agent, &said, known.is_some());
            self.dearest = self.dearest.zip(ceiling).map(|(a, b)| f64::max(a, b));
            if let Some(per_call) = known.or_else(|| said.per_call(agent)) {
                let price = model.and_then(|model| model.price);
                shares.push(Share { agent: agent.name.clone(), calls: expected.calls, per_call, price });
            }
            let records = float(plan.units.unwrap_or(plan.run.min));
            self.sizes.insert(target.phase.clone(), Size { record: said.unit, records });
        }
        note(plan, &shares);
    }

    /// Makes out what would be said in a call: of units that are there by measuring, of others by what they come from.
    fn said(&self, work: &AskWork, wanted: Option<Wanted<'_>>, member: u32, per_call: f64) -> Said {
        let measured = wanted.and_then(|wanted| Said::measure(&wanted, member, per_call));
        measured.unwrap_or_else(|| {
            let size = work.units.of.iter().find_map(|phase| self.sizes.get(phase));
            let size = size.copied().unwrap_or(Size { record: 0.0, records: 1.0 });
            let is_whole = matches!(work.units.split, Split::Whole | Split::Given);
            let unit = if is_whole { size.record * size.records } else { size.record };
            let prompt = work.pool.get(member as usize).and_then(|member| member.prompt.as_deref());
            Said::imagine(prompt, wanted.map(|wanted| &wanted.job.shared), unit, per_call)
        })
    }
}

fn agent_of<'a>(model: &'a Model, work: &AskWork, member: u32) -> Option<&'a AgentModel> {
    model.agents.get(work.pool.get(member as usize)?.agent.as_str())
}

/// Returns the most that a call can cost; `None` where that has no ceiling.
fn ceiling(agent: &AgentModel, said: &Said, is_known: bool) -> Option<f64> {
    let Some(model) = &agent.traits.model else {
        // Nothing is set aside for a program, a service or a tool: it tells afterwards what it has cost. What has never
        // been asked may cost anything.
        return (is_known || agent.spec.builtin.is_some()).then_some(0.0);
    };
    most(model, said.bytes(), model.max_output?).cost_usd
}

impl Share {
    fn outlay(&self) -> Outlay {
        let cost = self.price.map(|price| self.per_call.priced(&price)).or(self.per_call.cost);
        Outlay {
            input_tokens: self.calls.times(&self.per_call.input),
            output_tokens: self.calls.times(&self.per_call.output),
            cost_usd: cost.map(|cost| self.calls.times(&cost)),
            basis: self.per_call.basis,
        }
    }
}

impl PerCall {
    /// Returns what a call costs at a price.
    fn priced(&self, price: &PriceSpec) -> Estimate {
        let sent =
            price.input * (1.0 - self.cached) + price.cached_input.unwrap_or(price.input) * self.cached;
        let dollars = |input: f64, output: f64| (input * sent + output * price.output) / 1e6;
        Estimate {
            low: dollars(self.input.low, self.output.low),
            median: dollars(self.input.median, self.output.median),
            // What the provider had in its cache the last time may be gone.
            high: (self.input.high * price.input.max(sent) + self.output.high * price.output) / 1e6,
        }
    }
}

impl Calls {
    /// Returns what so many calls come to; where there may be any number, what those come to that are known of.
    fn times(&self, each: &Estimate) -> Estimate {
        let most = self.max.unwrap_or(self.likely).max(self.min);
        let likely = self.likely.clamp(self.min, most);
        Estimate {
            low: float(self.min) * each.low,
            median: float(likely) * each.median,
            high: float(most) * each.high,
        }
    }

    /// Whether anything can be said of what they come to.
    pub(super) fn is_some(&self) -> bool {
        self.likely > 0 || self.max.is_some_and(|max| max > 0)
    }
}

/// Notes in a phase's plan what its agents' calls would come to, and whose price nobody knows.
pub(super) fn note(plan: &mut PhasePlan, shares: &[Share]) {
    for share in shares.iter().filter(|share| share.calls.is_some()) {
        let outlay = share.outlay();
        if outlay.cost_usd.is_none() {
            plan.unpriced.push(share.agent.clone());
        }
        plan.outlay = sum(plan.outlay, Some(outlay));
    }
}

/// Takes back that anything will be consumed for sure.
pub(super) const fn doubt(outlay: &mut Outlay) {
    outlay.input_tokens.low = 0.0;
    outlay.output_tokens.low = 0.0;
    if let Some(cost) = &mut outlay.cost_usd {
        cost.low = 0.0;
    }
}

/// Adds up outlays; what is not known of one in dollars is not known of the sum.
pub(super) fn sum(a: Option<Outlay>, b: Option<Outlay>) -> Option<Outlay> {
    let (Some(mut sum), Some(more)) = (a, b) else { return a.or(b) };
    sum.input_tokens.add(&more.input_tokens);
    sum.output_tokens.add(&more.output_tokens);
    sum.cost_usd = sum.cost_usd.zip(more.cost_usd).map(|(mut cost, more)| {
        cost.add(&more);
        cost
    });
    sum.basis = if sum.basis == more.basis { sum.basis } else { Basis::Mixed };
    Some(sum)
}

/// Returns how many of one there are to each of another; one where there is none of it.
pub(super) fn ratio_of(many: u64, each: u64) -> f64 {
    if each == 0 { 1.0 } else { float(many) / float(each) }
}

/// Returns a share of a whole; nothing of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part.min(whole)) / float(whole) }
}
