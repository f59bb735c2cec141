//! What people see: reports as aligned text that stays readable at 80 columns. Colour only stresses what the words say.

pub(crate) mod outlay;
pub(crate) mod page;
pub(crate) mod table;

pub(crate) mod call;
pub(crate) mod compare;
pub(crate) mod conflicts;
pub(crate) mod diff;
pub(crate) mod edits;
pub(crate) mod explain;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod html;
pub(crate) mod import;
pub(crate) mod ledger;
pub(crate) mod nearest;
mod next;
pub(crate) mod noun;
pub(crate) mod numbers;
pub(crate) mod plan;
pub(crate) mod quality;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod why;
pub(crate) mod words;
