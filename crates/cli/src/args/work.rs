//! What is to be brought up to date, and what that may cost: the arguments that `run` and `plan` share.

use clap::Args;
use refrain_core::engine::RunRequest;
use refrain_schemas::money::Budget;

use crate::address::PhaseAddress;
use crate::args::ScopeArgs;
use crate::report::CliError;
use crate::turn_name;
use crate::wiring::Opened;

/// What is to be brought up to date, and what that may cost.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WorkArgs {
    /// The phases; everything where none is named
    #[arg(value_name = "PHASE[@SCOPE]")]
    pub(crate) phases: Vec<PhaseAddress>,
    #[command(flatten)]
    pub(crate) scopes: ScopeArgs,
    /// Exactly these phases, against the latest artifacts of what they need, stale ones included
    #[arg(long, requires = "phases")]
    pub(crate) only: bool,
    /// Ask the phases named (all, if none is) anew even if they are fresh; this is the way to pay twice
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) budget: BudgetArgs,
}

/// What a run may spend.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct BudgetArgs {
    /// Stop with exit code 3 after this many calls, retries included
    #[arg(long, value_name = "N")]
    pub(crate) max_calls: Option<u64>,
    /// Stop with exit code 3 before the call that could cost more than this in all
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true)]
    pub(crate) max_cost: Option<f64>,
}

impl WorkArgs {
    /// Makes out what is asked for.
    pub(crate) fn request(&self, opened: &Opened) -> Result<RunRequest, CliError> {
        self.scopes.check(opened.engine.model())?;
        Ok(RunRequest {
            targets: self.phases.iter().map(|phase| turn_name::meant(&phase.0, opened.steps())).collect(),
            scopes: self.scopes.scopes.clone(),
            only: self.only,
            force: self.force,
            offline: false,
            budget: self.budget.budget(),
            holder: opened.holder(),
        })
    }
}

impl BudgetArgs {
    /// Returns the budget.
    pub(crate) fn budget(self) -> Budget {
        Budget { usd: self.max_cost, tokens: None, calls: self.max_calls }
    }

    /// Returns the options as they would be typed.
    pub(crate) fn words(self) -> impl Iterator<Item = String> {
        let calls = self.max_calls.map(|n| format!("--max-calls {n}"));
        calls.into_iter().chain(self.max_cost.map(|dollars| format!("--max-cost {dollars}")))
    }
}

/// Parses dollars: `0.10`, `$0.10`.
pub(crate) fn dollars(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_prefix('$').unwrap_or_else(|| text.trim());
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match number.parse::<f64>() {
        Ok(dollars) if is_plain && dollars.is_finite() => Ok(dollars),
        _ => Err("write dollars, such as 0.50 or $12".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_plain_numbers() {
        for (text, expect) in [("0.10", 0.1), ("$0.10", 0.1), ("12", 12.0), (" $3. ", 3.0), ("0", 0.0)] {
            assert_eq!(dollars(text), Ok(expect), "{text:?}");
        }
        for text in ["", "$", "-1", "inf", "NaN", "1e3", "1,000", "€5", "$ 1", "0.1.2", &"9".repeat(400)] {
            assert!(dollars(text).is_err(), "{text:?}");
        }
    }
}
