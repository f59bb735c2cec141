//! Plain services over HTTP.
//!
//! Without a body of its own, an agent sends each call as the JSON that a command gets on a line, and reads the JSON that a
//! command answers. With one, it sends a request per unit: the body is a pattern of templates, and an expression picks the
//! output out of the response.

pub mod factory;
pub mod probe;

mod agent;
mod response;
mod spec;
