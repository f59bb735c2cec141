//! Steps files, run by the binary; their cases are a folder each, see `README.md`.
//!
//! `REFRAIN_STEPS_CASE=NAME` runs one of them and shows everything that is wrong with it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at what they do not expect")]

mod case;
mod choice;
mod convert;
mod crash;
mod declared;
mod drawer;
mod handlers;
mod held;
mod language;
mod left;
mod left_open;
mod looks;
mod loops;
mod measures;
mod mind;
mod mistakes;
mod models;
mod normal;
mod outcomes;
mod own;
mod queues;
mod refusals;
mod refused;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use case::Case;

const GREEN: &str = include_str!("green.txt");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/steps/cases")
}

fn cases() -> Vec<PathBuf> {
    let chosen = std::env::var("REFRAIN_STEPS_CASE").ok();
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let is_chosen = |path: &PathBuf| chosen.as_ref().is_none_or(|name| path.ends_with(name));
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).filter(is_chosen).collect();
    cases.sort();
    cases
}

/// Runs every case, a few at once, and returns what is wrong with each by its name.
fn judged(cases: Vec<PathBuf>, judge: fn(&Case) -> Vec<String>) -> Vec<(String, Vec<String>)> {
    let todo = Mutex::new(cases.into_iter());
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = todo.lock().unwrap().next();
            let Some(path) = next else { return };
            let case = Case::read(&path);
            let wrong = judge(&case);
            done.lock().unwrap().push((case.name, wrong));
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().unwrap();
    done.sort();
    done
}

#[test]
fn cases_do_what_is_expected_of_them() {
    let green: BTreeSet<&str> = GREEN.split_whitespace().collect();
    let judged = judged(cases(), Case::wrong);
    let mut complaints = Vec::new();
    let mut n_red = 0;
    for (name, wrong) in &judged {
        match (green.contains(name.as_str()), wrong.is_empty()) {
            (true, true) => {}
            (false, true) => complaints.push(format!("{name} passes: add it to green.txt")),
            (true, false) => complaints.push(format!("{name}:\n  {}", wrong.join("\n  "))),
            (false, false) => {
                n_red += 1;
                println!("red: {name}:\n  {}", wrong.join("\n  "));
            }
        }
    }
    println!("{} cases, {n_red} to go", judged.len());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What a case is converted to ends, makes and writes the same.
#[test]
fn converted_cases_do_the_same() {
    let is_green = |path: &PathBuf| GREEN.split_whitespace().any(|name| path.ends_with(name));
    let cases: Vec<PathBuf> = cases().into_iter().filter(is_green).collect();
    let judged = judged(cases, Case::wrong_converted);
    let wrong = judged.iter().filter(|(_, wrong)| !wrong.is_empty());
    let wrong: Vec<String> =
        wrong.map(|(name, wrong)| format!("{name}:\n  {}", wrong.join("\n  "))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let is_chosen = std::env::var_os("REFRAIN_STEPS_CASE").is_some();
    assert!(is_chosen || judged.len() > 40, "{}", judged.len());
}
