//! Rows of plain text.

use std::sync::Arc;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::Json;

use crate::ids::seed;
use crate::layout::{Place, Quoting, TEXT};
use crate::lines::{Lines, old_line_ends, without_break};
use crate::problems::Problems;
use crate::rows::{Row, RowSpec};

/// The lines of a text file as rows; blank ones are passed over.
#[derive(Debug)]
pub(crate) struct TextRows {
    fields: Vec<(&'static str, Json)>,
    quoting: Option<Arc<dyn Quoting>>,
    text: String,
}

impl TextRows {
    pub(crate) fn new(spec: &RowSpec, path: &str) -> Self {
        let mut fields = vec![("file", Json::string(path))];
        if spec.names.scene.as_deref() == Some("file") {
            fields.push(("scene_id", Json::string(path)));
        }
        let quoting = spec.column.is_some().then(|| Arc::new(OneLine) as Arc<dyn Quoting>);
        Self { fields, quoting, text: String::new() }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        loop {
            self.text.clear();
            if !lines.next(&mut self.text, problems)? {
                return Ok(None);
            }
            let is_first = lines.number() == 1;
            if let Some(problem) = old_line_ends(lines.path(), &self.text).filter(|_| is_first) {
                problems.add(problem);
                lines.stop();
                return Ok(None);
            }
            let text = without_break(&self.text);
            if !text.trim().is_empty() {
                let string = Json::string(text);
                let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
                let record = Json::object(fields.chain([("text", string.as_str())]));
                let places = self.place(lines, text).into_iter().collect();
                let seed = seed("", text);
                return Ok(Some(Row { record, key: None, seed, line: lines.number(), places }));
            }
        }
    }

    fn place(&self, lines: &Lines, text: &str) -> Option<Place> {
        let quoting = self.quoting.clone()?;
        let start = lines.kept_len().checked_sub(self.text.len())?;
        Some(Place { field: TEXT.to_owned(), span: start..start + text.len(), now: text.to_owned(), quoting })
    }
}

/// Writes texts as they are.
#[derive(Debug)]
struct OneLine;

impl Quoting for OneLine {
    fn quote(&self, plain: &str) -> Result<String, String> {
        if plain.contains('\n') || plain.ends_with('\r') {
            return Err("has a line break, which a line of a text file cannot hold".to_owned());
        }
        if plain.trim().is_empty() {
            return Err("is blank, and blank lines of a text file are no lines".to_owned());
        }
        Ok(plain.to_owned())
    }
}
