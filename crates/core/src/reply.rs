//! From what an agent answered to records that may stand in an artifact.

use std::collections::BTreeSet;
use std::sync::Arc;

use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::{Json, field, scalar_text};
use refrain_schemas::name::UnitId;
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use crate::define::BoundRules;
use crate::model::{AskWork, Output, OutputSchema, OutputShape, Split};
use crate::request::Requests;
use crate::units::{Members, Unit};

mod review;

use review::Review;

/// What makes a valid reply, for one target.
#[derive(Debug)]
pub struct Rules<'a> {
    /// What the phase makes.
    pub output: &'a Output,
    /// How its units are made.
    pub split: &'a Split,
    /// The field that unit ids come from.
    pub id_field: Option<&'a str>,
    /// The key of the source's records, where they have one.
    pub source_key: Option<&'a str>,
    /// Whether the engine makes the keys of records itself, after the fact.
    pub keys_made_later: bool,
    /// Whether the source gathers scopes, so that unit ids are not the values of the field they come from.
    pub is_gathered: bool,
    /// Whether a model answered, whose reply may be that about another unit which it was told the same about.
    pub is_by_model: bool,
    /// The rules of an agent that records must fulfil besides.
    pub reviewer: Option<Reviewer<'a>>,
}

/// An agent's rules, and what all units of the target see.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer<'a> {
    /// The rules.
    pub rules: &'a BoundRules,
    /// The context that all units share.
    pub shared: &'a Json,
}

impl<'a> Rules<'a> {
    /// Returns the rules of a phase.
    #[must_use]
    pub fn of(work: &'a AskWork, source_key: Option<&'a str>) -> Self {
        let keys_made_later = matches!(work.merge, refrain_schemas::phase_spec::MergeSpec::Union(_));
        let id_field = work.units.id_field.as_deref();
        let split = &work.units.split;
        Self {
            output: &work.output,
            split,
            id_field,
            source_key,
            keys_made_later,
            is_gathered: false,
            is_by_model: false,
            reviewer: None,
        }
    }

    /// Says whether the source gathers scopes.
    #[must_use]
    pub const fn gathered(mut self, is_gathered: bool) -> Self {
        self.is_gathered = is_gathered;
        self
    }

    /// Says whether a model answered.
    #[must_use]
    pub const fn by_model(mut self, is_by_model: bool) -> Self {
        self.is_by_model = is_by_model;
        self
    }

    /// Lets an agent's rules review the records.
    #[must_use]
    pub const fn reviewed_by(mut self, reviewer: Option<Reviewer<'a>>) -> Self {
        self.reviewer = reviewer;
        self
    }

    /// Whether a record's key is the very field that unit ids come from. Then a unit speaks for itself alone: its
    /// records have its own id as their key, and no other unit's records can have it.
    #[must_use]
    pub fn keys_are_units(&self) -> bool {
        let own = match &self.output.shape {
            OutputShape::Records { key } => self.id_field == Some(key.as_str()),
            OutputShape::Document => false,
        };
        own && !self.keys_made_later
            && !self.is_gathered
            && matches!(self.split, Split::Record | Split::By(_))
    }

    /// Turns a reply into the records of its unit: stamped with what the engine knows, and checked.
    ///
    /// # Errors
    /// Refuses what does not have the shape that was asked for.
    pub fn accept(&self, reply: &Json, unit: &Unit, requests: &Requests) -> Result<Records, Failure> {
        match &self.output.shape {
            OutputShape::Document => {
                self.check_schema(reply, unit)?;
                Ok(smallvec![Stamped { key: unit.id.text(), record: reply.clone() }])
            }
            OutputShape::Records { key } => {
                let mut review = self.reviewer.map(|reviewer| Review::new(reviewer, self, unit, requests));
                let records =
                    self.records(&self.with_carried(reply, unit, requests), key, unit, &mut review)?;
                if self.output.aligned {
                    self.check_aligned(&records, unit, requests)?;
                }
                review.map_or(Ok(()), Review::end)?;
                Ok(records)
            }
        }
    }

    /// Returns a reply whose records have taken over the fields of their unit's input that they lack.
    fn with_carried(&self, reply: &Json, unit: &Unit, requests: &Requests) -> Json {
        let Members::One(at) = &unit.members else { return reply.clone() };
        let input = requests.source.entry(*at).filter(|_| !self.output.carry.is_empty());
        let input = input.and_then(|entry| std::str::from_utf8(entry.body).ok());
        let fields = input.into_iter().flat_map(|input| {
            let carried = self.output.carry.iter();
            carried.filter_map(move |(name, from)| {
                Some((name.as_str(), Json::from_canonical(field(input, from)?)))
            })
        });
        let fields: Vec<(&str, Json)> = fields.collect();
        if fields.is_empty() || !reply.is_array() {
            return carry(reply.clone(), &fields);
        }
        let items: Vec<&RawValue> = serde_json::from_str(reply.as_str()).unwrap_or_default();
        let items: Vec<Json> =
            items.into_iter().map(|item| carry(Json::from_canonical(item.get()), &fields)).collect();
        Json::array(items.iter().map(Json::as_str))
    }

    fn records(
        &self,
        reply: &Json,
        key: &str,
        unit: &Unit,
        review: &mut Option<Review<'_>>,
    ) -> Result<Records, Failure> {
        if reply.is_object() {
            return Ok(smallvec![self.stamped(reply.clone(), key, unit, true, review)?]);
        }
        if !reply.is_array() {
            return Err(invalid(
                &unit.id,
                &format!("a record or a list of records was expected, not `{}`", excerpt(reply)),
            ));
        }
        let items: Vec<&RawValue> = serde_json::from_str(reply.as_str()).unwrap_or_default();
        let single = items.len() == 1;
        items
            .into_iter()
            .map(|item| self.stamped(Json::from_canonical(item.get()), key, unit, single, review))
            .collect()
    }

    fn stamped(
        &self,
        record: Json,
        key: &str,
        unit: &Unit,
        single: bool,
        review: &mut Option<Review<'_>>,
    ) -> Result<Stamped, Failure> {
        let mut record = self.stamp(record, key, unit, single)?;
        if let Some(review) = review {
            record = review.mend(record, key);
        }
        self.check_schema(&record, unit)?;
        self.keyed(record, key, unit)
    }

    /// Adds the field that the unit's id comes from and, for a single record, the key.
    fn stamp(&self, record: Json, key: &str, unit: &Unit, single: bool) -> Result<Json, Failure> {
        if !record.is_object() {
            return Err(invalid(&unit.id, &format!("a record was expected, not `{}`", excerpt(&record))));
        }
        let mut record = record;
        let id = || Json::string(unit.id.as_str());
        self.check_id(&record, unit)?;
        if let Some(name) = self.id_field
            && (name != key || single)
        {
            record = with_default(record, name, id);
        }
        if single && !self.keys_made_later {
            record = with_default(record, key, id);
        }
        Ok(record)
    }

    fn keyed(&self, record: Json, key: &str, unit: &Unit) -> Result<Stamped, Failure> {
        let found = record.field(key).and_then(scalar_text).filter(|text| !text.is_empty());
        match found {
            Some(found) if self.keys_are_units() && found != unit.id.as_str() => {
                Err(invalid(&unit.id, &format!("a record has the `{key}` of another unit: `{found}`")))
            }
            Some(found) if found == unit.id.as_str() => Ok(Stamped { key: unit.id.text(), record }),
            Some(found) => Ok(Stamped { key: Arc::from(found), record }),
            None if self.keys_made_later => Ok(Stamped { key: Arc::default(), record }),
            None => Err(invalid(&unit.id, &format!("a record has no `{key}`: `{}`", excerpt(&record)))),
        }
    }

    /// Refuses a model's record that says it is about another unit: the reply may be shared, and the id must not be.
    fn check_id(&self, record: &Json, unit: &Unit) -> Result<(), Failure> {
        let is_own = matches!(self.split, Split::Record | Split::By(_)) && !self.is_gathered;
        let Some(name) = self.id_field.filter(|_| self.is_by_model && is_own) else { return Ok(()) };
        match record.field(name).map(scalar_text) {
            None => Ok(()),
            Some(Some(found)) if found == unit.id.as_str() => Ok(()),
            Some(_) => Err(invalid(&unit.id, &format!("a record has the `{name}` of another unit"))),
        }
    }

    fn check_schema(&self, value: &Json, unit: &Unit) -> Result<(), Failure> {
        self.output.schema.as_ref().map_or(Ok(()), |schema| check_answer(schema, value, &unit.id))
    }

    fn check_aligned(&self, records: &[Stamped], unit: &Unit, requests: &Requests) -> Result<(), Failure> {
        if let (Members::One(_), [only]) = (&unit.members, records)
            && *only.key == *unit.id.as_str()
        {
            return Ok(());
        }
        let keys: Vec<&str> = records.iter().map(|record| &*record.key).collect();
        let wanted: Vec<&str> = match &unit.members {
            Members::One(_) => vec![unit.id.as_str()],
            Members::Many(places) => {
                places.iter().filter_map(|at| requests.source.entry(*at)).map(|entry| entry.id).collect()
            }
        };
        let there: BTreeSet<&str> = keys.iter().copied().collect();
        let asked_for: BTreeSet<&str> = wanted.iter().copied().collect();
        let missing: Vec<&str> = wanted.iter().copied().filter(|key| !there.contains(key)).collect();
        let invented: Vec<&str> = keys.iter().copied().filter(|key| !asked_for.contains(key)).collect();
        let twice = keys.len() > there.len();
        match (missing.is_empty(), invented.is_empty(), twice) {
            (true, true, false) => Ok(()),
            (false, _, _) => {
                Err(invalid(&unit.id, &format!("not aligned: no record for {}", missing.join(", "))))
            }
            (_, false, _) => Err(invalid(
                &unit.id,
                &format!("not aligned: records for {} were not asked for", invented.join(", ")),
            )),
            (_, _, true) => Err(invalid(&unit.id, "not aligned: a record is there twice")),
        }
    }
}

/// Checks an answer about a unit against a schema.
///
/// # Errors
/// Refuses what does not fulfil it.
pub(crate) fn check_answer(schema: &OutputSchema, answer: &Json, unit: &UnitId) -> Result<(), Failure> {
    schema.misfit(answer).map_or(Ok(()), |message| Err(invalid(unit, &message)))
}

/// The records of a reply, of which there is mostly one.
pub type Records = SmallVec<[Stamped; 1]>;

/// A record with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The key; empty where the merge makes it.
    pub key: Arc<str>,
    /// The record.
    pub record: Json,
}

fn carry(record: Json, carried: &[(&str, Json)]) -> Json {
    carried.iter().fold(record, |record, (name, value)| with_default(record, name, || value.clone()))
}

fn with_default(record: Json, name: &str, value: impl Fn() -> Json) -> Json {
    if field(record.as_str(), name).is_some() {
        return record;
    }
    record.with_field(name, &value()).unwrap_or(record)
}

fn invalid(unit: &UnitId, message: &str) -> Failure {
    Failure { kind: FailureKind::Invalid, message: format!("reply for `{unit}`: {message}") }
}

/// Returns the beginning of a value, for messages.
fn excerpt(json: &Json) -> String {
    let text = json.as_str();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
