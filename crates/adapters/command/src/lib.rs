//! Agents that are command processes.
