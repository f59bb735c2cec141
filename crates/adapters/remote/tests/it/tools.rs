//! Models that use tools.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use refrain_core::ports::agent::{AgentError, AgentFactory as _, Draft, Reply};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::secrets::NoSecrets;
use refrain_core::ports::tools::{Tool, ToolList, ToolResult, ToolUse, Tools};
use refrain_remote::RemoteAgents;
use refrain_schemas::agent_spec::{AgentSpec, ToolsSpec};
use refrain_schemas::digest::Digest;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::pipeline::Declarations;
use serde_json::{Value, json};

use crate::openai;
use crate::server::{Canned, Server};
use crate::world::{World, ask_text, endpoint, outputs};

/// Knows three tools on server `s`, and notes their uses.
#[derive(Debug, Default)]
struct Shed(Mutex<Vec<ToolUse>>);

#[async_trait]
impl Tools for Shed {
    async fn list(&self, _: &str) -> Result<ToolList, AgentError> {
        let input = json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
        let tool = |name: &str| Tool {
            name: name.to_owned(),
            description: format!("to {name}"),
            input: input.clone(),
            digest: Digest::of_content(name.as_bytes()),
        };
        Ok(ToolList { tools: ["break", "fail", "search"].map(tool).into() })
    }

    async fn call(&self, use_: ToolUse, _: &Cancel) -> Result<ToolResult, AgentError> {
        self.0.lock().unwrap().push(use_.clone());
        let text = format!("found {}", use_.arguments["q"].as_str().unwrap().repeat(3));
        match use_.tool.as_str() {
            "break" => Err(AgentError::new(FailureKind::Transient, "the server died")),
            name => Ok(ToolResult { value: json!({}), text, is_error: name == "fail" }),
        }
    }

    async fn close(&self) {}
}

/// A turn in which the model asks for tools, by name and arguments.
fn asks(calls: &[(&str, &str)]) -> Canned {
    let mut body = openai::answer("");
    let call = |(at, (name, arguments)): (usize, &(&str, &str))| json!({"id": format!("c{at}"), "type": "function", "function": {"name": name, "arguments": arguments}});
    let calls: Vec<Value> = calls.iter().enumerate().map(call).collect();
    body["choices"][0]["message"] = json!({"role": "assistant", "content": null, "tool_calls": calls});
    body["choices"][0]["finish_reason"] = json!("tool_calls");
    Canned::json(200, &body)
}

fn answers(text: &str) -> Canned {
    Canned::json(200, &openai::answer(text))
}

struct Scene {
    server: Server,
    shed: Arc<Shed>,
    outcome: Result<Reply, AgentError>,
}

impl Scene {
    /// What the last request says tools said.
    fn told(&self) -> Vec<String> {
        let asked = self.server.asked();
        let messages = asked.last().unwrap().body["messages"].as_array().unwrap().clone();
        let tools = messages.iter().filter(|message| message["role"] == "tool");
        tools.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
    }
}

async fn play(tools: Value, script: Vec<Canned>) -> Scene {
    let server = Server::start(script).await;
    let shed = Arc::new(Shed::default());
    let remote = RemoteAgents::new(Arc::new(NoSecrets), shed.clone());
    let mut here = endpoint(&server, EndpointKind::Openai);
    here.api_key_env = None;
    let spec = AgentSpec { tools: Some(spec(tools)), ..AgentSpec::default() };
    let outcome = World::among(&remote, [("here", here)], spec).ask(ask_text()).await;
    Scene { server, shed, outcome }
}

fn spec(tools: Value) -> ToolsSpec {
    serde_json::from_value(tools).unwrap()
}

fn all() -> Value {
    json!({"from": {"s": []}})
}

#[tokio::test]
async fn a_tool_is_used_and_the_answer_follows() {
    let script =
        vec![asks(&[("s__search", "{\"q\": \"a\"}"), ("s__search", "{\"q\": \"b\"}")]), answers("done")];
    let scene = play(json!({"from": {"s": ["search"]}}), script).await;
    let reply = scene.outcome.as_ref().unwrap();
    assert_eq!(outputs(reply), [("a".to_owned(), Ok(json!({"text": "done"})))]);
    assert_eq!(scene.told(), ["found aaa", "found bbb"], "in the order of the calls");

    let asked = scene.server.asked();
    let offered = asked[0].body["tools"].as_array().unwrap();
    let names: Vec<_> = offered.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["s__search"], "only what is allowed");
    assert_eq!(asked[1].body["messages"][2]["tool_calls"][1]["id"], "c1");
    assert_eq!(asked[1].body["messages"][4]["tool_call_id"], "c1");

    assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens), (200, 40), "both requests are paid");
    assert_eq!(reply.trace.served.as_ref().unwrap().requests, 2);
    let to: Vec<_> =
        reply.trace.exchanges.iter().map(|exchange| exchange.to.rsplit('/').next().unwrap()).collect();
    assert_eq!(to, ["completions", "search", "search", "completions"]);
    let used = &reply.trace.exchanges[1];
    assert_eq!((used.to.as_str(), &used.request), ("tool s/search", &json!({"q": "a"})));
    assert_eq!(used.response, Some(json!("found aaa")));
}

#[tokio::test]
async fn a_tool_is_meant_by_its_own_name_too() {
    let tools = json!({"from": {"s": ["search"]}, "require": ["search"]});
    let scene = play(tools, vec![asks(&[("search", "{\"q\": \"a\"}")]), answers("done")]).await;
    assert!(scene.outcome.is_ok(), "{:?}", scene.outcome);
    assert_eq!(scene.told(), ["found aaa"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_use_is_told_to_the_model() {
    let calls = [
        ("s__serch", "{}"),
        ("s__search", "{\"q\": 1}"),
        ("s__search", "[1]"),
        ("s__search", "{\"q\": "),
        ("s__fail", "{\"q\": \"x\"}"),
    ];
    let scene = play(all(), vec![asks(&calls), answers("done")]).await;
    assert!(scene.outcome.is_ok());
    let told = scene.told();
    assert!(
        told[0].contains("there is no tool `s__serch`; there are s__break, s__fail, s__search"),
        "{told:?}"
    );
    assert!(told[1].contains("the arguments do not fit: /q: 1 is not of type"), "{told:?}");
    assert!(told[2].contains("no JSON object") && told[3].contains("no JSON object"), "{told:?}");
    assert!(told[4].contains("found xxx"), "{told:?}");
    assert_eq!(scene.shed.0.lock().unwrap().len(), 1, "what does not fit is not sent");
}

#[tokio::test]
async fn what_is_wrong_with_a_server_fails_the_call() {
    let scene = play(all(), vec![asks(&[("s__break", "{\"q\": \"x\"}")])]).await;
    let error = scene.outcome.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (FailureKind::Transient, "the server died"));
    assert_eq!(error.usage.input_tokens, 100, "what was paid is known");
    assert_eq!(error.trace.exchanges.len(), 2);
    let scene = play(json!({"from": {"s": ["missing"]}}), vec![]).await;
    assert_eq!(scene.outcome.unwrap_err().kind, FailureKind::Permanent);
}

#[tokio::test]
async fn a_required_tool_is_asked_for_once() {
    let tools = json!({"from": {"s": []}, "require": ["search"]});
    let used = asks(&[("s__search", "{\"q\": \"x\"}")]);
    let scene = play(tools.clone(), vec![answers("early"), used.clone(), answers("late")]).await;
    assert_eq!(outputs(&scene.outcome.unwrap())[0].1, Ok(json!({"text": "late"})));
    let asked = scene.server.asked();
    let last = asked[1].body["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["content"], "Use the tool `s__search` first, and answer after that.");

    let scene = play(tools.clone(), vec![answers("early"), answers("stubborn")]).await;
    let error = scene.outcome.unwrap_err();
    assert_eq!(error.kind, FailureKind::Invalid);
    assert_eq!(error.message, "the model answered without having used the tool `s__search`");

    let failed = asks(&[("s__fail", "{\"q\": \"x\"}")]);
    let tools = json!({"from": {"s": []}, "require": ["s/fail"]});
    let scene = play(tools, vec![failed, answers("a"), answers("b")]).await;
    assert_eq!(scene.outcome.unwrap_err().kind, FailureKind::Invalid, "a use that failed is none");
}

#[tokio::test]
async fn rounds_are_bounded() {
    let again = || asks(&[("s__search", "{\"q\": \"x\"}")]);
    let tools = json!({"from": {"s": []}, "rounds": 2});
    let scene = play(tools.clone(), vec![again(), again(), again(), again()]).await;
    let error = scene.outcome.as_ref().unwrap_err();
    assert_eq!(error.kind, FailureKind::Invalid);
    assert_eq!(error.message, "the model used up its 2 rounds of tools and did not answer");
    assert_eq!(scene.server.asked().len(), 3);
    assert_eq!(scene.shed.0.lock().unwrap().len(), 2);
    assert!(scene.told()[1].contains("Answer now"), "it was told that this was the last round");
    let scene = play(tools, vec![again(), again(), answers("just in time")]).await;
    assert!(scene.outcome.is_ok());
}

#[tokio::test]
async fn what_a_round_adds_is_bounded() {
    let long = "x".repeat(4000);
    let arguments = json!({ "q": long }).to_string();
    let calls = vec![("s__search", arguments.as_str()); 32];
    let tools = json!({"from": {"s": []}, "result_bytes": 1000});
    let scene = play(tools.clone(), vec![asks(&calls), answers("done")]).await;
    assert!(scene.outcome.is_ok());
    let told = scene.told();
    assert_eq!(scene.shed.0.lock().unwrap().len(), 8);
    assert_eq!(told[0].len(), 250, "eight share what two may have");
    assert!(told[0].ends_with("[cut: the whole has 12006 bytes]"), "{}", told[0]);
    assert!(told[8].contains("at most 8 tools"), "{}", told[8]);
    let remote = RemoteAgents::new(Arc::new(NoSecrets), Arc::new(Shed::default()));
    let agent = AgentSpec {
        model: Some("openai/m".into()),
        tools: Some(spec(tools.clone())),
        ..AgentSpec::default()
    };
    let model =
        remote.models().describe(&Draft { spec: &agent, declared: &Declarations::default() }).model.unwrap();
    let added: u64 = told.iter().map(|text| text.len() as u64 + 100).sum();
    assert!(added <= model.round_bytes, "{added} > {}", model.round_bytes);
    assert_eq!(model.requests, 9);

    let calls = vec![("s__search", "{}"); 33];
    let scene = play(tools, vec![asks(&calls)]).await;
    assert_eq!(scene.outcome.unwrap_err().kind, FailureKind::Invalid);
    assert_eq!(scene.shed.0.lock().unwrap().len(), 0);
}

#[test]
fn specs_are_checked() {
    let check = |tools: Value, expect: &[&str]| {
        let agent =
            AgentSpec { model: Some("openai/m".into()), tools: Some(spec(tools)), ..AgentSpec::default() };
        let servers = json!({"s": {"command": ["x"]}, "odd": {}});
        let declared =
            Declarations { servers: serde_json::from_value(servers).unwrap(), ..Declarations::default() };
        let remote = RemoteAgents::new(Arc::new(NoSecrets), Arc::new(Shed::default()));
        let problems = remote.models().check(&Draft { spec: &agent, declared: &declared });
        let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        assert_eq!(found, expect);
    };
    check(json!({"from": {"s": ["a"]}, "require": ["a", "s/a"]}), &[]);
    check(json!({"from": {"s": []}, "require": ["whatever"]}), &[]);
    check(
        json!({"from": {"s": ["a"]}, "require": ["b"]}),
        &["tools.require[0]: `b` is required and not under `from`"],
    );
    check(json!({"from": {"x": []}}), &["tools.from.x: there is no server `x`"]);
    check(json!({"from": {"odd": []}}), &["tools.from.odd: it has neither `command` nor `url`"]);
    check(json!({"from": {}}), &["tools.from: no tools are named"]);
}

#[tokio::test]
async fn rounds_that_were_paid_are_known_when_a_later_one_is_given_up() {
    let script = vec![asks(&[("s__search", "{\"q\": \"a\"}")]), Canned::hang()];
    let server = Server::start(script).await;
    let remote = RemoteAgents::new(Arc::new(NoSecrets), Arc::new(Shed::default()));
    let mut here = endpoint(&server, EndpointKind::Openai);
    here.api_key_env = None;
    let spec = AgentSpec { tools: Some(spec(all())), ..AgentSpec::default() };
    let world = World::among(&remote, [("here", here)], spec);
    let cancel = Cancel::new();
    let fire = async {
        while server.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
        cancel.fire();
    };
    let (outcome, ()) = tokio::join!(world.agent.answer(ask_text(), &cancel), fire);
    let error = outcome.unwrap_err();
    assert_eq!((error.usage.input_tokens, error.usage.output_tokens), (100, 20));
    assert!(error.trace.unsettled && error.trace.exchanges.len() == 3, "{:?}", error.trace);
}
