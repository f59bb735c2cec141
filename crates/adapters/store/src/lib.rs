//! The embedded store: append-only logs of checksummed frames in the project's state folder, with an index beside them
//! that can be lost.
//!
//! ```text
//! .refrain/  format  lock  alive  checkpoint
//!            history-1.log   JSON, one frame per commit
//!            ledger-1.log    the store's own binary form; ledger-1.*.idx: where the reply under each key lies
//!            pages-1.log     pages by digest;             pages-1.*.idx:  where each page lies
//!            exchanges-1.log what went over the wire;     exchanges-1.*.idx: where that of each call lies
//! ```
//!
//! A commit is one `write` per log. Nothing is ever read at open in proportion to what is kept: a writer goes on from
//! the `checkpoint`, and look-ups go through the `key_index`. The number in a log's name is its generation; a
//! collection writes the next one. The reasons are in `specs/0002-store.md`.

pub mod file_store;
pub mod storage;

mod calls;
mod checkpoint;
mod collect;
mod error;
mod exchange_log;
mod folder;
mod format;
mod frame;
mod key_index;
mod keyed_log;
mod ledger_log;
mod logs;
mod page_log;
mod record_log;
mod scratch;
mod session;
mod tally;
mod wire;
mod writer_lock;

pub use file_store::{Durability, FileStore};
pub use folder::state_folder;
pub use format::FORMAT;
pub use key_index::SegmentSizes;
pub use scratch::FileScratch;
