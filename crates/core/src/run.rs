//! Running a plan: one loop over one merged stream of inputs.
//!
//! ```text
//!            inputs                     effects
//!   calls ──────────▶ ┌─────────────┐ ──────────▶ calls, look-ups, timers,
//!   look-ups ───────▶ │  RunState   │             reading, preparing, publishing
//!   timers, Ctrl-C ─▶ │  apply(…)   │ ──────────▶ entries ─▶ commit ─▶ events
//!   files, pages ───▶ └─────────────┘
//! ```
//!
//! Each turn takes the inputs that are there, applies them to the [state] without waiting for anything, commits
//! the entries that came of it in one batch, tells the events, and only then lets the effects go. So an intent is
//! durable before its call leaves and an outcome before anybody hears of it, and one commit holds a clone's last outcome
//! together with its next intent.

mod agenda;
mod calls;
mod ceiling;
mod claims;
mod driver;
mod ends;
mod failed_units;
mod failing;
pub mod finals;
mod forerunner;
mod gate;
mod gates;
pub mod input;
pub mod job;
mod keeping;
mod key_map;
mod ladder;
mod looping;
mod outputs;
mod patience;
mod perform;
pub mod pool;
mod purse;
mod purses;
mod replies;
pub(crate) mod request;
mod retry;
mod returns;
mod revisions;
mod roster;
mod settling;
mod spent;
mod stages;
mod stamps;
pub mod state;
pub mod target_state;
mod targets;
pub mod unit_state;
pub mod unit_window;
mod waiting;

pub(crate) use ceiling::most;
pub(crate) use driver::run;
pub use forerunner::Foresight;
pub(crate) use stages::is_accepted;
