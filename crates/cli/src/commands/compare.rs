//! `refrain compare`

mod reference;

use clap::Args;
use refrain_core::engine::{CompareRequest, Compared};
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::name::Revision;
use refrain_schemas::scope::Target;

use crate::address::RevisionAddress;
use crate::args::Globals;
use crate::output::Output;
use crate::report::CliError;
use crate::{render, runtime, wiring};

/// Show which of two revisions is better
///
/// The last two revisions of a phase, two that are named, or two phases that did the same work in different ways. Their
/// records are paired by key: how many are the same, how much of the text differs, and which pairs differ most.
///
/// Issues per thousand lines are compared where phases looked at just these two revisions (records with `rule` and
/// `severity`), and chrF (character n-grams 1 to 6, beta 2) where there are references: good texts by key. Of each
/// difference it is said where it lies with a confidence of 95 % (paired bootstrap, the same each time), and whether chance
/// could make it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain compare translate@ja                          the last two revisions
  refrain compare translate@ja 1 4                      revisions 1 and 4
  refrain compare draft-a@ja draft-b@ja                 two phases
  refrain compare draft-a@ja#2 draft-b@ja#1             revisions of two phases
  refrain compare translate@ja --reference good.csv     against good texts
  refrain compare translate@ja --reference all.csv:ja   in the column ja
  refrain compare translate@ja --limit 0 --json | jq .measures")]
pub(crate) struct CompareArgs {
    /// The phase; its scope may be left out where there is only one
    #[arg(value_name = "PHASE[@SCOPE][#REVISION]")]
    a: RevisionAddress,
    /// Another phase, or two revisions of the one
    #[arg(value_name = "OTHER | A B", num_args = 0..=2)]
    rest: Vec<String>,
    /// The field whose texts are compared; `text`, or whole records where they have none
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// Good texts: CSV, JSONL or JSON with the key of the records, and the column or field that has the text
    #[arg(long, value_name = "FILE[:FIELD]")]
    reference: Option<String>,
    /// How many of the pairs that differ most are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    limit: usize,
}

/// Compares two revisions.
pub(crate) fn run(args: &CompareArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let target = opened.engine.target(&args.a.selection)?;
    let references = args.reference.as_deref().map(|text| reference::read(text, &opened, &target, globals));
    let request = CompareRequest {
        what: args.compared(&opened, target)?,
        field: args.field.clone(),
        references: references.transpose()?,
        limit: args.limit,
    };
    let report = runtime::on_this_thread(async { Ok(opened.engine.compare(&request).await?) })?;
    if output.wants_json() {
        output.json(&report)?;
    } else {
        let mut page = output.page();
        render::compare::write(&mut page, &report);
        output.show(&page)?;
    }
    Ok(ExitCode::Ok)
}

impl CompareArgs {
    /// Makes out what is to be compared.
    fn compared(&self, opened: &wiring::Opened, target: Target) -> Result<Compared, CliError> {
        let numbers: Vec<Option<u32>> = self.rest.iter().map(|text| text.parse().ok()).collect();
        match (self.a.revision, numbers.as_slice()) {
            (None, []) => Ok(Compared::LastTwo(target)),
            (Some(a), []) => Ok(Compared::Two([(target.clone(), Some(a)), (target, None)])),
            (None, [Some(a), Some(b)]) if *a > 0 && *b > 0 => {
                Ok(Compared::Two([(target.clone(), Some(Revision(*a))), (target, Some(Revision(*b)))]))
            }
            (Some(_), [Some(_), ..]) => {
                Err(CliError::usage(format!("`{}` names a revision already", self.typed(&target)))
                    .hint(format!("write `refrain compare {target} A B`")))
            }
            (None, [Some(_), Some(_)]) => Err(CliError::usage("revisions are numbered from 1")),
            (a, [None]) => {
                let other: RevisionAddress =
                    self.rest[0].parse().map_err(|error| CliError::usage(format!("{error}")))?;
                let second = opened.engine.target(&other.selection)?;
                Ok(Compared::Two([(target, a), (second, other.revision)]))
            }
            (None, [Some(a)]) => Err(CliError::usage(format!(
                "revision {a} of {target}, and which other one?"
            ))
            .hint(format!(
                "write `refrain compare {target} {a} OTHER`, or `refrain compare {target}#{a}` for the latest"
            ))),
            _ => Err(CliError::usage("write one other phase, or the numbers of two revisions")),
        }
    }

    fn typed(&self, target: &Target) -> String {
        self.a.revision.map_or_else(|| target.to_string(), |revision| format!("{target}#{revision}"))
    }
}
