//! Words that look like tools: what people and models answer, what the pipeline itself does, and what is not carried out.

use std::sync::Arc;

use refrain_core::ports::tool_catalogue::ToolKind;
use serde_json::json;

use crate::declare::{action, any, boolean, integer, list, map, number, one_of, positive, text};
use crate::registry::absent;
use crate::tool::{Action, Declared};

use super::person::Person;

/// What content that people approve may be.
const FORMATS: [&str; 8] = ["text", "markdown", "html", "json", "yaml", "csv", "code", "diff"];

/// Where an answer goes besides.
const SAVED: [(&str, &str); 1] = [("save_to_file", "the file that the answer is written to")];

const AGENT: &str = "declare an agent of this name with `accepts:`, or start a program with `terminal`";

pub(super) fn declared() -> Vec<Declared> {
    let mut tools = Vec::from(people());
    tools.extend(models());
    tools.push(declare(
        "pipeline-executor",
        &["pipeline_executor", "sub-pipeline"],
        ToolKind::Lowered,
        "Carries out another pipeline",
        sub_pipeline(),
    ));
    for (name, aliases) in ABSENT {
        tools.push(absent(name, aliases, AGENT));
    }
    for (name, aliases, instead) in MODELS {
        tools.push(absent(name, aliases, instead));
    }
    tools
}

const ABSENT: [(&str, &[&str]); 10] = [
    ("web-search", &["web_search"]),
    ("headless-browser", &["headless_browser"]),
    ("pdf-compiler", &["pdf_compiler"]),
    ("image-analysis", &["image_analysis"]),
    ("image-generation", &["image_generation"]),
    ("audio-processing", &["audio_processing"]),
    ("video-processing", &["video_processing"]),
    ("visualization", &[]),
    ("prompt-optimization", &["prompt_optimization"]),
    ("auto_debugger", &["auto-debugger"]),
];

/// What a step that asks a model does by itself.
const MODELS: [(&str, &[&str], &str); 3] = [
    ("task-delegation", &["task_delegation"], CHOICE),
    ("multi-model-routing", &["multi_model_routing"], CHOICE),
    ("extract_structured", &[], "write a step with `prompt:` and `vars:`"),
];
const CHOICE: &str = "write a step with `prompt:`, `model: auto`, `selection:` and `requires_model:`";

fn declare(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: ToolKind,
    description: &'static str,
    action: Action,
) -> Declared {
    Declared { name, aliases, kind, description, actions: vec![action], tool: None }
}

fn person(
    person: Person,
    name: &'static str,
    aliases: &'static [&'static str],
    description: &'static str,
    action: Action,
) -> Declared {
    // An answer is a reply like any other; what is not answered yet is none.
    Declared { tool: Some(Arc::new(person)), ..declare(name, aliases, ToolKind::Person, description, action) }
}

fn people() -> [Declared; 3] {
    let schema =
        ("output_schema", map(), "the JSON Schema of what is answered, or of the content that is approved");
    let prompt = action(
        "execute",
        "Asks a person for a value",
        &[
            ("prompt!", text(), "the question"),
            ("input_type", one_of(&["text", "number", "boolean", "choice"]), "what the answer is (text)"),
            ("choices", list(), "what there is to choose from"),
            ("default", any(), "the answer of who gives none"),
            ("timeout", positive(), "the seconds after which the default is the answer, or it fails"),
            ("validation_pattern", text(), "a regular expression that the whole answer fits"),
            schema.clone(),
        ],
        &[("value", any(), "the answer")],
    )
    .of_steps(&SAVED);
    let gate = action(
        "execute",
        "Asks a person for approval",
        &[
            ("title!", text(), "what it is about"),
            ("content", any(), "what is to be approved"),
            ("format", one_of(&FORMATS), "what the content is"),
            ("allow_modifications", boolean(), "whether who approves may put other content in its place"),
            ("require_reason", boolean(), "whether a rejection needs a reason"),
            ("auto_approve_hash", text(), "the BLAKE3 digest (64 hexadecimal digits) of content that is approved without asking, as a template prints it"),
            ("metadata", map(), "what else there is to know"),
            schema.clone(),
        ],
        &[
            ("approved", boolean(), "whether it is approved"),
            ("decision", text(), "approved or rejected"),
            ("content", any(), "what was approved"),
            ("reason", any(), "why"),
            ("by", any(), "who said so"),
        ],
    )
    .of_steps(&SAVED);
    let feedback = action(
        "execute",
        "Asks a person several questions",
        &[
            ("title!", text(), "what it is about"),
            ("questions!", list(), "the questions"),
            ("required_questions", list(), "those of them that must be answered"),
            ("anonymous", boolean(), "whether nothing is kept of who answered"),
            schema,
        ],
        &[("answers", map(), "the answers"), ("by", any(), "who gave them")],
    )
    .of_steps(&SAVED);
    [
        person(Person::Value, "user-prompt", &["user_prompt"], "Asks a person for a value", prompt),
        person(Person::Approval, "approval-gate", &["approval_gate"], "Waits for a person to approve", gate),
        person(
            Person::Questions,
            "feedback-collection",
            &["feedback_collection"],
            "Asks a person several questions",
            feedback,
        ),
    ]
}

fn models() -> [Declared; 3] {
    let system = ("system", text(), "what the model is");
    let model = ("model", text(), "the model");
    let temperature = ("temperature", number(), "how freely it answers");
    let most = ("max_tokens", integer(), "the most tokens of the answer");
    let result = [];
    let prompt = ("prompt!", text(), "what it is asked");
    let rest = [system, model, temperature, most];
    let with = |first: Vec<(&'static str, serde_json::Value, &'static str)>| {
        first.into_iter().chain(rest.clone()).collect::<Vec<_>>()
    };
    let schema = ("schema", map(), "the JSON Schema of the value");
    let format = ("output_format", one_of(&["text", "markdown", "json"]), "what it answers with");
    let generate = action(
        "execute",
        "Asks a model for a text",
        &with(vec![prompt.clone(), format, schema.clone()]),
        &result,
    )
    .gives(&any());
    let structured =
        action("execute", "Asks a model for a value", &with(vec![prompt.clone(), schema.clone()]), &result)
            .gives(&any());
    let analyze = action(
        "execute",
        "Asks a model about a text",
        &with(vec![
            ("text", text(), "the text"),
            ("prompt", text(), "what it is asked"),
            ("analysis_type", text(), "what is sought"),
        ]),
        &result,
    )
    .gives(&json!({}));
    [
        declare(
            "generate",
            &["generate_text", "generate-text"],
            ToolKind::Model,
            "Asks a model for a text",
            generate,
        ),
        declare(
            "generate_structured",
            &["generate-structured"],
            ToolKind::Model,
            "Asks a model for a value",
            structured,
        ),
        declare(
            "analyze_text",
            &["analyze", "analyze-text"],
            ToolKind::Model,
            "Asks a model about a text",
            analyze,
        ),
    ]
}

fn sub_pipeline() -> Action {
    action(
        "execute",
        "Carries out another pipeline, and gives its outputs",
        &[
            ("pipeline!", any(), "the path of a pipeline file, or the pipeline itself"),
            ("inputs", map(), "its inputs"),
            ("inherit_context", boolean(), "whether it sees the inputs of this one"),
            ("timeout", positive(), "how many seconds it may take"),
            ("output_mapping", map(), "names for its outputs"),
            ("error_handling", one_of(&["fail", "continue"]), "what a failure of it means"),
        ],
        &[("outputs", map(), "its outputs")],
    )
}
