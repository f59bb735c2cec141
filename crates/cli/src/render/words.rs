//! Words that several reports share: targets, freshness, causes, errors.

use refrain_schemas::failure::{PhaseError, UnitFailure};
use refrain_schemas::freshness::{Cause, Freshness};
use refrain_schemas::name::PhaseName;
use refrain_schemas::problem::Problem;
use refrain_schemas::report::{LeftoverFile, OpenErrors, PhaseStatus};
use refrain_schemas::scope::{Scope, Target};

use crate::render::numbers::{count, counted};
use crate::render::page::{Page, Tone};
use crate::shell::quoted;

/// Returns how a target is named: `translate@ja`.
pub(crate) fn target(phase: &PhaseName, scope: &Scope) -> String {
    Target { phase: phase.clone(), scope: scope.clone() }.to_string()
}

/// Returns how a freshness is stressed.
pub(crate) const fn freshness_tone(freshness: Freshness) -> Tone {
    match freshness {
        Freshness::Fresh => Tone::Good,
        Freshness::Skipped => Tone::Faint,
        Freshness::Failed | Freshness::Blocked => Tone::Bad,
        Freshness::Waiting | Freshness::Missing | Freshness::Stale | Freshness::Partial => Tone::Warn,
    }
}

/// Returns how the end of a phase is stressed.
pub(crate) const fn status_tone(status: PhaseStatus) -> Tone {
    match status {
        PhaseStatus::Fresh | PhaseStatus::Completed => Tone::Good,
        PhaseStatus::Skipped => Tone::Faint,
        PhaseStatus::Failed | PhaseStatus::Blocked => Tone::Bad,
        PhaseStatus::Partial | PhaseStatus::Waiting | PhaseStatus::Stopped | PhaseStatus::Cancelled => {
            Tone::Warn
        }
    }
}

/// Returns all causes on one line: `glossary.csv changed; ingest has other contents`.
pub(crate) fn causes(causes: &[Cause]) -> String {
    let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// How many causes a table names.
const CAUSES_SHOWN: usize = 3;

/// Returns the first causes on one line, and how many more there are: `refrain why` and `--json` have them all.
pub(crate) fn few_causes(causes: &[Cause]) -> String {
    // One that is too many takes no more room than to say so.
    let shown = if causes.len() <= CAUSES_SHOWN + 1 { causes.len() } else { CAUSES_SHOWN };
    let text = self::causes(&causes[..shown]);
    match and_more((causes.len() - shown) as u64) {
        Some(more) => format!("{text} {more}"),
        None => text,
    }
}

/// Adds how many edits are to be looked at, if any are.
pub(crate) fn to_review(page: &mut Page, n: u64) {
    if n > 0 {
        let text = format!("{} to review (`refrain review`)", counted(n, "edit"));
        page.wrapped(&[(Tone::Warn, "note:")], &text);
    }
}

/// Adds how many errors are open and which command shows them, if any are.
pub(crate) fn open_errors(page: &mut Page, open: &[OpenErrors]) {
    let Some(OpenErrors { target: first, .. }) = open.first() else { return };
    let n: u64 = open.iter().map(|found| found.count).sum();
    let found: Vec<String> =
        open.iter().map(|found| format!("{} {}", found.target, count(found.count))).collect();
    let (are, found) = (if n == 1 { "is" } else { "are" }, named_briefly(&found));
    let text = format!(
        "{} {are} open: {found} (`refrain show {} --format table`)",
        counted(n, "error"),
        quoted(&first.to_string())
    );
    page.wrapped(&[(Tone::Warn, "note:")], &text);
}

/// Adds which edits do not come out, if any do not.
pub(crate) fn idle_edits(page: &mut Page, idle: &[Problem]) {
    for problem in idle {
        let hint = problem.hint.as_deref().unwrap_or_default();
        page.wrapped(&[(Tone::Warn, "note:")], &format!("{}; {hint}", problem.message));
    }
}

/// Returns the first of some names, and how many more there are.
pub(crate) fn named_briefly(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        n if n > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
        _ => names.join(", "),
    }
}

/// Adds which exported files an earlier revision wrote and none writes any more.
pub(crate) fn leftovers(page: &mut Page, files: &[LeftoverFile]) {
    if files.is_empty() {
        return;
    }
    let names: Vec<String> = files.iter().map(|leftover| leftover.path.clone()).collect();
    let (was, is) = if files.len() == 1 { ("was", "is") } else { ("were", "are") };
    let text = format!(
        "{} {was} written by an earlier revision and {is} no longer written (`refrain gc --exports` removes what nobody changed)",
        named_briefly(&names)
    );
    page.gap();
    page.wrapped(&[(Tone::Warn, "note:")], &text);
}

/// Adds why a phase made no revision: the error, the first failed units, what is missing, the hint.
pub(crate) fn phase_error(page: &mut Page, target: &str, error: &PhaseError) {
    page.wrapped(&[(Tone::Bad, &format!("{target}:"))], error_message(error));
    failed_units(page, &error.units);
    if !error.missing.is_empty() {
        let missing: Vec<String> = error.missing.iter().map(ToString::to_string).collect();
        page.wrapped(&[(Tone::Plain, "   missing:")], &missing.join(", "));
    }
    // That one may run again is no advice where every unit would fail again.
    let passing = |unit: &UnitFailure| unit.failure.kind.may_pass();
    let moot = error.code == "unit_failed" && !error.units.is_empty() && !error.units.iter().any(passing);
    let waits =
        error.units.iter().any(|unit| unit.failure.kind == refrain_schemas::failure::FailureKind::Waiting);
    if let Some(hint) = error.hint.as_ref().filter(|_| !moot && !waits) {
        page.wrapped(&[(Tone::Strong, "   hint:")], hint);
    }
}

/// Returns what happened, without the failure of the first unit where that is told below anyway.
pub(crate) fn error_message(error: &PhaseError) -> &str {
    let told = error.units.first().map(|unit| format!(": `{}`: {}", unit.unit, unit.failure.message));
    told.and_then(|told| error.message.strip_suffix(told.as_str())).unwrap_or(&error.message)
}

/// Adds units that failed: each with its message, and those with one cause together.
pub(crate) fn failed_units(page: &mut Page, units: &[UnitFailure]) {
    let mut groups: Vec<(&UnitFailure, u64)> = Vec::new();
    for unit in units {
        match groups.iter_mut().find(|(first, _)| first.failure == unit.failure) {
            Some((_, n)) => *n += 1,
            None => groups.push((unit, 1)),
        }
    }
    for (first, n) in groups {
        let text = format!("{} ({})", first.failure.message.trim_end(), first.failure.kind);
        if n == 1 {
            let head = format!("{}:", first.unit);
            page.wrapped(&[(Tone::Plain, "   unit"), (Tone::Strong, &head)], &text);
        } else {
            let head = format!("   {} units:", count(n));
            page.wrapped(&[(Tone::Strong, &head)], &format!("{text}, first `{}`", first.unit));
        }
    }
}

/// Returns "and 12 more", or nothing where there are none.
pub(crate) fn and_more(n: u64) -> Option<String> {
    (n > 0).then(|| format!("… and {} more", count(n)))
}
