//! A connection to a server: one conversation from its beginning to its end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::Secrets;
use refrain_core::redactor::Redactor;
use refrain_schemas::endpoint::ServerSpec;
use rmcp::ServiceExt as _;
use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, CancelledNotificationParam, ClientCapabilities,
    ClientConfig, ClientRequest, ErrorCode, ErrorData, Implementation, ListResourcesRequest,
    ListToolsRequest, PaginatedRequestParams, PingRequest, ProtocolVersion, ReadResourceRequest,
    ReadResourceRequestParams, ReadResourceResult, RequestId, Resource, ServerResult, Tool,
};
use rmcp::service::{
    NotificationContext, Peer, PeerRequestOptions, RoleClient, RunningService, ServiceError,
};
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::ears::Ears;
use crate::pipe::{MESSAGE_LIMIT, Pipe};
use crate::process::Process;
use crate::trouble::{Trouble, is_about_the_call, of_service, of_start};
use crate::{environment, http};

#[cfg(test)]
mod fuzz;

/// How long a conversation may take to end.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a server that let a request time out may take to show that it lives.
const PULSE: Duration = Duration::from_secs(2);
/// The most pages, and the most entries, of a listing.
const PAGES: usize = 100;
const LISTED: usize = 2000;

/// What a tool answered, or what the protocol says is wrong with the call.
pub(crate) type Answer = Result<CallToolResult, ErrorData>;

/// A connection. Dropped, its process is killed.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Peer<RoleClient>,
    service: Mutex<RunningService<RoleClient, Host>>,
    process: Option<Process>,
    burst: Arc<AtomicBool>,
    lost: AtomicBool,
    /// How often the server said that its tools changed, and how often that was looked into.
    announced: Arc<AtomicU64>,
    seen: AtomicU64,
    patience: Duration,
    pub(crate) scrub: Redactor,
}

/// Our side of the conversation.
#[derive(Debug)]
struct Host {
    ears: Arc<Ears>,
    announced: Arc<AtomicU64>,
    scrub: Redactor,
}

impl ClientHandler for Host {
    fn get_info(&self) -> ClientConfig {
        let me = Implementation::new("refrain", env!("CARGO_PKG_VERSION"));
        // Later versions begin in another way, and few servers know them.
        ClientConfig::new(ClientCapabilities::default(), me)
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.announced.fetch_add(1, Ordering::Relaxed);
    }

    #[expect(deprecated, reason = "it goes away in versions of the protocol that are not spoken here")]
    async fn on_logging_message(
        &self,
        message: rmcp::model::LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let text = message.data.as_str().map_or_else(|| message.data.to_string(), str::to_owned);
        let text: String = crate::ears::plain(&text).chars().take(1000).collect();
        self.ears.say(&self.scrub.text(&text));
    }
}

impl Connection {
    /// Starts a server, or turns to it, and begins a conversation.
    pub(crate) async fn start(
        spec: &ServerSpec,
        project: &Path,
        secrets: &dyn Secrets,
        ears: &Arc<Ears>,
        patience: Duration,
    ) -> Result<Self, Trouble> {
        let scrub = environment::scrub(spec, secrets);
        let host = Host { ears: ears.clone(), announced: Arc::default(), scrub: scrub.clone() };
        if spec.command.is_some() {
            let variables = environment::environment(spec, secrets)?;
            let (process, pipes) = Process::start(spec, project, &variables, (ears.clone(), scrub))?;
            return told(Self::through(host, pipes, Some(process), patience).await, ears);
        }
        let announced = host.announced.clone();
        let transport = http::transport(spec, &environment::headers(spec, secrets)?)?;
        let service = begin(host.serve(transport), None, patience).await?;
        Ok(Self::of(service, None, Arc::default(), (announced, scrub), patience))
    }

    /// Begins a conversation over what a server writes and reads.
    async fn through(
        host: Host,
        (output, input): (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static),
        process: Option<Process>,
        patience: Duration,
    ) -> Result<Self, Trouble> {
        let burst = Arc::new(AtomicBool::new(false));
        let heard = (host.announced.clone(), host.scrub.clone());
        let pipe = Pipe::new(output, MESSAGE_LIMIT, burst.clone());
        // The pipe's limit comes first: a line that is merely left out would be waited for in vain.
        let transport = AsyncRwTransport::new_client(pipe, input).with_max_line_length(2 * MESSAGE_LIMIT);
        let service = begin(host.serve(transport), process.as_ref(), patience).await?;
        Ok(Self::of(service, process, burst, heard, patience))
    }

    fn of(
        service: RunningService<RoleClient, Host>,
        process: Option<Process>,
        burst: Arc<AtomicBool>,
        (announced, scrub): (Arc<AtomicU64>, Redactor),
        patience: Duration,
    ) -> Self {
        let peer = service.peer().clone();
        let service = Mutex::new(service);
        let (lost, seen) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { peer, service, process, burst, lost, announced, seen, patience, scrub }
    }

    /// Whether the conversation can go on.
    pub(crate) fn is_alive(&self) -> bool {
        let process = self.process.as_ref().is_none_or(|process| !process.has_ended());
        process && !self.lost.load(Ordering::Relaxed) && !self.peer.is_transport_closed()
    }

    /// Whether the server said that its tools changed since they were listed.
    pub(crate) fn is_outdated(&self) -> bool {
        self.announced.load(Ordering::Relaxed) != self.seen.load(Ordering::Relaxed)
    }

    /// Lists the tools, page by page.
    pub(crate) async fn list(&self) -> Result<Vec<Tool>, Trouble> {
        let seen = self.announced.load(Ordering::Relaxed);
        let request = |params| {
            let params = Some(params);
            ClientRequest::ListToolsRequest(ListToolsRequest { params, ..ListToolsRequest::default() })
        };
        let page = |answer| match answer {
            ServerResult::ListToolsResult(page) => Some((page.tools, page.next_cursor)),
            _ => None,
        };
        let tools = self.pages("tools", request, page, &Cancel::new()).await?;
        self.seen.store(seen, Ordering::Relaxed);
        Ok(tools)
    }

    /// Lists what there is to be read, page by page.
    pub(crate) async fn resources(&self, cancel: &Cancel) -> Result<Vec<Resource>, Trouble> {
        let request = |params| {
            let params = Some(params);
            ClientRequest::ListResourcesRequest(ListResourcesRequest {
                params,
                ..ListResourcesRequest::default()
            })
        };
        let page = |answer| match answer {
            ServerResult::ListResourcesResult(page) => Some((page.resources, page.next_cursor)),
            _ => None,
        };
        self.pages("resources", request, page, cancel).await
    }

    async fn pages<T>(
        &self,
        what: &str,
        request: impl Fn(PaginatedRequestParams) -> ClientRequest,
        page: impl Fn(ServerResult) -> Option<(Vec<T>, Option<String>)>,
        cancel: &Cancel,
    ) -> Result<Vec<T>, Trouble> {
        let mut listed = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let params = PaginatedRequestParams::default().with_cursor(cursor.take());
            match self.ask(request(params), cancel).await?.map(&page) {
                Ok(Some((more, next))) => {
                    listed.extend(more);
                    cursor = next;
                }
                // A server that has none need not know the question.
                Err(error) if is_about_the_call(&error) && listed.is_empty() => break,
                Err(error) => return Err(of_service(&ServiceError::McpError(error))),
                Ok(None) => return Err(of_service(&ServiceError::UnexpectedResponse)),
            }
            if listed.len() > LISTED {
                return Err(Trouble::permanent(format!("it lists more than {LISTED} {what}")));
            }
            if cursor.is_none() {
                break;
            }
        }
        if cursor.is_some() {
            return Err(Trouble::permanent(format!("its list of {what} does not end after {PAGES} pages")));
        }
        Ok(listed)
    }

    /// Reads what a server has to be read.
    pub(crate) async fn read(
        &self,
        uri: String,
        cancel: &Cancel,
    ) -> Result<Result<ReadResourceResult, ErrorData>, Trouble> {
        let request = ReadResourceRequest::new(ReadResourceRequestParams::new(uri));
        match self.ask(ClientRequest::ReadResourceRequest(request), cancel).await? {
            Ok(ServerResult::ReadResourceResult(result)) => Ok(Ok(result)),
            Ok(_) => Err(of_service(&ServiceError::UnexpectedResponse)),
            Err(error) if is_about_the_call(&error) || error.code == ErrorCode::RESOURCE_NOT_FOUND => {
                Ok(Err(error))
            }
            Err(error) => Err(of_service(&ServiceError::McpError(error))),
        }
    }

    /// Uses a tool.
    pub(crate) async fn call(
        &self,
        params: CallToolRequestParams,
        cancel: &Cancel,
    ) -> Result<Answer, Trouble> {
        let request = CallToolRequest::new(params);
        match self.ask(ClientRequest::CallToolRequest(request), cancel).await? {
            Ok(ServerResult::CallToolResult(result)) => Ok(Ok(result)),
            Ok(ServerResult::InputRequiredResult(_)) => {
                Err(Trouble::permanent("the tool wants to ask a person, and there is none"))
            }
            Ok(_) => Err(of_service(&ServiceError::UnexpectedResponse)),
            Err(error) if is_about_the_call(&error) => Ok(Err(error)),
            Err(error) => Err(of_service(&ServiceError::McpError(error))),
        }
    }

    /// Ends the conversation in good order, and the process.
    pub(crate) async fn end(&self) -> Option<String> {
        self.lost.store(true, Ordering::Relaxed);
        let _too_slow = self.service.lock().await.close_with_timeout(FAREWELL).await;
        let process = self.process.as_ref()?;
        process.end().await
    }

    /// Sends a request and waits for its answer, the end of the server, the end of patience or the signal to stop.
    async fn ask(
        &self,
        request: ClientRequest,
        cancel: &Cancel,
    ) -> Result<Result<ServerResult, ErrorData>, Trouble> {
        let options = PeerRequestOptions::with_timeout(self.patience);
        let sent = self.peer.send_cancellable_request(request, options).await;
        let handle = sent.map_err(|error| self.over(of_service(&error)))?;
        let mut open = Open { peer: &self.peer, id: Some(handle.id.clone()) };
        let outcome = tokio::select! {
            biased;
            () = cancel.fired() => return Err(Trouble::cancelled()),
            outcome = handle.await_response() => outcome,
            () = death(self.process.as_ref()) => Err(ServiceError::TransportClosed),
        };
        open.id = None;
        match outcome {
            Ok(result) => Ok(Ok(result)),
            Err(ServiceError::McpError(error)) => Ok(Err(error)),
            Err(ServiceError::Timeout { timeout }) => Err(self.after_timeout(timeout).await),
            Err(error) => {
                // One that closed its output is about to end, and may say why.
                if self.process.is_some() {
                    let _still_there = timeout(FAREWELL, death(self.process.as_ref())).await;
                }
                Err(self.over(of_service(&error)))
            }
        }
    }

    /// Looks whether a server that let a request time out is there at all.
    async fn after_timeout(&self, waited: Duration) -> Trouble {
        let trouble = of_service(&ServiceError::Timeout { timeout: waited });
        let ping = ClientRequest::PingRequest(PingRequest::default());
        let pulse = timeout(PULSE.min(self.patience), self.peer.send_request(ping)).await;
        // An answer of any kind is a sign of life.
        if matches!(pulse, Ok(Ok(_) | Err(ServiceError::McpError(_)))) {
            return trouble;
        }
        if let Some(process) = &self.process {
            process.kill();
        }
        self.over(trouble.lost())
    }

    fn over(&self, trouble: Trouble) -> Trouble {
        if !trouble.lost {
            return trouble;
        }
        self.lost.store(true, Ordering::Relaxed);
        if self.burst.load(Ordering::Relaxed) {
            let limit = MESSAGE_LIMIT >> 20;
            return Trouble::transient(format!("it sent a message of more than {limit} MiB")).lost();
        }
        trouble
    }
}

/// A request that nobody waits for any more when this is dropped; the server is told.
struct Open<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let peer = self.peer.clone();
        // Whether the server hears of it must not hold up anybody.
        runtime.spawn(async move {
            let params = CancelledNotificationParam::new(Some(id), Some("no longer needed".to_owned()));
            let _unheard = timeout(FAREWELL, peer.notify_cancelled(params)).await;
        });
    }
}

/// Waits until a conversation has begun, the process died or patience ends.
async fn begin<S>(
    beginning: impl Future<Output = Result<S, rmcp::service::ClientInitializeError>>,
    process: Option<&Process>,
    patience: Duration,
) -> Result<S, Trouble> {
    let begun = tokio::select! {
        biased;
        begun = timeout(patience, beginning) => begun,
        () = death(process) => return Err(Trouble::transient("it ended before it had begun")),
    };
    match begun {
        Ok(Ok(begun)) => Ok(begun),
        Ok(Err(error)) => {
            // One that closed its output is about to end, and may say why.
            if process.is_some() {
                let _still_there = timeout(FAREWELL, death(process)).await;
            }
            Err(of_start(&error))
        }
        Err(_) => Err(Trouble::transient(format!("it did not begin within {}s", patience.as_secs_f64()))),
    }
}

async fn death(process: Option<&Process>) {
    match process {
        Some(process) => process.ended().await,
        None => std::future::pending().await,
    }
}

/// Adds what a process said last to why it did not begin.
fn told<S>(begun: Result<S, Trouble>, ears: &Ears) -> Result<S, Trouble> {
    begun.map_err(|trouble| match ears.last_words() {
        words if words.is_empty() => trouble,
        words => Trouble { message: format!("{}; it said: {words}", trouble.message), ..trouble },
    })
}
