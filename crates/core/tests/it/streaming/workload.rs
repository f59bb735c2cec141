//! W(10,000) with agents that take 5 to 500 ms, most of them little.

use std::time::Duration;

use refrain_schemas::report::RunStatus;
use refrain_testkit::world::World;
use serde_json::{Value, json};

use super::{dice, slow, streamed, with_barriers};

const LINES: usize = 10_000;
const SCENE: usize = 20;
const CONCURRENCY: u32 = 64;

/// How long an agent takes over a unit: heavy-tailed, from 5 to 500 ms.
fn millis(agent: &str, unit: &str) -> u64 {
    let share = (dice(&format!("{agent} {unit}")) % 1_000_000 + 1) as f64 / 1_000_000.0;
    (5.0 / share).clamp(5.0, 500.0) as u64
}

fn workload(lines: usize, millis: fn(&str, &str) -> u64) -> World {
    let file = json!({
        "refrain": 1, "name": "workload", "limits": {"concurrency": CONCURRENCY},
        "agents": {"scenes": {"builtin": "scenes"}, "translator": {"builtin": "translator"}, "critic": {"builtin": "critic"}},
        "phases": {
            "ingest": {"agent": {"builtin": "read", "params": {"files": "script.csv"}}, "output": {"key": "line_id"}},
            "context": {"units": {"of": "ingest", "by": "scene_id"}, "agents": {"scenes": CONCURRENCY}, "output": {"records": "scenes", "key": "scene_id"}},
            "translate": {"units": {"of": "ingest"}, "context": {"summary": {"from": "context", "on": "scene_id"}},
                "agents": {"translator": CONCURRENCY}, "output": {"records": "lines", "key": "line_id", "aligned": true}},
            "qa": {"units": {"of": "translate"}, "agents": {"critic": CONCURRENCY}, "output": {"records": "issues", "key": "line_id", "aligned": true}},
        },
    });
    let mut world = World::new(file);
    world.unwatched();
    for agent in ["scenes", "translator", "critic"] {
        slow(&mut world, agent, move |asked| millis(agent, &asked.id));
    }
    world.set("script.csv", (0..lines).map(line).collect());
    world
}

fn line(n: usize) -> Value {
    json!({"line_id": format!("line_{n}"), "scene_id": format!("scene_{}", n / SCENE), "text": format!("text {n}")})
}

/// The sum of all that agents do, and the longest way of one line.
fn ideal() -> (Duration, Duration) {
    let (mut total, mut longest) = (0, 0);
    for n in 0..LINES {
        let (line, scene) = (format!("line_{n}"), format!("scene_{}", n / SCENE));
        let context = millis("scenes", &scene);
        let (translate, qa) = (millis("translator", &line), millis("critic", &line));
        total += translate + qa + if n % SCENE == 0 { context } else { 0 };
        longest = longest.max(context + translate + qa);
    }
    (Duration::from_millis(total), Duration::from_millis(longest))
}

#[test]
fn ten_thousand_lines_take_no_longer_than_their_work_and_the_longest_chain() {
    let mut world = workload(LINES, millis);
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 20_500));
    assert_eq!(streamed(&world), ["translate", "qa"]);
    let (total, longest) = ideal();
    let bound = total / CONCURRENCY + longest;
    let wall = world.elapsed();
    assert!(wall < bound.mul_f64(1.05), "{wall:?} of {bound:?}");
    let mut barriers = with_barriers(&world);
    barriers.run();
    println!("streaming {wall:?}, with barriers {:?}, bound {bound:?}", barriers.elapsed());
    assert!(barriers.elapsed() > wall.mul_f64(1.02), "{:?} beside {wall:?}", barriers.elapsed());
    assert_eq!(world.digests(), barriers.digests());
}

/// Of 64 lanes none is idle but where nothing can be done: what is left over are the ways of the first and the last lines.
#[test]
fn even_agents_keep_all_lanes_busy() {
    const LINES: usize = 2_000;
    let mut world = workload(LINES, |_, _| 50);
    let report = world.run();
    assert_eq!((report.status, report.calls), (RunStatus::Completed, 4_100));
    let work = Duration::from_millis(50) * 4_100 / CONCURRENCY;
    let bound = work + Duration::from_millis(150);
    assert!(world.elapsed() < bound.mul_f64(1.01), "{:?} of {bound:?}", world.elapsed());
    let (streaming, mut barriers) = (world.elapsed(), with_barriers(&world));
    barriers.run();
    assert!(barriers.elapsed() > streaming, "{:?}", barriers.elapsed());
}
