//! Which tools there are.

use std::sync::{Arc, LazyLock};

use refrain_core::ports::tool_catalogue::{
    ActionView, BareAction, Complaint, ToolCatalogue, ToolKind, ToolView, Written,
};
use refrain_core::ports::workspace::Workspace;

use crate::tool::{Action, Declared, ToolPorts};
use crate::tools::{all, bare};

static DECLARED: LazyLock<Vec<Declared>> = LazyLock::new(|| {
    let mut tools = all();
    tools.sort_by_key(|tool| tool.name);
    tools
});

static VIEWS: LazyLock<Vec<Vec<ActionView<'static>>>> =
    LazyLock::new(|| DECLARED.iter().map(|tool| tool.actions.iter().map(view).collect()).collect());

/// The tools there are, for those who check pipelines; it carries none of them out.
#[derive(Debug, Clone)]
pub struct Registry {
    workspace: Arc<dyn Workspace>,
}

impl Registry {
    /// Returns the tools of a project with these files.
    #[must_use]
    pub fn new(workspace: Arc<dyn Workspace>) -> Self {
        Self { workspace }
    }
}

impl ToolCatalogue for Registry {
    fn find(&self, name: &str) -> Option<ToolView<'_>> {
        let (tool, actions) = position(name).and_then(|at| Some((DECLARED.get(at)?, VIEWS.get(at)?)))?;
        let Declared { name, aliases, kind, description, .. } = tool;
        Some(ToolView { name, aliases, kind: *kind, description, actions })
    }

    fn names(&self) -> Vec<&str> {
        DECLARED.iter().map(|tool| tool.name).collect()
    }

    fn bare(&self, action: &str) -> Option<BareAction> {
        bare::bare(action)
    }

    fn judge(&self, tool: &str, action: &str, written: &Written) -> Vec<Complaint> {
        let tool = declared(tool).and_then(|tool| tool.tool.as_ref());
        tool.map(|tool| tool.judge(action, written, &*self.workspace)).unwrap_or_default()
    }
}

/// The tools there are, and what they work with.
#[derive(Debug, Clone)]
pub struct Toolbox {
    registry: Registry,
    ports: ToolPorts,
}

impl Toolbox {
    /// Returns the tools, which work with these ports.
    #[must_use]
    pub fn new(ports: ToolPorts) -> Self {
        Self { registry: Registry::new(ports.workspace.clone()), ports }
    }

    pub(crate) const fn ports(&self) -> &ToolPorts {
        &self.ports
    }
}

impl ToolCatalogue for Toolbox {
    fn find(&self, name: &str) -> Option<ToolView<'_>> {
        self.registry.find(name)
    }

    fn names(&self) -> Vec<&str> {
        self.registry.names()
    }

    fn bare(&self, action: &str) -> Option<BareAction> {
        self.registry.bare(action)
    }

    fn judge(&self, tool: &str, action: &str, written: &Written) -> Vec<Complaint> {
        self.registry.judge(tool, action, written)
    }
}

fn position(name: &str) -> Option<usize> {
    DECLARED.iter().position(|tool| tool.name == name || tool.aliases.contains(&name))
}

fn view(action: &'static Action) -> ActionView<'static> {
    let Action { name, aliases, description, effect, version, input, of_steps, output, .. } = action;
    ActionView { name, aliases, description, effect: *effect, version: *version, input, of_steps, output }
}

/// Finds a tool.
pub(crate) fn declared(name: &str) -> Option<&'static Declared> {
    position(name).and_then(|at| DECLARED.get(at))
}

/// Returns a tool that is known, and not carried out here.
pub(crate) fn absent(
    name: &'static str,
    aliases: &'static [&'static str],
    instead: &'static str,
) -> Declared {
    Declared { name, aliases, kind: ToolKind::Absent, description: instead, actions: Vec::new(), tool: None }
}
