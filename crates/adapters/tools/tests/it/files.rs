//! Files, products and programs.

use std::time::Duration;

use refrain_core::ports::agent::{AgentFactory as _, Draft, Touched};
use refrain_core::ports::runner::Program;
use refrain_core::ports::tool_catalogue::{ToolCatalogue as _, Written};
use refrain_schemas::pipeline::Pipeline;
use refrain_tools::ToolAgents;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn files_are_read_and_changed() {
    let world = World::new();
    let fs = |action: &str, input: Value| world.made("filesystem", action, input);
    assert_eq!(fs("read", json!({"path": "a.txt"})), json!({"path": "a.txt", "content": "héllo", "size": 5}));
    assert_eq!(
        fs("write", json!({"path": "out/x", "content": "line\n"})),
        json!({"path": "out/x", "size": 5})
    );
    fs("write", json!({"path": "out/list", "content": ["a", 1, true]}));
    fs("copy", json!({"path": "out/x", "destination": "y"}));
    fs("move", json!({"path": "y", "destination": "z"}));
    fs("delete", json!({"path": "a.txt"}));
    let listed = fs("list", json!({"path": "out"}));
    assert_eq!(listed["count"], json!(2));
    assert_eq!(listed["items"][1], json!({"name": "x", "path": "out/x", "type": "file", "size": 5}));
    let files = world.files.files();
    assert_eq!(files["out/list"], "['a', 1, True]");
    assert_eq!(
        (files["z"].as_str(), files.contains_key("y"), files.contains_key("a.txt")),
        ("line\n", false, false)
    );
}

#[test]
fn what_cannot_be_done_is_reported() {
    let world = World::new();
    let failed = |action: &str, input: Value, part: &str| world.failed("filesystem", action, input, part);
    assert_eq!(failed("read", json!({"path": "nope"}), "no file nope"), json!({"path": "nope"}));
    failed("write", json!({"path": "../x", "content": ""}), "leads out of the project");
    failed("delete", json!({"path": "/etc/passwd"}), "leads out of the project");
    failed("copy", json!({"path": "a.txt", "destination": "b/../../x"}), "leads out of the project");
    failed("read", json!({}), "\"path\" is a required property");
    failed("write", json!({"path": "a", "content": "", "mode": "append"}), "mode");
    let document = world.act_for("all", "filesystem", None, json!({"action": "explode", "path": "a"}));
    assert!(document["error"].as_str().unwrap().contains("no action `explode`"), "{document}");
}

#[test]
fn literals_are_judged_before_anything_runs() {
    let world = World::new();
    let judge = |action: &str, input: Value| {
        let written = Written { literals: input.as_object().unwrap().clone(), ..Written::default() };
        let complaints = world.toolbox.judge("filesystem", action, &written);
        complaints.into_iter().map(|it| it.parameter).collect::<Vec<_>>()
    };
    assert_eq!(judge("write", json!({"path": "out/../../x", "content": "../"})), ["path"]);
    assert_eq!(judge("move", json!({"path": "a", "destination": "/x"})), ["destination"]);
    assert!(judge("read", json!({"path": "a"})).is_empty());
    assert_eq!(judge("write", json!({"path": "out/"})), ["path"]);
    assert_eq!(judge("copy", json!({"path": "~/a", "destination": "b/"})), ["path"]);
    // What templates make is judged when it is known.
    world.failed("filesystem", "write", json!({"path": "out/", "content": ""}), "out/ is a folder");
    world.failed("filesystem", "move", json!({"path": "a.txt", "destination": "~"}), "`~` is no folder");
    world.failed("filesystem", "list", json!({"path": "a.txt"}), "a.txt is a file, not a folder");
}

#[test]
fn files_that_a_call_touches_are_known_before() {
    let world = World::new();
    let touches = |tool: &str, action: Option<&str>, input: Value| {
        let pipeline: Pipeline =
            serde_json::from_value(json!({"refrain": 1, "name": "p", "phases": {}})).unwrap();
        let (spec, declared) = (World::spec(tool, action), pipeline.declarations());
        let Touched { reads, writes } = ToolAgents::new(world.toolbox.clone())
            .touches(&Draft { spec: &spec, declared: &declared }, &input);
        (reads.join(","), writes.join(","))
    };
    let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(touches("filesystem", Some("read"), json!({"path": "a"})), both("a", ""));
    assert_eq!(
        touches("filesystem", None, json!({"action": "copy", "path": "a", "destination": "b"})),
        both("a", "b")
    );
    assert_eq!(touches("data-processing", Some("filter"), json!({"data": "in/t.csv"})), both("in/t.csv", ""));
    assert_eq!(touches("data-processing", Some("filter"), json!({"data": "a,b\n1,2"})), both("", ""));
    assert_eq!(touches("product", Some("write"), json!({"path": "o.json", "value": 1})), both("", "o.json"));
}

#[test]
fn programs_say_how_they_ended() {
    let world = World::new();
    let result = world.made(
        "terminal",
        "execute",
        json!({"command": "x", "working_dir": "sub/dir", "timeout": 2, "env": {"A": 1}}),
    );
    assert_eq!(
        (&result["return_code"], &result["stdout"], &result["stderr"]),
        (&json!(0), &json!("out\n"), &json!("warn\n"))
    );
    assert_eq!(
        (&result["execution_time"], &result["cpu_time"], &result["peak_memory"]),
        (&json!(0.25), &json!(0.1), &json!(4096))
    );
    let asked = world.runner.asked().remove(0);
    assert_eq!(asked.program, Program::Shell("x".to_owned()));
    assert_eq!(asked.folder.unwrap().to_str(), Some("/project/sub/dir"));
    assert_eq!(
        (asked.timeout, asked.environment),
        (Some(Duration::from_secs(2)), vec![("A".to_owned(), "1".to_owned())])
    );
    world.failed(
        "terminal",
        "execute",
        json!({"command": "x", "working_dir": "../.."}),
        "leads out of the project",
    );
    let result =
        World::ending(3, "o", false).failed("terminal", "execute", json!({"command": "x"}), "code 3: warn");
    assert_eq!((&result["return_code"], &result["success"]), (&json!(3), &json!(false)));
    let result = World::ending(0, "", true).failed(
        "terminal",
        "execute",
        json!({"command": "x", "timeout": 1}),
        "longer than 1 s",
    );
    assert_eq!((&result["return_code"], &result["timed_out"]), (&json!(-1), &json!(true)));
    let world = World::new();
    let result =
        world.made("python-executor", "execute", json!({"code": "print(1)", "capture_output": false}));
    assert_eq!(result["stdout"], json!(""));
    let limits = world.runner.asked().remove(0).limits;
    assert!(limits.cpu_seconds == Some(31) && limits.memory_bytes.is_some());
}

#[test]
fn products_are_written_by_their_format() {
    let world = World::new();
    let write =
        |path: &str, value: Value| world.made("product", "write", json!({"path": path, "value": value}));
    write("a.json", json!({"x": 1}));
    write("a.csv", json!([{"x": 1, "y": "a,b"}]));
    write("a.txt", json!("text"));
    write("a.md", json!([1, "x"]));
    let files = world.files.files();
    let texts: Vec<&str> =
        ["a.json", "a.csv", "a.txt", "a.md"].iter().map(|path| files[*path].as_str()).collect();
    assert_eq!(texts, ["{\n  \"x\": 1\n}\n", "x,y\r\n1,\"a,b\"\r\n", "text", "[1, 'x']"]);
    world.failed("product", "write", json!({"path": "b", "value": "long", "size_limit": 3}), "it may have 3");
}

#[test]
fn what_is_there_is_told_of_and_nothing_outside() {
    let world = World::new();
    let exists = |path: &str| world.made("filesystem", "exists", json!({"path": path}))["type"].clone();
    assert_eq!(
        (exists("a.txt"), exists("in"), exists("nope.txt")),
        (json!("file"), json!("directory"), json!("none"))
    );
    world.failed("filesystem", "exists", json!({"path": "../../etc/passwd"}), "leads out of the project");
}

#[test]
fn products_stay_in_their_folder_and_within_their_size() {
    let world = World::new();
    let product = |path: &str| json!({"path": path, "value": "12345", "within": "out", "size_limit": 5});
    assert_eq!(world.made("product", "write", product("out/./sub/a.md"))["bytes"], json!(5));
    for path in ["out/../a.md", "outer/a.md", "a.md", "out", "out//../../x"] {
        world.failed("product", "write", product(path), "is not in out");
    }
    let large = json!({"path": "out/b.md", "value": "123456", "size_limit": 5});
    world.failed("product", "write", large, "it may have 5");
    assert!(!world.files.files().contains_key("out/b.md"));
}
