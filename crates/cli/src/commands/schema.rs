//! `refrain schema`

use clap::Args;
use refrain_schemas::catalogue::{Document, documents};
use refrain_schemas::exit_code::ExitCode;

use crate::output::Output;
use crate::render::page::Tone;
use crate::render::table::{Align, Table, cell, toned};
use crate::report::CliError;
use crate::suggest::did_you_mean;

/// Print JSON Schemas
///
/// Without a name, lists the documents that have one; with a name, prints its schema. `pipeline` gives an editor
/// completion and checks for refrain.yaml.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain schema                                  the list
  refrain schema pipeline > refrain.schema.json   for an editor
  refrain schema request                          for a command agent")]
pub(crate) struct SchemaArgs {
    /// The document
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Lists the schemas or prints one.
pub(crate) fn run(args: &SchemaArgs, output: &mut Output) -> Result<ExitCode, CliError> {
    let documents = documents();
    match &args.name {
        Some(name) => output.write(&find(&documents, name)?.text())?,
        None if output.wants_json() => {
            let names: Vec<&str> = documents.iter().map(|document| document.name).collect();
            output.json(&names)?;
        }
        None => {
            let mut table = Table::new(&[("NAME", Align::Left), ("DOCUMENT", Align::Left)]);
            for document in &documents {
                table.row([toned(Tone::Strong, document.name), cell(document.title)]);
            }
            let mut page = output.page();
            page.table(&table);
            output.show(&page)?;
        }
    }
    Ok(ExitCode::Ok)
}

fn find<'a>(documents: &'a [Document], name: &str) -> Result<&'a Document, CliError> {
    documents.iter().find(|document| document.name == name).ok_or_else(|| {
        CliError::usage(format!("there is no schema `{name}`"))
            .hint_if(did_you_mean(name, documents.iter().map(|document| document.name)))
            .hint("`refrain schema` lists them")
    })
}
