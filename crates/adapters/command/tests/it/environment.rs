//! What agents see of the machine.

use std::collections::BTreeSet;
use std::path::Path;

use refrain_core::ports::secrets::ALWAYS_PASSED;
use refrain_schemas::agent_spec::AgentSpec;
use refrain_schemas::failure::FailureKind;

use crate::world::World;

/// Answers with its environment and its folder.
const SCRIPT: &str = r#"
read line; id=${line#*\"call\":\"}; id=${id%%\"*}
seen=$(env | sort | tr '\n' '|' | tr -d '"\\')
printf '{"call":"%s","units":[{"id":"a","output":"%s"}]}\n' "$id" "$seen@$(pwd -P)"
"#;

fn asked(env: &[&str], cwd: Option<&str>) -> AgentSpec {
    let command = ["sh", "-c", SCRIPT].map(str::to_owned).to_vec();
    AgentSpec {
        command: Some(command),
        env: env.iter().map(|&entry| entry.to_owned()).collect(),
        cwd: cwd.map(str::to_owned),
        oneshot: true,
        ..AgentSpec::default()
    }
}

/// Returns the variables that an agent sees, and its folder.
async fn seen(folder: &Path, spec: AgentSpec) -> (BTreeSet<String>, String) {
    let reply = World::made(folder, spec).ask(1).await.unwrap();
    let output: String = reply.units[0].result.as_ref().unwrap().read().unwrap();
    let (variables, folder) = output.rsplit_once('@').unwrap();
    (variables.split('|').filter(|line| line.contains('=')).map(str::to_owned).collect(), folder.to_owned())
}

#[tokio::test]
async fn an_agent_sees_what_is_always_passed_and_what_its_spec_lists() {
    let (variables, _) = seen(Path::new("/"), asked(&["API_KEY", "MODE=a b"], None)).await;
    assert!(variables.contains("API_KEY=the-key") && variables.contains("MODE=a b"), "{variables:?}");
    // A shell makes these itself.
    let own = ["PWD", "OLDPWD", "SHLVL", "_"];
    let strange: Vec<&str> = variables
        .iter()
        .map(|variable| variable.split('=').next().unwrap())
        .filter(|name| !ALWAYS_PASSED.contains(name) && !own.contains(name))
        .collect();
    assert_eq!(strange, ["API_KEY", "MODE"]);
    // Cargo sets this for tests, so that there was something to keep out.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
}

#[tokio::test]
async fn a_missing_variable_is_named_and_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = asked(&["REFRAIN_TEST_MISSING"], None);
    spec.command = Some(["sh", "-c", "touch started"].map(str::to_owned).to_vec());
    let error = World::made(folder.path(), spec).ask(1).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Credentials);
    assert!(error.message.contains("`REFRAIN_TEST_MISSING`"), "{error}");
    assert!(!folder.path().join("started").exists());
}

#[tokio::test]
async fn an_agent_runs_in_its_own_folder() {
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().join("agents");
    std::fs::create_dir(&folder).unwrap();
    let (_, seen_folder) = seen(project.path(), asked(&[], Some("agents"))).await;
    assert_eq!(Path::new(&seen_folder), folder.canonicalize().unwrap());

    let script = folder.join("run.sh");
    std::fs::write(&script, format!("#!/bin/sh\n{SCRIPT}")).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut spec = asked(&[], Some("agents"));
    spec.command = Some(vec!["./run.sh".to_owned()]);
    let (_, seen_folder) = seen(project.path(), spec).await;
    assert_eq!(Path::new(&seen_folder), folder.canonicalize().unwrap());
}
