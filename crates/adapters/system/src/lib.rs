//! The machine's clock, its environment, and random ids.

mod clock;
mod dotenv;
mod environment;
mod guard;
mod ids;

pub use clock::SystemClock;
pub use dotenv::DotenvProblem;
pub use environment::{DOTENV, Environment};
pub use guard::{GuardedAgents, GuardedTools};
pub use ids::RandomIds;
