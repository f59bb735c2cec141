//! Filters for the usual work of prompts, besides those of the template language: `docs/prompts.md` tells them all.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::entries::{Entries, Wanted, occur_in};
use super::work::charge;
use crate::terms::Matching;

/// The names of the filters in this file.
pub(super) const NAMES: [&str; 8] =
    ["json", "occurring", "bullets", "numbered", "table", "fence", "clip", "quote"];

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("json", |state: &mut State<'_, '_>, value: Value| {
        charge(state, &[&value])?;
        json(value)
    });
    environment.add_filter(
        "occurring",
        |state: &mut State<'_, '_>, list: Value, text: Value, options: Kwargs| {
            charge(state, &[&text])?;
            occurring(list, text, options)
        },
    );
    environment.add_filter("bullets", |state: &mut State<'_, '_>, list: Value| {
        charge(state, &[&list])?;
        bullets(list)
    });
    environment.add_filter("numbered", |state: &mut State<'_, '_>, list: Value| {
        charge(state, &[&list])?;
        numbered(list)
    });
    environment.add_filter("table", |state: &mut State<'_, '_>, records: Value, fields: Rest<String>| {
        // The records are read once for every field.
        (0..=fields.len()).try_for_each(|_| charge(state, &[&records]))?;
        table(records, fields)
    });
    environment.add_filter("fence", |state: &mut State<'_, '_>, text: Value, language: Option<String>| {
        charge(state, &[&text])?;
        fence(text, language)
    });
    environment.add_filter("clip", |state: &mut State<'_, '_>, text: Value, n: usize| {
        charge(state, &[&text])?;
        clip(text, n)
    });
    environment.add_filter("quote", |state: &mut State<'_, '_>, text: Value| {
        charge(state, &[&text])?;
        quote(text)
    });
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Gives canonical JSON.
fn json(value: Value) -> Result<String, Error> {
    let value = serde_json::to_value(value).map_err(|e| failed(e.to_string()))?;
    let json = refrain_schemas::json::Json::of(&value).map_err(|e| failed(e.to_string()))?;
    Ok(json.as_str().to_owned())
}

/// Gives the entries of a list whose `field` (`term`) occurs in a text, or in one of several, by the options that `match:`
/// has.
fn occurring(list: Value, text: Value, options: Kwargs) -> Result<Value, Error> {
    let field: Option<String> = options.get("field")?;
    let (words, ignore_case): (Option<bool>, Option<bool>) =
        (options.get("words")?, options.get("ignore_case")?);
    let how = Matching {
        words: words.unwrap_or_default(),
        ignore_case: ignore_case.unwrap_or_default(),
        case: options.get("case")?,
    };
    options.assert_all_used()?;
    let wanted = Wanted { field: field.unwrap_or_else(|| "term".to_owned()), how };
    let texts = if text.kind() == ValueKind::Seq {
        text.try_iter()?.map(|text| text_of(&text)).collect::<Result<_, _>>()?
    } else {
        vec![text_of(&text)?]
    };
    match list.downcast_object_ref::<Entries>() {
        Some(entries) => entries.occurring(&texts, &wanted),
        None => occur_in(list.try_iter()?, &texts, &wanted),
    }
}

/// Gives a list with a hyphen before each item.
fn bullets(list: Value) -> Result<String, Error> {
    listed(&list, |_| "- ".to_owned())
}

/// Gives a list with a number before each item, from 1.
fn numbered(list: Value) -> Result<String, Error> {
    listed(&list, |n| format!("{}. ", n + 1))
}

/// Puts a mark before each item; further lines of an item stand below its first. Of a text, each line is an item.
fn listed(list: &Value, mark: impl Fn(usize) -> String) -> Result<String, Error> {
    let items: Vec<String> = match list.as_str() {
        Some(text) => text.lines().map(str::to_owned).collect(),
        None => list.try_iter()?.map(|item| text_of(&item)).collect::<Result<_, _>>()?,
    };
    let item = |(n, item): (usize, &String)| {
        let mark = mark(n);
        let indent = format!("\n{}", " ".repeat(mark.len()));
        format!("{mark}{}", item.trim_end().replace('\n', &indent))
    };
    Ok(items.iter().enumerate().map(item).collect::<Vec<_>>().join("\n"))
}

/// Gives records as a Markdown table, with the fields named or else with all of them.
fn table(records: Value, fields: Rest<String>) -> Result<String, Error> {
    let records: Vec<Value> = records.try_iter()?.collect();
    if records.iter().any(|record| record.kind() != ValueKind::Map) {
        return Err(failed("`table` shows records"));
    }
    let fields = if fields.is_empty() { all_fields(&records)? } else { fields.to_vec() };
    let mut out = row(fields.iter().map(|field| cell(field)));
    out.push_str(&row(fields.iter().map(|_| "---".to_owned())));
    for record in &records {
        let cells = fields.iter().map(|field| Ok(cell(&text_or_nothing(&record.get_attr(field)?)?)));
        out.push_str(&row(cells.collect::<Result<Vec<_>, Error>>()?.into_iter()));
    }
    Ok(out.trim_end().to_owned())
}

/// Returns the fields of records in the order in which they are met first.
fn all_fields(records: &[Value]) -> Result<Vec<String>, Error> {
    let mut seen = BTreeSet::new();
    let mut fields = Vec::new();
    for record in records {
        for name in record.try_iter()? {
            let name = name.to_string();
            if seen.insert(name.clone()) {
                fields.push(name);
            }
        }
    }
    Ok(fields)
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let mut out = String::from("|");
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(out, " {cell} |");
    }
    out.push('\n');
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Gives a text as a fenced block that nothing in it can end.
fn fence(text: Value, language: Option<String>) -> Result<String, Error> {
    let text = text_of(&text)?;
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let marks = "`".repeat(3.max(longest + 1));
    Ok(format!("{marks}{}\n{}\n{marks}", language.unwrap_or_default(), text.trim_end_matches('\n')))
}

/// Gives at most so many characters of a text; `…` stands for what is left out.
fn clip(text: Value, n: usize) -> Result<String, Error> {
    let text = text_of(&text)?;
    if text.chars().count() <= n {
        return Ok(text);
    }
    let kept: String = text.chars().take(n.saturating_sub(1)).collect();
    Ok(if n == 0 { kept } else { format!("{}…", kept.trim_end()) })
}

/// Gives a text that opens and closes no tag.
fn quote(text: Value) -> Result<String, Error> {
    Ok(text_of(&text)?.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// Returns a text as it is, and anything else as JSON.
fn text_of(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None if value.is_undefined() => Err(Error::from(ErrorKind::UndefinedError)),
        None => json(value.clone()),
    }
}

fn text_or_nothing(value: &Value) -> Result<String, Error> {
    if value.is_undefined() || value.is_none() { Ok(String::new()) } else { text_of(value) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::{Context, Template, known_filter};

    fn check(text: &str, expect: &str) {
        let context = Context::of(&json!({
            "terms": [{"term": "sea", "says": "mer", "exact": true}, {"term": "", "says": "-"}, {"term": 7, "says": "sept"}, {"word": "x"},
                      {"term": "a|b", "says": "two\nlines"}],
            "text": "the seas, 7 of them: a|b", "words": ["one", "two\nthree", 3, null],
        }));
        let rendered = Template::compile("", text).and_then(|template| template.render(&context));
        assert_eq!(rendered.unwrap_or_else(|error| format!("error: {error}")), expect, "{text}");
    }

    #[test]
    fn entries_that_occur() {
        check("{{ terms | occurring(text) | map(attribute='says') | join(',') }}", "mer,sept,two\nlines");
        check("{{ terms | occurring('Sea 8') | length }}", "0");
        check("{{ terms | occurring('xy', field='word') | json }}", r#"[{"word":"x"}]"#);
        check("{{ terms | occurring('SEAS, 8', ignore_case=true) | length }}", "1");
        check("{{ terms | occurring('SEAS, 8', ignore_case=true, words=true) | length }}", "0");
        check("{{ terms | occurring('Sea', ignore_case=true, case='exact') | length }}", "0");
        check("{{ terms | occurring(['Sea 7', 'sea'], words=true) | length }}", "2");
        check("{{ terms | occurring(text, fields='x') }}", "error: unknown keyword argument 'fields'");
        check("{{ terms | occurring(nothing) }}", "error: `occurring(nothing)` is undefined");
    }

    #[test]
    fn lists() {
        check("{{ words | bullets }}", "- one\n- two\n  three\n- 3\n- null");
        check("{{ words | numbered }}", "1. one\n2. two\n   three\n3. 3\n4. null");
        check("{{ 'a\nb' | bullets }}", "- a\n- b");
        check("{{ 'a\nb' | lines | numbered }}", "1. a\n2. b");
    }

    #[test]
    fn tables() {
        check(
            "{{ terms[3:] | table }}",
            "| word | says | term |\n| --- | --- | --- |\n| x |  |  |\n|  | two lines | a\\|b |",
        );
        check("{{ terms[:1] | table('term') }}", "| term |\n| --- |\n| sea |");
        check("{{ words | table }}", "error: `table` shows records");
    }

    #[test]
    fn texts() {
        check("{{ 'a ```` b\n' | fence('md') }}", "`````md\na ```` b\n`````");
        check("{{ 'x' | fence }}", "```\nx\n```");
        check("{{ 'größer' | clip(4) }}|{{ 'größer' | clip(6) }}|{{ 'abc' | clip(0) }}", "grö…|größer|");
        check("{{ '<a> & b' | quote }}", "&lt;a&gt; &amp; b");
    }

    #[test]
    fn filters_are_known_by_name() {
        assert!(known_filter("upper") && super::NAMES.into_iter().all(known_filter));
        assert!(!known_filter("uper"));
    }
}
