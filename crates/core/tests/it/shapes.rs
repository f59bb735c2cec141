//! The merge rules of a localisation, against a plain account of what they mean: scenes, notes, terms, lines, issues and
//! people's edits come out the same in whatever order, packs and clones they were made, and however many agents made them.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use proptest::prelude::*;
use refrain_schemas::report::RunStatus;
use refrain_testkit::world::{Asked, World};
use serde_json::{Value, json};

const AGENTS: [&str; 4] = ["a", "b", "c", "d"];
const KINDS: [&str; 2] = ["character", "term"];
const SUBJECTS: [&str; 3] = ["Mara", "Tom", "blue moon"];

/// What there is to say: all of it follows from the scenes of the lines and a seed.
#[derive(Debug, Clone)]
struct Data {
    /// The scene of each line.
    scenes: Vec<u8>,
    /// How many agents sit on each panel.
    n_agents: usize,
    seed: u64,
}

/// How the work is carried out, which must not show.
#[derive(Debug, Clone)]
struct Shape {
    pack: u32,
    clones: u32,
    concurrency: u32,
    order: u64,
    /// The step at which the first run is killed, where it is.
    kill: Option<u64>,
}

fn data() -> impl Strategy<Value = Data> {
    (prop::collection::vec(0..3_u8, 1..7), 1..=AGENTS.len(), any::<u64>())
        .prop_map(|(scenes, n_agents, seed)| Data { scenes, n_agents, seed })
}

fn shape() -> impl Strategy<Value = Shape> {
    let kill = prop::option::of(1..60_u64);
    (1..5_u32, 1..4_u32, 1..6_u32, any::<u64>(), kill)
        .prop_map(|(pack, clones, concurrency, order, kill)| Shape { pack, clones, concurrency, order, kill })
}

/// Something to say: of a few kinds, about a few subjects, in one of two ways.
type Remark = (usize, usize, usize);

// ---- what agents say ------------------------------------------------------------------------------------------------

/// A small number that hangs on the seed and on what it is about.
fn dice(seed: u64, about: &[&str], sides: u64) -> usize {
    let bytes = about.iter().flat_map(|text| text.bytes().chain([0]));
    let mixed = bytes.fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
    });
    usize::try_from((mixed ^ (mixed >> 29)) % sides).unwrap_or_default()
}

/// What an agent remarks about a line: up to three things, which others may remark as well, in the same words or others.
fn remarks(seed: u64, agent: &str, line: &str) -> Vec<Remark> {
    let said = |n: usize| {
        let n = n.to_string();
        let about = ["remark", agent, line, &n];
        (dice(seed, &about, 2) == 0).then(|| {
            let part = |name: &str, sides: u64| dice(seed, &[name, agent, line, &n], sides);
            (part("kind", 2), part("subject", 3), part("words", 2))
        })
    };
    (0..3).filter_map(said).collect()
}

fn text_of(seed: u64, agent: &str, line: &str) -> String {
    format!("{line}-{}", dice(seed, &["text", agent, line], 2))
}

fn seed(asked: &Asked) -> u64 {
    asked.params["seed"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn ids(asked: &Asked) -> Vec<String> {
    let records = asked.input["records"].as_array().cloned().unwrap_or_default();
    records.iter().filter_map(|record| Some(record["line_id"].as_str()?.to_owned())).collect()
}

fn scene_record((kind, subject, words): Remark) -> Value {
    json!({"kind": KINDS[kind], "subject": SUBJECTS[subject], "text": format!("in words {words}")})
}

fn note_record(line: &str, remark: Remark) -> Value {
    let mut record = scene_record(remark);
    record["line_id"] = json!(line);
    record
}

fn issue_record(line: &str, (rule, at, words): Remark) -> Value {
    json!({"line_id": line, "rule": KINDS[rule], "span": [at, at + 1], "message": format!("in words {words}")})
}

fn answer(agent: &str, asked: &Asked) -> Value {
    let seed = seed(asked);
    let phase = asked.target.split('@').next().unwrap_or_default();
    let of_lines = |record: &dyn Fn(&str, Remark) -> Value| -> Value {
        let lines = ids(asked);
        let all =
            lines.iter().flat_map(|line| remarks(seed, agent, line).into_iter().map(|r| record(line, r)));
        all.collect()
    };
    match phase {
        "scenes" => of_lines(&|_, remark| scene_record(remark)),
        "notes" => of_lines(&note_record),
        "terms" => {
            let records = asked.input["records"].as_array().cloned().unwrap_or_default();
            let count = records.iter().filter(|note| note["kind"] == "term").count();
            if count == 0 { json!([]) } else { json!({"term": asked.id, "count": count}) }
        }
        "lines" => json!({"text": text_of(seed, agent, &asked.id)}),
        "issues" => remarks(seed, agent, &asked.id).into_iter().map(|r| issue_record(&asked.id, r)).collect(),
        _ => {
            let issues = asked.context["issues"].as_array().map_or(0, Vec::len);
            json!({"text": asked.input["text"], "issues": issues})
        }
    }
}

// ---- the pipeline ---------------------------------------------------------------------------------------------------

fn pipeline(data: &Data, shape: &Shape) -> Value {
    let pool: Value =
        AGENTS[..data.n_agents].iter().map(|name| ((*name).to_owned(), json!(shape.clones))).collect();
    let agents: Value = AGENTS
        .iter()
        .map(|name| ((*name).to_owned(), json!({"builtin": name, "params": {"seed": data.seed.to_string()}})))
        .collect();
    let panel = |units: Value, merge: Value, output: Value| {
        json!({"units": units, "agents": pool, "fan": "panel", "merge": merge, "output": output,
            "pack": {"max": shape.pack}})
    };
    let by_scene = json!({"of": "ingest", "by": "scene_id"});
    let mut notes =
        panel(by_scene.clone(), json!({"union": ["kind", "line_id", "subject"]}), json!({"key": "note_id"}));
    // What is asked must differ from what is asked about scenes: it is answered once.
    notes["context"] = json!({"known": {"from": "scenes", "on": "scene_id"}});
    let per = |mut phase: Value| {
        phase["per"] = json!(["language"]);
        phase
    };
    json!({
        "refrain": 1, "name": "shapes", "dimensions": {"language": ["ja", "fr"]}, "agents": agents,
        "limits": {"concurrency": shape.concurrency},
        "phases": {
            "ingest": {"agent": {"builtin": "read", "params": {"files": "lines.csv"}}, "output": {"key": "line_id"}},
            "scenes": panel(by_scene, json!({"union": ["kind", "scene_id", "subject"]}),
                json!({"key": "context_id"})),
            "notes": notes,
            "terms": per(json!({"units": {"of": "notes", "by": "subject"}, "agents": pool, "output": {"key": "term"},
                "pack": {"max": shape.pack}})),
            "lines": per(panel(json!({"of": "ingest"}), json!("vote"), json!({"key": "line_id", "aligned": true}))),
            "issues": per(panel(json!({"of": "lines"}), json!({"union": ["line_id", "rule", "span"]}),
                json!({"key": "issue_id"}))),
            "final": per(json!({"units": {"of": "lines"}, "agents": pool, "pack": {"max": shape.pack},
                "context": {"issues": {"from": "issues", "on": "line_id"}, "all": {"from": "terms"}},
                "output": {"key": "line_id", "aligned": true}})),
        },
    })
}

fn world(data: &Data, shape: &Shape) -> World {
    let mut world = World::new(pipeline(data, shape));
    let line = |(n, scene): (usize, &u8)| json!({"line_id": line_id(n), "scene_id": format!("s{scene}"), "text": format!("line {n}")});
    world.set("lines.csv", data.scenes.iter().enumerate().map(line).collect());
    for name in AGENTS {
        world.agent(name, move |asked| Ok(answer(name, asked)));
    }
    world.unwatched();
    world.shuffle(shape.order);
    world
}

fn line_id(n: usize) -> String {
    format!("l{n}")
}

// ---- what it should come to -----------------------------------------------------------------------------------------

/// A plain account of a union: the first words of each thing, in the order in which things come up, and who said so.
fn union(fields: &[&str], said: Vec<(&str, Value)>) -> Vec<Value> {
    let mut things: IndexMap<String, (Value, Vec<&str>)> = IndexMap::new();
    for (agent, record) in said {
        let same: Vec<&Value> = fields.iter().map(|field| &record[*field]).collect();
        let (_, agents) =
            things.entry(json!(same).to_string()).or_insert_with(|| (record.clone(), Vec::new()));
        if !agents.contains(&agent) {
            agents.push(agent);
        }
    }
    let records = things.into_values().map(|(mut record, agents)| {
        record["proposers"] = json!(agents);
        record
    });
    records.collect()
}

impl Data {
    fn agents(&self) -> &'static [&'static str] {
        &AGENTS[..self.n_agents]
    }

    /// The scenes in the order in which they come up, each with its lines.
    fn by_scene(&self) -> IndexMap<String, Vec<String>> {
        let mut scenes: IndexMap<String, Vec<String>> = IndexMap::new();
        for (n, scene) in self.scenes.iter().enumerate() {
            scenes.entry(format!("s{scene}")).or_default().push(line_id(n));
        }
        scenes
    }

    fn scene_remarks(&self, record: impl Fn(&str, &str, Remark) -> Value) -> Vec<(&'static str, Value)> {
        let mut said = Vec::new();
        for (scene, lines) in self.by_scene() {
            for agent in self.agents() {
                for line in &lines {
                    said.extend(
                        remarks(self.seed, agent, line)
                            .into_iter()
                            .map(|r| (*agent, record(&scene, line, r))),
                    );
                }
            }
        }
        said
    }

    fn expect_scenes(&self) -> Vec<Value> {
        let said = self.scene_remarks(|scene, _, remark| {
            let mut record = scene_record(remark);
            record["scene_id"] = json!(scene);
            record
        });
        union(&["kind", "scene_id", "subject"], said)
    }

    fn expect_notes(&self) -> Vec<Value> {
        let said = self.scene_remarks(|scene, line, remark| {
            let mut record = note_record(line, remark);
            record["scene_id"] = json!(scene);
            record
        });
        union(&["kind", "line_id", "subject"], said)
    }

    fn expect_terms(&self) -> Vec<Value> {
        let mut counts: IndexMap<String, usize> = IndexMap::new();
        for note in self.expect_notes() {
            let subject = note["subject"].as_str().unwrap_or_default().to_owned();
            *counts.entry(subject).or_default() += usize::from(note["kind"] == "term");
        }
        counts.retain(|_, count| *count > 0);
        let record = |(term, count)| json!({"term": term, "subject": term, "count": count});
        counts.into_iter().map(record).collect()
    }

    fn expect_lines(&self) -> Vec<Value> {
        let line = |n: usize| {
            let said: Vec<String> =
                self.agents().iter().map(|a| text_of(self.seed, a, &line_id(n))).collect();
            let votes = |text: &String| said.iter().filter(|other| *other == text).count();
            let most = said.iter().map(votes).max().unwrap_or(0);
            let text = said.iter().find(|text| votes(text) == most);
            json!({"line_id": line_id(n), "text": text})
        };
        (0..self.scenes.len()).map(line).collect()
    }

    fn expect_issues(&self) -> Vec<Value> {
        let mut said = Vec::new();
        for n in 0..self.scenes.len() {
            let line = line_id(n);
            for agent in self.agents() {
                let own = remarks(self.seed, agent, &line).into_iter();
                said.extend(own.map(|remark| (*agent, issue_record(&line, remark))));
            }
        }
        union(&["line_id", "rule", "span"], said)
    }
}

/// Returns the records of a target without the keys that the engine made, which it checks to be distinct.
fn records(world: &World, target: &str, key: &str) -> Vec<Value> {
    let mut records = world.artifact(target);
    let keys: BTreeSet<String> = records.iter().map(|record| record[key].to_string()).collect();
    assert_eq!(keys.len(), records.len(), "{target}: every record has a key of its own");
    for record in &mut records {
        record.as_object_mut().unwrap().remove(key);
    }
    records
}

fn check_records(world: &World, data: &Data) -> Result<(), TestCaseError> {
    prop_assert_eq!(records(world, "scenes", "context_id"), data.expect_scenes());
    prop_assert_eq!(records(world, "notes", "note_id"), data.expect_notes());
    for language in ["ja", "fr"] {
        let of = |phase: &str| format!("{phase}@{language}");
        prop_assert_eq!(world.artifact(&of("terms")), data.expect_terms());
        prop_assert_eq!(world.artifact(&of("lines")), data.expect_lines());
        prop_assert_eq!(records(world, &of("issues"), "issue_id"), data.expect_issues());
    }
    Ok(())
}

/// Runs to the end, where it may be killed on the way.
fn run(world: &mut World, kill: Option<u64>) -> Result<(), TestCaseError> {
    if let Some(steps) = kill {
        let _ending = world.run_killed(steps);
    }
    let report = world.run();
    prop_assert_eq!(report.status, RunStatus::Completed, "{:?}", report.phases);
    prop_assert_eq!(world.bought_twice(), [""; 0]);
    prop_assert_eq!(world.unfresh(), [""; 0]);
    Ok(())
}

/// A person's edit: the line, what it says, and whether it is locked.
type Wish = (usize, u8, bool);

fn edit(world: &mut World, data: &Data, wishes: &[Wish]) {
    for (n, words, locked) in wishes {
        let line = line_id(n % data.scenes.len());
        world.person("lines@ja", &line, &[("text", json!(format!("as people say {words}")))], *locked);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn merges_are_what_they_mean_in_every_shape(data in data(), shapes in prop::collection::vec(shape(), 2)) {
        let mut digests = Vec::new();
        for shape in &shapes {
            let mut world = world(&data, shape);
            run(&mut world, shape.kill)?;
            check_records(&world, &data)?;
            digests.push(world.digests());
        }
        prop_assert_eq!(&digests[0], &digests[1]);
    }

    #[test]
    fn edits_are_laid_alike_in_every_shape(
        data in data(), later in any::<u64>(), shapes in prop::collection::vec(shape(), 2),
        wishes in prop::collection::vec((0..9_usize, any::<u8>(), any::<bool>()), 1..4),
    ) {
        let mut digests = Vec::new();
        for shape in &shapes {
            let mut world = world(&data, shape);
            run(&mut world, None)?;
            edit(&mut world, &data, &wishes);
            // Machines think otherwise now; people do not.
            world.redefine(|file| {
                let agents = file["agents"].as_object_mut().unwrap();
                agents.values_mut().for_each(|agent| agent["params"]["seed"] = json!(later.to_string()));
            });
            world.take_asked();
            run(&mut world, shape.kill)?;
            let last: IndexMap<String, &Wish> =
                wishes.iter().map(|wish| (line_id(wish.0 % data.scenes.len()), wish)).collect();
            let asked: BTreeSet<String> = world.take_units().into_iter().collect();
            for record in world.artifact("lines@ja") {
                let line = record["line_id"].as_str().unwrap();
                if let Some((_, words, locked)) = last.get(line) {
                    prop_assert_eq!(&record["text"], &json!(format!("as people say {words}")));
                    prop_assert!(!*locked || !asked.contains(&format!("lines@ja/{line}")), "{} is locked", line);
                }
            }
            let now = Data { seed: later, ..data.clone() };
            prop_assert_eq!(world.artifact("lines@fr"), now.expect_lines());
            digests.push(world.digests());
        }
        prop_assert_eq!(&digests[0], &digests[1]);
    }
}

#[test]
fn the_account_has_something_to_merge() {
    let data = Data { scenes: vec![0, 1, 0, 2, 1], n_agents: 3, seed: 5 };
    let shared = |records: &[Value]| {
        records
            .iter()
            .filter(|record| record["proposers"].as_array().is_some_and(|who| who.len() > 1))
            .count()
    };
    assert!(shared(&data.expect_scenes()) > 1 && shared(&data.expect_issues()) > 1);
    assert!(!data.expect_terms().is_empty());
}
