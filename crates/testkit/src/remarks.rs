//! Remarks that are kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use refrain_core::ports::agent::Remarks;

/// Keeps every remark of an agent, in order.
#[derive(Debug, Default)]
pub struct RecordingRemarks {
    kept: Mutex<(Vec<String>, Vec<String>)>,
    starts: AtomicUsize,
}

impl RecordingRemarks {
    /// Returns remarks that are empty so far.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Returns the lines the agent said.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Returns how many programs were started.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// Returns the reasons of all restarts.
    #[must_use]
    pub fn restarts(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl Remarks for RecordingRemarks {
    fn say(&self, line: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.push(line.to_owned());
    }

    fn started(&self) {
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    fn restarted(&self, reason: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.push(reason.to_owned());
    }
}
