//! What models are told, and what of it their keys are made from.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::FutureExt as _;

use refrain_core::engine::{Engine, Ports};
use refrain_core::ports::agent::{AgentError, Conversation};
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::tools::{Tool, ToolList, ToolResult, ToolUse, Tools};
use refrain_schemas::digest::Digest;
use refrain_schemas::failure::FailureKind;
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::why::UnitWhy;
use refrain_testkit::world::{Asked, World};
use serde_json::{Value, json};

use crate::pieces::{fields, ids, world};

const GLOSSARY: &str = "{% for g in context.glossary %}{{ g.term }}: {{ g.says }}\n{% endfor %}";

/// Returns a world with a phase `t` of one model, whose agent and phase are changed by `more`.
fn telling(agent: Value, phase: Value) -> World {
    let mut all = json!({
        "t": {"units": {"of": "ingest"}, "agents": {"cheap": 1}, "output": {"key": "id"}},
    });
    merge(&mut all["t"], phase);
    let mut world = world(all);
    let mut spec = json!({"model": "m/cheap"});
    merge(&mut spec, agent);
    world.redefine(|pipeline| pipeline["agents"] = json!({"cheap": spec}));
    world.agent("m/cheap", |asked| Ok(json!({"said": asked.input["text"]})));
    world.set(
        "glossary.csv",
        json!([{"term": "text 1", "says": "one"}, {"term": "text 4", "says": "four"}, {"term": "zzz", "says": "z"}]),
    );
    world
}

fn merge(into: &mut Value, more: Value) {
    let more = more.as_object().unwrap().clone();
    into.as_object_mut().unwrap().extend(more);
}

fn matched() -> Value {
    json!({"glossary": {"file": "glossary.csv", "match": {"field": "term", "in": "text"}}})
}

/// What was told in each call, in order.
fn told(asked: &[Asked]) -> Vec<Arc<Conversation>> {
    let mut told: Vec<Arc<Conversation>> = asked.iter().filter_map(|asked| asked.told.clone()).collect();
    told.dedup_by(|a, b| Arc::ptr_eq(a, b));
    told
}

fn asked_ids(world: &mut World) -> Vec<String> {
    world.take_asked().into_iter().map(|asked| asked.id).collect()
}

fn keys(world: &World) -> BTreeSet<String> {
    world.ledger().iter().flat_map(|call| &call.asks).map(|ask| ask.key.to_string()).collect()
}

#[test]
fn layers_stand_one_below_the_other() {
    let mut world = telling(
        json!({"system": "Agent {{ scope.language }}.", "prompt": "prompts/agent.md"}),
        json!({
            "per": ["language"], "system": "{# nothing #}", "prompt": "About {{ unit.id }}:",
            "context": {"style": {"file": "style.json"}},
        }),
    );
    world.set("style.json", json!({"tone": "plain"}));
    world.set("prompts/agent.md", json!("\u{feff}{{ unit.text }}\r\n{{ context.style.tone }}\r\n"));
    world.redefine(|pipeline| pipeline["system"] = json!("Project {{ params.p }}."));
    world.redefine(|pipeline| pipeline["params"] = json!({"p": {"default": 7}}));
    assert_eq!(world.run().status, RunStatus::Completed);
    let told = told(&world.take_asked());
    assert_eq!(told.len(), 12);
    assert_eq!(told[0].system, "Project 7.\n\nAgent ja.");
    assert_eq!(told[0].user, "About l1:\n\ntext 1\nplain");
    assert_eq!((&told[0].schema, &*told[0].field, told[0].numbered), (&None, "text", false));
    assert_eq!(told[0].bytes(), (told[0].system.len() + told[0].user.len()) as u64);
}

#[test]
fn without_a_prompt_the_input_is_told_as_json() {
    let mut world = telling(json!({}), json!({}));
    world.run();
    let line = told(&world.take_asked());
    assert_eq!(line[0].user, r#"{"id":"l1","scene":"s1","text":"text 1"}"#);
    let mut world = telling(json!({}), json!({"context": matched()}));
    world.run();
    let line = told(&world.take_asked());
    assert_eq!(
        line[0].user,
        r#"{"context":{"glossary":[{"says":"one","term":"text 1"}]},"input":{"id":"l1","scene":"s1","text":"text 1"}}"#
    );
}

#[test]
fn one_term_edited_asks_the_units_whose_prompt_held_it_and_the_plan_says_so() {
    for glossary in [json!({"file": "glossary.csv"}), matched()["glossary"].clone()] {
        let prompt =
            "{% for g in context.glossary if g.term in unit.text %}{{ g.says }} {% endfor %}{{ unit.text }}";
        let mut world = telling(json!({"prompt": prompt}), json!({"context": {"glossary": glossary}}));
        world.run();
        world.take_asked();
        world.edit("glossary.csv", |terms| terms[1]["says"] = json!("quatre"));
        world.edit("glossary.csv", |terms| terms[2]["says"] = json!("nobody says it"));
        let plan = crate::ahead::plan(&mut world);
        let phase = plan.phases.iter().find(|phase| phase.phase.as_str() == "t").unwrap();
        assert_eq!((phase.run.min, phase.run.max), (1, Some(1)));
        let report = world.run();
        assert_eq!(report.calls, 1);
        assert_eq!(asked_ids(&mut world), ["l4"]);
    }
}

#[test]
fn packed_and_alone_share_all_keys() {
    for prompt in
        ["{{ unit.text }}", "{% for u in units %}{{ u.text }}{{ u.context.glossary | json }}\n{% endfor %}"]
    {
        let world = |pack: u64| {
            let phase = json!({"pack": {"max": pack}, "context": matched()});
            let mut world = telling(json!({"prompt": prompt, "system": "{{ scope | json }}"}), phase);
            world.run();
            world
        };
        let (mut alone, packed) = (world(1), world(4));
        assert_eq!((alone.take_asked().len(), packed.ledger().len()), (6, 2), "{prompt}");
        assert_eq!(keys(&alone), keys(&packed));
        assert_eq!(alone.digest("t"), packed.digest("t"));
        alone.redefine(|pipeline| pipeline["phases"]["t"]["pack"]["max"] = json!(3));
        assert_eq!(alone.run().calls, 0);
    }
}

#[test]
fn a_packed_call_is_numbered_and_asks_for_numbers() {
    let mut world = telling(json!({"prompt": "Say {{ unit.text }}."}), json!({"pack": {"max": 4}}));
    world.run();
    let told = told(&world.take_asked());
    let user = &told[0].user;
    assert!(
        user.starts_with("<unit n=\"1\">\nSay text 1.\n</unit>\n\n<unit n=\"2\">\nSay text 2.\n</unit>"),
        "{user}"
    );
    assert!(user.contains("There are 4 units above"), "{user}");
    assert!(told[0].numbered && told[0].asks_for_text());
    let outputs =
        told[0].outputs(&json!({"units": [{"n": 2, "output": "b"}, {"n": 1, "output": "a"}]})).unwrap();
    let outputs: Vec<(usize, &str)> = outputs.iter().map(|(n, json)| (*n, json.as_str())).collect();
    assert_eq!(outputs, [(2, r#"{"text":"b"}"#), (1, r#"{"text":"a"}"#)]);
    assert_eq!(told[1].user.matches("<unit").count(), 2);
}

#[test]
fn units_see_each_other_in_a_prompt_over_units() {
    let prompt = "{% for u in units %}{{ loop.index }}. {{ u.id }} {{ u.text }}\n{% endfor %}";
    let mut world = telling(json!({"prompt": prompt}), json!({"pack": {"max": 4}}));
    world.run();
    let told = told(&world.take_asked());
    assert!(told[0].user.starts_with("1. l1 text 1\n2. l2 text 2\n3. l3 text 3\n4. l4 text 4\n\nThere are"));
}

#[test]
fn equal_lines_are_asked_once_and_keep_their_own_ids() {
    let mut world = telling(json!({"prompt": "{{ unit.text }}"}), json!({}));
    world.edit("lines.csv", |lines| {
        for n in [1, 3, 5] {
            lines[n]["text"] = json!("same");
        }
    });
    assert_eq!(world.run().calls, 4);
    let records = world.artifact("t");
    assert_eq!(ids(&records), ["l1", "l2", "l3", "l4", "l5", "l6"]);
    assert_eq!(records[1]["said"], records[5]["said"]);
    world.take_asked();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("same"));
    assert_eq!(world.run().calls, 0, "a line that becomes equal to another shares its reply");
}

#[test]
fn a_shared_reply_never_carries_the_id_of_another_unit() {
    for key in ["id", "issue"] {
        let mut world = telling(json!({"prompt": "{{ unit.text }}"}), json!({"output": {"key": key}}));
        world.agent("m/cheap", |asked| Ok(json!({"id": asked.id, "issue": asked.id})));
        world.edit("lines.csv", |lines| lines.iter_mut().for_each(|line| line["text"] = json!("same")));
        world.run();
        let records = world.artifact("t");
        assert_eq!(ids(&records), ["l1", "l2", "l3", "l4", "l5", "l6"], "{key}");
        assert_eq!(fields(&records, "issue"), fields(&records, "id"));
    }
}

#[test]
fn what_is_not_rendered_is_not_in_the_key() {
    let mut world = telling(
        json!({"prompt": "{{ unit.text }}"}),
        json!({"per": ["language"], "context": {"glossary": {"file": "glossary.csv"}}}),
    );
    assert_eq!(world.run().calls, 6, "two languages that are not told share their replies");
    world.edit("glossary.csv", |terms| terms.clear());
    world.edit("lines.csv", |lines| lines.iter_mut().for_each(|line| line["scene"] = json!("s")));
    assert_eq!(world.run().calls, 0);
}

#[test]
fn only_what_renders_otherwise_is_asked_again() {
    let mut world = telling(
        json!({"prompt": "{# one #}{{ unit.text }}{% if unit.id == 'l2' %} {{ params.x }}{% endif %}"}),
        json!({}),
    );
    world.redefine(|pipeline| pipeline["params"] = json!({"x": {"default": "a"}}));
    world.run();
    world.redefine(|pipeline| {
        let prompt = pipeline["agents"]["cheap"]["prompt"].as_str().unwrap().replace("one", "another");
        pipeline["agents"]["cheap"]["prompt"] = json!(prompt);
    });
    assert_eq!(world.unfresh(), ["t"]);
    assert_eq!(world.run().calls, 0, "a comment says nothing to a model");
    world.take_asked();
    world.set_param("x", json!("b"));
    assert_eq!(world.unfresh(), ["t"]);
    world.run();
    assert_eq!(asked_ids(&mut world), ["l2"]);
}

#[test]
fn a_unit_that_cannot_be_told_fails_by_itself_before_any_call() {
    for on_failure in ["continue", "stop"] {
        let phase = json!({"on_unit_failure": on_failure});
        let mut world = telling(json!({"prompt": "prompts/p.md"}), phase);
        world.set("prompts/p.md", json!("Say:\n  {{ unit.note }}"));
        world.edit("lines.csv", |lines| {
            for (n, line) in lines.iter_mut().enumerate().filter(|(n, _)| *n != 2) {
                line["note"] = json!(format!("note {n}"));
            }
        });
        let plan = crate::ahead::plan(&mut world);
        let report = world.run();
        if on_failure == "stop" {
            assert_eq!((report.status, report.calls), (RunStatus::Failed, 0));
            let error = report.phases.iter().find_map(|phase| phase.error.clone()).unwrap();
            assert!(error.message.contains("prompts/p.md:2:6: `unit.note` is undefined"), "{error:?}");
            assert_eq!(error.units[0].failure.kind, FailureKind::Permanent);
        } else {
            let phase = plan.phases.iter().find(|phase| phase.phase.as_str() == "t").unwrap();
            assert_eq!((phase.run.min, phase.run.max), (5, Some(5)));
            assert_eq!((report.status, report.calls), (RunStatus::Partial, 5));
            assert_eq!(world.holes("t"), ["l3"]);
            assert!(!asked_ids(&mut world).contains(&"l3".to_owned()));
        }
    }
}

#[test]
fn a_chain_is_told_what_came_before_only_where_it_is_rendered() {
    let agents = json!({"cheap": 1, "good": 1, "blind": 1});
    let mut world = telling(json!({"prompt": "{{ unit.text }}"}), json!({"agents": agents, "fan": "chain"}));
    world.redefine(|pipeline| {
        pipeline["agents"]["good"] = json!({"model": "m/good", "prompt": "Better: {{ previous.said }}"});
        pipeline["agents"]["blind"] = json!({"model": "m/blind", "prompt": "{{ unit.id }}"});
    });
    world.agent("m/good", |asked| Ok(json!({"good": asked.told.as_ref().unwrap().user})));
    world.agent("m/blind", |_| Ok(json!({"end": true})));
    assert_eq!(world.run().calls, 18);
    world.take_asked();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run();
    let asked = world.take_asked();
    let agents: Vec<&str> = asked.iter().map(|asked| asked.agent.as_str()).collect();
    assert_eq!(agents, ["m/cheap", "m/good"], "what the last link is told did not change");
    assert_eq!(asked[1].told.as_ref().unwrap().user, "Better: new");
}

#[test]
fn the_glossary_is_rendered_by_a_loop() {
    let mut world =
        telling(json!({"prompt": format!("{GLOSSARY}{{{{ unit.text }}}}")}), json!({"context": matched()}));
    let report = world.run();
    assert_eq!(report.phases.last().unwrap().status, PhaseStatus::Completed);
    assert_eq!(told(&world.take_asked())[0].user, "text 1: one\ntext 1");
}

/// What `why` says of `t`: the causes, and by unit the parts that differ.
fn why(world: &mut World) -> (Vec<String>, Vec<(String, Vec<String>)>) {
    let engine = world.engine(false);
    let target = world.revision("t").unwrap().target;
    let report = async move { engine.why(&target, None, 100).await }.now_or_never().unwrap().unwrap();
    assert!(report.causes.iter().all(|cause| cause.old.is_some() || cause.new.is_some()));
    let causes = report.causes.iter().map(|cause| cause.subject.clone()).collect();
    let parts = |unit: &UnitWhy| unit.parts.iter().map(|part| part.part.clone()).collect();
    (causes, report.units.iter().map(|unit| (unit.unit.to_string(), parts(unit))).collect())
}

#[test]
fn each_layer_that_changed_is_named() {
    let changes: [(&str, &str, &str); 6] = [
        ("/system", "project.system", "project.system"),
        ("/phases/t/system", "phase.system", "phase.system"),
        ("/phases/t/prompt", "phase.prompt", "phase.prompt"),
        ("/agents/cheap/system", "cheap (system)", "agent.cheap.system"),
        ("/agents/cheap/prompt", "cheap (prompt)", "agent.cheap.prompt"),
        ("/agents/cheap/field", "cheap (output)", "agent.cheap.output"),
    ];
    for (field, cause, part) in changes {
        let mut world = telling(
            json!({"system": "{# a #}agent", "prompt": "{# a #}{{ unit.text }}", "field": "a"}),
            json!({"system": "{# a #}phase", "prompt": "{# a #}{{ unit.id }}"}),
        );
        world.redefine(|pipeline| pipeline["system"] = json!("{# a #}project"));
        world.run();
        assert_eq!(why(&mut world), (vec![], vec![]));
        let edit = |world: &mut World, to: &str| {
            world.redefine(|pipeline| {
                let layer = pipeline.pointer_mut(field).unwrap();
                *layer = json!(layer.as_str().unwrap().replacen('a', to, 1));
            });
        };
        edit(&mut world, "b");
        let (causes, units) = why(&mut world);
        assert_eq!(causes, [cause]);
        if field.ends_with("field") {
            assert_eq!(units.len(), 6);
            assert_eq!(units[0], ("l1".to_owned(), vec![part.to_owned()]));
        } else {
            assert_eq!(units, [], "a comment touches no unit");
            assert_eq!(world.run().calls, 0);
            world.redefine(|pipeline| {
                let layer = pipeline.pointer_mut(field).unwrap();
                *layer = json!(format!("{} more", layer.as_str().unwrap()));
            });
            let (causes, units) = why(&mut world);
            assert_eq!(causes, [cause]);
            assert_eq!(units.len(), 6);
            assert_eq!(units[5], ("l6".to_owned(), vec![part.to_owned()]));
            world.take_asked();
            assert_eq!(world.run().calls, 6);
        }
    }
}

#[test]
fn why_names_the_units_that_render_otherwise_and_no_others() {
    for fan in ["split", "chain", "cascade", "panel"] {
        let prompt = "{% if 'text 1' in unit.text %}{{ context.glossary[0].says }} {{ previous | d('') }}{% endif %}{{ unit.text }}";
        let prompt = if fan == "chain" { prompt } else { &prompt.replace("{{ previous | d('') }}", "") };
        let context = json!({"glossary": {"file": "glossary.csv"}});
        let mut world = telling(
            json!({"prompt": "{{ unit.text }}"}),
            json!({"agents": {"cheap": 1, "good": 1}, "fan": fan, "context": context, "merge": "first", "accept": "reply.good is defined"}),
        );
        world.redefine(|pipeline| {
            pipeline["agents"]["good"] = json!({"model": "m/good", "prompt": prompt});
            if fan != "cascade" {
                pipeline["phases"]["t"].as_object_mut().unwrap().remove("accept");
            }
        });
        world.agent("m/good", |_| Ok(json!({"good": true})));
        world.run();
        world.edit("glossary.csv", |terms| terms[0]["says"] = json!("uno"));
        world.edit("glossary.csv", |terms| terms[1]["says"] = json!("cuatro"));
        let (causes, units) = why(&mut world);
        assert_eq!(causes, ["glossary.csv"]);
        let ids: Vec<&str> = units.iter().map(|(id, _)| id.as_str()).collect();
        world.take_asked();
        world.run();
        assert_eq!(ids, asked_ids(&mut world), "{fan}");
    }
}

#[test]
fn accepting_a_new_wording_keeps_what_is_there() {
    let mut world = telling(json!({"prompt": "Say {{ unit.text }}"}), json!({}));
    world.run();
    world.redefine(|pipeline| pipeline["agents"]["cheap"]["prompt"] = json!("Please say {{ unit.text }}"));
    let (engine, target) = (world.engine(false), world.revision("t").unwrap().target);
    let holder = refrain_testkit::world::request(&[]).holder;
    async move { engine.accept(&[target], "a politer wording", &holder).await }
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(world.unfresh(), Vec::<String>::new());
    world.take_asked();
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run();
    assert_eq!(asked_ids(&mut world), ["l1"]);
}

/// Runs a world whose phase has a schema of its records, and returns the schema that was sent along.
fn sent(world: &mut World, records: Value) -> (Conversation, RunStatus) {
    world.set("line.json", records);
    let status = world.run().status;
    let told = told(&world.take_asked());
    ((*told[0]).clone(), status)
}

fn line_schema() -> Value {
    json!({
        "type": "object", "required": ["id", "said"], "additionalProperties": false,
        "properties": {"id": {"type": "string"}, "said": {"type": "string"}},
    })
}

#[test]
fn the_answer_has_the_shape_of_the_phase_without_what_the_engine_stamps_on() {
    let mut world = telling(json!({"prompt": "{{ unit.text }}"}), json!({"output": {"schema": "line.json"}}));
    let (told, status) = sent(&mut world, line_schema());
    let expect = json!({
        "type": "object", "required": ["said"], "additionalProperties": false,
        "properties": {"said": {"type": "string"}},
    });
    assert_eq!((told.schema.unwrap().value(), told.wrapped, status), (expect, false, RunStatus::Completed));
    assert_eq!(world.artifact("t")[0], json!({"id": "l1", "said": "text 1"}));
    // A model that says the id all the same is right if it is the unit's.
    let mut world = telling(json!({"prompt": "{{ unit.id }}"}), json!({"output": {"schema": "line.json"}}));
    world.agent("m/cheap", |asked| Ok(json!({"said": "x", "id": asked.id})));
    assert_eq!(sent(&mut world, line_schema()).1, RunStatus::Completed);
}

#[test]
fn aligned_groups_are_answered_with_a_list() {
    let phase = json!({
        "units": {"of": "ingest", "by": "scene"}, "output": {"key": "id", "aligned": true, "schema": "line.json"},
    });
    let mut world = telling(json!({}), phase);
    world.agent("m/cheap", |asked| {
        let records = asked.input["records"].as_array().unwrap().iter();
        Ok(records.map(|record| json!({"id": record["id"], "said": "x"})).collect())
    });
    let mut schema = line_schema();
    schema["properties"]["scene"] = json!({"type": "string"});
    let (told, status) = sent(&mut world, schema.clone());
    assert_eq!((told.wrapped, status), (true, RunStatus::Completed));
    assert_eq!(told.schema.as_ref().unwrap().value()["properties"]["answer"]["items"], schema);
    let outputs = told.outputs(&json!({"answer": [1]})).unwrap();
    assert_eq!(outputs[0].1.as_str(), "[1]");
}

#[test]
fn an_agents_own_shape_goes_before_the_phases_and_is_part_of_its_key() {
    let mut world = telling(
        json!({"prompt": "{{ unit.text }}", "output": "own.json", "retry": {"attempts": 1}}),
        json!({"pack": {"max": 2}, "on_unit_failure": "continue"}),
    );
    world.agent("m/cheap", |asked| Ok(json!({"said": if asked.id == "l2" { json!(2) } else { json!("x") }})));
    world.set("own.json", json!({"type": "object", "properties": {"said": {"type": "string"}}}));
    assert_eq!(world.run().status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l2"]);
    let told = told(&world.take_asked());
    let sent = told[0].schema.as_ref().unwrap().value();
    assert_eq!(
        sent["properties"]["units"]["items"]["properties"]["output"]["properties"]["said"]["type"],
        "string"
    );
    world.set("own.json", json!({"type": "object"}));
    world.run();
    assert_eq!(asked_ids(&mut world).len(), 6, "another shape is another question");
}

#[test]
fn a_text_that_a_schema_asks_for_is_the_same_packed_and_alone() {
    let mut world = telling(
        json!({"prompt": "{{ unit.text }}", "output": "own.json", "retry": {"attempts": 1}}),
        json!({"pack": {"max": 5}, "on_unit_failure": "continue"}),
    );
    world.set("own.json", json!({"type": "string"}));
    world.run();
    let told = told(&world.take_asked());
    let [packed, alone] = &told[..2] else { panic!("five and one") };
    let output = |told: &Conversation, answer: Value| told.outputs(&answer).unwrap()[0].1.as_str().to_owned();
    assert_eq!((packed.numbered, alone.numbered), (true, false));
    assert_eq!(output(packed, json!({"units": [{"n": 1, "output": "a"}]})), "\"a\"");
    assert_eq!(output(alone, json!({"answer": "a"})), "\"a\"");
}

/// A server with one tool.
#[derive(Debug)]
struct OneTool(&'static str);

#[async_trait::async_trait]
impl Tools for OneTool {
    async fn list(&self, server: &str) -> Result<ToolList, AgentError> {
        let tool = |name: &str| Tool {
            name: name.to_owned(),
            description: String::new(),
            input: json!({}),
            digest: Digest::of_content(self.0.as_bytes()),
        };
        assert_eq!(server, "search");
        let other = Tool { digest: Digest::of_content(b"never used"), ..tool("other") };
        Ok(ToolList { tools: vec![tool("find"), other] })
    }

    async fn call(&self, _: ToolUse, _: &Cancel) -> Result<ToolResult, AgentError> {
        Err(AgentError::new(FailureKind::Permanent, "nobody uses it"))
    }

    async fn close(&self) {}
}

#[test]
fn the_schemas_of_its_tools_are_part_of_who_a_model_is() {
    let mut world = telling(json!({"tools": {"from": {"search": ["find"]}}}), json!({}));
    world.redefine(|pipeline| pipeline["servers"] = json!({"search": {"command": ["x"], "version": "1"}}));
    let plan = |world: &mut World, schema: &'static str| {
        let engine = world.engine(false);
        let ports = Ports { tools: Arc::new(OneTool(schema)), ..engine.ports().clone() };
        let engine = Engine::new(world.model(), ports);
        let target = Target { phase: "t".parse().unwrap(), scope: Scope::new(Vec::new()) };
        let why = async move { engine.why(&target, Some("l1"), 1).await };
        let ingested = world.run_targets(&["ingest"]);
        assert_eq!(ingested.calls, 0);
        why.now_or_never().unwrap().unwrap().units[0].asks[0].key.unwrap()
    };
    let key = plan(&mut world, "a");
    assert_eq!(key, plan(&mut world, "a"));
    assert_ne!(key, plan(&mut world, "b"));
    world.redefine(|pipeline| pipeline["servers"]["search"]["version"] = json!("2"));
    assert_ne!(key, plan(&mut world, "a"));
}

#[test]
fn a_plan_counts_the_units_whose_prompt_cannot_be_rendered() {
    let prompt = "{{ unit.text }}\n{% if unit.id == \"l2\" %}{{ unit.text | int }}{% endif %}";
    let mut world = telling(json!({}), json!({"prompt": prompt, "on_unit_failure": "continue"}));
    let plan = crate::ahead::plan(&mut world);
    let of_t = plan.phases.iter().find(|phase| phase.phase.as_str() == "t").unwrap();
    assert_eq!(of_t.failing, 1);
    let failure = of_t.failure.clone().unwrap();
    assert!(failure.contains(":2:"), "{failure}");
    world.run();
    assert_eq!(world.holes("t"), ["l2"], "as was planned");
}

/// What a model was not told it cannot say again; the record knows it all the same, and a change of it asks nobody.
#[test]
fn records_take_fields_over_from_their_units() {
    let carry = json!({"scene": "scene", "source": "text", "mood": "mood"});
    let phase = json!({"output": {"key": "id", "aligned": true, "carry": carry}});
    let mut world = telling(json!({"prompt": "Say {{ unit.text }}"}), phase);
    world.run();
    let record = |scene: &str| json!({"id": "l1", "said": "text 1", "scene": scene, "source": "text 1"});
    assert_eq!(world.artifact("t")[0], record("s1"));
    world.take_asked();
    world.edit("lines.csv", |lines| lines[0]["scene"] = json!("s9"));
    assert_eq!(world.unfresh(), ["ingest", "t"]);
    world.run();
    assert_eq!(asked_ids(&mut world), [""; 0]);
    assert_eq!(world.artifact("t")[0], record("s9"));
    // What the reply has goes before what the unit has.
    world.agent("m/cheap", |asked| Ok(json!({"said": "it", "scene": asked.input["text"]})));
    world.edit("lines.csv", |lines| lines[0]["text"] = json!("new"));
    world.run();
    assert_eq!(world.artifact("t")[0], json!({"id": "l1", "said": "it", "scene": "new", "source": "new"}));
}
