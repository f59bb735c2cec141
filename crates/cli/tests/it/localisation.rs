//! `refrain init --template localisation`: a script goes through seven phases into several languages.

mod changes;
mod model;
mod people;
mod progress;
mod scale;
mod setup;
mod start;
