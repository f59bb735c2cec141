//! Tools of MCP servers that nobody here wrote: as agents, and in the hands of a model.

use refrain_testkit::peers::{Faults, Peers, Said};
use refrain_testkit::provider::{Provider, Settings};
use serde_json::{Value, json};

use crate::project::TestProject;

/// Returns a project with lines `a` and `b`, and what is said about servers, agents and the phase that asks.
fn project(servers: &str, agents: &str, agent: &str) -> TestProject {
    let text = format!(
        "\
refrain: 1
name: tools
{servers}
{agents}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: line_id }}
  ask:
    units: {{ of: ingest }}
    agents: {{ {agent}: 2 }}
    output: {{ records: answers, key: line_id }}
"
    );
    TestProject::new(&text).file("lines.csv", "line_id,text,a,b\na,The door,19,23\nb,The gate,1,2\n")
}

/// Returns a command as YAML has it; JSON is YAML.
fn command(command: &[String]) -> String {
    json!(command).to_string()
}

fn records(project: &TestProject) -> Vec<Value> {
    let shown = project.run(&["show", "ask"]).expect(0).stdout;
    shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The sums of the lines, as the reference server says them.
const SUMS: [&str; 2] = ["The sum of 19 and 23 is 42.", "The sum of 1 and 2 is 3."];

const ADDER: &str = "\
agents:
  adder:
    mcp:
      server: every
      tool: get-sum
      arguments: { a: \"{{ unit.a | int }}\", b: \"{{ unit.b | int }}\" }
";

#[test]
fn a_tool_of_a_reference_server_is_an_agent() {
    let Some(peers) = Peers::find("an MCP tool as an agent") else { return };
    let servers = format!("servers:\n  every: {{ command: {} }}", command(&peers.everything()));
    let echo = "\
agents:
  echo:
    mcp: { server: every, tool: echo, arguments: { message: \"{{ unit.text }}\" } }
";
    let project = project(&servers, echo, "echo");
    project.run_json(&[], 0);
    let texts: Vec<Value> = records(&project).iter().map(|record| record["text"].clone()).collect();
    assert_eq!(texts, ["Echo: The door", "Echo: The gate"]);
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
}

#[test]
fn a_server_is_reached_over_http_as_well() {
    let Some(peers) = Peers::find("an MCP server over HTTP") else { return };
    let (_server, url) = peers.everything_over_http().unwrap();
    let project = project(&format!("servers:\n  every: {{ url: \"{url}\" }}"), ADDER, "adder");
    project.run_json(&[], 0);
    let texts: Vec<Value> = records(&project).iter().map(|record| record["text"].clone()).collect();
    assert_eq!(texts, SUMS);
}

#[test]
fn a_server_that_remembers_keeps_what_it_was_told() {
    let Some(peers) = Peers::find("an MCP server that remembers") else { return };
    let folder = TestProject::empty();
    let memory = folder.outside("memory.jsonl");
    let servers = format!(
        "servers:\n  memory: {{ command: {}, env: [\"MEMORY_FILE_PATH={}\"] }}",
        command(&peers.memory()),
        memory.display()
    );
    let agents = "\
agents:
  keeper:
    mcp:
      server: memory
      tool: create_entities
      arguments:
        entities: [{ name: \"{{ unit.id }}\", entityType: line, observations: [\"{{ unit.text }}\"] }]
";
    let project = project(&servers, agents, "keeper");
    // The server reads its file, adds to it and writes it: it takes one thing at a time.
    project.edit("refrain.yaml", "{ keeper: 2 }", "{ keeper: 1 }");
    project.run_json(&[], 0);
    let kept = std::fs::read_to_string(memory).unwrap();
    assert!(kept.contains("The door") && kept.contains("The gate"), "{kept}");
}

fn model_with_tools(url: &str, servers: &str, tools: &str) -> TestProject {
    let agents = format!(
        "\
endpoints:
  sim: {{ base_url: \"{url}\" }}
agents:
  adder:
    model: sim/small
    prompt: \"What is the sum of {{{{ unit.a }}}} and {{{{ unit.b }}}}?\"
    tools: {tools}
"
    );
    project(servers, &agents, "adder")
}

#[test]
fn a_model_uses_the_tools_it_is_given() {
    let Some(peers) = Peers::find("a model with MCP tools") else { return };
    let said = [
        Said::with_tool("19 and 23", "get-sum", json!({"a": 19, "b": 23}), "It is 42."),
        Said::with_tool("1 and 2", "get-sum", json!({"a": 1, "b": 2}), "It is 3."),
    ];
    let peer = peers.models(&said, Faults::default()).unwrap();
    let servers = format!("servers:\n  every: {{ command: {} }}", command(&peers.everything()));
    let tools = "{ from: { every: [get-sum] }, require: [get-sum], rounds: 3 }";
    let project = model_with_tools(&peer.url(), &servers, tools);
    project.run_json(&[], 0);
    let texts: Vec<Value> = records(&project).iter().map(|record| record["text"].clone()).collect();
    assert_eq!(texts, ["It is 42.", "It is 3."]);
    let journal = peer.journal().unwrap();
    let results = journal.iter().filter_map(|entry| {
        let mut messages = entry.body["messages"].as_array()?.iter();
        messages.find(|message| message["role"] == "tool")?["content"].as_str().map(str::to_owned)
    });
    let mut results: Vec<String> = results.collect();
    results.sort();
    assert_eq!(journal.len(), 4, "two requests each");
    assert!(results[0].contains(SUMS[1]) && results[1].contains(SUMS[0]), "{results:?}");
    let ledger = project.json(&["ledger"], 0);
    assert_eq!(ledger["usage"]["input_tokens"], 400, "both requests of both calls are booked");
}

#[test]
fn an_answer_without_the_tool_that_is_required_does_not_count() {
    let Some(peers) = Peers::find("a tool that is required") else { return };
    let said = [Said::text("", "I guess it is 41.", 100, 10)];
    let peer = peers.models(&said, Faults::default()).unwrap();
    let servers = format!("servers:\n  every: {{ command: {} }}", command(&peers.everything()));
    let tools = "{ from: { every: [get-sum] }, require: [get-sum], rounds: 3 }";
    let project = model_with_tools(&peer.url(), &servers, tools);
    project.run_json(&[], 1);
}

#[test]
fn a_server_sees_only_the_environment_it_is_given() {
    let Some(peers) = Peers::find("the environment of an MCP server") else { return };
    let servers =
        format!("servers:\n  every: {{ command: {}, env: [\"GIVEN=yes\"] }}", command(&peers.everything()));
    let agents = "agents:\n  env: { mcp: { server: every, tool: get-env, arguments: {} } }\n";
    let project = project(&servers, agents, "env");
    project.write(".env", "SECRET_OF_MINE=do-not-tell\n");
    let mut run = project.command(&["run", "--quiet"]);
    project.output(&run.env("OTHER_SECRET", "nobody-knows").output().unwrap()).expect(0);
    let told = records(&project).iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("GIVEN"), "{told}");
    for hidden in ["SECRET_OF_MINE", "do-not-tell", "OTHER_SECRET", "nobody-knows"] {
        assert!(!told.contains(hidden), "{hidden} is known to the server");
    }
}

/// Makes a simulated model turn to a tool of a real server, with arguments of its own making.
#[test]
fn a_model_of_another_kind_uses_tools_too() {
    let Some(peers) = Peers::find("Anthropic's messages with MCP tools") else { return };
    let provider = Provider::start(Settings::default()).unwrap();
    let servers = format!("servers:\n  every: {{ command: {} }}", command(&peers.everything()));
    let project = model_with_tools(&provider.url(), &servers, "{ from: { every: [echo] }, rounds: 3 }");
    project.edit("refrain.yaml", "sim: { base_url", "sim: { kind: anthropic, base_url");
    project.edit("refrain.yaml", "    tools:", "    max_tokens: 100\n    tools:");
    project.run_json(&[], 0);
    let bodies: Vec<String> = provider.journal().into_iter().map(|entry| entry.body).collect();
    let results = bodies.iter().filter(|body| body.contains("tool_result") && body.contains("Echo: "));
    assert_eq!((bodies.len(), results.count()), (4, 2));
}

#[test]
fn a_server_without_its_variable_is_said_by_name_wherever_it_is_needed() {
    let servers = "servers:\n  every: { command: [cat], env: [NOBODY_SETS_THIS] }";
    let project = project(servers, ADDER, "adder");
    for arguments in [&["plan"][..], &["status"], &["run"]] {
        let output = project.run(arguments).expect(4);
        let said = format!("{}{}", output.stdout, output.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("MCP server `every` failed to start"), "{said}");
        assert!(said.contains("`NOBODY_SETS_THIS` is not set"), "{said}");
    }
}
