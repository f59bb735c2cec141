//! A set of rules, as params describe it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::allowed::Allowed;
use super::ends::Ends;
use super::issue::Finding;
use super::length::MaxLength;
use super::markup::Markup;
use super::numbers::{Digits, Numbers};
use super::pairs::Pairs;
use super::placeholders::Placeholders;
use super::plain::{Forbid, Lost, NotEmpty, Untouched};
use super::rule::Rule;
use super::subject::{Glossaries, Subject, near};
use super::terms::Terms;
use super::whitespace::Whitespace;
use super::wrap::Wrap;
use crate::nearest::nearest;
use crate::params::Params;
use crate::record::Record;

/// All rules, in the order of their issues, with the severity they have by default.
const RULES: [(&str, &str); 15] = [
    ("not_empty", "error"),
    ("max_length", "error"),
    ("wrap", "error"),
    ("untouched", "warning"),
    ("whitespace", "warning"),
    ("lost", "error"),
    ("placeholders", "error"),
    ("numbers", "warning"),
    ("digits", "warning"),
    ("names", "warning"),
    ("glossary", "warning"),
    ("allowed", "error"),
    ("forbid", "warning"),
    ("pairs", "warning"),
    ("ends", "info"),
];
const SEVERITIES: [&str; 3] = ["error", "warning", "info"];

/// A rule, what it is called and how bad it is to break it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) severity: String,
    rule: Box<dyn Rule>,
}

/// Rules, and how texts are looked at.
#[derive(Debug)]
pub(crate) struct RuleSet {
    rules: Vec<Named>,
    markup: Markup,
}

impl RuleSet {
    pub(crate) fn read(params: &Params<'_>) -> Self {
        let all = params.flag("all", false);
        let markup = Markup::read(params);
        let names = Terms::names(params, all).map(Arc::new);
        let make = |name| match name {
            "names" => names.clone().map(boxed),
            _ => rule(name, params, all, names.as_ref()),
        };
        let made = RULES.into_iter().filter_map(|(name, usual)| Some((name, usual, make(name)?)));
        let made: Vec<_> = made.collect();
        let mut severity = severities(params);
        let rules = made.into_iter().map(|(name, usual, rule)| {
            let severity = severity.remove(name).unwrap_or_else(|| usual.to_owned());
            Named { name, severity, rule }
        });
        Self { rules: rules.collect(), markup }
    }

    pub(crate) fn needs_source(&self) -> bool {
        self.rules.iter().any(|named| named.rule.needs_source())
    }

    /// Returns the context entries with terms that the rules use.
    pub(crate) fn glossaries(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|named| named.rule.glossaries()).map(String::as_str).collect()
    }

    /// Returns the entries of glossaries that may mean something for a source.
    pub(crate) fn near(&self, layers: &[&Glossaries], source: Option<&str>) -> Glossaries {
        let slack = self.rules.iter().map(|named| named.rule.slack()).max();
        near(layers, source.unwrap_or_default(), slack.unwrap_or_default())
    }

    pub(crate) const fn subject<'a>(
        &'a self,
        text: &'a str,
        source: Option<&'a str>,
        records: [Option<&'a Record>; 2],
        glossaries: &'a Glossaries,
    ) -> Subject<'a> {
        Subject { text, source, records, glossaries, markup: &self.markup }
    }

    /// Whether no rule is broken.
    pub(crate) fn are_kept(&self, subject: &Subject<'_>) -> bool {
        self.rules.iter().all(|named| named.find(subject).is_empty())
    }

    /// Returns what every broken rule found, those that can be mended for sure with a suggestion.
    pub(crate) fn find(&self, subject: &Subject<'_>) -> Vec<(&Named, Vec<Finding>)> {
        let broken = self.rules.iter().map(|named| (named, named.find(subject)));
        let broken: Vec<_> = broken.filter(|(_, findings)| !findings.is_empty()).collect();
        if broken.is_empty() {
            return broken;
        }
        let counts = self.counts(subject);
        broken
            .into_iter()
            .map(|(named, found)| (named, self.suggest(named, found, subject, &counts)))
            .collect()
    }

    /// Returns the text with everything mended that can be mended for sure; `None` where there is nothing.
    ///
    /// No rule is broken more often after it than before, and mending again changes nothing: every step breaks some
    /// rule less often, and the last step was one after which no rule had anything to mend.
    pub(crate) fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let mut counts = self.counts(subject);
        let mut text = subject.text.to_owned();
        while let Some((better, fewer)) = self.step(&subject.with(&text), &counts) {
            (text, counts) = (better, fewer);
        }
        (text != subject.text).then_some(text)
    }

    fn step(&self, subject: &Subject<'_>, counts: &[usize]) -> Option<(String, Vec<usize>)> {
        let broken = self.rules.iter().zip(counts).filter(|(_, count)| **count > 0);
        broken.filter_map(|(named, _)| self.mended(named, subject, counts)).next()
    }

    /// Mends what one rule can mend, if no rule is the worse for it.
    fn mended(&self, named: &Named, subject: &Subject<'_>, counts: &[usize]) -> Option<(String, Vec<usize>)> {
        let text = named.rule.mend(subject).filter(|text| text != subject.text)?;
        let after = self.counts(&subject.with(&text));
        let better = after.iter().zip(counts).all(|(after, before)| after <= before) && *after != *counts;
        better.then_some((text, after))
    }

    fn suggest(
        &self,
        named: &Named,
        found: Vec<Finding>,
        subject: &Subject<'_>,
        counts: &[usize],
    ) -> Vec<Finding> {
        let Some((text, _)) = self.mended(named, subject, counts) else { return found };
        let left = named.find(&subject.with(&text));
        let is_left = |finding: &Finding| left.iter().any(|other| other.message() == finding.message());
        let suggest = |finding: Finding| if is_left(&finding) { finding } else { finding.suggest(&text) };
        found.into_iter().map(suggest).collect()
    }

    /// Returns the first rule of severity error that a text breaks more often than another.
    pub(crate) fn worse(&self, before: &Subject<'_>, after: &Subject<'_>) -> Option<&'static str> {
        let errors = self.rules.iter().filter(|named| named.severity == "error");
        let mut worse = errors.filter(|named| named.times(after) > named.times(before));
        worse.next().map(|named| named.name)
    }

    /// Returns how often each rule is broken.
    fn counts(&self, subject: &Subject<'_>) -> Vec<usize> {
        self.rules.iter().map(|named| named.times(subject)).collect()
    }
}

impl Named {
    fn times(&self, subject: &Subject<'_>) -> usize {
        self.find(subject).iter().map(|finding| finding.times).sum()
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        if self.rule.needs_source() && subject.source.is_none() {
            return Vec::new();
        }
        let mut findings = self.rule.find(subject);
        findings.sort();
        Finding::place(&mut findings, subject.text, subject.origin());
        findings.sort();
        findings.dedup();
        findings
    }
}

/// Returns a rule where the params ask for it.
fn rule(
    name: &'static str,
    params: &Params<'_>,
    all: bool,
    names: Option<&Arc<Terms>>,
) -> Option<Box<dyn Rule>> {
    let flag = |default| params.flag(name, default);
    match name {
        "not_empty" => flag(true).then(|| Box::new(NotEmpty) as _),
        "whitespace" => flag(true).then(|| Box::new(Whitespace) as _),
        "lost" => flag(all).then(|| Box::new(Lost) as _),
        "numbers" => flag(all).then(|| Box::new(Numbers) as _),
        "max_length" => MaxLength::read(params).map(boxed),
        "wrap" => Wrap::read(params).map(boxed),
        "digits" => Digits::read(params).map(boxed),
        "allowed" => Allowed::read(params).map(boxed),
        "forbid" => Forbid::read(params).map(boxed),
        _ => {
            let own = params.switch(name, all)?;
            let rule = match name {
                "untouched" => boxed(Untouched::read(&own, names)),
                "placeholders" => boxed(Placeholders::read(&own)),
                "glossary" => boxed(Arc::new(Terms::glossary(&own))),
                "pairs" => boxed(Pairs::read(&own)),
                _ => boxed(Ends::read(&own)),
            };
            params.end(own);
            Some(rule)
        }
    }
}

fn boxed(rule: impl Rule + 'static) -> Box<dyn Rule> {
    Box::new(rule)
}

fn severities(params: &Params<'_>) -> BTreeMap<&'static str, String> {
    let mut severities = BTreeMap::new();
    for (name, value) in params.object("severity").into_iter().flatten() {
        let field = format!("severity.{name}");
        let Some((rule, _)) = RULES.iter().find(|(rule, _)| rule == name) else {
            let near = nearest(name, RULES.map(|(rule, _)| rule));
            let near = near.map(|near| format!("did you mean `{near}`?"));
            params.problem(&field, "there is no such rule", near);
            continue;
        };
        match value.as_str().filter(|word| SEVERITIES.contains(word)) {
            Some(word) => severities.insert(*rule, word.to_owned()).map_or((), drop),
            None => params.problem(&field, &format!("must be one of {}", SEVERITIES.join(", ")), None),
        }
    }
    severities
}
