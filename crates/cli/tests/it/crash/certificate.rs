//! The certificate: the binary is killed at every kind of point, and after every kill the books are right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;

use super::figures::{self, Figures};
use super::strike::{Aim, OF_COLLECTIONS, OF_RUNS, Strike, Struck};
use super::subject::{Audit, artifacts, audit, cut_off, project};
use crate::models::crash::kill_runs_with_models;
use crate::numbers::{Numbers, seed, setting};
use crate::project::TestProject;

/// How many kills there are in the gate, half of them under each durability.
const KILLS: u64 = 60;
const MODEL_KILLS: u64 = 20;
/// How many projects are worked on at once under each durability.
const WORKERS: u64 = 2;
/// How many kills a project survives before it may end.
const KILLS_OF_A_LIFE: u64 = 8;
const DURABILITIES: [&str; 2] = ["process", "power"];
const COLLECT: &[&str] = &["gc", "--keep", "1"];
const COLLECT_REPLIES: &[&str] = &["gc", "--keep", "1", "--replies", "--yes"];

#[test]
fn whatever_it_is_doing_when_it_is_killed_nothing_that_was_bought_is_bought_again() {
    let kills = setting("REFRAIN_CRASH_KILLS").unwrap_or(KILLS);
    let seed = seed("REFRAIN_CRASH_SEED");
    let undisturbed = project("process");
    undisturbed.run_json(&[], 0);
    let expected = artifacts(&undisturbed);
    let path = std::env::var("REFRAIN_CERTIFICATE").ok();
    let ([process, power], models) = thread::scope(|scope| {
        let (each, expected) = (kills.div_ceil(2 * WORKERS), &expected);
        let work = DURABILITIES.map(|durability| {
            (0..WORKERS).map(move |n| {
                // Another one for every worker.
                let seed = seed ^ (n * 16 + durability.len() as u64);
                scope.spawn(move || killed(durability, each, seed, expected))
            })
        });
        let work = work.map(Iterator::collect::<Vec<_>>);
        let n_models = setting("REFRAIN_MODEL_KILLS").unwrap_or(MODEL_KILLS);
        // The gate has them in a test of their own.
        let models = path.as_ref().map(|_| scope.spawn(move || kill_runs_with_models(n_models, seed)));
        let all = |work: Vec<_>| work.into_iter().map(join).fold(Figures::default(), Figures::with);
        (work.map(all), models.map(join))
    });
    assert!(process.n_killed() + power.n_killed() >= kills);
    if let (Some(path), Some(models)) = (path, models) {
        figures::write(Path::new(&path), seed, [&process, &power], &models);
    }
}

fn join<T>(work: thread::ScopedJoinHandle<'_, T>) -> T {
    work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Brings projects to their end until there were so many kills.
fn killed(durability: &str, kills: u64, seed: u64, expected: &BTreeMap<String, String>) -> Figures {
    let mut figures = Figures::default();
    let mut numbers = Numbers(seed);
    while figures.n_killed() < kills {
        let project = project(durability);
        let place = format!("seed {seed} under {durability}, {} kills", figures.n_killed());
        let mut life = Life { project, place, numbers, kept: BTreeSet::new(), figures };
        life.run_to_the_end();
        life.check_the_end(expected);
        life.collect_replies();
        life.check_the_end(expected);
        life.figures.cut_off += cut_off(&life.project);
        life.figures.projects += 1;
        (figures, numbers) = (life.figures, life.numbers);
    }
    figures
}

/// A project that is worked on and killed.
struct Life {
    project: TestProject,
    place: String,
    numbers: Numbers,
    /// The keys that have a reply.
    kept: BTreeSet<String>,
    figures: Figures,
}

impl Life {
    fn run_to_the_end(&mut self) {
        let before = self.figures.n_killed();
        let (mut was_killed, mut has_ended) = (false, false);
        loop {
            if was_killed && self.numbers.below(6) == 0 {
                self.strike("gc", COLLECT, &OF_COLLECTIONS);
                self.check(false);
            }
            // A generation that was begun is gone on with, forced or not.
            let is_forced = has_ended || self.numbers.below(12) == 0;
            let arguments: &[&str] =
                if is_forced { &["run", "--quiet", "qa", "--force"] } else { &["run", "--quiet"] };
            let struck = self.strike(if is_forced { "run --force" } else { "run" }, arguments, &OF_RUNS);
            let times = if was_killed { &mut self.figures.resumes } else { &mut self.figures.starts };
            times.extend(struck.started);
            was_killed |= struck.is_dead;
            if !self.project.path(".refrain").exists() {
                continue;
            }
            let is_over = self.is_over(struck, is_forced);
            self.check(is_over);
            if is_over && self.figures.n_killed() >= before + KILLS_OF_A_LIFE {
                return;
            }
            has_ended = is_over;
        }
    }

    fn is_over(&self, struck: Struck, is_forced: bool) -> bool {
        // A run whose agents were stopped by a limit on files ends without having done everything.
        !struck.is_dead && !is_forced && self.project.not_fresh().is_empty()
    }

    fn strike(&mut self, command: &'static str, arguments: &[&str], aims: &[(Aim, u64)]) -> Struck {
        let strike = Strike::choose(aims, &mut self.numbers);
        let struck = strike.at(&self.project, arguments);
        if struck.is_dead {
            *self.figures.kills.entry((command, strike.aim)).or_default() += 1;
        }
        struck
    }

    /// Checks the books after a kill.
    fn check(&mut self, is_over: bool) {
        let Audit { bought, in_doubt } =
            audit(&self.project, is_over).unwrap_or_else(|problem| panic!("{}: {problem}", self.place));
        assert!(self.kept.is_subset(&bought), "{}: replies were lost", self.place);
        self.kept = bought;
        *self.figures.in_doubt.entry(in_doubt).or_default() += 1;
    }

    /// Lets replies be forgotten that no revision came from, as long as the forgetting is killed.
    fn collect_replies(&mut self) {
        for _ in 0..6 {
            let struck = self.strike("gc --replies", COLLECT_REPLIES, &OF_COLLECTIONS);
            // What may be forgotten is; what the present revisions came from may not.
            self.kept = BTreeSet::new();
            self.check(true);
            if !struck.is_dead {
                return;
            }
        }
    }

    fn check_the_end(&mut self, expected: &BTreeMap<String, String>) {
        assert_eq!(artifacts(&self.project), *expected, "{}", self.place);
        assert_eq!(self.project.not_fresh(), [""; 0], "{}", self.place);
        assert_eq!(self.project.run_json(&[], 0)["calls"], 0, "{}", self.place);
        self.figures.idle_runs += 1;
    }
}
