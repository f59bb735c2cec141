//! Every tool, one file each.

use std::sync::Arc;

use refrain_core::ports::tool_catalogue::ToolKind;

use crate::tool::{Action, Declared, Tool};

pub(crate) mod bare;
mod checkpoint;
mod data;
mod evaluate;
mod filesystem;
mod memory;
mod others;
mod person;
mod processes;
mod question;
mod recursion;
mod report;
mod schema;
mod servers;
mod validation;
mod web;
mod words;

pub use question::fits as fits_question;

/// Returns every tool.
pub(crate) fn all() -> Vec<Declared> {
    let mut tools = vec![
        checkpoint::declared(),
        data::declared(),
        evaluate::declared(),
        filesystem::declared(),
        memory::declared(),
        recursion::declared(),
        report::declared(),
        servers::declared(),
        servers::resources(),
        validation::declared(),
        web::declared(),
    ];
    tools.extend(processes::declared());
    tools.extend(words::declared());
    tools.extend(others::declared());
    tools
}

/// Returns a tool that is carried out.
fn tool(
    name: &'static str,
    aliases: &'static [&'static str],
    description: &'static str,
    actions: Vec<Action>,
    tool: impl Tool + 'static,
) -> Declared {
    Declared { name, aliases, kind: ToolKind::Tool, description, actions, tool: Some(Arc::new(tool)) }
}
