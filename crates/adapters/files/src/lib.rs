//! Reads and writes the files of a project: CSV, JSONL, JSON, text, Ren'Py, PO and XLIFF.
//!
//! [`FsProjectFiles`] serves the files that the definition names, [`FsReader`] reads sources, [`FsWriter`] writes
//! exports. All of them work below one folder and refuse whatever leads out of it. Reading streams: memory does not
//! grow with the size of a CSV, JSONL or text file. The formats and the codes of problems are described in [`mod@format`]
//! and [`problems`].

mod encode;
mod encoding;
pub mod format;
mod fresh;
mod ids;
mod json_text;
mod keep;
mod layout;
mod lines;
mod look;
mod params;
mod patch;
mod pattern;
pub mod problems;
mod project;
mod reader;
mod root;
mod rows;
mod source;
mod stamp;
mod target;
mod workspace;
mod writer;

pub use crate::look::{Column, Look, look};
pub use crate::project::FsProjectFiles;
pub use crate::reader::FsReader;
pub use crate::root::{normal, place};
pub use crate::workspace::FsWorkspace;
pub use crate::writer::FsWriter;
