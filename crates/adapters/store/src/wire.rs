//! The binary form of ledger entries.
//!
//! It is the store's own and changes only with the store's format: the public types may gain fields without making
//! old ledgers unreadable. Decoding borrows from the frame, so that a scan copies nothing. How an entry is told from
//! another, and what earlier formats wrote, is in [`stored`].

mod stored;

use std::fmt;

use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Served;
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{AskResult, Intent, IntentAsk, Lane, LedgerEntry, Outcome, OutcomeAsk, Rung};
use refrain_schemas::name::RunId;
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::usage::Usage;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::stored::Stored;

/// What a call asks: keys and units.
pub(crate) type Asks<'a> = Vec<(Key, &'a str)>;

/// How a call ended for each of the keys that it asked for.
pub(crate) type Results<'a> = Vec<(Key, ResultWire<'a>)>;

/// One entry; `A` and `R` hold what a call asks and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry<'a, A = Asks<'a>, R = Results<'a>> {
    /// Who calls.
    Lane(LaneWire<'a>),
    /// A call is about to leave.
    Intent(IntentWire<A>),
    /// A call has come back.
    Outcome(OutcomeWire<'a, R>),
    /// A call of a dead run.
    Abandoned { call: u64, run_id: RunId, at: i64 },
    /// A key has the reply of another.
    Alias { key: Digest, of: Digest },
    /// A key has this reply: an imported one, or what a collection leaves of an alias whose own reply is not kept.
    Kept { key: Digest, reply: &'a str },
}

/// A key in one piece: byte for byte it would cost more than the rest of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) Digest);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        bytes.try_into().map(|bytes| Self(Digest::from_bytes(bytes))).map_err(D::Error::custom)
    }
}

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LaneWire<'a> {
    pub(crate) lane: u32,
    pub(crate) run_id: RunId,
    pub(crate) phase: &'a str,
    pub(crate) scope: Vec<(&'a str, &'a str)>,
    pub(crate) agent: &'a str,
    pub(crate) model: Option<&'a str>,
}

/// A call that is about to leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IntentWire<A> {
    pub(crate) call: u64,
    pub(crate) lane: u32,
    pub(crate) attempt: u32,
    pub(crate) rung: RungWire,
    pub(crate) at: i64,
    pub(crate) ceiling: Option<UsageWire>,
    pub(crate) asks: A,
}

/// What stands in the place of [`Asks`] that are passed over.
#[derive(Debug)]
pub(crate) struct PassedOver;

impl<'de> Deserialize<'de> for PassedOver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Passing;
        impl<'de> Visitor<'de> for Passing {
            type Value = PassedOver;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("asks")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut asks: S) -> Result<PassedOver, S::Error> {
                while asks.next_element::<(Key, &str)>()?.is_some() {}
                Ok(PassedOver)
            }
        }
        deserializer.deserialize_seq(Passing)
    }
}

/// A call that has come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(crate) struct OutcomeWire<'a, R = Results<'a>> {
    pub(crate) call: u64,
    pub(crate) at: i64,
    pub(crate) usage: UsageWire,
    /// Boxed, because most entries that are read are moved and have none.
    #[serde(borrow)]
    pub(crate) served: Option<Box<ServedWire<'a>>>,
    pub(crate) asks: R,
}

/// An entry that is to be written, as the public one has it.
pub(crate) type NewEntry<'a> = Entry<'a, NewAsks<'a>, NewResults<'a>>;

/// What a call asks that is about to leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAsks<'a>(&'a [IntentAsk]);

impl Serialize for NewAsks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|ask| (Key(ask.key), ask.unit.as_str())))
    }
}

/// How a call ended that has just come back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewResults<'a>(&'a [OutcomeAsk]);

impl Serialize for NewResults<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|ask| (Key(ask.key), ResultWire::from(&ask.result))))
    }
}

/// What a call asks, as far as it is counted.
pub(crate) trait Counted {
    /// Returns how many asks there are.
    fn count(&self) -> u64;
}

impl Counted for NewAsks<'_> {
    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

impl Counted for Asks<'_> {
    fn count(&self) -> u64 {
        self.len() as u64
    }
}

/// Why a call is made; new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum RungWire {
    First,
    Retry,
    Repair,
    Split,
    Cascade,
}

/// Tokens sent, those of them that were cached, tokens received, dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsageWire(pub(crate) u64, pub(crate) u64, pub(crate) u64, pub(crate) Option<f64>);

/// Who served a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServedWire<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) model: Option<&'a str>,
    pub(crate) fallback: bool,
    pub(crate) requests: u32,
    pub(crate) mended: bool,
}

/// A reply or a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ResultWire<'a> {
    /// The canonical text of the reply.
    Reply(&'a str),
    /// The kind and the message.
    Failed(&'a str, &'a str),
}

impl<'a> From<&'a LedgerEntry> for NewEntry<'a> {
    fn from(entry: &'a LedgerEntry) -> Self {
        match entry {
            LedgerEntry::Lane(lane) => Self::Lane(lane_wire(lane)),
            LedgerEntry::Intent(intent) => Self::Intent(intent_wire(intent)),
            LedgerEntry::Outcome(outcome) => Self::Outcome(outcome_wire(outcome)),
            LedgerEntry::Abandoned(abandoned) => Self::Abandoned {
                call: abandoned.call.0,
                run_id: abandoned.run_id,
                at: abandoned.at.as_micros(),
            },
            LedgerEntry::Alias(alias) => Self::Alias { key: alias.key, of: alias.of },
            LedgerEntry::Imported(imported) => {
                Self::Kept { key: imported.key, reply: imported.reply.as_str() }
            }
        }
    }
}

fn lane_wire(lane: &Lane) -> LaneWire<'_> {
    LaneWire {
        lane: lane.lane,
        run_id: lane.run_id,
        phase: lane.target.phase.as_str(),
        scope: lane.target.scope.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        agent: lane.agent.as_str(),
        model: lane.model.as_deref(),
    }
}

fn intent_wire(intent: &Intent) -> IntentWire<NewAsks<'_>> {
    IntentWire {
        call: intent.call.0,
        lane: intent.lane,
        attempt: intent.attempt,
        rung: intent.rung.into(),
        at: intent.at.as_micros(),
        ceiling: intent.ceiling.as_ref().map(UsageWire::from),
        asks: NewAsks(&intent.asks),
    }
}

fn outcome_wire(outcome: &Outcome) -> OutcomeWire<'_, NewResults<'_>> {
    OutcomeWire {
        call: outcome.call.0,
        at: outcome.at.as_micros(),
        usage: UsageWire::from(&outcome.usage),
        served: outcome.served.as_ref().map(|served| Box::new(ServedWire::from(served))),
        asks: NewResults(&outcome.asks),
    }
}

impl<'a> From<&'a AskResult> for ResultWire<'a> {
    fn from(result: &'a AskResult) -> Self {
        match result {
            AskResult::Reply(reply) => Self::Reply(reply.as_str()),
            AskResult::Failed(failure) => Self::Failed(failure.kind.as_str(), &failure.message),
        }
    }
}

impl ResultWire<'_> {
    /// Returns the public form; a kind that is not known any more counts as permanent.
    pub(crate) fn result(&self) -> AskResult {
        match self {
            Self::Reply(text) => AskResult::Reply(Json::from_canonical(text)),
            Self::Failed(..) => self.without_reply(&Json::null()),
        }
    }

    /// Returns the public form with something else in the place of the reply.
    pub(crate) fn without_reply(&self, instead: &Json) -> AskResult {
        match self {
            Self::Reply(_) => AskResult::Reply(instead.clone()),
            Self::Failed(kind, message) => {
                let kind = Json::string(kind).read().unwrap_or(FailureKind::Permanent);
                AskResult::Failed(Failure { kind, message: (*message).to_owned() })
            }
        }
    }
}

impl LaneWire<'_> {
    /// Returns the public form; `None` where a name has no shape that is allowed today.
    pub(crate) fn lane(&self) -> Option<Lane> {
        let values = self.scope.iter().map(|(name, value)| Some((name.parse().ok()?, (*value).to_owned())));
        let scope = Scope::new(values.collect::<Option<Vec<_>>>()?);
        Some(Lane {
            lane: self.lane,
            run_id: self.run_id,
            target: Target { phase: self.phase.parse().ok()?, scope },
            agent: self.agent.parse().ok()?,
            model: self.model.map(str::to_owned),
        })
    }
}

impl From<&Usage> for UsageWire {
    fn from(usage: &Usage) -> Self {
        Self(usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.cost_usd)
    }
}

impl From<UsageWire> for Usage {
    fn from(UsageWire(input_tokens, cached_input_tokens, output_tokens, cost_usd): UsageWire) -> Self {
        Self { input_tokens, cached_input_tokens, output_tokens, cost_usd }
    }
}

impl UsageWire {
    /// Adds another usage to this one.
    pub(crate) fn add(&mut self, other: Self) {
        let mut sum = Usage::from(*self);
        sum.add(&other.into());
        *self = Self::from(&sum);
    }
}

impl<'a> From<&'a Served> for ServedWire<'a> {
    fn from(served: &'a Served) -> Self {
        Self {
            endpoint: &served.endpoint,
            model: served.model.as_deref(),
            fallback: served.fallback,
            requests: served.requests,
            mended: served.mended,
        }
    }
}

impl From<&ServedWire<'_>> for Served {
    fn from(served: &ServedWire<'_>) -> Self {
        Self {
            endpoint: served.endpoint.to_owned(),
            model: served.model.map(str::to_owned),
            fallback: served.fallback,
            requests: served.requests,
            mended: served.mended,
        }
    }
}

impl From<Rung> for RungWire {
    fn from(rung: Rung) -> Self {
        match rung {
            Rung::First => Self::First,
            Rung::Retry => Self::Retry,
            Rung::Repair => Self::Repair,
            Rung::Split => Self::Split,
            Rung::Cascade => Self::Cascade,
        }
    }
}

impl From<RungWire> for Rung {
    fn from(rung: RungWire) -> Self {
        match rung {
            RungWire::First => Self::First,
            RungWire::Retry => Self::Retry,
            RungWire::Repair => Self::Repair,
            RungWire::Split => Self::Split,
            RungWire::Cascade => Self::Cascade,
        }
    }
}

/// Appends an entry to a payload.
pub(crate) fn write(entry: &impl Serialize, out: &mut Vec<u8>) -> Result<(), StoreError> {
    let buffer = std::mem::take(out);
    *out = postcard::to_extend(entry, buffer).map_err(|error| StoreError::Io {
        action: "encode a ledger entry".to_owned(),
        source: std::io::Error::other(error),
    })?;
    Ok(())
}

/// Returns the entries of a payload; stops with `None` where it is not understood.
pub(crate) fn entries(payload: &[u8]) -> impl Iterator<Item = Option<Entry<'_>>> {
    read(payload)
}

/// As [`entries`], but passes over what calls ask, which not everyone wants.
pub(crate) fn answers(payload: &[u8]) -> impl Iterator<Item = Option<Entry<'_, PassedOver>>> {
    read(payload)
}

fn read<'a, A: Deserialize<'a>>(mut payload: &'a [u8]) -> impl Iterator<Item = Option<Entry<'a, A>>> {
    std::iter::from_fn(move || {
        if payload.is_empty() {
            return None;
        }
        let taken = postcard::take_from_bytes::<Stored<'a, A>>(payload).ok();
        payload = taken.as_ref().map_or(&[], |(_, rest)| *rest);
        Some(taken.map(|(stored, _)| Entry::from(stored)))
    })
}

/// Returns where in a payload the length of one of its texts stands, from which the text can be read again.
pub(crate) fn text_at(payload: &[u8], text: &str) -> u32 {
    let start = text.as_ptr() as usize - payload.as_ptr() as usize;
    let bits = usize::BITS - (text.len() | 1).leading_zeros();
    u32::try_from(start).unwrap_or(u32::MAX).saturating_sub(bits.div_ceil(7))
}

/// Reads the text whose length stands at a place of a payload.
pub(crate) fn text(payload: &[u8], at: u32) -> Option<&str> {
    postcard::take_from_bytes(payload.get(at as usize..)?).ok().map(|(text, _)| text)
}
