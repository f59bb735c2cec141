//! Runs a pipeline from a Rust program: an agent of its own, no command line, and an ear for events.
//!
//! Three support tickets are sorted by an agent that lives in this program. One of them is empty, which the agent
//! refuses: the run ends partial and keeps the others. Then the ticket is mended and the same engine runs again; only
//! that one ticket is asked about.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use refrain_builtin::BuiltinAgents;
use refrain_core::check::{Surroundings, check};
use refrain_core::engine::{Control, Engine, Ports, RunRequest, Selection, Shown};
use refrain_core::model::Model;
use refrain_core::ports::agent::{Agent, AgentError, AgentFactory, AnsweredUnit, Reply, Request};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::sink::{LogSink, SinkError};
use refrain_core::ports::tools::NoTools;
use refrain_files::{FsProjectFiles, FsReader, FsWriter};
use refrain_schemas::event::{Event, Level};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::json::Json;
use refrain_schemas::log_line;
use refrain_schemas::money::Budget;
use refrain_schemas::pipeline::Pipeline;
use refrain_schemas::report::{RunReport, RunStatus};
use refrain_schemas::status::Holder;
use refrain_store::{Durability, FileStore};
use refrain_system::{RandomIds, SystemClock};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Sorts tickets; the words that make one urgent are in the agent's `params`.
#[derive(Debug)]
struct Triage;

#[async_trait]
impl Agent for Triage {
    async fn answer(&self, request: Request, _cancel: &Cancel) -> Result<Reply, AgentError> {
        // A setting that makes no sense fails the call as a whole, and for good.
        let urgent: Vec<String> = serde_json::from_value(request.params.value()["urgent"].take())
            .map_err(|error| AgentError::new(FailureKind::Permanent, format!("params.urgent: {error}")))?;
        let answer = |input: &Json| triage(&input.value(), &urgent);
        let units = request.units.iter();
        let units = units.map(|unit| AnsweredUnit::new(unit.id.clone(), answer(&unit.input)));
        Ok(Reply { units: units.collect(), ..Reply::default() })
    }
}

/// Decides about one ticket, or says why that cannot be done. The engine adds the ticket's id to the record.
fn triage(ticket: &Value, urgent: &[String]) -> Result<Json, Failure> {
    let text = ticket["text"].as_str().unwrap_or_default().to_lowercase();
    if text.is_empty() {
        return Err(Failure { kind: FailureKind::Refused, message: "the ticket is empty".to_owned() });
    }
    let found: Vec<&String> = urgent.iter().filter(|word| text.contains(*word)).collect();
    let decision = json!({ "queue": if found.is_empty() { "later" } else { "now" }, "because": found });
    Json::of(&decision).map_err(|error| Failure { kind: FailureKind::Permanent, message: error.to_string() })
}

/// Prints what happens; a user interface would draw it.
#[derive(Debug)]
struct Printer;

#[async_trait]
impl LogSink for Printer {
    fn level(&self) -> Level {
        Level::Info
    }

    async fn log(&self, event: &Event) -> Result<(), SinkError> {
        let line = format!("  {:5} {}", event.kind.level(), log_line::message(event));
        say(&line).map_err(|source| SinkError { sink: "standard output".to_owned(), source })
    }
}

/// The same as a `refrain.yaml`: a pipeline is data, wherever it comes from.
fn pipeline() -> Outcome<Pipeline> {
    Ok(serde_json::from_value(json!({
        "refrain": 1,
        "name": "tickets",
        "phases": {
            "tickets": {
                "agent": { "builtin": "read", "params": { "files": "tickets.jsonl" } },
                "output": { "records": "tickets", "key": "ticket" },
            },
            "triage": {
                "units": { "of": "tickets" },
                "agent": { "builtin": "triage", "params": { "urgent": ["down", "lost"] } },
                "on_unit_failure": "continue",
                "output": { "records": "decisions", "key": "ticket", "aligned": true },
            },
        },
    }))?)
}

/// Checks the pipeline; everything that is wrong with it comes at once.
fn model(factories: &[Arc<dyn AgentFactory>]) -> Outcome<Arc<Model>> {
    let surroundings = Surroundings { factories, files: &BTreeMap::new(), set: &BTreeMap::new() };
    let (model, problems) = check(&pipeline()?, &surroundings);
    let problems: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.path, p.message)).collect();
    model.map(Arc::new).ok_or_else(|| problems.join("\n").into())
}

/// Puts the engine together from adapters; each of them could be one of your own.
fn engine(folder: &Path) -> Outcome<Engine> {
    let agents = BuiltinAgents::new().with("triage", 1, |_| Ok(Arc::new(Triage)));
    let factories: Vec<Arc<dyn AgentFactory>> = vec![Arc::new(agents)];
    let ports = Ports {
        store: Arc::new(FileStore::open(folder, Durability::Process)?),
        factories: factories.clone(),
        executor: None,
        tools: Arc::new(NoTools),
        files: Arc::new(FsProjectFiles::new(folder)),
        reader: Arc::new(FsReader::new(folder)),
        writer: Arc::new(FsWriter::new(folder)),
        clock: Arc::new(SystemClock::new()),
        ids: Arc::new(RandomIds),
        logs: vec![Arc::new(Printer)],
        progress: Vec::new(),
    };
    Ok(Engine::new(model(&factories)?, ports))
}

async fn run(engine: &Engine) -> Outcome<RunReport> {
    let holder = Holder {
        pid: std::process::id(),
        host: "localhost".to_owned(),
        command: "embed".to_owned(),
        since: engine.ports().clock.now(),
    };
    let request = RunRequest {
        targets: Vec::new(),
        scopes: Vec::new(),
        only: false,
        force: false,
        offline: false,
        budget: Budget { calls: Some(10), ..Budget::default() },
        holder,
    };
    // Another task could fire `drain` or `abort` of the control.
    Ok(engine.run(&request, &Control::default()).await?)
}

async fn show(engine: &Engine) -> Outcome<()> {
    let target = engine.target(&Selection { phase: "triage".parse()?, values: Vec::new() })?;
    if let Shown::Records(records) = engine.show(&target, None, 0, None).await? {
        for record in records {
            say(&format!("  {record}"))?;
        }
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn ensure(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn write_tickets(folder: &Path, third: &str) -> Outcome<()> {
    let tickets = [
        json!({ "ticket": "t-1", "text": "The server is down again." }),
        json!({ "ticket": "t-2", "text": "Could the button be blue?" }),
        json!({ "ticket": "t-3", "text": third }),
    ];
    let lines: Vec<String> = tickets.iter().map(|ticket| format!("{ticket}\n")).collect();
    Ok(std::fs::write(folder.join("tickets.jsonl"), lines.concat())?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let engine = engine(folder.path())?;

    say("With an empty ticket:")?;
    write_tickets(folder.path(), "")?;
    let report = run(&engine).await?;
    ensure(report.status == RunStatus::Partial, "a refused ticket leaves a partial revision")?;
    show(&engine).await?;

    say("With the ticket mended:")?;
    write_tickets(folder.path(), "I lost my password.")?;
    let report = run(&engine).await?;
    ensure(report.status == RunStatus::Completed, "nothing is left to fail")?;
    ensure(report.calls == 1, "only the mended ticket is asked about")?;
    show(&engine).await
}
