//! The pipeline of a localisation, phase by phase, with agents that are closures: what it needs of the engine.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;
use refrain_core::engine::RunRequest;
use refrain_core::ports::rules::{RecordView, Reviewed};
use refrain_schemas::failure::{Failure, FailureKind};
use refrain_schemas::report::{PhaseStatus, RunStatus};
use refrain_testkit::world::{Asked, World, request};
use serde_json::{Value, json};

use crate::pieces::{self, failure};

/// The pipeline, in the order of its phases.
fn pipeline() -> Value {
    json!({
        "refrain": 1, "name": "game", "dimensions": {"language": ["ja", "fr"]},
        "agents": {
            "summary": {"builtin": "summary"}, "cast": {"builtin": "cast"}, "annotate": {"builtin": "annotate"},
            "candidates": {"builtin": "candidates"}, "naming": {"builtin": "naming"},
            "translator": {"builtin": "translator", "retry": {"attempts": 2}},
            "style": {"builtin": "style"}, "critic": {"builtin": "critic"}, "second": {"builtin": "critic"},
            "third": {"builtin": "critic"}, "apply": {"builtin": "apply"},
        },
        "phases": {
            "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"key": "line_id"}},
            "context": {
                "units": {"of": "ingest", "by": "scene_id"}, "agents": {"summary": 1, "cast": 1}, "fan": "panel",
                "merge": {"union": ["kind", "scene_id", "subject"]}, "output": {"key": "context_id"},
            },
            "pretranslation": {
                "units": {"of": "ingest", "by": "scene_id"}, "agents": {"annotate": 1, "candidates": 1}, "fan": "panel",
                "context": {"scene": {"from": "context", "on": "scene_id"}},
                "merge": {"union": ["kind", "line_id", "subject"]}, "output": {"key": "note_id"},
            },
            "terms": {
                "per": ["language"], "units": {"of": "pretranslation", "by": "subject"}, "agents": {"naming": 1},
                "output": {"key": "term"},
            },
            "translate": {
                "per": ["language"], "units": {"of": "ingest"}, "agents": {"translator": 4},
                "pack": {"max": 4, "within": "scene_id"},
                "context": {
                    "scene": {"from": "context", "on": "scene_id"},
                    "notes": {"from": "pretranslation", "on": "line_id"},
                    "terms": {"from": "terms", "match": {"field": "term", "in": "text", "words": true}},
                    "glossary": {"file": "glossary/{{ scope.language }}.csv",
                        "match": {"field": "term", "in": ["text", "speaker"], "words": true, "ignore_case": true, "case": "case"}},
                },
                "output": {"key": "line_id", "aligned": true, "rules": "style"},
            },
            "qa": {
                "per": ["language"], "units": {"of": "translate"},
                "agents": {"style": 1, "critic": 2, "second": 1, "third": 1}, "fan": "panel",
                "merge": {"union": ["line_id", "rule", "span"]}, "output": {"key": "issue_id"},
            },
            "edit": {
                "per": ["language"], "units": {"of": "translate"}, "agents": {"apply": 2},
                "context": {"issues": {"from": "qa", "on": "line_id"}},
                "output": {"key": "line_id", "aligned": true},
            },
            "export": {
                "per": ["language"], "units": {"of": ["edit", "translate"]},
                "agent": {"builtin": "write", "params": {"path": "out/{{ scope.language }}.csv"}},
            },
        },
    })
}

/// A script of three scenes, in which Mara and Old Tom speak.
fn script() -> Value {
    let texts = [
        ("s1", "Mara", "Tom, wait!"),
        ("s1", "Tom", "No. Mara, once in a blue moon you are right."),
        ("s2", "Tom", "The harbour is shut."),
        ("s2", "Mara", "shut?  Who said so?"),
        ("s3", "Mara", "Tom did."),
        ("s1", "Mara", "It rains cats and dogs."),
    ];
    let line = |(n, (scene, speaker, text)): (usize, &(&str, &str, &str))| json!({"line_id": format!("l{}", n + 1), "scene_id": scene, "speaker": speaker, "text": text});
    texts.iter().enumerate().map(line).collect()
}

fn records(asked: &Asked) -> &[Value] {
    asked.input["records"].as_array().unwrap()
}

fn text(record: &Value) -> &str {
    record["text"].as_str().unwrap_or_default()
}

fn world() -> World {
    let mut world = World::new(pipeline());
    world.set("lines.csv", script());
    world.set("glossary/ja.csv", json!([{"term": "Mara", "translation": "マーラ", "case": "yes"}]));
    world.set("glossary/fr.csv", json!([{"term": "harbour", "translation": "port", "case": "no"}]));
    phases_before(&mut world);
    phases_behind(&mut world);
    world
}

fn phases_before(world: &mut World) {
    world.agent("summary", |asked| {
        let text: Vec<&str> = records(asked).iter().map(text).collect();
        Ok(json!({"kind": "summary", "subject": "", "text": text.join(" ").len().to_string()}))
    });
    world.agent("cast", |asked| {
        let names: BTreeSet<&str> =
            records(asked).iter().filter_map(|line| line["speaker"].as_str()).collect();
        Ok(names.iter().map(|name| json!({"kind": "character", "subject": name, "text": "speaks"})).collect())
    });
    world.agent("annotate", |asked| {
        let idioms = ["once in a blue moon", "cats and dogs"];
        let of_line = |line: &Value| {
            let found = idioms.into_iter().filter(|idiom| text(line).contains(idiom)).collect::<Vec<_>>();
            found
                .into_iter()
                .map(|idiom| {
                    json!({"kind": "idiom", "line_id": line["line_id"], "subject": idiom,
                "text": "an idiom"})
                })
                .collect::<Vec<_>>()
        };
        Ok(records(asked).iter().flat_map(of_line).collect())
    });
    world.agent("candidates", |asked| {
        let names = ["Mara", "Tom"];
        let of_line = |line: &Value| {
            let found = names.into_iter().filter(|name| text(line).contains(name)).collect::<Vec<_>>();
            found
                .into_iter()
                .map(|name| {
                    json!({"kind": "term", "line_id": line["line_id"], "subject": name,
                "text": ""})
                })
                .collect::<Vec<_>>()
        };
        Ok(records(asked).iter().flat_map(of_line).collect())
    });
    world.agent("naming", |asked| {
        let count = records(asked).iter().filter(|note| note["kind"] == "term").count();
        let translation = format!("<{}:{}>", asked.id, asked.scope["language"].as_str().unwrap());
        Ok(if count == 0 {
            json!([])
        } else {
            json!({"term": asked.id, "translation": translation, "count": count})
        })
    });
}

/// Every name that the terms know as they say it, and two spaces kept as they are.
fn translated(asked: &Asked) -> Value {
    let terms = asked.context["terms"].as_array().cloned().unwrap_or_default();
    let mut out = text(&asked.input).to_owned();
    for term in &terms {
        out = out.replace(term["term"].as_str().unwrap(), term["translation"].as_str().unwrap());
    }
    let seen = |name: &str| asked.context[name].as_array().map_or(0, Vec::len);
    json!({"line_id": asked.id, "text": format!("{out} "), "source": asked.input["text"],
        "scene_id": asked.input["scene_id"], "seen": [seen("scene"), seen("notes"), seen("glossary")]})
}

fn phases_behind(world: &mut World) {
    world.agent("translator", |asked| Ok(translated(asked)));
    world.rules("style", |_, view: &RecordView<'_>| {
        let (source, record) = (view.input.value(), view.record.value());
        let mended = text(&record).trim_end();
        let mut refused = Vec::new();
        if source["text"].as_str().unwrap().ends_with('!') && !mended.ends_with('!') {
            refused.push("the source ends with `!`".to_owned());
        }
        let mended = refrain_schemas::json::Json::string(mended);
        Reviewed { record: view.record.with_field("text", &mended), refused }
    });
    // Two spaces in a row; the critics say so too, but not to which lines they belong.
    let spaces = |asked: &Asked| -> Result<Value, Failure> {
        let found = text(&asked.input).find("  ");
        let suggestion = text(&asked.input).replace("  ", " ");
        Ok(found
            .into_iter()
            .map(|at| {
                json!({"rule": "spaces", "severity": "warning", "span": [at, at + 2],
            "message": "two spaces", "suggestion": suggestion})
            })
            .collect())
    };
    world.agent("style", spaces);
    world.agent("critic", spaces);
    world.agent("apply", |asked| {
        let mut record = asked.input.clone();
        let issues = asked.context["issues"].as_array().cloned().unwrap_or_default();
        let mut changes = Vec::new();
        for issue in &issues {
            changes.push(json!({"issue_id": issue["issue_id"], "before": record["text"], "after": issue["suggestion"]}));
            record["text"] = issue["suggestion"].clone();
        }
        record["changes"] = json!(changes);
        Ok(record)
    });
}

fn statuses(report: &refrain_schemas::report::RunReport) -> BTreeMap<String, PhaseStatus> {
    let target = |phase: &refrain_schemas::report::PhaseReport| match phase.scope.is_none() {
        true => phase.phase.to_string(),
        false => format!("{}@{}", phase.phase, phase.scope),
    };
    report.phases.iter().map(|phase| (target(phase), phase.status)).collect()
}

fn disable(phase: &str) -> impl FnOnce(&mut Value) {
    move |file| file["phases"][phase]["enabled"] = json!(false)
}

#[test]
fn all_phases_run_and_each_sees_what_came_before() {
    let mut world = world();
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases);
    let context = world.artifact("context");
    let kinds: Vec<(&str, &str, &str)> = context
        .iter()
        .map(|r| {
            (r["scene_id"].as_str().unwrap(), r["kind"].as_str().unwrap(), r["subject"].as_str().unwrap())
        })
        .collect();
    let expect = [
        ("s1", "character", "Mara"),
        ("s1", "character", "Tom"),
        ("s1", "summary", ""),
        ("s2", "character", "Mara"),
        ("s2", "character", "Tom"),
        ("s2", "summary", ""),
        ("s3", "character", "Mara"),
        ("s3", "summary", ""),
    ];
    assert_eq!(kinds, expect, "both agents count, in the order of scenes and agents");
    let terms = world.artifact("terms@ja");
    let terms: Vec<(&str, &Value)> =
        terms.iter().map(|r| (r["term"].as_str().unwrap(), &r["count"])).collect();
    assert_eq!(terms.len(), 2, "an idiom is no term: {terms:?}");
    assert!(terms.contains(&("Tom", &json!(2))) && terms.contains(&("Mara", &json!(1))), "{terms:?}");
    let ja = world.artifact("translate@ja");
    assert_eq!(ja[0]["text"], "<Tom:ja>, wait!", "mended, and one name one translation");
    assert_eq!(ja[1]["seen"], json!([3, 2, 1]));
    assert_eq!(world.artifact("translate@fr")[2]["seen"], json!([3, 0, 1]));
    let qa = world.artifact("qa@ja");
    assert_eq!(qa.len(), 1);
    assert_eq!(
        (&qa[0]["line_id"], &qa[0]["proposers"]),
        (&json!("l4"), &json!(["critic", "second", "style", "third"]))
    );
    let edit = world.artifact("edit@fr");
    assert_eq!(edit[3]["text"], "shut? Who said so?");
    assert_eq!(edit[3]["changes"][0]["issue_id"], world.artifact("qa@fr")[0]["issue_id"]);
    let out: Vec<Value> = world.file("out/fr.csv").unwrap().as_array().unwrap().clone();
    assert_eq!((out.len(), &out[3]["text"]), (6, &json!("shut? Who said so?")));
    let again = world.run();
    assert_eq!((again.calls, again.status), (0, RunStatus::Completed));
}

#[test]
fn a_line_that_changes_costs_what_hangs_on_it() {
    let mut world = world();
    world.run();
    world.take_asked();
    world.edit("lines.csv", |lines| lines[4]["text"] = json!("Old Tom did."));
    world.run();
    let units: BTreeSet<String> = world.take_units().into_iter().collect();
    let expect = [
        "context/s3",
        "pretranslation/s3",
        "translate@ja/l5",
        "translate@fr/l5",
        "qa@ja/l5",
        "qa@fr/l5",
        "edit@ja/l5",
        "edit@fr/l5",
    ];
    assert_eq!(units, expect.map(str::to_owned).into());
    let mut fresh = world.afresh();
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
}

#[test]
fn a_term_of_one_glossary_touches_the_lines_of_its_language() {
    let mut world = world();
    world.run();
    world.take_asked();
    world.edit("glossary/fr.csv", |terms| {
        terms.push(json!({"term": "mara", "translation": "Mara", "case": ""}));
    });
    world.run();
    // Lines that say it and lines that she says; what is behind them sees that they saw it.
    let touched =
        |phase: &'static str| ["l1", "l2", "l4", "l5", "l6"].map(|line| format!("{phase}@fr/{line}"));
    let expect: BTreeSet<String> = ["translate", "qa", "edit"].into_iter().flat_map(touched).collect();
    assert_eq!(world.take_units().into_iter().collect::<BTreeSet<_>>(), expect);
}

#[test]
fn a_disabled_phase_leaves_the_needs_of_all_others() {
    let check = |phases: &[&str], absent: &[&str], out: &str| {
        let mut world = world();
        phases.iter().for_each(|phase| world.redefine(disable(phase)));
        let report = world.run();
        assert_eq!(report.status, RunStatus::Completed, "without {phases:?}: {:?}", report.phases);
        assert!(phases.iter().all(|phase| !statuses(&report).keys().any(|target| target.starts_with(phase))));
        let saw: BTreeSet<String> = world
            .take_asked()
            .into_iter()
            .flat_map(|asked| {
                let names = asked.context.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
                names.into_iter().map(move |name| format!("{}.{name}", asked.target))
            })
            .collect();
        assert!(absent.iter().all(|name| !saw.contains(*name)), "without {phases:?}: {saw:?}");
        assert_eq!(world.file("out/ja.csv").unwrap()[3]["text"], out, "without {phases:?}");
        assert_eq!(world.run().calls, 0);
        // Enabled again, all that sees it is done again, and nothing else.
        phases.iter().for_each(|phase| {
            world.redefine(|file| drop(file["phases"][*phase].as_object_mut().unwrap().remove("enabled")));
        });
        assert_eq!(world.run().status, RunStatus::Completed);
        let mut fresh = world.afresh();
        fresh.run();
        assert_eq!(world.digests(), fresh.digests(), "with {phases:?} again");
    };
    check(&["context"], &["pretranslation.scene", "translate@ja.scene"], "shut? Who said so?");
    check(&["terms"], &["translate@ja.terms"], "shut? Who said so?");
    check(&["pretranslation", "terms"], &["translate@ja.notes", "translate@ja.terms"], "shut? Who said so?");
    check(&["qa"], &["edit@ja.issues"], "shut?  Who said so?");
    check(&["edit"], &[], "shut?  Who said so?");
    check(&["qa", "edit"], &[], "shut?  Who said so?");
}

#[test]
fn one_language_that_fails_leaves_the_others_complete() {
    for policy in ["stop", "continue"] {
        let mut world = world();
        world.redefine(|file| file["phases"]["translate"]["on_unit_failure"] = json!(policy));
        world.agent("translator", |asked| match asked.scope["language"] == "fr" {
            true => Err(failure(FailureKind::Permanent)),
            false => Ok(translated(asked)),
        });
        let report = world.run();
        assert_eq!(
            (report.status, report.exit_code),
            (RunStatus::Partial, 1),
            "{policy}: {:?}",
            report.phases
        );
        let statuses = statuses(&report);
        let of = |language: &str, status| {
            let mut targets = statuses.iter().filter(|(target, _)| target.ends_with(language));
            targets.all(|(_, found)| *found == status)
        };
        assert!(of("@ja", PhaseStatus::Completed), "{policy}: {statuses:?}");
        assert!(
            !statuses
                .iter()
                .any(|(t, s)| t.ends_with("@fr") && *t != "terms@fr" && *s == PhaseStatus::Completed),
            "{policy}: {statuses:?}"
        );
        assert_eq!(world.file("out/ja.csv").unwrap().as_array().map(Vec::len), Some(6));
        world.agent("translator", |asked| Ok(translated(asked)));
        assert_eq!(world.run().status, RunStatus::Completed, "{policy}");
        assert_eq!(world.bought_twice(), [""; 0]);
    }
}

#[test]
fn what_fails_in_every_language_is_no_part() {
    let mut world = world();
    world.agent("translator", |_| Err(failure(FailureKind::Permanent)));
    assert_eq!(world.run().status, RunStatus::Failed);
    let mut world = self::world();
    world.agent("cast", |_| Err(failure(FailureKind::Permanent)));
    assert_eq!(world.run().status, RunStatus::Failed, "what all languages read is not there");
}

#[test]
fn an_error_that_a_later_phase_has_mended_is_not_open() {
    let mut world = pieces::world(json!({
        "translate": {"units": {"of": "ingest"}, "agent": {"builtin": "mark"}, "output": {"key": "id"}},
        "qa": {
            "units": {"of": "translate"}, "agent": {"builtin": "critic"}, "merge": {"union": ["id", "rule"]},
            "output": {"records": "issues", "key": "issue"},
        },
        "edit": {"units": {"of": "translate"}, "agent": {"builtin": "editor"}, "output": {"key": "id"}},
    }));
    world.agent("critic", |asked| {
        let issue = |severity: &str| json!([{"rule": "style", "severity": severity}]);
        Ok(match asked.id.as_str() {
            "l1" | "l2" => issue("error"),
            "l3" => issue("warning"),
            _ => json!([]),
        })
    });
    let editor = |mended: &'static [&'static str]| {
        move |asked: &Asked| {
            let text = asked.input["text"].as_str().unwrap();
            let is_mended = mended.contains(&asked.id.as_str());
            Ok(json!({"text": if is_mended { format!("{text}!") } else { text.to_owned() }}))
        }
    };
    let open = |world: &mut World| {
        let engine = world.engine(false);
        let open = async move { engine.open_errors().await }.now_or_never().unwrap().unwrap();
        open.into_iter().map(|open| (open.target.to_string(), open.count)).collect::<Vec<_>>()
    };
    for (mended, expect) in [(&[][..], Some(2)), (&["l1"], Some(1)), (&["l1", "l2"], None)] {
        world.agent("editor", editor(mended));
        world.run_with(&RunRequest { force: true, ..request(&[]) });
        let expect: Vec<_> = expect.into_iter().map(|count| ("qa".to_owned(), count)).collect();
        assert_eq!(open(&mut world), expect, "{mended:?}");
    }
}
