//! `refrain edit import`

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use refrain_core::engine::{EngineError, Returned, Signature, WrittenFile};
use refrain_schemas::digest::Digest;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::problem::Problem;
use serde_json::{Map, Value};

use crate::address::RevisionAddress;
use crate::args::Globals;
use crate::args::people::WhoArgs;
use crate::output::Output;
use crate::report::CliError;
use crate::suggest::did_you_mean;
use crate::wiring::{Opened, Workbench};
use crate::{render, runtime, wiring};

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
  refrain edit import out/ja.csv --prefer          let the machine try again
  refrain edit import x.csv --from export@ja --delimiter ';'")]
pub(super) struct ImportArgs {
    /// The file
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// What wrote it, where its path does not tell; of the revision that fits best, unless one is named
    #[arg(long, value_name = "PHASE[@SCOPE][#REVISION]")]
    from: Option<RevisionAddress>,
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
    #[command(flatten)]
    who: WhoArgs,
}

/// Imports.
pub(super) fn run(args: &ImportArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let signature = Signature { locked: !args.prefer, replace: args.replace, ..args.who.signature()? };
    let shown = args.path.display().to_string();
    let bytes = fs::read(&args.path).map_err(|error| CliError::io(&format!("read {shown}"), &error))?;
    let written = runtime::on_this_thread(async { Ok(opened.engine.written().await?) })?;
    let export = export_of(args, &opened, &written)?;
    let bench = Workbench::set_up(&opened.project.dir, &export.path, &bytes, &export.patched)?;
    let returned = Returned {
        export: export.target.clone(),
        revision: args.from.as_ref().and_then(|from| from.revision),
        path: export.path.clone(),
        file: shown,
        digest: Digest::of_content(&bytes),
        fields: args.fields.clone(),
        reading: args.reading(),
        signature,
    };
    let holder = opened.holder();
    let report = runtime::on_this_thread(async {
        let imported = opened.engine.import_edits(&returned, &bench.ports(), &holder).await;
        imported.map_err(|error| explained(error, args, &bytes))
    })?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::edits::write_imported(&mut page, &report, &returned.file);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}

impl ImportArgs {
    fn reading(&self) -> Map<String, Value> {
        let delimiter = self.delimiter.as_ref().map(|text| ("delimiter".to_owned(), Value::from(&**text)));
        delimiter.into_iter().collect()
    }
}

/// Finds the export that a file was made from: by its path, and by what the person says.
fn export_of<'a>(
    args: &ImportArgs,
    opened: &Opened,
    written: &'a [WrittenFile],
) -> Result<&'a WrittenFile, CliError> {
    let path = path_in(&opened.project.dir, &args.path);
    let by_path = path.as_deref().and_then(|path| written.iter().find(|file| file.path == path));
    let Some(from) = &args.from else {
        return by_path.ok_or_else(|| unwritten(args, written));
    };
    let target = opened.engine.target(&from.selection)?;
    if let Some(other) = by_path.filter(|file| file.target != target) {
        let (path, wrote) = (&other.path, &other.target);
        return Err(CliError::usage(format!("{path} was written by {wrote}, not by {target}"))
            .hint(format!("leave `--from` out, or name another file than {path}")));
    }
    let files: Vec<&WrittenFile> = written.iter().filter(|file| file.target == target).collect();
    let same_name = |file: &&&WrittenFile| name_of(Path::new(&file.path)) == name_of(&args.path);
    match (by_path, files.as_slice()) {
        (Some(file), _) => Ok(file),
        (None, []) => Err(CliError::usage(format!("{target} has written no file yet"))
            .hint(format!("make it with `refrain run {target}`"))),
        (None, [only]) => Ok(only),
        (None, several) => several.iter().find(same_name).copied().ok_or_else(|| {
            let names: Vec<&str> = several.iter().map(|file| file.path.as_str()).collect();
            CliError::usage(format!("{target} wrote several files, and none of this name"))
                .hint(format!("call it as one of {}", names.join(", ")))
        }),
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

/// Returns the path of a file in the project, as exports name it; a copy that a run kept has the name of the export.
fn path_in(project: &Path, file: &Path) -> Option<String> {
    let (project, file) = (project.canonicalize().ok()?, file.canonicalize().ok()?);
    let inside = file.strip_prefix(project).ok()?;
    let parts: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
    let path = parts?.join("/");
    Some(original(&path).to_owned())
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
    let hint = match &error {
        EngineError::BadEdits { problems } => delimiter_hint(args, problems, bytes),
        _ => None,
    };
    CliError::from(error).hint_if(hint)
}

/// Spreadsheets of some countries write `;` between cells.
fn delimiter_hint(args: &ImportArgs, problems: &[Problem], bytes: &[u8]) -> Option<String> {
    let lost = problems.iter().any(|problem| problem.message.starts_with("there is no column"));
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
