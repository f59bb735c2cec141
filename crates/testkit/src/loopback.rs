//! Asks servers of this machine, for tests that need no more of HTTP than that.

use std::io::{Error, Read as _, Write as _};
use std::net::TcpStream;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body, as far as it came.
    pub body: String,
}

/// Sends a request to a server, whose address is given as `http://127.0.0.1:40123`, and returns what it answered.
///
/// # Errors
/// Fails where it cannot be reached, or ends the connection before its headers.
pub fn ask(root: &str, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
    let address = root.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    // HTTP/1.0 spares both sides chunks and connections that stay.
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(|| Error::other("half a response"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::other("no status"))?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
