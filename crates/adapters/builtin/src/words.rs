//! How words and terms are found in texts.

mod fold;
mod phrase;
mod script;

pub(crate) use fold::fold;
pub(crate) use phrase::{Hit, Phrase, Searched};
pub(crate) use script::{is_unspaced, is_wide, runs_on};
