//! A server that answers from a script and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One answer of a script.
#[derive(Debug, Clone)]
pub(crate) struct Canned {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The pieces of the body, sent one by one.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// Whether the connection breaks before the end that was promised.
    pub(crate) cut: bool,
    /// Whether no answer ever comes.
    pub(crate) hang: bool,
}

impl Canned {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string()).with("content-type", "application/json")
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        let pieces = vec![body.as_bytes().to_vec()];
        Self { status, headers: Vec::new(), pieces, cut: false, hang: false }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cut(self) -> Self {
        Self { cut: true, ..self }
    }

    pub(crate) fn hang() -> Self {
        Self { hang: true, ..Self::text(200, "") }
    }
}

/// What the server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and path with query.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.as_str())
    }
}

/// A server on loopback; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Canned>,
    /// What is answered behind the end of the script.
    always: Option<Canned>,
    asked: Vec<Asked>,
}

impl Server {
    pub(crate) async fn start(script: impl IntoIterator<Item = Canned>) -> Self {
        let state = State { script: script.into_iter().collect(), ..State::default() };
        Self::run(state).await
    }

    pub(crate) async fn always(canned: Canned) -> Self {
        Self::run(State { always: Some(canned), ..State::default() }).await
    }

    async fn run(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(state));
        let server = Self { url, state };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        server
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(asked) = read(&mut stream, &mut buffer).await {
            let canned = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.asked.push(asked);
                state.script.pop_front().or_else(|| state.always.clone())
            };
            let Some(canned) = canned else { return };
            if canned.hang {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            if answer(&mut stream, &canned).await.is_none() {
                return;
            }
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let mut lines = text.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < head + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&buffer[head + 4..head + 4 + length]).unwrap_or(Value::Null);
    buffer.drain(..head + 4 + length);
    Some(Asked { line, headers, body })
}

async fn answer(stream: &mut TcpStream, canned: &Canned) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} OK\r\ntransfer-encoding: chunked\r\n", canned.status);
    for (name, value) in &canned.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    for piece in canned.pieces.iter().filter(|piece| !piece.is_empty()) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.ok()?;
        stream.write_all(piece).await.ok()?;
        stream.write_all(b"\r\n").await.ok()?;
        stream.flush().await.ok()?;
    }
    if canned.cut {
        return None;
    }
    stream.write_all(b"0\r\n\r\n").await.ok()
}
