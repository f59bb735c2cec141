//! Programs of the machine.

use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::runner::{Finished, Invocation, Program, RunLimits};
use refrain_core::ports::tool_catalogue::ANY_NAME;
use serde_json::{Value, json};

use crate::declare::{action, boolean, integer, map, number, positive, text};
use crate::params::printed;
use crate::tool::{Act, Acted, Declared, Fault, Tool};

/// How long a program may take where nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest that a program may take.
const LONGEST: Duration = Duration::from_secs(86_400);
/// The most of each output that is kept.
const OUTPUT: usize = 4 << 20;
/// The most memory of a Python program.
const MEMORY: u64 = 4 << 30;

/// Runs lines of the shell.
#[derive(Debug)]
struct Terminal;

/// Runs Python.
#[derive(Debug)]
struct Python;

pub(super) fn declared() -> [Declared; 2] {
    let result = [
        (
            "return_code",
            integer(),
            "its exit code; negative for the signal that ended it, -1 where it took too long",
        ),
        ("stdout", text(), "what it wrote"),
        ("stderr", text(), "what it said"),
        ("success", boolean(), "whether the code is 0"),
        ("timed_out", boolean(), "whether it took too long"),
        ("truncated", boolean(), "true where an output was longer than the 4 MiB that are kept; else absent"),
        ("execution_time", number(), "how many seconds it took"),
        ("cpu_time", json!({"type": ["number", "null"]}), "how many seconds processors worked for it"),
        ("peak_memory", json!({"type": ["integer", "null"]}), "the most bytes of memory that it held"),
    ];
    let timeout = ("timeout", positive(), "how many seconds it may take (30)");
    let capture = ("capture_output", boolean(), "whether its output is kept (true)");
    let environment = ("env", map(), "variables of its environment");
    let line = [
        ("command!", text(), "a line for the shell"),
        ("working_dir", text(), "the folder that it works in; made where there is none"),
        timeout.clone(),
        capture.clone(),
        environment.clone(),
    ];
    let code = [("code!", text(), "the program"), timeout, capture, environment];
    let terminal =
        action("execute", "Runs a line of the shell", &line, &result).volatile().or(&["run", ANY_NAME]);
    let python = action("execute", "Runs a program of Python", &code, &result).volatile().or(&["run"]);
    [
        super::tool(
            "terminal",
            &["shell", "command"],
            "Runs commands in the project's folder",
            vec![terminal],
            Terminal,
        ),
        super::tool(
            "python-executor",
            &["python", "python_executor"],
            "Runs Python in the project's folder",
            vec![python],
            Python,
        ),
    ]
}

#[async_trait]
impl Tool for Terminal {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let program = Program::Shell(act.params.needed("command")?.to_owned());
        let limits = RunLimits { cpu_seconds: None, memory_bytes: None, output_bytes: OUTPUT };
        ran(&act, program, limits).await
    }
}

#[async_trait]
impl Tool for Python {
    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        let program = Program::Python(act.params.needed("code")?.to_owned());
        let cpu = timeout(&act).as_secs().saturating_add(1);
        let limits = RunLimits { cpu_seconds: Some(cpu), memory_bytes: Some(MEMORY), output_bytes: OUTPUT };
        ran(&act, program, limits).await
    }
}

fn timeout(act: &Act<'_>) -> Duration {
    let seconds = act.params.number("timeout").map(Duration::try_from_secs_f64);
    seconds.and_then(Result::ok).unwrap_or(PATIENCE).min(LONGEST)
}

async fn ran(act: &Act<'_>, program: Program, limits: RunLimits) -> Result<Acted, Fault> {
    let folder = match act.params.text("working_dir") {
        Some(path) => Some(act.ports.workspace.folder(path).await.map_err(Fault::of_file(path))?),
        None => None,
    };
    let environment = act.params.map("env").into_iter().flatten();
    let work = Invocation {
        program,
        folder,
        environment: environment.map(|(name, value)| (name.clone(), printed(value))).collect(),
        input: Vec::new(),
        timeout: Some(timeout(act)),
        limits,
    };
    let finished = act.ports.runner.run(work, act.cancel).await.map_err(Fault::Raised)?;
    act.books.note(finished.resources);
    let keeps = act.params.flag("capture_output").unwrap_or(true);
    let result = result(&finished, keeps);
    match finished {
        Finished { timed_out: true, .. } => {
            let message = format!("it took longer than {} s", timeout(act).as_secs_f64());
            Err(Fault::reported(message).with(result))
        }
        Finished { code: Some(0), .. } => Ok(Acted::new(result)),
        Finished { code, stderr, .. } => Err(Fault::reported(ended(code, &stderr)).with(result)),
    }
}

fn result(finished: &Finished, keeps: bool) -> Value {
    let kept = |text: &str| if keeps { text.to_owned() } else { String::new() };
    let mut result = json!({
        "return_code": finished.code.unwrap_or(-1),
        "stdout": kept(&finished.stdout),
        "stderr": kept(&finished.stderr),
        "success": finished.code == Some(0),
        "timed_out": finished.timed_out,
        "execution_time": finished.resources.wall_seconds,
        "cpu_time": finished.resources.cpu_seconds,
        "peak_memory": finished.resources.peak_bytes,
    });
    if finished.is_cut && keeps {
        result["truncated"] = Value::Bool(true);
    }
    result
}

fn ended(code: Option<i32>, stderr: &str) -> String {
    let code = code.unwrap_or(-1);
    let how = if code < 0 {
        format!("it was ended by signal {}", -code)
    } else {
        format!("it ended with code {code}")
    };
    match stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(last) => format!("{how}: {}", last.trim().chars().take(300).collect::<String>()),
        None => how,
    }
}
