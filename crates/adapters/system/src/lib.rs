//! The machine's clock and random ids.

mod clock;
mod ids;

pub use clock::SystemClock;
pub use ids::RandomIds;
