//! Terms as the glossary has them, and names as they are agreed on.
//!
//! - `glossary: true`, or `{ context: [ENTRY], inflection: N }`: where the source holds a term of a context entry
//!   (`glossary`), the text holds its translation, and none of what is forbidden for it.
//! - `names: true`, `[NAME]`, or `{ list: [NAME] or { NAME: RENDERING }, context: [ENTRY], inflection: N }`: the same
//!   for names, which stay as they are where nobody said otherwise (`context`: `terms`).

use std::cell::LazyCell;
use std::sync::Arc;

use serde_json::Value;

use super::issue::Finding;
use super::rule::Rule;
use super::subject::{Glossaries, Subject};
use crate::glossary::{Entry, Glossary};
use crate::params::Params;
use crate::words::{Phrase, Searched};

/// Terms of the source are rendered as agreed.
#[derive(Debug)]
pub(crate) struct Terms {
    /// What they are called in messages.
    what: &'static str,
    /// The context entries whose terms it is about.
    own: Vec<String>,
    /// These and all others that have terms.
    contexts: Vec<String>,
    /// Terms of the params.
    listed: Glossary,
    /// How many letters at the end of a word may differ.
    slack: usize,
}

impl Terms {
    pub(crate) fn glossary(own: &Params<'_>) -> Self {
        Self::read("term", "glossary", own)
    }

    /// Reads the rule for names; `None` where it is off.
    pub(crate) fn names(params: &Params<'_>, default: bool) -> Option<Self> {
        if params.get("names").is_some_and(Value::is_array) {
            let mut listed = Glossary::default();
            listed.extend(params.texts("names").unwrap_or_default().into_iter().map(Entry::bare));
            return Some(Self::new("name", &["terms"], listed, 0));
        }
        let own = params.switch("names", default)?;
        let mut names = Self::read("name", "terms", &own);
        names.list(&own);
        params.end(own);
        Some(names)
    }

    fn read(what: &'static str, context: &str, own: &Params<'_>) -> Self {
        let contexts = own.texts("context").unwrap_or_else(|| vec![context]);
        Self::new(what, &contexts, Glossary::default(), own.count("inflection").unwrap_or(0))
    }

    fn new(what: &'static str, own: &[&str], listed: Glossary, slack: usize) -> Self {
        let owned = |name: &&str| (*name).to_owned();
        let contexts = own.iter().chain(&["glossary", "terms"]).map(owned).collect();
        Self { what, own: own.iter().map(owned).collect(), contexts, listed, slack }
    }

    fn list(&mut self, own: &Params<'_>) {
        match own.get("list") {
            Some(Value::Object(names)) => {
                for (name, rendering) in names {
                    match rendering.as_str() {
                        Some(text) => self.listed.extend([Entry::rendered(name, text)]),
                        None => own.problem(&format!("list.{name}"), "must be the rendering as text", None),
                    }
                }
            }
            _ => self.listed.extend(own.texts("list").unwrap_or_default().into_iter().map(Entry::bare)),
        }
    }

    /// Returns the terms that are looked for. What the glossary says of a name counts before what others say.
    pub(crate) fn known(&self, glossaries: &Glossaries) -> Glossary {
        let mut known = self.asked(glossaries);
        known.complete(&self.listed);
        known
    }

    /// Returns the terms that are looked for, those of the params without a rendering where nobody has one.
    pub(crate) fn asked(&self, glossaries: &Glossaries) -> Glossary {
        let mut known = self.listed.clone();
        for name in &self.own {
            known.add_all(glossaries.get(name));
        }
        known.overrule(glossaries.get("glossary"));
        known
    }

    /// Finds what is wrong with a term that stands at a place of the source.
    fn findings(&self, entry: &Entry, at: usize, text: &Searched, findings: &mut Vec<Finding>) {
        let hits = |term: &str| Phrase::new(term, entry.cased).hits(text, self.slack);
        let wanted = entry.renderings.join("` or `");
        for forbidden in &entry.forbidden {
            for hit in Phrase::new(forbidden, entry.cased).hits(text, 0) {
                // A rendering that is wanted may hold one that is not.
                let within = entry.renderings.iter().flat_map(|wanted| hits(wanted));
                if !within.into_iter().any(|other| other.start <= hit.start && hit.end <= other.end) {
                    let instead = if wanted.is_empty() { String::new() } else { format!(", but `{wanted}`") };
                    let message = format!("`{}` is not to be `{forbidden}`{instead}", entry.term);
                    findings.push(Finding::new(hit, message));
                }
            }
        }
        let missing =
            !entry.renderings.is_empty() && !entry.renderings.iter().any(|one| !hits(one).is_empty());
        if missing {
            let message = format!("the {} `{}` should be `{wanted}` here", self.what, entry.term);
            findings.push(Finding::missing(at, 1, message));
        }
    }
}

impl Rule for Arc<Terms> {
    fn needs_source(&self) -> bool {
        true
    }

    fn glossaries(&self) -> &[String] {
        &self.contexts
    }

    fn slack(&self) -> usize {
        self.slack
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let known = self.known(subject.glossaries);
        if known.entries().is_empty() {
            return Vec::new();
        }
        // A term within a longer term of another list is not there either.
        let mut all = known.clone();
        self.contexts.iter().for_each(|name| all.add_all(subject.glossaries.get(name)));
        let (source, text) = (subject.masked_source(), LazyCell::new(|| Searched::new(&subject.masked())));
        let mut findings = Vec::new();
        for (entry, hits) in all.terms_in(&source, self.slack) {
            if known.has(entry) {
                let at = hits.first().map_or(0, |hit| hit.start);
                self.findings(entry, at, &text, &mut findings);
            }
        }
        findings
    }
}
