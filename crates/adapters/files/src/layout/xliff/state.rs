//! States of translations, by XLIFF's words.

use crate::layout::Quoting;
use crate::layout::states::known_state;

/// Returns XLIFF's word for a state.
pub(super) fn written(state: &str) -> Result<&'static str, String> {
    Ok(match known_state(state)? {
        "new" => "new",
        "draft" => "needs-review-translation",
        "reviewed" => "signed-off",
        "final" => "final",
        _ => "translated",
    })
}

/// Returns the state that XLIFF's word means; words of others (`x-…`) are translations.
pub(super) fn read(word: &str) -> &'static str {
    match word {
        "new" | "needs-translation" => "new",
        "signed-off" => "reviewed",
        "final" => "final",
        _ if word.starts_with("needs-") => "draft",
        _ => "translated",
    }
}

/// Writes the attribute `state`, or its value.
#[derive(Debug)]
pub(super) struct StateQuoting {
    pub(super) whole: bool,
}

impl Quoting for StateQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        let word = written(plain)?;
        Ok(if self.whole { format!(" state=\"{word}\"") } else { word.to_owned() })
    }
}

/// Writes the attribute `approved`, or its value.
#[derive(Debug)]
pub(super) struct ApprovedQuoting {
    pub(super) whole: bool,
}

impl Quoting for ApprovedQuoting {
    fn quote(&self, plain: &str) -> Result<String, String> {
        let is_final = known_state(plain)? == "final";
        Ok(match (self.whole, is_final) {
            (true, true) => " approved=\"yes\"",
            (true, false) => "",
            (false, true) => "yes",
            (false, false) => "no",
        }
        .to_owned())
    }
}
