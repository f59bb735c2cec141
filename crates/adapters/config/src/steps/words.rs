//! Says in the words of a steps file what is said of the pipeline that it was turned into.

use refrain_schemas::steps::StepsMap;

use super::path_of;

/// Words of pipelines, and those of steps files, where they stand by themselves.
const WORDS: [(&str, &str); 6] = [
    ("phase", "step"),
    ("phases", "steps"),
    ("Phase", "Step"),
    ("param", "input"),
    ("params", "inputs"),
    ("Param", "Input"),
];
/// Fields of pipelines, and the keys of steps that they come from.
const KEYS: [(&str, &str); 8] = [
    ("when", "condition"),
    ("phases", "steps"),
    ("params", "inputs"),
    ("input", "parameters"),
    ("after", "dependencies"),
    ("needs", "dependencies"),
    ("wants", "dependencies"),
    ("recover", "on_error"),
];

/// Returns what steps files call a key of native ones.
pub(crate) fn key_of_steps(native: &str) -> &str {
    KEYS.iter().find(|(known, _)| *known == native).map_or(native, |(_, own)| *own)
}

/// Returns a message in the words of the file.
pub(crate) fn in_words_of_steps(map: &StepsMap, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, piece) in text.split('`').enumerate() {
        if n > 0 {
            out.push('`');
        }
        if n % 2 == 1 && is_name(map, piece) {
            out.push_str(piece);
        } else if n % 2 == 1 {
            out.push_str(&quoted(map, piece));
        } else {
            plain(map, piece, &mut out);
        }
    }
    let is_step = |id: &str| map.entries.iter().any(|entry| entry.phase.as_str() == id);
    // The agent of a step goes by the name of the step.
    for (at, _) in text.match_indices("agent `") {
        let name = text[at + 7..].split('`').next().unwrap_or_default();
        if is_step(name) {
            out = out.replacen(&format!("agent `{name}`"), &format!("the tool of step `{name}`"), 1);
        }
    }
    out
}

/// Whether a word is the name of a step or an input, whatever else it means.
fn is_name(map: &StepsMap, text: &str) -> bool {
    map.entries.iter().any(|entry| entry.id == text || entry.phase.as_str() == text)
        || map.places.contains_key(&format!("params.{text}"))
}

/// What stands in quotes is a path, a key or a name.
fn quoted(map: &StepsMap, text: &str) -> String {
    if let Some((_, key)) = KEYS.iter().find(|(native, _)| *native == text) {
        return (*key).to_owned();
    }
    if let Some(condition) = text.strip_prefix("when: ") {
        return format!("condition: {condition}");
    }
    let is_path = text.starts_with("phases.") || text.starts_with("params.");
    if is_path { path(map, text) } else { text.to_owned() }
}

/// Returns where something of the pipeline stands in the file; of what stands nowhere, the name of its step.
fn path(map: &StepsMap, text: &str) -> String {
    let found = path_of(map, text);
    if found != text {
        return found;
    }
    let mut parts = text.split('.').skip(1).filter(|part| !matches!(*part, "document" | "step"));
    let first = parts.next().unwrap_or(text).to_owned();
    parts.fold(first, |path, part| format!("{path}.{part}"))
}

fn plain(map: &StepsMap, text: &str, out: &mut String) {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
    let mut rest = text;
    while let Some(start) = rest.find(is_of_word) {
        out.push_str(&rest[..start]);
        let length = rest[start..].find(|c| !is_of_word(c)).unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        let bare = word.trim_end_matches('.');
        let said = match WORDS.iter().find(|(native, _)| *native == bare) {
            Some((_, own)) => (*own).to_owned(),
            None if bare.starts_with("phases.") || bare.starts_with("params.") => path(map, bare),
            None => bare.to_owned(),
        };
        out.push_str(&said);
        out.push_str(&word[bare.len()..]);
        rest = &rest[start + length..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn native_words_become_those_of_the_file() {
        let place = |native: &str, own: &str| (native.to_owned(), own.to_owned());
        let places = BTreeMap::from([
            place("phases.c", "steps[2]"),
            place("phases.c.input", "steps[2].parameters"),
            place("params.n", "inputs.n"),
            place("params.input", "inputs.input"),
        ]);
        let map = StepsMap { places, ..StepsMap::default() };
        for (native, own) in [
            ("there is no phase `x`", "there is no step `x`"),
            ("phases that are phased.", "steps that are phased."),
            ("param `n` has no value", "input `n` has no value"),
            ("`phases.c.input.path` reads", "`steps[2].parameters.path` reads"),
            ("phases.c.when: it is null", "steps[2].when: it is null"),
            ("`when: n > 1` is false", "`condition: n > 1` is false"),
            ("it reads `phases.d.document.x`", "it reads `d.x`"),
            ("see params.n.", "see inputs.n."),
            ("param `input` has no value", "input `input` has no value"),
            ("`input` is for phases", "`input` is for steps"),
            ("`after` is for phases", "`dependencies` is for steps"),
        ] {
            assert_eq!(in_words_of_steps(&map, native), own);
        }
    }
}
