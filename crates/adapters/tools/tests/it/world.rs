//! A world for tools, and what they make in it.

use std::sync::Arc;

use refrain_core::ports::agent::{Agent, AgentFactory as _, Blueprint};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::runner::{Finished, Resources};
use refrain_core::ports::tool_catalogue::ToolCatalogue as _;
use refrain_core::ports::tools::NoTools;
use refrain_schemas::agent_spec::{AgentSpec, ToolAction, ToolRef};
use refrain_schemas::failure::FailureKind;
use refrain_schemas::pipeline::Pipeline;
use refrain_testkit::ask::request;
use refrain_testkit::clock::ManualClock;
use refrain_testkit::remarks::RecordingRemarks;
use refrain_testkit::tools::{MemoryPast, MemoryWorkspace, ScriptedFetch, ScriptedRunner};
use refrain_tools::{ToolAgents, ToolPorts, Toolbox};
use serde_json::{Value, json};

use crate::memory_scratch::MemoryScratch;

/// Rows that most tests are about.
pub(crate) const ROWS: &str = "name,dept,pay\nann,ops,10\nbob,dev,20\ncy,dev,30\nann,ops,10\n";

/// What tools work with.
pub(crate) struct World {
    pub(crate) files: Arc<MemoryWorkspace>,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) web: Arc<ScriptedFetch>,
    pub(crate) past: Arc<MemoryPast>,
    pub(crate) toolbox: Arc<Toolbox>,
    pub(crate) clock: Arc<ManualClock>,
}

fn finished(code: i32, stdout: &str, timed_out: bool) -> Finished {
    Finished {
        code: (!timed_out).then_some(code),
        stdout: stdout.to_owned(),
        stderr: "warn\n".to_owned(),
        is_cut: false,
        timed_out,
        resources: Resources { wall_seconds: 0.25, cpu_seconds: Some(0.1), peak_bytes: Some(4096) },
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::ending(0, "out\n", false)
    }

    /// Returns a world whose programs end like this.
    pub(crate) fn ending(code: i32, stdout: &str, timed_out: bool) -> Self {
        Self::of(finished(code, stdout, timed_out), ScriptedFetch::new(200, "{\"ok\": true}"))
    }

    /// Returns a world whose web answers like this.
    pub(crate) fn answering(status: u16, body: &str) -> Self {
        Self::of(finished(0, "", false), ScriptedFetch::new(status, body))
    }

    fn of(answer: Finished, web: ScriptedFetch) -> Self {
        let files = Arc::new(MemoryWorkspace::with(&[
            ("in/t.csv", ROWS),
            ("a.txt", "héllo"),
            ("d.json", "{\"x\": [1]}"),
        ]));
        let (runner, web) = (Arc::new(ScriptedRunner::new(answer)), Arc::new(web));
        let (clock, past) = (Arc::new(ManualClock::default()), Arc::new(MemoryPast::default()));
        let toolbox = Arc::new(Toolbox::new(ToolPorts {
            workspace: files.clone(),
            runner: runner.clone(),
            fetch: web.clone(),
            scratch: Arc::new(MemoryScratch::default()),
            past: past.clone(),
            servers: Arc::new(NoTools),
            clock: clock.clone(),
        }));
        Self { files, runner, web, past, toolbox, clock }
    }

    pub(crate) fn spec(tool: &str, action: Option<&str>) -> AgentSpec {
        let action = ToolAction { name: tool.to_owned(), action: action.map(str::to_owned) };
        AgentSpec { tool: Some(ToolRef::Action(action)), ..AgentSpec::default() }
    }

    pub(crate) fn agent(&self, tool: &str, action: Option<&str>) -> Arc<dyn Agent> {
        let pipeline: Pipeline =
            serde_json::from_value(json!({"refrain": 1, "name": "p", "phases": {}})).unwrap();
        let blueprint = Blueprint {
            name: "tool".parse().unwrap(),
            spec: Self::spec(tool, action),
            declared: Arc::new(pipeline.declarations()),
            clone: 0,
            remarks: RecordingRemarks::new(),
        };
        ToolAgents::new(self.toolbox.clone()).make(&blueprint).unwrap()
    }

    /// Carries a tool out for a unit; returns its document, of a failure as well.
    pub(crate) fn act_for(&self, unit: &str, tool: &str, action: Option<&str>, input: Value) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let request = request(1, &[(unit, input)]);
        let reply = runtime.block_on(self.agent(tool, action).answer(request, &Cancel::new())).unwrap();
        let answered = reply.units.into_iter().next().unwrap();
        match answered.result {
            Ok(json) => {
                self.is_as_declared(tool, action, &json.value());
                json.value()
            }
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Reported, "{failure:?}");
                let document: Value = serde_json::from_str(&answered.said.unwrap()).unwrap();
                assert_eq!(document["error"], json!(failure.message));
                document
            }
        }
    }

    /// What an action makes MUST be what it declares, for steps are held to that.
    fn is_as_declared(&self, tool: &str, action: Option<&str>, document: &Value) {
        let Some(view) = self.toolbox.find(tool) else { return };
        let Some(found) = action.and_then(|action| view.action(action)) else { return };
        let output = jsonschema::validator_for(found.output).unwrap();
        let wrong: Vec<String> = output.iter_errors(document).map(|error| error.to_string()).collect();
        assert_eq!(wrong, [""; 0], "{tool} {action:?}: {document}");
    }

    pub(crate) fn act(&self, tool: &str, action: &str, input: Value) -> Value {
        self.act_for("all", tool, Some(action), input)
    }

    /// Carries a tool out that succeeds; returns its result.
    #[track_caller]
    pub(crate) fn made(&self, tool: &str, action: &str, input: Value) -> Value {
        let document = self.act(tool, action, input);
        assert_eq!(document["success"], json!(true), "{document}");
        document["result"].clone()
    }

    /// Carries a tool out that fails; returns its document.
    #[track_caller]
    pub(crate) fn failed(&self, tool: &str, action: &str, input: Value, part: &str) -> Value {
        let document = self.act(tool, action, input);
        assert_eq!(document["success"], json!(false), "{document}");
        assert!(document["error"].as_str().unwrap().contains(part), "{document}");
        document["result"].clone()
    }
}
