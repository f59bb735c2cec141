//! Reads and writes the files of a project: CSV, JSONL, JSON and text.
