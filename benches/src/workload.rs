//! The workload W(N).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use refrain_builtin::BuiltinAgents;
use refrain_core::check::{Surroundings, check};
use refrain_core::engine::{Control, Engine, Ports, RunRequest};
use refrain_core::ports::agent::{Agent, AgentError, AgentFactory, AnsweredUnit, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::files::{SourceReader as _, TargetWriter as _};
use refrain_core::ports::tools::NoTools;
use refrain_files::{FsProjectFiles, FsReader, FsWriter};
use refrain_schemas::json::Json;
use refrain_schemas::money::Budget;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::status::Holder;
use refrain_store::{Durability, FileStore};
use refrain_system::{RandomIds, SystemClock};
use serde_json::{Value, json};

/// The asks that agents of this process answered.
static ASKS: AtomicU64 = AtomicU64::new(0);

/// Writes the script.
pub(crate) fn write_sources(dir: &Path, n: usize) {
    let mut text = String::from("line_id,scene_id,speaker,text\n");
    for line in 0..n {
        let (scene, speaker) = (line / 20, line % 7);
        writeln!(text, "line_{line:07},scene_{scene:06},Speaker {speaker},\"The {line}th thing anybody said here, {{player}}: nothing much, all told.\"").unwrap();
    }
    std::fs::write(dir.join("script.csv"), text).unwrap();
    std::fs::write(dir.join("version"), "1").unwrap();
}

/// Changes the text of one line.
pub(crate) fn edit_line(dir: &Path, line: usize) {
    let path = dir.join("script.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let edited = text.replace(&format!("The {line}th thing"), &format!("The {line}th and last thing"));
    assert_ne!(text, edited);
    std::fs::write(path, edited).unwrap();
}

/// Makes the translator another agent.
pub(crate) fn edit_prompt(dir: &Path) {
    std::fs::write(dir.join("version"), "2").unwrap();
}

fn pipeline(dir: &Path) -> Value {
    let version = std::fs::read_to_string(dir.join("version")).unwrap();
    json!({
        "refrain": 1,
        "name": "workload",
        "agents": { "noop": { "builtin": "noop" }, "translator": { "builtin": "noop", "version": version } },
        "phases": {
            "ingest": { "agent": { "builtin": "read", "params": { "files": "script.csv" } }, "output": { "records": "lines", "key": "line_id" } },
            "context": { "units": { "of": "ingest", "by": "scene_id" }, "agents": { "noop": 64 }, "output": { "records": "scenes", "key": "scene_id" } },
            "translate": { "units": { "of": "ingest" }, "context": { "summary": { "from": "context", "on": "scene_id" } }, "agents": { "translator": 64 }, "output": { "records": "lines", "key": "line_id", "aligned": true } },
            "qa": { "units": { "of": "translate" }, "agents": { "noop": 64 }, "output": { "records": "issues", "key": "line_id", "aligned": true } },
            "export": { "units": { "of": "translate" }, "wants": ["qa"], "agent": { "builtin": "write", "params": { "path": "out.csv" } } },
        },
    })
}

/// Runs the workload as it stands; returns how many asks were made.
pub(crate) async fn run(dir: &Path) -> u64 {
    let engine = engine(dir);
    let request = RunRequest {
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
    };
    let report = engine.run(&request, &Control::default()).await.unwrap();
    assert_eq!(report.exit_code, 0, "{report:?}");
    ASKS.load(Ordering::Relaxed)
}

/// Reads the script and writes it out again, and nothing else.
pub(crate) async fn files_only(dir: &Path) -> u64 {
    let read = json!({ "files": "script.csv" });
    let write = json!({ "path": "files-only.csv" });
    let mut source = FsReader::new(dir).open(read.as_object().unwrap(), "line_id").await.unwrap();
    let mut target = FsWriter::new(dir).open(write.as_object().unwrap(), "line_id").await.unwrap();
    loop {
        let records = source.next_batch().unwrap();
        if records.is_empty() {
            break;
        }
        target.write(&records).unwrap();
    }
    target.finish().unwrap();
    0
}

fn engine(dir: &Path) -> Engine {
    let pipeline: Pipeline = serde_json::from_value(pipeline(dir)).unwrap();
    let builtin = BuiltinAgents::new().with("noop", 1, |_| Ok(Arc::new(Noop) as Arc<dyn Agent>));
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

/// Answers a line with its own text, and a scene with the same words every time.
#[derive(Debug)]
struct Noop;

#[async_trait]
impl Agent for Noop {
    async fn answer(&self, request: Request, _: &Cancel) -> Result<Reply, AgentError> {
        ASKS.fetch_add(request.units.len() as u64, Ordering::Relaxed);
        let units = request.units.into_iter().map(|unit| {
            let text = unit.input.field("text").unwrap_or("\"a scene\"");
            AnsweredUnit::new(unit.id, Ok(Json::object([("text", text)])))
        });
        Ok(Reply { units: units.collect(), ..Reply::default() })
    }
}
