//! What the examples share: a pseudo-translator that speaks the protocol of command agents.
//!
//! Pseudo-translation is what game studios do before they pay a translator: every text is replaced by one that looks
//! foreign but still reads, so that lost placeholders, hard-wired strings and tight boxes show at once. The `game`
//! example uses it as its translator, because it works offline, costs nothing and always answers the same.
//!
//! Start at [`serve`], the loop over requests; [`pseudo`] has the translation and [`review`] the proofreading.

pub mod pieces;
pub mod pseudo;
pub mod review;
pub mod serve;
pub mod term;
