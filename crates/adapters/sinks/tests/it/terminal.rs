//! Bars.

use std::io;
use std::sync::{Arc, Mutex};

use indicatif::{ProgressDrawTarget, TermLike};
use refrain_core::ports::sink::{LogSink as _, ProgressSink};
use refrain_schemas::event::{EventKind, Level};
use refrain_schemas::name::Revision;
use refrain_schemas::report::PhaseStatus;
use refrain_sinks::TerminalSink;

use crate::events::{block_on, event, phase, progress};

/// A terminal that notes what is written to it.
#[derive(Debug, Clone, Default)]
struct Screen(Arc<Mutex<String>>);

impl Screen {
    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        60
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.write_str("\n")
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn terminal() -> (Screen, TerminalSink) {
    let screen = Screen::default();
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    (screen, TerminalSink::new(target, Level::Warn, false))
}

#[test]
fn a_phase_has_a_bar_and_then_a_line() {
    let (screen, sink) = terminal();
    block_on(sink.progress(&progress(1.0, vec![phase(None, 3)]))).unwrap();
    let bar = screen.take();
    assert!(bar.contains("translate@ja  903/1000  2.0/s"), "{bar:?}");
    assert_eq!(bar.chars().count() % 60, 0, "every drawing fits the width: {bar:?}");
    let done = progress(2.0, vec![phase(Some(PhaseStatus::Completed), 100)]);
    block_on(sink.progress(&done)).unwrap();
    let line = screen.take();
    assert!(line.contains("✓ translate@ja  1000 units (100 ran, 900 reused)  rev 2"), "{line:?}");
    block_on(sink.progress(&done)).unwrap();
    assert!(!screen.take().contains('✓'), "said once");
    block_on(ProgressSink::flush(&sink)).unwrap();
}

#[test]
fn phases_with_nothing_to_do_are_not_shown() {
    let (screen, sink) = terminal();
    let mut fresh = phase(Some(PhaseStatus::Fresh), 0);
    fresh.started = false;
    let mut waiting = phase(None, 0);
    waiting.started = false;
    block_on(sink.progress(&progress(1.0, vec![fresh, waiting]))).unwrap();
    assert_eq!(screen.take(), "");
}

#[test]
fn warnings_stand_above_the_bars() {
    let (screen, sink) = terminal();
    block_on(sink.progress(&progress(1.0, vec![phase(None, 3)]))).unwrap();
    screen.take();
    block_on(sink.log(&event(EventKind::PhaseFresh { revision: Revision(1) }))).unwrap();
    assert_eq!(screen.take(), "", "below the level");
    block_on(sink.log(&event(EventKind::StoreRecovered { message: "\u{1b}[2J".to_owned() }))).unwrap();
    let shown = screen.take();
    let (line, bar) = (shown.find("warn  store recovered: \\u{1b}[2J"), shown.find("translate@ja"));
    assert!(line.is_some() && line < bar, "{shown:?}");
}
