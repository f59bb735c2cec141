//! The built-ins as agents.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panics, too")]

mod documented;
mod localisation;
mod properties;

use std::sync::Arc;

use refrain_builtin::BuiltinAgents;
use refrain_core::ports::agent::{
    Agent, AgentError, AgentFactory as _, AgentRole, AnsweredUnit, Blueprint, Draft, Reply, Request,
};
use refrain_core::ports::cancel::Cancel;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use refrain_schemas::pipeline::Declarations;
use refrain_testkit::agents::EchoAgent;
use refrain_testkit::ask::{json as canonical, request};
use refrain_testkit::contract::agent::conforms;
use refrain_testkit::remarks::RecordingRemarks;
use serde_json::{Value, json};

fn spec(name: &str, params: Value) -> AgentSpec {
    let params = params.as_object().unwrap().clone();
    AgentSpec { builtin: Some(name.to_owned()), params, ..AgentSpec::default() }
}

fn make(agents: &BuiltinAgents, spec: &AgentSpec) -> Result<Arc<dyn Agent>, AgentError> {
    let remarks = RecordingRemarks::new();
    agents.make(&Blueprint {
        declared: Arc::default(),
        name: "it".parse().unwrap(),
        spec: spec.clone(),
        clone: 0,
        remarks,
    })
}

fn ask(params: &Value, input: Value) -> Request {
    Request { params: canonical(params), ..request(1, &[("u", input)]) }
}

#[tokio::test]
async fn every_builtin_conforms() {
    let agents = BuiltinAgents::new();
    for (name, params) in [
        ("template", json!({"text": "{{ unit.text }}!"})),
        ("filter", json!({"where": "unit.text"})),
        ("filter", json!({"where": "unit.text == 'a'"})),
        ("map", json!({"drop": ["x"]})),
        ("summary", json!({})),
        ("checks", json!({"max_length": 3})),
        ("consistency", json!({"source": "text"})),
        ("apply", json!({})),
        ("pseudo", json!({"language": "ja"})),
        ("annotate", json!({"lexicon": [{"phrase": "a", "meaning": "b"}]})),
        ("terms", json!({"min": 1})),
        ("cast", json!({"speaker": "text"})),
    ] {
        let spec = spec(name, params.clone());
        assert_eq!(agents.check(&draft(&spec)), []);
        let request = ask(&params, json!({"text": "a"}));
        let wrong = params["where"] == json!("unit.text");
        let agent = make(&agents, &spec).unwrap();
        let reply = agent.answer(request.clone(), &Cancel::new()).await.unwrap();
        assert_eq!(reply.units[0].result.is_err(), wrong, "{name}");
        if !wrong {
            conforms(|| make(&agents, &spec).unwrap(), &request).await;
        }
    }
}

#[tokio::test]
async fn params_that_are_wrong_once_filled_fail_for_good() {
    let agent =
        make(&BuiltinAgents::new(), &spec("summary", json!({"sentences": "{{ params.n }}"}))).unwrap();
    let error = agent.answer(ask(&json!({"sentences": "many"}), json!({"text": ""})), &Cancel::new()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, FailureKind::Permanent);
    assert_eq!(error.message, "params.sentences: must be a whole number, not \"many\"");
}

#[tokio::test]
async fn one_unit_that_fails_costs_no_other() {
    let params = json!({"where": "unit.n > 1"});
    let agent = make(&BuiltinAgents::new(), &spec("filter", params.clone())).unwrap();
    let units = request(1, &[("a", json!({"n": 2})), ("b", json!({})), ("c", json!({"n": 3}))]);
    let reply = agent.answer(Request { params: canonical(&params), ..units }, &Cancel::new()).await.unwrap();
    let kinds: Vec<_> = reply.units.iter().map(|unit| unit.result.as_ref().err().map(|f| f.kind)).collect();
    assert_eq!(kinds, [None, Some(FailureKind::Permanent), None]);
}

fn draft(spec: &AgentSpec) -> Draft<'_> {
    static NOTHING: std::sync::LazyLock<Declarations> = std::sync::LazyLock::new(Declarations::default);
    Draft { spec, declared: &NOTHING }
}

#[test]
fn traits_and_roles() {
    let agents = BuiltinAgents::new();
    let traits = |name: &str| agents.describe(&draft(&spec(name, json!({}))));
    assert_eq!((traits("template").identity.as_str(), traits("template").raw_params), ("template@1", true));
    assert_eq!((traits("summary").identity.as_str(), traits("summary").raw_params), ("summary@2", false));
    assert_eq!(traits("read").role, AgentRole::Read);
    assert_eq!(traits("write").role, AgentRole::Write);
    assert_eq!(traits("checks").role, AgentRole::Answer);
    assert!(make(&agents, &spec("read", json!({"files": "x"}))).is_err());
    assert!(!agents.handles(&AgentSpec::default()));
}

#[test]
fn unknown_builtins_have_a_hint() {
    let agents = BuiltinAgents::new().with("shout", 1, |_| Ok(Arc::new(EchoAgent)));
    let problems = agents.check(&draft(&spec("shuot", json!({}))));
    assert_eq!(problems[0].field, "builtin");
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `shout`?"));
    let problems = agents.check(&draft(&spec("xyz", json!({}))));
    let all = "there are annotate, apply, cast, checks, consistency, filter, map, pseudo, read, shout, summary, template, \
               terms, write";
    assert_eq!(problems[0].hint.as_deref(), Some(all));
    assert!(make(&agents, &spec("xyz", json!({}))).is_err());
}

#[derive(Debug)]
struct Shout;

#[async_trait::async_trait]
impl Agent for Shout {
    async fn answer(&self, request: Request, _: &Cancel) -> Result<Reply, AgentError> {
        let answer = |unit: refrain_core::ports::agent::AskedUnit| {
            let text = unit.input.value()["text"].as_str().unwrap_or_default().to_uppercase();
            AnsweredUnit::new(unit.id, Ok(Json::string(&text)))
        };
        Ok(Reply { units: request.units.into_iter().map(answer).collect(), ..Reply::default() })
    }
}

#[tokio::test]
async fn an_embedding_program_adds_agents_of_its_own() {
    let agents = BuiltinAgents::new().with("shout", 3, |_| Ok(Arc::new(Shout)));
    let spec = spec("shout", json!({"whatever": 1}));
    assert!(agents.handles(&spec) && agents.check(&draft(&spec)).is_empty());
    assert_eq!(agents.describe(&draft(&spec)).identity, "shout@3");
    let agent = make(&agents, &spec).unwrap();
    let reply = agent.answer(ask(&json!({}), json!({"text": "hi"})), &Cancel::new()).await.unwrap();
    assert_eq!(reply.units[0].result.as_ref().unwrap().as_str(), "\"HI\"");
}
