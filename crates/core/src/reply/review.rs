//! A reply under an agent's rules: its records mended where that is sure, and refused where it is not.

use std::collections::HashMap;

use refrain_schemas::failure::Failure;
use refrain_schemas::json::{Json, scalar_text};

use super::{Reviewer, Rules, invalid};
use crate::ports::rules::RecordView;
use crate::request::{Requests, UnitRequest};
use crate::units::{Members, Unit};

/// What the rules say of the records of one reply.
pub(super) struct Review<'a> {
    reviewer: Reviewer<'a>,
    unit: &'a Unit,
    requests: &'a Requests,
    /// The unit as it was asked about.
    request: UnitRequest,
    /// What it alone saw, as one object.
    context: Json,
    /// Fields that a mended record keeps as they were.
    fixed: Option<&'a str>,
    /// Where the records of a group are, by key, where each record of the reply is about the one with its key.
    members: HashMap<&'a str, u64>,
    refused: Vec<String>,
}

impl<'a> Review<'a> {
    pub(super) fn new(
        reviewer: Reviewer<'a>,
        rules: &Rules<'a>,
        unit: &'a Unit,
        requests: &'a Requests,
    ) -> Self {
        let request = requests.request(unit);
        let context = request.asked(None).context;
        let places = match &unit.members {
            Members::Many(places) if rules.output.aligned => places.as_slice(),
            _ => &[],
        };
        let members = places.iter().filter_map(|at| Some((requests.source.entry(*at)?.id, *at)));
        Self {
            reviewer,
            unit,
            requests,
            request,
            context,
            fixed: rules.id_field,
            members: members.collect(),
            refused: Vec::new(),
        }
    }

    /// Returns a record as it should have been, and notes what is wrong with it nevertheless.
    pub(super) fn mend(&mut self, record: Json, key: &str) -> Json {
        let name = record.field(key).and_then(scalar_text);
        let member = name.as_deref().and_then(|name| self.members.get(name));
        let member = member.and_then(|at| self.requests.source.entry(*at));
        let member = member.map(|entry| Json::from_canonical(entry.text()));
        let view = RecordView {
            input: member.as_ref().unwrap_or(&self.request.input),
            context: &self.context,
            shared: self.reviewer.shared,
            scope: &self.requests.scope,
            record: &record,
        };
        let reviewed = self.reviewer.rules.rules.review(&view);
        // Of several records, each message says which one it is about.
        let which = name.filter(|_| matches!(self.unit.members, Members::Many(_)));
        self.refused.extend(reviewed.refused.into_iter().map(|why| match &which {
            Some(name) => format!("`{name}`: {why}"),
            None => why,
        }));
        match reviewed.record {
            Some(mended) => self.kept(&record, mended, key),
            None => record,
        }
    }

    /// Puts the fields back that tell which record it is.
    fn kept(&self, record: &Json, mended: Json, key: &str) -> Json {
        self.fixed.into_iter().chain([key]).fold(mended, |mended, name| {
            let was = record.field(name);
            if was == mended.field(name) {
                return mended;
            }
            // A field that was not there is stamped on later; null would be a value of its own.
            let kept = match was {
                Some(was) => mended.with_field(name, &Json::from_canonical(was)),
                None => mended.without_field(name),
            };
            kept.unwrap_or(mended)
        })
    }

    /// Refuses the reply where a record is refused, with everything that is wrong.
    pub(super) fn end(self) -> Result<(), Failure> {
        if self.refused.is_empty() {
            return Ok(());
        }
        let agent = &self.reviewer.rules.agent;
        Err(invalid(
            &self.unit.id,
            &format!("refused by the rules of `{agent}`: {}", self.refused.join("; ")),
        ))
    }
}
