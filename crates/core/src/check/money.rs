//! Budgets: what they may be, and what they need to know of the models in their reach.

use indexmap::IndexMap;
use refrain_schemas::money::{Budget, PriceSpec};
use refrain_schemas::name::AgentName;
use refrain_schemas::phase_spec::{AgentRef, PhaseSpec};

use super::code::Code;
use super::{Checker, suggest};
use crate::model::AgentModel;
use crate::ports::agent::ModelTraits;

impl Checker<'_> {
    /// Checks prices, budgets, and whether each model's calls have a ceiling where a budget asks for one.
    pub(super) fn money(&mut self, agents: &IndexMap<AgentName, AgentModel>) {
        let pipeline = self.pipeline;
        for (model, price) in &pipeline.prices {
            self.price(price, &format!("prices.{model}"));
            self.idle_price(model);
        }
        self.budget(pipeline.budget.as_ref(), "budget");
        for (name, spec) in &pipeline.phases {
            self.budget(spec.budget.as_ref(), &format!("phases.{name}.budget"));
        }
        for agent in agents.values() {
            let path = self.path_of(&agent.name);
            self.budget(agent.spec.budget.as_ref(), &format!("{path}.budget"));
            if let Some(model) = agent.traits.model.as_ref().filter(|_| agent.takes_part) {
                self.ceiling(agent, model, &path);
            }
        }
    }

    /// A price of a model that nobody asks is most likely that of another one, whose name was written otherwise.
    fn idle_price(&mut self, model: &str) {
        let (pipeline, broken) = (self.pipeline, self.broken);
        let is_known = broken.agents.is_empty() && broken.phases.is_empty() && broken.sections.is_empty();
        let inline = pipeline.phases.values().filter_map(|phase| match &phase.agent {
            Some(AgentRef::Inline(spec)) => Some(&**spec),
            _ => None,
        });
        let asked: Vec<&str> =
            pipeline.agents.values().chain(inline).filter_map(|spec| spec.model.as_deref()).collect();
        // A date at the end of a model's name is left off; an endpoint that stands in is nobody's own.
        let dated = |asked: &str| {
            asked.strip_prefix(model).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let endpoint = model.split('/').next().unwrap_or(model);
        let stands_in =
            pipeline.endpoints.values().any(|other| other.fallback.iter().any(|name| name == endpoint));
        if is_known && !stands_in && !asked.iter().any(|asked| dated(asked)) {
            let near = suggest::nearest(model, asked.iter().copied());
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("no agent asks model `{model}`");
            self.problems.add_with(Code::IdlePrice, format!("prices.{model}"), message, hint);
        }
    }

    fn price(&mut self, price: &PriceSpec, path: &str) {
        let parts = [
            ("input", Some(price.input), f64::MAX),
            ("cached_input", price.cached_input, f64::MAX),
            ("output", Some(price.output), f64::MAX),
            ("batch", price.batch, 1.0),
        ];
        for (field, number, most) in parts {
            if let Some(number) = number.filter(|number| !(0.0..=most).contains(number)) {
                let range =
                    if most < f64::MAX { format!("from 0 to {most}") } else { "at least 0".to_owned() };
                let message = format!("`{field}` is {number}, and it is {range}");
                self.problems.add(Code::NumberRange, format!("{path}.{field}"), message);
            }
        }
    }

    fn budget(&mut self, budget: Option<&Budget>, path: &str) {
        let Some(budget) = budget else { return };
        if let Some(usd) = budget.usd
            && (!usd.is_finite() || usd <= 0.0)
        {
            self.problems.add(Code::NoMoney, format!("{path}.usd"), format!("`usd` is {usd}"));
        }
        self.at_least_one(budget.tokens, &format!("{path}.tokens"));
        self.at_least_one(budget.calls, &format!("{path}.calls"));
    }

    /// A call can only be kept within a budget if it is known before what it can cost at most.
    fn ceiling(&mut self, agent: &AgentModel, model: &ModelTraits, path: &str) {
        let reaching = self.reaching(agent);
        let of_cost = reaching.iter().find(|(budget, _)| budget.usd.is_some());
        let of_size = of_cost.or_else(|| reaching.iter().find(|(budget, _)| budget.tokens.is_some()));
        if let (Some((budget, whose)), None) = (of_size, model.max_output) {
            let unit = if budget.usd.is_some() { "dollars" } else { "tokens" };
            let message =
                format!("agent `{}` has no `max_tokens`, and {whose} has a budget in {unit}", agent.name);
            self.problems.add(Code::NoCeiling, format!("{path}.model"), message);
        }
        if let (Some((_, whose)), None) = (of_cost, model.price) {
            let name = &model.name;
            let hint = format!(
                "declare it, in dollars per million tokens: `prices: {{ {name}: {{ input: 1.0, output: 4.0 }} }}`"
            );
            let message = format!("the price of `{name}` is not known, and {whose} has a budget in dollars");
            self.problems.add_with(Code::NoPrice, format!("{path}.model"), message, Some(hint));
        }
    }

    /// Returns the budgets that an agent's calls are paid from, and whose they are.
    fn reaching(&self, agent: &AgentModel) -> Vec<(Budget, String)> {
        let pipeline = self.pipeline;
        let is_used = |spec: &PhaseSpec| spec.enabled.unwrap_or(true);
        let users =
            pipeline.phases.iter().filter(|(name, spec)| is_used(spec) && asks(name.as_str(), spec, agent));
        let users: Vec<_> = users.collect();
        let mut reaching: Vec<(Budget, String)> = Vec::new();
        if !users.is_empty() {
            reaching.extend(pipeline.budget.map(|budget| (budget, "the pipeline".to_owned())));
        }
        for (name, spec) in users {
            reaching.extend(spec.budget.map(|budget| (budget, format!("phase `{name}`"))));
        }
        reaching.extend(agent.spec.budget.map(|budget| (budget, "it".to_owned())));
        reaching
    }

    /// Returns the field of the pipeline that holds an agent.
    pub(super) fn path_of(&self, agent: &AgentName) -> String {
        if self.pipeline.agents.contains_key(agent) {
            format!("agents.{agent}")
        } else {
            format!("phases.{agent}.agent")
        }
    }
}

fn asks(phase: &str, spec: &PhaseSpec, agent: &AgentModel) -> bool {
    match &spec.agent {
        Some(AgentRef::Name(name)) => *name == agent.name,
        Some(AgentRef::Inline(_)) => phase == agent.name.as_str(),
        None => spec.agents.contains_key(&agent.name),
    }
}
