//! A process group and its leader.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The group that a process leads.
///
/// The leader MUST NOT be reaped before the group is killed for the last time: a zombie still holds the group's
/// number, so the number cannot have passed to strangers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group(Pid);

impl Group {
    /// Returns the group led by a process that was started as a leader and has not been reaped.
    pub(crate) fn led_by(pid: u32) -> Option<Self> {
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(Self)
    }

    /// Kills every process of the group. One that is gone already is fine.
    pub(crate) fn kill(self) {
        let _gone_already = kill_process_group(self.0, Signal::KILL);
    }

    /// Whether the leader has ended; it is left unreaped.
    pub(crate) fn leader_ended(self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        // An error means that there is no such child any more.
        !matches!(waitid(WaitId::Pid(self.0), options), Ok(None))
    }
}
