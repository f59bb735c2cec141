//! What planned calls would cost, and whether that is allowed.

use refrain_core::model::Model;
use refrain_schemas::money::Budget;
use refrain_schemas::name::PhaseName;
use refrain_schemas::plan::{Basis, Outlay, PlanReport, Range};

use crate::render::numbers::{count, counted, guessed_money, guessed_tokens, money};
use crate::render::page::{Page, Tone};

/// What may be spent: by the command line, by the pipeline and by its phases.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    /// By all phases together.
    pub(crate) run: Budget,
    /// By single phases, over all their scopes.
    pub(crate) phases: Vec<(PhaseName, Budget)>,
}

impl Allowed {
    /// Makes out what a run may spend.
    pub(crate) fn of(model: &Model, own: &Budget) -> Self {
        let limit = |calls| Budget { calls, ..Budget::default() };
        let phases = model
            .phases
            .iter()
            .filter(|phase| phase.enabled)
            .map(|phase| (phase.name.clone(), tightest([phase.budget, limit(phase.limits.calls)])));
        Self {
            run: tightest([model.budget, *own, limit(model.limits.calls)]),
            phases: phases.filter(|(_, budget)| *budget != Budget::default()).collect(),
        }
    }
}

fn tightest<const N: usize>(budgets: [Budget; N]) -> Budget {
    Budget {
        usd: budgets.iter().filter_map(|budget| budget.usd).reduce(f64::min),
        tokens: budgets.iter().filter_map(|budget| budget.tokens).min(),
        calls: budgets.iter().filter_map(|budget| budget.calls).min(),
    }
}

/// Writes what a plan would cost, where the guess comes from, and whether the budgets will do.
pub(crate) fn write(page: &mut Page, report: &PlanReport, allowed: &Allowed) {
    if let Some(outlay) = &report.outlay {
        let at_least = if report.calls.max.is_none() { "at least " } else { "" };
        let (sent, received) = (guessed_tokens(&outlay.input_tokens), guessed_tokens(&outlay.output_tokens));
        page.wrapped(&[(Tone::Strong, "tokens:")], &format!("{at_least}{sent} in, {received} out"));
        let cost = match &outlay.cost_usd {
            Some(cost) => format!("{at_least}{}, {}", guessed_money(cost), basis(outlay.basis)),
            None => unknown(report),
        };
        page.wrapped(&[(Tone::Strong, "cost:")], &cost);
    }
    if let Some(words) = words(&allowed.run) {
        page.wrapped(&[(Tone::Strong, "allowed:")], &words);
    }
    for (whose, lacks) in lacks(report, allowed) {
        page.wrapped(&[(Tone::Warn, "note:")], &format!("the budget of {whose} will not do: {lacks}"));
    }
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::History => "as earlier calls of the same agents",
        Basis::Prompts => "guessed from the length of the prompts",
        Basis::Mixed => "as earlier calls, and guessed from the length of the prompts",
    }
}

/// Says for which agents nobody knows a price.
fn unknown(report: &PlanReport) -> String {
    let mut agents: Vec<&str> =
        report.phases.iter().flat_map(|phase| &phase.unpriced).map(|agent| agent.as_str()).collect();
    agents.sort_unstable();
    agents.dedup();
    let agents: Vec<String> = agents.into_iter().map(|agent| format!("`{agent}`")).collect();
    format!("not known: no price for {} (`prices:` takes one)", agents.join(", "))
}

/// Returns a budget in words; nothing where everything is allowed.
fn words(budget: &Budget) -> Option<String> {
    let parts = [
        budget.usd.map(money),
        budget.tokens.map(|n| counted(n, "token")),
        budget.calls.map(|n| format!("{}, retries included", counted(n, "call"))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns whose budget is likely to be used up before the end, and by what.
fn lacks(report: &PlanReport, allowed: &Allowed) -> Vec<(String, String)> {
    let run = lack(&report.calls, report.outlay.as_ref(), &allowed.run);
    let mut lacks: Vec<(String, String)> = run.map(|lack| ("the run".to_owned(), lack)).into_iter().collect();
    for (name, budget) in &allowed.phases {
        let (mut calls, mut outlays) = (Range::exactly(0), Vec::new());
        for phase in report.phases.iter().filter(|phase| phase.phase == *name) {
            calls.add(&phase.calls);
            outlays.extend(phase.outlay);
        }
        let outlay = outlays.into_iter().reduce(|sum, more| plus(&sum, &more));
        lacks.extend(lack(&calls, outlay.as_ref(), budget).map(|lack| (format!("phase `{name}`"), lack)));
    }
    lacks
}

fn plus(a: &Outlay, b: &Outlay) -> Outlay {
    let mut sum = *a;
    sum.input_tokens.add(&b.input_tokens);
    sum.output_tokens.add(&b.output_tokens);
    sum.cost_usd = a.cost_usd.zip(b.cost_usd).map(|(mut cost, more)| {
        cost.add(&more);
        cost
    });
    sum
}

/// Says what of a budget is likely to be used up.
fn lack(calls: &Range, outlay: Option<&Outlay>, budget: &Budget) -> Option<String> {
    let cost = outlay.and_then(|outlay| outlay.cost_usd);
    let dollars = cost.zip(budget.usd).filter(|(cost, usd)| cost.median > *usd);
    let dollars = dollars.map(|(cost, usd)| format!("{} of {}", guessed_money(&cost), money(usd)));
    let tokens = outlay.zip(budget.tokens).and_then(|(outlay, most)| {
        let sum = outlay.tokens();
        #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
        let is_short = sum.median > most as f64;
        is_short.then(|| format!("{} tokens of {}", guessed_tokens(&sum), count(most)))
    });
    let n_calls = budget.calls.filter(|most| calls.min > *most);
    let n_calls = n_calls.map(|most| format!("at least {} of {}", counted(calls.min, "call"), count(most)));
    let parts: Vec<String> = [dollars, tokens, n_calls].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
