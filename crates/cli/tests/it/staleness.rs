//! What makes what stale, and what does not.

use serde_json::Value;

use crate::demo::assert_within;
use crate::project::{TestProject, phase};

const LINES: &str = "id,text\none,first line\ntwo,second line\nthree,third line\nfour,fourth line\n";

const NONE: [&str; 0] = [];

/// Reads lines, translates them with an agent of these flags, looks over them and writes them.
pub(crate) fn pipeline(translator: &str) -> TestProject {
    let text = format!(
        "\
refrain: 1
name: small
dimensions: {{ language: [ja, fr] }}
agents:
  translator: {{ command: [fake_agent{translator}] }}
  reader: {{ command: [fake_agent] }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: id }}
  translate:
    per: [language]
    units: {{ of: ingest }}
    pack: {{ max: 2 }}
    agents: {{ translator: 2 }}
    output: {{ records: lines, key: id, aligned: true }}
  qa:
    per: [language]
    units: {{ of: translate }}
    agent: reader
    output: {{ records: lines, key: id }}
  export:
    wants: [qa]
    per: [language]
    units: {{ of: translate }}
    agent: {{ builtin: write, params: {{ path: \"out/{{{{ scope.language }}}}.csv\" }} }}
"
    );
    TestProject::new(&text).file("lines.csv", LINES)
}

#[test]
fn an_output_that_comes_out_unchanged_stops_the_wave() {
    let project = pipeline(", --upper");
    project.run_json(&[], 0);
    project.edit("lines.csv", "second line", "Second Line");
    let plan = project.json(&["plan"], 0);
    assert_eq!(phase(&plan, "translate@ja")["run"], serde_json::json!({"min": 1, "max": 1}), "{plan}");
    assert_eq!(phase(&plan, "qa@ja")["action"], "perhaps");
    let report = project.run_json(&[], 0);
    assert_within(&plan, &report);
    for language in ["ja", "fr"] {
        let translate = phase(&report, &format!("translate@{language}"));
        assert_eq!((&translate["status"], &translate["units"]["ran"]), (&"completed".into(), &1.into()));
        assert_eq!(translate["revision"], 2);
        for name in ["qa", "export"] {
            let after = phase(&report, &format!("{name}@{language}"));
            assert_eq!((&after["status"], &after["revision"]), (&"fresh".into(), &1.into()), "{after}");
        }
    }
    assert_eq!(project.not_fresh(), NONE);
}

#[test]
fn an_edited_line_is_asked_alone() {
    let project = pipeline(", --upper");
    project.run_json(&[], 0);
    project.edit("lines.csv", "second line", "another line");
    let plan = project.json(&["plan"], 0);
    let report = project.run_json(&[], 0);
    assert_within(&plan, &report);
    for name in ["translate@ja", "translate@fr", "qa@ja", "qa@fr"] {
        let units = &phase(&report, name)["units"];
        assert_eq!((&units["ran"], &units["reused"]), (&1.into(), &3.into()), "{name}");
    }
    // Back to the old text: every reply is on record.
    project.edit("lines.csv", "another line", "second line");
    let plan = project.json(&["plan"], 0);
    assert_eq!(phase(&plan, "translate@ja")["run"]["max"], 0);
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
}

#[test]
fn a_forced_phase_with_other_replies_makes_its_scope_stale_downstream() {
    let project = pipeline(", --random");
    project.run_json(&[], 0);
    let report = project.run_json(&["translate@ja", "--force", "--only"], 0);
    assert_eq!(report["phases"].as_array().map(Vec::len), Some(1), "only what was named");
    assert_eq!(phase(&report, "translate@ja")["units"]["ran"], 4);
    assert_eq!(project.not_fresh(), ["qa@ja: stale (upstream)", "export@ja: stale (upstream)"]);
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "translate@ja")["status"], "fresh");
    assert_eq!(phase(&report, "qa@fr")["status"], "fresh");
    assert_eq!(phase(&report, "qa@ja")["revision"], 2);
    assert_eq!(project.not_fresh(), NONE);
}

#[test]
fn a_forced_phase_with_the_same_replies_leaves_everything_fresh() {
    let project = pipeline("");
    project.run_json(&[], 0);
    let report = project.run_json(&["translate@ja", "--force", "--only"], 0);
    let translate = phase(&report, "translate@ja");
    assert_eq!((&translate["revision"], &translate["units"]["ran"]), (&2.into(), &4.into()));
    assert_eq!(project.not_fresh(), NONE);
    assert_eq!(project.run_json(&[], 0)["calls"], 0);
}

#[test]
fn history_has_the_revisions_of_each_phase_and_scope() {
    let project = pipeline(", --random");
    project.run_json(&[], 0);
    project.run_json(&["translate@ja", "--force", "--only"], 0);
    project.run_json(&[], 0);
    let history = project.json(&["history"], 0);
    assert_eq!(history["runs"].as_array().map(Vec::len), Some(3));
    assert_eq!(history["runs"][1]["targets"], serde_json::json!(["translate@ja"]));
    let revisions = |address: &str| {
        let history = project.json(&["history", address], 0);
        let numbers = history["revisions"].as_array().unwrap().iter();
        numbers.map(|view| view["record"]["revision"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(revisions("translate@ja"), [1, 2]);
    assert_eq!(revisions("translate@fr"), [1]);
    assert_eq!(revisions("qa@ja"), [1, 2]);
    assert_eq!(revisions("qa"), [1, 1, 2], "both scopes in the order in which they were made");
    let diff = project.json(&["diff", "translate@ja"], 0);
    assert_eq!(diff["changes"].as_array().map(Vec::len), Some(4));
}

const CHAIN: &str = "\
refrain: 1
name: chain
agents:
  echo: { command: [fake_agent] }
  random: { command: [fake_agent, --random] }
phases:
  ingest:
    agent: { builtin: read, params: { files: lines.csv } }
    output: { records: lines, key: id }
  one: { units: { of: ingest }, agent: random, output: { records: lines, key: id } }
  two: { units: { of: one }, agent: echo, output: { records: lines, key: id } }
  three: { units: { of: two }, agent: echo, output: { records: lines, key: id } }
  four: { units: { of: three }, agent: echo, output: { records: lines, key: id } }
";

#[test]
fn an_early_phase_run_out_of_order_makes_all_later_ones_stale() {
    let project = TestProject::new(CHAIN).file("lines.csv", LINES);
    project.run_json(&[], 0);
    project.run_json(&["one", "--force", "--only"], 0);
    let stale = ["two: stale (upstream)", "three: stale (upstream_stale)", "four: stale (upstream_stale)"];
    assert_eq!(project.not_fresh(), stale);
    // A later phase alone works on what is there, says so, and is no fresher for it.
    let output = project.run(&["run", "four", "--only", "--force", "--progress", "none"]).expect(0);
    assert!(output.stdout.contains("three is not fresh"), "{output:?}");
    assert_eq!(project.not_fresh(), stale);
    assert_eq!(project.run_json(&[], 0)["status"], "completed");
    assert_eq!(project.not_fresh(), NONE);
}

#[test]
fn a_want_that_is_missing_is_recorded_absent_and_arrives_later() {
    let project = pipeline("");
    project.run_json(&["translate"], 0);
    let report = project.run_json(&["export@ja", "--only"], 0);
    assert_eq!(phase(&report, "export@ja")["status"], "completed");
    let history = project.json(&["history", "export@ja"], 0);
    let upstream = &history["revisions"][0]["record"]["lineage"]["upstream"];
    assert!(upstream.as_object().unwrap().values().any(Value::is_null), "absent: {upstream}");
    project.run_json(&["qa@ja", "--only"], 0);
    let status = project.json(&["status"], 0);
    let export = phase(&status, "export@ja");
    assert_eq!(
        (&export["freshness"], &export["causes"][0]["kind"]),
        (&"stale".into(), &"want_arrived".into())
    );
    assert!(export["causes"][0]["subject"].as_str().unwrap().starts_with("qa"), "{export}");
}

#[test]
fn a_need_that_is_missing_blocks_and_says_what_to_run() {
    let project = pipeline("");
    let report = project.run_json(&["qa@ja", "--only"], 8);
    let qa = phase(&report, "qa@ja");
    assert_eq!((&report["status"], &qa["status"]), (&"blocked".into(), &"blocked".into()));
    assert_eq!((&report["calls"], &qa["error"]["missing"][0]["phase"]), (&0.into(), &"translate".into()));
    let line = project.run(&["logs", "--level", "warn", "--phase", "qa@ja", "--json"]).expect(0).json();
    crate::schema::check("log-line", &line);
    assert_eq!((&line["event"], &line["level"]), (&"phase_blocked".into(), &"warn".into()));
    let text = line.to_string();
    assert!(text.contains("translate@ja") && text.contains("refrain run translate@ja"), "{text}");
    let text = project.run(&["run", "qa@ja", "--only", "--quiet"]).expect(8);
    assert!(text.stdout.contains("refrain run translate@ja"), "{}", text.stdout);
    assert_eq!(phase(&project.json(&["status"], 0), "qa@ja")["freshness"], "blocked");
    project.run_json(&[], 0);
    assert_eq!(project.not_fresh(), NONE);
}

#[test]
fn a_changed_script_makes_its_phase_stale() {
    let script = "import json, sys\nfor line in sys.stdin:\n    call = json.loads(line)\n    units = [{'id': unit['id'], \
                  'output': unit['input']} for unit in call['units']]\n    \
                  print(json.dumps({'call': call['call'], 'units': units}), flush=True)\n";
    let project = pipeline("").file("agent.py", script);
    project.edit(
        "refrain.yaml",
        "translator: { command: [fake_agent] }",
        "translator: { command: [python3, agent.py] }",
    );
    project.run_json(&[], 0);
    project.write("agent.py", &format!("{script}# changed\n"));
    let report = project.json(&["status"], 0);
    let translate = phase(&report, "translate@ja");
    assert_eq!(
        (&translate["freshness"], &translate["causes"][0]["kind"]),
        (&"stale".into(), &"agent".into())
    );
    let why = project.json(&["why", "translate@ja"], 0);
    let cause = &why["causes"][0];
    assert_eq!(cause["kind"], "agent");
    assert!(cause["old"].is_string() && cause["new"].is_string() && cause["old"] != cause["new"], "{cause}");
    assert!(why.to_string().contains("agent.py"), "the file is named: {why}");
    // It still says the same, so nothing behind it runs.
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "translate@ja")["units"]["ran"], 4);
    assert_eq!(phase(&report, "qa@ja")["status"], "fresh");
}

#[test]
fn what_cannot_change_a_reply_makes_nothing_stale() {
    let project = pipeline(", --upper");
    project.run_json(&[], 0);
    for (old, new) in [
        ("name: small", "name: small # a comment"),
        ("pack: { max: 2 }", "pack: { max: 3 }"),
        ("agents: { translator: 2 }", "agents: { translator: 5 }"),
        ("[fake_agent, --upper] }", "[fake_agent, --upper], timeout: 7s, retry: { attempts: 2 } }"),
        ("    units: { of: ingest }", "    limits: { concurrency: 1 }\n    units: { of: ingest }"),
        ("[ja, fr]", "[fr, ja]"),
    ] {
        project.edit("refrain.yaml", old, new);
        assert_eq!(project.not_fresh(), NONE, "{new}");
    }
    project.edit("refrain.yaml", "[fr, ja]", "[fr, ja, de]");
    let missing = ["translate@de", "qa@de", "export@de"].map(|name| format!("{name}: missing (never_run)"));
    assert_eq!(project.not_fresh(), missing);
    let report = project.run_json(&[], 0);
    assert_eq!(report["units"]["ran"], 8, "the new language alone");
}

#[test]
fn a_plan_knows_of_replies_on_record_that_the_latest_revision_is_not_made_from() {
    let project = pipeline(", --upper");
    project.run_json(&[], 0);
    project.edit("lines.csv", "second line", "another line");
    project.run_json(&["translate"], 0);
    project.edit("lines.csv", "another line", "second line");
    project.run_json(&[], 0);
    // The translation of the first of these is on record, its check is not; of the second neither is; the third goes.
    project.edit("lines.csv", "second line", "another line");
    project.edit("lines.csv", "third line", "a new line");
    project.edit("lines.csv", "four,fourth line\n", "");
    let plan = project.json(&["plan"], 0);
    assert_eq!(phase(&plan, "translate@ja")["run"], serde_json::json!({"min": 1, "max": 1}));
    assert_eq!(phase(&plan, "qa@ja")["units"], 3);
    let report = project.run_json(&[], 0);
    assert_within(&plan, &report);
    assert_eq!(phase(&report, "qa@ja")["units"]["ran"], 2);
}

/// Reads the lines of texts and writes copies with other texts in them.
fn patching() -> TestProject {
    let text = "\
refrain: 1
name: patched
agents:
  translator: { command: [fake_agent, --upper] }
phases:
  ingest:
    agent: { builtin: read, params: { files: \"script/*.txt\" } }
    output: { records: lines, key: line_id }
  translate:
    units: { of: ingest }
    agent: translator
    output: { records: lines, key: line_id, aligned: true }
  export:
    units: { of: translate }
    agent: { builtin: write, params: { patch: \"script/*.txt\", path: \"out/{file}\", expected: source } }
";
    let first = "\u{feff}one\r\n\r\n  two\r\none";
    TestProject::new(text).file("script/a.txt", first).file("script/b.txt", "three\n")
}

#[test]
fn a_patched_script_keeps_all_but_its_lines() {
    let project = patching();
    project.run_json(&[], 0);
    assert_eq!(project.read("out/a.txt"), "\u{feff}ONE\r\n\r\n  TWO\r\nONE");
    assert_eq!(project.read("out/b.txt"), "THREE\n");

    // A blank line is no line: nothing is asked, yet the copy is made again.
    project.edit("script/b.txt", "three\n", "\nthree\n\n");
    let stale = ["ingest: stale (source_file)", "translate: stale (upstream_stale)"];
    assert_eq!(project.not_fresh()[..2], stale);
    assert_eq!(project.not_fresh()[2], "export: stale (upstream_stale, source_file)");
    let report = project.run_json(&[], 0);
    assert_eq!(report["calls"], 0, "{report}");
    assert_eq!(phase(&report, "translate")["status"], "fresh");
    assert_eq!(phase(&report, "export")["causes"][0]["kind"], "source_file");
    assert_eq!(project.read("out/b.txt"), "\nTHREE\n\n");
    assert_eq!(project.not_fresh(), NONE);

    // A new line in front shifts no other.
    project.edit("script/a.txt", "one\r\n\r\n", "zero\r\none\r\n\r\n");
    let units = project.run_json(&[], 0);
    let units = &phase(&units, "translate")["units"];
    assert_eq!((&units["ran"], &units["reused"]), (&1.into(), &4.into()), "{units}");
}
