//! A hundred human edits through ten rounds of changes: nothing that a person wrote is lost, and exactly the true conflicts
//! are listed. What is expected is worked out here, from lines, versions and edits alone, by other code than the engine's.

use std::collections::{BTreeMap, BTreeSet};

use refrain_schemas::digest::Digest;
use refrain_schemas::edit::ReviewKind;
use refrain_schemas::report::RunStatus;
use refrain_testkit::world::World;
use serde_json::{Map, Value, json};

use crate::ahead::{broken, plan};
use crate::pieces::pipeline;
use crate::same_bytes::keys;

const LANGUAGES: [&str; 2] = ["ja", "fr"];
const ROUNDS: usize = 10;
const EDITS_A_ROUND: usize = 10;
const LINES: u64 = 40;

/// Numbers that hang on the seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

/// What the machine says of a text: one of three things, of which a version picks one for each text.
fn say(text: &str, language: &str, version: u64) -> String {
    let mut sum = version.wrapping_mul(977);
    text.bytes().for_each(|byte| sum = sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    variant(text, language, (sum >> 7) % 3)
}

fn variant(text: &str, language: &str, n: u64) -> String {
    // Short enough that a text which went through two phases and a person is still read at a glance.
    format!("{}.{language}{n}", text.split('.').next().unwrap_or_default())
}

fn answer(input: &Value, language: &str, version: u64) -> Value {
    let text = input["text"].as_str().unwrap();
    json!({"id": input["id"], "text": say(text, language, version), "scene": input["scene"]})
}

/// An edit as a person remembers it.
#[derive(Debug, Clone)]
struct Human {
    set: BTreeMap<&'static str, (Option<Value>, Value)>,
    locked: bool,
    record: Value,
    line: Value,
}

/// The edits of one target by the keys of their records.
type Table = BTreeMap<String, Human>;

/// The project as it should be.
struct Expected {
    lines: Vec<Value>,
    versions: [u64; 2],
    tables: BTreeMap<String, Table>,
}

/// What should come of one target.
struct Made {
    machine: BTreeMap<String, Value>,
    records: Vec<Value>,
    review: Vec<(String, ReviewKind)>,
    locked: BTreeSet<String>,
}

fn nameless(line: &Value) -> Value {
    let mut line = line.clone();
    line.as_object_mut().unwrap().remove("id");
    line
}

fn named(record: &Value, id: &str) -> Value {
    let mut record = record.clone();
    record["id"] = json!(id);
    record
}

impl Human {
    /// The record as the person wants it, and whether the machine means something else by now.
    fn over(&self, machine: &Value) -> (Value, bool) {
        let mut record = machine.clone();
        let mut differs = false;
        for (field, (base, value)) in &self.set {
            let now = machine.get(field);
            differs |= now != base.as_ref() && now != Some(value);
            record[field] = value.clone();
        }
        (record, differs)
    }
}

impl Expected {
    fn table(&self, target: &str) -> Table {
        self.tables.get(target).cloned().unwrap_or_default()
    }

    /// Which line each edit is about now, by the line's id; edits whose line cannot be told are left out.
    fn places(&self, table: &Table) -> BTreeMap<String, String> {
        let ids: BTreeSet<&str> = self.lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
        let mut places = BTreeMap::new();
        for (key, human) in table {
            if ids.contains(key.as_str()) {
                places.insert(key.clone(), key.clone());
                continue;
            }
            let same = |line: &&Value| {
                nameless(line) == human.line && !table.contains_key(line["id"].as_str().unwrap())
            };
            let homes: Vec<&Value> = self.lines.iter().filter(same).collect();
            let rivals = table.iter().filter(|(other, rival)| {
                *other != key && rival.line == human.line && !ids.contains(other.as_str())
            });
            if homes.len() == 1 && rivals.count() == 0 {
                places.insert(homes[0]["id"].as_str().unwrap().to_owned(), key.clone());
            }
        }
        places
    }

    /// Works out a target: what machines answer is `answers`, and what stands for it where others lock is `locks`.
    fn make(&self, target: &str, answers: &[Value], locks: &BTreeMap<String, Value>) -> Made {
        let table = self.table(target);
        let places = self.places(&table);
        let mut made = Made {
            machine: BTreeMap::new(),
            records: Vec::new(),
            review: Vec::new(),
            locked: BTreeSet::new(),
        };
        for (line, answer) in self.lines.iter().zip(answers) {
            let id = line["id"].as_str().unwrap();
            let human = places.get(id).map(|key| (key, &table[key]));
            let own = human.filter(|(_, human)| human.locked).map(|(_, human)| named(&human.record, id));
            let lock = own.or_else(|| locks.get(id).cloned());
            made.locked.extend(lock.iter().map(|_| id.to_owned()));
            let machine = lock.unwrap_or_else(|| answer.clone());
            let mut record = machine.clone();
            if let Some((key, human)) = human {
                let (over, differs) = human.over(&machine);
                record = over;
                if differs {
                    made.review.push((key.clone(), ReviewKind::Conflict));
                } else if nameless(line) != human.line {
                    made.review.push((key.clone(), ReviewKind::SourceChanged));
                }
            }
            made.machine.insert(id.to_owned(), machine);
            made.records.push(record);
        }
        let lost = table.keys().filter(|key| !places.values().any(|placed| placed == *key));
        made.review.extend(lost.map(|key| (key.clone(), ReviewKind::Orphan)));
        made.review.sort();
        made
    }

    fn all(&self) -> BTreeMap<String, Made> {
        let mut all = BTreeMap::new();
        for language in LANGUAGES {
            let (t, u) = (format!("t@{language}"), format!("u@{language}"));
            let later = self.table(&u);
            let wanted = self.places(&later).into_iter().filter(|(_, key)| later[key].locked);
            let locks =
                wanted.map(|(id, key)| (id.clone(), later[&key].over(&named(&later[&key].record, &id)).0));
            let answers: Vec<Value> =
                self.lines.iter().map(|line| answer(line, language, self.versions[0])).collect();
            let made = self.make(&t, &answers, &locks.collect());
            let answers: Vec<Value> =
                made.records.iter().map(|record| answer(record, language, self.versions[1])).collect();
            let last = self.make(&u, &answers, &BTreeMap::new());
            all.extend([(t, made), (u, last)]);
        }
        all
    }
}

fn project(seed: u64) -> (World, Expected) {
    let mut world = World::new(pipeline(json!({
        "t": {"per": ["language"], "units": {"of": "ingest"}, "locked_by": ["u"], "pack": {"max": 9},
            "context": {"near": {"from": "ingest", "window": 1}},
            "agent": {"builtin": "say", "params": {"version": 0}}, "output": {"key": "id"}},
        "u": {"per": ["language"], "units": {"of": "t"}, "pack": {"max": 9},
            "agent": {"builtin": "say", "params": {"version": 0}}, "output": {"key": "id"}},
        "v": {"per": ["language"], "units": {"of": "u", "by": "scene"}, "agent": {"builtin": "join"},
            "output": {"key": "scene"}},
    })));
    world.agent("say", |asked| {
        let (language, version) = (asked.scope["language"].as_str().unwrap(), &asked.params["version"]);
        Ok(answer(&asked.input, language, version.as_u64().unwrap()))
    });
    world.agent("join", |asked| Ok(json!({"all": asked.input["records"]})));
    world.unwatched();
    world.shuffle(seed);
    let lines = (0..LINES).map(new_line).collect();
    (world, Expected { lines, versions: [0, 0], tables: BTreeMap::new() })
}

/// A line; of every ten lines, two have the same text.
fn new_line(n: u64) -> Value {
    let text = if n % 10 == 9 { n - 1 } else { n };
    json!({"id": format!("l{n}"), "text": format!("text {text}"), "scene": format!("s{}", text / 8)})
}

/// Changes the script and the versions of the agents.
fn change(expected: &mut Expected, dice: &mut Dice, fresh: &mut u64) {
    for _ in 0..=dice.below(5) {
        let at = dice.below(expected.lines.len() as u64) as usize;
        *fresh += 1;
        let lines = &mut expected.lines;
        match dice.below(9) {
            0 => lines[at]["text"] = json!(format!("text {}", dice.below(2 * LINES))),
            1 | 2 => lines[at]["id"] = json!(format!("l{fresh}")),
            3 => lines.insert(at, new_line(*fresh)),
            4 if lines.len() > 20 => drop(lines.remove(at)),
            5 => lines.rotate_left(at),
            6 => {
                let twin = named(&lines[at], &format!("l{fresh}"));
                lines.push(twin);
            }
            7 => expected.versions[0] = dice.below(4),
            _ => expected.versions[1] = dice.below(4),
        }
    }
    if dice.one_in(3) {
        // Back to a line that was there in the beginning, if it is not there now.
        let line = new_line(dice.below(LINES));
        if !expected.lines.iter().any(|other| other["id"] == line["id"]) {
            expected.lines.push(line);
        }
    }
}

fn show(world: &mut World, expected: &Expected) {
    world.set("lines.csv", Value::Array(expected.lines.clone()));
    let [t, u] = expected.versions;
    world.redefine(|file| {
        file["phases"]["t"]["agent"]["params"]["version"] = json!(t);
        file["phases"]["u"]["agent"]["params"]["version"] = json!(u);
    });
}

/// Lets people edit records as the last run left them.
fn edit(world: &mut World, expected: &mut Expected, dice: &mut Dice) {
    let all = expected.all();
    for n in 0..EDITS_A_ROUND {
        let target = (*dice.of(&["t@ja", "t@fr", "u@ja", "u@fr"])).to_owned();
        let line = dice.of(&expected.lines).clone();
        let key = line["id"].as_str().unwrap().to_owned();
        let record = all[&target].machine[&key].clone();
        let language = target.split_once('@').unwrap().1;
        let mut set: Map<String, Value> = Map::new();
        let text = match dice.below(3) {
            0 => json!(variant(line["text"].as_str().unwrap(), language, dice.below(3))),
            _ => json!(format!("mine {n}")),
        };
        set.insert("text".to_owned(), text);
        if dice.one_in(3) {
            set.insert("state".to_owned(), json!("final"));
        }
        if dice.one_in(5) {
            set.remove("text");
        }
        let locked = dice.one_in(2);
        let fields: Vec<(&str, Value)> =
            set.iter().map(|(field, value)| (field.as_str(), value.clone())).collect();
        world.person(&target, &key, &fields, locked);
        let change = |name: &'static str| Some((name, (record.get(name).cloned(), set.get(name)?.clone())));
        let set = ["text", "state"].into_iter().filter_map(change).collect();
        let human = Human { set, locked, record: record.clone(), line: nameless(&line) };
        expected.tables.entry(target).or_default().insert(key, human);
    }
}

/// Takes an edit back, or locks or unlocks one.
fn think_again(world: &mut World, expected: &mut Expected, dice: &mut Dice) {
    let targets: Vec<String> = expected.tables.keys().cloned().collect();
    let target = dice.of(&targets);
    let table = expected.tables.get_mut(target).unwrap();
    let keys: Vec<String> = table.keys().cloned().collect();
    let key = dice.of(&keys);
    if dice.one_in(2) {
        table.remove(key);
        world.change_edits(target, |edits| drop(edits.0.remove(key)));
        if table.is_empty() {
            expected.tables.remove(target);
        }
    } else {
        let human = table.get_mut(key).unwrap();
        human.locked = !human.locked;
        let locked = human.locked;
        world.change_edits(target, |edits| edits.0.get_mut(key).unwrap().locked = locked);
    }
}

/// Runs, and compares what came of it with what is expected and with a fresh project.
fn check(world: &mut World, expected: &Expected, kill: Option<u64>) {
    let all = expected.all();
    let is_locked = |unit: &String| {
        let (target, id) = unit.split_once('/').unwrap();
        all.get(target).is_some_and(|made| made.locked.contains(id))
    };
    world.take_asked();
    if let Some(steps) = kill {
        let _ending = world.run_killed(steps);
    }
    let plan = plan(world);
    let (n_calls, answered) = (world.ledger().len(), keys(world).1);
    let report = world.run();
    assert_eq!(report.status, RunStatus::Completed);
    let broken: Vec<String> = plan.phases.iter().zip(&report.phases).filter_map(broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let asked: Vec<String> = world.take_units().into_iter().filter(is_locked).collect();
    assert_eq!(asked, [""; 0], "locked units are asked about");
    for (target, made) in &all {
        assert_eq!(world.artifact(target), made.records, "{target}");
        assert_eq!(world.to_review(target), made.review, "{target}");
        let laid = world.revision(target).unwrap().edits;
        assert_eq!(laid.map_or(0, |laid| laid.to_review()), made.review.len() as u64, "{target}");
    }
    check_fresh(world, expected, &answered, n_calls);
}

/// A fresh project with the same edits makes the same bytes, and nothing was asked that it would not have asked.
fn check_fresh(world: &mut World, expected: &Expected, answered: &BTreeSet<Digest>, n_calls: usize) {
    let mut fresh = world.afresh();
    for target in expected.tables.keys() {
        let table = world.edits(target);
        fresh.change_edits(target, |edits| *edits = table);
    }
    fresh.run();
    assert_eq!(world.digests(), fresh.digests());
    let asked: BTreeSet<Digest> =
        world.ledger()[n_calls..].iter().flat_map(|call| &call.asks).map(|ask| ask.key).collect();
    let new: BTreeSet<Digest> = keys(&fresh).0.difference(answered).copied().collect();
    assert_eq!(asked, new, "exactly what is new is asked");
    assert_eq!(world.bought_twice(), [""; 0]);
    assert_eq!(world.unfresh(), [""; 0]);
}

fn check_rounds(seed: u64) {
    let mut dice = Dice(seed);
    let (mut world, mut expected) = project(seed);
    let mut fresh = 10 * LINES;
    show(&mut world, &expected);
    check(&mut world, &expected, None);
    let mut n_reviewed = 0;
    for _ in 0..ROUNDS {
        edit(&mut world, &mut expected, &mut dice);
        if dice.one_in(2) {
            think_again(&mut world, &mut expected, &mut dice);
        }
        if dice.one_in(3) {
            check(&mut world, &expected, None);
        }
        change(&mut expected, &mut dice, &mut fresh);
        show(&mut world, &expected);
        let kill = dice.one_in(2).then(|| dice.below(60));
        check(&mut world, &expected, kill);
        n_reviewed += expected.all().values().map(|made| made.review.len()).sum::<usize>();
    }
    assert!(n_reviewed > 20, "there is something to find: {n_reviewed}");
}

#[test]
fn a_hundred_human_edits_survive_ten_rounds() {
    (0..3).for_each(check_rounds);
}

#[test]
fn a_hundred_other_human_edits_survive_ten_other_rounds() {
    (100..103).for_each(check_rounds);
}
