//! What a unit sees, and the keys of what is asked about it.
//!
//! The key of an ask is a hash of the request as it would be if its unit were sent alone: the agent's identity, its
//! params, the scope, the unit's id and input, every context entry as this unit sees it, and the numbers of the sample
//! and the generation. Nothing else: not the phase, the call, the packing or the attempt.
//!
//! What a model is asked is what its prompt renders, so that is what its key is made from, in place of the unit, its
//! context and the scope: see [`prompt`](crate::prompt).

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::{Json, field, scalar_text};
use refrain_schemas::name::{PhaseName, UnitId};
use refrain_schemas::scope::Scope;
use smallvec::SmallVec;

use crate::define::BoundAgent;
use crate::ports::agent::{AskedUnit, Effect};
use crate::terms::Finder;
use crate::tree::sequence::Sequence;
use crate::units::{Members, Unit};

/// The context entry under which a chain passes on the output before.
pub const PREVIOUS: &str = "previous";

/// Everything that requests of one target are made from; immutable, shared by all its units.
#[derive(Debug)]
pub struct Requests {
    /// The records that become units.
    pub source: Sequence,
    /// The input of the one unit, where it is written in the phase.
    pub given: Option<Json>,
    /// What units see besides, in file order.
    pub contexts: Vec<ContextEntry>,
    /// The field by whose value records were grouped, if they were.
    pub by: Option<String>,
    /// The scope.
    pub scope: Arc<Scope>,
    /// The generation of the target's asks.
    pub generation: u32,
    /// The phase, whose own an effect is.
    pub phase: PhaseName,
    /// The turns that it is in, whose own an effect is as well.
    pub turns: Scope,
    /// The files that a call will read, by path; where there is none, nothing.
    pub reads: Vec<(String, Option<Digest>)>,
}

/// One context entry, read and indexed.
#[derive(Debug)]
pub struct ContextEntry {
    /// Its name.
    pub name: Arc<str>,
    /// Its contents.
    pub view: View,
}

/// How units see a context entry.
#[derive(Debug)]
pub enum View {
    /// All of it, the same for every unit; with its digest.
    Shared(Json, Digest),
    /// Records with the unit's value of a field.
    Joined {
        /// The field of the unit.
        field: String,
        /// One record rather than a list.
        unique: bool,
        /// Whether a hole among them makes the unit a hole.
        hard: bool,
        /// The records.
        records: Sequence,
        /// Where they are, by value.
        places: HashMap<String, Vec<u64>>,
    },
    /// Entries that occur in a text of the unit.
    Matched {
        /// The fields of the unit.
        fields: Vec<String>,
        /// The entries, in order.
        entries: Vec<Json>,
        /// Finds the texts that are looked for; it calls the entries by their places.
        finder: Finder,
    },
    /// Records on each side of the unit's own.
    Window {
        /// How many on each side.
        n: usize,
        /// The field whose value they share, with the places of each value.
        within: Option<(String, HashMap<String, Vec<u64>>)>,
    },
    /// A wanted phase without an artifact: the entry is absent, which is not empty.
    Absent,
}

/// A unit as it is asked about: its request and the digests of its parts.
#[derive(Debug, Clone)]
pub struct UnitRequest {
    /// The unit.
    pub id: UnitId,
    /// Its input.
    pub input: Json,
    /// What this unit alone sees, by name, in file order.
    pub context: Vec<(Arc<str>, Json)>,
}

impl Requests {
    /// Whether a unit cannot be asked about, because its own record or one it needs is a hole.
    #[must_use]
    pub fn is_hole(&self, unit: &Unit) -> bool {
        let own =
            matches!(unit.members, Members::One(at) if self.source.entry(at).is_some_and(|entry| entry.hole));
        own || self.contexts.iter().any(|context| match &context.view {
            View::Joined { field, hard: true, records, places, .. } => {
                let places = self.text_of(unit, field).and_then(|value| places.get(value.as_ref()));
                places.is_some_and(|places| {
                    places.iter().any(|at| records.entry(*at).is_some_and(|entry| entry.hole))
                })
            }
            _ => false,
        })
    }

    /// Makes the request of a unit.
    #[must_use]
    pub fn request(&self, unit: &Unit) -> UnitRequest {
        let own = self.contexts.iter().filter_map(|context| {
            Some((context.name.clone(), Json::from_canonical(&self.see(unit, &context.view)?)))
        });
        let input = Json::from_canonical(&self.input(unit));
        UnitRequest { id: unit.id.clone(), input, context: own.collect() }
    }

    /// Returns a unit as an agent is asked about it.
    #[must_use]
    pub fn asked(&self, unit: &Unit, previous: Option<&Json>) -> AskedUnit {
        let own =
            self.contexts.iter().filter_map(|context| Some((&*context.name, self.see(unit, &context.view)?)));
        let own: SmallVec<[(&str, Cow<'_, str>); 4]> = own.collect();
        let context = own_context(own.iter().map(|(name, text)| (*name, text.as_ref())).collect(), previous);
        AskedUnit { id: unit.id.clone(), input: Json::from_canonical(&self.input(unit)), context }
    }

    /// Returns the digest of the parts of a unit's request that are its own.
    #[must_use]
    pub fn digest(&self, unit: &Unit) -> Digest {
        let mut digester = Digester::new("refrain unit v1");
        digester.part(unit.id.as_str().as_bytes()).part(self.input(unit).as_bytes());
        for context in &self.contexts {
            if let Some(text) = self.see(unit, &context.view) {
                digester.part(context.name.as_bytes()).part(text.as_bytes());
            }
        }
        for (path, digest) in &self.reads {
            digester.part(b"file").part(path.as_bytes());
            if let Some(digest) = digest {
                digester.digest(digest);
            }
        }
        digester.finish()
    }

    /// Returns the context that all units share.
    #[must_use]
    pub fn shared(&self) -> Json {
        let mut shared: Vec<(&str, &str)> = Vec::new();
        for context in &self.contexts {
            if let View::Shared(json, _) = &context.view {
                shared.push((&context.name, json.as_str()));
            }
        }
        shared.sort_unstable();
        Json::object(shared)
    }

    /// Returns the canonical text of a unit's input.
    fn input(&self, unit: &Unit) -> Cow<'_, str> {
        if let Some(given) = &self.given {
            return Cow::Borrowed(given.as_str());
        }
        match &unit.members {
            Members::One(at) => Cow::Borrowed(self.source.entry(*at).map_or(NULL, |entry| entry.text())),
            Members::Many(places) => {
                let records = places.iter().filter_map(|at| self.source.entry(*at)).map(|entry| entry.text());
                owned(&Json::object([("records", Json::array(records).as_str())]))
            }
        }
    }

    /// Returns the canonical text of what a unit sees of a context entry; `None` where it is shared or absent.
    fn see<'a>(&'a self, unit: &Unit, view: &'a View) -> Option<Cow<'a, str>> {
        match view {
            View::Shared(..) | View::Absent => None,
            View::Joined { field, unique, records, places, .. } => {
                let value = self.text_of(unit, field);
                let places =
                    value.and_then(|value| places.get(value.as_ref())).map_or(&[][..], Vec::as_slice);
                let found = places.iter().filter_map(|at| records.entry(*at)).filter(|entry| !entry.hole);
                let mut found = found.map(|entry| entry.text());
                Some(if *unique {
                    Cow::Borrowed(found.next().unwrap_or(NULL))
                } else {
                    owned(&Json::array(found))
                })
            }
            View::Matched { fields, entries, finder } => {
                let found: BTreeSet<usize> =
                    fields.iter().flat_map(|field| finder.find(&self.text(unit, field))).collect();
                let found = found.into_iter().filter_map(|n| entries.get(n)).map(Json::as_str);
                Some(owned(&Json::array(found)))
            }
            View::Window { n, within } => Some(owned(&self.window(unit, *n, within.as_ref()))),
        }
    }

    /// Returns the records around a unit, before and after it.
    fn window(&self, unit: &Unit, n: usize, within: Option<&(String, HashMap<String, Vec<u64>>)>) -> Json {
        let (first, last) = match &unit.members {
            Members::One(at) => (*at, *at),
            Members::Many(places) => match (places.first(), places.last()) {
                (Some(first), Some(last)) => (*first, *last),
                _ => return Json::object([("after", "[]"), ("before", "[]")]),
            },
        };
        let text = |at: u64| self.source.entry(at).filter(|entry| !entry.hole).map(|entry| entry.text());
        let (before, after): (Vec<u64>, Vec<u64>) = match within {
            None => {
                let n = n as u64;
                (
                    (first.saturating_sub(n)..first).collect(),
                    (last + 1..(last + 1 + n).min(self.source.count())).collect(),
                )
            }
            Some((field, groups)) => {
                let value = self.value(unit, field);
                let group = value.as_ref().and_then(|value| groups.get(value)).map_or(&[][..], Vec::as_slice);
                let (head, tail) =
                    (group.partition_point(|at| *at < first), group.partition_point(|at| *at <= last));
                (
                    group[head.saturating_sub(n)..head].to_vec(),
                    group[tail..(tail + n).min(group.len())].to_vec(),
                )
            }
        };
        let list = |places: Vec<u64>| Json::array(places.into_iter().filter_map(text));
        Json::object([("after", list(after).as_str()), ("before", list(before).as_str())])
    }

    /// Returns a unit's value of a field: its record's; for a group, the one that all its records share.
    #[must_use]
    pub fn value(&self, unit: &Unit, name: &str) -> Option<String> {
        self.text_of(unit, name).map(Cow::into_owned)
    }

    /// As [`Requests::value`], without a copy where that is possible.
    fn text_of<'a>(&'a self, unit: &'a Unit, name: &str) -> Option<Cow<'a, str>> {
        if self.by.as_deref() == Some(name) {
            return Some(Cow::Borrowed(unit.id.as_str()));
        }
        let value = |at: u64| scalar_text(field(self.source.entry(at)?.text(), name)?);
        match &unit.members {
            Members::One(at) => value(*at),
            Members::Many(places) => {
                let first = value(*places.first()?)?;
                places.iter().all(|at| value(*at).as_ref() == Some(&first)).then_some(first)
            }
        }
    }

    /// Returns a text of a unit; for a group, those of its records, one after the other.
    fn text(&self, unit: &Unit, name: &str) -> String {
        let text = |at: &u64| {
            let entry = self.source.entry(*at)?;
            Some(scalar_text(field(entry.text(), name)?)?.into_owned())
        };
        match &unit.members {
            Members::One(at) => text(at).unwrap_or_default(),
            Members::Many(places) => places.iter().filter_map(text).collect::<Vec<_>>().join("\n"),
        }
    }

    /// Returns the digest of everything that all asks of one agent in this target share.
    #[must_use]
    pub fn base(&self, agent: &BoundAgent) -> Digest {
        if agent.prompt.is_some() {
            let mut digester = Digester::new("refrain model ask base v1");
            digester.digest(&agent.identity).digest(&agent.params_digest);
            self.add_turns(agent, &mut digester);
            return digester.number(u64::from(self.generation)).finish();
        }
        let mut digester = Digester::new("refrain ask base v1");
        digester.digest(&agent.identity).digest(&agent.params_digest).digest(&scope_digest(&self.scope));
        for context in &self.contexts {
            if let View::Shared(_, digest) = &context.view {
                digester.part(context.name.as_bytes()).digest(digest);
            }
        }
        if agent.effect != Effect::Pure {
            // What two targets want done is done for both.
            digester.part(b"effect").part(self.phase.as_str().as_bytes());
        }
        self.add_turns(agent, &mut digester);
        digester.number(u64::from(self.generation)).finish()
    }

    /// What leaves something behind, or comes out otherwise each time, is done in every turn; anything else once for all that
    /// see the same.
    fn add_turns(&self, agent: &BoundAgent, digester: &mut Digester) {
        if !self.turns.is_none() && (agent.effect != Effect::Pure || agent.is_volatile) {
            digester.part(b"turns").digest(&scope_digest(&self.turns));
        }
    }
}

impl UnitRequest {
    /// Returns the unit as an agent is asked about it.
    #[must_use]
    pub fn asked(&self, previous: Option<&Json>) -> AskedUnit {
        let own = self.context.iter().map(|(name, json)| (&**name, json.as_str()));
        let context = own_context(own.collect(), previous);
        AskedUnit { id: self.id.clone(), input: self.input.clone(), context }
    }
}

/// Returns what one unit alone sees, with what a chain passes on, as one object.
fn own_context<'a>(mut context: Vec<(&'a str, &'a str)>, previous: Option<&'a Json>) -> Json {
    context.extend(previous.map(|previous| (PREVIOUS, previous.as_str())));
    context.sort_unstable();
    Json::object(context)
}

/// The canonical text of nothing.
const NULL: &str = "null";

fn owned(json: &Json) -> Cow<'static, str> {
    Cow::Owned(json.as_str().to_owned())
}

/// Returns the digest of a scope.
#[must_use]
pub fn scope_digest(scope: &Scope) -> Digest {
    let mut digester = Digester::new("refrain scope v1");
    for (dimension, value) in scope.iter() {
        digester.part(dimension.as_str().as_bytes()).part(value.as_bytes());
    }
    digester.finish()
}

/// What makes one ask about a unit differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AskNumbers {
    /// The sample, from 0.
    pub sample: u32,
    /// The digest of what a chain passes on, unless it is rendered into the request.
    pub previous: Option<Digest>,
}

/// Returns the key of an ask.
#[must_use]
pub fn key(base: &Digest, unit: &Digest, numbers: &AskNumbers) -> Digest {
    let mut digester = Digester::new("refrain ask v1");
    digester.digest(base).digest(unit).number(u64::from(numbers.sample));
    if let Some(previous) = &numbers.previous {
        digester.digest(previous);
    }
    digester.finish()
}

/// Returns the key under which an ask is asked again for the `n`th time, because the reply recorded before is refused by
/// rules that have become stricter. It hangs on the first key alone, so the whole chain can be told from one link.
#[must_use]
pub fn redo_key(first: &Digest, n: u32) -> Digest {
    Digester::new("refrain redo v1").digest(first).number(u64::from(n)).finish()
}

/// Returns where the values of a field are in a sequence that has been read; records without the field, and holes, are nowhere.
#[must_use]
pub fn places(records: &Sequence, name: &str, is_key: bool) -> HashMap<String, Vec<u64>> {
    let mut places: HashMap<String, Vec<u64>> = HashMap::new();
    for (at, entry) in records.iter() {
        let value = if is_key {
            Some(entry.id.to_owned())
        } else {
            field(entry.text(), name).and_then(scalar_text).map(std::borrow::Cow::into_owned)
        };
        if let Some(value) = value {
            places.entry(value).or_default().push(at);
        }
    }
    places
}
