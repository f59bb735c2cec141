//! What a run costs: the workload W(N) beside the floor, each scenario in a process of its own.
//!
//! W(N) is N lines in scenes of 20: ingest, context (one unit per scene), translate (one unit per line, reads its
//! scene's context), qa (one unit per line), export; agents that do nothing, 64 clones, 2N + N/20 units, everything
//! durable against `kill -9`. Figures are CPU time (user and system) of the whole process, since wall time says little
//! on shared machines. `REFRAIN_BENCH_N` sets N (100000).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reports and gives up"
)]

mod floor;
mod measure;
mod report;
mod workload;

use std::path::Path;

use measure::{Measured, child, print_measured};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", scenario, dir, n] => run_child(scenario, Path::new(dir), n.parse().expect("a number")),
        _ => parent(),
    }
}

fn run_child(scenario: &str, dir: &Path, n: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let counted = runtime.block_on(async {
        match scenario {
            "files" => workload::files_only(dir).await,
            "append" => floor::append_and_sync(dir, n),
            "fan-out" => floor::fan_out(n).await,
            "hash" => floor::hash(n),
            _ => workload::run(dir).await,
        }
    });
    print_measured(counted);
}

fn parent() {
    let n: usize = std::env::var("REFRAIN_BENCH_N").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let dir = tempfile::tempdir().unwrap();
    workload::write_sources(dir.path(), n);
    let units = 2 * n + n.div_ceil(20);
    let run = |scenario: &str, count: usize| -> Measured { child(scenario, dir.path(), count) };
    let files = run("files", n);
    let cold = run("cold", n);
    let no_op = run("no-op", n);
    workload::edit_line(dir.path(), n / 2);
    let edit = run("edit", n);
    let again = run("no-op", n);
    workload::edit_prompt(dir.path());
    let prompt = run("prompt", n);
    let floors =
        [("append", run("append", units)), ("fan-out", run("fan-out", units)), ("hash", run("hash", units))];
    let text = report::report(
        n,
        units,
        &files,
        &[
            ("cold", cold),
            ("no-op", no_op),
            ("one line edited", edit),
            ("no-op again", again),
            ("agent changed", prompt),
        ],
        &floors,
    );
    println!("{text}");
    if let Ok(path) = std::env::var("REFRAIN_BENCH_REPORT") {
        std::fs::write(path, text).unwrap();
    }
}
