//! Finding the processes of a run that left its group.

use std::fs;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The variable that every process of a run has.
pub(crate) const MARK: &str = "REFRAIN_TOOL_RUN";
/// How often is looked for more.
const ROUNDS: usize = 3;

/// Kills every process whose environment has the mark of a run, where the system shows environments.
pub(crate) fn sweep(mark: &str) {
    let entry = format!("{MARK}={mark}").into_bytes();
    for _ in 0..ROUNDS {
        let found: Vec<Pid> = marked(&entry).collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
    }
}

fn marked(entry: &[u8]) -> impl Iterator<Item = Pid> {
    with_variable(move |variable| variable == entry)
}

fn with_variable(is_it: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(process.path().join("environ")).ok()?;
        let is_marked = environment.split(|byte| *byte == 0).any(&is_it);
        if is_marked { Pid::from_raw(pid) } else { None }
    })
}

/// Kills the processes that others started for a project, with their groups; returns how many there were. What has ended has no
/// environment any more.
pub(crate) fn sweep_others(project: &str, own: &str) -> usize {
    let (all, own) =
        (format!("{MARK}={project}-").into_bytes(), format!("{MARK}={project}-{own}-").into_bytes());
    let others: Vec<Pid> =
        with_variable(|variable| variable.starts_with(&all) && !variable.starts_with(&own)).collect();
    for pid in &others {
        // Whoever leads a group has its number; what of the group hides its environment goes with it.
        let _no_leader = kill_process_group(*pid, Signal::KILL);
        let _gone_already = kill_process(*pid, Signal::KILL);
    }
    others.len()
}
