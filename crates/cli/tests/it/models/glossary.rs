//! One term of a glossary: exactly the lines that hold it are asked about again, and the plan knows it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use refrain_testkit::provider::{Provider, Settings};

use super::setup::{KEY, lines_in, provider};
use crate::project::{TestProject, phase};

const LINES: usize = 2_000;
const TERMS: [&str; 7] = ["door", "gate", "potion", "dream", "sword", "night", "crown"];

/// Returns the text of a line; every line has one or two terms, and only some have the crown.
fn text(n: usize) -> String {
    let first = TERMS[n % (TERMS.len() - 1)];
    let second = if n.is_multiple_of(31) { ", and the crown" } else { "" };
    format!("Number {n}: the {first}{second}.")
}

/// Returns a project whose prompt lists terms, in one of two ways.
fn project(provider: &Provider, context: &str, prompt: &str) -> TestProject {
    let text_of_pipeline = format!(
        "\
refrain: 1
name: terms
endpoints:
  sim: {{ base_url: \"{}\", api_key_env: SIM_KEY }}
agents:
  translator: {{ model: sim/small, prompt: prompts/line.md }}
phases:
  ingest:
    agent: {{ builtin: read, params: {{ files: lines.csv }} }}
    output: {{ records: lines, key: line_id }}
  translate:
    units: {{ of: ingest }}
    context:
      glossary: {context}
    agents: {{ translator: 32 }}
    output: {{ records: lines, key: line_id, aligned: true }}
",
        provider.url()
    );
    let mut lines = String::from("line_id,text\n");
    (0..LINES).for_each(|n| writeln!(lines, "line_{n:05},\"{}\"", text(n)).unwrap());
    let mut glossary = String::from("term,translation\n");
    TERMS.iter().for_each(|term| writeln!(glossary, "{term},x-{term}").unwrap());
    TestProject::new(&text_of_pipeline)
        .file("lines.csv", &lines)
        .file("glossary.csv", &glossary)
        .file("prompts/line.md", prompt)
        .file(".env", &format!("SIM_KEY={KEY}\n"))
}

fn check(context: &str, prompt: &str) {
    let provider = provider(Settings::default());
    let project = project(&provider, context, prompt);
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "translate")["units"]["ran"], LINES);
    let before = provider.arrived();
    assert_eq!(before, LINES);
    project.edit("glossary.csv", "crown,x-crown", "crown,y-crown");
    let expected: BTreeSet<String> =
        (0..LINES).filter(|n| text(*n).contains("crown")).map(|n| format!("line_{n:05}")).collect();
    let planned = project.json(&["plan"], 0);
    let run = &phase(&planned, "translate")["run"];
    assert_eq!((&run["min"], &run["max"]), (&expected.len().into(), &expected.len().into()));
    assert_eq!(provider.arrived(), before, "a plan asks nothing");
    let report = project.run_json(&[], 0);
    assert_eq!(phase(&report, "translate")["units"]["ran"], expected.len());
    let journal = provider.journal();
    let asked: Vec<String> = journal[before..].iter().flat_map(|entry| lines_in(&entry.prompt)).collect();
    assert_eq!(asked.len(), expected.len());
    assert_eq!(asked.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(journal[before..].iter().all(|entry| entry.prompt.contains("y-crown")));
}

#[test]
fn a_term_that_is_matched_is_asked_about_where_it_occurs() {
    let prompt = "\
{% for entry in context.glossary %}{{ entry.term }} is {{ entry.translation }}.
{% endfor %}<line id=\"{{ unit.id }}\">{{ unit.text }}</line>
";
    check("{ file: glossary.csv, match: { field: term, in: text } }", prompt);
}

#[test]
fn a_term_that_only_the_prompt_lets_in_is_asked_about_where_it_occurs() {
    let prompt = "\
{% for entry in context.glossary | occurring(unit.text, field=\"term\") %}{{ entry.term }} is {{ entry.translation }}.
{% endfor %}<line id=\"{{ unit.id }}\">{{ unit.text }}</line>
";
    check("{ file: glossary.csv }", prompt);
}
