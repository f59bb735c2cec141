//! The engine as a whole, on a project in memory.

mod basics;
mod calls;
mod delta;
mod pieces;
