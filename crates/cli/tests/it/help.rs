//! What `--help` teaches.

use crate::project::TestProject;

const COMMANDS: [&str; 26] = [
    "init",
    "check",
    "doctor",
    "plan",
    "run",
    "sim",
    "status",
    "why",
    "explain",
    "qc",
    "history",
    "show",
    "diff",
    "compare",
    "report",
    "logs",
    "ledger",
    "edit",
    "review",
    "accept",
    "answer",
    "gc",
    "tools",
    "schema",
    "convert",
    "completions",
];

/// The options of every command say the same everywhere; they are shown once.
fn own_part(help: &str) -> &str {
    let shared = help.find("Options of every command:").expect("the shared options are there");
    &help[..shared]
}

#[test]
fn help_of_every_command() {
    let project = TestProject::empty();
    let all = project.run(&["--help"]).expect(0);
    insta::assert_snapshot!("refrain", all.stdout);
    for command in COMMANDS {
        assert!(all.stdout.contains(&format!("\n  {command} ")), "{command} is listed");
        let help = project.run(&[command, "--help"]).expect(0).stdout;
        let examples = &help[help.find("Examples:").unwrap_or_else(|| panic!("{command} has no examples"))..];
        assert!(
            (2..=8).contains(&examples.lines().filter(|line| line.starts_with("  refrain ")).count()),
            "{help}"
        );
        for line in examples.lines().skip(1).filter(|line| !line.is_empty()) {
            assert!(line.starts_with("  refrain "), "an example of {command} is broken over lines: {line}");
        }
        insta::assert_snapshot!(command, format!("{}\n{examples}", own_part(&help)));
    }
}

/// Commands of commands.
const ACTIONS: [&str; 8] = [
    "edit import",
    "edit list",
    "edit set",
    "edit undo",
    "edit lock",
    "edit prefer",
    "review accept",
    "review keep",
];

#[test]
fn help_of_what_people_do() {
    let project = TestProject::empty();
    for action in ACTIONS {
        let words: Vec<&str> = action.split(' ').chain(["--help"]).collect();
        let help = project.run(&words).expect(0).stdout;
        let examples = &help[help.find("Examples:").unwrap_or_else(|| panic!("{action} has no examples"))..];
        insta::assert_snapshot!(action.replace(' ', "_"), format!("{}\n{examples}", own_part(&help)));
    }
}

#[test]
fn short_help_is_short() {
    let help = TestProject::empty().run(&["run", "-h"]).expect(0).stdout;
    assert!(help.lines().count() < 60, "{help}");
}
