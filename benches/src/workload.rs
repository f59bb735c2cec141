//! The workload W(N).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use refrain_builtin::BuiltinAgents;
use refrain_core::check::{Surroundings, check};
use refrain_core::engine::{Control, Engine, Ports, RunRequest, Selection};
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

use crate::counting::{CountingStore, Work};

/// The asks that agents of this process answered.
static ASKS: AtomicU64 = AtomicU64::new(0);

/// What a scenario came to besides its time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// Asks answered.
    pub(crate) asks: u64,
    /// Pages read.
    pub(crate) pages_read: u64,
    /// Pages written, some of which may have been there.
    pub(crate) pages_written: u64,
    /// Keys rendered and looked up.
    pub(crate) keys: u64,
    /// Ledger entries written.
    pub(crate) entries: u64,
    /// Commits.
    pub(crate) commits: u64,
}

/// Writes the script.
pub(crate) fn write_sources(dir: &Path, n: usize) {
    let mut text = String::from("line_id,scene_id,speaker,text\n");
    for line in 0..n {
        let (scene, speaker) = (line / 20, line % 7);
        writeln!(text, "line_{line:07},scene_{scene:06},Speaker {speaker},\"The {line}th thing anybody said here, {{player}}: nothing much, all told.\"").unwrap();
    }
    std::fs::write(dir.join("script.csv"), text).unwrap();
    settle(&dir.join("script.csv"));
    std::fs::write(dir.join("version"), "1").unwrap();
}

/// Changes the text of one line.
pub(crate) fn edit_line(dir: &Path, line: usize) {
    let path = dir.join("script.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let edited = text.replace(&format!("The {line}th thing"), &format!("The {line}th and last thing"));
    assert_ne!(text, edited);
    std::fs::write(&path, edited).unwrap();
    settle(&path);
}

/// Makes a file a minute old: one that was written a moment before it is read is read again by whoever looks next.
fn settle(path: &Path) {
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(60)).unwrap();
}

/// Makes the translator another agent.
pub(crate) fn edit_prompt(dir: &Path) {
    std::fs::write(dir.join("version"), "2").unwrap();
}

fn pipeline(dir: &Path, pause: Duration) -> Value {
    let version = std::fs::read_to_string(dir.join("version")).unwrap();
    // Agents that take their time share one provider.
    let limits = if pause.is_zero() { json!({}) } else { json!({ "concurrency": crate::LANES }) };
    json!({
        "limits": limits,
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

/// Runs the workload as it stands; agents take `pause` to answer.
pub(crate) async fn run(dir: &Path, pause: Duration) -> Counted {
    let (engine, work) = engine(dir, pause);
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
    counted(&work)
}

/// Asks a question about the workload as it stands.
pub(crate) async fn ask(dir: &Path, question: &str, n: usize) -> Counted {
    let (engine, work) = engine(dir, Duration::ZERO);
    let target =
        engine.target(&Selection { phase: "translate".parse().unwrap(), values: Vec::new() }).unwrap();
    match question {
        "status" => drop(engine.status().await.unwrap()),
        "why" => {
            let unit = format!("line_{:07}", n / 3);
            assert_eq!(engine.why(&target, Some(&unit), 20).await.unwrap().units.len(), 1);
        }
        "show" => drop(engine.show(&target, None, n as u64 / 2, Some(20)).await.unwrap()),
        "diff" => assert_eq!(engine.diff(&target, None).await.unwrap().changes.len(), 1),
        other => panic!("there is no question `{other}`"),
    }
    counted(&work)
}

fn counted(work: &Work) -> Counted {
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Counted {
        asks: get(&ASKS),
        pages_read: get(&work.pages_read),
        pages_written: get(&work.pages_written),
        keys: get(&work.keys),
        entries: get(&work.entries),
        commits: get(&work.commits),
    }
}

/// Reads the script and writes it out again, and nothing else.
pub(crate) async fn files_only(dir: &Path) {
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
    target.finish(&refrain_core::ports::files::Replaceable::anything()).unwrap();
}

fn engine(dir: &Path, pause: Duration) -> (Engine, Arc<Work>) {
    let pipeline: Pipeline = serde_json::from_value(pipeline(dir, pause)).unwrap();
    let builtin = BuiltinAgents::new().with("noop", 1, move |_| Ok(Arc::new(Noop(pause)) as Arc<dyn Agent>));
    let factories: Vec<Arc<dyn AgentFactory>> = vec![Arc::new(builtin)];
    let (files, set) = (BTreeMap::new(), BTreeMap::new());
    let (model, problems) =
        check(&pipeline, &Surroundings { factories: &factories, files: &files, set: &set });
    let model = model.unwrap_or_else(|| panic!("{problems:?}"));
    let store = Arc::new(FileStore::open(dir, Durability::Process).unwrap());
    let work = Arc::new(Work::default());
    let ports = Ports {
        store: Arc::new(CountingStore { inner: store, work: work.clone() }),
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
    (Engine::new(Arc::new(model), ports), work)
}

/// Answers a line with its own text, and a scene with the same words every time.
#[derive(Debug)]
struct Noop(Duration);

#[async_trait]
impl Agent for Noop {
    async fn answer(&self, request: Request, _: &Cancel) -> Result<Reply, AgentError> {
        if !self.0.is_zero() {
            tokio::time::sleep(self.0).await;
        }
        ASKS.fetch_add(request.units.len() as u64, Ordering::Relaxed);
        let units = request.units.into_iter().map(|unit| {
            let text = unit.input.field("text").unwrap_or("\"a scene\"");
            AnsweredUnit::new(unit.id, Ok(Json::object([("text", text)])))
        });
        Ok(Reply { units: units.collect(), ..Reply::default() })
    }
}
