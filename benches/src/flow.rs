//! What waiting for whole phases costs: W(N) with agents that take 5 to 500 ms, most of them little, 64 calls at once.
//!
//! No schedule ends before all of the work is done by 64 that are never idle, nor before the longest way of one line; one
//! that never leaves anybody idle who could do something ends within the sum of both. `REFRAIN_BENCH_FLOW` sets N (2000).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "a benchmark reports and gives up"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use refrain_builtin::BuiltinAgents;
use refrain_core::check::{Surroundings, check};
use refrain_core::engine::{Control, Engine, Ports, RunRequest};
use refrain_core::ports::agent::{Agent, AgentError, AgentFactory, AnsweredUnit, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::NoTools;
use refrain_files::{FsProjectFiles, FsReader, FsWriter};
use refrain_schemas::json::Json;
use refrain_schemas::money::Budget;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::report::RunReport;
use refrain_schemas::status::Holder;
use refrain_store::{Durability, FileStore};
use refrain_system::{RandomIds, SystemClock};
use serde_json::{Value, json};

/// The lines of a scene.
const SCENE: usize = 20;
/// Calls at once.
const CONCURRENCY: u32 = 64;

fn main() {
    let n: usize = std::env::var("REFRAIN_BENCH_FLOW").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let (total, longest) = ideal(n);
    let bound = total / CONCURRENCY + longest;
    let mut text = String::new();
    writeln!(text, "W({n}), agents of 5 to 500 ms, {CONCURRENCY} calls at once: {:.2} s of work for each of them, {:.2} s for the longest way of one line.\n", (total / CONCURRENCY).as_secs_f64(), longest.as_secs_f64()).unwrap();
    writeln!(text, "| phases | wall | beside both together |\n|---|---:|---:|").unwrap();
    let mut digests = Vec::new();
    for (name, barrier) in [("flow", false), ("wait for each other", true)] {
        let (wall, made) = run(n, barrier);
        let share = (wall.as_secs_f64() / bound.as_secs_f64() - 1.0) * 100.0;
        writeln!(text, "| {name} | {:.2} s | {share:+.1} % |", wall.as_secs_f64()).unwrap();
        digests.push(made);
    }
    assert_eq!(digests[0], digests[1], "what is made does not hang on how");
    println!("{text}");
}

/// How long an agent takes over a unit.
fn pause(agent: &str, unit: &str) -> Duration {
    let hash = blake3::hash(format!("{agent} {unit}").as_bytes());
    let dice = u32::from_le_bytes(hash.as_bytes()[..4].try_into().expect("a hash has four bytes"));
    let share = (f64::from(dice) + 1.0) / f64::from(u32::MAX);
    Duration::from_micros((5_000.0 / share).clamp(5_000.0, 500_000.0) as u64)
}

/// Returns the sum of all that agents do, and the longest way of one line.
fn ideal(n: usize) -> (Duration, Duration) {
    let (mut total, mut longest) = (Duration::ZERO, Duration::ZERO);
    for at in 0..n {
        let (line, scene) = (format!("line_{at:07}"), format!("scene_{:06}", at / SCENE));
        let context = pause("context", &scene);
        let own = pause("translate", &line) + pause("qa", &line);
        total += own + if at % SCENE == 0 { context } else { Duration::ZERO };
        longest = longest.max(context + own);
    }
    (total, longest)
}

/// Runs the workload in a project of its own; returns how long it took and what it made.
fn run(n: usize, barrier: bool) -> (Duration, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    write_sources(dir.path(), n);
    let engine = engine(dir.path(), barrier);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let started = Instant::now();
    let report =
        runtime.block_on(async { engine.run(&request(&engine), &Control::default()).await.unwrap() });
    let wall = started.elapsed();
    assert_eq!(report.exit_code, 0, "{report:?}");
    (wall, digests(&report))
}

fn digests(report: &RunReport) -> Vec<String> {
    let phases = report.phases.iter();
    phases
        .map(|phase| format!("{} {:?}", phase.phase, phase.digest.map(|digest| digest.to_string())))
        .collect()
}

fn write_sources(dir: &Path, n: usize) {
    let mut text = String::from("line_id,scene_id,text\n");
    for line in 0..n {
        writeln!(text, "line_{line:07},scene_{:06},The {line}th thing anybody said here.", line / SCENE)
            .unwrap();
    }
    std::fs::write(dir.join("script.csv"), text).unwrap();
}

fn pipeline(barrier: bool) -> Value {
    json!({
        "refrain": 1,
        "name": "flow",
        "limits": { "concurrency": CONCURRENCY },
        "agents": { "slow": { "builtin": "slow" } },
        "phases": {
            "ingest": { "agent": { "builtin": "read", "params": { "files": "script.csv" } }, "output": { "records": "lines", "key": "line_id" } },
            "context": { "units": { "of": "ingest", "by": "scene_id" }, "agents": { "slow": CONCURRENCY }, "barrier": barrier, "output": { "records": "scenes", "key": "scene_id" } },
            "translate": { "units": { "of": "ingest" }, "context": { "summary": { "from": "context", "on": "scene_id" } }, "agents": { "slow": CONCURRENCY }, "barrier": barrier, "output": { "records": "lines", "key": "line_id", "aligned": true } },
            "qa": { "units": { "of": "translate" }, "agents": { "slow": CONCURRENCY }, "barrier": barrier, "output": { "records": "issues", "key": "line_id", "aligned": true } },
        },
    })
}

fn request(engine: &Engine) -> RunRequest {
    RunRequest {
        targets: Vec::new(),
        scopes: Vec::new(),
        only: false,
        force: false,
        offline: false,
        budget: Budget::default(),
        holder: Holder {
            pid: std::process::id(),
            host: "bench".into(),
            command: "bench".into(),
            since: engine.ports().clock.now(),
        },
    }
}

fn engine(dir: &Path, barrier: bool) -> Engine {
    let pipeline: Pipeline = serde_json::from_value(pipeline(barrier)).unwrap();
    let builtin = BuiltinAgents::new().with("slow", 1, |_| Ok(Arc::new(Slow) as Arc<dyn Agent>));
    let factories: Vec<Arc<dyn AgentFactory>> = vec![Arc::new(builtin)];
    let (files, set) = (BTreeMap::new(), BTreeMap::new());
    let (model, problems) =
        check(&pipeline, &Surroundings { factories: &factories, files: &files, set: &set });
    let model = model.unwrap_or_else(|| panic!("{problems:?}"));
    let ports = Ports {
        store: Arc::new(FileStore::open(dir, Durability::Process).unwrap()),
        factories,
        executor: None,
        tools: Arc::new(NoTools),
        files: Arc::new(FsProjectFiles::new(dir)),
        reader: Arc::new(FsReader::new(dir)),
        writer: Arc::new(FsWriter::new(dir)),
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
        logs: Vec::new(),
        progress: Vec::new(),
    };
    Engine::new(Arc::new(model), ports)
}

/// Answers with the text of a line, or a few words about a scene, after a time.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl Agent for Slow {
    async fn answer(&self, request: Request, _: &Cancel) -> Result<Reply, AgentError> {
        let phase = request.phase.as_str();
        let longest = request.units.iter().map(|unit| pause(phase, unit.id.as_str())).max();
        tokio::time::sleep(longest.unwrap_or_default()).await;
        let units = request.units.into_iter().map(|unit| {
            let text = unit.input.field("text").unwrap_or("\"a scene\"");
            AnsweredUnit::new(unit.id, Ok(Json::object([("text", text)])))
        });
        Ok(Reply { units: units.collect(), ..Reply::default() })
    }
}
