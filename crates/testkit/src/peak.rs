//! How much memory a program takes.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// How long is waited between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for a program to end; returns how, and the most memory it had in bytes, itself and not its children. Where
/// nobody tells, 0.
///
/// # Errors
/// Fails where the program cannot be waited for.
pub fn wait(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    let mut peak = 0;
    loop {
        // The figure never falls, so the last look is the one that counts.
        peak = peak.max(high_water(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        std::thread::sleep(PAUSE);
    }
}

fn high_water(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
