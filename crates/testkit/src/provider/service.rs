//! What happens to a request: limits, faults, an answer, a line in the journal.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use refrain_schemas::digest::Digest;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::answer;
use super::fault::{Chance, Fault, mixed, prefix};
use super::http::{Body, Request, Response};
use super::journal::{Entry, Figures, Journal};
use super::limit::Bucket;
use super::settings::{Settings, UsageFigures};
use super::wire::{self, Asked, Ending, Told};

/// What the roles of the messages and their ends come to, in tokens.
const AROUND_PROMPT: u64 = 8;

/// Answers requests.
#[derive(Debug)]
pub(super) struct Service {
    state: Mutex<State>,
    journal: Journal,
    held: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    chance: Chance,
    bucket: Bucket,
}

/// What was decided about a request when it arrived.
#[derive(Debug)]
enum Verdict {
    /// It comes too early; try again after so long.
    TooEarly(Duration),
    /// It is answered well or not; so many more would be let through now.
    Served(Option<Fault>, Option<u32>),
}

impl Service {
    pub(super) fn new(settings: Settings) -> std::io::Result<Self> {
        let journal = Journal::open(settings.journal.as_deref())?;
        let state = State { settings, chance: Chance::default(), bucket: Bucket::new(Instant::now()) };
        Ok(Self { state: Mutex::new(state), journal, held: watch::Sender::new(false) })
    }

    pub(super) const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    pub(super) fn hold(&self, is_held: bool) {
        self.held.send_replace(is_held);
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: &Request) -> Response {
        match (request.method.as_str(), request.path.split('?').next().unwrap_or_default()) {
            ("POST", "/control") => self.control(&request.body),
            ("GET", "/journal") => whole(200, &json!(self.journal.entries())),
            ("GET", path) => self.tell(request, path),
            ("POST", _) => self.ask(request).await,
            _ => whole(404, &json!({"error": {"message": "nothing is here"}})),
        }
    }

    /// Tells which models there are, or about one of them.
    fn tell(&self, request: &Request, path: &str) -> Response {
        let settings = self.settings();
        if !settings.tells_models {
            return whole(404, &json!({"error": {"message": "nothing is here"}}));
        }
        if !has_key(&settings, request) {
            return whole(401, &json!({"error": {"message": "the key is wrong"}}));
        }
        wire::models(path, &settings.models).map_or_else(
            || whole(404, &json!({"error": {"message": "there is no such model"}})),
            |models| whole(200, &models),
        )
    }

    /// Changes the settings that a JSON object names.
    fn control(&self, body: &str) -> Response {
        let mut state = self.state();
        let changed = || {
            let Value::Object(changes) = serde_json::from_str(body)? else { return Ok(None) };
            let mut all = serde_json::to_value(&state.settings)?;
            let fields = all.as_object_mut();
            fields.into_iter().for_each(|fields| fields.extend(changes.clone()));
            serde_json::from_value::<Settings>(all).map(Some)
        };
        match changed() {
            Ok(Some(settings)) => {
                state.settings = settings;
                whole(200, &json!(state.settings))
            }
            Ok(None) => whole(400, &json!({"error": {"message": "an object is expected"}})),
            Err(error) => whole(400, &json!({"error": {"message": error.to_string()}})),
        }
    }

    async fn ask(&self, request: &Request) -> Response {
        let Some(asked) = wire::parse(request) else {
            return whole(404, &json!({"error": {"message": "this is no request for a model"}}));
        };
        let settings = self.settings();
        let digest = Digest::of_content(request.body.as_bytes()).to_string();
        let verdict = self.judge(&settings, &digest);
        let fault = match verdict {
            Verdict::TooEarly(_) => None,
            Verdict::Served(fault, _) => fault,
        };
        let n = self.journal.arrived(entry(request, &asked, &digest, fault));
        if let Some(refusal) = turned_away(&settings, request, &asked) {
            self.journal.answered(n, refusal.status, None);
            return refusal;
        }
        if !matches!(verdict, Verdict::TooEarly(_)) {
            tokio::time::sleep(Duration::from_millis(settings.latency_ms)).await;
        }
        self.released().await;
        if fault == Some(Fault::Stalled) {
            std::future::pending::<()>().await;
        }
        let told = told(&settings, &asked, &digest, fault);
        let (mut response, usage) = match verdict {
            Verdict::TooEarly(wait) => (too_early(&asked, wait), None),
            Verdict::Served(..) => respond(&settings, &asked, &told, fault),
        };
        if settings.tells_limits {
            response.headers.extend(limits(&settings, &asked, &verdict));
        }
        self.journal.answered(
            n,
            if matches!(response.body, Body::None) { 0 } else { response.status },
            usage,
        );
        response
    }

    /// Waits until nothing is held back.
    async fn released(&self) {
        let mut held = self.held.subscribe();
        let _gone = held.wait_for(|is_held| !is_held).await;
    }

    fn judge(&self, settings: &Settings, digest: &str) -> Verdict {
        let mut state = self.state();
        let left = match settings.requests_per_minute.map(|most| state.bucket.take(most, Instant::now())) {
            Some(Err(wait)) => return Verdict::TooEarly(wait),
            Some(Ok(left)) => Some(left),
            None => None,
        };
        Verdict::Served(state.chance.decide(&settings.faults, settings.seed, digest), left)
    }

    fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(request: &Request, asked: &Asked, digest: &str, fault: Option<Fault>) -> Entry {
    Entry {
        n: 0,
        arrived_ms: 0,
        answered_ms: None,
        path: request.path.clone(),
        digest: digest.to_owned(),
        body: request.body.clone(),
        model: asked.model.clone(),
        prompt: asked.user.clone(),
        status: 0,
        fault,
        usage: None,
    }
}

/// Returns the response to a request that is none of the provider's business.
fn turned_away(settings: &Settings, request: &Request, asked: &Asked) -> Option<Response> {
    if !has_key(settings, request) {
        return Some(whole(401, &asked.wire.error(401, "the key is wrong")));
    }
    let is_unknown = !settings.models.is_empty() && !settings.models.contains(&asked.model);
    is_unknown.then(|| whole(404, &asked.wire.error(404, &format!("there is no model `{}`", asked.model))))
}

fn has_key(settings: &Settings, request: &Request) -> bool {
    let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let key = bearer.or_else(|| request.header("x-api-key")).or_else(|| request.header("x-goog-api-key"));
    settings.key.as_deref().is_none_or(|wanted| key == Some(wanted))
}

/// Makes up what the model says.
fn told(settings: &Settings, asked: &Asked, digest: &str, fault: Option<Fault>) -> Told {
    let mut answer = answer::answer(asked, fault == Some(Fault::Invalid));
    if let Some((_, said)) = settings.says.iter().find(|(words, _)| asked.user.contains(words)) {
        answer.text.clone_from(said);
    }
    let (text, ending) = match fault {
        Some(Fault::Truncated) => {
            let half = answer.text.chars().count() / 2;
            (answer.text.chars().take(half).collect(), Ending::Length)
        }
        Some(Fault::Refused) => ("I will not answer this.".to_owned(), Ending::Refusal),
        Some(Fault::Filtered) => (String::new(), Ending::Filter),
        Some(Fault::Fenced) => (answer::fenced(&answer.text), Ending::Stop),
        _ => (answer.text, Ending::Stop),
    };
    let usage = figures(settings, asked, &text, digest);
    let tool = answer.tool.filter(|_| ending == Ending::Stop);
    Told { id: digest.get(..16).unwrap_or_default().to_owned(), text, tool, ending, usage }
}

fn figures(settings: &Settings, asked: &Asked, text: &str, digest: &str) -> Figures {
    let most = asked.max_tokens.unwrap_or(4_096).max(1);
    match settings.usage {
        UsageFigures::Length => {
            Figures { input: sent(asked), cached: 0, output: length(text).div_ceil(4).clamp(1, most) }
        }
        UsageFigures::Random => {
            let sent = length(&asked.system) + length(&asked.user);
            let number = mixed(settings.seed ^ prefix(digest));
            let input = 1 + number % sent.max(1);
            let cached = if mixed(number).is_multiple_of(3) { mixed(number) % (input + 1) } else { 0 };
            Figures { input, cached, output: 1 + mixed(mixed(number)) % most }
        }
    }
}

/// Counts what is sent: all that is said, and the schemas, which a provider puts before the model as well.
fn sent(asked: &Asked) -> u64 {
    let schemas = asked.schema.iter().chain(asked.tools.iter().map(|(_, schema)| schema));
    let schemas: u64 = schemas.map(|schema| length(&schema.to_string())).sum();
    (length(&asked.system) + length(&asked.user) + schemas).div_ceil(4) + AROUND_PROMPT
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Returns the response, and the usage that can be read in it.
fn respond(
    settings: &Settings,
    asked: &Asked,
    told: &Told,
    fault: Option<Fault>,
) -> (Response, Option<Figures>) {
    let failed = |status: u16, message: &str| (whole(status, &asked.wire.error(status, message)), None);
    let body = if asked.stream {
        Body::Events(asked.wire.events(asked, told), false)
    } else {
        Body::Whole(asked.wire.document(asked, told).to_string())
    };
    let response = Response { status: 200, headers: Vec::new(), body };
    match fault {
        Some(Fault::RateLimited) => (too_early(asked, Duration::from_millis(settings.retry_after_ms)), None),
        Some(Fault::ServerError) => failed(500, "something broke"),
        Some(Fault::Overloaded) => failed(asked.wire.overloaded(), "too much to do"),
        Some(Fault::Hangup) => (Response { body: Body::None, ..response }, None),
        Some(Fault::Malformed) => {
            let body = Body::Whole("{\"id\": \"half a thought, <<".to_owned());
            (Response { body, ..response }, None)
        }
        Some(Fault::Cut) => {
            let reported = asked.wire.first_figures(told.usage).filter(|_| asked.stream);
            (Response { body: cut(response.body), ..response }, reported)
        }
        _ => (response, Some(told.usage)),
    }
}

fn cut(body: Body) -> Body {
    match body {
        Body::Whole(text) => {
            let half = text.len() / 2;
            Body::Cut(text, half)
        }
        Body::Events(mut events, _) => {
            events.truncate(events.len() / 2);
            Body::Events(events, true)
        }
        other => other,
    }
}

fn too_early(asked: &Asked, wait: Duration) -> Response {
    let ms = wait.as_millis().max(1);
    let headers = vec![("retry-after-ms", ms.to_string()), ("retry-after", ms.div_ceil(1_000).to_string())];
    Response { headers, ..whole(429, &asked.wire.error(429, "too many requests")) }
}

fn limits(settings: &Settings, asked: &Asked, verdict: &Verdict) -> Vec<(&'static str, String)> {
    let Some(most) = settings.requests_per_minute else { return Vec::new() };
    let (left, reset) = match verdict {
        Verdict::TooEarly(wait) => (0, *wait),
        Verdict::Served(_, left) => (left.unwrap_or_default(), Duration::ZERO),
    };
    asked.wire.limits(most, left, reset)
}

fn whole(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: Body::Whole(body.to_string()) }
}
