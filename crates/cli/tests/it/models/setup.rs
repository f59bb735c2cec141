//! Projects that ask a simulated provider.

use std::fmt::Write as _;

use refrain_testkit::provider::{Figures, Provider, Settings};
use serde_json::json;

use crate::project::TestProject;

/// The key that projects have in their `.env`.
pub(super) const KEY: &str = "sk-test-0123456789abcdef";

/// What the model of [`project`] costs, in dollars per million tokens.
pub(super) const INPUT: f64 = 1.0;
pub(super) const CACHED: f64 = 0.1;
pub(super) const OUTPUT: f64 = 20.0;

/// Returns what usage costs, by the price above.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
pub(super) fn cost(usage: Figures) -> f64 {
    let fresh = (usage.input - usage.cached) as f64;
    (fresh * INPUT + usage.cached as f64 * CACHED + usage.output as f64 * OUTPUT) / 1e6
}

/// Starts a provider that wants the key.
pub(super) fn provider(settings: Settings) -> Provider {
    Provider::start(Settings { key: Some(KEY.to_owned()), ..settings }).unwrap()
}

/// What a project is like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// How many lines it has.
    pub(super) lines: usize,
    /// How many calls are made at once.
    pub(super) clones: usize,
    /// How often a call is tried.
    pub(super) attempts: u32,
    /// How many lines a call carries.
    pub(super) pack: usize,
    /// The budget of a run in dollars.
    pub(super) budget: Option<f64>,
    /// The kind of the endpoint.
    pub(super) kind: &'static str,
    /// More fields of the endpoint, as YAML in braces has them.
    pub(super) endpoint: &'static str,
}

impl Default for Shape {
    fn default() -> Self {
        let (kind, endpoint) = ("openai", "");
        Self { lines: 500, clones: 16, attempts: 12, pack: 1, budget: None, kind, endpoint }
    }
}

/// Returns a project that translates lines, each of which says in its prompt which one it is.
pub(super) fn project(base_url: &str, shape: &Shape) -> TestProject {
    let Shape { clones, attempts, pack, kind, endpoint, .. } = shape;
    let budget = shape.budget.map_or_else(String::new, |usd| format!("budget: {{ usd: {usd} }}\n"));
    let text = format!(
        "\
refrain: 1
name: lines
{budget}endpoints:
  sim: {{ kind: {kind}, base_url: \"{base_url}\", api_key_env: SIM_KEY, {endpoint} }}
prices:
  sim/small: {{ input: {INPUT}, cached_input: {CACHED}, output: {OUTPUT} }}
system: You translate a game.
agents:
  translator:
    model: sim/small
    prompt: prompts/line.md
    output: line.schema.json
    max_tokens: 200
    retry: {{ attempts: {attempts}, initial: 5ms, max: 50ms }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: line_id }}
  translate:
    units: {{ of: ingest }}
    pack: {{ max: {pack} }}
    agents: {{ translator: {clones} }}
    on_unit_failure: continue
    output: {{ records: lines, key: line_id, aligned: true }}
"
    );
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "sure": {"type": "boolean"}},
        "required": ["text", "sure"],
        "additionalProperties": false,
    });
    TestProject::new(&text)
        .file("lines.csv", &lines(shape.lines))
        .file("line.schema.json", &format!("{schema}\n"))
        .file("prompts/line.md", "Translate.\n<line id=\"{{ unit.id }}\">{{ unit.text }}</line>\n")
        .file(".env", &format!("SIM_KEY={KEY}\n"))
}

/// Returns so many lines.
fn lines(n: usize) -> String {
    let mut csv = String::from("line_id,text\n");
    (0..n).for_each(|n| writeln!(csv, "line_{n:05},The door {n} is open").unwrap());
    csv
}

/// Returns the ids of the lines that a prompt is about.
pub(super) fn lines_in(prompt: &str) -> Vec<String> {
    let behind = prompt.split("<line id=\"").skip(1);
    behind.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}
