//! The filters of the steps dialect that Refrain's own templates have not, or have otherwise.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::json_text::{self, json};
use super::{layout, numbers, refused, text_of, texts};
use crate::template::work::{charge, charge_bytes, charge_indented};

/// The names of the filters in this file.
pub(super) const NAMES: [&str; 34] = [
    "basename",
    "center",
    "date",
    "e",
    "escape",
    "filesizeformat",
    "float",
    "forceescape",
    "from_json",
    "fromjson",
    "int",
    "join",
    "json",
    "json_encode",
    "loop_get",
    "markdown_format",
    "next_in_loop",
    "parse_json",
    "pprint",
    "prev_in_loop",
    "regex_findall",
    "regex_match",
    "regex_replace",
    "regex_search",
    "round",
    "slugify",
    "split",
    "striptags",
    "to_json",
    "tojson",
    "truncate",
    "truncate_words",
    "urlencode",
    "wordcount",
];

/// The widest that anything is made.
const WIDEST: usize = 10_000;
/// The deepest that bullets stand in each other.
const DEEPEST: usize = 32;
/// What space in front of a value costs where it is laid out.
const WIDE: usize = 80;

type Context<'s, 't, 'e> = &'s mut State<'t, 'e>;

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("basename", |state: &mut State<'_, '_>, value: Value| {
        text_of(state, &value).map(|text| texts::basename(&text).to_owned())
    });
    environment.add_filter("slugify", |state: &mut State<'_, '_>, value: Value| {
        text_of(state, &value).map(|text| texts::slug(&text))
    });
    environment.add_filter("urlencode", |state: &mut State<'_, '_>, value: Value| urlencode(state, &value));
    for name in ["e", "escape"] {
        environment.add_filter(name, |state: &mut State<'_, '_>, value: Value| {
            if value.is_safe() {
                return Ok(value);
            }
            escaped(state, &value)
        });
    }
    environment.add_filter("wordcount", |state: &mut State<'_, '_>, value: Value| {
        text_of(state, &value).map(|text| text.split_whitespace().count())
    });
    environment.add_filter("markdown_format", |state: &mut State<'_, '_>, value: Value| {
        markdown_format(state, &value)
    });
    environment.add_filter("striptags", |state: &mut State<'_, '_>, value: Value| {
        text_of(state, &value).map(|text| texts::without_tags(&text))
    });
    environment.add_filter("forceescape", |state: &mut State<'_, '_>, value: Value| escaped(state, &value));
    environment.add_filter("filesizeformat", |value: Value, binary: Option<bool>| {
        let bytes = f64::try_from(value).map_err(|_| refused("a size is a number of bytes"))?;
        Ok::<_, Error>(texts::size(bytes, binary.unwrap_or(false)))
    });
    environment.add_filter("replace", replace);
    environment.add_filter("center", center);
    environment.add_filter("truncate", truncate);
    environment.add_filter("truncate_words", truncate_words);
    environment.add_filter("date", date);
    environment.add_filter("split", split);
    environment.add_filter("join", join);
    environment.add_filter("int", numbers::int);
    environment.add_filter("float", numbers::float);
    environment.add_filter("round", numbers::round);
    environment.add_filter("pprint", |state: &mut State<'_, '_>, value: Value| {
        charge_indented(state, &value, WIDE)?;
        layout::laid_out(state, &value)
    });
    for name in ["regex_search", "regex_match", "regex_findall"] {
        environment.add_filter(name, move |state: &mut State<'_, '_>, value: Value, pattern: &str| {
            found(state, &value, pattern, name)
        });
    }
    environment.add_filter("regex_replace", regex_replace);
    for name in ["from_json", "fromjson", "parse_json"] {
        environment.add_filter(name, from_json);
    }
    environment.add_filter("json", |state: &mut State<'_, '_>, value: Value, options: Kwargs| {
        to_json(state, &value, options.get("indent")?, options)
    });
    environment.add_filter(
        "tojson",
        |state: &mut State<'_, '_>, value: Value, indent: Option<usize>, options: Kwargs| {
            let named: Option<usize> = options.get("indent")?;
            let text = to_json(state, &value, indent.or(named), options)?;
            charge_bytes(state, text.len().saturating_mul(6))?;
            Ok::<_, Error>(Value::from_safe_string(json_text::for_html(&text)))
        },
    );
    for name in ["to_json", "json_encode"] {
        environment.add_filter(name, |state: &mut State<'_, '_>, value: Value, options: Kwargs| {
            let indent: Option<usize> = options.get("indent")?;
            to_json(state, &value, indent.or(Some(2)), options)
        });
    }
    for (name, step) in [("loop_get", 0), ("next_in_loop", 1), ("prev_in_loop", -1)] {
        environment
            .add_filter(name, move |list: Value, place: i64| item_at(&list, place.saturating_add(step)));
    }
    environment.add_function("now", now);
}

/// Writes what HTML would take for its own otherwise.
fn escaped(state: Context<'_, '_, '_>, value: &Value) -> Result<Value, Error> {
    let text = text_of(state, value)?;
    charge_bytes(state, text.len().saturating_mul(6))?;
    Ok(Value::from_safe_string(texts::escaped(&text)))
}

/// Encodes a text for an address, and a map or a list of pairs as its query.
fn urlencode(state: Context<'_, '_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    charge_bytes(state, text.len().saturating_mul(3))?;
    let is_map = value.kind() == ValueKind::Map;
    if !is_map && !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(texts::encoded(&text, false));
    }
    let mut pairs = Vec::new();
    for item in value.try_iter()? {
        let (name, said) = match (is_map, item.len()) {
            (true, _) => (item.clone(), value.get_item(&item)?),
            (false, Some(2)) => (item.get_item_by_index(0)?, item.get_item_by_index(1)?),
            _ => return Err(refused("a query is made of a map, or of a list of pairs")),
        };
        let (name, said) = (text_of(state, &name)?, text_of(state, &said)?);
        pairs.push(format!("{}={}", texts::encoded(&name, true), texts::encoded(&said, true)));
    }
    Ok(pairs.join("&"))
}

/// Gives an item of a list by its place; nothing where there is none, before the first one included.
fn item_at(list: &Value, place: i64) -> Result<Value, Error> {
    if list.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(refused(format!("it is no list, but {}", list.kind())));
    }
    let found = usize::try_from(place).ok().map(|place| list.get_item_by_index(place));
    let found = found.transpose()?.filter(|found| !found.is_undefined());
    Ok(found.unwrap_or_else(|| Value::from(())))
}

/// Writes a value as Markdown: lists as bullets, maps as bullets with their names, texts as they are.
fn markdown_format(state: Context<'_, '_, '_>, value: &Value) -> Result<String, Error> {
    let text = text_of(state, value)?;
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
        // The deeper something is, the further in it stands.
        charge_bytes(state, text.len().saturating_mul(4))?;
        let mut written = String::new();
        bullets(state, value, 0, &mut written)?;
        return Ok(written);
    }
    Ok(text)
}

fn bullets(state: Context<'_, '_, '_>, value: &Value, depth: usize, into: &mut String) -> Result<(), Error> {
    let is_map = value.kind() == ValueKind::Map;
    for key in value.try_iter()? {
        let item = if is_map { value.get_item(&key)? } else { key.clone() };
        let is_nested = matches!(item.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
        charge_bytes(state, depth.saturating_mul(2))?;
        into.push_str(&"  ".repeat(depth));
        into.push_str("- ");
        if is_map {
            into.push_str(&format!("**{}**:", text_of(state, &key)?));
        }
        if is_nested && depth < DEEPEST {
            into.push('\n');
            bullets(state, &item, depth + 1, into)?;
            continue;
        }
        into.push_str(if is_map { " " } else { "" });
        into.push_str(&text_of(state, &item)?);
        into.push('\n');
    }
    Ok(())
}

/// Returns when the execution began, which is the same in all of it.
fn now(state: &mut State<'_, '_>) -> Result<Value, Error> {
    let execution = state.lookup("execution").filter(|execution| !execution.is_undefined());
    let started = execution.map(|execution| execution.get_attr("started_at")).transpose()?;
    started
        .filter(|started| !started.is_undefined())
        .ok_or_else(|| refused("`now()` is known in a run only; write `execution.timestamp`"))
}

fn narrow(width: usize) -> Result<usize, Error> {
    if width > WIDEST { Err(refused(format!("a width is at most {WIDEST}"))) } else { Ok(width) }
}

fn center(state: Context<'_, '_, '_>, value: Value, width: Option<usize>) -> Result<String, Error> {
    let (text, width) = (text_of(state, &value)?, narrow(width.unwrap_or(80))?);
    charge_bytes(state, width)?;
    Ok(format!("{text:^width$}"))
}

fn replace(
    state: Context<'_, '_, '_>,
    value: Value,
    old: Value,
    new: Value,
    count: Option<usize>,
) -> Result<String, Error> {
    let (text, old, new) = (text_of(state, &value)?, text_of(state, &old)?, text_of(state, &new)?);
    let n = text.matches(&old).count().min(count.unwrap_or(usize::MAX));
    charge_bytes(state, n.saturating_mul(new.len()))?;
    Ok(text.replacen(&old, &new, n))
}

fn truncate(
    state: Context<'_, '_, '_>,
    value: Value,
    rest: Rest<Value>,
    options: Kwargs,
) -> Result<String, Error> {
    let text = text_of(state, &value)?;
    let at = |n: usize| rest.get(n).cloned();
    let length = at(0).map_or_else(|| options.get("length"), |value| usize::try_from(value).map(Some))?;
    let kill = at(1).map_or_else(|| options.get("killwords"), |value| Ok(Some(value.is_true())))?;
    let end = at(2).map_or_else(|| options.get("end"), |value| Ok(Some(value.to_string())))?;
    let leeway = at(3).map_or_else(|| options.get("leeway"), |value| usize::try_from(value).map(Some))?;
    options.assert_all_used()?;
    let end: String = end.unwrap_or_else(|| "...".to_owned());
    Ok(texts::truncated(&text, length.unwrap_or(255), kill.unwrap_or(false), &end, leeway.unwrap_or(5)))
}

fn truncate_words(
    state: Context<'_, '_, '_>,
    value: Value,
    n: Option<usize>,
    end: Option<String>,
) -> Result<String, Error> {
    let text = text_of(state, &value)?;
    Ok(texts::first_words(&text, n.unwrap_or(50), end.as_deref().unwrap_or("...")))
}

fn date(state: Context<'_, '_, '_>, value: Value, format: Option<&str>) -> Result<String, Error> {
    let format = format.unwrap_or("%Y-%m-%d");
    narrow(format.len())?;
    if has_widths(format) {
        return Err(refused("a format of a date has no widths"));
    }
    texts::date(&text_of(state, &value)?, format)
}

/// Whether a format says how wide something is to be, which may be any number.
fn has_widths(format: &str) -> bool {
    let letters = format.replace("%%", "");
    let mut parts = letters.split('%').skip(1);
    parts.any(|part| {
        part.trim_start_matches(['-', '_', '^', '#', '.', ':']).starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Writes a text that is a point in time as a moment of the originals does: by a format, or as it is.
pub(super) fn moment(
    state: Context<'_, '_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let format = match (name, arguments) {
        ("strftime", [format]) => format.as_str(),
        ("isoformat", []) => None,
        _ => return Err(refused("it is `strftime(FORMAT)`, or `isoformat()`")),
    };
    let written = date(state, value.clone(), format)?;
    Ok(if name == "isoformat" { value.clone() } else { Value::from(written) })
}

fn split(state: Context<'_, '_, '_>, value: Value, separator: Option<&str>) -> Result<Value, Error> {
    let text = text_of(state, &value)?;
    // A piece costs more than its bytes.
    charge_bytes(state, text.len().saturating_mul(16))?;
    Ok(match separator {
        None => text.split_whitespace().map(Value::from).collect(),
        Some("") => return Err(refused("the separator is empty")),
        Some(separator) => text.split(separator).map(Value::from).collect(),
    })
}

fn join(
    state: Context<'_, '_, '_>,
    value: Value,
    separator: Option<&str>,
    options: Kwargs,
) -> Result<String, Error> {
    let attribute: Option<String> = options.get("attribute")?;
    options.assert_all_used()?;
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let separator = separator.unwrap_or(", ");
    let mut joined = String::new();
    for (n, item) in value.try_iter()?.enumerate() {
        let item = match &attribute {
            Some(name) => item.get_attr(name)?,
            None => item,
        };
        joined.push_str(if n > 0 { separator } else { "" });
        joined.push_str(&text_of(state, &item)?);
        charge_bytes(state, separator.len())?;
    }
    Ok(joined)
}

/// Returns what a pattern finds: the first match, whether it matches from the start, or all matches.
fn found(state: Context<'_, '_, '_>, value: &Value, pattern: &str, how: &str) -> Result<Value, Error> {
    let text = text_of(state, value)?;
    charge_bytes(state, text.len().saturating_mul(16))?;
    let pattern = texts::pattern(pattern)?;
    Ok(match how {
        "regex_match" => Value::from(pattern.find(&text).is_some_and(|found| found.start() == 0)),
        "regex_findall" => pattern.find_iter(&text).map(|found| Value::from(found.as_str())).collect(),
        _ => pattern.find(&text).map_or(Value::from(()), |found| Value::from(found.as_str())),
    })
}

fn regex_replace(
    state: Context<'_, '_, '_>,
    value: Value,
    pattern: &str,
    with: Option<&str>,
) -> Result<String, Error> {
    let text = text_of(state, &value)?;
    let (pattern, with) = (texts::pattern(pattern)?, texts::replacement(with.unwrap_or_default()));
    charge_bytes(state, text.len().saturating_mul(16))?;
    let n_found = pattern.find_iter(&text).count();
    let n_groups = with.matches("${").count();
    charge_bytes(
        state,
        n_found.saturating_mul(with.len()).saturating_add(n_groups.saturating_mul(text.len())),
    )?;
    Ok(pattern.replace_all(&text, with.as_str()).into_owned())
}

fn from_json(state: Context<'_, '_, '_>, value: Value) -> Result<Value, Error> {
    let text = text_of(state, &value)?;
    // A value may take much more than the text that says it.
    charge_bytes(state, text.len().saturating_mul(16))?;
    // Read by the engine itself, maps keep the order of the text.
    serde_json::from_str(&text).map_err(|error| refused(format!("the text is no JSON: {error}")))
}

fn to_json(
    state: Context<'_, '_, '_>,
    value: &Value,
    indent: Option<usize>,
    options: Kwargs,
) -> Result<String, Error> {
    options.assert_all_used()?;
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let width = narrow(indent.unwrap_or(0))?;
    charge_indented(state, value, width)?;
    charge(state, &[value])?;
    json(value, indent.filter(|width| *width > 0))
}
