//! What a run would do.

use refrain_schemas::plan::{PhasePlan, PlanReport, PlannedAction, PlannedEdge};

use crate::render::noun::Noun;
use crate::render::numbers::{count, counted, money_range, range, token_range};
use crate::render::outlay::{self, Allowed};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Cell, Table, cell, toned};
use crate::render::words;

/// Writes a plan as it is shown in words of the file, and whether what is allowed will do.
pub(crate) fn write(page: &mut Page, noun: Noun, report: &PlanReport, shown: &PlanReport, allowed: &Allowed) {
    page.table(&table(noun, shown));
    page.gap();
    summary(page, noun, shown);
    if report.changes {
        outlay::write(page, report, allowed);
    }
    edges(page, shown);
    doubts(page, report);
    failing(page, noun, shown);
}

/// Says which phases follow others unit by unit, and which wait for all of them.
fn edges(page: &mut Page, report: &PlanReport) {
    let to_do = report.phases.iter().filter(|phase| is_to_do(phase));
    let edges: Vec<(&str, &PlannedEdge)> =
        to_do.flat_map(|phase| phase.edges.iter().map(|edge| (phase.phase.as_str(), edge))).collect();
    for (word, streams) in [("streams:", true), ("waits:", false)] {
        let mut said: Vec<String> = Vec::new();
        for (phase, edge) in edges.iter().filter(|(_, edge)| edge.streams == streams) {
            let verb = if streams { "follows" } else { "for" };
            let text = format!("{phase} {verb} {} ({})", edge.from, edge.how);
            if !said.contains(&text) {
                said.push(text);
            }
        }
        if !said.is_empty() {
            page.wrapped(&[(Tone::Faint, word)], &said.join("; "));
        }
    }
}

const fn is_to_do(phase: &PhasePlan) -> bool {
    matches!(phase.action, PlannedAction::Run | PlannedAction::Perhaps)
}

/// Says which units no call can help.
fn failing(page: &mut Page, noun: Noun, report: &PlanReport) {
    for phase in report.phases.iter().filter(|phase| phase.failing > 0) {
        let target = words::target(&phase.phase, &phase.scope);
        let why = phase.failure.as_ref().map_or_else(String::new, |failure| format!(": {failure}"));
        let verb = if phase.failing == 1 { "is" } else { "are" };
        let text = match noun {
            Noun::Phases => {
                format!("{} of {target} {verb} sure to fail{why}", counted(phase.failing, "unit"))
            }
            Noun::Steps => format!("{target} is sure to fail{why}"),
        };
        page.wrapped(&[(Tone::Warn, "warning:")], &text);
    }
}

fn table(noun: Noun, report: &PlanReport) -> Table {
    let mut table = Table::new(&[
        (noun.heading(), Align::Left),
        ("PLAN", Align::Left),
        ("NOW", Align::Left),
        ("UNITS", Align::Right),
        ("RUN", Align::Right),
        ("REUSE", Align::Right),
        ("CALLS", Align::Right),
        ("TOKENS", Align::Right),
        ("COST", Align::Right),
        ("WHY", Align::Left),
    ]);
    for phase in &report.phases {
        let asks = matches!(phase.action, PlannedAction::Run | PlannedAction::Perhaps);
        let counted = |text: String| cell(if asks { text } else { String::new() });
        table.row([
            cell(words::target(&phase.phase, &phase.scope)),
            action(phase.action),
            toned(words::freshness_tone(phase.freshness), phase.freshness.as_str()),
            cell(match (noun, phase.units) {
                // A step is one thing.
                (Noun::Steps, _) | (_, Some(0)) => String::new(),
                (Noun::Phases, Some(n)) => count(n),
                (Noun::Phases, None) => "?".to_owned(),
            }),
            counted(range(&phase.run)),
            counted(range(&phase.reuse)),
            counted(range(&phase.calls)),
            cell(phase.outlay.map(|outlay| token_range(&outlay.tokens())).unwrap_or_default()),
            cell(cost(phase)),
            toned(Tone::Faint, why(phase)),
        ]);
    }
    table.without_empty_columns()
}

fn cost(phase: &PhasePlan) -> String {
    match phase.outlay.map(|outlay| outlay.cost_usd) {
        None => String::new(),
        Some(None) => "?".to_owned(),
        Some(Some(cost)) => money_range(&cost),
    }
}

fn action(action: PlannedAction) -> Cell {
    match action {
        PlannedAction::Keep => toned(Tone::Faint, "keep"),
        PlannedAction::Run => toned(Tone::Strong, "run"),
        PlannedAction::Perhaps => cell("perhaps"),
        PlannedAction::Skip => toned(Tone::Faint, "skip"),
        PlannedAction::Blocked => toned(Tone::Bad, "blocked"),
    }
}

fn why(phase: &PhasePlan) -> String {
    if phase.missing.is_empty() {
        return words::few_causes(&phase.causes);
    }
    let missing: Vec<String> = phase.missing.iter().map(ToString::to_string).collect();
    format!("{} missing", missing.join(", "))
}

fn summary(page: &mut Page, noun: Noun, report: &PlanReport) {
    let n = report.phases.iter().filter(|phase| is_to_do(phase)).count() as u64;
    if report.changes && report.calls.max == Some(0) && report.run.max == Some(0) && n > 0 {
        let text = format!("no calls, {} to bring up to date", counted(n, noun.one()));
        page.wrapped(&[(Tone::Strong, "a run would change something:")], &text);
    } else if report.changes {
        let text = format!(
            "{} {} to ask, {} to reuse, {} calls{}",
            range(&report.run),
            noun.units(),
            range(&report.reuse),
            range(&report.calls),
            retries(report)
        );
        page.wrapped(&[(Tone::Strong, "a run would change something:")], &text);
    } else {
        page.line(&[(Tone::Good, "nothing to do"), (Tone::Plain, ": everything is as a run would make it")]);
    }
}

fn doubts(page: &mut Page, report: &PlanReport) {
    if report.in_doubt > 0 {
        let text = format!(
            "{} of earlier runs in doubt count against the next run's ceilings (`refrain ledger --in-doubt`)",
            counted(report.in_doubt, "call")
        );
        page.wrapped(&[(Tone::Warn, "note:")], &text);
    }
}

/// Returns the most calls that retries could add; they are never part of the other figures.
fn retries(report: &PlanReport) -> String {
    if report.calls.max == Some(0) {
        return String::new();
    }
    let sum = report.phases.iter().try_fold(0_u64, |sum, phase| phase.retries.map(|n| sum + n));
    match sum {
        Some(0) => String::new(),
        Some(n) => format!(", up to {} more with retries", count(n)),
        None => ", more with retries".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use refrain_schemas::money::Budget;
    use serde_json::{Value, json};

    fn rendered(report: Value) -> String {
        allowing(report, &Allowed::default())
    }

    fn allowing(report: Value, allowed: &Allowed) -> String {
        let report: PlanReport = serde_json::from_value(report).unwrap();
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, Noun::Phases, &report, &report, allowed);
        page.as_str().to_owned()
    }

    fn phase(name: &str, action: &str, freshness: &str, run: Value) -> Value {
        json!({
            "phase": name, "scope": {}, "action": action, "freshness": freshness, "causes": [], "units": 1000,
            "run": run, "reuse": {"min": 995, "max": 999}, "calls": run, "retries": 3, "missing": []
        })
    }

    #[test]
    fn a_plan_says_what_is_known() {
        let mut stale = phase("translate", "run", "stale", json!({"min": 1, "max": 5}));
        stale["scope"] = json!({"language": "ja"});
        stale["causes"] = json!([{"kind": "agent", "subject": "translator", "old": null, "new": null}]);
        let mut open = phase("export", "perhaps", "fresh", json!({"min": 0, "max": null}));
        open["units"] = Value::Null;
        open["retries"] = Value::Null;
        let mut blocked = phase("qa", "blocked", "missing", json!({"min": 0, "max": 0}));
        blocked["missing"] = json!([{"phase": "edit", "scope": {}}]);
        let phases = [phase("ingest", "keep", "fresh", json!({"min": 0, "max": 0})), stale, open, blocked];
        insta::assert_snapshot!(rendered(json!({
            "schema_version": 1, "changes": true, "run": {"min": 1, "max": null}, "reuse": {"min": 995, "max": 999},
            "calls": {"min": 1, "max": null}, "in_doubt": 2, "phases": phases
        })));
    }

    fn spends(name: &str, cost: Value) -> Value {
        let mut phase = phase(name, "run", "missing", json!({"min": 50, "max": 60}));
        phase["outlay"] = json!({
            "input_tokens": {"low": 10_000.0, "median": 12_345.0, "high": 15_000.0},
            "output_tokens": {"low": 1_000.0, "median": 2_000.0, "high": 5_000.0},
            "cost_usd": cost, "basis": "history"
        });
        phase
    }

    fn costly(cost: &Value, max: Value) -> Value {
        let phases = [spends("translate", cost.clone()), spends("qa", Value::Null)];
        let calls = json!({"min": 50, "max": max});
        let mut report = json!({
            "schema_version": 1, "changes": true, "run": calls, "reuse": {"min": 0, "max": 0}, "calls": calls,
            "in_doubt": 0, "phases": phases
        });
        report["outlay"] = report["phases"][0]["outlay"].clone();
        report["phases"][1]["unpriced"] = json!(["critic"]);
        report
    }

    #[test]
    fn what_calls_would_cost_stands_beside_them_and_below() {
        let cost = json!({"low": 0.9, "median": 1.2, "high": 1.6});
        insta::assert_snapshot!(rendered(costly(&cost, json!(60))));
    }

    #[test]
    fn what_nobody_knows_is_said_and_not_left_out() {
        insta::assert_snapshot!(rendered(costly(&Value::Null, Value::Null)));
    }

    #[test]
    fn a_budget_that_will_not_do_is_a_warning() {
        let cost = json!({"low": 0.9, "median": 1.2, "high": 1.6});
        let phase = Budget { tokens: Some(9_000), ..Budget::default() };
        let allowed = Allowed {
            run: Budget { usd: Some(1.0), tokens: None, calls: Some(20) },
            phases: vec![("translate".parse().unwrap(), phase)],
        };
        insta::assert_snapshot!(allowing(costly(&cost, json!(60)), &allowed));
        let enough = Allowed { run: Budget { usd: Some(1.2), ..Budget::default() }, phases: Vec::new() };
        assert!(!allowing(costly(&cost, json!(60)), &enough).contains("will not do"));
    }

    #[test]
    fn units_that_are_sure_to_fail_are_a_warning() {
        let none = json!({"min": 0, "max": 0});
        let mut fails = phase("translate", "run", "missing", none.clone());
        fails["failing"] = json!(2);
        fails["failure"] = json!("prompts/ja.md:3:5: there is no `x`");
        let text = rendered(json!({
            "schema_version": 1, "changes": true, "run": none, "reuse": none, "calls": none, "in_doubt": 0,
            "phases": [fails]
        }));
        let expected = "warning: 2 units of translate are sure to fail: prompts/ja.md:3:5: there is no `x`";
        assert!(text.replace("\n         ", " ").contains(expected), "{text}");
    }

    #[test]
    fn nothing_to_do_is_said_in_words() {
        let none = json!({"min": 0, "max": 0});
        let text = rendered(json!({
            "schema_version": 1, "changes": false, "run": none, "reuse": none, "calls": none, "in_doubt": 0,
            "phases": [phase("ingest", "keep", "fresh", json!({"min": 0, "max": 0}))]
        }));
        insta::assert_snapshot!(text, @r"
        PHASE   PLAN  NOW    UNITS
        ingest  keep  fresh  1,000

        nothing to do: everything is as a run would make it
        ");
    }
}
