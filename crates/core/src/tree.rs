//! Ordered entries as a tree of content-addressed pages.
//!
//! Artifacts and unit tables are sequences of entries. A sequence is cut into leaf pages where the *content* says so
//! (see [`build`]), pages are named by the digest of their bytes, and inner pages list pages. So the tree is a pure
//! function of the sequence: whoever builds it, in whatever steps, gets the same pages, and two sequences that have a
//! stretch in common share its pages. An edit of one entry writes one leaf and the inner pages above it; comparing two
//! trees costs their difference.
//!
//! ```text
//!   inner   [ leaf a | leaf b | leaf c ]           [ leaf a | leaf b' | leaf c ]
//!              /         |         \      edit 1      /         |          \
//!   leaf    e1 e2 e3   e4 e5   e6 e7 e8    ->      (a)       e4 e5'        (c)
//! ```

pub mod build;
pub mod diff;
pub mod page;
pub mod search;
pub mod sequence;
pub mod walk;
