//! Rules of replies: mended for nothing, refused and asked again, whenever a reply is read.

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use refrain_core::engine::{Lines, RunRequest};
use refrain_core::ports::rules::{RecordView, Reviewed};
use refrain_schemas::freshness::CauseKind;
use refrain_schemas::json::Json;
use refrain_schemas::ledger::{AskResult, Rung};
use refrain_schemas::report::RunStatus;
use refrain_schemas::scope::{Scope, Target};
use refrain_schemas::why::{UnitChange, WhyReport};
use refrain_testkit::world::{World, request};
use serde_json::{Value, json};

use crate::ahead::plan;
use crate::pieces::{cast, lines, mark, modelled, pipeline, world};

/// Rules in the manner of a style guide: spaces at the ends go; texts longer than `params.longest` are refused, and so is
/// every text of `params.never`.
fn review(params: &Value, view: &RecordView<'_>) -> Reviewed {
    let record = view.record.value();
    let text = record["text"].as_str().unwrap_or_default();
    let trimmed = text.trim();
    let mended = (trimmed != text).then(|| view.record.with_field("text", &Json::string(trimmed))).flatten();
    let mut refused = Vec::new();
    if let Some(longest) = params["longest"].as_u64().filter(|n| trimmed.chars().count() as u64 > *n) {
        refused.push(format!("the text is longer than {longest} characters"));
    }
    if params["never"].as_array().into_iter().flatten().any(|never| never == trimmed) {
        refused.push(format!("`{trimmed}` is never said"));
    }
    Reviewed { record: mended, refused }
}

/// A phase `t` whose replies are reviewed with these params.
fn reviewed(phase: Value, params: Value) -> World {
    let mut all = json!({"t": {"units": {"of": "ingest"}, "agents": {"mark": 2},
        "output": {"key": "id", "rules": "style"}}});
    all["t"].as_object_mut().unwrap().extend(phase.as_object().unwrap().clone());
    let mut world = world(all);
    world.redefine(|file| {
        file["agents"] =
            json!({"mark": {"builtin": "mark"}, "style": {"builtin": "style", "params": params}});
    });
    world.rules("style", review);
    world
}

#[test]
fn a_field_that_was_not_there_is_not_there_after_mending() {
    let mut world = reviewed(json!({}), json!({}));
    // Neither the id nor anything else comes back with the text; rules that add the id of another line change nothing.
    world.agent("mark", |asked| Ok(json!({"text": format!(" {} ", asked.id)})));
    world.rules("style", |_, view| {
        let text = view.record.value()["text"].as_str().unwrap_or_default().trim().to_owned();
        let mended = Json::of(&json!({"id": "another", "text": text})).ok();
        Reviewed { record: mended, refused: Vec::new() }
    });
    world.run();
    assert_eq!(world.artifact("t")[0], json!({"id": "l1", "text": "l1"}));
}

fn set_params(world: &mut World, params: Value) {
    world.redefine(|file| file["agents"]["style"]["params"] = params);
}

fn texts(world: &World, target: &str) -> Vec<String> {
    world.artifact(target).iter().map(|record| record["text"].as_str().unwrap().to_owned()).collect()
}

fn why(world: &mut World, unit: Option<&str>) -> WhyReport {
    let engine = world.engine(false);
    let target = Target { phase: "t".parse().unwrap(), scope: Scope::none() };
    async move { engine.why(&target, unit, 100).await }.now_or_never().unwrap().unwrap()
}

/// What a delta run makes is what a fresh project makes of the same replies.
#[track_caller]
fn check_fresh(world: &mut World) {
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
    assert_eq!(world.unfresh(), [""; 0]);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn what_is_sure_is_mended_and_paid_once() {
    let mut world = reviewed(json!({}), json!({}));
    world.agent("mark", |asked| Ok(json!({"text": format!("  {} ", asked.id)})));
    let report = world.run();
    assert_eq!((report.status, report.calls, report.retries), (RunStatus::Completed, 6, 0));
    assert_eq!(texts(&world, "t"), ["l1", "l2", "l3", "l4", "l5", "l6"]);
    let raw = world.ledger().iter().flat_map(|call| call.asks.clone()).all(|ask| match ask.result {
        Some(AskResult::Reply(reply)) => reply.value()["text"].as_str().is_some_and(|t| t.starts_with("  ")),
        _ => false,
    });
    assert!(raw, "the ledger keeps what was said");
    assert_eq!(world.run().calls, 0);
    check_fresh(&mut world);
}

#[test]
fn what_is_refused_is_repaired_with_every_reason() {
    let repairs: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = repairs.clone();
    let mut world = modelled(&json!({}), &json!({}), 1);
    world.redefine(|file| {
        file["agents"]["style"] =
            json!({"builtin": "style", "params": {"longest": 4, "never": ["much too long"]}});
        file["phases"]["t"]["output"] = json!({"key": "id", "rules": "style"});
        file["phases"]["t"]["pack"] = json!({"max": 6});
    });
    world.rules("style", review);
    world.calls("sim/small", move |call| {
        told.lock().unwrap().extend(call.repairs.iter().map(|repair| repair.error.clone()));
        let first = call.count == 1;
        refrain_testkit::world::Act::Reply(refrain_testkit::world::reply_to(call, &|asked| {
            Ok(json!({"text": if first && asked.id == "l2" { "much too long" } else { "ok" }}))
        }))
    });
    let report = world.run();
    assert_eq!((report.status, report.calls, report.repairs), (RunStatus::Completed, 2, 1));
    let rungs: Vec<(Rung, usize)> = world.ledger().iter().map(|call| (call.rung, call.asks.len())).collect();
    assert_eq!(rungs, [(Rung::First, 6), (Rung::Repair, 1)], "the other five replies are kept");
    assert_eq!(
        *repairs.lock().unwrap(),
        ["reply for `l2`: refused by the rules of `style`: the text is longer than 4 characters; \
          `much too long` is never said"]
    );
    assert_eq!(world.run().calls, 0);
}

#[test]
fn what_stays_bad_fails_its_unit_alone() {
    let mut world =
        reviewed(json!({"on_unit_failure": "continue", "pack": {"max": 3}}), json!({"never": ["text 2:-"]}));
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    assert_eq!(world.holes("t"), ["l2"]);
    assert_eq!(texts(&world, "t").len(), 5);
}

#[test]
fn stricter_rules_ask_again_what_they_refuse_and_nothing_else() {
    let mut world = reviewed(json!({}), json!({}));
    world.agent("mark", |asked| {
        let again = if asked.attempt > 1 { "?" } else { "" };
        Ok(json!({"text": format!("{again}{}", asked.id)}))
    });
    assert_eq!(world.run().calls, 6);
    let first = world.digests();
    world.take_asked();
    set_params(&mut world, json!({"never": ["l2", "l5"]}));
    let plan = plan(&mut world);
    let calls = plan.phases.iter().find(|phase| phase.phase.as_str() == "t").unwrap().calls;
    assert_eq!((calls.min, calls.max), (2, Some(2)), "the plan knows");
    let report = world.run();
    assert_eq!(world.take_units(), ["t/l2", "t/l5"]);
    let causes = &report.phases.iter().find(|phase| phase.phase.as_str() == "t").unwrap().causes;
    let causes: Vec<_> = causes.iter().map(|cause| (cause.kind, cause.subject.as_str())).collect();
    assert_eq!(causes, [(CauseKind::Params, "style")]);
    assert_eq!(texts(&world, "t"), ["l1", "?l2", "l3", "l4", "?l5", "l6"]);
    // Milder rules take the first replies again, and neither is ever bought again.
    set_params(&mut world, json!({}));
    assert_eq!(world.run().calls, 0);
    assert_eq!(world.digests(), first);
    set_params(&mut world, json!({"never": ["l5"]}));
    assert_eq!(world.run().calls, 0);
    assert_eq!(texts(&world, "t"), ["l1", "l2", "l3", "l4", "?l5", "l6"]);
    assert_eq!(world.bought_twice(), [""; 0]);
}

#[test]
fn rules_that_come_and_go_are_a_change_of_definition() {
    let mut world = reviewed(json!({}), json!({}));
    world.agent("mark", |asked| Ok(json!({"text": format!(" {}", asked.id)})));
    let rules = |world: &mut World, rules: Value| {
        world.redefine(|file| file["phases"]["t"]["output"] = rules);
    };
    rules(&mut world, json!({"key": "id"}));
    assert_eq!(world.run().calls, 6);
    rules(&mut world, json!({"key": "id", "rules": "style"}));
    assert_eq!(world.unfresh(), ["t"]);
    assert_eq!(world.run().calls, 0, "mending costs nothing");
    assert_eq!(texts(&world, "t")[0], "l1");
    rules(&mut world, json!({"key": "id"}));
    assert_eq!(world.run().calls, 0);
    assert_eq!(texts(&world, "t")[0], " l1");
    // Who else goes by these rules, or does not, is nobody's business.
    world.redefine(|file| file["agents"]["style"]["params"] = json!({"longest": 1}));
    assert_eq!(world.unfresh(), [""; 0]);
}

#[test]
fn a_refused_rung_hands_on_to_the_next() {
    let mut world = reviewed(
        json!({"agents": {"mark": 1, "second": 1}, "fan": "cascade"}),
        json!({"never": ["text 2:-"]}),
    );
    world.redefine(|file| {
        file["agents"]["mark"]["retry"] = json!({"attempts": 1});
        file["agents"]["second"] = json!({"builtin": "second"});
    });
    world.agent("second", |asked| Ok(json!({"text": format!(" second {} ", asked.id)})));
    assert_eq!(world.run().calls, 7);
    assert_eq!(texts(&world, "t")[..3], ["text 1:-", "second l2", "text 3:-"]);
    assert_eq!(world.run().calls, 0);
}

#[test]
fn in_a_chain_the_last_word_is_reviewed() {
    let mut world =
        reviewed(json!({"agents": {"mark": 1, "second": 1}, "fan": "chain"}), json!({"longest": 12}));
    world.redefine(|file| file["agents"]["second"] = json!({"builtin": "second"}));
    world.agent("mark", |_| Ok(json!({"text": "a first draft that is far too long"})));
    world.agent("second", |asked| Ok(json!({"text": format!(" {}", asked.id)})));
    assert_eq!(world.run().calls, 12);
    assert_eq!(texts(&world, "t")[0], "l1");
}

#[test]
fn offline_a_refused_reply_is_a_miss() {
    let mut world = reviewed(json!({}), json!({}));
    world.run();
    set_params(&mut world, json!({"never": ["text 3:-"]}));
    let report = world.run_with(&RunRequest { offline: true, ..request(&[]) });
    assert_eq!((report.exit_code, report.calls), (11, 0));
    set_params(&mut world, json!({"never": ["nothing"]}));
    let report = world.run_with(&RunRequest { offline: true, ..request(&[]) });
    assert_eq!((report.exit_code, report.calls), (0, 0));
}

#[test]
fn replies_from_elsewhere_are_reviewed_as_well() {
    let mut elsewhere = reviewed(json!({"output": {"key": "id"}}), json!({}));
    elsewhere.agent("mark", |asked| Ok(json!({"text": format!(" {}", asked.id)})));
    elsewhere.run();
    let engine = elsewhere.engine(false);
    let target = Target { phase: "t".parse().unwrap(), scope: Scope::none() };
    let mut export = async move { engine.export(&[target]).await }.now_or_never().unwrap().unwrap();
    let mut lines = vec![serde_json::to_string(&export.header()).unwrap()];
    let replies = export.next().now_or_never().unwrap().unwrap();
    lines.extend(replies.iter().map(|reply| serde_json::to_string(reply).unwrap()));
    let mut world = reviewed(json!({}), json!({"never": ["l2"]}));
    let engine = world.engine(false);
    let open = || -> std::io::Result<Lines> { Ok(Box::new(lines.clone().into_iter().map(Ok))) };
    let imported = engine.import(&open, &request(&[]).holder).now_or_never().unwrap().unwrap();
    assert_eq!(imported.imported, 6);
    drop(engine);
    world.take_asked();
    assert_eq!(world.run().calls, 1);
    assert_eq!(world.take_units(), ["t/l2"]);
    assert_eq!(texts(&world, "t")[..3], ["l1", "text 2:-", "l3"]);
}

#[test]
fn why_names_the_replies_that_are_refused_now() {
    let mut world = reviewed(json!({}), json!({}));
    world.run();
    set_params(&mut world, json!({"never": ["text 3:-"]}));
    let told = why(&mut world, None);
    let units: Vec<_> = told.units.iter().map(|unit| (unit.unit.as_str(), unit.change)).collect();
    assert_eq!(units, [("l3", UnitChange::Refused)]);
    let ask = &told.units[0].asks[0];
    assert!(!ask.recorded);
    assert!(ask.refused.as_deref().is_some_and(|why| why.ends_with("`text 3:-` is never said")), "{ask:?}");
    let told = why(&mut world, Some("l2"));
    assert_eq!(told.units[0].change, UnitChange::Same);
    assert!(told.units[0].asks[0].recorded && told.units[0].asks[0].refused.is_none());
}

/// Rules that look at everything there is: the text must be the source, what the unit sees and the scope in a row.
fn look_at_all(_: &Value, view: &RecordView<'_>) -> Reviewed {
    let source = view.input.value()["text"].as_str().unwrap_or("?").to_owned();
    let glossary = view.entry("glossary").unwrap_or("none").len();
    let style = view.entry("style").unwrap_or("none");
    let expect = format!("{source} {glossary} {style} {}", view.scope);
    let text = view.record.value()["text"].as_str().unwrap_or_default().to_owned();
    let refused = (text != expect).then(|| format!("expected `{expect}`"));
    Reviewed { record: None, refused: refused.into_iter().collect() }
}

#[test]
fn rules_see_the_unit_what_it_sees_and_the_scope() {
    let mut world = reviewed(
        json!({"per": ["language"], "context": {
            "glossary": {"file": "g.csv", "match": {"field": "term", "in": "text"}},
            "style": {"file": "style.json"}}}),
        json!({}),
    );
    world.set("g.csv", json!([{"term": "text 2"}]));
    world.set("style.json", json!("terse"));
    world.rules("style", look_at_all);
    world.agent("mark", |asked| {
        let glossary = asked.context["glossary"].to_string().len();
        let (text, language) =
            (asked.input["text"].as_str().unwrap(), asked.scope["language"].as_str().unwrap());
        Ok(json!({"text": format!("{text} {glossary} \"terse\" {language}")}))
    });
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 12));
}

#[test]
fn the_records_of_a_group_are_reviewed_one_by_one() {
    let mut world = reviewed(
        json!({"units": {"of": "ingest", "by": "scene"}, "output": {"key": "id", "aligned": true, "rules": "style"},
            "on_unit_failure": "continue"}),
        json!({}),
    );
    world.rules("style", look_at_all);
    world.agent("mark", |asked| {
        let answer = |record: &Value| {
            let text = record["text"].as_str().unwrap();
            let text = if text == "text 5" { "bad" } else { text };
            json!({"id": record["id"], "text": format!("{text} 4 none ")})
        };
        Ok(asked.input["records"].as_array().unwrap().iter().map(answer).collect())
    });
    let report = world.run();
    assert_eq!(report.status, RunStatus::Partial);
    let failure = world.ledger().iter().flat_map(|call| call.asks.clone()).find_map(|ask| match ask.result {
        Some(AskResult::Failed(failure)) => Some(failure.message),
        _ => None,
    });
    let expect = "reply for `s2`: refused by the rules of `style`: `l5`: expected `text 5 4 none `";
    assert_eq!(failure.as_deref(), Some(expect));
}

#[test]
fn mending_cannot_make_a_record_another_one() {
    let mut world = reviewed(json!({}), json!({}));
    world.rules("style", |_, view| {
        let mended = view.record.with_field("id", &Json::string("other"));
        Reviewed {
            record: mended.and_then(|r| r.with_field("text", &Json::string("x"))),
            refused: Vec::new(),
        }
    });
    assert_eq!(world.run().status, RunStatus::Completed);
    assert_eq!(world.artifact("t")[0], json!({"id": "l1", "text": "x", "scene": "s1"}));
}

#[test]
fn params_of_rules_are_filled_in_each_scope() {
    let mut world = reviewed(json!({"per": ["language"]}), json!({"never": ["{{ scope.language }} l1"]}));
    // A built-in agent says the same again, unless it is told to try.
    world.redefine(|file| file["agents"]["mark"]["retry"] = json!({"attempts": 2}));
    world.agent("mark", |asked| {
        let tail = if asked.attempt > 1 { "!" } else { "" };
        Ok(json!({"text": format!("ja {}{tail}", asked.id)}))
    });
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 13), "{:?}", report.phases);
    assert_eq!(texts(&world, "t@ja")[0], "ja l1!");
    assert_eq!(texts(&world, "t@fr")[0], "ja l1");
}

#[track_caller]
fn check_problem(edit: impl FnOnce(&mut Value), expect: &[&str]) {
    let mut file = pipeline(json!({"t": {"units": {"of": "ingest"}, "agent": "mark",
        "output": {"key": "id", "rules": "style"}}}));
    file["agents"] = json!({"mark": {"builtin": "mark"}, "style": {"builtin": "style"}});
    edit(&mut file);
    let mut world = World::new(file);
    cast(&mut world);
    world.rules("style", review);
    world.set("lines.csv", lines(1));
    assert_eq!(world.checked().err().unwrap_or_default(), expect);
}

#[test]
fn what_cannot_be_a_rule_is_said() {
    check_problem(|_| {}, &[]);
    check_problem(
        |file| file["phases"]["t"]["output"]["rules"] = json!("stile"),
        &["phases.t.output.rules: there is no agent `stile`"],
    );
    check_problem(
        |file| file["phases"]["t"]["output"]["rules"] = json!("mark"),
        &["phases.t.output.rules: agent `mark` offers no rules for replies"],
    );
    check_problem(
        |file| file["agents"]["style"]["params"] = json!({"wrong": "no good"}),
        &["phases.t.output.rules: no rules for `t`: no good"],
    );
    check_problem(
        |file| file["phases"]["t"]["output"] = json!({"document": "d", "rules": "style"}),
        &["phases.t.output.rules: `rules` is for records, and the output is a document"],
    );
    check_problem(
        |file| file["phases"]["ingest"]["output"]["rules"] = json!("style"),
        &["phases.ingest.output.rules: `output.rules` does not fit a phase that reads files"],
    );
    check_problem(
        |file| file["agents"]["style"]["params"] = json!({"longest": "{{ scope.language }}"}),
        &["agents.style.params.longest: `scope.language` is read, and phase `t` is not per `language`"],
    );
}

#[test]
fn replies_that_agree_with_the_rules_make_the_same_bytes_as_none() {
    let mut plain = world(json!({"t": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}}}));
    plain.run();
    let mut strict = reviewed(json!({}), json!({"longest": 99}));
    strict.agent("mark", |asked| Ok(mark(asked)));
    strict.run();
    assert_eq!(plain.digest("t"), strict.digest("t"));
}
