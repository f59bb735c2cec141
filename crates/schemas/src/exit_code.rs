//! The exit codes of the `refrain` command; they are never renumbered.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything that was asked for is done.
    Ok = 0,
    /// A unit or a phase failed.
    Failed = 1,
    /// The command line or the pipeline is wrong.
    Usage = 2,
    /// A ceiling on calls or money stopped the run.
    Budget = 3,
    /// Credentials are missing or wrong.
    Credentials = 4,
    /// A gate said no.
    Gate = 5,
    /// The run waits for a person.
    Waiting = 6,
    /// Another process holds the project.
    Held = 7,
    /// A phase lacks something it needs.
    Blocked = 8,
    /// The store or a file failed.
    Store = 9,
    /// `plan --detailed-exitcode`: there is something to do.
    Changes = 10,
    /// `--offline` missed, or a plan has drifted.
    Drift = 11,
    /// Ctrl-C.
    Interrupted = 130,
}

/// From the strongest to the weakest; where several codes apply, the first of these is the one.
pub const PRECEDENCE: [ExitCode; 10] = [
    ExitCode::Interrupted,
    ExitCode::Store,
    ExitCode::Held,
    ExitCode::Credentials,
    ExitCode::Drift,
    ExitCode::Budget,
    ExitCode::Failed,
    ExitCode::Gate,
    ExitCode::Blocked,
    ExitCode::Waiting,
];

impl ExitCode {
    /// Returns the stronger of two codes.
    #[must_use]
    pub fn stronger(self, other: Self) -> Self {
        PRECEDENCE.into_iter().find(|code| *code == self || *code == other).unwrap_or(self)
    }

    /// Returns the number that the process exits with.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_code_wins() {
        assert_eq!(ExitCode::Failed.stronger(ExitCode::Budget), ExitCode::Budget);
        assert_eq!(ExitCode::Ok.stronger(ExitCode::Waiting), ExitCode::Waiting);
        assert_eq!(ExitCode::Interrupted.stronger(ExitCode::Store), ExitCode::Interrupted);
        assert_eq!(ExitCode::Ok.stronger(ExitCode::Ok), ExitCode::Ok);
    }
}
