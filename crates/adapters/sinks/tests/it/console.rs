//! Plain lines.

use refrain_core::ports::sink::LogSink as _;
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::name::Revision;
use refrain_sinks::{ConsoleLog, TracingLog};

use crate::events::{Captured, block_on, event, every_kind, logged};

fn check(level: Level, colour: bool, kinds: Vec<EventKind>, expect: &str) {
    let out = Captured::default();
    let sink = ConsoleLog::new(Box::new(out.clone()), level, colour);
    for kind in kinds {
        block_on(sink.log(&event(kind))).unwrap();
    }
    block_on(sink.flush()).unwrap();
    assert_eq!(out.text(), expect);
}

#[test]
fn one_line_per_event_from_the_level_on() {
    let fresh = EventKind::PhaseFresh { revision: Revision(3) };
    let skipped = EventKind::StoreRecovered { message: "x".to_owned() };
    let both = || vec![fresh.clone(), skipped.clone()];
    let warned = "   1.500s warn  store recovered: x\n";
    check(
        Level::Info,
        false,
        both(),
        &format!("   1.500s info  translate@ja is fresh at revision 3\n{warned}"),
    );
    check(Level::Warn, false, both(), warned);
    let coloured = "\u{1b}[2m   1.500s\u{1b}[0m \u{1b}[33mwarn \u{1b}[0m store recovered: x\n";
    check(Level::Warn, true, both(), coloured);
}

#[test]
fn agents_cannot_touch_the_terminal() {
    let line = logged("\u{1b}]0;title\u{7}\u{1b}[2Jhello\r\nerror all is lost").kind;
    let shown = "critic: \\u{1b}]0;title\\u{7}\\u{1b}[2Jhello\\r\\nerror all is lost";
    check(Level::Info, false, vec![line], &format!("   1.500s info  {shown}\n"));
    let out = Captured::default();
    let sink = ConsoleLog::new(Box::new(out.clone()), Level::Debug, false);
    let kinds = every_kind("\u{1b}[31m\n");
    let count = kinds.len();
    kinds.into_iter().for_each(|kind| block_on(sink.log(&event(kind))).unwrap());
    assert_eq!(out.text().lines().count(), count, "one line each");
    assert!(!out.text().contains('\u{1b}'));
}

#[test]
fn embedding_programs_get_events_through_tracing() {
    use std::fmt::Write as _;
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};

    #[derive(Clone, Default)]
    struct Subscriber(Arc<Mutex<String>>);
    struct Fields<'a>(&'a mut String);
    impl Visit for Fields<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            write!(self.0, " {field}={value:?}").unwrap();
        }
    }
    impl tracing::Subscriber for Subscriber {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut text = self.0.lock().unwrap();
            write!(text, "{}", event.metadata().level()).unwrap();
            event.record(&mut Fields(&mut text));
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    let subscriber = Subscriber::default();
    tracing::subscriber::with_default(subscriber.clone(), || {
        let sink = TracingLog::new(Level::Warn);
        block_on(sink.log(&event(EventKind::PhaseFresh { revision: Revision(3) }))).unwrap();
        block_on(sink.log(&event(EventKind::StoreRecovered { message: "x".to_owned() }))).unwrap();
    });
    let text = subscriber.0.lock().unwrap().clone();
    assert!(
        text.starts_with("WARN message=store recovered: x event=\"store_recovered\" run_id=0192d4e0"),
        "{text}"
    );
    assert!(text.ends_with("phase=translate scope=ja data={\"message\":\"x\"}"), "{text}");
}
