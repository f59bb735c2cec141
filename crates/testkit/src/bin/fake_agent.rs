//! A command agent for tests; its flags make it well-behaved or as bad as agents get.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const HELP: &str = "\
A command agent for tests. Reads requests as JSON lines, answers them, ends with its input.

What is answered:
  --reply MODE      echo (default): the unit's input | upper: {\"text\": TEXT IN CAPITALS} | context: both contexts |
                    request: phase, scope, params | none: [] | KIND: an error of this kind (transient, invalid, …)
  --upper           the same as --reply upper
  --random          another answer each time: {\"text\": \"random …\"}
  --usage           tells tokens and dollars
  --extra-unit      answers a unit nobody asked about
  --missing-unit    leaves out the last unit
  --fail-unit ID    fails this unit as permanent (may be repeated)

How it goes wrong, at every call or, with --once FILE, only until FILE exists (it is made at the first time):
  --fail N          dies with status 3 at the first N calls of each process
  --exit-after N    ends with status 0 after N answers
  --hang            never answers
  --garbage         prints something else
  --half-line       breaks off in the middle of an answer and ends
  --huge BYTES      answers with this many bytes in one string
  --nothing         ends with status 0 without an answer
  --late            answers the call before this one first, a second time
  --twice           answers twice
  --deaf            answers without reading more than the first 64 bytes of the request; then hangs
  --fork-and-hang   starts a child that holds all pipes and sleeps, prints its process id to stderr, never answers
  --fork-and-die    the same, but dies at once with status 4

Besides:
  --delay-ms N      waits before each answer
  --stderr          says `call ID` on stderr before each answer
  --chatter N       says N lines on stderr before each answer
  --linger          goes on after the end of its input
  --log FILE        appends `CALL UNIT…` as one write before each answer
  --asked FILE      the same, but as soon as a call arrives
  --wait FILE       waits before each answer until FILE exists; ends where that takes half a minute
";

#[derive(Default)]
struct Flags {
    reply: String,
    on: BTreeSet<String>,
    fail: u64,
    exit_after: Option<u64>,
    huge: usize,
    delay: Duration,
    chatter: u64,
    log: Option<String>,
    asked: Option<String>,
    wait: Option<PathBuf>,
    once: Option<String>,
    fail_units: BTreeSet<String>,
}

fn main() -> ExitCode {
    let flags = match flags(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(text) => return say_and_end(&text),
    };
    if flags.on("deaf") {
        return deaf();
    }
    let mut served = 0;
    let mut before = None;
    for line in io::stdin().lock().lines() {
        let Some(request) = line.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok()) else {
            return say_and_end("the request is not JSON");
        };
        if let Some(code) = serve(&flags, &request, served, before.as_ref()) {
            return code;
        }
        served += 1;
        if flags.exit_after == Some(served) {
            return ExitCode::SUCCESS;
        }
        before = Some(request);
    }
    if flags.on("linger") {
        sleep_forever();
    }
    ExitCode::SUCCESS
}

impl Flags {
    fn on(&self, name: &str) -> bool {
        self.on.contains(name)
    }

    /// Whether this is a time to go wrong.
    fn goes_wrong(&self) -> bool {
        let Some(file) = &self.once else { return true };
        OpenOptions::new().write(true).create_new(true).open(file).is_ok()
    }
}

fn flags(mut words: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut flags = Flags { reply: "echo".to_owned(), ..Flags::default() };
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").ok_or_else(|| format!("what is `{word}`?"))?;
        let mut value = || words.next().ok_or_else(|| format!("--{name} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match name {
            "reply" => flags.reply = value()?,
            "upper" => flags.reply = "upper".to_owned(),
            "random" => flags.reply = "random".to_owned(),
            "fail" => flags.fail = number(value()?)?,
            "exit-after" => flags.exit_after = Some(number(value()?)?),
            "huge" => flags.huge = usize::try_from(number(value()?)?).map_err(|e| e.to_string())?,
            "delay-ms" => flags.delay = Duration::from_millis(number(value()?)?),
            "chatter" => flags.chatter = number(value()?)?,
            "log" => flags.log = Some(value()?),
            "asked" => flags.asked = Some(value()?),
            "wait" => flags.wait = Some(value()?.into()),
            "once" => flags.once = Some(value()?),
            "fail-unit" => {
                flags.fail_units.insert(value()?);
            }
            "help" => return Err(HELP.to_owned()),
            name if HELP.contains(&format!("--{name} ")) => {
                flags.on.insert(name.to_owned());
            }
            _ => return Err(format!("there is no flag --{name}")),
        }
    }
    Ok(flags)
}

/// Serves one call; a code means that the process ends here.
fn serve(flags: &Flags, request: &Value, served: u64, before: Option<&Value>) -> Option<ExitCode> {
    append(flags.asked.as_deref(), request);
    speak(flags, request);
    std::thread::sleep(flags.delay);
    if flags.wait.as_ref().is_some_and(|file| !appears(file)) {
        return Some(ExitCode::from(5));
    }
    if let Some(code) = go_wrong(flags, request, served) {
        return Some(code);
    }
    append(flags.log.as_deref(), request);
    if let Some(before) = before.filter(|_| flags.on("late")) {
        print_line(&answer(flags, before));
    }
    let answer = answer(flags, request);
    print_line(&answer);
    if flags.on("twice") {
        print_line(&answer);
    }
    None
}

fn speak(flags: &Flags, request: &Value) {
    if flags.on("stderr") {
        say(&format!("\u{1b}[32mcall {}\u{1b}[0m", request["call"].as_str().unwrap_or("?")));
    }
    (0..flags.chatter).for_each(|n| say(&format!("line {n}")));
}

fn go_wrong(flags: &Flags, request: &Value, served: u64) -> Option<ExitCode> {
    let bad = ["hang", "garbage", "half-line", "nothing", "fork-and-hang", "fork-and-die"];
    let how = bad.into_iter().find(|name| flags.on(name));
    if (how.is_none() && served >= flags.fail) || !flags.goes_wrong() {
        return None;
    }
    match how {
        None => {
            say("something broke");
            return Some(ExitCode::from(3));
        }
        Some("hang") => sleep_forever(),
        Some("garbage") => print("hello \u{1}\u{fffd} [not JSON]\n"),
        Some("half-line") => {
            let answer = answer(flags, request);
            print(&answer[..answer.len() / 2]);
            return Some(ExitCode::SUCCESS);
        }
        Some("nothing") => return Some(ExitCode::SUCCESS),
        Some(how) => return fork(how == "fork-and-hang"),
    }
    None
}

/// Starts a child that inherits the pipes.
fn fork(hang: bool) -> Option<ExitCode> {
    let child = Command::new("sleep").arg("1000").stdin(Stdio::inherit()).spawn();
    match child {
        Ok(child) => say(&format!("child {}", child.id())),
        Err(error) => say(&format!("no child: {error}")),
    }
    if hang {
        sleep_forever();
    }
    Some(ExitCode::from(4))
}

/// Answers call after call without reading requests.
fn deaf() -> ExitCode {
    let mut head = [0; 64];
    let read = io::Read::read(&mut io::stdin().lock(), &mut head).unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..read]).into_owned();
    let call = text.split('"').nth(3).unwrap_or("?");
    print_line(&json!({"call": call, "units": []}).to_string());
    sleep_forever();
    ExitCode::SUCCESS
}

fn answer(flags: &Flags, request: &Value) -> String {
    let asked = request["units"].as_array().map_or(&[][..], Vec::as_slice);
    let mut units: Vec<Value> = asked.iter().map(|unit| answer_unit(flags, request, unit)).collect();
    if flags.on("extra-unit") {
        units.push(json!({"id": "nobody-asked", "output": {}}));
    }
    if flags.on("missing-unit") {
        units.pop();
    }
    let mut answer = json!({"call": request["call"], "units": units});
    if flags.on("usage") {
        answer["usage"] = json!({"input_tokens": 10, "output_tokens": 2, "cost_usd": 0.25});
    }
    answer.to_string()
}

fn answer_unit(flags: &Flags, request: &Value, unit: &Value) -> Value {
    let id = &unit["id"];
    if flags.fail_units.contains(id.as_str().unwrap_or_default()) {
        return json!({"id": id, "error": {"kind": "permanent", "message": "told to fail"}});
    }
    let output = match flags.reply.as_str() {
        _ if flags.huge > 0 => json!({"text": "x".repeat(flags.huge)}),
        "echo" => unit["input"].clone(),
        "none" => json!([]),
        "upper" => json!({"text": unit["input"]["text"].as_str().unwrap_or_default().to_uppercase()}),
        "context" => json!({"shared": request["context"], "own": unit["context"]}),
        "request" => {
            json!({"phase": request["phase"], "scope": request["scope"], "params": request["params"]})
        }
        "random" => json!({"text": format!("random {}", nanos())}),
        kind => return json!({"id": id, "error": {"kind": kind, "message": "as told"}}),
    };
    json!({"id": id, "output": output})
}

fn nanos() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |duration| duration.as_nanos())
}

/// Waits for a file; not for ever, so that nothing is left of a test that was given up.
fn appears(file: &Path) -> bool {
    let patience = Instant::now() + Duration::from_secs(30);
    while !file.exists() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    file.exists()
}

fn append(path: Option<&str>, request: &Value) {
    let Some(path) = path else { return };
    let ids = request["units"].as_array().into_iter().flatten().filter_map(|unit| unit["id"].as_str());
    let words: Vec<&str> = request["call"].as_str().into_iter().chain(ids).collect();
    let line = format!("{}\n", words.join(" "));
    // One write of an appending file: lines of several processes do not mix, and a kill leaves whole lines.
    let log = OpenOptions::new().append(true).create(true).open(path);
    if let Err(error) = log.and_then(|mut file| file.write_all(line.as_bytes())) {
        say(&format!("no log: {error}"));
    }
}

fn print_line(text: &str) {
    print(&format!("{text}\n"));
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _nobody_listens = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn say(text: &str) {
    let _nobody_listens = writeln!(io::stderr(), "{text}");
}

fn say_and_end(text: &str) -> ExitCode {
    say(text);
    ExitCode::from(2)
}

fn sleep_forever() {
    loop {
        std::thread::sleep(Duration::from_secs(1000));
    }
}
