//! Programs that tools run.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use refrain_command::ProcessRunner;
use refrain_core::ports::cancel::Cancel;
use refrain_core::ports::runner::{Finished, Invocation, Program, RunLimits, Runner as _};
use refrain_core::ports::secrets::Secrets;
use refrain_schemas::failure::FailureKind;

#[derive(Debug)]
struct Environment;

impl Secrets for Environment {
    fn get(&self, name: &str) -> Option<String> {
        match name {
            "HIDDEN" => Some("hidden".to_owned()),
            name => std::env::var(name).ok(),
        }
    }
}

fn work(program: Program) -> Invocation {
    Invocation {
        program,
        folder: None,
        environment: Vec::new(),
        input: Vec::new(),
        timeout: Some(Duration::from_secs(300)),
        limits: RunLimits { cpu_seconds: None, memory_bytes: None, output_bytes: 1 << 20 },
    }
}

fn shell(line: &str) -> Invocation {
    work(Program::Shell(line.to_owned()))
}

async fn ran(folder: &tempfile::TempDir, work: Invocation) -> Finished {
    let runner = ProcessRunner::new(folder.path(), folder.path(), Arc::new(Environment));
    runner.run(work, &Cancel::new()).await.unwrap()
}

/// Whether a process runs; one that is dead and not reaped yet does not.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Whether a process is gone soon: it takes the system a moment.
fn is_gone_soon(pid: &str) -> bool {
    let begun = Instant::now();
    while is_alive(pid) {
        if begun.elapsed() > Duration::from_secs(5) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[tokio::test]
async fn a_program_says_what_it_says_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let finished = ran(&folder, shell("printf 'x\\ny\\n' | sort -r; echo warn >&2; exit 3")).await;
    assert_eq!(
        (finished.code, finished.stdout.as_str(), finished.stderr.as_str()),
        (Some(3), "y\nx\n", "warn\n")
    );
    assert!(!finished.is_cut && !finished.timed_out);
    assert_eq!(ran(&folder, shell("kill -9 $$")).await.code, Some(-9));
    let finished = ran(&folder, Invocation { input: b"in".to_vec(), ..shell("cat; pwd") }).await;
    assert_eq!(finished.stdout, format!("in{}\n", folder.path().canonicalize().unwrap().display()));
}

#[tokio::test]
async fn it_gets_what_is_passed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let environment = vec![("GIVEN".to_owned(), "given".to_owned())];
    let finished =
        ran(&folder, Invocation { environment, ..shell("echo $GIVEN$HIDDEN; test -n \"$PATH\"") }).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "given\n"));
}

#[tokio::test]
async fn a_time_out_ends_it_and_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    // One child in the group, one that left it.
    let line = "sleep 600 & echo $! > a; setsid sh -c 'echo $$ > b; sleep 600' & echo started; wait";
    let begun = Instant::now();
    let finished =
        ran(&folder, Invocation { timeout: Some(Duration::from_millis(700)), ..shell(line) }).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((finished.code, finished.timed_out, finished.stdout.as_str()), (None, true, "started\n"));
    assert!(finished.resources.wall_seconds >= 0.7 && finished.resources.wall_seconds < 5.0);
    assert!(is_gone_soon(&fs::read_to_string(folder.path().join("a")).unwrap()));
}

#[tokio::test]
async fn nothing_is_left_of_a_program_that_ended() {
    let folder = tempfile::tempdir().unwrap();
    let line = "sleep 600 & echo $! > a; setsid sh -c 'echo $$ > b; sleep 600' & while [ ! -s b ]; do :; done; echo done";
    let begun = Instant::now();
    let finished = ran(&folder, shell(line)).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "done\n"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    for name in ["a", "b"] {
        let pid = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(is_gone_soon(&pid), "{name} runs on");
    }
}

#[tokio::test]
async fn a_cancelled_run_ends_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (runner, cancel) =
        (ProcessRunner::new(folder.path(), folder.path(), Arc::new(Environment)), Cancel::new());
    let fire = async {
        while !folder.path().join("pid").exists() {
            tokio::task::yield_now().await;
        }
        cancel.fire();
    };
    let line = shell("echo $$ > half; mv half pid; sleep 600");
    let (outcome, ()) = tokio::join!(runner.run(line, &cancel), fire);
    assert_eq!(outcome.unwrap_err().kind, FailureKind::Cancelled);
    assert!(is_gone_soon(&fs::read_to_string(folder.path().join("pid")).unwrap()));
}

#[tokio::test]
async fn what_it_used_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let code = "x = bytearray(60_000_000)\nn = 0\nwhile n < 3_000_000: n += 1\nprint(len(x))";
    let finished = ran(&folder, work(Program::Python(code.to_owned()))).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "60000000\n"), "{}", finished.stderr);
    let used = finished.resources;
    assert!(used.wall_seconds > 0.0 && used.cpu_seconds.is_some_and(|seconds| seconds > 0.0), "{used:?}");
    assert!(used.peak_bytes.is_some_and(|bytes| bytes > 50_000_000), "{used:?}");
}

#[tokio::test]
async fn limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let limits = RunLimits { cpu_seconds: Some(1), memory_bytes: Some(1 << 30), output_bytes: 5 };
    let python = |code: &str| Invocation { limits, ..work(Program::Python(code.to_owned())) };
    assert_eq!(ran(&folder, python("x = bytearray(3 << 30)")).await.code, Some(1));
    let finished = ran(&folder, python("while True: pass")).await;
    assert!(finished.code.is_some_and(|code| code < 0), "{finished:?}");
    let finished = ran(&folder, python("print('1234567')")).await;
    assert!(finished.is_cut && finished.stdout == "12345", "{finished:?}");
    let long = format!("# {}\nprint(1)", "x".repeat(200_000));
    assert_eq!(ran(&folder, python(&long)).await.stdout, "1\n");
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let runner = ProcessRunner::new(folder.path(), folder.path(), Arc::new(Environment));
    let nothing = work(Program::Arguments(vec!["no-such-program".to_owned()]));
    let error = runner.run(nothing, &Cancel::new()).await.unwrap_err();
    assert!(error.kind == FailureKind::Permanent && error.message.contains("no-such-program"), "{error}");
}
