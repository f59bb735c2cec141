//! The tools of a model: what it is offered, and the rounds in which it uses them.
//!
//! Everything here is bounded, because a budget is kept by setting aside the most that a call can consume: the rounds,
//! the uses per round, and what all results of a round come to together. See [`round_bytes`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use refrain_core::ports::agent::{AgentError, SpecProblem};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::{Tool, ToolResult, ToolUse, Tools};
use refrain_schemas::agent_spec::{REGISTRY, ToolsSpec};
use refrain_schemas::digest::Digester;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::pipeline::Declarations;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::talk::Talk;
use super::wire::{End, Heard, ToolAnswer, ToolCall, ToolOffer, Turn};

/// How often a model may turn to its tools where the spec does not say.
const ROUNDS: u32 = 8;
/// How many bytes of a tool's result a model sees where the spec does not say.
const RESULT_BYTES: u32 = 16_384;
/// How many uses of one round are carried out.
const USES: usize = 8;
/// How many a model may ask for at once: each one has to be answered, if only by a refusal.
const ASKED: usize = 32;
/// The most bytes of a refusal.
const REFUSAL: usize = 256;
/// What stands around an answer: its id, its name, and the note that no more tools can be used.
const AROUND: usize = 200;
/// The longest name that every provider takes.
const NAME: usize = 64;
/// How many complaints about arguments a model is told.
const COMPLAINTS: usize = 5;

/// Returns how many requests a call with these tools can take.
pub(super) fn requests(spec: Option<&ToolsSpec>) -> u32 {
    spec.map_or(1, |spec| spec.rounds.unwrap_or(ROUNDS).saturating_add(1))
}

/// Returns the most bytes that a round of tools adds to the next request, besides the model's own words: all results
/// together come to twice the longest one.
pub(super) fn round_bytes(spec: Option<&ToolsSpec>) -> u64 {
    spec.map_or(0, |spec| {
        2 * u64::from(spec.result_bytes.unwrap_or(RESULT_BYTES)) + (ASKED * (AROUND + REFUSAL)) as u64
    })
}

/// Returns the servers of a spec, and which of their tools.
pub(super) fn of_traits(spec: Option<&ToolsSpec>) -> Vec<(String, Vec<String>)> {
    let from = spec.map(|spec| spec.from.iter().map(|(server, names)| (server.clone(), names.clone())));
    from.map(Iterator::collect).unwrap_or_default()
}

/// Checks what a spec says of tools.
pub(super) fn check(spec: &ToolsSpec, declared: &Declarations) -> Vec<SpecProblem> {
    let problem = |field: String, message: String| SpecProblem { field, message, hint: None };
    let mut problems = Vec::new();
    for server in spec.from.keys().filter(|server| *server != REGISTRY) {
        let field = format!("tools.from.{server}");
        match declared.servers.get(server) {
            None => problems.push(SpecProblem {
                hint: Some("declare it under `servers:`".to_owned()),
                ..problem(field, format!("there is no server `{server}`"))
            }),
            Some(written) => problems.extend(written.problem().map(|why| problem(field, why.to_owned()))),
        }
    }
    if spec.from.is_empty() {
        problems.push(problem("tools.from".to_owned(), "no tools are named".to_owned()));
    }
    let whole = spec.from.values().any(Vec::is_empty);
    for (at, name) in spec.require.iter().enumerate().filter(|_| !whole) {
        let is_there =
            spec.from.iter().any(|(server, names)| names.iter().any(|n| is_called(name, server, n)));
        if !is_there {
            let message = format!("`{name}` is required and not under `from`");
            problems.push(problem(format!("tools.require[{at}]"), message));
        }
    }
    problems
}

/// Whether a tool is meant by a name, written alone or as `server/tool`.
fn is_called(written: &str, server: &str, tool: &str) -> bool {
    written == tool || written.strip_prefix(server).and_then(|rest| rest.strip_prefix('/')) == Some(tool)
}

/// What a model may use in one call.
#[derive(Debug)]
pub(super) struct Toolbox {
    tools: Arc<dyn Tools>,
    /// By the names that the model knows.
    entries: BTreeMap<String, Entry>,
    required: Vec<String>,
    rounds: u32,
    result_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    server: String,
    tool: Tool,
}

impl Toolbox {
    /// Looks up the tools of a spec.
    pub(super) async fn open(tools: &Arc<dyn Tools>, spec: &ToolsSpec) -> Result<Self, AgentError> {
        let mut found = Vec::new();
        for (server, names) in &spec.from {
            let listed = tools.list(server).await?.tools;
            if let Some(missing) = names.iter().find(|name| !listed.iter().any(|tool| tool.name == **name)) {
                return Err(permanent(format!("MCP server `{server}` has no tool `{missing}`")));
            }
            let used = listed.into_iter().filter(|tool| names.is_empty() || names.contains(&tool.name));
            found.extend(used.map(|tool| Entry { server: server.clone(), tool }));
        }
        let required = spec
            .require
            .iter()
            .find(|name| !found.iter().any(|entry| is_called(name, &entry.server, &entry.tool.name)));
        if let Some(name) = required {
            return Err(permanent(format!("no server has the tool `{name}`, which is required")));
        }
        Ok(Self {
            tools: Arc::clone(tools),
            entries: named(found),
            required: spec.require.clone(),
            rounds: spec.rounds.unwrap_or(ROUNDS),
            result_bytes: spec.result_bytes.unwrap_or(RESULT_BYTES) as usize,
        })
    }

    fn offers(&self) -> Vec<ToolOffer> {
        let offer = |(name, entry): (&String, &Entry)| ToolOffer {
            name: name.clone(),
            description: entry.tool.description.clone(),
            input: entry.tool.input.clone(),
        };
        self.entries.iter().map(offer).collect()
    }

    /// Returns the first required tool that has not been used.
    fn lacking(&self, used: &BTreeSet<String>) -> Option<(&String, &Entry)> {
        let required =
            |entry: &Entry| self.required.iter().any(|name| is_called(name, &entry.server, &entry.tool.name));
        self.entries.iter().find(|(name, entry)| required(entry) && !used.contains(*name))
    }

    /// Carries out what a model asked for, side by side, and returns what it is told, in the order of its calls.
    async fn answer(
        &self,
        calls: &[ToolCall],
        used: &mut BTreeSet<String>,
    ) -> (Vec<Exchange>, Result<Vec<ToolAnswer>, AgentError>) {
        if calls.len() > ASKED {
            let message = format!("the model asked for {} tools at once", calls.len());
            return (Vec::new(), Err(AgentError::new(FailureKind::Invalid, message)));
        }
        let room = self.result_bytes.min(2 * self.result_bytes / calls.len().clamp(1, USES));
        let done = join_all(calls.iter().take(USES).map(|call| self.use_one(call, room))).await;
        let mut exchanges = Vec::new();
        let mut answers = Vec::new();
        let mut failed = None;
        for (call, (exchange, outcome)) in calls.iter().zip(done) {
            exchanges.extend(exchange);
            match outcome {
                Ok(answer) => {
                    if let Some((name, _)) = self.meant(&call.name).filter(|_| !answer.is_error) {
                        used.insert(name.clone());
                    }
                    answers.push(answer);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let refusal = format!("not done: at most {USES} tools are used at once; ask again");
        answers.extend(calls.iter().skip(USES).map(|call| told(call, refusal.clone(), true)));
        (exchanges, failed.map_or(Ok(answers), Err))
    }

    /// Carries out one use. What the tool says, and what is wrong with the use, is for the model; what is wrong with the
    /// server is not, because an answer made without it would be kept as if nothing had been wrong.
    async fn use_one(
        &self,
        call: &ToolCall,
        room: usize,
    ) -> (Option<Exchange>, Result<ToolAnswer, AgentError>) {
        let (entry, arguments) = match self.understood(call) {
            Ok(understood) => understood,
            Err(why) => return (None, Ok(told(call, cut(why, room.min(REFUSAL)), true))),
        };
        let use_ = ToolUse {
            server: entry.server.clone(),
            tool: entry.tool.name.clone(),
            arguments: arguments.clone(),
        };
        let begun = Instant::now();
        let outcome = self.tools.call(use_, &Cancel::new()).await;
        let shown = outcome.as_ref().ok().map(|result| cut(result.text.clone(), room));
        let exchange = Exchange {
            to: format!("tool {}/{}", entry.server, entry.tool.name),
            request: Value::Object(arguments.clone()),
            status: None,
            response: shown.clone().map(Value::String),
            error: outcome.as_ref().err().map(ToString::to_string),
            seconds: begun.elapsed().as_secs_f64(),
        };
        let answer =
            outcome.map(|ToolResult { is_error, .. }| told(call, shown.unwrap_or_default(), is_error));
        (Some(exchange), answer)
    }

    /// Returns the tool that a model means: by the name it was told or, as models do, by the tool's own name, where only
    /// one tool is called so.
    fn meant(&self, called: &str) -> Option<(&String, &Entry)> {
        self.entries.get_key_value(called).or_else(|| {
            let mut namesakes = self.entries.iter().filter(|(_, entry)| entry.tool.name == called);
            namesakes.next().filter(|_| namesakes.next().is_none())
        })
    }

    fn understood<'a>(&'a self, call: &'a ToolCall) -> Result<(&'a Entry, &'a Map<String, Value>), String> {
        let (_, entry) = self.meant(&call.name).ok_or_else(|| {
            let names: Vec<&str> = self.entries.keys().map(String::as_str).collect();
            format!("there is no tool `{}`; there are {}", call.name, names.join(", "))
        })?;
        let arguments = call.arguments.as_ref();
        let arguments = arguments.map_err(|_| "the arguments are no JSON object".to_owned())?;
        match complaint(&entry.tool.input, arguments) {
            None => Ok((entry, arguments)),
            Some(complaint) => Err(format!("the arguments do not fit: {complaint}")),
        }
    }
}

/// Talks with a model until it answers, and returns that answer.
///
/// # Errors
/// Fails where no answer came within the rounds there are, or where one came without a required tool; and where a
/// server fails.
pub(super) async fn converse(talk: &mut Talk<'_>, toolbox: &Toolbox) -> Result<Heard, AgentError> {
    talk.offers = toolbox.offers();
    let mut used = BTreeSet::new();
    let mut was_told = false;
    for left in (0..=toolbox.rounds).rev() {
        let heard = talk.round().await?;
        let reply = match (&heard.end, toolbox.lacking(&used)) {
            (End::Tools, _) if left == 0 => {
                let rounds = toolbox.rounds;
                let message = format!("the model used up its {rounds} rounds of tools and did not answer");
                return Err(AgentError::new(FailureKind::Invalid, message));
            }
            (End::Tools, _) => {
                let (exchanges, answers) = toolbox.answer(&heard.said.calls, &mut used).await;
                talk.trace.exchanges.extend(exchanges);
                Turn::Tools(with_last_call(answers?, left == 1))
            }
            (End::Done, Some((name, _))) if was_told || left == 0 => {
                let message = format!("the model answered without having used the tool `{name}`");
                return Err(AgentError::new(FailureKind::Invalid, message));
            }
            (End::Done, Some((name, _))) => {
                was_told = true;
                Turn::User(format!("Use the tool `{name}` first, and answer after that."))
            }
            _ => return Ok(heard),
        };
        talk.turns.extend([Turn::Model(heard.said), reply]);
    }
    Err(AgentError::new(FailureKind::Invalid, "the model did not answer"))
}

/// Tells a model that its next word has to be the answer.
fn with_last_call(mut answers: Vec<ToolAnswer>, is_last: bool) -> Vec<ToolAnswer> {
    if let Some(answer) = answers.last_mut().filter(|_| is_last) {
        answer.text.push_str("\n\n(No more tools can be used. Answer now.)");
    }
    answers
}

fn told(call: &ToolCall, text: String, is_error: bool) -> ToolAnswer {
    ToolAnswer { id: call.id.clone(), name: call.name.clone(), text, is_error }
}

/// Cuts a text to so many bytes, the note on it included.
fn cut(text: String, room: usize) -> String {
    if text.len() <= room {
        return text;
    }
    let note = format!("\n[cut: the whole has {} bytes]", text.len());
    let note = if note.len() < room { note } else { String::new() };
    let end = (0..=room - note.len()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{note}", &text[..end])
}

/// Says what about arguments does not fit a tool's schema; a schema that is none has nothing to say.
fn complaint(schema: &Value, arguments: &Map<String, Value>) -> Option<String> {
    let validator = jsonschema::validator_for(schema).ok()?;
    let arguments = Value::Object(arguments.clone());
    let errors = validator.iter_errors(&arguments).take(COMPLAINTS);
    let all: Vec<String> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Gives every tool the name under which a model knows it: `server__tool` where that is a name for all providers and no
/// other tool's, else what is left of it with a piece of a digest.
fn named(entries: Vec<Entry>) -> BTreeMap<String, Entry> {
    let mut plain: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &entries {
        *plain.entry(safe(entry)).or_default() += 1;
    }
    let name = |entry: &Entry| {
        let name = safe(entry);
        let is_own = name == format!("{}__{}", entry.server, entry.tool.name);
        if is_own && name.len() <= NAME && plain.get(&name) == Some(&1) {
            return name;
        }
        let mut digester = Digester::new("refrain tool name v1");
        let digest = digester.part(entry.server.as_bytes()).part(entry.tool.name.as_bytes()).finish();
        // The name is ASCII by now.
        let kept: String = name.chars().take(NAME - 13).collect();
        format!("{kept}_{}", digest.short())
    };
    entries.into_iter().map(|entry| (name(&entry), entry)).collect()
}

fn safe(entry: &Entry) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
    let name: String = format!("{}__{}", entry.server, entry.tool.name).chars().map(allowed).collect();
    // Gemini wants a letter or an underscore first.
    if name.starts_with(|c: char| c.is_ascii_digit() || c == '-') { format!("_{name}") } else { name }
}

fn permanent(message: String) -> AgentError {
    AgentError::new(FailureKind::Permanent, message)
}

#[cfg(test)]
mod tests {
    use refrain_schemas::digest::Digest;

    use super::*;

    fn names(tools: &[(&str, &str)]) -> Vec<String> {
        let entry = |(server, name): &(&str, &str)| Entry {
            server: (*server).to_owned(),
            tool: Tool {
                name: (*name).to_owned(),
                description: String::new(),
                input: Value::Null,
                digest: Digest::of_content(b""),
            },
        };
        let named = named(tools.iter().map(entry).collect());
        let name = |(server, tool): &(&str, &str)| {
            let mut of =
                named.iter().filter(|(_, entry)| entry.server == *server && entry.tool.name == *tool);
            of.next().map(|(name, _)| name.clone()).unwrap_or_default()
        };
        tools.iter().map(name).collect()
    }

    #[test]
    fn every_tool_has_a_name_of_its_own_that_providers_take() {
        assert_eq!(
            names(&[("files", "read_file"), ("web", "read-file")]),
            ["files__read_file", "web__read-file"]
        );
        let long = "x".repeat(200);
        let odd = [
            ("a", "b__c"),
            ("a__b", "c"),
            ("a", "日本"),
            ("a", "日大"),
            ("9", "x"),
            ("a", long.as_str()),
            ("", ""),
        ];
        let named = names(&odd);
        let valid = |name: &String| {
            let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            first && name.len() <= NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        };
        assert!(named.iter().all(valid), "{named:?}");
        let all: BTreeSet<&String> = named.iter().collect();
        assert_eq!(all.len(), odd.len(), "{named:?}");
        let mut turned = odd;
        turned.reverse();
        let mut again = names(&turned);
        again.reverse();
        assert_eq!(again, named, "their order does not matter");
    }

    #[test]
    fn what_is_cut_fits() {
        let check = |text: &str, room: usize, expect: &str| assert_eq!(cut(text.to_owned(), room), expect);
        check("short", 5, "short");
        check("longer", 5, "longe");
        check("日本", 5, "日");
        check(&"x".repeat(100), 40, "xxxxxxxxx\n[cut: the whole has 100 bytes]");
        check("x", 0, "");
        for room in 0..200 {
            assert!(cut("日本語".repeat(100), room).len() <= room);
        }
    }
}
