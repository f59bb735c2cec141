//! What `docs/builtins.md` says is so.

use std::collections::BTreeSet;

use refrain_builtin::BuiltinAgents;
use refrain_core::ports::agent::AgentFactory as _;
use refrain_core::ports::cancel::Cancel;
use refrain_testkit::ask::json as canonical;
use serde_json::{Value, json};

use crate::{ask, draft, make, spec};

const PAGE: &str = include_str!("../../../../../docs/builtins.md");

/// Puts `…` for ids, which say nothing to readers.
fn without_ids(mut value: Value) -> Value {
    for issue in value.as_array_mut().into_iter().flatten() {
        if issue.get("issue_id").is_some() {
            issue["issue_id"] = json!("…");
        }
    }
    value
}

#[tokio::test]
async fn every_example_is_true() {
    let mut seen = BTreeSet::new();
    for block in PAGE.split("```jsonl\n").skip(1) {
        let lines: Vec<&str> = block.split("```").next().unwrap().lines().collect();
        let [agent, input, expect] = lines.as_slice() else { panic!("not three lines: {lines:?}") };
        let [agent, input, expect] =
            [agent, input, expect].map(|line| serde_json::from_str::<Value>(line).unwrap());
        let name = agent["builtin"].as_str().unwrap().to_owned();
        let agents = BuiltinAgents::new();
        let spec = spec(&name, agent["params"].clone());
        assert_eq!(agents.check(&draft(&spec)), [], "{name}");
        let mut request = ask(&agent["params"], input);
        request.units[0].context = canonical(agent.get("context").unwrap_or(&json!({})));
        let reply = make(&agents, &spec).unwrap().answer(request, &Cancel::new()).await.unwrap();
        let answer = without_ids(reply.units[0].result.as_ref().unwrap().value());
        assert_eq!(answer, expect, "{name}: {answer}");
        seen.insert(name);
    }
    let problems = BuiltinAgents::new().check(&draft(&spec("zzzzzzzz", json!({}))));
    let hint = problems[0].hint.clone().unwrap();
    let all = hint.trim_start_matches("there are ").split(", ").map(str::to_owned);
    let all: BTreeSet<String> = all.filter(|name| !matches!(name.as_str(), "read" | "write")).collect();
    assert_eq!(seen, all, "every built-in has an example");
}
