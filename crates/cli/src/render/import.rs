//! What was taken over from another ledger.

use refrain_schemas::ledger::ImportReport;

use crate::render::numbers;
use crate::render::page::{Page, Tone};
use crate::render::words;

/// How many keys are shown.
const KEYS_SHOWN: usize = 5;

/// Writes what became of the replies of a file.
pub(crate) fn write(page: &mut Page, report: &ImportReport) {
    let mut parts = vec![format!("{} from `{}`", numbers::replies(report.imported), report.project)];
    if report.kept > 0 {
        parts.push(format!("{} on record already", numbers::count(report.kept)));
    }
    page.wrapped(&[(Tone::Strong, "imported")], &parts.join(", "));
    if report.differing > 0 {
        let shown: Vec<String> = report.keys.iter().take(KEYS_SHOWN).map(|key| key.short()).collect();
        let more = words::and_more(report.differing.saturating_sub(shown.len() as u64));
        let text = format!(
            "{} left out: another reply is on record under the same key ({}{})",
            numbers::replies(report.differing),
            shown.join(", "),
            more.map_or_else(String::new, |more| format!(" {more}"))
        );
        page.wrapped(&[(Tone::Warn, "note:")], &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use refrain_schemas::digest::Digest;

    #[test]
    fn what_was_left_out_is_named() {
        let mut report = ImportReport {
            schema_version: 1,
            project: "game".to_owned(),
            imported: 1,
            kept: 0,
            differing: 0,
            keys: Vec::new(),
        };
        let rendered = |report: &ImportReport| {
            let mut page = Page::new(Theme { color: false, width: 200 });
            write(&mut page, report);
            page.as_str().to_owned()
        };
        assert_eq!(rendered(&report), "imported 1 reply from `game`\n");
        report = ImportReport { imported: 1_200, kept: 3, differing: 7, ..report };
        report.keys = (0..6).map(|n| Digest::from_bytes([n; 32])).collect();
        insta::assert_snapshot!(rendered(&report));
    }
}
