//! Servers that are reached over streamable HTTP.

use std::collections::HashMap;
use std::time::Duration;

use refrain_schemas::endpoint::ServerSpec;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use crate::pipe::MESSAGE_LIMIT;
use crate::trouble::Trouble;

/// How long it may take until somebody answers at all.
const CONNECT: Duration = Duration::from_secs(10);
/// How often a request may be sent on.
const REDIRECTS: usize = 5;
/// How many requests to one server may be under way at once; the engine has limits of its own.
const AT_ONCE: usize = 256;

/// Gets the transport to a server ready; nothing is sent yet.
pub(crate) fn transport(
    spec: &ServerSpec,
    headers: &[(String, String)],
) -> Result<StreamableHttpClientTransport<reqwest::Client>, Trouble> {
    let url = spec.url.as_deref().ok_or_else(|| Trouble::permanent("it has no address"))?;
    let mut named = HashMap::new();
    for (name, value) in headers {
        let parsed = name.parse::<HeaderName>().ok().zip(secret(value));
        let (key, value) = parsed
            .ok_or_else(|| Trouble::permanent(format!("`{name}` is no HTTP header, or its value is none")))?;
        named.insert(key, value);
    }
    let config = StreamableHttpClientTransportConfig::with_uri(url)
        .custom_headers(named)
        .max_sse_event_size(MESSAGE_LIMIT)
        .max_concurrent_requests(AT_ONCE);
    Ok(StreamableHttpClientTransport::with_client(client()?, config))
}

/// A header's value that shows up in no debug output.
fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn client() -> Result<reqwest::Client, Trouble> {
    // The second installation in a process fails, and that is fine: there is one.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(8)
        .redirect(Policy::custom(follow))
        .build();
    client.map_err(|error| Trouble::permanent(format!("no HTTP client can be made: {error}")))
}

/// Follows only what keeps method and body and stays with the same server: headers hold secrets.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let keeps = [307, 308].contains(&attempt.status().as_u16());
    let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps && same && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
}
