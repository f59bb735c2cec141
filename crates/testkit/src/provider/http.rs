//! As much of HTTP/1.1 as clients of a provider need.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest head and the longest body that are read.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// Whether the client expects the connection to end with the response.
    pub(super) is_last: bool,
}

impl Request {
    /// Returns a header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A response.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// The body of a response.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// A text as a whole.
    Whole(String),
    /// The first bytes of a longer text; then the connection ends.
    Cut(String, usize),
    /// Events of a stream; where it is cut the connection ends behind them.
    Events(Vec<String>, bool),
    /// Nothing at all: the connection ends.
    None,
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(String::new())
    }
}

/// What was read and not used yet.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

/// Reads the next request; `None` where the client is gone or speaks something else.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), buffer: &mut Buffer) -> Option<Request> {
    let head_end = loop {
        if let Some(at) = buffer.0.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        fill(from, buffer, MAX_HEAD).await?;
    };
    let head = String::from_utf8(buffer.0.drain(..head_end + 4).collect()).ok()?;
    let mut request = parse_head(&head)?;
    let length: usize = request.header("content-length").map_or(Some(0), |value| value.parse().ok())?;
    while buffer.0.len() < length {
        fill(from, buffer, MAX_BODY).await?;
    }
    request.body = String::from_utf8(buffer.0.drain(..length).collect()).ok()?;
    Some(request)
}

async fn fill(from: &mut (impl AsyncRead + Unpin), buffer: &mut Buffer, most: usize) -> Option<()> {
    if buffer.0.len() > most {
        return None;
    }
    let n = from.read_buf(&mut buffer.0).await.ok()?;
    (n > 0).then_some(())
}

fn parse_head(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let is_last = words.next()? == "HTTP/1.0";
    Some(Request { method, path, headers: lines.filter_map(header).collect(), body: String::new(), is_last })
}

/// Writes a response; returns whether the connection can go on.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), response: &Response) -> std::io::Result<bool> {
    match &response.body {
        Body::None => return Ok(false),
        Body::Whole(text) => {
            let head = head(response, "application/json", &format!("content-length: {}", text.len()));
            to.write_all(format!("{head}{text}").as_bytes()).await?;
        }
        Body::Cut(text, n) => {
            let head = head(response, "application/json", &format!("content-length: {}", text.len()));
            to.write_all(head.as_bytes()).await?;
            to.write_all(text.as_bytes().get(..*n).unwrap_or_default()).await?;
            to.flush().await?;
            return Ok(false);
        }
        Body::Events(events, is_cut) => {
            to.write_all(head(response, "text/event-stream", "transfer-encoding: chunked").as_bytes())
                .await?;
            for event in events {
                to.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
            }
            if *is_cut {
                to.flush().await?;
                return Ok(false);
            }
            to.write_all(b"0\r\n\r\n").await?;
        }
    }
    to.flush().await?;
    Ok(true)
}

fn head(response: &Response, content: &str, length: &str) -> String {
    let status = response.status;
    let more: String = response.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} {}\r\ncontent-type: {content}\r\n{length}\r\n{more}\r\n", reason(status))
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Other",
    }
}
