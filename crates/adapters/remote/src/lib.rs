//! Agents behind HTTP: models and plain services.
