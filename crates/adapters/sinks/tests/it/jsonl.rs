//! The files of a run, written and read.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use refrain_core::ports::clock::Clock;
use refrain_core::ports::sink::{LogSink as _, ProgressSink as _};
use refrain_schemas::catalogue::documents;
use refrain_schemas::event::{EventKind, Level, RunEnded};
use refrain_schemas::log_line::LogLine;
use refrain_schemas::progress::RunProgress;
use refrain_schemas::report::{PhaseStatus, UnitCounts};
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;
use refrain_sinks::log_file::{Follow, LogFileError, ends_run, last_progress, read_log};
use refrain_sinks::log_folder::LogFolder;
use refrain_sinks::{JsonlLog, JsonlProgress};

use crate::events::{block_on, event, every_kind, logged, phase, progress, run_id};

#[test]
fn after_a_flush_every_line_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/log.jsonl");
    let sink = JsonlLog::create(&path, Level::Info).unwrap();
    block_on(async {
        for n in 0..100_000 {
            sink.log(&logged(&n.to_string())).await.unwrap();
        }
        sink.flush().await.unwrap();
    });
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 100_000);
    assert!(text.lines().next_back().unwrap().contains("\"line\":\"99999\""), "in order");
    block_on(sink.flush()).unwrap();
}

#[test]
fn a_sink_that_is_dropped_has_written_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let sink = JsonlLog::create(&path, Level::Info).unwrap();
    for n in 0..20_000 {
        block_on(sink.log(&logged(&n.to_string()))).unwrap();
    }
    drop(sink);
    assert_eq!(read_log(&path).unwrap().count(), 20_000);
}

#[test]
fn lines_have_exactly_the_keys_of_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let sink = JsonlLog::create(&path, Level::Debug).unwrap();
    let kinds = every_kind("x");
    kinds.iter().for_each(|kind| block_on(sink.log(&event(kind.clone()))).unwrap());
    block_on(sink.flush()).unwrap();
    let schema = |name: &str| {
        let document = documents().into_iter().find(|document| document.name == name).unwrap();
        jsonschema::validator_for(document.schema.as_value()).unwrap()
    };
    let (line_schema, event_schema) = (schema("log-line"), schema("event"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), kinds.len());
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line_schema.is_valid(&value), "{line}");
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        let mut expect = ["timestamp", "level", "event", "run_id", "phase", "scope", "message", "data"];
        expect.sort_unstable();
        assert_eq!(keys.len(), expect.len(), "{line}");
        assert!(keys.iter().all(|key| expect.contains(&key.as_str())), "{line}");
        let tagged = serde_json::json!({ value["event"].as_str().unwrap(): value["data"] });
        assert!(event_schema.is_valid(&tagged), "{line}");
    }
    assert!(!line_schema.is_valid(&serde_json::json!({})));
}

#[test]
fn events_below_the_level_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let sink = JsonlLog::create(&path, Level::Warn).unwrap();
    every_kind("x").into_iter().for_each(|kind| block_on(sink.log(&event(kind))).unwrap());
    block_on(sink.flush()).unwrap();
    let lines: Vec<LogLine> = read_log(&path).unwrap().map(Result::unwrap).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.level >= Level::Warn));
}

#[test]
fn a_log_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(JsonlLog::create(folder.path().join("file/log.jsonl"), Level::Info).is_err());
    assert!(JsonlProgress::create(folder.path()).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_by_the_next_call() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let sink = JsonlLog::to(full, "/dev/full".to_owned(), Level::Info);
    block_on(sink.log(&logged("x"))).unwrap();
    let error = block_on(sink.flush()).unwrap_err();
    assert!(error.to_string().starts_with("failed to write to /dev/full: "), "{error}");
}

#[test]
fn a_torn_last_line_is_left_out_and_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let good = serde_json::to_string(&LogLine::of(&logged("x"))).unwrap();
    std::fs::write(&path, format!("{good}\nnonsense\n{good}\n{}", &good[..40])).unwrap();
    let lines: Vec<_> = read_log(&path).unwrap().collect();
    assert_eq!(lines.len(), 3);
    assert!(matches!(&lines[1], Err(LogFileError::Line { line: 2, .. })));
    assert!(lines[0].is_ok() && lines[2].is_ok());
    assert!(matches!(read_log(folder.path().join("none")), Err(LogFileError::Io { .. })));
}

/// A clock that appends to a file instead of waiting.
#[derive(Debug)]
struct Growing(Mutex<(std::fs::File, Vec<String>)>);

#[async_trait]
impl Clock for Growing {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        let (file, parts) = &mut *self.0.lock().unwrap();
        let part = parts.pop().unwrap_or_else(|| panic!("polled in vain"));
        file.write_all(part.as_bytes()).unwrap();
    }
}

#[test]
fn a_growing_log_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let line = |text: &str| format!("{}\n", serde_json::to_string(&LogLine::of(&logged(text))).unwrap());
    let end =
        EventKind::RunFailed(RunEnded { calls: 0, units: UnitCounts::default(), usage: Usage::default() });
    let last = format!("{}\n", serde_json::to_string(&LogLine::of(&event(end))).unwrap());
    std::fs::write(&path, line("a")).unwrap();
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    let (b, c) = (line("é"), line("c"));
    let cut = b.find('é').unwrap() + 1;
    // Pieces come from the end of the list; the first one ends in the middle of a character.
    let mut rest = b.as_bytes()[cut..].to_vec();
    rest.extend_from_slice(c.as_bytes());
    file.try_clone().unwrap().write_all(&b.as_bytes()[..cut]).unwrap();
    let mut follow = Follow::open(&path).unwrap();
    assert_eq!(follow.poll().unwrap().len(), 1);
    assert!(follow.poll().unwrap().is_empty());
    file.try_clone().unwrap().write_all(&rest).unwrap();
    let messages: Vec<String> = follow.poll().unwrap().into_iter().map(|line| line.message).collect();
    assert_eq!(messages, ["critic: é", "critic: c"]);
    let clock = Growing(Mutex::new((file, vec![last[10..].to_owned(), last[..10].to_owned()])));
    let lines = block_on(follow.next(&clock)).unwrap();
    assert!(lines.len() == 1 && ends_run(&lines[0]));
    assert!(!ends_run(&LogLine::of(&event(EventKind::RunPlanned { targets: vec![] }))));
}

#[test]
fn progress_is_written_when_something_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.jsonl");
    let sink = JsonlProgress::create(&path).unwrap();
    let states = [
        (0.0, None, 1),
        (0.5, None, 1), // Nothing but time.
        (1.0, None, 2),
        (1.1, None, 3), // Too soon.
        (1.15, Some(PhaseStatus::Completed), 4),
        (1.2, Some(PhaseStatus::Completed), 5), // Too soon, but the last.
    ];
    for (elapsed, status, ran) in states {
        block_on(sink.progress(&progress(elapsed, vec![phase(status, ran)]))).unwrap();
    }
    let ran = || -> Vec<u64> {
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<RunProgress>(line).unwrap().phases[0].units.ran)
            .collect()
    };
    assert_eq!(ran(), [1, 2, 4]);
    block_on(sink.flush()).unwrap();
    block_on(sink.flush()).unwrap();
    assert_eq!(ran(), [1, 2, 4, 5]);
}

/// Each line has all phases: a line for each of a thousand that ends would be a square.
#[test]
fn many_phases_that_end_make_few_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.jsonl");
    let sink = JsonlProgress::create(&path).unwrap();
    for n in 0..=1_000 {
        let phases = (0..1_000).map(|no| phase((no < n).then_some(PhaseStatus::Completed), 1)).collect();
        block_on(sink.progress(&progress(n as f64 / 100.0, phases))).unwrap();
    }
    block_on(sink.flush()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 6, "one in two seconds");
    let last: RunProgress = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(last.phases.iter().all(|phase| phase.status == Some(PhaseStatus::Completed)));
}

#[test]
fn the_last_progress_is_found_from_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.jsonl");
    let line = |elapsed: f64, phases: usize| {
        let progress = progress(elapsed, vec![phase(None, 1); phases]);
        format!("{}\n", serde_json::to_string(&progress).unwrap())
    };
    let check = |contents: &str, expect: Option<f64>| {
        std::fs::write(&path, contents).unwrap();
        assert_eq!(last_progress(&path).unwrap().map(|progress| progress.elapsed_seconds), expect);
    };
    check("", None);
    check("{\"torn", None);
    check(&line(1.0, 1), Some(1.0));
    check(&format!("{}{}{{\"torn", line(1.0, 1), line(2.0, 1)), Some(2.0));
    let large = line(2.0, 2_000);
    assert!(large.len() > 1 << 18, "longer than what is read at first");
    check(&format!("{}{large}{}", line(1.0, 1), &large[..large.len() - 5]), Some(2.0));
    check(&format!("{}{}", line(1.0, 1).repeat(3_000), line(3.0, 1)), Some(3.0));
    assert!(last_progress(folder.path().join("none")).is_err());
}

#[test]
fn runs_are_listed_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let logs = LogFolder::new(folder.path());
    assert_eq!(logs.runs().unwrap(), []);
    let newer = "0192d4e1-0000-7000-8000-000000000000".parse().unwrap();
    for run in [newer, run_id()] {
        JsonlLog::create(logs.log(run), Level::Info).unwrap();
        JsonlProgress::create(logs.progress(run)).unwrap();
    }
    std::fs::write(folder.path().join("logs/other.txt"), "").unwrap();
    assert_eq!(logs.runs().unwrap(), [run_id(), newer]);
}
