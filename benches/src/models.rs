//! What is left of a provider's speed and of its limits: the `refrain` binary against a simulated provider.
//!
//! - *rate*: 200 ms per request, 256 calls at once. The ideal is 1,280 requests per second.
//! - *limit*: 600 requests per minute, told in headers or not. The ideal is to use all of it and be refused nothing.
//! - *halved*: the limit is halved under way. It has settled when hardly anything is refused any more.
//!
//! `REFRAIN_BENCH_MODELS` names the scenarios to run, separated by commas; all of them where it is not given.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark reports and gives up"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use refrain_testkit::bin::program;
use refrain_testkit::provider::{Entry, Provider, Settings};
use tempfile::TempDir;

/// A provider, and the folder of a project that asks it.
struct Scene {
    provider: Provider,
    project: TempDir,
}

impl Scene {
    /// Starts a provider and writes a project of so many lines that asks it with so many clones.
    fn new(settings: Settings, lines: usize, clones: usize) -> Self {
        let provider = Provider::start(settings).unwrap();
        let project = tempfile::tempdir().unwrap();
        write_project(project.path(), &provider.url(), lines, clones);
        Self { provider, project }
    }

    fn start(&self) -> Child {
        let mut command = Command::new(program("refrain-cli", "refrain"));
        command.args(["run", "--quiet"]).current_dir(self.project.path());
        command.stdout(Stdio::null()).spawn().unwrap()
    }

    /// Runs the project to its end; returns how long the process took.
    fn run(&self) -> Duration {
        let begun = Instant::now();
        assert!(self.start().wait().unwrap().success(), "the run failed");
        begun.elapsed()
    }
}

fn write_project(dir: &Path, url: &str, lines: usize, clones: usize) {
    let pipeline = format!(
        "\
refrain: 1
name: bench
endpoints: {{ sim: {{ base_url: \"{url}\" }} }}
agents:
  translator:
    model: sim/small
    prompt: \"Translate <line>{{{{ unit.text }}}}</line>\"
    retry: {{ attempts: 20 }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: line_id }}
  translate:
    units: {{ of: ingest }}
    agents: {{ translator: {clones} }}
    output: {{ records: lines, key: line_id, aligned: true }}
"
    );
    let mut csv = String::from("line_id,text\n");
    (0..lines).for_each(|n| writeln!(csv, "line_{n},The door {n} is open").unwrap());
    fs::write(dir.join("refrain.yaml"), pipeline).unwrap();
    fs::write(dir.join("lines.csv"), csv).unwrap();
}

/// What happened between two moments of a provider's life, in milliseconds.
struct Span<'a> {
    entries: Vec<&'a Entry>,
    ms: u64,
}

impl<'a> Span<'a> {
    fn new(journal: &'a [Entry], from: u64, to: u64) -> Self {
        let within = |entry: &&Entry| (from..to).contains(&entry.arrived_ms);
        Self { entries: journal.iter().filter(within).collect(), ms: to - from }
    }

    /// From the first request to the last answer.
    fn whole(journal: &'a [Entry]) -> Self {
        let from = journal.first().expect("requests").arrived_ms;
        let to = journal.iter().filter_map(|entry| entry.answered_ms).max().expect("answers");
        Self::new(journal, from, to.max(from + 1))
    }

    fn with_status(&self, status: u16) -> f64 {
        self.entries.iter().filter(|entry| entry.status == status).count() as f64
    }

    /// Which share of so many requests per second was used.
    fn used(&self, per_second: f64) -> f64 {
        self.with_status(200) / (self.ms as f64 / 1e3 * per_second)
    }

    /// Which share of the requests was refused.
    fn refused(&self) -> f64 {
        self.with_status(429) / (self.entries.len() as f64).max(1.0)
    }
}

fn rate() {
    const CLONES: usize = 256;
    const LATENCY_MS: u64 = 200;
    let lines = 50 * CLONES;
    let scene = Scene::new(Settings { latency_ms: LATENCY_MS, ..Settings::default() }, lines, CLONES);
    let took = scene.run();
    let journal = scene.provider.journal();
    let ideal = CLONES as f64 / (LATENCY_MS as f64 / 1e3);
    let share = Span::whole(&journal).used(ideal);
    let with_start = lines as f64 / took.as_secs_f64() / ideal;
    println!(
        "| rate | {lines} lines, {LATENCY_MS} ms, {CLONES} at once | {:.1} % of the ideal rate ({:.1} % with start and end of the process) |",
        100.0 * share,
        100.0 * with_start
    );
}

fn limit(tells_limits: bool) {
    let settings =
        Settings { latency_ms: 100, requests_per_minute: Some(600), tells_limits, ..Settings::default() };
    let scene = Scene::new(settings, 900, 64);
    scene.run();
    let journal = scene.provider.journal();
    let span = Span::whole(&journal);
    let how = if tells_limits { "told in headers" } else { "not told" };
    println!(
        "| limit | 900 lines, 600 per minute, {how} | {:.1} % used, {:.2} % refused |",
        100.0 * span.used(10.0),
        100.0 * span.refused()
    );
}

fn halved(tells_limits: bool) {
    let settings =
        Settings { latency_ms: 100, requests_per_minute: Some(600), tells_limits, ..Settings::default() };
    let scene = Scene::new(settings, 700, 64);
    let mut run = scene.start();
    thread::sleep(Duration::from_secs(30));
    scene.provider.set(|settings| settings.requests_per_minute = Some(300));
    let at = scene.provider.journal().last().expect("requests").arrived_ms;
    assert!(run.wait().unwrap().success());
    let journal = scene.provider.journal();
    let end = journal.iter().filter_map(|entry| entry.answered_ms).max().expect("answers");
    let settling = Span::new(&journal, at, at + 30_000);
    let settled = Span::new(&journal, at + 30_000, end.max(at + 31_000));
    let how = if tells_limits { "told in headers" } else { "not told" };
    println!(
        "| halved | 600, then 300 per minute, {how} | first 30 s: {:.2} % refused; from then on: {:.1} % used, {:.2} % refused |",
        100.0 * settling.refused(),
        100.0 * settled.used(5.0),
        100.0 * settled.refused()
    );
}

fn main() {
    let wanted = std::env::var("REFRAIN_BENCH_MODELS").ok();
    let runs = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|word| word == name));
    println!("| scenario | what | result |\n|---|---|---|");
    if runs("rate") {
        rate();
    }
    for tells_limits in [true, false] {
        if runs("limit") {
            limit(tells_limits);
        }
        if runs("halved") {
            halved(tells_limits);
        }
    }
}
