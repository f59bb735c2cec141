//! How two revisions differ: per record and field, word by word.
//!
//! With colours, removed words are red and added ones green; without, they stand in `[-…-]` and `{+…+}`.

use std::collections::BTreeMap;

use refrain_schemas::json::scalar_text;
use refrain_schemas::why::{DiffReport, RecordChange};
use serde_json::value::RawValue;

use crate::render::numbers::counted;
use crate::render::page::{Page, Tone};
use crate::render::words;
use refrain_core::escape::escape;

/// Above this many pairs of words, two texts are shown whole instead of compared.
const MOST_PAIRS: usize = 4_000_000;

/// A run of words and which side has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// Both.
    Same,
    /// The old one.
    Removed,
    /// The new one.
    Added,
}

/// Writes the difference of two revisions.
pub(crate) fn write(page: &mut Page, report: &DiffReport) {
    let target = words::target(&report.phase, &report.scope);
    let revisions = format!(" #{} → #{}", report.from, report.to);
    page.line(&[(Tone::Strong, &target), (Tone::Plain, &revisions)]);
    for change in &report.changes {
        page.gap();
        write_record(page, change);
    }
    page.gap();
    page.plain(&summary(&report.changes));
}

fn summary(changes: &[RecordChange]) -> String {
    let count = |of: fn(&RecordChange) -> bool| changes.iter().filter(|change| of(change)).count() as u64;
    if changes.is_empty() {
        return "no record differs".to_owned();
    }
    format!(
        "{}: {} changed, {} added, {} removed",
        counted(changes.len() as u64, "record"),
        count(|c| c.old.is_some() && c.new.is_some()),
        count(|c| c.old.is_none()),
        count(|c| c.new.is_none()),
    )
}

fn write_record(page: &mut Page, change: &RecordChange) {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => {
            page.line(&[(Tone::Warn, "~ "), (Tone::Strong, &change.key)]);
            write_values(page, "    ", old.as_str(), new.as_str());
        }
        (None, Some(new)) => {
            page.line(&[(Tone::Added, "+ "), (Tone::Strong, &change.key)]);
            write_side(page, "    ", Words::Added, new.as_str());
        }
        (Some(old), None) => {
            page.line(&[(Tone::Removed, "- "), (Tone::Strong, &change.key)]);
            write_side(page, "    ", Words::Removed, old.as_str());
        }
        (None, None) => {}
    }
}

/// Writes how two values differ: field by field where both are objects, as text otherwise.
pub(crate) fn write_values(page: &mut Page, indent: &str, old: &str, new: &str) {
    let (Some(before), Some(after)) = (fields(old), fields(new)) else {
        return write_words(page, &[(Tone::Plain, indent)], &shown(old), &shown(new));
    };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        let text = |side: Option<&String>| side.map(|value| shown(value)).unwrap_or_default();
        let label = format!("{name}: ");
        write_words(page, &[(Tone::Plain, indent), (Tone::Faint, &label)], &text(old), &text(new));
    }
}

/// Writes a value that only one side has.
pub(crate) fn write_side(page: &mut Page, indent: &str, side: Words, value: &str) {
    let tone = if side == Words::Added { Tone::Added } else { Tone::Removed };
    let Some(fields) = fields(value) else {
        return page.line(&[(Tone::Plain, indent), (tone, &shown(value))]);
    };
    for (name, value) in fields {
        let label = format!("{name}: ");
        page.line(&[(Tone::Plain, indent), (Tone::Faint, &label), (tone, &shown(&value))]);
    }
}

/// Returns a canonical value as people read it: text without quotes, anything else as JSON.
pub(crate) fn shown(canonical: &str) -> String {
    scalar_text(canonical).map_or_else(|| canonical.to_owned(), |text| text.into_owned())
}

fn fields(canonical: &str) -> Option<BTreeMap<String, String>> {
    let raw: BTreeMap<String, &RawValue> = serde_json::from_str(canonical).ok()?;
    Some(raw.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect())
}

/// Writes how two texts differ, word by word, behind a head.
pub(crate) fn write_words(page: &mut Page, head: &[(Tone, &str)], old: &str, new: &str) {
    for piece in head {
        page.piece(*piece);
    }
    let color = page.theme().color;
    for (side, text) in compare(&escape(old), &escape(new)) {
        match side {
            Words::Same => page.piece((Tone::Plain, &text)),
            Words::Removed if color => page.piece((Tone::Removed, &text)),
            Words::Added if color => page.piece((Tone::Added, &text)),
            Words::Removed => page.piece((Tone::Plain, &format!("[-{text}-]"))),
            Words::Added => page.piece((Tone::Plain, &format!("{{+{text}+}}"))),
        };
    }
    page.end();
}

/// Returns how one text becomes the other, as runs of words; removed before added.
fn compare(old: &str, new: &str) -> Vec<(Words, String)> {
    let old = tokens(old);
    let new = tokens(new);
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = Runs::default();
    old[..head].iter().for_each(|word| out.push(Words::Same, word));
    middle(&old[head..old.len() - tail], &new[head..new.len() - tail], &mut out);
    old[old.len() - tail..].iter().for_each(|word| out.push(Words::Same, word));
    out.finish()
}

/// Compares by the longest common subsequence.
fn middle(old: &[&str], new: &[&str], out: &mut Runs) {
    let common =
        if old.len().saturating_mul(new.len()) > MOST_PAIRS { Vec::new() } else { lengths(old, new) };
    let length = |i: usize, j: usize| common.get(i * (new.len() + 1) + j).copied().unwrap_or(0);
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && !common.is_empty() && old[i] == new[j] {
            out.push(Words::Same, old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && length(i + 1, j) >= length(i, j + 1)) {
            out.push(Words::Removed, old[i]);
            i += 1;
        } else {
            out.push(Words::Added, new[j]);
            j += 1;
        }
    }
}

/// Returns, for every pair of ends, how long the longest common subsequence is.
fn lengths(old: &[&str], new: &[&str]) -> Vec<u32> {
    let width = new.len() + 1;
    let mut table = vec![0; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i * width + j] = if old[i] == new[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    table
}

/// Cuts a text into words, blanks and single signs; scripts without blanks are cut into letters.
fn tokens(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        if last.is_some_and(|last| last != kind || kind == Kind::Sign) {
            out.push(&text[start..at]);
            start = at;
        }
        last = Some(kind);
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Blank,
    Sign,
}

fn kind(c: char) -> Kind {
    // From the CJK radicals up to the compatibility ideographs, and beyond the basic plane: no blanks between words.
    let alone = matches!(c, '\u{2e80}'..='\u{abff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..);
    match c {
        _ if c.is_whitespace() => Kind::Blank,
        _ if !alone && (c.is_alphanumeric() || c == '_' || c == '\'') => Kind::Word,
        _ => Kind::Sign,
    }
}

/// Collects words into runs. Between two places where both sides agree, what was removed comes before what was added.
#[derive(Debug, Default)]
struct Runs {
    done: Vec<(Words, String)>,
    same: String,
    removed: String,
    added: String,
}

impl Runs {
    fn push(&mut self, side: Words, word: &str) {
        match side {
            Words::Same => {
                self.settle_changes();
                self.same.push_str(word);
            }
            Words::Removed => {
                self.settle(Words::Same);
                self.removed.push_str(word);
            }
            Words::Added => {
                self.settle(Words::Same);
                self.added.push_str(word);
            }
        }
    }

    fn settle_changes(&mut self) {
        self.settle(Words::Removed);
        self.settle(Words::Added);
    }

    fn settle(&mut self, side: Words) {
        let text = match side {
            Words::Same => &mut self.same,
            Words::Removed => &mut self.removed,
            Words::Added => &mut self.added,
        };
        if !text.is_empty() {
            self.done.push((side, std::mem::take(text)));
        }
    }

    fn finish(mut self) -> Vec<(Words, String)> {
        self.settle(Words::Same);
        self.settle_changes();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::json;

    fn rendered(color: bool) -> String {
        let report: DiffReport = serde_json::from_value(json!({
            "schema_version": 1, "phase": "translate", "scope": {"language": "ja"}, "from": 1, "to": 2,
            "changes": [
                {"key": "line_1",
                 "old": {"line_id": "line_1", "text": "Drink the potion now", "n": 1},
                 "new": {"line_id": "line_1", "text": "Drink this elixir now!", "note": "new\u{1b}[2J"}},
                {"key": "line_2", "old": null, "new": {"text": "新しい"}},
                {"key": "line_3", "old": {"text": "gone"}, "new": null}
            ]
        }))
        .unwrap();
        let mut page = Page::new(Theme { color, width: 80 });
        write(&mut page, &report);
        page.as_str().to_owned()
    }

    #[test]
    fn records_are_compared_field_by_field_and_word_by_word() {
        insta::assert_snapshot!(rendered(false));
    }

    #[test]
    fn colours_replace_the_brackets() {
        let text = rendered(true);
        assert!(text.contains("\u{1b}[31mthe\u{1b}[0m\u{1b}[32mthis\u{1b}[0m"), "{text:?}");
        assert!(!text.contains("[-"));
    }

    #[test]
    fn words_are_the_smallest_piece() {
        let marked = |old: &str, new: &str| {
            compare(old, new).iter().fold(String::new(), |out, (side, text)| match side {
                Words::Same => out + text,
                Words::Removed => format!("{out}[-{text}-]"),
                Words::Added => format!("{out}{{+{text}+}}"),
            })
        };
        assert_eq!(marked("the cat sat", "the dog sat"), "the [-cat-]{+dog+} sat");
        assert_eq!(marked("水を飲む", "薬を飲む"), "[-水-]{+薬+}を飲む");
        assert_eq!(marked("", "a"), "{+a+}");
        assert_eq!(marked("same", "same"), "same");
        assert_eq!(marked("a b c d", "a x c y"), "a [-b-]{+x+} c [-d-]{+y+}");
    }

    #[test]
    fn both_texts_can_be_read_back() {
        let texts = ["", "a", "a b c", "b a c", "日本 a", "a  b\tc", "x y z a b c d", "the quick brown fox"];
        for old in texts {
            for new in texts {
                let side = |skip: Words| -> String {
                    compare(old, new).into_iter().filter(|(s, _)| *s != skip).map(|(_, text)| text).collect()
                };
                assert_eq!((side(Words::Added).as_str(), side(Words::Removed).as_str()), (old, new));
            }
        }
    }
}
