//! Bounded fuzzing of what comes back: whatever became of an export, there are edits or there is a word on what is wrong.

use refrain_testkit::fuzz;
use serde_json::json;

use super::formats::LINES;
use crate::project::TestProject;

const FILES: [&str; 5] =
    ["out/lines.csv", "out/lines.po", "out/lines.xlf", "out/lines.jsonl", "out/lines.rpy"];

/// A project with an export of each format.
fn exported() -> TestProject {
    let mut phases = json!({
        "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"records": "lines", "key": "id"}},
        "translate": {
            "units": {"of": "ingest"}, "agents": {"translator": 1},
            "output": {"records": "lines", "key": "id", "carry": {"source": "text"}},
        },
    });
    for (n, path) in FILES.iter().enumerate() {
        let params = match *path {
            "out/lines.po" | "out/lines.xlf" => {
                json!({"path": path, "language": "fr", "source_language": "en"})
            }
            "out/lines.rpy" => json!({"path": path, "language": "french"}),
            _ => json!({"path": path}),
        };
        phases[format!("export{n}")] =
            json!({"units": {"of": "translate"}, "agent": {"builtin": "write", "params": params}});
    }
    let agents = json!({"translator": {"command": ["fake_agent", "--upper"]}});
    let pipeline = json!({"refrain": 1, "name": "small", "agents": agents, "phases": phases});
    let project = TestProject::empty().file("refrain.json", &pipeline.to_string()).file("lines.csv", LINES);
    project.run_json(&[], 0);
    project
}

#[track_caller]
fn check(project: &TestProject, path: &str, bytes: &[u8]) {
    std::fs::write(project.path(path), bytes).unwrap();
    let output = project.run(&["edit", "import", path, "--dry-run", "--by", "ana"]);
    let text = String::from_utf8_lossy(bytes);
    match output.code {
        Some(0) => assert!(output.stdout.contains("nothing was recorded"), "{text:?}\n{}", output.stdout),
        Some(2) => {
            let is_told = output.stderr.contains(path) && !output.stderr.contains("panicked");
            assert!(is_told, "{text:?}\n{}", output.stderr);
        }
        code => panic!("{code:?} for {text:?}\n{}", output.stderr),
    }
}

#[test]
fn whatever_became_of_an_export_it_is_edits_or_told_of() {
    let project = exported();
    for path in FILES {
        let made = project.read(path).into_bytes();
        let (changed, any) = (fuzz::cases(fuzz::changed(made.clone()), 10), fuzz::cases(fuzz::bytes(), 2));
        assert!(changed.len() >= 10 && any.len() >= 2);
        changed.iter().chain(&any).for_each(|bytes| check(&project, path, bytes));
        let half = &made[..made.len() / 2];
        let other = [b"\xff\xfe".to_vec(), wide(&made)].concat();
        for odd in [
            b"".as_slice(),
            b"\xef\xbb\xbf",
            b"\0",
            half,
            &other,
            &[b"x".repeat(10 << 20), b"\n".to_vec()].concat(),
        ] {
            check(&project, path, odd);
        }
        std::fs::write(project.path(path), &made).unwrap();
    }
}

/// Returns a text as UTF-16.
fn wide(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).encode_utf16().flat_map(u16::to_le_bytes).collect()
}
