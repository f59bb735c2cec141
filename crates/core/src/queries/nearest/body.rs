//! What is said in the body of a request to a model, whichever provider it was made for.

use refrain_schemas::agent_spec::AgentSpec;
use serde_json::{Value, json};

/// Where bodies hold what a model is told, system prompts first.
const TOLD: [&str; 8] = [
    "system",
    "instructions",
    "systemInstruction",
    "system_instruction",
    "messages",
    "input",
    "contents",
    "prompt",
];
/// Where a part of what is told holds its text, or further parts.
const PARTS: [&str; 3] = ["content", "parts", "text"];

/// Returns the texts that a model was told, in order.
pub(super) fn texts(body: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for part in TOLD.iter().filter_map(|name| body.get(name)) {
        collect(part, &mut out);
    }
    out
}

fn collect(part: &Value, out: &mut Vec<String>) {
    match part {
        Value::String(text) => out.push(text.clone()),
        Value::Array(parts) => parts.iter().for_each(|part| collect(part, out)),
        Value::Object(fields) => {
            PARTS.iter().filter_map(|name| fields.get(*name)).for_each(|part| collect(part, out));
        }
        _ => {}
    }
}

/// Returns texts as one, apart by empty lines.
pub(super) fn joined(texts: &[&str]) -> String {
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    texts.join("\n\n")
}

/// Returns the parts about each unit of what a model was told about several; nothing where it was told about one.
pub(super) fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    loop {
        let open = format!("<unit n=\"{}\">\n", blocks.len() + 1);
        let Some((_, behind)) = rest.split_once(&open) else { return blocks };
        let Some((block, after)) = behind.split_once("\n</unit>") else { return blocks };
        blocks.push(block);
        rest = after;
    }
}

/// Returns the settings of an agent that its body had otherwise: the name, the value then and the value now.
pub(super) fn settings(spec: &AgentSpec, body: &Value) -> Vec<(&'static str, Option<Value>, Option<Value>)> {
    let name = spec.model.as_deref().and_then(|model| model.split_once('/')).map(|(_, name)| json!(name));
    let mut out = Vec::new();
    let mut compare = |setting, then: Option<&Value>, now: Option<Value>| {
        if !is_same(then, now.as_ref()) {
            out.push((setting, then.cloned(), now));
        }
    };
    // Some providers want the model in the address, and some want a limit whether there is one or not.
    if let Some(then) = body.get("model") {
        compare("model", Some(then), name);
    }
    compare(
        "temperature",
        find(body, &["/temperature", "/generationConfig/temperature"]),
        number(spec.temperature),
    );
    compare("top_p", find(body, &["/top_p", "/generationConfig/topP"]), number(spec.top_p));
    compare("seed", find(body, &["/seed", "/generationConfig/seed"]), spec.seed.map(|seed| json!(seed)));
    if let Some(limit) = spec.max_tokens {
        let places = [
            "/max_tokens",
            "/max_completion_tokens",
            "/max_output_tokens",
            "/generationConfig/maxOutputTokens",
        ];
        compare("max_tokens", find(body, &places), Some(json!(limit)));
    }
    out
}

fn number(value: Option<f64>) -> Option<Value> {
    value.map(|value| json!(value))
}

fn find<'a>(body: &'a Value, places: &[&str]) -> Option<&'a Value> {
    places.iter().find_map(|place| body.pointer(place)).filter(|value| !value.is_null())
}

/// Whether two settings are the same; 1 and 1.0 are.
fn is_same(then: Option<&Value>, now: Option<&Value>) -> bool {
    match (then, now) {
        (Some(then), Some(now)) => {
            then == now || then.as_f64().is_some_and(|then| now.as_f64() == Some(then))
        }
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_the_body_of_every_provider() {
        let bodies = [
            json!({"model": "m", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}),
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "U"}]}], "system": "S"}),
            json!({"system": [{"type": "text", "text": "S"}], "messages": [{"role": "user", "content": "U"}]}),
            json!({"contents": [{"role": "user", "parts": [{"text": "U"}]}], "systemInstruction": {"parts": [{"text": "S"}]}}),
            json!({"instructions": "S", "input": "U"}),
            json!({"instructions": "S", "input": [{"role": "user", "content": [{"type": "input_text", "text": "U"}]}]}),
        ];
        for body in bodies {
            assert_eq!(texts(&body), ["S", "U"], "{body}");
        }
        assert_eq!(texts(&json!("text")), [""; 0]);
    }

    #[test]
    fn a_packed_prompt_falls_into_its_units() {
        let packed = "intro\n\n<unit n=\"1\">\none\n</unit>\n\n<unit n=\"2\">\ntwo\nlines\n</unit>\n\nrules";
        assert_eq!(blocks(packed), ["one", "two\nlines"]);
        assert_eq!(blocks("alone"), [""; 0]);
    }

    #[test]
    fn settings_that_differ_are_named() {
        let spec = AgentSpec {
            model: Some("local/large".to_owned()),
            temperature: Some(1.0),
            max_tokens: Some(100),
            ..AgentSpec::default()
        };
        let same = json!({"model": "large", "temperature": 1, "max_completion_tokens": 100});
        assert_eq!(settings(&spec, &same), []);
        let gemini = json!({"generationConfig": {"temperature": 0.5, "maxOutputTokens": 100, "seed": 7}});
        let expected = [("temperature", Some(json!(0.5)), Some(json!(1.0))), ("seed", Some(json!(7)), None)];
        assert_eq!(settings(&spec, &gemini), expected);
        assert_eq!(
            settings(&spec, &json!({"model": "small", "temperature": 1.0, "max_tokens": 100})).len(),
            1
        );
    }
}
