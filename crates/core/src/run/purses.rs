//! All purses of a run: its own, and those of its phases and agents.

use std::collections::BTreeMap;

use refrain_schemas::money::Budget;

use crate::model::Model;
use crate::ports::store::InDoubt;

use super::purse::{Amount, Currency, Hold, Lack, Purse};

/// All purses of a run. A call is paid for from three: that of the run, of its phase and of its agent.
#[derive(Debug)]
pub(super) struct Purses {
    run: Purse,
    /// By phase, in model order.
    phases: Vec<Purse>,
    /// By agent, in model order.
    agents: Vec<Purse>,
}

/// Whose money a call costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payers {
    /// The phase, by its place in the model.
    pub(super) phase: usize,
    /// The agent, by its place in the model.
    pub(super) agent: usize,
}

/// Whose purse it is that cannot bear a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Run,
    Phase,
    Agent,
}

/// What is spoken for, by purse.
#[derive(Debug, Default)]
pub(super) struct Claims {
    run: Amount,
    phases: BTreeMap<usize, Amount>,
    agents: BTreeMap<usize, Amount>,
}

impl Claims {
    /// Adds what a phase will take; who knows which of its agents.
    pub(super) fn add(&mut self, phase: usize, agents: impl Iterator<Item = usize>, amount: &Amount) {
        self.run = self.run.plus(amount);
        let own = self.phases.entry(phase).or_default();
        *own = own.plus(amount);
        for agent in agents {
            let own = self.agents.entry(agent).or_default();
            *own = own.plus(amount);
        }
    }
}

/// Why a call cannot be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shortage {
    pub(super) owner: Owner,
    pub(super) lack: Lack,
}

impl Purses {
    /// Fills the purses of a run, and takes out what calls in doubt may have cost.
    pub(super) fn new(model: &Model, budget: Budget, in_doubt: &[InDoubt]) -> Self {
        let phases = model.phases.iter().map(|phase| Purse::new(&[phase.budget], phase.limits.calls));
        let agents = model.agents.values().map(|agent| {
            let calls = agent.spec.limits.and_then(|limits| limits.calls);
            Purse::new(agent.spec.budget.as_slice(), calls)
        });
        let mut purses = Self {
            run: Purse::new(&[model.budget, budget], model.limits.calls),
            phases: phases.collect(),
            agents: agents.collect(),
        };
        for call in in_doubt {
            purses.doubt(model, call);
        }
        purses
    }

    fn doubt(&mut self, model: &Model, call: &InDoubt) {
        let amount = Amount::of(&call.ceiling.unwrap_or_default());
        self.run.charge(&amount);
        // What is no longer in the pipeline has no purse.
        let phase = model.phases.iter().position(|phase| phase.name == call.target.phase);
        let agent = model.agents.get_index_of(call.agent.as_str());
        let purses =
            [phase.and_then(|no| self.phases.get_mut(no)), agent.and_then(|no| self.agents.get_mut(no))];
        purses.into_iter().flatten().for_each(|purse| purse.charge(&amount));
    }

    /// Whether there is a limit to what these may spend.
    pub(super) fn is_limited(&self, payers: Payers) -> bool {
        let purses = [&self.run, &self.phases[payers.phase], &self.agents[payers.agent]];
        purses.into_iter().any(Purse::is_limited)
    }

    /// Whether all purses can bear a call and leave what others have a claim to.
    pub(super) fn spare(&self, payers: Payers, hold: &Hold, claims: &Claims) -> bool {
        let of = |all: &BTreeMap<usize, Amount>, no: usize| all.get(&no).copied().unwrap_or_default();
        self.run.spares(hold, &claims.run)
            && self.phases[payers.phase].spares(hold, &of(&claims.phases, payers.phase))
            && self.agents[payers.agent].spares(hold, &of(&claims.agents, payers.agent))
    }

    fn of(&mut self, payers: Payers) -> [(Owner, &mut Purse); 3] {
        [
            (Owner::Run, &mut self.run),
            (Owner::Phase, &mut self.phases[payers.phase]),
            (Owner::Agent, &mut self.agents[payers.agent]),
        ]
    }

    /// Sets aside what a call may take, in all purses or in none.
    pub(super) fn reserve(&mut self, payers: Payers, hold: &Hold) -> Result<(), Shortage> {
        let lacks = self
            .of(payers)
            .into_iter()
            .filter_map(|(owner, purse)| Some(Shortage { owner, lack: purse.lack(hold)? }));
        // What will not pass counts for more than what may.
        if let Some(shortage) = lacks.min_by_key(|shortage| shortage.lack.may_pass) {
            return Err(shortage);
        }
        self.of(payers).into_iter().for_each(|(_, purse)| purse.reserve(hold));
        Ok(())
    }

    /// Takes out what a call took in truth, and frees the rest of what was set aside.
    pub(super) fn settle(&mut self, payers: Payers, hold: &Hold, taken: &Amount) {
        self.of(payers).into_iter().for_each(|(_, purse)| purse.settle(hold, taken));
    }
}

impl Shortage {
    /// Says what is short, whose it is, and what could be done.
    pub(super) fn words(&self, phase: &str, agent: &str) -> (String, String) {
        let Lack { what, limit, spent, reserved, next, .. } = self.lack;
        let whose = match self.owner {
            Owner::Run => "the run".to_owned(),
            Owner::Phase => format!("phase `{phase}`"),
            Owner::Agent => format!("agent `{agent}`"),
        };
        let Some(next) = next else {
            let unknown = if what == Currency::Tokens { "tokens" } else { "dollars" };
            let message = format!(
                "{whose} has a budget in {unknown}, and nobody can tell what a call to `{agent}` costs at most"
            );
            let hint = format!("give `{agent}` a `max_tokens:`, and its model a price under `prices:`");
            return (message, hint);
        };
        let (limit, mut parts) = (what.words(limit), vec![format!("{} spent", what.words(spent))]);
        if reserved > 0 {
            parts.push(format!("{} reserved for calls under way", what.words(reserved)));
        }
        if next > 0 && what != Currency::Calls {
            parts.push(format!("the next call may take {}", what.words(next)));
        }
        let message = format!("the budget of {whose} is {limit}: {}", parts.join(", "));
        (message, format!("raise {}, and run again to go on where it stopped", self.knob(&whose)))
    }

    /// Says where the budget can be raised.
    fn knob(&self, whose: &str) -> String {
        match (self.owner, self.lack.what) {
            (Owner::Run, Currency::Calls) => "`--max-calls` or `budget:`".to_owned(),
            (Owner::Run, Currency::Dollars) => "`--max-cost` or `budget:`".to_owned(),
            (Owner::Run, Currency::Tokens) => "`budget:`".to_owned(),
            _ => format!("`budget:` of {whose}"),
        }
    }
}
