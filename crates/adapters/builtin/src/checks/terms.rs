//! Terms as the glossary has them, and names as they are agreed on.
//!
//! - `glossary: true`, or `{ context: [ENTRY], inflection: N }`: where the source holds a term of a context entry
//!   (`glossary`), the text holds its translation, and none of what is forbidden for it.
//! - `names: true`, `[NAME]`, or `{ list: [NAME] or { NAME: RENDERING }, context: [ENTRY], inflection: N }`: the same
//!   for names, which stay as they are where nobody said otherwise (`context`: `terms`).

use std::borrow::Cow;

use serde_json::Value;

use super::issue::Finding;
use super::rule::Rule;
use super::subject::Subject;
use crate::glossary::{Entry, Glossary};
use crate::params::Params;
use crate::words::{Phrase, Searched};

/// Terms of the source are rendered as agreed.
#[derive(Debug)]
pub(crate) struct Terms {
    /// What they are called in messages.
    what: &'static str,
    contexts: Vec<String>,
    /// Terms of the params.
    listed: Glossary,
    /// How many letters at the end of a word may differ.
    slack: usize,
}

impl Terms {
    pub(crate) fn glossary(own: &Params<'_>) -> Self {
        Self { listed: Glossary::default(), ..Self::read("term", "glossary", own) }
    }

    /// Reads the rule for names; `None` where it is off.
    pub(crate) fn names(params: &Params<'_>, default: bool) -> Option<Self> {
        if params.get("names").is_some_and(Value::is_array) {
            let mut listed = Glossary::default();
            listed.extend(params.texts("names").unwrap_or_default().into_iter().map(Entry::bare));
            return Some(Self { what: "name", contexts: contexts(&["terms"]), listed, slack: 0 });
        }
        let own = params.switch("names", default)?;
        let mut names = Self::read("name", "terms", &own);
        names.list(&own);
        params.end(own);
        Some(names)
    }

    fn read(what: &'static str, context: &str, own: &Params<'_>) -> Self {
        let contexts = contexts(&own.texts("context").unwrap_or_else(|| vec![context]));
        let slack = own.count("inflection").unwrap_or(0);
        Self { what, contexts, listed: Glossary::default(), slack }
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

    /// Returns the terms that count for a subject.
    pub(crate) fn known<'a>(&'a self, subject: &Subject<'a>) -> Cow<'a, Glossary> {
        let (agreed, own) =
            self.contexts.split_last().map_or((None, &[][..]), |(last, own)| (Some(last), own));
        let given = subject.glossary(own);
        if self.listed.entries().is_empty() {
            return given;
        }
        let mut listed = self.listed.clone();
        for name in own.iter().chain(agreed) {
            listed.adopt(subject.glossaries.get(name));
        }
        listed.complete();
        listed.extend(given.entries().iter().cloned());
        Cow::Owned(listed)
    }

    fn findings(&self, entry: &Entry, text: &Searched, findings: &mut Vec<Finding>) {
        let phrase = |text: &str| Phrase::new(text, entry.cased, self.slack);
        let wanted = entry.renderings.join("` or `");
        for forbidden in &entry.forbidden {
            for hit in Phrase::new(forbidden, entry.cased, 0).hits(text) {
                // A rendering that is wanted may hold one that is not.
                let within = entry.renderings.iter().flat_map(|wanted| phrase(wanted).hits(text));
                if !within.into_iter().any(|other| other.start <= hit.start && hit.end <= other.end) {
                    let instead = if wanted.is_empty() { String::new() } else { format!(", but `{wanted}`") };
                    let message = format!("`{}` is not to be `{forbidden}`{instead}", entry.term);
                    findings.push(Finding::new(hit, message));
                }
            }
        }
        let missing =
            !entry.renderings.is_empty() && !entry.renderings.iter().any(|one| phrase(one).is_in(text));
        if missing {
            let message = format!("the {} `{}` should be `{wanted}` here", self.what, entry.term);
            findings.push(Finding::new(0..0, message));
        }
    }
}

/// The context entries a rule looks into, and the one that knows terms for the names of a list.
fn contexts(own: &[&str]) -> Vec<String> {
    own.iter().chain([&"glossary"]).map(|name| (*name).to_owned()).collect()
}

impl Rule for Terms {
    fn needs_source(&self) -> bool {
        true
    }

    fn glossaries(&self) -> &[String] {
        &self.contexts
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let known = self.known(subject);
        let (source, mut findings) = (subject.masked_source(), Vec::new());
        let terms = known.terms_in(&source, self.slack);
        if !terms.is_empty() {
            let text = Searched::new(&subject.masked());
            terms.iter().for_each(|(entry, _)| self.findings(entry, &text, &mut findings));
        }
        findings
    }
}
