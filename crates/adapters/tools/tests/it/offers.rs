//! Tools of the registry in the hands of a model.

use std::sync::Arc;

use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::{NoTools, ToolResult, ToolUse, Tools as _};
use refrain_tools::OfferedTools;
use serde_json::{Value, json};

use crate::world::World;

fn used(offered: &OfferedTools, tool: &str, arguments: &Value) -> ToolResult {
    let arguments = arguments.as_object().unwrap().clone();
    let use_ = ToolUse { server: "refrain".to_owned(), tool: tool.to_owned(), arguments };
    wait(offered.call(use_, &Cancel::new())).unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn offered() -> OfferedTools {
    OfferedTools::new(World::new().toolbox, Arc::new(NoTools))
}

#[test]
fn a_model_is_offered_every_action_by_a_name_of_its_own_and_nobody_s_answer() {
    let offered = offered();
    let listed = wait(offered.list("refrain")).unwrap().tools;
    let names: Vec<&str> = listed.iter().map(|tool| tool.name.as_str()).collect();
    assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    for there in ["echo", "filesystem_read", "filesystem_write", "terminal", "mcp-memory_store"] {
        assert!(names.contains(&there), "{there} in {names:?}");
    }
    for person in ["approval-gate", "user-prompt", "generate", "web-search", "pipeline-executor"] {
        assert!(!names.iter().any(|name| name.starts_with(person)), "{person} in {names:?}");
    }
    assert!(wait(offered.list("other")).is_err(), "that is a server's");
}

#[test]
fn what_is_done_is_told_and_so_is_what_fails() {
    let offered = offered();
    let read = used(&offered, "filesystem_read", &json!({"path": "a.txt"}));
    assert!(!read.is_error && read.text.contains("héllo"), "{read:?}");
    let said = used(&offered, "echo", &json!({"text": "hello"}));
    assert_eq!((said.text.as_str(), &said.value["success"]), ("hello", &json!(true)));
    let missing = used(&offered, "filesystem_read", &json!({"path": "gone.txt"}));
    assert!(missing.is_error && missing.text.contains("gone.txt"), "{missing:?}");
    let wrong = used(&offered, "filesystem_read", &json!({"paht": "a.txt"}));
    assert!(wrong.is_error && wrong.text.contains("paht"), "{wrong:?}");
    for nobody in ["filesystem", "filesystem_explode", "approval-gate"] {
        assert!(used(&offered, nobody, &json!({})).text.contains("there is no tool"), "{nobody}");
    }
}

#[test]
fn no_two_uses_are_the_same_doing() {
    let offered = offered();
    let count = json!({"context_id": "c", "state_key": "n", "increment": 1});
    let first = used(&offered, "recursion-control_update_state", &count);
    let second = used(&offered, "recursion-control_update_state", &count);
    assert!(!first.is_error && !second.is_error, "{first:?} {second:?}");
    assert_ne!(first.value["result"], second.value["result"], "it counts");
}
