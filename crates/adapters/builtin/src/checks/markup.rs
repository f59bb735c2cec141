//! What is in a text and is no text: placeholders, tags, control codes.
//!
//! `markup: { families: [NAME], patterns: [PATTERN], counts: true }`: which families are on, own patterns besides them,
//! and whether markup counts for lengths and allowed characters.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::patterns::{compile, last_line};
use crate::params::Params;

/// The families in the order in which they are tried at one place, and whether they are on by default.
const FAMILIES: [(&str, bool, &str); 7] = [
    (
        "rpg_maker",
        true,
        r"\\(?:[A-Za-z]{1,12}\[\d+(?:[,;]\s*\d+)*\]|[A-Za-z]{2,12}\[[^\[\]\r\n]*\]|[A-Za-z]{2,12}<[^<>\r\n]*>|[Gg]\b|[.|!$^<>{}\\])",
    ),
    ("escapes", true, r"\\[nrt]"),
    (
        "printf",
        true,
        r"%(?:\d+\$)?[-+#0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z|j)?[sdiufxXc@]|%\([A-Za-z_]\w*\)[-+#0]*\d*(?:\.\d+)?[sdifuxXc]|%%",
    ),
    ("tags", true, r"</?[A-Za-z][^<>\r\n]*>|</?\d+\s*/?>"),
    ("braces", true, r"\{\{[^{}\r\n]*\}\}|\{[^{}\s]*\}|\{/?[A-Za-z_#*][\w.\-#*+ ]*[=:,!][^{}\r\n]*\}"),
    ("brackets", true, r"\[/?[A-Za-z_][\w.]*(?:\[[^\[\]\s]*\])*(?:![A-Za-z]+)?(?:[:=][^\[\]\r\n]*)?\]"),
    ("entities", false, r"&(?:[A-Za-z][A-Za-z0-9]*|#\d+|#[xX][0-9A-Fa-f]+);"),
];

/// What markup of the families begins with.
const MARKS: [char; 6] = ['\\', '%', '<', '{', '[', '&'];

static USUAL: LazyLock<Regex> = LazyLock::new(|| {
    let on = FAMILIES.iter().filter(|(_, on, _)| *on).map(|(_, _, pattern)| *pattern);
    compile(&on.collect::<Vec<_>>().join("|"))
});

/// Finds markup.
#[derive(Debug, Clone)]
pub(crate) struct Markup {
    /// `None` where every family is off.
    pattern: Option<Regex>,
    /// Whether all markup begins with one of a few characters.
    marked: bool,
    /// Whether markup counts for lengths and allowed characters.
    pub(crate) counts: bool,
}

/// A piece of markup and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) range: Range<usize>,
    pub(crate) text: &'a str,
}

impl Default for Markup {
    fn default() -> Self {
        Self { pattern: Some(USUAL.clone()), marked: true, counts: true }
    }
}

impl Markup {
    pub(crate) fn read(params: &Params<'_>) -> Self {
        let Some(own) = params.within("markup") else { return Self::default() };
        let counts = own.flag("counts", true);
        let families = families(&own);
        let added = patterns(&own);
        let pattern = if families.is_none() && added.is_empty() {
            Some(USUAL.clone())
        } else {
            let usual = || FAMILIES.iter().filter(|(_, on, _)| *on).map(|(_, _, pattern)| *pattern).collect();
            let families = families.unwrap_or_else(usual);
            joined(added.iter().map(String::as_str).chain(families), &own)
        };
        params.end(own);
        Self { pattern, marked: added.is_empty(), counts }
    }

    /// Returns all markup of a text, in order.
    pub(crate) fn tokens<'a>(&self, text: &'a str) -> Vec<Token<'a>> {
        if self.marked && !text.contains(MARKS) {
            return Vec::new();
        }
        let found = self.pattern.iter().flat_map(|pattern| pattern.find_iter(text));
        found.map(|found| Token { range: found.range(), text: found.as_str() }).collect()
    }

    /// Returns a text with NUL characters in the place of its markup, so that all places stay the same.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let tokens = self.tokens(text);
        if tokens.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut at = 0;
        for Token { range, .. } in tokens {
            masked.push_str(&text[at..range.start]);
            masked.extend(std::iter::repeat_n('\0', range.len()));
            at = range.end;
        }
        masked.push_str(&text[at..]);
        Cow::Owned(masked)
    }
}

/// Returns one pattern for several; `None` where there is none.
fn joined<'a>(all: impl Iterator<Item = &'a str>, own: &Params<'_>) -> Option<Regex> {
    let all: Vec<&str> = all.collect();
    let compiled = (!all.is_empty()).then(|| Regex::new(&all.join("|")))?;
    compiled.map_err(|error| own.problem("patterns", &last_line(&error), None)).ok()
}

fn families(own: &Params<'_>) -> Option<Vec<&'static str>> {
    let names = own.texts("families")?;
    let known: BTreeMap<&str, &'static str> =
        FAMILIES.iter().map(|(name, _, pattern)| (*name, *pattern)).collect();
    for name in names.iter().filter(|name| !known.contains_key(*name)) {
        let all: Vec<&str> = FAMILIES.iter().map(|(name, _, _)| *name).collect();
        let near =
            crate::nearest::nearest(name, all.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        let hint = near.unwrap_or_else(|| format!("there are {}", all.join(", ")));
        own.problem("families", &format!("there is no family `{name}`"), Some(hint));
    }
    // Which one is tried first is not for the params to say.
    let on = FAMILIES.iter().filter(|(name, _, _)| names.contains(name));
    Some(on.map(|(_, _, pattern)| *pattern).collect())
}

fn patterns(own: &Params<'_>) -> Vec<String> {
    let mut usable = Vec::new();
    for (n, source) in own.texts("patterns").unwrap_or_default().into_iter().enumerate() {
        let field = format!("patterns[{n}]");
        match Regex::new(source) {
            Err(error) => own.problem(&field, &last_line(&error), None),
            Ok(pattern) if pattern.is_match("") => {
                let hint = "markup is at least one character long".to_owned();
                own.problem(&field, "matches nothing at all, too", Some(hint));
            }
            Ok(_) => usable.push(format!("(?:{source})")),
        }
    }
    usable
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(params: &Value, text: &str, expect: &[&str]) {
        let params = Params::new(params.as_object().unwrap());
        let markup = Markup::read(&params);
        params.finish(Some(())).unwrap();
        let found: Vec<&str> = markup.tokens(text).into_iter().map(|token| token.text).collect();
        assert_eq!(found, expect, "{text}");
        assert_eq!(markup.mask(text).len(), text.len());
    }

    #[test]
    fn markup_of_many_kinds_is_found() {
        let usual = json!({});
        check(&usual, "{name} {{ x }} {0:.2f} { no }", &["{name}", "{{ x }}", "{0:.2f}"]);
        check(
            &usual,
            "{w=0.5}{color=#f00}x{/color}{font=My Font.ttf}",
            &["{w=0.5}", "{color=#f00}", "{/color}", "{font=My Font.ttf}"],
        );
        check(&usual, "[name!t] [a.b[0]] [b]x[/b] [no such] [1]", &["[name!t]", "[a.b[0]]", "[b]", "[/b]"]);
        check(&usual, "<b>x</b><br/> 1 < 2 > 1 <0>", &["<b>", "</b>", "<br/>", "<0>"]);
        check(
            &usual,
            "%s %1$s %(n)d %-5.2f %ld %% 100% of 5%",
            &["%s", "%1$s", "%(n)d", "%-5.2f", "%ld", "%%"],
        );
        check(
            &usual,
            r"\V[1]\C[2]Hi\.\|\!\{ \G \Gold \n[3] \FS[24]\n",
            &[r"\V[1]", r"\C[2]", r"\.", r"\|", r"\!", r"\{", r"\G", r"\n[3]", r"\FS[24]", r"\n"],
        );
        check(&usual, "a &amp; b", &[]);
    }

    #[test]
    fn families_can_be_chosen_and_patterns_added() {
        check(&json!({"markup": {"families": ["tags"]}}), "{a} <b> %s", &["<b>"]);
        check(&json!({"markup": {"families": []}}), "{a} <b> %s", &[]);
        check(
            &json!({"markup": {"patterns": [r"\$\w+", "@[a-z]+@"]}}),
            "$GOLD @x@ {a}",
            &["$GOLD", "@x@", "{a}"],
        );
        check(&json!({"markup": {"families": "entities", "patterns": "~"}}), "&amp;~", &["&amp;", "~"]);
    }

    #[test]
    fn params_are_checked() {
        let map = json!({"markup": {"families": ["tag", "qqqqqq"], "patterns": ["(", "a*"], "count": true}});
        let params = Params::new(map.as_object().unwrap());
        Markup::read(&params);
        let problems = params.finish(Some(())).unwrap_err();
        let lines: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        assert_eq!(
            lines,
            [
                "params.markup.families: there is no family `tag`",
                "params.markup.families: there is no family `qqqqqq`",
                "params.markup.patterns[0]: error: unclosed group",
                "params.markup.patterns[1]: matches nothing at all, too",
                "params.markup.count: there is no such param",
            ]
        );
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `tags`?"));
    }
}
