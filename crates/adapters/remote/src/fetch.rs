//! What tools ask of the web.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::agent::AgentError;
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::fetch::{Fetch, WebRequest, WebResponse};
use refrain_schemas::failure::FailureKind;
use reqwest::Url;

use crate::client::{Client, Incoming, Outgoing, TransportError, TransportErrorKind, public};

/// The longest body that is read.
const LONGEST: usize = 10 << 20;
/// How often a request is led on.
const HOPS: usize = 5;

/// Sends requests of tools.
#[derive(Debug, Clone, Default)]
pub struct WebFetch {
    client: Client,
    reaches_inside: bool,
}

impl WebFetch {
    /// Returns what sends requests to the web, and nowhere else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets requests reach this machine and the network that it is in.
    #[must_use]
    pub fn reaching_inside(self) -> Self {
        Self { reaches_inside: true, ..self }
    }

    async fn exchange(&self, request: &WebRequest) -> Result<WebResponse, AgentError> {
        let mut outgoing = outgoing(request)?;
        for _ in 0..HOPS {
            self.admit(&outgoing.url).await?;
            let mut incoming = self.client.send(outgoing.clone()).await.map_err(failed)?;
            match led_on(&outgoing, &incoming) {
                Some(next) => outgoing = next,
                None => return response(&mut incoming).await,
            }
        }
        Err(permanent(format!("{} leads on and on", public(&outgoing.url))))
    }

    /// Refuses an address that is not of the web.
    async fn admit(&self, url: &Url) -> Result<(), AgentError> {
        if self.reaches_inside {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(80);
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => tokio::net::lookup_host((host, port))
                .await
                .map_err(|error| {
                    AgentError::new(FailureKind::Transient, format!("{host}: {error}")).settled()
                })?
                .map(|address| address.ip())
                .collect(),
        };
        if found.is_empty() || found.into_iter().any(is_inside) {
            return Err(permanent(format!(
                "{} is not of the web: tools do not reach this machine and its network",
                public(url)
            )));
        }
        Ok(())
    }
}

/// Whether an address is of this machine or of the network that it is in, or nobody's.
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
                || a == 0
                || a == 100 && (64..128).contains(&b)
                || a >= 240
        }
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            address
                .to_ipv4_mapped()
                .or_else(|| address.to_ipv4())
                .is_some_and(|inner| is_inside(IpAddr::V4(inner)))
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
        }
    }
}

fn outgoing(request: &WebRequest) -> Result<Outgoing, AgentError> {
    let url = Url::parse(&request.url)
        .map_err(|error| permanent(format!("`{}` is no address: {error}", request.url)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(permanent(format!("`{}` is no address of the web", public(&url))));
    }
    let (method, headers, body) = (request.method.clone(), request.headers.clone(), request.body.clone());
    Ok(Outgoing { method, url, headers, body })
}

/// Returns where a response leads, where that is at the same place.
fn led_on(asked: &Outgoing, incoming: &Incoming) -> Option<Outgoing> {
    if !matches!(incoming.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = incoming.headers.get("location")?.to_str().ok()?;
    let url = asked.url.join(location).ok().filter(|url| url.origin() == asked.url.origin())?;
    let is_asked_again =
        matches!(incoming.status, 307 | 308) || matches!(asked.method.as_str(), "GET" | "HEAD");
    if is_asked_again {
        return Some(Outgoing { url, ..asked.clone() });
    }
    Some(Outgoing { method: "GET".to_owned(), url, headers: asked.headers.clone(), body: None })
}

async fn response(incoming: &mut Incoming) -> Result<WebResponse, AgentError> {
    let mut body = Vec::new();
    while let Some(chunk) = incoming.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(permanent(format!("the response is longer than {} MiB", LONGEST >> 20)));
        }
    }
    let headers = incoming.headers.iter();
    let headers =
        headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    Ok(WebResponse {
        status: incoming.status,
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn failed(error: TransportError) -> AgentError {
    let kind = match error.kind {
        TransportErrorKind::Unsendable | TransportErrorKind::TooLarge => FailureKind::Permanent,
        _ => FailureKind::Transient,
    };
    AgentError::new(kind, error.message)
}

fn permanent(message: String) -> AgentError {
    AgentError::new(FailureKind::Permanent, message).settled()
}

#[async_trait]
impl Fetch for WebFetch {
    async fn fetch(&self, request: WebRequest, cancel: &Cancel) -> Result<WebResponse, AgentError> {
        let limit: Duration = request.timeout;
        tokio::select! {
            biased;
            () = cancel.fired() => Err(AgentError::new(FailureKind::Cancelled, "the call was cancelled")),
            outcome = tokio::time::timeout(limit, self.exchange(&request)) => outcome.unwrap_or_else(|_| {
                Err(AgentError::new(FailureKind::TimedOut, format!("no answer in {} s", limit.as_secs_f64())))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_outside() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.9.9",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::",
            "255.255.255.255",
            "224.0.0.1",
        ] {
            assert!(is_inside(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "93.184.216.34", "2606:4700::1111"] {
            assert!(!is_inside(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused() {
        let refused = |url: &str| {
            let request = WebRequest {
                method: "GET".to_owned(),
                url: url.to_owned(),
                headers: Vec::new(),
                body: None,
                timeout: Duration::from_secs(5),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(WebFetch::new().fetch(request, &Cancel::new())).unwrap_err().message
        };
        assert!(refused("file:///etc/passwd").contains("no address of the web"));
        assert!(refused("nonsense").contains("no address"));
        for url in [
            "http://127.0.0.1:9/",
            "http://localhost/",
            "http://[::1]:9/",
            "http://2130706433/",
            "http://0x7f.1/",
        ] {
            assert!(refused(url).contains("not of the web"), "{url}: {}", refused(url));
        }
    }
}
