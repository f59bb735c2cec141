//! `error.message` and the like, in what is done about the failure of one step: each is written as what it stands for.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;

use super::code::{binds, key_behind};
use super::loop_words::Written;
use super::names::Meaning;
use super::reading::Item;
use super::texts::{Texts, alias};

/// The words there are.
const WORDS: [&str; 4] = ["message", "type", "code", "step"];

impl Texts<'_, '_, '_> {
    /// Returns what is written for `error` with the key behind it, and where that ends in the text.
    pub(super) fn error_word(
        &mut self,
        item: &Item<'_>,
        name: &str,
        text: &str,
        at: usize,
    ) -> Option<Written> {
        let is_it = name == "error" && self.names.find(name) == Meaning::Nothing;
        let failed = self.failed.clone().filter(|_| is_it && !binds(text, name, at))?;
        let step = alias(&failed);
        let Some((key, end)) = key_behind(text, at) else { return Some(Some((format!("{step}.error"), at))) };
        let written = match key {
            "message" | "error_message" => format!("{step}.error"),
            // What a tool reports has no type of its own.
            "type" | "error_type" => format!("({step}.error_type | default('reported'))"),
            "code" | "error_code" => format!("({step}.return_code | default(none))"),
            "step" | "step_id" | "task_id" | "failed_task_id" | "failed_task_name" => format!("'{failed}'"),
            _ => {
                let hint = suggestion(key, WORDS);
                self.reading.at(Code::StepName, item, format!("`error` has no field `{key}`"), hint);
                return Some(None);
            }
        };
        Some(Some((written, end)))
    }
}
