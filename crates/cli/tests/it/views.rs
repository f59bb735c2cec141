//! `report` and `compare`: what there is, what it cost, and which of two is better; and the progress file of a run.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::crash::{gated, open_gate, start_gated};
use crate::project::{TestProject, phase, target};
use crate::schema;
use crate::staleness::pipeline;

/// The demo, run twice: once as it is, and once with another line.
fn demo() -> TestProject {
    let project = TestProject::demo();
    project.run_json(&[], 0);
    project.edit("script/act1.csv", "Fine. No bell.", "Understood. No bell.");
    project.run_json(&[], 0);
    project
}

#[test]
fn the_report_of_the_demo() {
    let project = demo();
    let report = project.json(&["report"], 0);
    assert_eq!((&report["project"], &report["under_way"]), (&"night-ferry".into(), &false.into()));
    let translate = phase(&report, "translate@ja");
    assert_eq!(translate["coverage"], json!({"units": 314, "holes": 0, "percent": 100.0, "records": 314}));
    assert_eq!((&translate["places"]["by"], &translate["places"]["total"]), (&"scene_id".into(), &17.into()));
    assert_eq!(translate["places"]["slowest"].as_array().map(Vec::len), Some(5));
    assert!(translate["untranslated"].is_u64(), "{translate}");
    assert_eq!(translate["trend"].as_array().map(Vec::len), Some(2));
    let issues = &phase(&report, "qa@fr")["issues"];
    let records = project.run(&["show", "qa@fr"]).expect(0).stdout.lines().count();
    assert_eq!(issues["total"], records);
    let rules = issues["rules"].as_array().unwrap().iter();
    assert_eq!(rules.map(|rule| rule["count"].as_u64().unwrap()).sum::<u64>(), records as u64);
    let ledger = project.json(&["ledger", "--last", "0"], 0);
    assert_eq!((&report["calls"]["done"], &report["calls"]["usage"]), (&ledger["done"], &ledger["usage"]));

    let text = project.run(&["report"]).expect(0).stdout;
    for part in ["translate@ja", "issues", "slowest", "revisions", "in all:"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let some = project.json(&["report", "qa", "translate@ja", "--scope", "language=ja", "--limit", "1"], 0);
    let named: Vec<String> = some["phases"].as_array().unwrap().iter().map(target).collect();
    assert_eq!((named, &some["gone"]), (vec!["translate@ja".to_owned(), "qa@ja".to_owned()], &Value::Null));
    assert_eq!(phase(&some, "translate@ja")["places"]["slowest"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_page_is_written_whole_and_only_where_it_may_be() {
    let project = demo();
    let output = project.run(&["report", "--html", "report.html"]).expect(0);
    assert_eq!(output.stdout, "wrote report.html\n", "the page takes the place of the table");
    let page = project.read("report.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("night-ferry") && page.contains("translate@ja") && page.contains("<svg"));
    let outside = ["http:", "https:", "<script", "url(", "src=", "@import", "<link"];
    assert!(outside.iter().all(|outside| !page.contains(outside)), "nothing comes from elsewhere");
    let before = project.files();
    project.run(&["report", "--html", "report.html", "--quiet"]).expect(0);
    assert_eq!(
        (project.read("report.html"), project.files()),
        (page.clone(), before),
        "the same state, the same bytes"
    );

    project.write("mine.html", "<!doctype html><p>mine</p>");
    let refused = project.run(&["report", "--html", "mine.html"]).expect(2);
    assert!(refused.stderr.contains("is not a report of refrain"), "{}", refused.stderr);
    assert_eq!(project.read("mine.html"), "<!doctype html><p>mine</p>");
    project.run(&["report", "--html", "no/such/folder/report.html"]).expect(9);
    let elsewhere = project.outside("report.html");
    project.run(&["report", "--html", &elsewhere.to_string_lossy()]).expect(0);
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), page);
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "<script>alert(1)</script>";
    let project = TestProject::new(
        "\
refrain: 1
name: hostile
phases:
  issues:
    agent: { builtin: read, params: { files: issues.csv } }
    output: { records: issues, key: id }
",
    );
    project.write("issues.csv", &format!("id,rule,severity\na,{hostile},error\nb,\u{1b}[2J,{hostile}\n"));
    project.run_json(&[], 0);
    project.run(&["report", "--html", "report.html"]).expect(0);
    let page = project.read("report.html");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;") && !page.contains('\u{1b}'));
    let report = project.json(&["report"], 0);
    assert_eq!(report["phases"][0]["issues"]["total"], 2);
    assert!(!project.run(&["report"]).expect(0).stdout.contains('\u{1b}'));
}

#[test]
fn a_project_that_never_ran_and_one_that_runs_now() {
    let project = pipeline("");
    let report = project.json(&["report"], 0);
    assert_eq!((&report["calls"]["done"], report["phases"].as_array().map(Vec::len)), (&0.into(), Some(7)));
    project.run(&["report", "--html", "empty.html"]).expect(0);
    assert!(!project.path(".refrain").exists(), "a report stores nothing");
    let output = project.run(&["compare", "translate@ja"]).expect(2);
    assert!(output.stderr.contains("translate@ja has no revision yet"), "{}", output.stderr);

    let project = gated();
    let child = start_gated(&project);
    let report = project.json(&["report"], 0);
    assert_eq!((&report["under_way"], &report["calls"]["in_doubt"]), (&true.into(), &2.into()));
    assert_eq!(phase(&report, "ingest")["freshness"], "fresh");
    assert!(project.run(&["report"]).expect(0).stdout.contains("a run is under way"));
    open_gate(&project);
    let output = child.wait_with_output().unwrap();
    assert_eq!(project.output(&output).code, Some(0));
    assert_eq!(project.json(&["report"], 0)["under_way"], false);
}

#[test]
fn waste_is_told_with_its_reason() {
    let project = pipeline(", --usage, --once, OUTSIDE/broke, --garbage").with_outside();
    project.run_json(&[], 0);
    let report = project.json(&["report"], 0);
    let waste = &report["calls"]["waste"];
    assert_eq!((&waste["kinds"][0]["kind"], &waste["asks"]), (&"transient".into(), &2.into()), "{waste}");
    assert!(report["calls"]["retries"].as_u64().unwrap() >= 1);
    assert!(report["calls"]["usage"]["cost_usd"].as_f64().unwrap() > 0.0);
}

#[test]
fn two_revisions_of_the_demo_are_compared() {
    let project = demo();
    let report = project.json(&["compare", "translate@ja"], 0);
    let n = &report["records"];
    let sum = n["same"].as_u64().unwrap() + n["changed"].as_u64().unwrap();
    assert_eq!((sum, &n["added"], &n["removed"]), (314, &0.into(), &0.into()));
    assert!((1..=3).contains(&n["changed"].as_u64().unwrap()), "{n}");
    let kinds: Vec<&Value> =
        report["measures"].as_array().unwrap().iter().map(|measure| &measure["kind"]).collect();
    assert_eq!(kinds, ["issues", "errors"]);
    assert_eq!(report["measures"][0]["verdict"], "no_difference");
    assert_eq!(report["a"]["issues"][0]["phase"], "qa");
    let text = project.run(&["compare", "translate@ja"]).expect(0).stdout;
    for part in [
        "A translate@ja #1",
        "B translate@ja #2",
        "no difference that chance would not make",
        "[-",
        "{+",
        "ferry_019",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    for same in [
        &["compare", "translate@ja", "1", "2"][..],
        &["compare", "translate@ja#1", "translate@ja#2"],
        &["compare", "translate@ja#1"],
    ] {
        assert_eq!(project.run(same).expect(0).stdout, text, "{same:?}");
    }
    let none = project.json(&["compare", "translate@ja", "2", "2", "--limit", "0"], 0);
    assert_eq!(
        (&none["records"]["same"], &none["edit_ratio"], &none["likeness"]),
        (&314.into(), &0.0.into(), &100.0.into())
    );
}

#[test]
fn references_say_which_side_is_better() {
    let project = pipeline("");
    let lines = |text: &dyn Fn(usize) -> String| {
        (0..40).fold("id,text\n".to_owned(), |mut all, n| {
            writeln!(all, "l{n},{}", text(n)).unwrap();
            all
        })
    };
    project.write("lines.csv", &lines(&|n| format!("some fox {n}")));
    project.run_json(&["ingest"], 0);
    project.write("lines.csv", &lines(&|n| format!("the quick fox {n}")));
    project.run_json(&["ingest"], 0);
    let good = lines(&|n| format!("the quick brown fox {n}"));
    project.write("good.csv", &good);
    project.write("columns.csv", &good.replace("id,text", "id,english"));
    let text = project.run(&["compare", "ingest", "--reference", "good.csv"]).expect(0).stdout;
    assert!(text.contains("chrF: B is better by") && text.contains("95 % between"), "{text}");
    assert!(text.contains("reference: the quick brown fox"), "{text}");
    let by_column =
        project.run(&["compare", "ingest", "--reference", "columns.csv:english"]).expect(0).stdout;
    assert_eq!(by_column, text);
    let jsonl: String = (0..40).fold(String::new(), |mut all, n| {
        writeln!(all, "{}", json!({"id": format!("l{n}"), "text": format!("the quick brown fox {n}")}))
            .unwrap();
        all
    });
    fs::write(project.outside("good.jsonl"), jsonl).unwrap();
    let outside = project.outside("good.jsonl").to_string_lossy().into_owned();
    assert_eq!(project.run(&["compare", "ingest", "--reference", &outside]).expect(0).stdout, text);

    for (arguments, part) in [
        (&["--reference", "columns.csv"][..], "has no field `text`; it has english, id"),
        (&["--reference", "columns.csv:englsh"], "did you mean `english`?"),
        (&["--reference", "none.csv"], "there is no file"),
        (&["--field", "nothing"], "no record has a field `nothing`"),
        (&["7", "8"], "ingest has no revision 7"),
        (&["1"], "and which other one?"),
        (&["1", "0"], "revisions are numbered from 1"),
        (&["ingest", "1"], "write one other phase, or the numbers of two revisions"),
        (&["nowhere"], "there is no phase `nowhere`"),
        (&["translate"], "name one of translate@ja, translate@fr"),
        (&["1", "2", "3"], "unexpected value"),
    ] {
        let output = project.run(&[&["compare", "ingest"], arguments].concat()).expect(2);
        assert!(output.stderr.contains(part), "{arguments:?}: {}", output.stderr);
    }
    let output = project.run(&["compare", "ingest#1", "1", "2"]).expect(2);
    assert!(output.stderr.contains("names a revision already"), "{}", output.stderr);
    for (arguments, part) in [
        (&["qaa"][..], "there is no phase `qaa`"),
        (&["--scope", "language=de"], "has no value `de`"),
        (&["translate@ja", "--scope", "language=fr"], "none of the phases named is in the scope"),
    ] {
        let output = project.run(&[&["report"], arguments].concat()).expect(2);
        assert!(output.stderr.contains(part), "{arguments:?}: {}", output.stderr);
    }
}

/// Returns the states that the progress file of a run holds.
fn progress(project: &TestProject, report: &Value) -> Vec<Value> {
    let run = report["run_id"].as_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir(project.path(".refrain/logs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains(run) && name.contains("progress") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    assert_eq!(found.len(), 1, "one progress file of run {run}");
    let states: Vec<Value> = found[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    states.iter().for_each(|state| schema::check("progress", state));
    states
}

/// Fails where a target is missing from a state, or a percentage falls.
fn check_growth(states: &[Value], targets: &[&str]) {
    let mut percent = 0.0;
    let mut of_targets = vec![0.0; targets.len()];
    for state in states {
        let now = state["percent"].as_f64().unwrap();
        assert!(now >= percent && now <= 100.0, "{now} after {percent}");
        percent = now;
        let named: Vec<String> = state["phases"].as_array().unwrap().iter().map(target).collect();
        assert_eq!(named, targets, "every phase and scope is there from start to end");
        for (n, name) in targets.iter().enumerate() {
            let now = phase(state, name)["percent"].as_f64().unwrap_or(0.0);
            assert!(now >= of_targets[n], "{name}: {now} after {}", of_targets[n]);
            of_targets[n] = now;
        }
    }
    assert!(of_targets.iter().all(|percent| *percent == 100.0) && percent == 100.0, "{of_targets:?}");
}

#[test]
fn progress_is_there_from_start_to_end_and_an_early_re_run_has_its_own() {
    let targets = ["ingest", "translate@ja", "translate@fr", "qa@ja", "qa@fr", "export@ja", "export@fr"];
    let project = pipeline(", --delay-ms, \"50\"");
    let report = project.run_json(&[], 0);
    let first = progress(&project, &report);
    check_growth(&first, &targets);
    assert_eq!(first.last().unwrap()["status"], "completed");

    project.edit("lines.csv", "second line", "another line");
    let early = project.run_json(&["ingest"], 0);
    let again = progress(&project, &early);
    check_growth(&again, &["ingest"]);
    assert_eq!(again.last().unwrap()["phases"][0]["revision"], 2);
    let rest = project.run_json(&[], 0);
    let rest = progress(&project, &rest);
    check_growth(&rest, &targets);
    let end = rest.last().unwrap();
    assert_eq!(
        (&phase(end, "ingest")["status"], &phase(end, "ingest")["revision"]),
        (&"fresh".into(), &2.into())
    );
    assert_eq!(phase(end, "translate@fr")["revision"], 2);
    assert_eq!(progress(&project, &report), first, "what was told of the first run stays as it was");
}
