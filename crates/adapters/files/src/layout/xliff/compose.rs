//! Records as an XLIFF file of a language.

use refrain_schemas::json::Json;

use crate::layout::Composing;
use crate::layout::composed::{Entry, entries};
use crate::layout::xliff::state::written;
use crate::layout::xliff::unit::NAMED;
use crate::layout::xliff::xml::{attribute, escape_into};
use crate::problems::Problems;

pub(super) fn compose(records: &[Json], with: &Composing, problems: &mut Problems) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"{}\"?>\n\
         <xliff version=\"1.2\" xmlns=\"urn:oasis:names:tc:xliff:document:1.2\">\n",
        with.charset
    );
    let language =
        |language: &Option<String>| attribute(language.as_deref().unwrap_or("und")).unwrap_or_default();
    let (source, target) = (language(&with.source_language), language(&with.language));
    out.push_str(&format!(
        "  <file original=\"refrain\" datatype=\"plaintext\" source-language=\"{source}\" target-language=\"{target}\">\n    \
         <body>\n"
    ));
    for entry in &entries(records, with, problems) {
        match unit(entry) {
            Ok(unit) => out.push_str(&unit),
            Err(message) => entry.refuse(&message, problems),
        }
    }
    out.push_str("    </body>\n  </file>\n</xliff>\n");
    out
}

fn unit(entry: &Entry) -> Result<String, String> {
    let id = if entry.id.is_empty() { entry.number.to_string() } else { attribute(&entry.id)? };
    let approved = if entry.state.as_deref() == Some("final") { " approved=\"yes\"" } else { "" };
    let mut out = format!("      <trans-unit id=\"{id}\"{approved} xml:space=\"preserve\">\n");
    element(&mut out, "source", "", &entry.source)?;
    let state = entry.state.as_deref().map(written).transpose()?;
    let is_needed = entry.target.is_some() || state.is_some_and(|state| state != "new");
    if is_needed {
        let state = state.map_or_else(String::new, |state| format!(" state=\"{state}\""));
        element(&mut out, "target", &state, entry.target.as_deref().unwrap_or_default())?;
    }
    for (from, field) in NAMED {
        if let Some(said) = entry.text(field) {
            element(&mut out, "note", &format!(" from=\"{from}\""), said)?;
        }
    }
    if let Some(note) = entry.text("note") {
        element(&mut out, "note", "", note)?;
    }
    out.push_str("      </trans-unit>\n");
    Ok(out)
}

fn element(out: &mut String, name: &str, attributes: &str, text: &str) -> Result<(), String> {
    out.push_str(&format!("        <{name}{attributes}>"));
    escape_into(out, text, "\n")?;
    out.push_str(&format!("</{name}>\n"));
    Ok(())
}
