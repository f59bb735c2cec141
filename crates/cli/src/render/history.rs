//! Runs, revisions, failed attempts, waivers and people's edits, in the order in which they happened.

use refrain_schemas::edit::EditsRecord;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::history::{AttemptOutcome, AttemptRecord, WaiverRecord};
use refrain_schemas::status::{HistoryReport, RevisionView, RunView};
use refrain_schemas::time::Timestamp;

use crate::render::numbers::{count, counted, duration, some, time};
use crate::render::page::{Page, Tone};
use crate::render::table::{Align, Cell, Table, cell, toned};
use crate::render::words;

/// Writes a history. The runs are left out where only one phase was asked about.
pub(crate) fn write(page: &mut Page, report: &HistoryReport, with_runs: bool) {
    if with_runs && !report.runs.is_empty() {
        page.table(&runs(&report.runs));
        page.gap();
    }
    let mut rows: Vec<(Timestamp, Vec<Cell>)> = Vec::new();
    rows.extend(report.revisions.iter().map(revision));
    rows.extend(report.attempts.iter().map(attempt));
    rows.extend(report.waivers.iter().map(waiver));
    rows.extend(report.edits.iter().map(edits));
    if rows.is_empty() {
        return page.line(&[(Tone::Faint, "nothing was made yet: `refrain run`")]);
    }
    // A stable sort: what happened at the same moment stays in the order above.
    rows.sort_by_key(|(at, _)| *at);
    let mut table = Table::new(&[
        ("TIME", Align::Left),
        ("PHASE", Align::Left),
        ("REV", Align::Right),
        ("NOW", Align::Left),
        ("RECORDS", Align::Right),
        ("RAN", Align::Right),
        ("REUSED", Align::Right),
        ("FAILED", Align::Right),
        ("WHY", Align::Left),
    ]);
    rows.into_iter().for_each(|(_, row)| table.row(row));
    page.table(&table.without_empty_columns());
}

fn runs(runs: &[RunView]) -> Table {
    let mut table = Table::new(&[
        ("RUN", Align::Left),
        ("STARTED", Align::Left),
        ("TOOK", Align::Right),
        ("CALLS", Align::Right),
        ("ENDED", Align::Left),
        ("TARGETS", Align::Left),
    ]);
    for run in runs {
        let ended = run.status.map_or("no end recorded", |status| status.as_str());
        let targets = if run.targets.is_empty() { "everything".to_owned() } else { run.targets.join(" ") };
        table.row([
            cell(run.run_id.to_string()),
            cell(time(run.started_at)),
            cell(run.ended_at.map(|end| duration(end.since(run.started_at))).unwrap_or_default()),
            cell(run.calls.map(count).unwrap_or_default()),
            toned(if run.status.is_some() { Tone::Plain } else { Tone::Warn }, ended),
            toned(Tone::Faint, targets),
        ]);
    }
    table
}

fn revision(view: &RevisionView) -> (Timestamp, Vec<Cell>) {
    let record = &view.record;
    let now = match view.freshness {
        Some(freshness) => toned(words::freshness_tone(freshness), freshness.as_str()),
        None if view.superseded => toned(Tone::Faint, "superseded"),
        None => cell(""),
    };
    let row = vec![
        cell(time(record.at)),
        cell(record.target.to_string()),
        cell(record.revision.to_string()),
        now,
        cell(count(record.artifact.records)),
        cell(some(record.counts.ran)),
        cell(some(record.counts.reused)),
        toned(Tone::Bad, some(record.counts.failed)),
        toned(Tone::Faint, words::causes(&record.causes)),
    ];
    (record.at, row)
}

fn attempt(record: &AttemptRecord) -> (Timestamp, Vec<Cell>) {
    let (tone, word) = match record.outcome {
        AttemptOutcome::Failed => (Tone::Bad, Freshness::Failed.as_str()),
        AttemptOutcome::Blocked => (Tone::Bad, Freshness::Blocked.as_str()),
        AttemptOutcome::Waiting => (Tone::Warn, Freshness::Waiting.as_str()),
        AttemptOutcome::Stopped => (Tone::Warn, "stopped"),
    };
    let row = vec![
        cell(time(record.at)),
        cell(record.target.to_string()),
        cell("–"),
        toned(tone, word),
        cell(""),
        cell(some(record.counts.ran)),
        cell(some(record.counts.reused)),
        toned(Tone::Bad, some(record.counts.failed)),
        toned(Tone::Faint, record.error.message.clone()),
    ];
    (record.at, row)
}

fn waiver(record: &WaiverRecord) -> (Timestamp, Vec<Cell>) {
    let mut row = vec![
        cell(time(record.at)),
        cell(record.target.to_string()),
        cell(record.revision.to_string()),
        toned(Tone::Good, "accepted"),
    ];
    row.extend((0..4).map(|_| cell("")));
    row.push(toned(Tone::Faint, format!("{} (waived: {})", record.reason, words::causes(&record.causes))));
    (record.at, row)
}

fn edits(record: &EditsRecord) -> (Timestamp, Vec<Cell>) {
    let mut row =
        vec![cell(time(record.at)), cell(record.target.to_string()), cell("–"), toned(Tone::Good, "edited")];
    row.extend((0..4).map(|_| cell("")));
    let standing = record.edits.as_ref().map_or(0, |edits| edits.records);
    let counts = format!("{} changed, {} in all", counted(record.changed, "edit"), count(standing));
    row.push(toned(Tone::Faint, format!("{}: {} ({counts})", record.by, record.what)));
    (record.at, row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use refrain_schemas::digest::Digest;
    use serde_json::json;

    fn sample() -> HistoryReport {
        let digest = Digest::from_bytes([7; 32]);
        let run = uuid::Uuid::nil();
        let target = json!({"phase": "translate", "scope": {"language": "ja"}});
        let lineage = json!({
            "definition": {}, "upstream": {}, "context_files": {}, "sources": {}, "generation": 0
        });
        let counts = json!({"total": 1000, "ran": 1, "reused": 999, "failed": 0});
        let revision = |number: u32, at: &str, superseded: bool| {
            json!({
                "record": {
                    "target": target, "revision": number, "run_id": run, "at": at,
                    "artifact": {"kind": "records", "digest": digest, "records": 1000, "holes": 0},
                    "lineage": lineage, "units": null, "local": true, "counts": counts, "usage": {},
                    "missing": [], "own_failures": 0, "conflicts": null, "n_conflicts": 0, "files": [],
                    "causes": [{"kind": "upstream", "subject": "ingest", "old": null, "new": null}]
                },
                "superseded": superseded, "freshness": if superseded { json!(null) } else { json!("stale") }
            })
        };
        serde_json::from_value(json!({
            "schema_version": 1,
            "runs": [
                {"run_id": run, "started_at": "2026-03-01T12:00:00Z", "ended_at": "2026-03-01T12:03:05Z",
                 "status": "completed", "targets": [], "calls": 1000},
                {"run_id": run, "started_at": "2026-03-02T12:00:00Z", "ended_at": null,
                 "status": null, "targets": ["translate@ja"], "calls": null}
            ],
            "revisions": [revision(1, "2026-03-01T12:03:00Z", true), revision(2, "2026-03-02T12:00:01Z", false)],
            "attempts": [{
                "target": target, "run_id": run, "at": "2026-03-01T13:00:00Z", "outcome": "failed",
                "inputs": digest, "counts": counts,
                "error": {"code": "unit_failed", "message": "1 unit failed", "hint": null}
            }],
            "waivers": [{
                "target": target, "revision": 2, "reason": "typo in the prompt", "at": "2026-03-03T12:00:00Z",
                "lineage": lineage, "units": null,
                "causes": [{"kind": "params", "subject": "translator", "old": null, "new": null}]
            }],
            "edits": [{
                "target": target, "edits": {"kind": "records", "digest": digest, "records": 40, "holes": 0},
                "at": "2026-03-01T20:00:00Z", "by": "ana", "what": "import out/ja.csv", "changed": 2
            }]
        }))
        .unwrap()
    }

    #[test]
    fn everything_stands_in_the_order_of_time() {
        let mut page = Page::new(Theme { color: false, width: 100 });
        write(&mut page, &sample(), true);
        insta::assert_snapshot!(page.as_str());
    }
}
