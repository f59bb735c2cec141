//! The rules as rules of replies: what is surely wrong is mended, what is still wrong is refused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use refrain_core::ports::agent::SpecProblem;
use refrain_core::ports::rules::{RecordRules, RecordView, Reviewed};
use refrain_schemas::json::Json;
use serde_json::{Map, Value};

use super::Checks;
use super::subject::Glossaries;
use crate::glossary::Glossary;
use crate::params::Params;
use crate::record::{Record, text};

/// What every unit of a target saw, and the glossaries in it.
type Shared = (Json, Arc<Glossaries>);

/// The rules of `checks` for the replies of other agents.
#[derive(Debug)]
pub(crate) struct ReplyRules {
    checks: Checks,
    /// To read a whole glossary once for every record would be slow.
    shared: Mutex<Option<Shared>>,
}

impl ReplyRules {
    /// Reads the params of an agent.
    pub(crate) fn read(map: &Map<String, Value>) -> Result<Self, Vec<SpecProblem>> {
        Ok(Self { checks: super::parse(Params::new(map))?, shared: Mutex::new(None) })
    }

    fn shared(&self, shared: &Json) -> Arc<Glossaries> {
        let mut kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, glossaries)) = kept.as_ref().filter(|(json, _)| json == shared) {
            return Arc::clone(glossaries);
        }
        let glossaries = Arc::new(glossaries(shared, &self.checks.rules.glossaries()));
        *kept = Some((shared.clone(), Arc::clone(&glossaries)));
        glossaries
    }

    /// Returns what the record was made from.
    fn input(&self, view: &RecordView<'_>, record: &Record) -> Record {
        let Value::Object(mut input) = view.input.value() else { return Record::new() };
        let Some(Value::Array(records)) = input.remove("records") else { return input };
        let key = record.get(&self.checks.key);
        let mut records = records.into_iter().filter_map(|record| match record {
            Value::Object(record) => Some(record),
            _ => None,
        });
        records.find(|other| key.is_some() && other.get(&self.checks.key) == key).unwrap_or_default()
    }

    /// Returns the source: what the params name, else the text of the input, else what the record says it is.
    fn source(&self, input: &Record, record: &Record) -> Option<String> {
        let named = self.checks.source.as_deref();
        let places = named.map(|name| (input, name)).into_iter();
        let mut places =
            places.chain([(input, self.checks.field.as_str()), (record, named.unwrap_or("source"))]);
        places.find_map(|(record, name)| text(record, name).ok())
    }
}

/// Reads the entries of a context that are glossaries.
fn glossaries(context: &Json, names: &BTreeSet<&str>) -> Glossaries {
    let read = |name: &&str| {
        let mut glossary = Glossary::default();
        glossary.add(&serde_json::from_str(context.field(name)?).ok()?);
        Some(((*name).to_owned(), glossary))
    };
    names.iter().filter_map(read).collect()
}

impl RecordRules for ReplyRules {
    fn review(&self, view: &RecordView<'_>) -> Reviewed {
        let Value::Object(mut record) = view.record.value() else { return Reviewed::default() };
        let Checks { field, rules, .. } = &self.checks;
        let given = match text(&record, field) {
            Ok(given) => given,
            Err(failure) => return Reviewed { record: None, refused: vec![failure.message] },
        };
        let input = self.input(view, &record);
        let source = self.source(&input, &record);
        let own = glossaries(view.context, &rules.glossaries());
        let glossaries = rules.near(&[&own, &self.shared(view.shared)], source.as_deref());
        let subject = rules.subject(&given, source.as_deref(), [Some(&record), Some(&input)], &glossaries);
        if rules.are_kept(&subject) {
            return Reviewed::default();
        }
        let mended = rules.mend(&subject);
        let subject = subject.with(mended.as_deref().unwrap_or(&given));
        let errors = rules.find(&subject).into_iter().filter(|(named, _)| named.severity == "error");
        let refused: Vec<String> = errors
            .flat_map(|(_, findings)| findings)
            .map(|finding| format!("{field}: {}", finding.message()))
            .collect();
        let changed = mended.and_then(|mended| {
            record.insert(field.clone(), Value::from(mended));
            Json::of(&Value::Object(record)).ok()
        });
        Reviewed { record: changed, refused }
    }
}
