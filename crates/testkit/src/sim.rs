//! The simulator: the real engine on virtual time, with made-up answers, bad weather and sudden deaths, all of it a function
//! of one number.
//!
//! A [`Subject`] is a project as it is meant and the files it reads; [`simulate`] takes it through one [`Seed`]: first
//! undisturbed, then under a [`Profile`] of faults with crashes, resumed until it is done. What comes of it is compared with
//! what must come of it; every difference is a [`Finding`]. [`simulate_all`] does so for many seeds on all cores, and a
//! [`Summary`] folds what came of them.
//!
//! It writes nothing, connects to nothing, and costs nothing. The same seed gives the same story, event for event.

mod answer;
mod book;
mod clock;
mod files;
mod finding;
mod first;
#[cfg(feature = "suite")]
mod invented;
mod player;
mod profile;
mod seed;
mod shape;
mod store;
mod story;
mod subject;
mod summary;
mod tools;
mod weather;

pub use finding::{Finding, FindingKind};
pub use first::FirstRecords;
#[cfg(feature = "suite")]
pub use invented::{Draft, Invented, invented, profile_of};
pub use profile::{Profile, UnknownProfile};
pub use seed::{BadSeed, Seed};
pub use story::{Baseline, Passage, PassageEnd, SeedResult, Tale, recount, replay, simulate, simulate_all};
pub use subject::{Chapter, Subject, SubjectError};
pub use summary::{Spread, Summary};
