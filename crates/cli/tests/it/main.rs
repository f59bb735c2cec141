//! The binary as people and programs see it.

mod arguments;
mod help;
mod init;
mod project;
