//! Secrets never reach a sink.

use refrain_core::ports::sink::{LogSink as _, ProgressSink as _};
use refrain_core::redactor::Redactor;
use refrain_schemas::event::Level;
use refrain_sinks::{ConsoleLog, JsonlLog, JsonlProgress, Redacting};

use crate::events::{Captured, block_on, event, every_kind, phase, progress, scope};

const SECRET: &str = "sk-\"12\u{e9}34";

fn secrets() -> Redactor {
    Redactor::new([SECRET.to_owned()])
}

#[test]
fn no_event_carries_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let out = Captured::default();
    let console = Redacting::new(secrets(), ConsoleLog::new(Box::new(out.clone()), Level::Debug, false));
    let file = Redacting::new(secrets(), JsonlLog::create(&path, Level::Debug).unwrap());
    for kind in every_kind(&format!("before {SECRET} after")) {
        let mut event = event(kind);
        event.scope = Some(scope(SECRET));
        block_on(console.log(&event)).unwrap();
        block_on(file.log(&event)).unwrap();
    }
    block_on(file.flush()).unwrap();
    for text in [out.text(), std::fs::read_to_string(path).unwrap()] {
        assert!(!text.contains("12\u{e9}34"), "{text}");
        assert!(text.contains("before [redacted] after"));
    }
}

#[test]
fn no_progress_carries_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("progress.jsonl");
    let sink = Redacting::new(secrets(), JsonlProgress::create(&path).unwrap());
    let mut phase = phase(None, 1);
    phase.scope = scope(SECRET);
    block_on(sink.progress(&progress(0.0, vec![phase]))).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("[redacted]") && !text.contains("12\u{e9}34"));
}
