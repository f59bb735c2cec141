//! Rows of files that are understood as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::Json;
use refrain_schemas::problem::Problem;
use serde_json::Value;

use crate::ids::{Seed, seed};
use crate::layout::{Layout, Slot};
use crate::lines::Lines;
use crate::params::IdsFrom;
use crate::problems::{Problems, place, problem};
use crate::rows::{Row, RowSpec, hash};

/// The slots of a file as rows.
#[derive(Debug)]
pub(crate) struct WholeRows {
    layout: Arc<dyn Layout>,
    key: Option<String>,
    ids: Option<IdsFrom>,
    scene: Option<String>,
    /// None before the file was read.
    slots: Option<std::vec::IntoIter<Slot>>,
}

impl WholeRows {
    pub(crate) fn new(spec: &RowSpec, layout: Arc<dyn Layout>) -> Self {
        Self { layout, key: spec.key.clone(), ids: spec.ids, scene: spec.names.scene.clone(), slots: None }
    }

    pub(crate) fn next(
        &mut self,
        lines: &mut Lines,
        problems: &mut Problems,
    ) -> Result<Option<Row>, FileError> {
        if self.slots.is_none() {
            let mut text = String::new();
            let whole = lines.whole(&mut text, problems)?;
            let slots = if whole { self.layout.slots(lines.path(), &text, problems) } else { Vec::new() };
            self.slots = Some(slots.into_iter());
        }
        while let Some(slot) = self.slots.as_mut().and_then(Iterator::next) {
            match self.row(lines.path(), slot) {
                Ok(row) => return Ok(Some(row)),
                Err(problem) => problems.add(problem),
            }
        }
        Ok(None)
    }

    fn row(&self, file: &str, slot: Slot) -> Result<Row, Box<Problem>> {
        let here = || Some(place(file, slot.line, 1));
        let id = slot.id.filter(|id| self.ids != Some(IdsFrom::Content) && !id.is_empty());
        if id.is_none() && self.ids == Some(IdsFrom::File) && self.key.is_some() {
            let mut problem = problem("E0703", "the line has no id of its own in the file", here());
            problem.hint = Some("leave `ids: file` out, so that it gets an id from its content".to_owned());
            return Err(problem);
        }
        let mut fields: BTreeMap<String, Value> = slot.fields.into_iter().collect();
        fields.insert("file".to_owned(), Value::from(file));
        set_scene(&mut fields, self.scene.as_deref());
        if let (Some(key), Some(id)) = (&self.key, &id) {
            fields.insert(key.clone(), Value::from(id.as_str()));
        }
        let seed = seed_of(&fields);
        let record = Json::of(&Value::Object(fields.into_iter().collect()))
            .map_err(|e| problem("E0706", e.to_string(), here()))?;
        Ok(Row { record, key: id.map(|id| hash(&id)), seed, line: slot.line, places: slot.places })
    }
}

/// Returns the seed of a record by its speaker and text.
pub(super) fn seed_of(fields: &BTreeMap<String, Value>) -> Seed {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    seed(text("speaker"), text("text"))
}

/// Sets the scene of a record as `scene:` says.
pub(super) fn set_scene(fields: &mut BTreeMap<String, Value>, scene: Option<&str>) {
    let value = match scene {
        None => return,
        Some("none") => None,
        Some(field) => fields.get(field).cloned(),
    };
    match value {
        Some(value) => fields.insert("scene_id".to_owned(), value),
        None => fields.remove("scene_id"),
    };
}
