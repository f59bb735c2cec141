//! Agents that live in the test.

mod echo;
mod scripted;

pub use echo::EchoAgent;
pub use scripted::{Script, ScriptedAgent};
