//! Every file of `valid/` is accepted; every file of `invalid/` is refused in the words of its snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use refrain_config::{parse, render_plain};
use refrain_core::check::code::Code;
use refrain_core::model::{Phase, Work};
use serde_json::Value;

use crate::fake::{FILES, load_with};

fn folder(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// `# set: name=value` in a file stands for `--set`.
fn sets(bytes: &[u8]) -> BTreeMap<String, Value> {
    let text = String::from_utf8_lossy(bytes);
    let sets = text.lines().filter_map(|line| line.strip_prefix("# set: ")?.split_once('='));
    sets.map(|(name, value)| (name.to_owned(), Value::String(value.to_owned()))).collect()
}

fn rendered(path: &Path, codes: &mut BTreeSet<String>) -> String {
    let bytes = std::fs::read(path).unwrap();
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let loaded = load_with(&bytes, &file, &sets(&bytes));
    assert_eq!(loaded.model.is_some(), !loaded.problems.iter().any(|p| p.code.starts_with('E')), "{file}");
    codes.extend(loaded.problems.iter().map(|problem| problem.code.clone()));
    assert!(loaded.problems.iter().all(|problem| problem.place.is_some()), "{file}");
    let sources = parse(&bytes, &file).sources_of(&loaded.problems, &FILES);
    render_plain(&loaded.problems, &sources, false)
}

#[test]
fn invalid_files_are_explained() {
    let mut codes = BTreeSet::new();
    let files = folder("invalid");
    assert!(files.len() >= 45, "{}", files.len());
    for path in &files {
        let text = rendered(path, &mut codes);
        let name = path.file_name().unwrap().to_string_lossy().replace('.', "_");
        assert!(!text.is_empty(), "{name} is accepted");
        assert!(!text.contains("CANARY"), "a secret is shown: {text}");
        insta::assert_snapshot!(name, text);
    }
    // `Shape` is what is left where the walker and the decoder disagree: no known file leads there. What a model says of a pipeline
    // is not known to who reads it.
    let untold = ["E0109", "W0828", "E0830", "W0831"];
    let unseen: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !codes.contains(*code) && !untold.contains(code))
        .collect();
    assert_eq!(unseen, Vec::<&str>::new(), "codes without an example");
}

#[test]
fn valid_files_are_accepted() {
    for path in folder("valid") {
        let text = rendered(&path, &mut BTreeSet::new());
        assert_eq!(text, "", "{}", path.display());
    }
}

/// Agents that ask nobody now and then are in the pools of those runs alone.
#[test]
fn agents_take_part_where_their_condition_says_so() {
    let bytes =
        std::fs::read(folder("valid").into_iter().find(|path| path.ends_with("agent-when.yaml")).unwrap());
    let bytes = bytes.unwrap();
    let pools = |models: &str| {
        let set = BTreeMap::from([("models".to_owned(), Value::from(models))]);
        let loaded = load_with(&bytes, "agent-when.yaml", &set);
        let pool = |phase: &Phase| match &phase.work {
            Work::Ask(work) => {
                work.pool.iter().map(|member| member.agent.to_string()).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        };
        let codes = loaded.problems.iter().map(|problem| problem.code.clone()).collect::<Vec<_>>();
        (loaded.model.map(|model| model.phases.iter().map(pool).collect::<Vec<_>>()), codes)
    };
    assert_eq!(pools("false"), (Some(["", "rules", "stand_in", "critic"].map(str::to_owned).into()), vec![]));
    assert_eq!(
        pools("true"),
        (None, vec!["E0331".to_owned(), "E0332".to_owned()]),
        "now it has to be paid for"
    );
}
