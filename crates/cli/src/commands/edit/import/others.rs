//! Whether a file was rather made from what the same phase wrote for another scope: another language's, say.

use std::path::Path;

use refrain_core::engine::{Signature, WrittenFile};
use refrain_schemas::edit::EditReport;
use refrain_schemas::scope::Target;

use super::{ImportArgs, Meant, import, name_of};
use crate::output::complain;
use crate::report::CliError;
use crate::shell;
use crate::wiring::Opened;

/// Looks whether a file fits what was written for another scope, where most of its records are not those of the export it is
/// taken for. Where the person named the export that is a warning, else the file is refused.
pub(super) fn look_for_other_scope(
    args: &ImportArgs,
    opened: &Opened,
    meant: Meant<'_>,
    written: &[WrittenFile],
    bytes: &[u8],
    signature: &Signature,
) -> Result<(), CliError> {
    let export = meant.file;
    let others: Vec<&WrittenFile> = written.iter().filter(|other| is_twin(other, export, written)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let trial = Signature { dry_run: true, ..signature.clone() };
    let fit = |file: &WrittenFile| {
        let meant = Meant { file, joined: meant.joined };
        import(args, opened, meant, bytes, &trial).ok().map(|report| Fit::of(&report))
    };
    // What is wrong with the file itself is told when it is imported.
    let Some(here) = fit(export).filter(Fit::is_doubtful) else { return Ok(()) };
    let better = |other: &&&WrittenFile| fit(other).is_some_and(|there| there.is_better_than(&here));
    // A revision that is named is one of this export, and says nothing of others.
    let is_exact = args.from.as_ref().is_some_and(|from| from.revision.is_some());
    match others.iter().find(better).filter(|_| !is_exact) {
        None => Ok(()),
        Some(other) => told(args, &export.target, &other.target, here),
    }
}

fn told(args: &ImportArgs, export: &Target, other: &Target, here: Fit) -> Result<(), CliError> {
    let file = args.path.display();
    let differs =
        format!("{} of {} records differ from {export}", here.changed, here.changed + here.unchanged);
    if args.from.is_some() {
        complain(&format!("warning: {file} fits {other} better: {differs}, for which it was taken\n"));
        return Ok(());
    }
    let file = shell::quoted(&args.path.to_string_lossy());
    Err(CliError::usage(format!("{file} fits {other} better: {differs}; nothing was recorded"))
        .hint(format!("if it is of {other}, import a copy that lies elsewhere with `--from {other}`"))
        .hint(format!("`--from {export}` takes all of these as changes")))
}

/// Whether another file is what an export is for another scope: of the same name, or the only one there.
fn is_twin(other: &WrittenFile, export: &WrittenFile, written: &[WrittenFile]) -> bool {
    let is_other = other.target.phase == export.target.phase && other.target != export.target;
    let is_only = || written.iter().filter(|file| file.target == other.target).count() == 1;
    is_other && (name_of(Path::new(&other.path)) == name_of(Path::new(&export.path)) || is_only())
}

/// How well a file fits an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fit {
    changed: u64,
    unchanged: u64,
}

impl Fit {
    const fn of(report: &EditReport) -> Self {
        let edits = report.added + report.changed + report.removed;
        Self { changed: edits + report.n_clashes + report.n_unknown, unchanged: report.unchanged }
    }

    const fn is_doubtful(&self) -> bool {
        self.changed > self.unchanged
    }

    /// Whether most records are those of this export, and more than of the other.
    const fn is_better_than(&self, other: &Self) -> bool {
        !self.is_doubtful() && self.unchanged > other.unchanged
    }
}
