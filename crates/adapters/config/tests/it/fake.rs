//! Agents that answer nothing, and files that are only known by name.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use refrain_config::{Given, Loaded, parse_with};
use refrain_core::check::Surroundings;
use refrain_core::ports::agent::{
    Accepted, Agent, AgentError, AgentFactory, AgentRole, AgentTraits, Blueprint, Draft, ModelTraits,
    SpecProblem,
};
use refrain_core::ports::rules::{RecordRules, RecordView, Reviewed};
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::json::Json;
use serde_json::Value;

use crate::fake_tools::FakeTools;

#[derive(Debug)]
struct FakeFactory;

impl AgentFactory for FakeFactory {
    fn handles(&self, spec: &AgentSpec) -> bool {
        let known = ["read", "write", "summary", "checks", "raw"];
        spec.command.is_some()
            || spec.model.is_some()
            || spec.http.is_some()
            || spec.mcp.is_some()
            || spec.tool.is_some()
            || spec.builtin.as_ref().is_some_and(|name| known.contains(&name.as_str()))
    }

    fn check(&self, Draft { spec, declared }: &Draft<'_>) -> Vec<SpecProblem> {
        let endpoint = spec.model.as_ref().map(|model| model.split('/').next().unwrap_or_default());
        if let Some(name) = endpoint.filter(|name| *name != "fake" && !declared.endpoints.contains_key(*name))
        {
            let message = format!("there is no endpoint `{name}`");
            return vec![SpecProblem { field: "model".into(), message, hint: None }];
        }
        let sentences = spec.params.get("sentences");
        let bad = sentences.filter(|value| !value.is_u64()).map(|value| SpecProblem {
            field: "params.sentences".into(),
            message: format!("`sentences` is {value}, and a whole number is expected"),
            hint: None,
        });
        bad.into_iter().collect()
    }

    fn describe(&self, Draft { spec, declared }: &Draft<'_>) -> AgentTraits {
        let name = spec.builtin.as_deref().unwrap_or("command");
        let role = match name {
            "read" => AgentRole::Read,
            "write" => AgentRole::Write,
            _ => AgentRole::Answer,
        };
        let model = spec.model.as_ref().map(|name| ModelTraits {
            name: name.clone(),
            price: declared.prices.get(name).copied(),
            dearest: None,
            max_output: spec.max_tokens.map(u64::from),
            requests: 1,
            round_bytes: 0,
            tools: Vec::new(),
        });
        let default_timeout = spec.command.is_some().then(|| Duration::from_secs(120));
        AgentTraits {
            raw_params: name == "raw",
            role,
            default_timeout,
            model,
            ..AgentTraits::plain(format!("{name}@1"))
        }
    }

    fn rules(&self, draft: &Draft<'_>, params: &Json) -> Result<Option<Arc<dyn RecordRules>>, AgentError> {
        if draft.spec.builtin.as_deref() != Some("checks") {
            return Ok(None);
        }
        match params.value()["language"].as_str() {
            Some("fr") => Err(AgentError::new(FailureKind::Permanent, "nothing is known of `fr`")),
            _ => Ok(Some(Arc::new(FakeRules))),
        }
    }

    fn accepts(&self, draft: &Draft<'_>) -> Option<Accepted> {
        let input = Json::of(&serde_json::json!({"required": ["text"]})).ok()?;
        (draft.spec.builtin.as_deref() == Some("summary")).then_some(Accepted { input, output: None })
    }

    fn make(&self, _: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
        Err(AgentError::new(FailureKind::Permanent, "a fake answers nothing"))
    }
}

#[derive(Debug)]
struct FakeRules;

impl RecordRules for FakeRules {
    fn review(&self, _: &RecordView<'_>) -> Reviewed {
        Reviewed::default()
    }
}

static FACTORIES: LazyLock<Vec<Arc<dyn AgentFactory>>> = LazyLock::new(|| vec![Arc::new(FakeFactory)]);

pub(crate) static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let files: [(&str, &str); 17] = [
        ("glossary.csv", "term,translation\n"),
        ("french.csv", "term;translation\nWren;Roitelet\nIvo;Ivo\nWren;Troglodyte\n"),
        ("glossary/ja.csv", "term,translation,case\n"),
        ("glossary/de.csv", "word,translation\n"),
        ("notes.jsonl", "{\"scene_id\": 1}\n{\"note\": 2}\n"),
        ("agents/critic.py", "print()"),
        ("agents/translate.py", "print()"),
        ("prompt.md", "hello"),
        ("prompts/ja.system.md", "You translate into {{ scope.langauge }}.\n\n{{ context.summary }}\n"),
        (
            "prompts/ja.md",
            "\u{feff}{# unti #}\r\n{{ unit.text }}\r\n  {{ context.glosary | json }} {{ params.tone }}{{ unti.id }}\r\n",
        ),
        ("prompts/broken.md", "fine\n{% if unit.x %}\n"),
        ("prompts/all.md", "{% for u in units %}{{ u.text | uper }}{% endfor %}{{ context.near }}"),
        ("schemas/line.schema.json", r#"{"type": "object"}"#),
        ("schemas/issues.schema.json", r##"{"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}"##),
        ("schemas/broken.json", r#"{"type": "#),
        ("schemas/wrong.json", r#"{"type": "objekt"}"#),
        ("schemas/remote.json", r#"{"properties": {"a": {"$ref": "https://example.org/a.json"}}}"#),
    ];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    files.chain([("prompts/latin.md".to_owned(), b"caf\xe9".to_vec())]).collect()
});

pub(crate) fn load_with(bytes: &[u8], file: &str, set: &BTreeMap<String, Value>) -> Loaded {
    let read_in: BTreeMap<String, Option<Vec<u8>>> = FILES
        .iter()
        .map(|(path, bytes)| (path.clone(), Some(bytes.clone())))
        .chain([("gone.txt".to_owned(), None)])
        .collect();
    let parsed = parse_with(
        bytes,
        file,
        &Given { files: Some(&read_in), tools: Some(&FakeTools), ..Given::default() },
    );
    let (model, problems) = parsed.check(&Surroundings { factories: &FACTORIES, files: &FILES, set });
    Loaded { pipeline: parsed.pipeline().cloned(), model, problems }
}

pub(crate) fn load_text(text: &str) -> Loaded {
    load_with(text.as_bytes(), "refrain.yaml", &BTreeMap::new())
}
