//! Tools of MCP servers, as agents and for models.
