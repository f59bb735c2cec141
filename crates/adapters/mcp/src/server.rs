//! One server of the pipeline: its tools, and the one connection that everybody shares.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use refrain_core::ports::agent::{AgentError, Remarks};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_core::ports::tools::{ToolList, ToolResult};
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::endpoint::ServerSpec;
use rmcp::model::CallToolRequestParams;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, MutexGuard};

use crate::connection::Connection;
use crate::ears::Ears;
use crate::environment::scrub;
use crate::listing::listing;
use crate::memory::{Basis, Memory};
use crate::outcome;
use crate::resources;
use crate::trouble::Trouble;

/// How long a start or a use of a tool may take where the spec does not say.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server. It is started at the first use, and again after it died.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    spec: ServerSpec,
    project: PathBuf,
    secrets: Arc<dyn Secrets>,
    memory: Memory,
    ears: Arc<Ears>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was said of its tools; keys are made from it, so another listing is found out.
    listed: Option<ToolList>,
    /// Whether another listing was found out.
    changed: bool,
    connection: Option<Arc<Connection>>,
    /// Why the connection before had to go, until its successor starts.
    vacated: Option<String>,
}

impl Server {
    pub(crate) fn new(name: &str, spec: &ServerSpec, project: &Path, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            name: name.to_owned(),
            spec: spec.clone(),
            project: project.to_owned(),
            secrets,
            memory: Memory::new(&project.join(".refrain"), name),
            ears: Arc::default(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn listen(&self, remarks: &Arc<dyn Remarks>) {
        self.ears.add(remarks);
    }

    /// Returns the tools: as they were listed before, as they are remembered, or as the server says.
    pub(crate) async fn list(&self) -> Result<ToolList, AgentError> {
        let mut state = self.state.lock().await;
        if state.changed {
            return Err(self.error(changed()));
        }
        if state.listed.is_none() {
            state.listed = self.memory.load(&self.basis().await).await;
        }
        if state.listed.is_none() {
            self.connect(&mut state).await.map_err(|trouble| self.error(trouble))?;
        }
        state.listed.clone().ok_or_else(|| self.error(changed()))
    }

    /// Returns the tools as the server says now, by a connection of their own and without remembering them; nothing where
    /// that takes longer than the limit.
    pub(crate) async fn probe(&self, limit: Duration) -> Result<Option<ToolList>, AgentError> {
        let patience = self.spec.timeout.map_or(PATIENCE, |span| span.0);
        let listed = tokio::time::timeout(limit, async {
            let connection =
                Connection::start(&self.spec, &self.project, &*self.secrets, &self.ears, patience).await?;
            let tools = connection.list().await;
            Ok((connection, tools?))
        });
        let (connection, tools) = match listed.await {
            Err(_) => return Ok(None),
            Ok(listed) => listed.map_err(|trouble| self.error(self.told(trouble)))?,
        };
        connection.end().await;
        let tools = listing(tools, &self.basis().await.identity);
        tools.map(Some).map_err(|trouble| self.error(trouble))
    }

    /// Uses a tool.
    pub(crate) async fn call(
        &self,
        tool: String,
        arguments: Map<String, Value>,
        cancel: &Cancel,
    ) -> Result<ToolResult, AgentError> {
        let connection = self.connected_until(cancel).await?;
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let answer =
            connection.call(params, cancel).await.map_err(|trouble| self.error(self.told(trouble)))?;
        Ok(outcome::result(answer, &connection.scrub))
    }

    /// Lists what there is to be read, or reads one of these.
    pub(crate) async fn resources(
        &self,
        uri: Option<String>,
        cancel: &Cancel,
    ) -> Result<ToolResult, AgentError> {
        let connection = self.connected_until(cancel).await?;
        let told = |trouble| self.error(self.told(trouble));
        Ok(match uri {
            None => resources::listed(connection.resources(cancel).await.map_err(told)?, &connection.scrub),
            Some(uri) => {
                resources::read(connection.read(uri, cancel).await.map_err(told)?, &connection.scrub)
            }
        })
    }

    async fn connected_until(&self, cancel: &Cancel) -> Result<Arc<Connection>, AgentError> {
        let connection = tokio::select! {
            biased;
            () = cancel.fired() => Err(Trouble::cancelled()),
            connection = self.connected() => connection,
        };
        connection.map_err(|trouble| self.error(trouble))
    }

    /// Ends the connection and forgets what was listed.
    pub(crate) async fn close(&self) {
        let state = std::mem::take(&mut *self.state.lock().await);
        if let Some(connection) = state.connection {
            connection.end().await;
        }
    }

    /// Returns the connection, which is there, alive and as it was listed.
    async fn connected(&self) -> Result<Arc<Connection>, Trouble> {
        let mut state = self.state.lock().await;
        if state.changed {
            return Err(changed());
        }
        if let Some(connection) = state.connection.clone() {
            if connection.is_alive() {
                if connection.is_outdated() {
                    self.compare(&mut state, &connection).await?;
                }
                return Ok(connection);
            }
            state.connection = None;
            let status = connection.end().await;
            state.vacated = Some(status.unwrap_or_else(|| "the connection was lost".to_owned()));
        }
        self.connect(&mut state).await
    }

    async fn connect(&self, state: &mut MutexGuard<'_, State>) -> Result<Arc<Connection>, Trouble> {
        let patience = self.spec.timeout.map_or(PATIENCE, |span| span.0);
        let connection =
            Connection::start(&self.spec, &self.project, &*self.secrets, &self.ears, patience).await?;
        if let Err(trouble) = self.compare(state, &connection).await {
            connection.end().await;
            return Err(self.told(trouble));
        }
        if let Some(reason) = state.vacated.take() {
            self.ears.restarted(&reason);
        }
        let connection = Arc::new(connection);
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Compares what the server lists with what was listed before.
    async fn compare(
        &self,
        state: &mut MutexGuard<'_, State>,
        connection: &Connection,
    ) -> Result<(), Trouble> {
        let basis = self.basis().await;
        let live = listing(connection.list().await?, &basis.identity)?;
        let before = match state.listed.take() {
            Some(listed) => Some(listed),
            None => self.memory.load(&basis).await,
        };
        if before.as_ref() != Some(&live) {
            self.memory.save(&basis, &live).await;
        }
        state.changed = before.is_some_and(|before| before != live);
        state.listed = Some(live);
        if state.changed { Err(changed()) } else { Ok(()) }
    }

    /// Returns what the tools depend on, as it is now.
    async fn basis(&self) -> Basis {
        let mut identity = Digester::new("refrain mcp server v1");
        for word in self.spec.command.iter().flatten() {
            identity.part(word.as_bytes());
            if let Some(digest) = file_digest(&self.project, word).await {
                identity.digest(&digest);
            }
        }
        identity.part(self.spec.url.as_deref().unwrap_or_default().as_bytes());
        identity.part(self.spec.version.as_deref().unwrap_or_default().as_bytes());
        let identity = identity.finish();
        let written = ServerSpec { timeout: None, ..self.spec.clone() };
        let written = serde_json::to_vec(&written).unwrap_or_default();
        let spec = Digester::new("refrain mcp spec v1").digest(&identity).part(&written).finish();
        Basis { spec, identity }
    }

    /// Adds what a process said last to why it is lost.
    fn told(&self, trouble: Trouble) -> Trouble {
        match self.ears.last_words() {
            words if words.is_empty() || !trouble.lost => trouble,
            words => Trouble { message: format!("{}; it said: {words}", trouble.message), ..trouble },
        }
    }

    fn error(&self, trouble: Trouble) -> AgentError {
        let mut error = trouble.of_server(&self.name);
        // What a server says of a request may repeat it.
        scrub(&self.spec, &*self.secrets).hide(&mut error.message);
        error
    }
}

fn changed() -> Trouble {
    Trouble::permanent("its tools changed since they were listed; run again")
}

/// Returns the digest of a project file that a word of a command names, if it names one.
async fn file_digest(project: &Path, word: &str) -> Option<Digest> {
    let path = Path::new(word);
    let leaves = path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir);
    if leaves || word.is_empty() {
        return None;
    }
    // A link may lead out of the project, and to what has no end.
    let real = tokio::fs::canonicalize(project.join(path)).await.ok()?;
    let is_inside = tokio::fs::canonicalize(project).await.is_ok_and(|project| real.starts_with(project));
    if !is_inside || !tokio::fs::metadata(&real).await.is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let bytes = tokio::fs::read(real).await.ok()?;
    Some(Digest::of_content(&bytes))
}
