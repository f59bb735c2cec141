//! Agents that cost money, against providers and servers on the loopback interface.
//!
//! Each test holds what Refrain says against what the other side wrote down itself.

mod books;
mod budget;
pub(crate) mod crash;
mod doctor;
mod faults;
mod glossary;
mod replay;
mod setup;
mod template;
mod tools;
