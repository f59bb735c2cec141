//! Who writes to the project, for the lock and the history.

use std::ffi::OsString;

use refrain_schemas::status::Holder;
use refrain_schemas::time::Timestamp;

/// Returns this process as the holder of the project.
pub(crate) fn this_process(since: Timestamp) -> Holder {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Holder { pid: std::process::id(), host, command: command_line(std::env::args_os()), since }
}

/// Returns the command line without the values of `--set`, which may be secrets.
fn command_line(arguments: impl Iterator<Item = OsString>) -> String {
    let mut words = vec!["refrain".to_owned()];
    let mut is_set = false;
    for argument in arguments.skip(1) {
        let word = argument.to_string_lossy();
        if is_set {
            words.push(without_value(&word));
        } else if let Some(assignment) = word.strip_prefix("--set=") {
            words.push(format!("--set={}", without_value(assignment)));
        } else {
            words.push(word.clone().into_owned());
        }
        is_set = !is_set && word == "--set";
    }
    words.join(" ")
}

fn without_value(assignment: &str) -> String {
    let name = assignment.split('=').next().unwrap_or_default();
    format!("{name}=…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secret_are_left_out() {
        let words =
            ["/bin/refrain", "run", "--set", "token=abc=d", "--set=key=xyz", "qa@ja", "--set", "--set"];
        let line = command_line(words.into_iter().map(OsString::from));
        assert_eq!(line, "refrain run --set token=… --set=key=… qa@ja --set --set=…");
        assert!(!line.contains("abc") && !line.contains("xyz"));
    }
}
