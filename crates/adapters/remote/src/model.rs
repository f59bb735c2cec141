//! Models as agents.
//!
//! A call goes: conversation → [`wire::Chat`] → a wire's body → one HTTP request → body (of a stream: put together) →
//! [`wire::Heard`] → [`answer`] (mended, validated, split by unit) → reply. What goes wrong is told apart in one place,
//! [`classify`].

pub mod agent;
pub mod answer;
pub mod breaker;
pub mod classify;
pub mod endpoint;
pub mod factory;
pub mod mend;
pub mod price;
pub mod probe;
pub mod registry;
mod repair;
pub mod schema;
pub mod signal;
pub mod stream;
pub mod talk;
mod tools;
pub mod wire;
