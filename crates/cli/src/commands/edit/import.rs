//! `refrain edit import`

mod others;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use refrain_core::engine::{EngineError, Returned, Signature, WrittenFile};
use refrain_schemas::digest::Digest;
use refrain_schemas::edit::EditReport;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::problem::Problem;
use serde_json::{Map, Value};

use crate::address::RevisionAddress;
use crate::args::Globals;
use crate::args::people::{WhoArgs, signed};
use crate::output::Output;
use crate::report::CliError;
use crate::suggest::did_you_mean;
use crate::wiring::{Opened, Workbench};
use crate::{render, runtime, shell, wiring};

/// Take over what somebody changed in an exported file
///
/// Every line that differs from what was exported becomes an edit of the phase that was exported: the next run lays it
/// over the machine's text and everything behind follows. Lines that were not touched stay the machine's. Where the text
/// has changed since the export was made, the person's words stand and `refrain review` lists the two.
///
/// The file may be the export itself, changed in place, or a copy from elsewhere (`--from`). All of its problems are
/// reported at once, and then nothing is taken over. Importing a file twice does nothing the second time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain edit import out/ja.csv                   changed where it was written
  refrain edit import out/ja.csv --dry-run         what would become of it
  refrain edit import ana.csv --from export@ja --by ana
  refrain edit import old.csv --from export@ja#3   of that revision
  refrain edit import ana.csv --copy-of out/ja/wren.csv
  refrain edit import out/ja.csv --prefer          let the machine try again
  refrain edit import x.csv --from export@ja --delimiter ';'")]
pub(super) struct ImportArgs {
    /// The file
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// What wrote it, where its path does not tell; of the revision that fits best, unless one is named
    #[arg(long, value_name = "PHASE[@SCOPE][#REVISION]")]
    from: Option<RevisionAddress>,
    /// Which of the files that the export wrote it is a copy of; found out by what fits best where it is not given
    #[arg(long, value_name = "PATH")]
    copy_of: Option<String>,
    /// Let the units be asked again when something changes; the person's text is laid over the answers
    #[arg(long)]
    prefer: bool,
    /// Take what the file says also where somebody else has edited the same field since it was exported
    #[arg(long)]
    replace: bool,
    /// Only this field, or a column that the export does not have; may be repeated
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// What stands between the cells, where a spreadsheet has changed that: one character, or `tab`
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// How the file is encoded, where a program has changed that: utf-8, utf-16, utf-16le, utf-16be, shift_jis or auto
    #[arg(long, value_name = "ENCODING")]
    encoding: Option<String>,
    #[command(flatten)]
    who: WhoArgs,
}

/// How many files are named that a copy may be of.
const CANDIDATES_SHOWN: usize = 8;

/// Imports.
pub(super) fn run(args: &ImportArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let signature = Signature { locked: !args.prefer, replace: args.replace, ..args.who.signature()? };
    let shown = args.path.display().to_string();
    let bytes = fs::read(&args.path).map_err(|error| CliError::io(&format!("read {shown}"), &error))?;
    let written = runtime::on_this_thread(async { Ok(opened.engine.written().await?) })?;
    let export = match candidates(args, &opened, &written)?.as_slice() {
        [only] => Meant { file: only, joined: is_joined(args, &opened, only, &written, &bytes, &signature) },
        several => fitting(args, &opened, several, &bytes, &signature)?,
    };
    others::look_for_other_scope(args, &opened, export, &written, &bytes, &signature)?;
    let report = import(args, &opened, export, &bytes, &signature)?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::edits::write_imported(&mut page, &report, &shown);
        let open = runtime::on_this_thread(async { Ok(opened.engine.open_errors().await?) })?;
        render::words::open_errors(&mut page, &open);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}

/// What a file is taken for.
#[derive(Debug, Clone, Copy)]
struct Meant<'a> {
    /// The file that was exported.
    file: &'a WrittenFile,
    /// Whether others of that export are in it as well.
    joined: bool,
}

impl<'a> Meant<'a> {
    const fn alone(file: &'a WrittenFile) -> Self {
        Self { file, joined: false }
    }

    const fn joined(file: &'a WrittenFile) -> Self {
        Self { file, joined: true }
    }
}

/// Whether a file has rows that only others of the same export have.
fn is_joined(
    args: &ImportArgs,
    opened: &Opened,
    export: &WrittenFile,
    written: &[WrittenFile],
    bytes: &[u8],
    signature: &Signature,
) -> bool {
    let has_others = written.iter().any(|file| file.target == export.target && file.path != export.path);
    if !has_others || args.copy_of.is_some() {
        return false;
    }
    let trial = Signature { dry_run: true, ..signature.clone() };
    let unknown = |meant| import(args, opened, meant, bytes, &trial).ok().map(|report| report.n_unknown);
    // What is wrong with the file is told when it is imported.
    let alone = unknown(Meant::alone(export)).unwrap_or(0);
    alone > 0 && unknown(Meant::joined(export)).is_some_and(|joined| joined < alone)
}

/// Takes a file over as a copy of one that was exported.
fn import(
    args: &ImportArgs,
    opened: &Opened,
    meant: Meant<'_>,
    bytes: &[u8],
    signature: &Signature,
) -> Result<EditReport, CliError> {
    let Meant { file: export, joined } = meant;
    let bench = Workbench::set_up(&opened.project, &export.path, bytes, &export.patched)?;
    let returned = Returned {
        export: export.target.clone(),
        revision: args.from.as_ref().and_then(|from| from.revision),
        path: export.path.clone(),
        joined,
        in_place: args.is_in_place(opened, export),
        file: args.path.display().to_string(),
        digest: Digest::of_content(bytes),
        fields: args.fields.clone(),
        reading: args.reading(),
        signature: signature.clone(),
    };
    let holder = opened.holder();
    runtime::on_this_thread(async {
        let imported = opened.engine.import_edits(&returned, &bench.ports(), &holder).await;
        imported.map_err(|error| explained(error, args, bytes))
    })
}

/// Finds out which of several exported files a copy was made from: the one whose rows are those of the copy, and of which it says
/// the least that is new.
fn fitting<'a>(
    args: &ImportArgs,
    opened: &Opened,
    several: &[&'a WrittenFile],
    bytes: &[u8],
    signature: &Signature,
) -> Result<Meant<'a>, CliError> {
    let trial = Signature { dry_run: true, ..signature.clone() };
    let (mut fits, mut wrong) = (Vec::new(), Vec::new());
    for export in several {
        // What cannot be read as this one is no copy of it.
        match import(args, opened, Meant::alone(export), bytes, &trial) {
            Err(error) => wrong.push(error),
            Ok(report) => {
                let news = report.added + report.changed + report.removed + report.n_clashes;
                let has_any = report.unchanged + news > 0 || report.n_absent == 0;
                fits.extend(has_any.then_some(((report.n_unknown, report.n_absent, news), *export)));
            }
        }
    }
    // What cannot be read at all is told with its place.
    if wrong.len() == several.len()
        && let Some(first) = wrong.into_iter().next()
    {
        return Err(first);
    }
    let best = fits.iter().map(|(misfit, _)| *misfit).min();
    // Rows that one of the files does not have may be those of another.
    if let (Some((unknown, ..)), Some(first)) = (best.filter(|(unknown, ..)| *unknown > 0), several.first()) {
        let joined = Meant::joined(first);
        if import(args, opened, joined, bytes, &trial).is_ok_and(|report| report.n_unknown < unknown) {
            return Ok(joined);
        }
    }
    let best: Vec<&WrittenFile> =
        fits.iter().filter(|(misfit, _)| Some(*misfit) == best).map(|(_, export)| *export).collect();
    match best.as_slice() {
        [only] => Ok(Meant::alone(only)),
        [] => Err(undecided(args, several, "fits none of the files")),
        likely => Err(undecided(args, likely, "fits several of the files equally well")),
    }
}

/// Names the files that a copy may be of, each with the command that says so.
fn undecided(args: &ImportArgs, files: &[&WrittenFile], why: &str) -> CliError {
    let target = files.first().map_or_else(String::new, |file| file.target.to_string());
    let message = format!("{} {why} that {target} wrote; nothing was recorded", args.path.display());
    let copy = shell::quoted(&args.path.to_string_lossy());
    let by =
        args.who.by.as_ref().map_or_else(|| signed().to_owned(), |by| format!(" --by {}", shell::quoted(by)));
    let command = |file: &&WrittenFile| {
        format!("`refrain edit import {copy} --copy-of {}{by}`", shell::quoted(&file.path))
    };
    files.iter().take(CANDIDATES_SHOWN).map(command).fold(CliError::usage(message), CliError::hint)
}

impl ImportArgs {
    /// Whether the file is the one that was exported, and not a copy of it, as a run keeps one.
    fn is_in_place(&self, opened: &Opened, export: &WrittenFile) -> bool {
        let name = self.path.file_name().and_then(|name| name.to_str());
        let is_copy = self.copy_of.is_some() || name.is_none_or(|name| original(name) != name);
        !is_copy && at_place(&opened.project.dir, &self.path, std::slice::from_ref(export)).is_some()
    }

    fn reading(&self) -> Map<String, Value> {
        let said = [("delimiter", &self.delimiter), ("encoding", &self.encoding)];
        let said = said.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)));
        said.map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
    }
}

/// Returns the exported files that a file may have been made from: by its path, and by what the person says.
fn candidates<'a>(
    args: &ImportArgs,
    opened: &Opened,
    written: &'a [WrittenFile],
) -> Result<Vec<&'a WrittenFile>, CliError> {
    let target = args.from.as_ref().map(|from| opened.engine.target(&from.selection)).transpose()?;
    let named = args.copy_of.as_ref().map_or(&*args.path, Path::new);
    let by_path = at_place(&opened.project.dir, named, written)
        .or_else(|| written.iter().find(|file| Some(&file.path) == args.copy_of.as_ref()));
    if let (Some(path), None) = (&args.copy_of, by_path) {
        let near = did_you_mean(path, written.iter().map(|file| file.path.as_str()));
        return Err(CliError::usage(format!("no export wrote {path}")).hint_if(near));
    }
    let Some(target) = target else {
        return by_path.map(|file| vec![file]).ok_or_else(|| unwritten(args, written));
    };
    if let Some(other) = by_path.filter(|file| file.target != target) {
        let (path, wrote) = (&other.path, &other.target);
        return Err(CliError::usage(format!("{path} was written by {wrote}, not by {target}"))
            .hint(format!("leave `--from` out, or name another file than {path}")));
    }
    let files: Vec<&WrittenFile> = written.iter().filter(|file| file.target == target).collect();
    let same_name = |file: &&&WrittenFile| name_of(Path::new(&file.path)) == name_of(&args.path);
    let named: Vec<&WrittenFile> = files.iter().filter(same_name).copied().collect();
    match (by_path, named.as_slice()) {
        (Some(file), _) => Ok(vec![file]),
        (None, [_, ..]) => Ok(named),
        (None, []) if files.is_empty() => Err(CliError::usage(format!("{target} has written no file yet"))
            .hint(format!("make it with `refrain run {target}`"))),
        (None, []) => Ok(files),
    }
}

fn unwritten(args: &ImportArgs, written: &[WrittenFile]) -> CliError {
    let error = CliError::usage(format!("no export wrote {}", args.path.display()));
    if written.is_empty() {
        return error.hint("nothing was exported yet: `refrain run`");
    }
    let name = name_of(&args.path);
    let like = written.iter().find(|file| name_of(Path::new(&file.path)) == name);
    let paths = || written.iter().map(|file| file.path.as_str());
    let typed = args.path.to_string_lossy();
    let first: Vec<String> = written.iter().take(5).map(|f| format!("{} ({})", f.path, f.target)).collect();
    match like {
        Some(file) => error.hint(format!("say what it was made from: `--from {}`", file.target)),
        None => error.hint_if(did_you_mean(&typed, paths())).hint(format!(
            "there are {}; of a copy from elsewhere, say `--from PHASE@SCOPE`",
            first.join(", ")
        )),
    }
}

/// Returns the exported file that lies where a path leads; a copy that a run kept lies where the export does. Links may lead
/// to both: of several exports that one place has, the one that is called so is meant.
fn at_place<'a>(project: &Path, file: &Path, written: &'a [WrittenFile]) -> Option<&'a WrittenFile> {
    let mut folders = BTreeMap::new();
    let mut place = |file: &Path| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let real = folders.entry(folder).or_insert_with_key(|folder| folder.canonicalize().ok());
        Some(real.as_ref()?.join(name_of(file)?))
    };
    let called: Vec<PathBuf> =
        [Some(file.to_owned()), file.canonicalize().ok()].into_iter().flatten().collect();
    called.iter().find_map(|called| {
        let wanted = place(called)?;
        let is_there = |file: &&WrittenFile| place(&project.join(&file.path)).as_ref() == Some(&wanted);
        let there: Vec<&WrittenFile> = written.iter().filter(is_there).collect();
        let absolute = std::path::absolute(called).ok()?;
        let parent = absolute.parent().unwrap_or(&absolute);
        let by_name = there.iter().find(|file| {
            let export = project.join(&file.path);
            std::path::absolute(&export).is_ok_and(|export| export.parent() == Some(parent))
        });
        by_name.or(there.first()).copied()
    })
}

/// Returns the name of the file that a kept copy, such as `ja.csv.edited-1`, was made of.
fn original(path: &str) -> &str {
    match path.rsplit_once(".edited-") {
        Some((original, number)) if number.parse::<u32>().is_ok() => original,
        _ => path,
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str().map(original)
}

/// Adds what a person would do about it.
fn explained(error: EngineError, args: &ImportArgs, bytes: &[u8]) -> CliError {
    let hints = match &error {
        EngineError::BadEdits { problems } => {
            [delimiter_hint(args, problems, bytes), encoding_hint(args, problems, bytes)]
        }
        _ => [None, None],
    };
    hints.into_iter().fold(CliError::from(error), CliError::hint_if)
}

/// Programs save files in an encoding of their own.
fn encoding_hint(args: &ImportArgs, problems: &[Problem], bytes: &[u8]) -> Option<String> {
    let is_coded = |problem: &Problem| matches!(problem.code.as_str(), "E0701" | "E0709" | "E0714");
    if args.encoding.is_some() || !problems.iter().any(is_coded) {
        return None;
    }
    let name = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "utf-16",
        _ if std::str::from_utf8(bytes).is_ok() => "utf-8",
        _ => return None,
    };
    Some(format!("the file is {name}: say so with `--encoding {name}`"))
}

/// Spreadsheets of some countries write `;` between cells.
fn delimiter_hint(args: &ImportArgs, problems: &[Problem], bytes: &[u8]) -> Option<String> {
    let told = ["there is no column", "text behind a closing quote"];
    let lost = problems.iter().any(|problem| told.iter().any(|told| problem.message.starts_with(told)));
    if args.delimiter.is_some() || !lost {
        return None;
    }
    let header = bytes.split(|byte| *byte == b'\n').next()?;
    let known = [(b';', "';'"), (b'\t', "tab"), (b',', "','")];
    let (_, name) = known.into_iter().find(|(character, _)| header.contains(character))?;
    Some(format!("if its cells are separated otherwise, say so, such as `--delimiter {name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_copies_have_the_name_of_what_they_were() {
        let check = |path: &str, expect: &str| assert_eq!(original(path), expect);
        check("out/ja.csv", "out/ja.csv");
        check("out/ja.csv.edited-12", "out/ja.csv");
        check("out/ja.csv.edited-x", "out/ja.csv.edited-x");
        check("out/ja.edited-1.csv", "out/ja.edited-1.csv");
    }
}
