//! Carrying out what the state wants done.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use refrain_schemas::artifact::{ArtifactKind, ArtifactRef};
use refrain_schemas::digest::Digest;
use refrain_schemas::event::EventKind;
use refrain_schemas::failure::PhaseError;
use refrain_schemas::json::{Json, scalar_text};
use refrain_schemas::name::PhaseName;

use crate::artifact;
use crate::define::FileDigests;
use crate::engine::{EngineError, Ports};
use crate::facts::{self, Known};
use crate::history::Prior;
use crate::judge::{UpstreamNow, judge};
use crate::model::{Goto, Model, OutputShape, ReadWork, Work, WriteWork};
use crate::ports::cancel::Cancel;
use crate::ports::executor::{Call, Executor};
use crate::ports::files::{FileError, Replaceable, Written};
use crate::ports::store::Batch;
use crate::prepare::{self, Preparation, PrepareError, Prepared};
use crate::publish::{Publication, Published, Publisher, UnitOutcome};
use crate::sight::Seen;
use crate::survey::{self, Standing};
use crate::tree::build::TreeBuilder;
use crate::tree::page::Entry;
use crate::tree::sequence::Sequence;
use crate::turns::{self, Around, Ending, Next, Rounds, TurnsError};

use super::forerunner::Foresight;
use super::input::{Advance, Effect, Input, Place, Transferred, Trouble, Whole};

/// How many pages are handed to the store at once.
const PAGE_BATCH: usize = 256;

/// What effects are carried out with.
#[derive(Debug)]
pub(super) struct Performer {
    pub(super) model: Arc<Model>,
    pub(super) ports: Ports,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) cancel: Cancel,
    /// What files may hold that are replaced without a copy.
    pub(super) replaceable: Replaceable,
}

impl Performer {
    /// Begins to carry out one effect; what comes of it is told at the end. Calls, of which there are the most, do not take
    /// the room that the others need.
    pub(super) fn begin(self: Arc<Self>, effect: Effect) -> BoxFuture<'static, Option<Input>> {
        match effect {
            Effect::Call(call) => async move { Some(self.call(*call).await) }.boxed(),
            other => self.perform(other).boxed(),
        }
    }

    async fn call(&self, call: Call) -> Input {
        let id = call.request.call;
        Input::Called(id, self.executor.execute(call, &self.cancel).await)
    }

    async fn perform(self: Arc<Self>, effect: Effect) -> Option<Input> {
        Some(match effect {
            Effect::Judge(at, known) => Input::Judged(at.no, self.judge(&at, &known).await.map(Box::new)),
            Effect::Prepare(at, standing, prior, whole) => {
                let prepared = self.prepare(&at, &standing, prior.as_deref(), whole).await;
                Input::Prepared(at.no, prepared.map(Box::new))
            }
            Effect::Foresee(at, known, live) => {
                Input::Foreseen(at.no, self.foresee(&at, &known, &live).await.map(Box::new))
            }
            Effect::Advance(at, advance) => {
                Input::Advanced(at.no, self.advance(&at, *advance).await.map(Box::new))
            }
            Effect::Close(at, standing, ending) => {
                Input::Closed(at.no, self.close(&at, &standing, &ending).await)
            }
            Effect::LookUp(asks) => {
                let keys: Vec<Digest> = asks.iter().map(|(_, key)| *key).collect();
                let found = self.ports.store.replies(&keys).await;
                Input::Found(asks, found.map_err(EngineError::from))
            }
            Effect::Call(call) => self.call(*call).await,
            Effect::Rest(pause, pack) => {
                self.ports.clock.sleep(pause).await;
                Input::Rested(pack)
            }
            Effect::Transfer(at, standing) => {
                Input::Transferred(at.no, self.transfer(&at, &standing).await.map(Box::new))
            }
            Effect::Settle(at, publisher, outcomes) => {
                Input::Settled(at.no, self.settle(&at, publisher, outcomes).await)
            }
            Effect::Publish(at, prepared, outcomes, begun) => {
                Input::Published(at.no, self.publish(&at, *prepared, outcomes, begun).await.map(Box::new))
            }
            Effect::CancelCalls => {
                self.cancel.fire();
                return None;
            }
        })
    }

    fn phase(&self, at: &Place) -> &crate::model::Phase {
        &self.model.phases[at.phase]
    }

    async fn judge(&self, at: &Place, known: &Known) -> Result<Standing, EngineError> {
        let target = &at.target;
        // A long run outlives edits: each target is judged by the files as they are when its turn comes.
        let digests = FileDigests::new(self.ports.files.clone());
        let (now, definition) = facts::gather(&self.model, &self.ports, &digests, target, known).await?;
        let (attempt, prior) = (known.attempt.as_ref(), known.prior.as_ref());
        let verdict =
            judge(&now, prior.map(|prior| &prior.record), prior.map(|prior| &prior.lineage), attempt);
        Ok(Standing { target: (**target).clone(), now, definition, verdict })
    }

    async fn prepare(
        &self,
        at: &Place,
        standing: &Standing,
        prior: Option<&Prior>,
        whole: Whole,
    ) -> Result<Prepared, Trouble> {
        let phase = self.phase(at);
        let Work::Ask(work) = &phase.work else {
            return Err(phase_error("definition", "the phase asks nobody"));
        };
        let preparation = Preparation {
            model: &self.model,
            store: &*self.ports.store,
            files: &*self.ports.files,
            prior,
            phase,
            work,
            scope: &at.target.scope,
            now: &standing.now,
            whole: whole == Whole::Yes,
        };
        prepare::prepare(preparation).await.map_err(|error| match error {
            PrepareError::Data(message) => phase_error("input", &message),
            PrepareError::Engine(error) => trouble(error),
        })
    }

    /// Looks at a target whose turn has not come. What goes wrong here will be told when it has.
    async fn foresee(&self, at: &Place, known: &Known, live: &BTreeSet<PhaseName>) -> Option<Foresight> {
        let standing = self
            .judge(at, known)
            .await
            .ok()
            .filter(|standing| standing.now.skipped.is_none() && standing.now.unfit.is_none())?;
        let phase = self.phase(at);
        let Work::Ask(work) = &phase.work else { return None };
        let preparation = Preparation {
            model: &self.model,
            store: &*self.ports.store,
            files: &*self.ports.files,
            prior: known.prior.as_ref(),
            phase,
            work,
            scope: &at.target.scope,
            now: &standing.now,
            whole: true,
        };
        let prospect = prepare::ahead(preparation, live).await.ok()?;
        Some(Foresight { standing: Box::new(standing), prospect })
    }

    fn around<'a>(&'a self, at: &'a Place, standing: &'a Standing) -> Result<Around<'a>, Trouble> {
        let phase = self.phase(at);
        let Some(work) = phase.rounds() else {
            return Err(phase_error("definition", "the phase does not go round"));
        };
        Ok(survey::around(&self.model, phase, work, standing, &*self.ports.store))
    }

    /// Makes out what comes next in a loop.
    async fn advance(&self, at: &Place, advance: Advance) -> Result<(Rounds, Next), Trouble> {
        let Advance { standing, mut rounds, last } = advance;
        let around = self.around(at, &standing)?;
        let next = rounds.next(&around, &last).await.map_err(turns_trouble)?;
        Ok((rounds, next))
    }

    /// Makes the document of a loop.
    async fn close(&self, at: &Place, standing: &Standing, ending: &Ending) -> Result<Json, Trouble> {
        // What its turns made stands behind what comes before the loop.
        let n_own = standing.now.upstream.len() - ending.turns.iter().map(Vec::len).sum::<usize>();
        let around = self.around(at, standing)?;
        let around = Around { upstream: &standing.now.upstream[..n_own], ..around };
        turns::close(&around, ending).await.map_err(turns_trouble)
    }

    async fn publish(
        &self,
        at: &Place,
        prepared: Prepared,
        outcomes: Vec<UnitOutcome>,
        begun: Option<Box<Publisher>>,
    ) -> Result<Option<Published>, EngineError> {
        let Work::Ask(work) = &self.phase(at).work else { return Ok(None) };
        let store = &*self.ports.store;
        store.commit(Batch { pages: prepared.pages, ..Batch::default() }).await?;
        let publication = Publication {
            store,
            work,
            pieces: &prepared.pieces,
            outcomes,
            before: prepared.before,
            editing: &prepared.editing,
            begun: begun.map(|begun| *begun),
        };
        let mut published = publication.publish().await?;
        if let Some(published) = &mut published {
            published.files = prepare::stamps(&*self.ports.files, &prepared.writes).await;
            published.read = prepared.reads;
            if let Some(goto) = work.given.as_ref().and_then(|given| given.goto.as_ref()) {
                let to = self.goes_to(at, goto, prepared.goto_sees, &published.artifact).await?;
                published.goes_to = Some(to);
            }
        }
        Ok(published)
    }

    /// Returns the phase that a template names, now that there is what its own phase made.
    async fn goes_to(
        &self,
        at: &Place,
        goto: &Goto,
        mut upstream: Vec<UpstreamNow>,
        artifact: &ArtifactRef,
    ) -> Result<PhaseName, EngineError> {
        let target = &at.target;
        upstream.push(UpstreamNow::of_made(target, artifact));
        let fixed = self.phase(at).fixed(&target.scope);
        let seen = Seen {
            model: &self.model,
            scope: &fixed,
            upstream: &upstream,
            store: &*self.ports.store,
            bindings: &at.bindings,
            execution: at.execution.as_ref(),
        };
        let wrong = |message: String| {
            let what = format!("phases.{}.goto", target.phase);
            EngineError::Goto { what, message }
        };
        let to = goto.to.fill(&goto.sight.context(&seen).await?);
        let to = to.map_err(|error| wrong(error.error.to_string()))?;
        let name = to.as_str().map(str::trim).and_then(|name| name.parse::<PhaseName>().ok());
        let is_later = |name: &PhaseName| self.model.may_go_to(&target.phase, name);
        name.filter(is_later).ok_or_else(|| wrong(format!("{to} names nothing that comes later")))
    }

    async fn settle(
        &self,
        at: &Place,
        mut publisher: Box<Publisher>,
        outcomes: Vec<UnitOutcome>,
    ) -> Result<Box<Publisher>, EngineError> {
        if let Work::Ask(work) = &self.phase(at).work
            && let OutputShape::Records { key } = &work.output.shape
        {
            publisher.feed(&*self.ports.store, work, key, outcomes).await?;
        }
        Ok(publisher)
    }

    async fn transfer(&self, at: &Place, standing: &Standing) -> Result<Transferred, Trouble> {
        match &self.phase(at).work {
            Work::Read(work) => self.read(at, work).await,
            Work::Write(work) => self.write(at, work, standing).await,
            Work::Ask(_) | Work::Loop(_) => {
                Err(phase_error("definition", "the phase reads and writes no files"))
            }
        }
    }

    async fn read(&self, at: &Place, work: &ReadWork) -> Result<Transferred, Trouble> {
        let params = facts::params(&self.model, &work.agent, &at.target).map_err(trouble)?;
        let mut source = self.ports.reader.open(&params, &work.key).await.map_err(file_trouble)?;
        let mut builder = TreeBuilder::new();
        let mut n_records = 0_u64;
        loop {
            let records = source.next_batch().map_err(file_trouble)?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                let key = record.field(&work.key).and_then(scalar_text).unwrap_or_default();
                check_source(work, &key, record)?;
                builder.push(&Entry::record(&key, record.as_str()));
            }
            n_records += records.len() as u64;
            let pages = builder.take_pages();
            if !pages.is_empty() {
                self.store(pages).await?;
            }
        }
        let (root, pages) = builder.finish();
        self.store(pages).await?;
        let (files, content_ids) = (source.stamps(), Some(!source.has_own_ids()));
        let event = EventKind::SourceRead { files: files.len() as u64, records: n_records };
        let artifact = artifact::reference(ArtifactKind::Records, &root);
        Ok(Transferred { artifact, files, content_ids, patched: Vec::new(), event, kept: Vec::new() })
    }

    async fn write(&self, at: &Place, work: &WriteWork, standing: &Standing) -> Result<Transferred, Trouble> {
        let params = facts::params(&self.model, &work.agent, &at.target).map_err(trouble)?;
        let chosen = prepare::chosen_source(&standing.now, &work.of);
        let found = chosen.map(|phase| prepare::artifacts_of(&standing.now, phase)).unwrap_or_default();
        let key = chosen.and_then(|phase| self.model.key_of(phase.as_str())).unwrap_or_default();
        let mut target = self.ports.writer.open(&params, key).await.map_err(file_trouble)?;
        let mut n_records = 0_u64;
        let phase = self.phase(at);
        let gathered = found.iter().any(|(upstream, _)| {
            upstream.target.scope.iter().any(|(dimension, _)| phase.gather.contains(dimension))
        });
        let sequences = self.open_all(&found, gathered).await?;
        for mut sequence in sequences {
            for first in (0..sequence.n_leaves()).step_by(PAGE_BATCH) {
                let leaves = first..(first + PAGE_BATCH).min(sequence.n_leaves());
                sequence
                    .load(&*self.ports.store, leaves.clone())
                    .await
                    .map_err(|error| trouble(error.into()))?;
                let read = leaves.clone().filter_map(|leaf| sequence.leaf(leaf));
                let records: Vec<Json> = read
                    .flat_map(|leaf| leaf.iter())
                    .filter(|entry| !entry.hole)
                    .map(|entry| Json::from_canonical(entry.text()))
                    .collect();
                sequence.unload(leaves);
                target.write(&records).map_err(file_trouble)?;
                n_records += records.len() as u64;
            }
        }
        let Written { files, patched, kept } = target.finish(&self.replaceable).map_err(file_trouble)?;
        let (artifact, pages) = artifact::of_files(&files);
        self.store(pages).await?;
        let names = files.iter().map(|file| file.path.clone()).collect();
        Ok(Transferred {
            artifact,
            files,
            content_ids: None,
            patched,
            event: EventKind::ExportWritten { files: names, records: n_records },
            kept,
        })
    }

    async fn open_all(
        &self,
        found: &[(&UpstreamNow, &refrain_schemas::artifact::ArtifactRef)],
        gathered: bool,
    ) -> Result<Vec<Sequence>, Trouble> {
        let store = &*self.ports.store;
        let failed = |error: crate::ports::store::StoreError| trouble(error.into());
        let mut sequences = Vec::new();
        for (upstream, artifact) in found {
            let mut sequence = Sequence::open(store, artifact.digest).await.map_err(failed)?;
            if gathered {
                let n = sequence.n_leaves();
                sequence.load(store, 0..n).await.map_err(failed)?;
                sequence = artifact::gather(&[(&upstream.target.scope, sequence)]).map_err(failed)?;
            }
            sequences.push(sequence);
        }
        Ok(sequences)
    }

    async fn store(&self, pages: Vec<(Digest, Vec<u8>)>) -> Result<(), Trouble> {
        let batch = Batch { pages, ..Batch::default() };
        self.ports.store.commit(batch).await.map_err(|error| trouble(error.into()))
    }
}

fn check_source(work: &ReadWork, key: &str, record: &Json) -> Result<(), Trouble> {
    let Some(schema) = &work.schema else { return Ok(()) };
    let value = record.value();
    match schema.validator.iter_errors(&value).next() {
        None => Ok(()),
        Some(error) => {
            let path = error.instance_path().to_string();
            Err(phase_error(
                "source",
                &format!("record `{key}` does not fit {} at `{path}`: {error}", schema.path),
            ))
        }
    }
}

fn file_trouble(error: FileError) -> Trouble {
    let mut phase = match phase_error("source", &error.to_string()) {
        Trouble::Phase(phase) => phase,
        Trouble::Engine(error) => return Trouble::Engine(error),
    };
    if let FileError::Bad { problems } = &error {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| {
                let place = problem.place.as_ref();
                let place = place.map_or(String::new(), |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
                format!("{place}{}", problem.message)
            })
            .collect();
        phase.message = lines.join("\n");
        phase.hint = problems.iter().find_map(|problem| problem.hint.clone());
    }
    Trouble::Phase(phase)
}

fn trouble(error: EngineError) -> Trouble {
    match error {
        EngineError::Store(_) => Trouble::Engine(error),
        other => phase_error("input", &other.to_string()),
    }
}

fn turns_trouble(error: TurnsError) -> Trouble {
    match error {
        TurnsError::Data(message) => phase_error("turns", &message),
        TurnsError::Engine(error) => trouble(error),
    }
}

fn phase_error(code: &str, message: &str) -> Trouble {
    Trouble::Phase(PhaseError {
        code: code.to_owned(),
        message: message.to_owned(),
        hint: None,
        units: Vec::new(),
        missing: Vec::new(),
    })
}
