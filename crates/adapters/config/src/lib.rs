//! Reads pipeline files with positions for every diagnostic.
