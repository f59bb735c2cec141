//! A run that knows secrets, with agents that give them away wherever they can: nobody sees one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value, json};

use crate::project::{Output, TestProject};

/// The key of an endpoint, in the environment.
const KEY: &str = "cnry-key+7x/Zq=09aB";
/// A header's value, in `.env`.
const HEADER: &str = "cnry header 41&yT~wP";
/// What a command is passed, in `.env`.
const PASSED: &str = "cnry-passed/88%uV+Q";
/// What nobody names; it is in the environment and looks like a secret.
const STRAY: &str = "cnry-stray-5d5d5d5d";

/// Says what it knows on stderr, in its answer and by its end.
const BLABBER: &str = r#"
read line; call=${line#*\"call\":\"}; call=${call%%\"*}
base64=$(printf '%s' "user:$PASSED" | base64); url=$(printf '%s' "$PASSED" | sed 's/%/%25/g; s/+/%2B/g; s#/#%2F#g')
echo "my key is $PASSED, or $base64, or $url" >&2
case "$1" in
  reply) printf '{"call":"%s","units":[{"id":"a","output":{"text":"%s %s %s"}}]}\n' "$call" "$PASSED" "$base64" "$url" ;;
  refuse) printf '{"call":"%s","units":[{"id":"a","error":{"kind":"refused","message":"not with %s"}}]}\n' "$call" "$PASSED" ;;
  shape) printf '{"call":"%s","units":[{"id":"a","output":["%s"]}]}\n' "$call" "$PASSED" ;;
  garbage) printf 'no JSON but %s\n' "$PASSED" ;;
  *) exit 3 ;;
esac
"#;

/// Answers every request with its own headers and body, as a model would and as a service would.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    url
}

fn answer(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    if head.is_empty() {
        return;
    }
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let text = format!("{head} {}", String::from_utf8_lossy(&body));
    let status = if head.starts_with("POST /fail") { "401 No" } else { "200 OK" };
    let answer = json!({
        "id": "1", "model": "m", "echo": text, "error": if status.starts_with('4') { json!({"message": text}) } else { Value::Null },
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    let mut stream = stream;
    let _left = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes()));
}

fn project(url: &str) -> TestProject {
    let blabber = |mode: &str| {
        format!(
            "  {mode}: {{ command: [sh, blabber.sh, {mode}], env: [PASSED], oneshot: true, retry: {{ attempts: 1 }} }}"
        )
    };
    let agents: Vec<String> =
        ["reply", "refuse", "shape", "garbage", "crash"].into_iter().map(blabber).collect();
    let phase = |name: &str| {
        format!(
            "  ask_{name}:\n    units: {{ of: ingest }}\n    agent: {name}\n    on_unit_failure: continue\n    \
             output: {{ records: lines, key: id }}"
        )
    };
    let names = ["reply", "refuse", "shape", "garbage", "crash", "model", "service"];
    let phases: Vec<String> = names.into_iter().map(phase).collect();
    let pipeline = format!(
        "\
refrain: 1
name: secrets
endpoints:
  local:
    base_url: {url}/v1
    api_key_env: KEY
    headers: {{ X-Header: {{ env: HEADER }} }}
agents:
  model: {{ model: local/m, prompt: \"Say {{{{ unit.text }}}}\" }}
  service:
    http:
      url: {url}/echo
      headers: {{ X-Header: {{ env: HEADER, prefix: \"Token \" }} }}
      body: {{ text: \"{{{{ unit.text }}}}\" }}
      select: \"{{'text': response.echo}}\"
  denied:
    http: {{ url: {url}/fail, headers: {{ X-Header: {{ env: HEADER }} }} }}
{}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: id }}
{}
",
        agents.join("\n"),
        phases.join("\n")
    );
    TestProject::new(&pipeline).file("lines.csv", "id,text\na,hello\n").file("blabber.sh", BLABBER).file(
        ".env",
        &format!("# beside the pipeline\nHEADER=\"{HEADER}\"\nexport PASSED='{PASSED}'\nbroken {STRAY}\n"),
    )
}

fn run(project: &TestProject, arguments: &[&str]) -> Output {
    let mut command = project.command(arguments);
    command.env("KEY", KEY).env("STRAY_TOKEN", STRAY);
    project.output(&command.output().unwrap())
}

/// Returns the forms in which a secret must not turn up: as it is, in an address, in JSON, in base64 at each place.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let hex = |upper: bool| -> String {
        let write = |byte: u8| match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        };
        secret.bytes().map(write).collect()
    };
    forms.extend([hex(true), hex(false)]);
    for before in ["", "x", "xx"] {
        let text = base64(format!("{before}{secret}").as_bytes());
        // What depends on what stands before and behind is left out.
        forms.push(text[4..text.len() - 4].to_owned());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (n, byte)| bits | u32::from(*byte) << (16 - 8 * n));
        for n in 0..=three.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * n) & 63) as usize]));
        }
    }
    out
}

#[track_caller]
fn check_unseen(place: &str, bytes: &[u8]) {
    for secret in [KEY, HEADER, PASSED, STRAY] {
        for form in forms(secret) {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "{place} holds {form}");
        }
    }
}

/// Looks into every file below a folder but for those that are to hold secrets.
fn check_files(folder: &Path) -> usize {
    let mut n_files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            n_files += check_files(&path);
        } else if !path.ends_with(".env") {
            check_unseen(&path.display().to_string(), &std::fs::read(&path).unwrap());
            n_files += 1;
        }
    }
    n_files
}

#[track_caller]
fn check_output(place: &str, output: &Output) {
    check_unseen(&format!("{place}: standard output"), output.stdout.as_bytes());
    check_unseen(&format!("{place}: standard error"), output.stderr.as_bytes());
}

#[test]
fn no_secret_is_seen_anywhere() {
    let project = project(&echo());
    let ran = run(&project, &["run", "-vv", "--json"]);
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    check_output("run", &ran);
    assert!(ran.stderr.contains("[redacted]"), "{}", ran.stderr);
    assert!(check_files(&project.path(".refrain")) > 3);

    let service = run(&project, &["show", "ask_service"]).expect(0);
    assert!(service.stdout.contains("x-header: Token [redacted]"), "{}", service.stdout);
    let model = run(&project, &["show", "ask_model"]).expect(0);
    assert!(model.stdout.contains("Bearer [redacted]"), "{}", model.stdout);
    let reply = run(&project, &["show", "ask_reply"]).expect(0);
    // Base64 hides a few digits of what stands before the secret as well.
    assert!(reply.stdout.contains("\"text\":\"[redacted] "), "{}", reply.stdout);

    let ledger = run(&project, &["ledger", "--json"]).expect(0);
    check_output("ledger", &ledger);
    let calls = ledger.json()["calls"].as_array().unwrap().clone();
    assert!(calls.len() >= 7, "{}", ledger.stdout);
    for call in &calls {
        let id = format!("c{}", call["call"]);
        for arguments in [&["show", "--call", &id][..], &["show", "--call", &id, "--json"]] {
            check_output("show --call", &run(&project, arguments));
        }
    }
    let names = ["status", "check", "doctor", "plan", "history", "logs"];
    for name in names {
        check_output(name, &run(&project, &[name]));
        check_output(name, &run(&project, &[name, "--json"]));
    }
    for phase in ["refuse", "shape", "garbage", "crash"] {
        check_output(phase, &run(&project, &["why", &format!("ask_{phase}")]));
        check_output(phase, &run(&project, &["show", &format!("ask_{phase}")]));
    }
}

#[test]
fn errors_that_quote_a_secret_do_not_show_it() {
    let project = project(&echo());
    let unknown = format!("{KEY}@{PASSED}");
    check_output("run", &run(&project, &["run", "--set", &format!("tone={KEY}")]));
    check_output("show", &run(&project, &["show", "--key", &unknown, "ingest"]));
    let text = project.read("refrain.yaml");
    project.write("refrain.yaml", &text.replace("agent: model", &format!("agent: \"{PASSED}\"")));
    let checked = run(&project, &["check"]);
    assert_eq!(checked.code, Some(2));
    check_output("check", &checked);
    check_output("check --json", &run(&project, &["check", "--json"]));
}

#[test]
fn a_broken_line_of_dotenv_is_named_without_its_text() {
    let project = project("http://127.0.0.1:9");
    let checked = run(&project, &["check"]).expect(0);
    assert!(checked.stdout.contains(".env:4:1: warning[W0020]"), "{}", checked.stdout);
    check_output("check", &checked);
}

#[test]
fn an_agent_sees_nothing_of_the_environment_but_what_is_declared() {
    let script = r#"
read line; call=${line#*\"call\":\"}; call=${call%%\"*}
names=$(env | sed 's/=.*//' | sort | tr '\n' ' ')
printf '{"call":"%s","units":[{"id":"a","output":{"names":"%s","mode":"%s"}}]}\n' "$call" "$names" "$MODE"
"#;
    let pipeline = "\
refrain: 1
name: isolated
agents:
  teller: { command: [sh, tell.sh], env: [WANTED, \"MODE=a b\"], cwd: agents, oneshot: true }
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.csv } }
    output: { records: lines, key: id }
  tell:
    units: { of: ingest }
    agent: teller
    output: { records: lines, key: id }
";
    let project = TestProject::new(pipeline)
        .file("lines.csv", "id,text\na,hello\n")
        .file("agents/tell.sh", script)
        .file(".env", "WANTED=w\nUNWANTED=u\n");
    let ran = project.run(&["run"]);
    let ran = ran.expect(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let shown: Value = project.run(&["show", "tell"]).expect(0).json();
    assert_eq!(shown["mode"], "a b");
    let own = ["PWD", "OLDPWD", "SHLVL", "_"];
    let names: Vec<&str> = shown["names"].as_str().unwrap().split(' ').collect();
    let names: Vec<&&str> = names.iter().filter(|name| !name.is_empty() && !own.contains(name)).collect();
    assert_eq!(names, [&"LC_ALL", &"MODE", &"PATH", &"WANTED"]);

    // The script is part of the agent's identity, and so is what `env` sets; what it passes on is not.
    project.edit("agents/tell.sh", "names=", "other=1; names=");
    assert_eq!(project.run_json(&["tell"], 0)["calls"], 1);
    project.edit("refrain.yaml", "a b", "c");
    assert_eq!(project.run_json(&["tell"], 0)["calls"], 1);
    project.write(".env", "WANTED=other\nUNWANTED=u\n");
    assert_eq!(project.run_json(&["tell"], 0)["calls"], 0);

    project.write(".env", "");
    project.edit("refrain.yaml", "MODE=c", "MODE=d");
    let failed = project.run(&["run"]).expect(4);
    assert!(
        failed.stdout.contains("WANTED") || failed.stderr.contains("WANTED"),
        "{}{}",
        failed.stdout,
        failed.stderr
    );
}

#[test]
fn doctor_names_the_variables_that_are_missing() {
    let project = project(&echo());
    let found = |output: &Output| -> Vec<String> {
        let document = output.json();
        let checks = document["checks"].as_array().unwrap().iter();
        let variables = checks.filter(|check| check["name"] == "variable");
        variables.map(|check| format!("{} {}", check["status"], check["message"])).collect()
    };
    let missing = project.run(&["doctor", "--json"]).expect(4);
    assert!(
        found(&missing)
            .contains(&"\"fail\" \"KEY is not set; endpoints.local.api_key_env names it\"".to_owned())
    );
    let set = run(&project, &["doctor", "--json"]).expect(0);
    assert!(found(&set).iter().all(|check| check.starts_with("\"ok\"")), "{}", set.stdout);
    check_output("doctor", &set);
}
