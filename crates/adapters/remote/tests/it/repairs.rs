//! Asking again, with what was wrong.

use refrain_core::ports::agent::{Repair, Request};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::endpoint::EndpointKind;
use refrain_schemas::name::UnitId;
use serde_json::{Value, json};

use crate::openai::answer;
use crate::server::{Canned, Server};
use crate::world::{World, ask_one, ask_packed};

async fn asked_again(request: Request, repairs: &[(&str, &str, &str)]) -> Value {
    let repair = |(unit, said, error): &(&str, &str, &str)| Repair {
        unit: UnitId::new(unit),
        said: (*said).to_owned(),
        error: (*error).to_owned(),
    };
    let request = Request { repairs: repairs.iter().map(repair).collect(), ..request };
    let server = Server::start([Canned::json(200, &answer("{}"))]).await;
    World::at(&server, EndpointKind::Openai, AgentSpec::default()).ask(request).await.unwrap();
    let messages = server.asked()[0].body["messages"].as_array().unwrap().clone();
    assert_eq!(messages[1], json!({"role": "user", "content": "Translate: hello"}));
    Value::Array(messages[2..].to_vec())
}

#[tokio::test]
async fn a_model_sees_its_answer_and_what_is_wrong_with_it() {
    let turns = asked_again(ask_one(), &[("a", "{\"text\": 1}", "at `/text`: 1 is not a string")]).await;
    let complaint = "That answer cannot be used:\n- at `/text`: 1 is not a string\nAnswer again in the form that was asked for.";
    let expect = json!([
        {"role": "assistant", "content": "{\"text\": 1}"},
        {"role": "user", "content": complaint},
    ]);
    assert_eq!(turns, expect);
}

#[tokio::test]
async fn in_a_pack_it_is_told_by_number() {
    let repairs = [("a", "{\"text\":1}", "is no text"), ("c", "nothing", "is missing")];
    let turns = asked_again(ask_packed(&["a", "b", "c"]), &repairs).await;
    let said = r#"{"units":[{"n":1,"output":{"text":1}},{"n":3,"output":"nothing"}]}"#;
    assert_eq!(turns[0], json!({"role": "assistant", "content": said}));
    let complaint = "That answer cannot be used:\n- number 1: is no text\n- number 3: is missing\nAnswer again, with all units, in the form that was asked for.";
    assert_eq!(turns[1], json!({"role": "user", "content": complaint}));
}

#[tokio::test]
async fn an_answer_that_was_no_json_at_all_is_shown_once() {
    let repairs = [("a", "Sorry!", "is not JSON"), ("b", "Sorry!", "is not JSON")];
    let turns = asked_again(ask_packed(&["a", "b"]), &repairs).await;
    assert_eq!(turns[0], json!({"role": "assistant", "content": "Sorry!"}));
}
