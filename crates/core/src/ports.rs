//! What the engine asks of the world. Every port is an object-safe trait with plain data in and out; the adapters
//! behind them do not know each other.

pub mod agent;
pub mod cancel;
pub mod clock;
pub mod executor;
pub mod fetch;
pub mod files;
pub mod model_catalogue;
pub mod past;
pub mod rules;
pub mod runner;
pub mod scratch;
pub mod secrets;
pub mod sink;
pub mod store;
pub mod tool_catalogue;
pub mod tools;
pub mod workspace;
