//! Money: what a plan says it will take, plans as files, and runs that are held to them.

use serde_json::Value;

use crate::project::{TestProject, phase};
use crate::staleness::pipeline;

/// A translator that tells 10 tokens in, 2 out and a quarter of a dollar for every call.
fn priced() -> TestProject {
    pipeline(", --upper, --usage")
}

#[test]
fn earlier_calls_tell_what_later_ones_cost() {
    let project = priced();
    assert_eq!(project.json(&["plan"], 0)["outlay"], Value::Null, "a program tells afterwards what it takes");
    project.run_json(&[], 0);
    project.edit("lines.csv", "second line", "another line");
    let plan = project.json(&["plan", "translate"], 0);
    let cost = |bound: &str| plan["outlay"]["cost_usd"][bound].as_f64().unwrap();
    assert_eq!(plan["outlay"]["basis"], "history", "{plan}");
    // Its calls carried two units each and will carry one; it charges by the call, which nobody knows.
    assert!((0.125..=0.5).contains(&cost("median")) && cost("low") < 0.5 && cost("high") > 0.5, "{plan}");
    let text = project.run(&["plan", "translate", "--max-cost", "$0.10"]).expect(0).stdout;
    assert!(text.contains("cost: ≈ $0.25 ("), "{text}");
    assert!(text.contains("the budget of the run will not do: ≈ $0.25"), "{text}");
    let run = project.run_json(&["translate"], 0);
    assert_eq!(run["cost_usd"], 0.5);
    let status = project.json(&["status"], 0);
    assert_eq!(phase(&status, "translate@ja")["usage"]["cost_usd"], 0.75, "all of its calls: {status}");
    assert!(project.run(&["status"]).expect(0).stdout.contains("$0.75"));
}

#[test]
fn a_ceiling_in_dollars_is_one_number() {
    let project = priced();
    for bad in ["-1", "much", "1,50", "inf"] {
        let output = project.run(&["run", "--max-cost", bad]).expect(2);
        assert!(output.stderr.contains("such as 0.50"), "{}", output.stderr);
    }
    assert!(!project.path(".refrain").exists());
}

#[test]
fn a_plan_is_written_down_and_run_once_or_twice() {
    let project = priced();
    let shown = project.run(&["plan", "-o", "plan.json"]).expect(0);
    assert!(shown.stderr.contains("`refrain run --plan plan.json` runs it"), "{}", shown.stderr);
    assert!(!project.path(".refrain").exists(), "nothing is stored");
    let file: Value = serde_json::from_str(&project.read("plan.json")).unwrap();
    crate::schema::check("plan-file", &file);
    assert_eq!((&file["refrain_plan"], &file["project"]), (&1.into(), &"small".into()));
    assert_eq!(project.run_json(&["--plan", "plan.json"], 0)["calls"], 12);
    assert_eq!(
        project.run_json(&["--plan", "plan.json"], 0)["calls"],
        0,
        "what came in meanwhile is no drift"
    );
}

/// Plans, changes something, and says what the refused run named.
#[track_caller]
fn drifted(change: impl FnOnce(&TestProject) -> Vec<&'static str>, expect: &[&str]) {
    let project = priced();
    project.edit("refrain.yaml", "name: small\n", "name: small\nparams: { tone: { default: dry } }\n");
    project.run(&["plan", "translate@ja", "-o", "plan.json", "--quiet"]).expect(0);
    let mut arguments = vec!["run", "--plan", "plan.json"];
    arguments.extend(change(&project));
    let output = project.run(&arguments).expect(11);
    for name in expect {
        assert!(output.stderr.contains(&format!("{name}: ")), "{name}: {}", output.stderr);
    }
    let said = format!("{} thing{} changed", expect.len(), if expect.len() == 1 { "" } else { "s" });
    assert!(output.stderr.contains(&said), "{}", output.stderr);
    let ledger = project.json(&["ledger", "--last", "0"], 0);
    assert_eq!(ledger["done"], 0, "nothing was run");
}

#[test]
fn a_plan_that_has_drifted_is_refused_by_name() {
    drifted(
        |project| {
            project.edit("lines.csv", "second line", "another line");
            vec![]
        },
        &["source lines.csv"],
    );
    drifted(|_| vec!["--set", "tone=warm"], &["param tone"]);
    drifted(
        |project| {
            project.edit("refrain.yaml", "--upper", "--random");
            vec![]
        },
        &["translate@ja agent.translator"],
    );
    drifted(
        |project| {
            project.edit("refrain.yaml", "pack: { max: 2 }", "pack: { max: 1 }");
            vec![]
        },
        &["translate@ja pack"],
    );
}

#[test]
fn a_run_of_a_plan_stops_at_the_planned_ceiling() {
    let project = priced();
    project.run(&["plan", "-o", "plan.json", "--max-calls", "3"]).expect(0);
    let output = project.run(&["run", "--plan", "plan.json", "--quiet"]).expect(3);
    assert!(output.stdout.contains("`refrain run --plan plan.json` goes on"), "{}", output.stdout);
    assert!(output.stdout.contains("left: "), "{}", output.stdout);
    let again = project.run_json(&["--plan", "plan.json", "--max-calls", "2"], 3);
    assert_eq!(again["calls"], 2, "the command line may only be stricter");
}

#[test]
fn what_is_no_plan_of_this_project_is_a_usage_error() {
    let project = priced();
    let refused = |expect: &str| {
        let output = project.run(&["run", "--plan", "plan.json"]).expect(2);
        assert!(output.stderr.contains(expect), "{}", output.stderr);
    };
    refused("there is no plan ");
    project.write("plan.json", "id,text\n");
    refused("this is no plan");
    project.write("plan.json", "{\"refrain_plan\": 7}");
    refused("the plan has format 7");
    project.run(&["plan", "-o", "plan.json"]).expect(0);
    project.edit("plan.json", "\"project\": \"small\"", "\"project\": \"other\"");
    refused("is a plan of project `other`");
    let output = project.run(&["run", "translate", "--plan", "plan.json"]).expect(2);
    assert!(output.stderr.contains("cannot be used with"), "{}", output.stderr);
}

#[test]
fn a_plan_takes_the_place_of_a_plan_and_of_nothing_else() {
    let project = pipeline(", --usage");
    let before = project.read("refrain.yaml");
    let refused = project.run(&["plan", "-o", "refrain.yaml"]).expect(2).stderr;
    assert!(refused.contains("refrain.yaml is there already and is not a plan"), "{refused}");
    assert!(refused.contains("hint: name another file"), "{refused}");
    assert_eq!(project.read("refrain.yaml"), before);
    project.run(&["plan", "-o", "plan.json"]).expect(0);
    project.run(&["plan", "-o", "plan.json"]).expect(0);
}
