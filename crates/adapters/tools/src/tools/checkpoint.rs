//! The runs on record: which there are, what became of their steps, and what these made.

use std::slice::from_ref;

use async_trait::async_trait;
use refrain_core::ports::agent::Touched;
use refrain_core::ports::past::{Past, PastRun};
use refrain_core::ports::tool_catalogue::{Complaint, Written};
use refrain_core::ports::workspace::{Workspace, no_file};
use refrain_schemas::digest::Digest;
use refrain_schemas::report::{PhaseReport, RunReport};
use refrain_schemas::scope::Target;
use serde_json::{Map, Value, json};

use super::words::no_target;
use crate::declare::{action, any, integer, list, map, one_of, text};
use crate::tool::{Act, Acted, Declared, Fault, Tool};

/// The most bytes that are given of what a run made.
const LARGEST: usize = 64 << 20;
/// So much of it is read at once.
const AT_ONCE: usize = 16;
/// What is told of a run besides its steps.
const ABOUT: [&str; 5] = ["id", "status", "started_at", "ended_at", "pipeline"];
/// The run that is meant where none is named.
const LATEST: &str = "latest";

#[derive(Debug)]
struct Checkpoint;

pub(super) fn declared() -> Declared {
    let run = ("checkpoint_file", text(), "the id of a run, or `latest`, the last one that ended (latest)");
    let pipeline = ("pipeline_name", text(), "the pipeline file, or its name without the ending");
    let about = [
        ("id", text(), "the run"),
        ("status", text(), "how it ended; `unfinished` of one that was killed or still runs"),
        ("started_at", text(), "when it began"),
        ("ended_at", any(), "when it ended"),
        ("pipeline", any(), "the pipeline file"),
    ];
    let steps = ("steps", list(), "step, status, digest and error of each");
    let outputs = ("outputs", map(), "the outputs");
    let actions = vec![
        action(
            "list",
            "Lists the runs on record",
            from_ref(&pipeline),
            &[
                ("runs", list(), "id, status, started_at, ended_at and pipeline of each, oldest first"),
                ("count", integer(), "how many that are"),
            ],
        )
        .volatile(),
        action(
            "inspect",
            "Says what became of the steps of a run",
            &[run.clone(), pipeline.clone()],
            &[about.as_slice(), &[steps, outputs.clone()]].concat(),
        )
        .volatile(),
        action(
            "extract",
            "Gives what the steps of a run made, and writes it to a file",
            &[
                run,
                pipeline,
                ("output_format", one_of(&["json", "yaml", "markdown"]), "how it is written (json)"),
                ("output_file", text(), "the file that it is written to"),
            ],
            &[
                about.as_slice(),
                &[
                    ("steps", map(), "what each made, but for what told of a run"),
                    outputs,
                    ("path", any(), "the file"),
                ],
            ]
            .concat(),
        )
        .volatile(),
    ];
    super::tool("checkpoint", &[], "Looks at the runs on record", actions, Checkpoint)
}

#[async_trait]
impl Tool for Checkpoint {
    fn touches(&self, action: &str, input: &Map<String, Value>) -> Touched {
        let path = input.get("output_file").and_then(Value::as_str).filter(|_| action == "extract");
        Touched { reads: Vec::new(), writes: path.map(str::to_owned).into_iter().collect() }
    }

    fn judge(&self, _: &str, written: &Written, files: &dyn Workspace) -> Vec<Complaint> {
        let path = written.get("output_file").and_then(Value::as_str);
        path.and_then(|path| no_target("output_file", path, files)).into_iter().collect()
    }

    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let past = &*act.ports.past;
        let runs = runs_of(past, act.params.text("pipeline_name")).await?;
        if act.action == "list" {
            let runs: Vec<Value> = runs.iter().map(listed).collect();
            return Ok(Acted::new(json!({ "count": runs.len(), "runs": runs })));
        }
        let run = named(&runs, act.params.text("checkpoint_file").unwrap_or(LATEST))?;
        let Some(report) = run.end.as_ref().map(|end| &end.report) else {
            return Err(Fault::reported(format!("run {} did not end: what it came to is not known", run.id)));
        };
        let mut result = listed(run);
        result["outputs"] = Value::Object(report.outputs.clone());
        if act.action == "inspect" {
            result["steps"] = report.phases.iter().map(inspected).collect();
            return Ok(Acted::new(result));
        }
        let path = act.params.text("output_file");
        if let Some(message) = path.and_then(no_file) {
            return Err(Fault::reported(message).with(json!({ "path": path })));
        }
        result["steps"] = Value::Object(made(past, report, &runs).await?);
        if let Some(path) = path {
            let text = laid_out(&result, act.params.text("output_format").unwrap_or("json"))?;
            act.ports.workspace.write(path, text.as_bytes()).await.map_err(Fault::of_file(path))?;
        }
        result["path"] = json!(path);
        Ok(Acted::new(result))
    }
}

/// Returns the runs of a pipeline.
async fn runs_of(past: &dyn Past, pipeline: Option<&str>) -> Result<Vec<PastRun>, Fault> {
    let mut runs = past.runs().await?;
    let Some(name) = pipeline else { return Ok(runs) };
    let is_so = |file: &str| file == name || file.rsplit_once('.').is_some_and(|(stem, _)| stem == name);
    runs.retain(|run| run.pipeline.as_deref().is_some_and(is_so));
    if runs.is_empty() {
        return Err(Fault::reported(format!("no run of `{name}` is on record here")));
    }
    Ok(runs)
}

fn named<'r>(runs: &'r [PastRun], name: &str) -> Result<&'r PastRun, Fault> {
    let found = match name {
        LATEST => runs.iter().rev().find(|run| run.end.is_some()),
        id => runs.iter().find(|run| run.id.to_string() == id),
    };
    found.ok_or_else(|| match name {
        LATEST => Fault::reported("no run that ended is on record"),
        id => Fault::reported(format!("there is no run `{id}` on record; `checkpoint.list` gives them")),
    })
}

fn listed(run: &PastRun) -> Value {
    let end = run.end.as_ref();
    json!({
        "id": run.id, "status": end.map_or("unfinished", |end| end.report.status.as_str()),
        "started_at": run.started_at, "ended_at": end.map(|end| end.at), "pipeline": run.pipeline,
    })
}

/// Returns the name of a phase, with its scope where it has one.
fn step(phase: &PhaseReport) -> String {
    Target { phase: phase.phase.clone(), scope: phase.scope.clone() }.to_string()
}

fn inspected(phase: &PhaseReport) -> Value {
    json!({
        "step": step(phase), "status": phase.status.as_str(), "digest": phase.document.or(phase.digest),
        "error": phase.error.as_ref().map(|error| &error.message),
    })
}

/// Returns what the steps of a run made. What told of a run is left out: all of this would be in it, and in that what it told
/// of the run before.
async fn made(past: &dyn Past, report: &RunReport, runs: &[PastRun]) -> Result<Map<String, Value>, Fault> {
    let digest = |phase: &PhaseReport| Some((step(phase), phase.document.or(phase.digest)?));
    let known: Vec<(String, Digest)> = report.phases.iter().filter_map(digest).collect();
    let mut made = Map::new();
    let mut size = Value::Object(report.outputs.clone()).to_string().len();
    for some in known.chunks(AT_ONCE) {
        let digests: Vec<Digest> = some.iter().map(|(_, digest)| *digest).collect();
        for ((step, _), contents) in some.iter().zip(past.contents(&digests).await?) {
            let gone = || Fault::reported(format!("what `{step}` made in that run is no longer kept"));
            let contents = contents.ok_or_else(gone)?;
            if tells_of_a_run(&contents, runs) {
                continue;
            }
            size += contents.to_string().len();
            if size > LARGEST {
                return Err(Fault::reported(format!("the run made more than {} MiB", LARGEST >> 20)));
            }
            made.insert(step.clone(), contents);
        }
    }
    Ok(made)
}

/// Whether a document is what this tool told of a run.
fn tells_of_a_run(document: &Value, runs: &[PastRun]) -> bool {
    let Some(result) = document.get("result").and_then(Value::as_object) else { return false };
    let tells = |key: &str| ABOUT.contains(&key) || matches!(key, "steps" | "outputs" | "path");
    let is_run = |id: &str| runs.iter().any(|run| run.id.to_string() == id);
    result.contains_key("steps")
        && result.keys().all(|key| tells(key))
        && result.get("id").and_then(Value::as_str).is_some_and(is_run)
}

fn laid_out(result: &Value, format: &str) -> Result<String, Fault> {
    let pretty = |value: &Value| {
        serde_json::to_string_pretty(value).map_err(|error| Fault::reported(error.to_string()))
    };
    Ok(match format {
        "yaml" => crate::yaml::written(result),
        "markdown" => {
            let text = |name: &str| result[name].as_str().unwrap_or("-").to_owned();
            let mut out = format!(
                "# Run {}\n\n- Status: {}\n- Started: {}\n- Ended: {}\n",
                text("id"),
                text("status"),
                text("started_at"),
                text("ended_at")
            );
            for (name, value) in result["steps"].as_object().into_iter().flatten() {
                out.push_str(&format!("\n## {name}\n\n```json\n{}\n```\n", pretty(value)?));
            }
            out
        }
        _ => pretty(result)? + "\n",
    })
}
