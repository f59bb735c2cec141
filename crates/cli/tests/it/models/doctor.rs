//! What `doctor` says of models, services and servers; it pays for nothing and remembers nothing.

use refrain_testkit::bin::fake_mcp;
use refrain_testkit::provider::{Provider, Settings};
use serde_json::Value;

use super::setup::{KEY, Shape, project, provider};
use crate::project::TestProject;

/// Returns the checks of one name, as `STATUS MESSAGE`.
#[track_caller]
fn checks(project: &TestProject, code: i32, name: &str) -> Vec<String> {
    let report = project.json(&["doctor"], code);
    assert_eq!(report["ok"], code == 0);
    let text = report.to_string();
    assert!(!text.contains(KEY), "{text}");
    let all = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name);
    let line = |check: &Value| {
        let text = |field: &str| check[field].as_str().unwrap().to_owned();
        assert!(check["status"] == "ok" || check["hint"].is_string(), "{check}");
        format!("{} {}", text("status"), text("message"))
    };
    all.map(line).collect()
}

fn set_up(settings: Settings) -> (Provider, TestProject) {
    let provider = provider(Settings { models: vec!["small".to_owned()], ..settings });
    let project = project(&provider.url(), &Shape { lines: 1, ..Shape::default() });
    (provider, project)
}

#[test]
fn all_is_well() {
    let (provider, project) = set_up(Settings::default());
    let at = provider.url();
    let before = project.files();
    assert_eq!(checks(&project, 0, "model"), [format!("ok sim/small: it is there, at {at}")]);
    let price = "ok sim/small: $1.00 and $20.00 per million tokens sent and received, by the project";
    assert_eq!(checks(&project, 0, "price"), [price]);
    assert_eq!(checks(&project, 0, "schema"), ["ok translator: endpoint `sim` takes it"]);
    assert_eq!((provider.arrived(), project.files()), (0, before), "nothing is paid for or written");
}

#[test]
fn models_of_other_kinds_are_found_as_well() {
    for kind in ["responses", "anthropic", "gemini"] {
        let (provider, project) = set_up(Settings::default());
        project.edit("refrain.yaml", "kind: openai", &format!("kind: {kind}"));
        if kind == "gemini" {
            project.edit("refrain.yaml", &provider.url(), &provider.gemini_url());
        }
        assert!(checks(&project, 0, "model")[0].starts_with("ok sim/small: it is there"), "{kind}");
        provider.set(|settings| settings.models = vec!["other".to_owned()]);
        assert!(checks(&project, 2, "model")[0].ends_with("has no model `small`"), "{kind}");
    }
}

#[test]
fn a_key_is_missing_or_refused() {
    let (provider, project) = set_up(Settings::default());
    let at = provider.url();
    provider.set(|settings| settings.key = Some("sk-another-key".to_owned()));
    let refused = format!("fail sim/small: {at} does not take the key in SIM_KEY: the key is wrong");
    assert_eq!(checks(&project, 4, "model"), [refused]);
    project.edit("refrain.yaml", "api_key_env: SIM_KEY, ", "");
    let wanted = format!("fail sim/small: {at} wants a key: the key is wrong");
    assert_eq!(checks(&project, 4, "model"), [wanted]);
    project.edit("refrain.yaml", "kind: openai, ", "kind: openai, api_key_env: NO_KEY, ");
    assert_eq!(checks(&project, 4, "model"), ["fail sim/small: not asked, as NO_KEY is not set"]);
    // The name of this key is known without being written.
    project.edit("refrain.yaml", "model: sim/small", "model: openai/gpt-5-mini");
    let model = checks(&project, 4, "model");
    assert_eq!(model, ["fail openai/gpt-5-mini: not asked, as OPENAI_API_KEY is not set"]);
    let price = checks(&project, 4, "price").remove(0);
    assert!(price.contains("openai/gpt-5-mini: $") && price.contains("by the list of 20"), "{price}");
}

#[test]
fn a_provider_is_down_or_has_another_model_or_does_not_tell() {
    let (provider, project) = set_up(Settings::default());
    let at = provider.url();
    provider.set(|settings| settings.models = vec!["large".to_owned()]);
    assert_eq!(checks(&project, 2, "model"), [format!("fail sim/small: {at} has no model `small`")]);
    provider.set(|settings| settings.tells_models = false);
    let cannot = format!("warn sim/small: {at} answers, and cannot tell whether the model is there");
    assert_eq!(checks(&project, 0, "model"), [cannot]);
    drop(provider);
    let down = checks(&project, 1, "model").remove(0);
    assert!(down.starts_with(&format!("fail sim/small: {at} does not answer: no connection")), "{down}");
}

#[test]
fn prices_and_schemas_are_looked_at() {
    let (_provider, project) = set_up(Settings::default());
    project.edit("refrain.yaml", "  sim/small: {", "  sim/large: {");
    assert_eq!(checks(&project, 0, "price"), ["warn sim/small: its price is not known"]);
    project.edit("refrain.yaml", "max_tokens: 200", "max_tokens: 200\n    structured: prompt");
    let prompt = "ok translator: it goes into the prompt at endpoint `sim`: the agent says so";
    assert_eq!(checks(&project, 0, "schema"), [prompt]);
    project.edit("refrain.yaml", "structured: prompt", "structured: native");
    project
        .write("line.schema.json", r#"{"type": "object", "patternProperties": {"^x": {"type": "string"}}}"#);
    let refused = checks(&project, 2, "schema").remove(0);
    assert!(refused.starts_with("fail translator: endpoint `sim` does not take it: "), "{refused}");
}

#[test]
fn stand_ins_are_asked_too() {
    let (provider, project) = set_up(Settings::default());
    let settings = Settings { models: vec!["small".to_owned()], ..Settings::default() };
    let (first, second) = (provider.url(), Provider::start(settings).unwrap());
    let stand_in = format!("endpoints:\n  spare: {{ kind: openai, base_url: \"{}\" }}", second.url());
    project.edit("refrain.yaml", "endpoints:", &stand_in);
    project.edit("refrain.yaml", "api_key_env: SIM_KEY, ", "api_key_env: SIM_KEY, fallback: [spare], ");
    drop(provider);
    let found = checks(&project, 1, "model");
    assert!(found[0].contains(&format!("{first} does not answer")), "{found:?}");
    assert_eq!(found[1], format!("ok spare/small: it is there, at {}", second.url()));
}

#[test]
fn servers_are_started_and_their_tools_looked_up() {
    let server = |flags: &str| format!("{{ command: [\"{}\"{flags}], timeout: 2s }}", fake_mcp().display());
    let text = format!(
        "\
refrain: 1
name: tools
servers:
  good: {}
agents:
  echo: {{ mcp: {{ server: good, tool: echo, arguments: {{ text: \"{{{{ unit.text }}}}\" }} }} }}
  service: {{ http: {{ url: \"http://127.0.0.1:1/label\" }} }}
phases:
  ingest: {{ agent: {{ builtin: read, params: {{ files: lines.csv }} }}, output: {{ records: lines, key: id }} }}
  ask: {{ units: {{ of: ingest }}, agent: echo, output: {{ records: lines, key: id }} }}
",
        server("")
    );
    let project = TestProject::new(&text).file("lines.csv", "id,text\na,x\n");
    assert_eq!(checks(&project, 0, "server"), ["ok good: 10 tools"]);
    assert!(!project.path(".refrain").exists(), "nothing is remembered");
    assert_eq!(checks(&project, 0, "service"), [""; 0], "nobody uses it");

    project.edit("refrain.yaml", "tool: echo", "tool: ecko");
    let found = checks(&project, 2, "server");
    assert_eq!(found[1], "fail good: it has no tool `ecko`, which agent `echo` names");
    project.edit("refrain.yaml", "tool: ecko", "tool: echo");

    project.edit("refrain.yaml", &server(""), &server(", --die-at-start"));
    let found = checks(&project, 1, "server");
    assert!(found[0].starts_with("fail MCP server `good`: "), "{found:?}");
    project.edit("refrain.yaml", &server(", --die-at-start"), &server(""));

    project.edit("refrain.yaml", "agent: echo", "agent: service");
    let found = checks(&project, 1, "service");
    assert!(found[0].starts_with("fail service: http://127.0.0.1:1/label does not answer: "), "{found:?}");
    let provider = Provider::start(Settings::default()).unwrap();
    project.edit("refrain.yaml", "http://127.0.0.1:1", &provider.root());
    assert_eq!(checks(&project, 0, "service"), [format!("ok service: {}/label answers", provider.root())]);
    assert_eq!(provider.arrived(), 0);
}
