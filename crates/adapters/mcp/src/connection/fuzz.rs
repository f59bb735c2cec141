//! Servers that send anything: there is an answer or a failure, and soon.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use refrain_schemas::digest::Digest;
use refrain_testkit::fuzz;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

use super::*;
use crate::{listing, outcome};

/// How long the client waits for an answer; time passes where nothing else is to be done.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that a whole conversation takes: to begin, to list, to call, each with a look whether the server lives, to end.
const LONGEST: Duration = Duration::from_secs(40);

/// What one server does.
#[derive(Debug, Clone)]
struct Manners {
    /// What stands in the place of its answers, or nothing where they are right; by the number of the request.
    answers: Vec<Option<Wrong>>,
    /// What it sends before each of its answers.
    noise: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Wrong {
    /// Other bytes at some places.
    Bytes(Vec<u8>),
    /// Another result.
    Result(Value),
    /// A whole message of its own.
    Message(Value),
    /// Nothing, ever.
    Silence,
    /// The end.
    End,
}

const WORDS: &[&str] = &[
    "jsonrpc",
    "2.0",
    "id",
    "result",
    "error",
    "code",
    "message",
    "data",
    "method",
    "params",
    "tools",
    "name",
    "description",
    "inputSchema",
    "type",
    "object",
    "properties",
    "content",
    "text",
    "structuredContent",
    "isError",
    "nextCursor",
    "protocolVersion",
    "capabilities",
    "serverInfo",
    "version",
    "notifications/tools/list_changed",
    "notifications/message",
    "notifications/cancelled",
    "ping",
    "roots/list",
    "sampling/createMessage",
    "elicitation/create",
    "level",
    "image",
    "resource",
    "uri",
    "blob",
    "mimeType",
    "progressToken",
    "_meta",
    "requestId",
    "1",
];

fn wrong() -> impl Strategy<Value = Wrong> {
    let message = fuzz::json(WORDS).prop_map(|mut message| {
        if let Value::Object(fields) = &mut message {
            fields.insert("jsonrpc".to_owned(), json!("2.0"));
        }
        message
    });
    prop_oneof![
        3 => fuzz::changed(vec![b' '; 64]).prop_map(Wrong::Bytes),
        3 => fuzz::json(WORDS).prop_map(Wrong::Result),
        3 => message.prop_map(Wrong::Message),
        1 => Just(Wrong::Silence),
        1 => Just(Wrong::End),
    ]
}

fn manners() -> impl Strategy<Value = Manners> {
    let answers = prop::collection::vec(prop::option::of(wrong()), 1..6);
    (answers, prop_oneof![2 => Just(Vec::new()), 1 => fuzz::bytes()])
        .prop_map(|(answers, noise)| Manners { answers, noise })
}

/// What a good server says to a request.
fn right(method: &str) -> Value {
    match method {
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}})
        }
        "tools/list" => {
            json!({"tools": [{"name": "echo", "description": "says it", "inputSchema": {"type": "object"}}]})
        }
        "tools/call" => {
            json!({"content": [{"type": "text", "text": "said"}], "structuredContent": {"a": [1, 2.5]}})
        }
        _ => json!({}),
    }
}

/// Puts some bytes in the place of those of an answer, a few here and a few there.
fn marred(line: &[u8], with: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    for (n, byte) in with.iter().enumerate().filter(|(_, byte)| **byte != b' ') {
        let at = (n * 7919 + usize::from(*byte)) % (line.len() + 1);
        line.splice(at..(at + n % 3).min(line.len()), [*byte]);
    }
    line
}

async fn serve(stream: DuplexStream, manners: Manners) {
    let (input, mut output) = tokio::io::split(stream);
    let mut lines = BufReader::new(input).lines();
    let mut n = 0;
    while let Ok(Some(line)) = lines.next_line().await {
        let request: Value = serde_json::from_str(&line).expect("the client says JSON");
        let (Some(id), Some(method)) = (request.get("id"), request["method"].as_str()) else { continue };
        let mut answer =
            json!({"jsonrpc": "2.0", "id": id, "result": right(method)}).to_string().into_bytes();
        let wrong = manners.answers.get(n).cloned().flatten();
        n += 1;
        match wrong {
            None => {}
            Some(Wrong::Bytes(bytes)) => answer = marred(&answer, &bytes),
            Some(Wrong::Result(result)) => {
                answer = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string().into_bytes();
            }
            Some(Wrong::Message(message)) => answer = message.to_string().into_bytes(),
            Some(Wrong::Silence) => continue,
            Some(Wrong::End) => return,
        }
        answer.push(b'\n');
        for bytes in [manners.noise.as_slice(), b"\n", &answer] {
            if output.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}

/// Begins, lists and calls; whatever comes of it.
async fn converse(manners: Manners) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(serve(theirs, manners));
    let host = Host { ears: Arc::default(), announced: Arc::default(), scrub: Redactor::default() };
    if let Ok(connection) = Connection::through(host, tokio::io::split(ours), None, PATIENCE).await {
        if let Ok(tools) = connection.list().await {
            let _ = listing::listing(tools, &Digest::of_content(b"server"));
        }
        for _ in 0..2 {
            if let Ok(answer) = connection.call(CallToolRequestParams::new("echo"), &Cancel::new()).await {
                let _ = outcome::result(answer, &connection.scrub);
            }
        }
        // A reader that panicked is told of here.
        let closed = connection.service.lock().await.close_with_timeout(FAREWELL).await;
        assert!(closed.is_ok(), "{closed:?}");
    }
    server.abort();
    // One that panicked says so.
    assert!(server.await.map_or_else(|error| !error.is_panic(), |()| true));
}

#[tokio::test(start_paused = true)]
async fn any_server_is_answered_or_left() {
    let config = fuzz::config(150);
    let cases = config.cases;
    let (mut runner, makes) = (TestRunner::new(config), manners());
    for _ in 0..cases {
        let manners = makes.new_tree(&mut runner).expect("there is one").current();
        let ended = timeout(LONGEST, converse(manners.clone())).await;
        assert!(ended.is_ok(), "it takes for ever: {manners:?}");
    }
}

/// What a good server says is understood, so that the cases above are about more than the beginning.
#[tokio::test(start_paused = true)]
async fn a_good_server_is_understood() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let _server = tokio::spawn(serve(theirs, Manners { answers: Vec::new(), noise: b"{}\nnoise".to_vec() }));
    let host = Host { ears: Arc::default(), announced: Arc::default(), scrub: Redactor::default() };
    let connection =
        Connection::through(host, tokio::io::split(ours), None, PATIENCE).await.expect("it begins");
    assert_eq!(connection.list().await.expect("it lists").len(), 1);
    let answer =
        connection.call(CallToolRequestParams::new("echo"), &Cancel::new()).await.expect("it answers");
    assert_eq!(outcome::result(answer, &connection.scrub).value, json!({"a": [1, 2.5]}));
}
