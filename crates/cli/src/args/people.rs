//! Options of commands by which people edit: who they are, and which records they mean.

use clap::Args;
use refrain_core::engine::{Engine, Keys, Signature};
use refrain_schemas::scope::Target;

use crate::address::UnitAddress;
use crate::environment;
use crate::report::CliError;

/// Who edits, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhoArgs {
    /// Who says so; the user's name where it is not given
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) by: Option<String>,
    /// Why, for others; it is kept with the edit
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Say what would become of the edits, and record nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl WhoArgs {
    /// Returns who edits: new edits are locked, and nobody else's are replaced.
    pub(crate) fn signature(&self) -> Result<Signature, CliError> {
        let by = self.by.clone().or_else(environment::user);
        let by = by.ok_or_else(|| {
            CliError::usage("nobody is known to have edited").hint("say who with `--by NAME`")
        })?;
        let (note, dry_run) = (self.note.clone(), self.dry_run);
        Ok(Signature { by, note, locked: true, replace: false, dry_run })
    }
}

/// Returns what a command by which somebody edits has to end with, so that it works as it is printed: nothing where the
/// environment says who that is.
pub(crate) fn signed() -> &'static str {
    environment::user().map_or(" --by \"$(whoami)\"", |_| "")
}

/// Records by name.
#[derive(Debug, Clone, Args)]
pub(crate) struct RecordArgs {
    /// The records; with `--all`, phases
    #[arg(value_name = "PHASE[@SCOPE]/KEY")]
    records: Vec<UnitAddress>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl RecordArgs {
    /// Returns the records that are named, phase by phase; `every` says which are meant by `--all`.
    pub(crate) fn of(&self, engine: &Engine, every: &Keys) -> Result<Vec<(Target, Keys)>, CliError> {
        if self.all { self.all_of(engine, every) } else { self.named(engine) }
    }

    /// Whether no phase is named.
    pub(crate) const fn names_nothing(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the one phase in one scope that is named.
    pub(crate) fn one_phase(&self, engine: &Engine) -> Result<Target, CliError> {
        match self.records.as_slice() {
            [UnitAddress { selection, unit: None }] => Ok(engine.target(selection)?),
            _ => Err(CliError::usage("name one phase, such as `edit@ja`")),
        }
    }

    fn named(&self, engine: &Engine) -> Result<Vec<(Target, Keys)>, CliError> {
        if self.records.is_empty() {
            return Err(CliError::usage("no record is named")
                .hint("name some, such as `edit@ja/line_1`, or all of a phase with `--all`"));
        }
        let mut named: Vec<(Target, Vec<String>)> = Vec::new();
        for address in &self.records {
            let target = engine.target(&address.selection)?;
            let Some(key) = address.unit.clone() else {
                return Err(CliError::usage(format!("{target} is a phase, not a record"))
                    .hint(format!("name a record, such as `{target}/KEY`, or all of them with `--all`")));
            };
            match named.iter_mut().find(|(known, _)| *known == target) {
                Some((_, keys)) => keys.push(key),
                None => named.push((target, vec![key])),
            }
        }
        Ok(named.into_iter().map(|(target, keys)| (target, Keys::Named(keys))).collect())
    }

    fn all_of(&self, engine: &Engine, every: &Keys) -> Result<Vec<(Target, Keys)>, CliError> {
        let mut targets: Vec<Target> = Vec::new();
        for address in &self.records {
            if address.unit.is_some() {
                return Err(CliError::usage("`--all` is about whole phases; name them without a record"));
            }
            let more = engine.select(&address.selection)?;
            targets.extend(more.into_iter().filter(|target| !targets.contains(target)).collect::<Vec<_>>());
        }
        if self.records.is_empty() {
            targets = engine.model().targets();
        }
        Ok(targets.into_iter().map(|target| (target, every.clone())).collect())
    }
}
