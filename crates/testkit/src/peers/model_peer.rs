//! The simulator of several providers' models.

use std::io::{Error, Write as _};

use serde_json::{Value, json};

use super::process::Process;
use crate::loopback::ask;
use crate::provider::Figures;

/// What a simulated model says to whoever mentions a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The text that the last message of the user has in it; an empty one fits every message.
    pub when: String,
    /// The answer.
    pub text: String,
    /// A tool to turn to instead, and its arguments, until there is a result of one.
    pub tool: Option<(String, Value)>,
    /// The usage it reports.
    pub usage: Figures,
}

impl Said {
    /// Returns an answer that is text.
    #[must_use]
    pub fn text(when: &str, text: &str, input: u64, output: u64) -> Self {
        let usage = Figures { input, cached: 0, output };
        Self { when: when.to_owned(), text: text.to_owned(), tool: None, usage }
    }

    /// Returns an answer that turns to a tool first.
    #[must_use]
    pub fn with_tool(when: &str, tool: &str, arguments: Value, text: &str) -> Self {
        Self { tool: Some((tool.to_owned(), arguments)), ..Self::text(when, text, 100, 10) }
    }

    fn fixtures(&self) -> Vec<Value> {
        let usage = json!({
            "prompt_tokens": self.usage.input, "completion_tokens": self.usage.output,
            "input_tokens": self.usage.input, "output_tokens": self.usage.output,
            "promptTokenCount": self.usage.input, "candidatesTokenCount": self.usage.output,
        });
        let when = |has_result: Option<bool>| {
            let mut when = json!({});
            if !self.when.is_empty() {
                when["userMessage"] = json!(self.when);
            }
            if let Some(has_result) = has_result {
                when["hasToolResult"] = json!(has_result);
            }
            when
        };
        let turn = self.tool.as_ref().map(|(name, arguments)| {
            let call = json!({"name": name, "arguments": arguments, "id": "call_1"});
            json!({"match": when(Some(false)), "response": {"toolCalls": [call], "usage": usage}})
        });
        let text = json!({"match": when(None), "response": {"content": self.text, "usage": usage}});
        turn.into_iter().chain([text]).collect()
    }
}

/// What share of the requests that reach it a simulated model fails, from 0 to 1 each, one drawn after the other.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// 500.
    pub dropped: f64,
    /// 200 with a body that is no JSON.
    pub malformed: f64,
    /// 429 with `Retry-After: 1`.
    pub rate_limited: f64,
    /// The connection ends without a response.
    pub disconnected: f64,
    /// How long every request takes, in milliseconds.
    pub latency_ms: u64,
}

/// A simulated provider under way.
#[derive(Debug)]
pub struct ModelPeer {
    _process: Process,
    _fixtures: tempfile::TempDir,
    root: String,
}

/// One request that a simulated provider took down.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelEntry {
    /// The path.
    pub path: String,
    /// The body.
    pub body: Value,
    /// The status of the response; 0 where the connection ended without one.
    pub status: u64,
    /// The fault that was injected, such as `drop`.
    pub fault: Option<String>,
    /// The usage that the response reported, where it was a good one.
    pub usage: Option<Figures>,
}

impl ModelPeer {
    pub(super) fn start(script: &[String], said: &[Said], faults: Faults) -> std::io::Result<Self> {
        let fixtures = tempfile::tempdir()?;
        let path = fixtures.path().join("fixtures.json");
        let all: Vec<Value> = said.iter().flat_map(Said::fixtures).collect();
        std::fs::File::create(&path)?.write_all(json!({"fixtures": all}).to_string().as_bytes())?;
        let path = path.to_string_lossy();
        let arguments = ["--port", "0", "--journal-max", "0", "--fixtures", &path];
        let command: Vec<String> = script.iter().cloned().chain(arguments.map(str::to_owned)).collect();
        let process = Process::start(&command, &[])?;
        let root = process.wait_for_line("http://")?.trim().to_owned();
        let peer = Self { _process: process, _fixtures: fixtures, root };
        peer.set(faults)?;
        Ok(peer)
    }

    /// Returns the address without a path.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Returns the base URL of the kinds `openai`, `responses` and `anthropic`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1", self.root)
    }

    /// Returns the base URL of the kind `gemini`.
    #[must_use]
    pub fn gemini_url(&self) -> String {
        format!("{}/v1beta", self.root)
    }

    /// Changes which requests it fails from now on.
    ///
    /// # Errors
    /// Fails where it cannot be reached.
    pub fn set(&self, faults: Faults) -> std::io::Result<()> {
        let chaos = json!({
            "dropRate": faults.dropped, "malformedRate": faults.malformed, "rateLimitRate": faults.rate_limited,
            "disconnectRate": faults.disconnected, "latencyMs": faults.latency_ms,
        });
        let answer = ask(&self.root, "POST", "/__aimock/chaos", &chaos.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(Error::other(answer.body)) }
    }

    /// Returns every request for a model so far, in the order in which they were answered.
    ///
    /// # Errors
    /// Fails where it cannot be reached.
    pub fn journal(&self) -> std::io::Result<Vec<ModelEntry>> {
        let text = ask(&self.root, "GET", "/__aimock/journal?limit=1000000", "")?.body;
        let entries: Vec<Value> = serde_json::from_str(&text).map_err(Error::other)?;
        Ok(entries.iter().filter(|entry| entry["method"] == "POST").map(ModelEntry::from).collect())
    }
}

impl From<&Value> for ModelEntry {
    fn from(entry: &Value) -> Self {
        let response = &entry["response"];
        let fault = response["chaosAction"].as_str().map(str::to_owned);
        let reported = &response["fixture"]["response"]["usage"];
        let count = |name: &str| reported[name].as_u64().unwrap_or_default();
        let figures =
            Figures { input: count("prompt_tokens"), cached: 0, output: count("completion_tokens") };
        let is_good = response["status"] == 200 && fault.is_none() && reported.is_object();
        Self {
            path: entry["path"].as_str().unwrap_or_default().to_owned(),
            body: entry["body"].clone(),
            status: response["status"].as_u64().unwrap_or_default(),
            fault,
            usage: is_good.then_some(figures),
        }
    }
}
