//! Which revision of an export a file was made from: nothing in the file says so, but against that one it has the least news.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use indexmap::IndexMap;
use refrain_schemas::json::Json;
use refrain_schemas::scope::Target;

use super::super::editor::{Editor, Stamp, problem};
use super::super::rows::{Basis, Compared, Shape, compare, compare_said};
use super::super::subject::Subject;
use super::super::written::Exported;
use super::super::{EditChange, Signature};
use super::{Import, no_basis};
use crate::engine::{Engine, EngineError};
use crate::ports::store::StoreError;

/// How many revisions are looked at of which an older one that fits as well is taken.
const NEAR: usize = 6;
/// How many are looked at at all.
const LOOKED_AT: usize = 200;
/// How many records these may hold together before no further one is looked at.
const RECORDS: u64 = 2_000_000;

/// A revision that the file may have been made from, and what it says against it.
pub(super) struct Found {
    pub(super) exported: Exported,
    pub(super) subject: Arc<Subject>,
    pub(super) compared: Compared,
    /// The records that were exported, and their rows; none of a file that could not be made again.
    pub(super) made: Option<(IndexMap<String, Json>, Basis)>,
    news: News,
    others: Others,
}

/// How much a file says that is not known yet; what is less is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct News {
    /// What does not stand already.
    new: usize,
    /// What does stand and is nobody's edit: against another revision it is no change at all.
    idle: usize,
}

/// What a file has of the edits of others, who bring theirs back by other files.
#[derive(Debug, Clone, Copy, Default)]
struct Others {
    /// What they wrote that is in the file and not in the revision: whoever made the file has seen a later one.
    seen: usize,
    /// What they wrote that is in the revision, and in the file what the machine says.
    taken_back: usize,
}

/// What became of looking at one revision.
enum Look {
    Fits(Box<Found>),
    /// It cannot have less news than the best one so far.
    NoBetter,
    /// The file has another number of rows, which are told apart by their place.
    Miscounted {
        is: usize,
        was: usize,
    },
}

/// The search, as far as it is.
#[derive(Default)]
struct Search {
    best: Option<Found>,
    /// Why the first revision could not be compared that could not.
    failed: Option<EngineError>,
    /// Whether that was for the number of its rows.
    is_miscounted: bool,
    /// Why the newest one could not be.
    passed_over: Option<String>,
    /// Whether there are revisions that were not looked at.
    is_cut: bool,
    /// How many records were looked at.
    records: u64,
    subjects: BTreeMap<Target, Arc<Subject>>,
    /// The rows of the person's file, by the field that tells them apart.
    theirs: BTreeMap<String, Arc<[Json]>>,
}

impl Import<'_> {
    /// Finds the revision against which the file has the least news, and says why it was not compared with the newest one,
    /// where it could not be.
    ///
    /// # Errors
    /// Says why none fits; where most of the file would be news and not every revision could be looked at, it is for the person
    /// to name one.
    pub(super) async fn find(&self) -> Result<(Found, Option<String>), EngineError> {
        let mut search = Search::default();
        for (n, exported) in self.candidates.iter().enumerate() {
            if n >= NEAR && (n >= LOOKED_AT || search.records + exported.artifact.records > RECORDS) {
                search.is_cut = true;
                break;
            }
            search.records += exported.artifact.records;
            let look = self.look(exported, n >= NEAR, &mut search).await;
            self.note(n, look, &mut search)?;
            // In its place a file is what was written there last, and what people made of that.
            let is_it = |best: &Found| self.returned.in_place || best.news.new == 0;
            if search.best.as_ref().is_some_and(is_it) {
                return self.chosen(search);
            }
        }
        self.chosen(search)
    }

    /// Takes what became of looking at the `n`th newest revision. One that the file cannot be compared with is not the one, so
    /// that only where there is no other it is told why.
    fn note(
        &self,
        n: usize,
        look: Result<Look, EngineError>,
        search: &mut Search,
    ) -> Result<(), EngineError> {
        // Of two near ones that fit alike it is the older one: where just the edited lines changed in between, that is told
        // and can be settled, and what was written for other lines never passes for new.
        let is_better = |found: &Found, best: &Found| {
            let is_less = if n < NEAR { found.news <= best.news } else { found.news.new < best.news.new };
            is_less && !found.is_seen_through(best)
        };
        let error = match look {
            Ok(Look::Fits(found)) => {
                if search.best.as_ref().is_none_or(|best| is_better(&found, best)) {
                    search.best = Some(*found);
                }
                return Ok(());
            }
            Ok(Look::NoBetter) => return Ok(()),
            // With as many rows as a newer one has, it is surely not the older one.
            Ok(Look::Miscounted { .. }) if search.best.is_some() => return Ok(()),
            Ok(Look::Miscounted { is, was }) => {
                search.is_miscounted |= search.failed.is_none();
                self.miscounted(is, was)
            }
            Err(error) if is_grave(&error) => return Err(error),
            Err(error) => error,
        };
        if n == 0 {
            search.passed_over = Some(reason(&error));
        }
        search.failed.get_or_insert(error);
        Ok(())
    }

    fn chosen(&self, search: Search) -> Result<(Found, Option<String>), EngineError> {
        let Search { best, failed, passed_over, is_cut, is_miscounted, .. } = search;
        let Some(best) = best else {
            return Err(failed.unwrap_or_else(|| no_basis(self.history, self.returned)));
        };
        // That another export happens to be comparable makes it not what the file was made from.
        let is_doubtful = best.compared.n_changed() > best.compared.unchanged;
        match failed {
            Some(failed) if is_doubtful && is_miscounted => Err(failed),
            Some(failed) if is_doubtful => Err(self.unknown_basis(&best, &reason(&failed))),
            None if is_doubtful && is_cut => {
                Err(self.unknown_basis(&best, "there are more revisions than are looked at"))
            }
            _ => Ok((best, passed_over)),
        }
    }

    /// Compares the file with what a revision wrote; a far one only where it may be better than what there is.
    async fn look(
        &self,
        exported: &Exported,
        is_far: bool,
        search: &mut Search,
    ) -> Result<Look, EngineError> {
        let subject = match search.subjects.entry(exported.of.clone()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(free) => {
                let subject = Subject::load(self.engine, self.history, &exported.of).await?;
                free.insert(Arc::new(subject)).clone()
            }
        };
        let rows = match search.theirs.entry(subject.key.clone()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(free) => free.insert(self.theirs(&subject.key).await?.into()).clone(),
        };
        let best = search.best.as_ref().filter(|_| is_far);
        self.fit(exported, subject, &rows, best).await
    }

    async fn fit(
        &self,
        exported: &Exported,
        subject: Arc<Subject>,
        rows: &[Json],
        best: Option<&Found>,
    ) -> Result<Look, EngineError> {
        let (exported, compared) = (exported.clone(), Compared::default());
        let mut found = Found {
            exported,
            subject,
            compared,
            made: None,
            news: News::default(),
            others: Others::default(),
        };
        if found.exported.as_is {
            found.compared.unchanged = rows.len() as u64;
            return Ok(Look::Fits(Box::new(found)));
        }
        let key = found.subject.key.as_str();
        let records = self.records(&found.exported).await?;
        if best.is_some_and(|best| best.has_the_same(&records)) {
            return Ok(Look::NoBetter);
        }
        let mut basis = self.basis(&records, key).await?;
        let shape = Shape { key, params: &self.params, fields: &self.returned.fields };
        basis.add_gone(&records, rows, &shape);
        (found.compared, found.made) = match compare(&basis, rows, &shape) {
            Ok(compared) => (compared, Some((records, basis))),
            Err((is, was)) => match compare_said(&records, rows, &shape) {
                Some(compared) => (compared, None),
                None => return Ok(Look::Miscounted { is, was }),
            },
        };
        (found.news, found.others) =
            news(self.engine, &found.subject, &found.compared, &self.returned.signature);
        Ok(Look::Fits(Box::new(found)))
    }

    fn miscounted(&self, is: usize, was: usize) -> EngineError {
        let mut problem = problem("", "");
        problem.code = "E0791".to_owned();
        problem.hint = Some("leave a line empty rather than remove it".to_owned());
        problem.message = format!(
            "{}: there are {is} lines and there were {was}; lines without ids are told apart by their place, so that \
             none may be added or removed",
            self.returned.file
        );
        EngineError::BadEdits { problems: vec![problem] }
    }

    fn unknown_basis(&self, best: &Found, why: &str) -> EngineError {
        let (export, revision) = (&self.returned.export, best.exported.revision);
        let (changed, all) = (best.compared.n_changed(), best.compared.n_changed() + best.compared.unchanged);
        let mut problem = problem("", "");
        problem.code = "E0793".to_owned();
        problem.message = format!(
            "{}: it cannot be told which revision of {export} it was made from: {changed} of {all} records differ from \
             #{revision}, which is the nearest, and not every one could be compared: {why}",
            self.returned.file
        );
        problem.hint = Some(format!(
            "say which one with `--from {export}#N` (`refrain history {}`); `--from {export}#{revision}` takes all of these \
             as changes",
            export.phase
        ));
        EngineError::BadEdits { problems: vec![problem] }
    }
}

impl Found {
    /// Whether a newer revision is the one although more is news against it: the file has what others wrote since this one, so
    /// that where it has not, somebody took it back.
    const fn is_seen_through(&self, newer: &Self) -> bool {
        self.others.seen > 0 && newer.news.new - newer.others.taken_back <= self.news.new
    }

    /// Whether the records in which the file has news are all the same in another revision, so that this is no nearer. Rows
    /// without ids of their own have no record that is known to be theirs.
    fn has_the_same(&self, others: &IndexMap<String, Json>) -> bool {
        let Some((records, basis)) = &self.made else { return false };
        let changes = self.compared.changes.iter().map(|EditChange { key, .. }| key);
        let mut keys = changes.chain(&self.compared.unknown);
        basis.own_ids && keys.all(|key| records.get(key) == others.get(key))
    }
}

/// Returns why a revision could not be compared.
fn reason(error: &EngineError) -> String {
    match error {
        EngineError::BadEdits { problems } => {
            problems.first().map_or_else(String::new, |problem| problem.message.clone())
        }
        other => other.to_string(),
    }
}

/// Whether an error says nothing of the file or what it was made from. Pages of an old revision may have been collected.
const fn is_grave(error: &EngineError) -> bool {
    matches!(error, EngineError::Store(error) if !matches!(error, StoreError::Missing { .. }))
}

fn news(engine: &Engine, subject: &Subject, compared: &Compared, signature: &Signature) -> (News, Others) {
    let editor = Editor::new(subject, Stamp::new(engine, signature));
    let stands =
        |change: &EditChange| editor.current(&change.key, &change.field).as_ref() == Some(&change.value);
    let author = |EditChange { key, field, .. }: &EditChange| {
        let edit = editor.edit(editor.home(key)).filter(|edit| edit.set.contains_key(field));
        edit.map(|edit| edit.by.as_str())
    };
    let is_others = |change: &&EditChange| author(change).is_some_and(|by| by != signature.by);
    let is_machines = |EditChange { key, field, value, .. }: &EditChange| {
        editor.machine(editor.home(key), field).as_ref() == Some(value)
    };
    let (standing, new): (Vec<&EditChange>, Vec<&EditChange>) =
        compared.changes.iter().partition(|change| stands(change));
    let seen = standing.iter().copied().filter(is_others).count();
    let taken_back = new.iter().copied().filter(is_others).filter(|change| is_machines(change)).count();
    let idle = standing.into_iter().filter(|change| author(change).is_none()).count();
    (News { new: new.len() + compared.unknown.len(), idle }, Others { seen, taken_back })
}
