//! Ctrl-C: the first one lets calls in flight finish, the second one cancels them.

use refrain_core::engine::Control;
use tokio::task::JoinHandle;

use crate::output::complain;

const DRAINING: &str =
    "\ninterrupted: no new calls; finishing and keeping those in flight (Ctrl-C again cancels them)\n";
const ABORTING: &str =
    "\ninterrupted again: cancelling the calls in flight; replies that came back are kept\n";

/// Watches for Ctrl-C (and for `SIGTERM`, which counts as one) until dropped.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>);

impl Watch {
    /// Starts to watch; must be called inside a runtime.
    pub(crate) fn start(control: &Control) -> Self {
        let control = control.clone();
        Self(tokio::spawn(async move {
            let mut signals = Signals::new();
            signals.next().await;
            complain(DRAINING);
            control.drain.fire();
            signals.next().await;
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

/// The signals that mean "stop".
#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok(),
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        let Some(terminate) = &mut self.terminate else {
            return interrupt().await;
        };
        tokio::select! {
            () = interrupt() => {}
            _ = terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        interrupt().await;
    }
}

/// Waits for Ctrl-C; for ever where the system cannot tell.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
