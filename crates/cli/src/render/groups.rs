//! Sums over calls that have something in common.

use refrain_core::engine::By;
use refrain_schemas::ledger::{LedgerGroup, LedgerReport};
use refrain_schemas::usage::Usage;

use crate::render::numbers::{count, money, some};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Cell, Table, cell, toned};

/// Writes the groups of a report. `filtered` says that they are not of all calls.
pub(crate) fn write(page: &mut Page, report: &LedgerReport, by: By, filtered: bool) {
    if report.groups.is_empty() {
        return page.plain(if filtered { "no such call" } else { "no call was made yet" });
    }
    let mut table = Table::new(&[
        (heading(by), Align::Left),
        ("CALLS", Align::Right),
        ("TOKENS IN", Align::Right),
        ("CACHED", Align::Right),
        ("OUT", Align::Right),
        ("COST", Align::Right),
        ("IN DOUBT", Align::Right),
        ("AT MOST", Align::Right),
    ]);
    for group in &report.groups {
        table.row(row(group, cell(group.name.clone())));
    }
    // A call about several units is a call of each: their sum is no number of calls.
    if report.groups.len() > 1 && by != By::Unit {
        table.row(row(&total(&report.groups), toned(Tone::Strong, "total")));
    }
    page.table(&table.without_empty_columns());
    if by == By::Unit {
        page.gap();
        let text = "a call about several units counts for each of them; what it consumed is shared evenly";
        page.wrapped(&[(Tone::Faint, "note:")], text);
    }
}

const fn heading(by: By) -> &'static str {
    match by {
        By::Phase | By::Target => "PHASE",
        By::Scope => "SCOPE",
        By::Agent => "AGENT",
        By::Model => "MODEL",
        By::Run => "RUN",
        By::Rung => "MADE AS",
        By::Unit => "UNIT",
    }
}

fn row(group: &LedgerGroup, name: Cell) -> [Cell; 8] {
    let dollars = |usage: &Usage| usage.cost_usd.map(money).unwrap_or_default();
    [
        name,
        cell(count(group.done)),
        cell(some(group.usage.input_tokens)),
        cell(some(group.usage.cached_input_tokens)),
        cell(some(group.usage.output_tokens)),
        cell(dollars(&group.usage)),
        toned(Tone::Warn, some(group.in_doubt)),
        toned(Tone::Warn, dollars(&group.doubtful)),
    ]
}

fn total(groups: &[LedgerGroup]) -> LedgerGroup {
    let (usage, doubtful) = (Usage::default(), Usage::default());
    let mut total = LedgerGroup { name: String::new(), done: 0, in_doubt: 0, usage, doubtful };
    for group in groups {
        total.done += group.done;
        total.in_doubt += group.in_doubt;
        total.usage.add(&group.usage);
        total.doubtful.add(&group.doubtful);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::{Value, json};

    fn rendered(groups: &Value, by: By) -> String {
        let report = serde_json::from_value(json!({
            "schema_version": 1, "done": 9, "in_doubt": 1, "abandoned": 0, "usage": {}, "calls": [], "groups": groups
        }));
        let mut page = Page::new(Theme { color: false, width: 100 });
        write(&mut page, &report.unwrap(), by, false);
        page.as_str().to_owned()
    }

    fn sample() -> Value {
        json!([
            {"name": "openai/small", "done": 1200, "in_doubt": 2, "usage":
                {"input_tokens": 1_500_000, "cached_input_tokens": 20_000, "output_tokens": 9, "cost_usd": 0.75},
                "doubtful": {"cost_usd": 0.0012}},
            {"name": "(none)", "done": 3, "in_doubt": 0, "usage": {}, "doubtful": {}}
        ])
    }

    #[test]
    fn groups_are_summed_up() {
        insta::assert_snapshot!(rendered(&sample(), By::Model));
    }

    #[test]
    fn shares_of_units_have_no_total() {
        insta::assert_snapshot!(rendered(&sample(), By::Unit));
    }

    #[test]
    fn nothing_is_said_in_words() {
        assert_eq!(rendered(&json!([]), By::Phase), "no call was made yet\n");
    }
}
