//! `pseudo`: a translation that is none, for trying everything else: it looks like another language, is longer than the
//! source, and keeps what a translation must keep.
//!
//! - `language`: `ja` is written in kana, languages from right to left run so; all others get accents.
//! - `text` (`text`): the field that is translated; `into` (`text`): the field with the translation; `source`
//!   (`source`): the one with the source.
//! - `expand` (1.3): how much longer it gets; `brackets` (on): whether `⟦…⟧` show where it begins and ends.
//! - `encoding`: how the text will be written. Where that is `shift_jis`, or may be (`auto`), letters are full-width and
//!   brackets `【…】`, because it has neither accents nor the usual brackets.
//! - `keep` (`[line_id, scene_id, route_id, speaker]`): fields that are taken over.
//! - `names`, `markup`: as those of `checks`. Terms of the context entries `glossary` and `terms` are rendered as they say.
//! - `mode: terms`: translates terms, not lines: the field `term` (`subject`) of a record, or of all records of a group
//!   alike, gives one record with `term`, `translation` and `count`; records of another `kind` than `term` give none.
//!   `count: false` leaves the number out, which changes whenever the term is there once more.
//!
//! Markup, numbers, spaces at the ends and punctuation stay as they are.

mod letters;

use std::ops::Range;

use refrain_core::ports::agent::{AskedUnit, Request, SpecProblem};
use refrain_schemas::failure::Failure;
use serde_json::{Map, Value, json};

use crate::agent::{AnswerUnit, Work};
use crate::checks::{Glossaries, Markup, Terms, glossaries, last_word, near};
use crate::glossary::Glossary;
use crate::params::Params;
use crate::record::{Input, Record, text};
use letters::Style;

const CONTEXTS: [&str; 2] = ["glossary", "terms"];
/// What files can be encoded as.
const ENCODINGS: [&str; 7] = ["mark", "auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "shift_jis"];
const KEPT: [&str; 4] = ["line_id", "scene_id", "route_id", "speaker"];

struct Pseudo {
    style: Style,
    field: String,
    into: String,
    source: String,
    /// How much longer texts get, in per cent.
    expand: usize,
    brackets: Option<(char, char)>,
    keep: Vec<String>,
    names: Option<Terms>,
    markup: Markup,
    /// The field with the term, where terms are translated.
    term: Option<String>,
    /// Whether the record of a term says how often it is there.
    count: bool,
}

pub(crate) fn read(map: &Map<String, Value>) -> Result<Box<dyn Work>, Vec<SpecProblem>> {
    parse(Params::new(map)).map(|pseudo| Box::new(pseudo) as Box<dyn Work>)
}

pub(crate) fn check(map: &Map<String, Value>) -> Vec<SpecProblem> {
    parse(Params::new(map).unfilled()).err().unwrap_or_default()
}

fn parse(params: Params<'_>) -> Result<Pseudo, Vec<SpecProblem>> {
    let word = |name, usual: &str| params.text(name).unwrap_or(usual).to_owned();
    let terms = params.word("mode", &["lines", "terms"]) == "terms";
    let style = Style::of(params.text("language").unwrap_or_default());
    let is_narrow = matches!(params.word("encoding", &ENCODINGS), "shift_jis" | "auto");
    let brackets = if is_narrow { ('【', '】') } else { ('⟦', '⟧') };
    let pseudo = Pseudo {
        style: if is_narrow { style.in_shift_jis() } else { style },
        field: word("text", "text"),
        into: word("into", "text"),
        source: word("source", "source"),
        expand: expand(&params),
        brackets: Some(brackets).filter(|_| params.flag("brackets", true)),
        keep: params.texts("keep").unwrap_or_else(|| KEPT.to_vec()).into_iter().map(str::to_owned).collect(),
        names: Terms::names(&params, false),
        markup: Markup::read(&params),
        term: Some(word("term", "subject")).filter(|_| terms),
        count: params.flag("count", true),
    };
    params.finish(Some(pseudo))
}

fn expand(params: &Params<'_>) -> usize {
    let factor = params.number("expand").unwrap_or(1.3);
    if !(1.0..=10.0).contains(&factor) {
        params.problem("expand", "must be from 1 to 10", Some("for instance `expand: 1.3`".to_owned()));
        return 0;
    }
    // A few digits of a number from 0 to 9: nothing is cut off that anybody would miss.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 900")]
    let per_cent = ((factor - 1.0) * 100.0).round() as usize;
    per_cent
}

impl Work for Pseudo {
    fn prepare<'a>(&'a self, request: &'a Request) -> AnswerUnit<'a> {
        let shared = glossaries(&request.context.value(), CONTEXTS);
        Box::new(move |unit| {
            let own = glossaries(&unit.context.value(), CONTEXTS);
            self.answer(unit, &[&own, &shared])
        })
    }
}

impl Pseudo {
    fn answer(&self, unit: &AskedUnit, known: &[&Glossaries]) -> Result<Value, Failure> {
        match (Input::of(unit)?, &self.term) {
            (Input::One(record), Some(field)) => self.term(&[record], field, known),
            (Input::Group(records), Some(field)) => self.term(&records, field, known),
            (Input::One(record), None) => self.line(&record, known),
            (Input::Group(records), None) => records.iter().map(|record| self.line(record, known)).collect(),
        }
    }

    /// Returns the terms of a text.
    fn glossary(&self, text: &str, known: &[&Glossaries]) -> Glossary {
        let near = near(known, text, 0);
        let mut all = self.names.as_ref().map_or_else(Glossary::default, |names| names.known(&near));
        near.values().for_each(|glossary| all.add_all(Some(glossary)));
        all
    }

    fn line(&self, record: &Record, known: &[&Glossaries]) -> Result<Value, Failure> {
        let source = text(record, &self.field)?;
        let mut line = Record::new();
        for name in &self.keep {
            line.extend(record.get(name).map(|value| (name.clone(), value.clone())));
        }
        line.insert(self.into.clone(), Value::from(self.translate(&source, &self.glossary(&source, known))));
        line.insert(self.source.clone(), Value::from(source));
        Ok(Value::Object(line))
    }

    fn term(&self, records: &[Record], field: &str, known: &[&Glossaries]) -> Result<Value, Failure> {
        let is_term = |record: &&Record| record.get("kind").is_none_or(|kind| kind == "term");
        let records: Vec<&Record> = records.iter().filter(is_term).collect();
        let Some(first) = records.first() else { return Ok(json!([])) };
        let term = text(first, field)?;
        let glossary = self.glossary(&term, known);
        let entry = glossary.entries().iter().find(|entry| entry.term == term);
        let known = entry.and_then(|entry| entry.renderings.first()).cloned();
        let count = |record: &&Record| record.get("count").and_then(Value::as_u64).unwrap_or(1);
        let mut answer =
            json!({ "translation": known.unwrap_or_else(|| self.style.letters(&term)), "term": term });
        if self.count {
            answer["count"] = Value::from(records.iter().map(count).sum::<u64>());
        }
        Ok(answer)
    }

    fn translate(&self, text: &str, glossary: &Glossary) -> String {
        let core = text.trim();
        if core.is_empty() {
            return text.to_owned();
        }
        let start = text.len() - text.trim_start().len();
        let (before, behind) = (&text[..start], &text[start + core.len()..]);
        let mut out = self.words(core, glossary);
        let free = out.iter().filter(|(_, free)| *free).flat_map(|(text, _)| text.chars());
        let letters = free.filter(|c| c.is_alphabetic()).count();
        let longer = letters.saturating_mul(self.expand).div_ceil(100);
        self.lengthen(&mut out, longer);
        let shown: String = out.iter().map(|(text, _)| text.as_str()).collect();
        let shown = if shown == core && letters > 0 { format!("{shown}~") } else { shown };
        let shown = self.style.directed(shown);
        match self.brackets {
            Some((open, close)) => format!("{before}{open}{shown}{close}{behind}"),
            None => format!("{before}{shown}{behind}"),
        }
    }

    /// Returns the text in stretches, and whether each may still be changed.
    fn words(&self, text: &str, glossary: &Glossary) -> Vec<(String, bool)> {
        let masked = self.markup.mask(text);
        let mut fixed: Vec<(Range<usize>, String)> =
            self.markup.tokens(text).into_iter().map(|token| (token.range, token.text.to_owned())).collect();
        for (entry, hits) in glossary.terms_in(&masked, 0) {
            if let Some(rendering) = entry.renderings.first() {
                fixed.extend(hits.into_iter().map(|hit| (hit, rendering.clone())));
            }
        }
        fixed.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out: Vec<(String, bool)> = Vec::new();
        let mut at = 0;
        for (range, stays) in fixed {
            push(&mut out, self.style.letters(&text[at..range.start]), true);
            push(&mut out, stays, false);
            at = range.end;
        }
        push(&mut out, self.style.letters(&text[at..]), true);
        out
    }

    /// Makes vowels longer, and adds what is still lacking behind the last word.
    fn lengthen(&self, out: &mut Vec<(String, bool)>, longer: usize) {
        let mut left = longer;
        for (text, _) in out.iter_mut().filter(|(_, free)| *free) {
            let mut longer = String::with_capacity(text.len());
            for c in text.chars() {
                longer.push(c);
                if left > 0 && self.style.is_vowel(c) {
                    longer.push(c);
                    left -= 1;
                }
            }
            *text = longer;
        }
        if left > 0
            && let Some((text, true)) = out.last_mut()
        {
            text.insert_str(last_word(text), &"~".repeat(left));
        } else if left > 0 {
            out.push(("~".repeat(left), true));
        }
    }
}

/// Adds a stretch; words that were apart stay apart.
fn push(out: &mut Vec<(String, bool)>, text: String, free: bool) {
    let last = out.last().and_then(|(last, _)| last.chars().next_back());
    let sticks = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !crate::words::runs_on(c));
    if sticks(last) && sticks(text.chars().next()) {
        out.push((" ".to_owned(), false));
    }
    if !text.is_empty() {
        out.push((text, free));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_testkit::ask::{json as canonical, request};

    fn answer(params: &Value, input: Value, context: &Value) -> Value {
        let mut request = request(1, &[("l1", input)]);
        request.units[0].context = canonical(context);
        let work = read(params.as_object().unwrap()).map_err(|_| ()).unwrap();
        work.prepare(&request)(&request.units[0]).unwrap()
    }

    fn check(params: Value, text: &str, expect: &str) {
        let glossary = json!({"glossary": [{"term": "Anna", "translation": "アンナ"}, {"term": "rope", "translation": "Seil|Tau"}]});
        assert_eq!(
            answer(&params, json!({"text": text}), &glossary)["text"],
            json!(expect),
            "{params} {text}"
        );
    }

    #[test]
    fn what_must_stay_stays() {
        let plain = json!({"expand": 1, "brackets": false});
        check(plain.clone(), "Hello {name}, take %d ropes!", "Ĥéļļö {name}, ţåķé %d ŕöþéš!");
        check(plain.clone(), " Anna's rope\n", " アンナ'š Seil\n");
        check(plain.clone(), "12", "12");
        check(plain, "竜", "竜~");
        check(json!({}), "Hello, Bob. ", "⟦Ĥééļļöö, Ɓööƀ.⟧ ");
        check(json!({}), "", "");
        check(json!({"brackets": false, "expand": 2}), "Hm…", "Ĥɱ~~…");
        check(json!({"language": "ja", "expand": 1}), "Take Anna", "⟦トあかえ アンナ⟧");
        check(json!({"language": "he", "expand": 1, "brackets": false}), "ok", "\u{202b}öķ\u{202c}");
        check(json!({"names": ["Bob"], "expand": 1}), "Bob!", "⟦Bob!⟧");
    }

    #[test]
    fn shift_jis_gets_what_it_has() {
        let params =
            |language: &str, encoding: &str| json!({"language": language, "encoding": encoding, "expand": 1});
        check(params("fr", "shift_jis"), "Take {n}", "【Ｔａｋｅ {n}】");
        check(params("fr", "auto"), "竜 ok", "【竜 ｏｋ】");
        check(params("he", "shift_jis"), "ok", "【ｏｋ】");
        check(params("ja", "shift_jis"), "Take Anna", "【トあかえ アンナ】");
        check(params("fr", "utf-8"), "ok", "⟦öķ⟧");
        check(json!({"encoding": "shift_jis", "expand": 2}), "Hm", "【Ｈｍ~~】");
    }

    #[test]
    fn lines_keep_their_fields() {
        let record = json!({"line_id": "l1", "speaker": "Bo", "note": "x", "text": "a"});
        assert_eq!(
            answer(&json!({"brackets": false, "expand": 1}), record.clone(), &json!({})),
            json!({"line_id": "l1", "speaker": "Bo", "source": "a", "text": "å"})
        );
        let group = answer(&json!({"keep": "note", "into": "t"}), json!({"records": [record]}), &json!({}));
        assert_eq!(group, json!([{"note": "x", "source": "a", "t": "⟦åå⟧"}]));
    }

    #[test]
    fn terms_become_one_record_each() {
        let params = json!({"mode": "terms"});
        let records = json!({"records": [
            {"kind": "term", "subject": "Anna", "count": 3}, {"kind": "idiom", "subject": "Anna"},
            {"kind": "term", "subject": "Anna"},
        ]});
        let glossary = json!({"glossary": [{"term": "Anna", "translation": "Ana|Anne"}]});
        let expect = json!({"term": "Anna", "translation": "Ana", "count": 4});
        assert_eq!(answer(&params, records.clone(), &glossary), expect);
        let plain = json!({"mode": "terms", "count": false});
        assert_eq!(answer(&plain, records.clone(), &glossary), json!({"term": "Anna", "translation": "Ana"}));
        assert_eq!(answer(&params, records, &json!({}))["translation"], json!("Åññå"));
        assert_eq!(answer(&params, json!({"kind": "idiom", "subject": "x"}), &json!({})), json!([]));
    }

    #[test]
    fn params_are_checked() {
        let found = |params: Value| super::check(params.as_object().unwrap());
        assert!(found(json!({"language": "{{ scope.language }}"})).is_empty());
        assert_eq!(found(json!({"expand": 0.5}))[0].message, "must be from 1 to 10");
        assert_eq!(found(json!({"bracket": true}))[0].hint.as_deref(), Some("did you mean `brackets`?"));
    }
}
