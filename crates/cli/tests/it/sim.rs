//! `refrain sim`: bad days, rehearsed on the user's own project.

use std::io::Read as _;
use std::time::SystemTime;

use refrain_testkit::sim::Profile;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::project::TestProject;
use crate::schema;

fn started(template: &str) -> TestProject {
    let project = TestProject::empty();
    project.run(&["init", "--template", template, "--yes"]).expect(0);
    project
}

/// Returns every file with its contents and the time of its last change, those of the state folder included.
fn everything(project: &TestProject) -> Vec<(String, Vec<u8>, SystemTime)> {
    let of = |path: &String| {
        let full = project.path(path);
        let changed = std::fs::metadata(&full).unwrap().modified().unwrap();
        (path.clone(), std::fs::read(full).unwrap(), changed)
    };
    assert!(!project.path(".refrain").exists() && !project.path("out").exists());
    project.files().iter().map(of).collect()
}

/// Simulates, and fails where anything was found or written.
#[track_caller]
fn simulated(project: &TestProject, arguments: &[&str]) -> Value {
    let before = everything(project);
    let document = project.json(&[&["sim"], arguments].concat(), 0);
    assert!(before == everything(project), "nothing is written");
    assert_eq!(document["findings"], Value::Array(Vec::new()));
    assert_eq!(document["undisturbed"]["report"]["status"], "completed", "{document}");
    assert_eq!(document["seeds"], document["asked"]);
    document
}

#[test]
fn a_project_with_a_model_needs_no_key_and_tells_what_it_may_cost() {
    let document = simulated(&started("model"), &["--seeds", "30", "--profile", "hostile"]);
    let odds = document["completion_odds"].as_f64().unwrap();
    assert!(odds > 0.0 && odds < 1.0, "some days are bad: {document}");
    assert!(document["crashes"].as_u64().unwrap() > 0);
    for name in ["calls", "cost_usd", "seconds"] {
        let at = |word: &str| document[name][word].as_f64().unwrap();
        assert!(0.0 < at("p5") && at("p5") <= at("p50") && at("p50") <= at("p95"), "{name}: {document}");
    }
    assert!(document["faults"]["transient"].as_u64().unwrap() > 0);
    let ends = document["first_runs"].as_object().unwrap().values();
    assert_eq!(ends.map(|n| n.as_u64().unwrap()).sum::<u64>(), 30);
    let worst = &document["worst"];
    let replay = format!("refrain sim --seed {} --profile hostile", worst["seed"]);
    assert_eq!(worst["replay"], replay.as_str());
}

#[test]
fn the_demo_survives_every_weather() {
    let project = TestProject::demo();
    for profile in Profile::ALL {
        let document = simulated(&project, &["--seeds", "2", "--units", "20", "--profile", profile.as_str()]);
        assert_eq!(document["profile"], profile.as_str());
    }
}

#[test]
fn the_sample_script_goes_through_bad_days_in_part() {
    let project = started("localisation");
    let part = simulated(&project, &["--seeds", "2", "--profile", "crash", "--units", "5"]);
    let more = simulated(&project, &["--seeds", "1", "--profile", "calm", "--units", "25"]);
    let units = |document: &Value| document["undisturbed"]["report"]["units"]["total"].as_u64().unwrap();
    assert!(units(&part) > 0 && units(&part) < units(&more));
}

#[test]
fn a_seed_tells_its_story_and_tells_the_same_again() {
    let project = started("model");
    let worst = simulated(&project, &["--seeds", "20", "--profile", "hostile"])["worst"].clone();
    let seed = worst["seed"].to_string();
    let tell = || simulated(&project, &["--seed", &seed, "--profile", "hostile"]);
    let story = tell();
    assert_eq!(story, tell());
    assert_eq!(story["worst"], worst, "alone as among others");
    let runs = story["story"].as_array().unwrap();
    assert_eq!(runs.len() as u64, worst["runs"].as_u64().unwrap());
    assert_eq!(runs.last().unwrap()["end"], "completed");
    assert!(runs.len() > 1 && runs[0]["end"] != "completed", "the worst of twenty is bad: {story}");
    let text = project.run(&["sim", "--seed", &seed, "--profile", "hostile"]).expect(0).stdout;
    for (run, n) in runs.iter().zip(1..) {
        let end = run["end"].as_str().unwrap().replace("store_failed", "its store failed");
        assert!(text.contains(&format!("run {n}: {end}")), "{text}");
    }
    assert!(text.contains("translate@fr") && text.contains("no findings"), "{text}");
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    let project = started("model");
    for (arguments, told) in [
        (&["--profile", "windy"][..], "there is no profile `windy`; there are calm, flaky"),
        (&["--seed", "many"], "invalid digit"),
        (&["--seeds", "0"], "0 is not in 1"),
        (&["--seed", "1", "--seeds", "2"], "cannot be used with"),
    ] {
        let said = project.run(&[&["sim"], arguments].concat()).expect(2).stderr;
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn a_broken_pipeline_is_refused_as_by_run() {
    let project = started("model");
    project.edit("refrain.yaml", "phases:", "phasse:");
    let (sim, run) = (project.run(&["sim"]).expect(2), project.run(&["run"]).expect(2));
    assert_eq!(sim.stderr, run.stderr);
    assert_eq!(sim.stdout, "");
}

#[test]
fn a_project_that_does_not_even_run_undisturbed_says_why() {
    let project = started("model");
    std::fs::remove_file(project.path("lines.csv")).unwrap();
    let document = project.json(&["sim"], 1);
    assert_eq!((&document["seeds"], &document["completion_odds"]), (&0.into(), &Value::Null));
    assert_eq!(document["undisturbed"]["report"]["status"], "failed");
    let text = project.run(&["sim"]).expect(1).stdout;
    assert!(text.contains("undisturbed: failed") && text.contains("lines.csv"), "{text}");
}

#[test]
fn ctrl_c_ends_early_and_tells_what_there_is() {
    let project = started("model");
    let arguments = ["sim", "--seeds", "100000000", "--json", "--progress", "plain"];
    let mut child = project.command(&arguments).spawn().unwrap();
    let (mut seen, mut byte) = (String::new(), [0]);
    while !seen.contains(" left") {
        assert_ne!(child.stderr.as_mut().unwrap().read(&mut byte).unwrap(), 0, "{seen}");
        seen.push(char::from(byte[0]));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = project.output(&child.wait_with_output().unwrap()).expect(130);
    let document = output.json();
    schema::check("sim", &document);
    assert_eq!(document["interrupted"], true);
    let told = document["seeds"].as_u64().unwrap();
    assert!(0 < told && told < 100_000_000);
}
