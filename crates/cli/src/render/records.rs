//! Records as a table: one column per field.

use std::collections::BTreeMap;

use refrain_schemas::json::Json;
use serde_json::value::RawValue;

use crate::render::diff::shown;
use crate::render::page::{Page, cut};
use unicode_width::UnicodeWidthStr as _;

/// How much of a field is shown on a terminal of unknown width.
const CELL_WIDTH: usize = 40;

/// Writes records as a table: the field that tells them apart first, then the others by name.
pub(crate) fn write(page: &mut Page, records: &[Json], key: Option<&str>) {
    let rows: Vec<BTreeMap<String, String>> = records.iter().map(fields).collect();
    let mut names: Vec<String> = rows.iter().flat_map(BTreeMap::keys).cloned().collect();
    names.sort_by_key(|name| (Some(name.as_str()) != key, name.clone()));
    names.dedup();
    let widths = widths(&names, &rows, page.theme().width);
    let header = names.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>();
    write_row(page, header.iter().map(String::as_str), &widths);
    for row in &rows {
        write_row(page, names.iter().map(|name| row.get(name).map_or("", String::as_str)), &widths);
    }
}

fn write_row<'a>(page: &mut Page, cells: impl Iterator<Item = &'a str>, widths: &[usize]) {
    let mut line = String::new();
    for (text, width) in cells.zip(widths) {
        let text = cut(&refrain_core::escape::escape(text), *width);
        line.push_str(&text);
        line.push_str(&" ".repeat(width - text.width() + 2));
    }
    page.plain(line.trim_end());
}

/// Shares the width out: what is narrow gets what it needs, the rest is divided among what is wide.
fn widths(names: &[String], rows: &[BTreeMap<String, String>], total: usize) -> Vec<usize> {
    let natural = |name: &String| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(name))
            .map(|text| refrain_core::escape::escape(text).width());
        cells.chain([name.width()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = names.iter().map(natural).collect();
    if total == usize::MAX {
        return widths.into_iter().map(|width| width.min(CELL_WIDTH)).collect();
    }
    let available = total.saturating_sub(2 * names.len());
    let mut cap = widths.iter().copied().max().unwrap_or(0);
    while cap > 4 && widths.iter().map(|width| width.min(&cap)).sum::<usize>() > available {
        cap -= 1;
    }
    widths.iter_mut().for_each(|width| *width = (*width).min(cap));
    widths
}

/// Returns the fields of a record as text; a value that is no object has one field without a name.
fn fields(record: &Json) -> BTreeMap<String, String> {
    let raw: Result<BTreeMap<String, &RawValue>, _> = serde_json::from_str(record.as_str());
    raw.map_or_else(
        |_| BTreeMap::from([(String::new(), shown(record.as_str()))]),
        |raw| raw.into_iter().map(|(name, value)| (name, shown(value.get()))).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::json;

    #[test]
    fn the_key_comes_first_and_nothing_overflows() {
        let records: Vec<Json> = [
            json!({"text": "A long line that cannot be shown in full on a narrow terminal", "line_id": "l1"}),
            json!({"line_id": "l2", "text": "日本語\n", "n": [1, 2]}),
        ]
        .iter()
        .map(|value| Json::of(value).unwrap())
        .collect();
        let mut page = Page::new(Theme { color: false, width: 40 });
        write(&mut page, &records, Some("line_id"));
        insta::assert_snapshot!(page.as_str(), @r"
        LINE_ID  N      TEXT
        l1              A long line that cann…
        l2       [1,2]  日本語\n
        ");
        assert!(page.as_str().lines().all(|line| line.width() <= 40));
    }
}
