//! One case: what is in its folder, and what is wrong with what the binary does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::normal;

/// The longest that anything may take.
const GUARD: Duration = Duration::from_secs(60);

pub(crate) struct Case {
    pub(crate) name: String,
    folder: PathBuf,
    expect: Map<String, Value>,
    args: Vec<String>,
    /// Whether nothing but what is expected may be written.
    is_exact: bool,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Self {
        let given = object(&folder.join("expect.json"));
        let ours =
            if folder.join("ours.json").exists() { object(&folder.join("ours.json")) } else { Map::new() };
        let verdict = given["verdict"].as_str().unwrap().to_owned();
        let args = given.get("args").and_then(Value::as_array).into_iter().flatten();
        let args = args.map(|arg| arg.as_str().unwrap().to_owned()).collect();
        let is_ours = matches!(verdict.as_str(), "differ" | "decide");
        let mut expect = if is_ours { Map::new() } else { given };
        expect.extend(ours);
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            folder: folder.to_owned(),
            expect,
            args,
            is_exact: verdict == "same",
        }
    }

    /// Runs the case and returns everything that is wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let place = self.staged();
        let began = Instant::now();
        let run = self.binary(place.path(), &["run", "--json", "--no-input", "--quiet"]);
        let took = began.elapsed();
        let mut wrong = Vec::new();
        self.exit(&run, &mut wrong);
        if let Some(most) = self.expect.get("seconds").and_then(Value::as_f64)
            && took.as_secs_f64() > most
        {
            wrong.push(format!("took {took:?}"));
        }
        let stderr = String::from_utf8_lossy(&run.stderr).into_owned();
        self.document(&run, &mut wrong);
        self.files(place.path(), &mut wrong);
        self.agrees(&mut wrong);
        if !wrong.is_empty() && !stderr.trim().is_empty() {
            wrong.push(format!("stderr: {}", stderr.trim().replace('\n', "\n    ")));
        }
        wrong
    }

    /// Converts the case, runs what comes of it, and returns everything that is wrong.
    pub(crate) fn wrong_converted(&self) -> Vec<String> {
        let place = self.staged();
        let converted = self.binary(place.path(), &["convert"]);
        let is_refused = self.expect["run_exit"] == 2;
        if is_refused || converted.status.code() != Some(0) {
            let agrees = is_refused && converted.status.code() == Some(2);
            let told = || format!("`convert`: {}", String::from_utf8_lossy(&converted.stderr));
            return if agrees { Vec::new() } else { vec![told()] };
        }
        fs::remove_file(place.path().join("pipeline.yaml")).unwrap();
        fs::write(place.path().join("refrain.yaml"), &converted.stdout).unwrap();
        let run = self.file_of(place.path(), "refrain.yaml", &["run", "--json", "--no-input", "--quiet"]);
        let mut wrong = Vec::new();
        self.exit(&run, &mut wrong);
        let document: Value = serde_json::from_slice(&run.stdout).unwrap_or_default();
        let ours = normal::document(document.get("outputs").unwrap_or(&Value::Object(Map::new())));
        if let Some(wanted) = self.expect.get("outputs").map(normal::document)
            && ours != wanted
        {
            wrong.push(format!("outputs are {ours}, not {wanted}"));
        }
        self.files(place.path(), &mut wrong);
        if !wrong.is_empty() {
            wrong.push(format!("stderr: {}", String::from_utf8_lossy(&run.stderr).trim()));
        }
        wrong
    }

    /// Puts everything that the case is given into a folder of its own.
    fn staged(&self) -> TempDir {
        let place = tempfile::tempdir().unwrap();
        fs::copy(self.folder.join("pipeline.yaml"), place.path().join("pipeline.yaml")).unwrap();
        for (path, bytes) in files_of(&self.folder.join("inputs")) {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        place
    }

    fn binary(&self, place: &Path, words: &[&str]) -> Output {
        self.file_of(place, "pipeline.yaml", words)
    }

    fn file_of(&self, place: &Path, file: &str, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
        command.args(["-f", file]).args(words).args(&self.args);
        command.current_dir(place).env_clear().env("PATH", std::env::var("PATH").unwrap());
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let began = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(began.elapsed() < GUARD, "{} took too long", self.name);
        output
    }

    fn exit(&self, run: &Output, wrong: &mut Vec<String>) {
        let wanted = self.expect["run_exit"].as_i64();
        if run.status.code().map(i64::from) != wanted {
            wrong.push(format!("exit code {:?}, not {wanted:?}", run.status.code()));
        }
    }

    fn document(&self, run: &Output, wrong: &mut Vec<String>) {
        let fields = ["status", "success", "steps", "outputs"];
        if !fields.iter().any(|field| self.expect.contains_key(*field)) {
            return;
        }
        let document: Value = match serde_json::from_slice(&run.stdout) {
            Ok(document) => document,
            Err(error) => return wrong.push(format!("no result document: {error}")),
        };
        for field in ["status", "success"] {
            if let Some(wanted) = self.expect.get(field)
                && document[field] != *wanted
            {
                wrong.push(format!("{field} is {}, not {wanted}", document[field]));
            }
        }
        if let Some(wanted) = self.expect.get("steps") {
            self.steps(&document, wanted, wrong);
        }
        if let Some(wanted) = self.expect.get("outputs") {
            let ours = normal::document(&document["outputs"]);
            if ours != normal::document(wanted) {
                wrong.push(format!("outputs are {ours}, not {wanted}"));
            }
        }
    }

    fn steps(&self, document: &Value, wanted: &Value, wrong: &mut Vec<String>) {
        let ours = document["steps"].as_object().cloned().unwrap_or_default();
        let short = |step: &Value| {
            Value::from(
                vec![&step["status"], &step["success"], &step["retries"]]
                    .into_iter()
                    .cloned()
                    .collect::<Vec<_>>(),
            )
        };
        let ours: BTreeMap<&String, (Value, &Value)> =
            ours.iter().map(|(id, step)| (id, (short(step), &step["error"]))).collect();
        let wanted = wanted.as_object().unwrap();
        for (id, (ours, error)) in &ours {
            match wanted.get(*id) {
                Some(wanted) if wanted == ours => {}
                Some(wanted) => wrong.push(format!("step {id} is {ours}, not {wanted}: {error}")),
                None => wrong.push(format!("step {id} should not be there")),
            }
        }
        let missing = wanted.keys().filter(|id| !ours.contains_key(id));
        wrong.extend(missing.map(|id| format!("step {id} is missing")));
    }

    fn files(&self, place: &Path, wrong: &mut Vec<String>) {
        let mut wanted = files_of(&self.folder.join("files"));
        let listed = self.expect.get("files").and_then(Value::as_object).into_iter().flatten();
        wanted.extend(listed.map(|(path, text)| (path.clone(), text.as_str().unwrap().as_bytes().to_vec())));
        for (path, bytes) in &wanted {
            match fs::read(place.join(path)) {
                Err(_) => wrong.push(format!("{path} is not there")),
                Ok(ours) => self.file(path, &ours, bytes, wrong),
            }
        }
        for path in self.expect.get("absent").and_then(Value::as_array).into_iter().flatten() {
            if place.join(path.as_str().unwrap()).exists() {
                wrong.push(format!("{path} is there"));
            }
        }
        let more = files_of(&place.join("out")).into_keys().map(|path| format!("out/{path}"));
        if self.is_exact && !wanted.is_empty() {
            wrong.extend(
                more.filter(|path| !wanted.contains_key(path)).map(|path| format!("{path} is there")),
            );
        }
    }

    fn file(&self, path: &str, ours: &[u8], wanted: &[u8], wrong: &mut Vec<String>) {
        let ours = String::from_utf8_lossy(ours);
        let wanted = String::from_utf8_lossy(wanted);
        let ours = if wanted.contains("<TS>") { normal::times(&ours) } else { ours.into_owned() };
        if ours != wanted {
            wrong.push(format!("{path} is {ours:?}, not {wanted:?}"));
        }
    }

    /// `check` MUST agree with `run` about whether the file is right.
    fn agrees(&self, wrong: &mut Vec<String>) {
        let place = self.staged();
        let check = self.binary(place.path(), &["check", "--json"]);
        let is_refused = check.status.code() == Some(2);
        if is_refused != (self.expect["run_exit"] == 2) {
            wrong.push(format!("`check` ends with {:?}", check.status.code()));
        }
        let report: Value = serde_json::from_slice(&check.stdout).unwrap_or_default();
        let stdout = String::from_utf8_lossy(&check.stdout);
        if let Some(text) = self.expect.get("stderr").and_then(Value::as_str)
            && !stdout.contains(text)
        {
            wrong.push(format!("`check` does not say {text:?}: {stdout}"));
        }
        let Some([code, line @ ..]) = self.expect.get("problem").and_then(Value::as_array).map(Vec::as_slice)
        else {
            return;
        };
        let problems = report["problems"].as_array().cloned().unwrap_or_default();
        let is_it = |problem: &&Value| {
            problem["code"] == *code && line.first().is_none_or(|line| problem["place"]["line"] == *line)
        };
        if problems.iter().find(is_it).is_none() {
            wrong.push(format!("`check` does not find {code} {line:?}: {stdout}"));
        }
    }
}

fn object(path: &Path) -> Map<String, Value> {
    serde_json::from_slice(&fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files in a folder by their path in it.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}
