//! Where events go: log file, console, progress bars.
