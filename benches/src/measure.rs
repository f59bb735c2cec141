//! Measuring a process from inside.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::workload::Counted;

/// What one process consumed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU seconds, user and system, of all threads.
    pub(crate) cpu: f64,
    /// Wall seconds, without the start of the process.
    pub(crate) wall: f64,
    /// Peak resident memory in bytes.
    pub(crate) memory: u64,
    /// Bytes written below `.refrain/`.
    pub(crate) written: u64,
    /// What the scenario counted.
    pub(crate) counted: Counted,
}

/// Runs a scenario in a process of its own.
pub(crate) fn child(scenario: &str, dir: &Path, n: usize) -> Measured {
    let before = folder_size(&dir.join(".refrain"));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["child", scenario])
        .arg(dir)
        .arg(n.to_string())
        .output()
        .expect("the benchmark runs itself");
    assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).expect("a child prints what it measured");
    let number = |name: &str| value[name].as_u64().unwrap();
    let counted = Counted {
        asks: number("asks"),
        pages_read: number("pages_read"),
        pages_written: number("pages_written"),
        keys: number("keys"),
        entries: number("entries"),
        commits: number("commits"),
    };
    Measured {
        cpu: value["cpu"].as_f64().unwrap(),
        wall: value["wall"].as_f64().unwrap(),
        memory: number("memory"),
        written: folder_size(&dir.join(".refrain")).saturating_sub(before),
        counted,
    }
}

/// Prints what this process consumed, for its parent.
pub(crate) fn print_measured(counted: Counted, wall: f64) {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let Counted { asks, pages_read, pages_written, keys, entries, commits } = counted;
    println!(
        "{}",
        json!({ "cpu": cpu, "wall": wall, "memory": peak_memory(), "asks": asks, "pages_read": pages_read,
            "pages_written": pages_written, "keys": keys, "entries": entries, "commits": commits })
    );
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
