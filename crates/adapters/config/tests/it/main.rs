//! Pipeline files, good and bad.

mod fake;
mod files;
mod fuzz;
mod places;
mod table;
