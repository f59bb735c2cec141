//! Built-in agents: template, filter, map, summary, checks.
