//! Rows of plain text.

use refrain_core::ports::files::FileError;
use refrain_schemas::json::Json;

use crate::lines::{Lines, without_break};
use crate::problems::Problems;
use crate::rows::{Row, RowSpec, hash};

/// The lines of a text file as rows.
#[derive(Debug)]
pub(crate) struct TextRows {
    key: Option<String>,
    /// What stands before the number of a line in its id.
    prefix: String,
    file: Json,
    text: String,
}

impl TextRows {
    pub(crate) fn new(spec: &RowSpec, path: &str) -> Self {
        let prefix = if spec.file_in_id { format!("{path}:line_") } else { "line_".to_owned() };
        Self { key: spec.key.clone(), prefix, file: Json::string(path), text: String::new() }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        self.text.clear();
        if !lines.next(&mut self.text, problems)? {
            return Ok(None);
        }
        let id = format!("{}{}", self.prefix, lines.number());
        Ok(Some(Row { record: self.record(&id), key: hash(&id), line: lines.number() }))
    }

    fn record(&self, id: &str) -> Json {
        let (id, text) = (Json::string(id), Json::string(without_break(&self.text)));
        let mut fields = vec![("file", self.file.as_str()), ("text", text.as_str())];
        if let Some(key) = &self.key {
            fields.push((key, id.as_str()));
        }
        fields.sort_unstable_by_key(|(name, _)| *name);
        Json::object(fields)
    }
}
