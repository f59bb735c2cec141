//! That nothing is left behind.

use std::path::Path;

use crate::world::{World, children, is_alone, is_running, until};

#[tokio::test]
async fn a_child_that_hangs_dies_with_a_cancelled_call() {
    for oneshot in [false, true] {
        let flags = ["--fork-and-hang"];
        let world = if oneshot { World::oneshot(&flags) } else { World::fake(&flags) }.open().await;
        let (_, child) = world.ask_and_cancel_at(1, "child ").await;
        until(|| (!is_running(&child)).then_some(())).await;
        world.agent.close().await;
    }
}

#[tokio::test]
async fn a_child_dies_when_its_parent_does() {
    let world = World::fake(&["--fork-and-die"]).open().await;
    assert!(world.ask(1).await.is_err());
    let child = world.hear("child ").await;
    until(|| (!is_running(&child)).then_some(())).await;
}

#[tokio::test]
async fn a_child_dies_with_a_dropped_clone() {
    let world = World::fake(&["--fork-and-hang"]).open().await;
    let remarks = world.remarks.clone();
    {
        let mut asked = std::pin::pin!(world.ask(1));
        tokio::select! {
            _ = &mut asked => panic!("a hanging agent answered"),
            _ = world.hear("child ") => {}
        }
    }
    drop(world);
    let said = remarks.said();
    let child = said.iter().find_map(|line| line.strip_prefix("child ")).unwrap().to_owned();
    assert!(Path::new("/proc/self").exists(), "this test needs /proc");
    until(|| (!is_running(&child)).then_some(())).await;
}

#[tokio::test]
async fn an_agent_that_ignores_the_end_of_its_input_is_killed() {
    if !is_alone("processes::an_agent_that_ignores_the_end_of_its_input_is_killed") {
        return;
    }
    let world = World::fake(&["--linger"]).open().await;
    world.ask(1).await.unwrap();
    assert_eq!(children("--linger").len(), 1);
    world.agent.close().await;
    assert_eq!(children("--linger"), [""; 0], "the process is gone and reaped when close returns");
}

#[tokio::test]
async fn opening_and_closing_leaks_nothing() {
    if !is_alone("processes::opening_and_closing_leaks_nothing") {
        return;
    }
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = None;
    for n in 0..50 {
        let world = World::fake(&["--usage"]).open().await;
        if n % 2 == 0 {
            world.ask(1).await.unwrap();
        }
        // The system lets go of whoever starts a program a moment before its command line can be read.
        until(|| (children("--usage").len() == 1).then_some(())).await;
        world.agent.close().await;
        assert_eq!(children("--usage"), [""; 0], "no process is left after cycle {n}");
        assert_eq!(*before.get_or_insert_with(descriptors), descriptors(), "cycle {n}");
    }
}
