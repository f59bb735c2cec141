//! Steps that ask a model, against a provider that writes down what it is asked.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use refrain_testkit::provider::{Entry, Fault, FaultMix, Provider, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::own::{refrain, run, staged};

/// What a model was told: which one, as whom, and what.
type Told = (String, String, String);

pub(crate) fn provider() -> Provider {
    Provider::start(Settings::default()).unwrap()
}

/// A provider whose every answer goes wrong in this way.
pub(crate) fn failing(fault: Fault) -> Provider {
    let faults = FaultMix { share: 1.0, kinds: vec![fault], in_a_row: None };
    Provider::start(Settings { faults, ..Settings::default() }).unwrap()
}

/// Returns a project of a steps file whose models are asked there.
pub(crate) fn project(provider: &Provider, text: &str) -> TempDir {
    let endpoint = format!("name: x\nendpoints: {{ sim: {{ base_url: \"{}\" }} }}\n", provider.url());
    staged("x.yaml", &format!("{endpoint}{text}"))
}

pub(crate) fn go(place: &Path, words: &[&str], code: i32) -> Value {
    run(place, &[&["-f", "x.yaml", "run"], words].concat(), code)
}

pub(crate) fn edit(place: &Path, from: &str, to: &str) {
    let file = place.join("x.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn body(entry: &Entry) -> Value {
    serde_json::from_str(&entry.body).unwrap()
}

pub(crate) fn told(provider: &Provider) -> Vec<Told> {
    let journal = provider.journal();
    let told = journal.iter().map(|entry| {
        let body = body(entry);
        let messages = body["messages"].as_array().unwrap();
        let of = |role: &str| {
            let found = messages.iter().find(|message| message["role"] == role);
            found.and_then(|message| message["content"].as_str()).unwrap_or_default().to_owned()
        };
        (entry.model.clone(), of("system"), of("user"))
    });
    let mut told: Vec<Told> = told.collect();
    told.sort();
    told
}

fn tell(model: &str, system: &str, user: &str) -> Told {
    (model.to_owned(), system.to_owned(), user.to_owned())
}

const TALK: &str = "\
default_model: sim:small
inputs: { topic: cats }
experts: { critic: { model: 'sim:large', system_prompt: You judge. } }
personalities: { calm: { system_prompt: Be calm., style: short } }
steps:
- { id: plain, prompt: 'About {{ topic }}' }
- { id: own, action: generate_text, parameters: { prompt: By itself, model: 'sim/huge' } }
- { id: judged, prompt: 'Judge <line>{{ plain.result }}</line>', expert: critic }
- { id: soft, prompt: Softly, personality: calm, model: 'sim:tiny' }
- { id: said, action: analyze_text, parameters: { text: A text, analysis_type: mood, system: Listen. } }
outputs: { verdict: '{{ judged.result }}', fine: '{{ judged.success }}' }
";

#[test]
fn a_model_is_told_what_its_step_says_and_nobody_is_asked_twice() {
    let provider = provider();
    let place = project(&provider, TALK);
    let done = go(place.path(), &[], 0);
    let expect = vec![
        tell("huge", "", "By itself"),
        tell("large", "You judge.", "Judge <line>Ábóút cáts</line>"),
        tell("small", "", "About cats"),
        tell("small", "Listen.", "Analysis: mood\n\nA text"),
        tell("tiny", "Be calm.\nStyle: short", "Softly"),
    ];
    assert_eq!(told(&provider), expect);
    assert_eq!(done["outputs"], json!({"verdict": "Ábóút cáts", "fine": true}));
    assert_eq!(
        (&done["steps"]["own"]["model"], &done["steps"]["plain"]["model"]),
        (&json!("sim/huge"), &json!("sim/small"))
    );
    assert_eq!(go(place.path(), &[], 0)["outputs"], done["outputs"]);
    assert_eq!(provider.arrived(), 5, "an unchanged file asks nobody");
    edit(place.path(), "Softly", "Gently");
    go(place.path(), &[], 0);
    assert_eq!(provider.arrived(), 6, "the one step that changed");
    edit(place.path(), "About {{", "On {{");
    go(place.path(), &[], 0);
    let told = told(&provider);
    assert_eq!(provider.arrived(), 8, "that step, and the one that reads it");
    assert!(told.contains(&tell("large", "You judge.", "Judge <line>Ón cáts</line>")), "{told:?}");
}

const RATED: &str = "\
default_model: sim:small
steps:
- id: rate
  prompt: 'Rate <line>this</line>'
  vars:
  - words: what it says
  - { name: score, type: integer, description: how good it is, min: 3, max: 5 }
  - { name: tags, type: list, item_type: string, min_items: 1 }
  - { name: sure, type: boolean }
- { id: next, action: 'echo {{ score + 1 }} {{ rate.words }} {{ tags | length }}' }
outputs: { score: '{{ score }}', sure: '{{ rate.result.sure }}' }
";

#[test]
fn variables_are_answered_with_their_types() {
    let provider = provider();
    let place = project(&provider, RATED);
    let done = go(place.path(), &[], 0);
    let result = json!({"words": "thís", "score": 3, "tags": ["thís"], "sure": true});
    assert_eq!(done["steps"]["rate"]["value"], json!({"result": result}));
    assert_eq!(done["steps"]["next"]["value"]["result"], "4 thís 1");
    assert_eq!(done["outputs"], json!({"score": 3, "sure": true}));
    let sent = body(&provider.journal()[0]);
    let schema = &sent["response_format"]["json_schema"]["schema"]["properties"];
    assert_eq!(schema["score"]["description"], "how good it is", "{sent:#}");
    assert_eq!(go(place.path(), &[], 0)["run"]["calls"], 0);
    edit(place.path(), "how good it is", "how bad it is");
    assert_eq!(go(place.path(), &[], 0)["run"]["calls"], 1, "what is answered is part of what is asked");
}

#[test]
fn an_answer_without_its_variables_is_repaired_and_fails_then() {
    let provider = failing(Fault::Invalid);
    let place = project(&provider, RATED);
    let failed = go(place.path(), &[], 1);
    let rate = &failed["steps"]["rate"];
    assert_eq!((&rate["status"], &rate["error_type"]), (&json!("failed"), &json!("invalid")), "{failed:#}");
    assert!(rate["error"].as_str().unwrap().contains("score"), "{rate}");
    assert_eq!(failed["steps"]["next"]["status"], "skipped");
    assert_eq!(provider.arrived(), 3, "three attempts, as steps have");
    let last = body(&provider.journal()[2]).to_string();
    assert!(last.contains("nothing"), "the model is told what was wrong with its answer: {last}");
    provider.set(|settings| settings.faults = FaultMix::default());
    assert_eq!(go(place.path(), &[], 0)["outputs"]["score"], 3);
}

/// All that is named has to be there, and each with its own rules.
#[test]
fn an_answer_that_lacks_one_of_its_variables_is_none() {
    let whole = json!({"words": "good", "score": 4, "tags": ["a"], "sure": false});
    let without = |name: &str| {
        let mut result = whole.clone();
        result.as_object_mut().unwrap().remove(name);
        result
    };
    let with = |name: &str, value: Value| {
        let mut result = whole.clone();
        result[name] = value;
        result
    };
    let wrong = [
        ("words", without("words")),
        ("score", without("score")),
        ("tags", without("tags")),
        ("sure", without("sure")),
        ("score", with("score", json!(6))),
        ("score", with("score", json!("4"))),
        ("tags", with("tags", json!([]))),
        ("more", with("more", json!(1))),
    ];
    let provider = provider();
    let says = |result: &Value| {
        let said = result.to_string();
        provider.set(|settings| settings.says = vec![("Rate".to_owned(), said)]);
    };
    for (name, result) in wrong {
        let place = project(&provider, RATED);
        says(&result);
        let failed = go(place.path(), &[], 1);
        let rate = &failed["steps"]["rate"];
        assert_eq!(rate["error_type"], "invalid", "{name}: {rate:#}");
        assert!(rate["error"].as_str().unwrap().contains(name), "{name}: {rate:#}");
        says(&whole);
        assert_eq!(go(place.path(), &[], 0)["steps"]["next"]["value"]["result"], "5 good 1");
    }
}

#[test]
fn schemas_of_every_spelling_give_values() {
    let provider = provider();
    let schema = "{ type: object, properties: { n: { type: integer, minimum: 2 } }, required: [n] }";
    let place = project(
        &provider,
        &format!(
            "default_model: sim:small\nsteps:\n\
             - {{ id: a, action: generate_structured, parameters: {{ prompt: A, schema: {schema} }} }}\n\
             - {{ id: b, prompt: B, output_schema: {schema} }}\n\
             - {{ id: c, prompt: C, output_schema: {{ type: array, items: {{ type: string }}, minItems: 2 }} }}\n\
             - {{ id: d, prompt: D, output_schema: '{{{{ file:schema.json }}}}' }}\n\
             - {{ id: e, action: generate, parameters: {{ prompt: 'As JSON', output_format: json }} }}\n\
             outputs: {{ a: '{{{{ a.n + b.result.n }}}}', c: '{{{{ c.result }}}}', d: '{{{{ d.deep.x }}}}', e: '{{{{ e.result }}}}' }}\n"
        ),
    );
    let deep = json!({"$ref": "#/$defs/d", "$defs": {"d": {"type": "object", "required": ["deep"], "properties":
        {"deep": {"type": "object", "properties": {"x": {"const": "found"}}, "required": ["x"]}}}}});
    fs::write(place.path().join("schema.json"), deep.to_string()).unwrap();
    let done = go(place.path(), &[], 0);
    assert_eq!(done["outputs"], json!({"a": 4, "c": ["C", "C"], "d": "found", "e": {}}));
}

#[test]
fn a_model_uses_the_tools_that_its_step_names() {
    let provider = provider();
    let place = project(
        &provider,
        "default_model: sim:small\nexperts:\n- echo: sim:handy\n- terminal: [sim:other]\nsteps:\n\
         - { id: a, prompt: 'Say <line>hello</line>', tools: [echo] }\n",
    );
    let done = go(place.path(), &[], 0);
    assert_eq!(done["steps"]["a"]["model"], "sim/handy", "who is good with the tool");
    let journal: Vec<Value> = provider.journal().iter().map(body).collect();
    assert_eq!(journal.len(), 2, "one request for the tool, and one with its result");
    assert_eq!(journal[0]["tools"][0]["function"]["name"], "refrain__echo");
    let results: Vec<&Value> =
        journal[1]["messages"].as_array().unwrap().iter().filter(|m| m["role"] == "tool").collect();
    assert!(results[0]["content"].as_str().unwrap().contains("hélló"), "{results:?}");
    assert_eq!(go(place.path(), &[], 0)["run"]["calls"], 0);
}

#[test]
fn personalities_are_found_in_folders_and_build_on_each_other() {
    let provider = provider();
    let place = project(
        &provider,
        "default_model: sim:small\npersonalities: { kind: { system_prompt: Be kind., extends: base } }\nsteps:\n\
         - { id: a, prompt: A, personality: kind }\n- { id: b, prompt: B, personality: stern }\n\
         - { id: c, prompt: C, personality: { extends: [kind, stern], style: short } }\n- { id: d, prompt: D }\n",
    );
    let folder = place.path().join("personalities");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("base.md"), "You help.\n").unwrap();
    fs::write(folder.join("stern.yaml"), "system_prompt: Be stern.\nparameters: { temperature: 0.5 }\n")
        .unwrap();
    fs::write(folder.join("standard.txt"), "As always.\n").unwrap();
    go(place.path(), &[], 0);
    let expect = vec![
        tell("small", "As always.", "D"),
        tell("small", "Be stern.", "B"),
        tell("small", "You help.\n\nBe kind.", "A"),
        tell("small", "You help.\n\nBe kind.\n\nBe stern.\n\nStyle: short", "C"),
    ];
    assert_eq!(told(&provider), expect);
    let of_b = provider.journal().into_iter().find(|entry| entry.prompt == "B").unwrap();
    assert_eq!(body(&of_b)["temperature"], 0.5);
    fs::write(folder.join("base.md"), "You serve.\n").unwrap();
    go(place.path(), &[], 0);
    assert_eq!(provider.arrived(), 6, "two steps build on what changed");
    fs::write(folder.join("stern.yaml"), "extends: stern\n").unwrap();
    let refused = go(place.path(), &[], 2);
    assert_eq!(refused["problems"][0]["code"], "E0820");
    assert!(
        refused["problems"][0]["message"].as_str().unwrap().ends_with("builds on itself: stern → stern"),
        "{refused:#}"
    );
    fs::remove_file(folder.join("stern.yaml")).unwrap();
    let text = String::from_utf8(refrain(place.path(), &["-f", "x.yaml", "check"]).stdout).unwrap();
    assert!(text.contains("no personality `stern`") && text.contains("personalities/stern.md"), "{text}");
}

#[test]
fn the_native_form_asks_the_same() {
    let provider = provider();
    let place = project(&provider, RATED);
    let done = go(place.path(), &[], 0);
    let converted = refrain(place.path(), &["-f", "x.yaml", "convert"]).stdout;
    let native = tempfile::tempdir().unwrap();
    fs::write(native.path().join("refrain.yaml"), converted).unwrap();
    let report = run(native.path(), &["run"], 0);
    assert_eq!(report["outputs"], done["outputs"]);
    let journal = provider.journal();
    assert_eq!((journal.len(), &journal[0].body), (2, &journal[1].body));
}

/// A model that answers with this, whatever it is asked, in the wire form of chat completions.
pub(crate) fn scripted(reply: &str) -> String {
    let choice =
        json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}});
    let body = json!({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
    served("200 OK", body.to_string()).0
}

/// Serves the same answer again and again; returns where, and how often somebody came.
pub(crate) fn served(head: &'static str, body: String) -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let arrived = Arc::new(AtomicUsize::new(0));
    let n = arrived.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                let head = line.to_ascii_lowercase();
                if let Some(value) = head.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut asked = vec![0; length];
            reader.read_exact(&mut asked).unwrap();
            n.fetch_add(1, Ordering::SeqCst);
            let head = format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\nconnection: close");
            write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    (url, arrived)
}

/// Returns a project whose model always answers with this.
fn answering(reply: &Value, text: &str) -> TempDir {
    let url = scripted(&reply.to_string());
    staged(
        "x.yaml",
        &format!("name: x\nendpoints: {{ sim: {{ base_url: \"{url}\" }} }}\ndefault_model: sim:m\n{text}"),
    )
}

#[test]
fn variables_are_the_answer_itself() {
    let steps = "steps:\n- { id: a, prompt: Who?, max_retries: 1, vars: [NAME, { name: AGE, example: 7 }] }\n\
                 outputs: { name: '{{ NAME }}', age: '{{ a.AGE + 1 }}', all: '{{ a.result }}' }\n";
    let place = answering(&json!({"NAME": "Ann", "AGE": 8}), steps);
    let done = go(place.path(), &[], 0);
    assert_eq!(done["outputs"], json!({"name": "Ann", "age": 9, "all": {"NAME": "Ann", "AGE": 8}}));
    let place = answering(&json!({"NAME": "Ann", "AGE": "8"}), steps);
    let failed = go(place.path(), &[], 1);
    let error = failed["steps"]["a"]["error"].as_str().unwrap();
    assert!(
        error.contains("/AGE") && error.contains("integer"),
        "the path, and the type of the example: {error}"
    );
    let place = answering(&json!({"AGE": 8}), steps);
    let failed = go(place.path(), &[], 1);
    assert!(failed["steps"]["a"]["error"].as_str().unwrap().contains("NAME"), "{failed:#}");
    let list = "steps:\n- { id: a, prompt: Which?, output_schema: { type: array, items: { type: integer } } }\n\
                outputs: { sum: '{{ a.result | sum }}' }\n";
    assert_eq!(go(answering(&json!([1, 2]), list).path(), &[], 0)["outputs"], json!({"sum": 3}));
}

/// What a file says of the form of an answer is held to, in native files as well.
#[test]
fn the_format_of_a_variable_is_held_to() {
    let steps = "steps:\n- { id: a, prompt: When?, max_retries: 1, vars: { day: { format: date } } }\noutputs: { day: '{{ day }}' }\n";
    let place = answering(&json!({"day": "2026-02-28"}), steps);
    assert_eq!(go(place.path(), &[], 0)["outputs"]["day"], "2026-02-28");
    for bad in ["2026-02-30", "soon"] {
        let place = answering(&json!({"day": bad}), steps);
        let failed = go(place.path(), &[], 1);
        let error = failed["steps"]["a"]["error"].as_str().unwrap();
        assert!(error.contains("day") && error.contains("date"), "{error}");
    }
}

#[test]
fn what_is_produced_may_be_named_by_its_kind() {
    let place = answering(&json!({"A": [1]}), "\
steps:
- { id: a, prompt: Go, vars: [{ name: A, type: list }], produces: json-data, location: ./out/a.json, format: application/json }
- { id: b, tool: filesystem, action: write, parameters: { path: out/b.md, content: '# b' }, produces: markdown-file, location: ./out/b.md }
- { id: c, tool: terminal, parameters: { command: echo c }, produces: text-file, location: out/c.txt }
");
    go(place.path(), &[], 0);
    let read = |path: &str| fs::read_to_string(place.path().join(path)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("out/a.json")).unwrap(), json!({"A": [1]}));
    assert_eq!((read("out/b.md"), read("out/c.txt")), ("# b".to_owned(), "c\n".to_owned()));
    for (kind, file, code) in [
        ("pdf", "out/a.pdf", "E0802"),
        ("json-data", "out/a.txt", "E0803"),
        ("markdown-file", "out/a.json", "E0803"),
    ] {
        let steps = format!("steps:\n- {{ id: a, prompt: Go, produces: {kind}, location: {file} }}\n");
        let refused = go(answering(&json!("x"), &steps).path(), &[], 2);
        assert_eq!(refused["problems"][0]["code"], code, "{kind}: {refused:#}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_of() {
    let place = answering(
        &json!("a long text"),
        "steps:\n- { id: a, prompt: Go, produces: out/a.txt, size_limit: 3 }\n",
    );
    let failed = go(place.path(), &[], 1);
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("step `a`") && error.contains('3'), "{error}");
    assert!(!place.path().join("out/a.txt").exists());
}
