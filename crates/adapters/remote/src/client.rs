//! The one HTTP client.
//!
//! It sends a request once and never again by itself: no redirect is followed and nothing is retried, so that what a
//! provider counts is what the ledger counts.

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// The longest response that is read.
pub const MAX_RESPONSE_BYTES: usize = 32 << 20;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long an idle connection is kept: less than the five seconds after which common servers hang up, because a request
/// on a connection that is just being closed is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Sends requests; clones share their connections. Nothing is set up before the first request.
#[derive(Debug, Clone, Default)]
pub struct Client(Arc<OnceLock<Result<reqwest::Client, String>>>);

/// A request.
#[derive(Clone)]
pub struct Outgoing {
    /// The method, such as `POST`.
    pub method: String,
    /// Where it goes.
    pub url: Url,
    /// What is sent along. Values may be secrets.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and bodies stay out: keys are in there.
        f.debug_struct("Outgoing").field("to", &self.to()).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Returns method and address, without what may be secret in an address.
    #[must_use]
    pub fn to(&self) -> String {
        format!("{} {}", self.method, public(&self.url))
    }
}

/// Returns an address without user, password, query and fragment.
#[must_use]
pub fn public(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// A response whose body is still on its way.
#[derive(Debug)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// What was sent along.
    pub headers: HeaderMap,
    response: reqwest::Response,
    read: usize,
}

/// A request that got no response, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What happened.
    pub kind: TransportErrorKind,
    /// What to tell people. It holds no address and no header.
    pub message: String,
}

/// What happened to a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// No connection came about; nothing was sent.
    Connect,
    /// It took too long.
    Timeout,
    /// The connection broke; the request may have arrived.
    Cut,
    /// The response is longer than anything that is read here.
    TooLarge,
    /// The request cannot be sent at all.
    Unsendable,
}

impl Client {
    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// Fails where no response came.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Incoming, TransportError> {
        let method = reqwest::Method::from_bytes(outgoing.method.as_bytes())
            .map_err(|_| unsendable(format!("`{}` is no HTTP method", outgoing.method)))?;
        let headers = header_map(&outgoing.headers)?;
        let mut request = self.inner()?.request(method, outgoing.url).headers(headers);
        if let Some(body) = outgoing.body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| transport_error(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Incoming { status, headers, response, read: 0 })
    }

    fn inner(&self) -> Result<&reqwest::Client, TransportError> {
        self.0.get_or_init(build).as_ref().map_err(|message| unsendable(message.clone()))
    }
}

fn build() -> Result<reqwest::Client, String> {
    // Whoever was first has installed the same provider.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(concat!("refrain/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    client.build().map_err(|error| format!("HTTP cannot be set up: {}", chain(&error)))
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, TransportError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| unsendable(format!("`{name}` is no name of a header")))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            unsendable(format!("the value of header `{name}` has characters no header may have"))
        })?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

impl Incoming {
    /// Reads the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// Fails where the connection breaks or the body is too long.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let chunk = self.response.chunk().await.map_err(|error| transport_error(&error))?;
        let Some(chunk) = chunk else { return Ok(None) };
        self.read += chunk.len();
        if self.read > MAX_RESPONSE_BYTES {
            let message = format!("the response is longer than {} MiB", MAX_RESPONSE_BYTES >> 20);
            return Err(TransportError { kind: TransportErrorKind::TooLarge, message });
        }
        Ok(Some(chunk.to_vec()))
    }

    /// Reads the rest of the body.
    ///
    /// # Errors
    /// Fails where the connection breaks or the body is too long.
    pub async fn rest(&mut self) -> Result<String, TransportError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

const fn unsendable(message: String) -> TransportError {
    TransportError { kind: TransportErrorKind::Unsendable, message }
}

fn transport_error(error: &reqwest::Error) -> TransportError {
    let (kind, what) = if error.is_builder() {
        (TransportErrorKind::Unsendable, "the request cannot be sent")
    } else if error.is_connect() {
        (TransportErrorKind::Connect, "no connection")
    } else if error.is_timeout() {
        (TransportErrorKind::Timeout, "no answer in time")
    } else {
        (TransportErrorKind::Cut, "the connection broke")
    };
    TransportError { kind, message: format!("{what}: {}", chain(error)) }
}

/// Returns what an error says in its innermost causes. Its own text is left out: it holds the address.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.dedup();
    if causes.is_empty() { "for no stated reason".to_owned() } else { causes.join(": ") }
}
