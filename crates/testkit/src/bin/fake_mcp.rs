//! An MCP server for tests, over stdio or streamable HTTP; its flags and tools make it well-behaved or as bad as servers
//! get. It is written against the protocol alone, so that it shares no mistake with the client.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const HELP: &str = "\
An MCP server for tests.

Tools:
  echo {text}       the text | with --json, the text of an object with it
  add {a, b}        {\"sum\": …} as structured content
  fail {message}    an error of the tool's own
  env {name}        a variable of the environment
  wait {file}       answers once the file exists, and says `waiting` on stderr
  large {bytes}     so much text
  die {}            ends the server with status 3
  image {}          a text and a picture
  change {}         from now on there is one tool more; says so
  where {}          the folder it runs in

How it goes wrong:
  --http            serves streamable HTTP on a free port of the loopback, which it prints
  --want HEADER     answers 401 without this header, written `name: value`
  --busy N          answers the first N requests for tools by 429 with Retry-After: 7
  --pages N         lists N tools per page
  --endless         its list does not end
  --tools FILE      has a tool more for each line of the file
  --protocol-error  says by -32602 that there is no such tool
  --resources       has two things to be read, `note://a` and `note://b`
  --garbage         prints lines that are no messages between its answers
  --never-begin     does not answer the first request
  --die-at-start    says why on stderr and ends
  --deaf            answers nothing but the beginning and the list
  --fork            starts a child that holds all pipes, and prints its process id to stderr
  --log FILE        appends each method it is asked for
  --linger          goes on after the end of its input
";

/// One server, whatever it is reached through.
struct Server {
    flags: Vec<String>,
    /// How many tools were added on the way, and how many requests were turned away.
    added: Mutex<(usize, usize)>,
}

impl Server {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    fn value(&self, flag: &str) -> Option<&str> {
        let at = self.flags.iter().position(|given| given == flag)?;
        self.flags.get(at + 1).map(String::as_str)
    }

    /// Answers a message, if it wants an answer; whether more is to be said after it.
    fn answer(&self, message: &Value) -> Option<Value> {
        let method = message["method"].as_str().unwrap_or_default();
        self.log(method);
        let id = message.get("id")?;
        let outcome = match method {
            "initialize" if self.has("--never-begin") => return None,
            "initialize" => Ok(json!({
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {"listChanged": true}},
                "serverInfo": {"name": "fake", "version": "1"},
            })),
            "tools/list" => Ok(self.page(message["params"]["cursor"].as_str())),
            _ if self.has("--deaf") => return None,
            "tools/call" => self.call(&message["params"]),
            "resources/list" if self.has("--resources") => {
                Ok(self.shelf(message["params"]["cursor"].as_str()))
            }
            "resources/read" if self.has("--resources") => read(&message["params"]),
            "ping" => Ok(json!({})),
            _ => Err(json!({"code": -32601, "message": format!("no method {method}")})),
        };
        Some(match outcome {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
        })
    }

    fn log(&self, method: &str) {
        if let Some(file) = self.value("--log") {
            let file = OpenOptions::new().create(true).append(true).open(file);
            let _written = file.and_then(|mut file| file.write_all(format!("{method}\n").as_bytes()));
        }
    }

    fn tools(&self) -> Vec<Value> {
        let of = |name: &str, properties: Value, required: &[&str]| {
            let schema = json!({"type": "object", "properties": properties, "required": required});
            json!({"name": name, "description": format!("the tool {name}"), "inputSchema": schema})
        };
        let text = json!({"type": "string"});
        let mut tools = vec![
            of("echo", json!({"text": text}), &["text"]),
            of("add", json!({"a": {"type": "number"}, "b": {"type": "number"}}), &["a", "b"]),
            of("fail", json!({"message": text}), &["message"]),
            of("env", json!({"name": text}), &["name"]),
            of("wait", json!({"file": text}), &["file"]),
            of("large", json!({"bytes": {"type": "integer"}}), &["bytes"]),
        ];
        tools.extend(["die", "image", "change", "where"].map(|name| of(name, json!({}), &[])));
        let more = self.value("--tools").and_then(|file| std::fs::read_to_string(file).ok());
        tools.extend(more.iter().flat_map(|more| more.lines()).map(|name| of(name, json!({}), &[])));
        let (added, _) = *self.added.lock().unwrap_or_else(PoisonError::into_inner);
        tools.extend((0..added).map(|n| of(&format!("added{n}"), json!({}), &[])));
        tools
    }

    fn page(&self, cursor: Option<&str>) -> Value {
        let tools = self.tools();
        let size = self.value("--pages").and_then(|n| n.parse().ok()).unwrap_or(tools.len());
        let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let next = from + size;
        let page: Vec<&Value> = tools.iter().skip(from).take(size).collect();
        let more = next < tools.len() || self.has("--endless");
        if more { json!({"tools": page, "nextCursor": next.to_string()}) } else { json!({"tools": page}) }
    }

    /// One on each page.
    fn shelf(&self, cursor: Option<&str>) -> Value {
        let note = json!({"uri": "note://a", "name": "a", "description": "a note", "mimeType": "text/plain", "size": 5});
        let picture = json!({"uri": "note://b", "name": "b", "title": "B"});
        match cursor {
            None => json!({"resources": [note], "nextCursor": "1"}),
            Some(_) => json!({"resources": [picture]}),
        }
    }

    fn call(&self, params: &Value) -> Result<Value, Value> {
        let (name, arguments) = (params["name"].as_str().unwrap_or_default(), &params["arguments"]);
        let text = |text: &str| json!({"type": "text", "text": text});
        let argument = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        Ok(match name {
            "echo" if self.has("--json") => {
                json!({"content": [text(&json!({"text": argument("text")}).to_string())]})
            }
            "echo" => json!({"content": [text(&argument("text"))]}),
            "add" => {
                let sum = arguments["a"].as_f64().unwrap_or(0.0) + arguments["b"].as_f64().unwrap_or(0.0);
                json!({"content": [text(&sum.to_string())], "structuredContent": {"sum": sum}})
            }
            "fail" => json!({"content": [text(&argument("message"))], "isError": true}),
            "env" => {
                let value = std::env::var(argument("name")).unwrap_or_else(|_| "(unset)".to_owned());
                json!({"content": [text(&value)]})
            }
            "wait" => {
                wait_for(&argument("file"));
                json!({"content": [text("it is there")]})
            }
            "large" => {
                let bytes = arguments["bytes"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                json!({"content": [text(&"x".repeat(bytes))]})
            }
            "die" => {
                say("dying as asked");
                std::process::exit(3)
            }
            "image" => {
                let image = json!({"type": "image", "data": "AAAA", "mimeType": "image/png"});
                json!({"content": [text("a picture"), image]})
            }
            "change" => {
                self.added.lock().unwrap_or_else(PoisonError::into_inner).0 += 1;
                json!({"content": [text("changed")]})
            }
            "where" => {
                let folder = std::env::current_dir().map(|path| path.display().to_string());
                json!({"content": [text(&folder.unwrap_or_default())]})
            }
            _ if self.has("--protocol-error") => {
                return Err(json!({"code": -32602, "message": format!("Unknown tool: {name}")}));
            }
            _ => json!({"content": [text(&format!("Tool {name} not found"))], "isError": true}),
        })
    }
}

fn read(params: &Value) -> Result<Value, Value> {
    let uri = params["uri"].as_str().unwrap_or_default();
    let token = std::env::var("FAKE_TOKEN").unwrap_or_default();
    match uri {
        "note://a" => {
            Ok(json!({"contents": [{"uri": uri, "mimeType": "text/plain", "text": format!("hello{token}")}]}))
        }
        "note://b" => Ok(json!({"contents": [{"uri": uri, "mimeType": "image/png", "blob": "AAAA"}]})),
        _ => Err(json!({"code": -32002, "message": format!("no resource {uri}")})),
    }
}

fn say(line: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{line}");
}

fn wait_for(file: &str) {
    say("waiting");
    for _ in 0..6000 {
        if std::path::Path::new(file).exists() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Answers line by line; a slow tool holds up nobody.
fn stdio(server: &Arc<Server>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if server.has("--garbage") {
            print("this is no message\n\n[]\n{\"jsonrpc\": \"2.0\"\n");
        }
        let server = Arc::clone(server);
        let work = move || {
            if let Some(answer) = server.answer(&message) {
                print(&format!("{answer}\n"));
            }
            if message["params"]["name"] == "change" {
                print("{\"jsonrpc\": \"2.0\", \"method\": \"notifications/tools/list_changed\"}\n");
            }
        };
        thread::spawn(work);
    }
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _nobody_reads = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Serves streamable HTTP: an answer is one JSON body, and there are no streams.
fn http(server: &Arc<Server>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    print(&format!("{}\n", listener.local_addr()?.port()));
    let accept = Arc::clone(server);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let server = Arc::clone(&accept);
            thread::spawn(move || converse(&server, stream));
        }
    });
    // It ends with its input, like the other kind.
    io::stdin().lock().read_to_end(&mut Vec::new()).map(drop)
}

fn converse(server: &Server, stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        (reader.read_line(&mut first).ok()? > 0).then_some(())?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_owned();
            if line.is_empty() {
                break;
            }
            headers.push(line);
        }
        let length = headers
            .iter()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        writer.write_all(respond(server, &first, &headers, &body).as_bytes()).ok()?;
    }
}

fn respond(server: &Server, first: &str, headers: &[String], body: &[u8]) -> String {
    let answer = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
    };
    if server.value("--want").is_some_and(|want| !headers.iter().any(|line| line.eq_ignore_ascii_case(want)))
    {
        // As careless servers do, it repeats what it was given.
        return answer("401 Unauthorized", "Content-Type: text/plain\r\n", &headers.join(" "));
    }
    if !first.starts_with("POST") {
        return answer(if first.starts_with("GET") { "405 Method Not Allowed" } else { "200 OK" }, "", "");
    }
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    if message["method"] == "tools/call" && is_busy(server) {
        return answer("429 Too Many Requests", "Retry-After: 7\r\n", "");
    }
    match server.answer(&message) {
        None => answer("202 Accepted", "", ""),
        Some(reply) => {
            let more = "Content-Type: application/json\r\nMcp-Session-Id: s1\r\n";
            answer("200 OK", more, &reply.to_string())
        }
    }
}

fn is_busy(server: &Server) -> bool {
    let busy = server.value("--busy").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut counts = server.added.lock().unwrap_or_else(PoisonError::into_inner);
    counts.1 += 1;
    counts.1 <= busy
}

fn main() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let server = Arc::new(Server { flags, added: Mutex::default() });
    if server.has("--help") {
        print(HELP);
        return ExitCode::SUCCESS;
    }
    if server.has("--die-at-start") {
        say("there is no database");
        return ExitCode::from(5);
    }
    if server.has("--fork")
        && let Ok(child) = std::process::Command::new("sleep").arg("600").spawn()
    {
        say(&format!("child {}", child.id()));
    }
    if server.has("--http") {
        return http(&server).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    stdio(&server);
    if server.has("--linger") {
        thread::sleep(Duration::from_secs(600));
    }
    ExitCode::SUCCESS
}
