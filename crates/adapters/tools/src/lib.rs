//! The tools of the steps language: files, data, processes, checks, reports, memory, the web.
//!
//! [`Toolbox`] declares them, with the JSON Schema of what each action takes and makes; [`ToolAgents`] makes agents that
//! carry them out. They reach the world through the ports that [`ToolPorts`] names, and through nothing else.
//!
//! A tool that did its work and failed says so, and says what it found: its document has `success: false`, and the failure
//! is of the kind `reported`. None answers success with nothing to show for it.

mod agents;
mod declare;
mod envelope;
mod offers;
mod params;
mod registry;
mod strangers;
mod table;
mod tool;
mod tools;
mod yaml;

pub use agents::ToolAgents;
pub use offers::OfferedTools;
pub use registry::{Registry, Toolbox};
pub use tool::ToolPorts;
pub use tools::fits_question;
