//! Ctrl-C: the first one lets calls in flight finish, the second one cancels them; so does the end of the terminal.

use refrain_core::engine::Control;
use tokio::task::JoinHandle;

use crate::output::complain;

const DRAINING: &str =
    "\ninterrupted: no new calls; finishing and keeping those in flight (Ctrl-C again cancels them)\n";
const ABORTING: &str =
    "\ninterrupted again: cancelling the calls in flight; replies that came back are kept\n";

/// Watches for Ctrl-C (and for `SIGTERM`, which counts as one) until dropped. Where the terminal is gone, nobody waits for
/// what is in flight, and the programs that were started are not to outlive it.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Watch {
    /// Starts to watch; must be called inside a runtime.
    pub(crate) fn start(control: &Control) -> Self {
        let control = control.clone();
        Self(tokio::spawn(async move {
            let mut signals = Signals::new();
            if signals.next().await == Signal::Stop {
                complain(DRAINING);
                control.drain.fire();
                signals.next().await;
            }
            complain(ABORTING);
            control.abort.fire();
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until somebody wants the command to end; from the first time it is polled on, that does not end the process.
pub(crate) async fn wished() {
    Signals::new().next().await;
}

/// What a signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// Somebody wants the command to end.
    Stop,
    /// The terminal is gone.
    HungUp,
}

/// The signals that mean "stop".
#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = (!ignores_hanging_up()).then(|| signal(SignalKind::hangup()).ok()).flatten();
        Self { terminate: signal(SignalKind::terminate()).ok(), hang_up }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = interrupt() => Signal::Stop,
            () = received(self.terminate.as_mut()) => Signal::Stop,
            () = received(self.hang_up.as_mut()) => Signal::HungUp,
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        interrupt().await;
        Signal::Stop
    }
}

/// Whether somebody said that this process is to outlive its terminal, as `nohup` does. Where the system does not tell,
/// nothing is watched for.
#[cfg(unix)]
fn ignores_hanging_up() -> bool {
    const HANG_UP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & HANG_UP != 0)
}

#[cfg(unix)]
async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Waits for Ctrl-C; for ever where the system cannot tell.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
