//! What is left on a disk when the power goes.
//!
//! What was synced is there. Of what was not, anything may be: each sector of a write, each change of a size and each
//! change of a name by itself, whatever came before or after it.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::{Contents, Op, write};

/// What a disk writes as one.
const SECTOR: usize = 512;

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    /// Nothing of it is there.
    Nothing,
    /// All of it is there, as after the death of the process.
    Everything,
    /// What came first is there, the last of it in part.
    InOrder,
    /// Any part of it is there.
    Anything,
}

pub(crate) const LUCKS: [Luck; 4] = [Luck::Nothing, Luck::Everything, Luck::InOrder, Luck::Anything];

/// Numbers without a pattern, the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Returns a number below another one.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((n ^ (n >> 31)) % bound as u64) as usize
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// Returns what is on a disk that had some contents, was asked for some things, and lost its power.
pub(crate) fn after_loss(before: &Contents, ops: &[Op], luck: Luck, numbers: &mut Numbers) -> Contents {
    let mut platter = Platter::of(before);
    for op in ops {
        platter.apply(op, luck, numbers);
    }
    platter.read(luck, numbers)
}

/// What is on the disk for certain, and what may be.
struct Platter {
    exists: bool,
    /// Whether the folder was made and its name not synced.
    folder_pending: bool,
    files: Vec<File>,
    /// The names when they were last synced, and after each change since.
    names: Vec<BTreeMap<String, usize>>,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, new) => write(bytes, new, *offset),
            Self::Truncate(size) => bytes.resize(*size, 0),
        }
    }
}

impl Platter {
    fn of(contents: &Contents) -> Self {
        let present = contents.iter().flatten();
        let names = present.clone().enumerate().map(|(file, (name, _))| (name.clone(), file)).collect();
        let file = |bytes: &Vec<u8>| File { durable: bytes.clone(), pending: Vec::new() };
        let files = present.map(|(_, bytes)| file(bytes)).collect();
        Self { exists: contents.is_some(), folder_pending: false, files, names: vec![names] }
    }

    fn apply(&mut self, op: &Op, luck: Luck, numbers: &mut Numbers) {
        match op {
            Op::MakeFolder => (self.exists, self.folder_pending) = (true, true),
            Op::SyncParent => self.folder_pending = false,
            Op::Create { name, file } => {
                self.files.resize_with(*file + 1, File::default);
                self.rename(|names| {
                    names.insert(name.clone(), *file);
                });
            }
            Op::Rename { from, to } => self.rename(|names| {
                let file = names.remove(from).unwrap();
                names.insert(to.clone(), file);
            }),
            Op::Remove { name } => self.rename(|names| {
                names.remove(name);
            }),
            Op::SyncNames => drop(self.names.drain(..self.names.len() - 1)),
            Op::Write { file, offset, bytes } => {
                self.files[*file].pending.push(Change::Write(*offset, bytes.clone()));
            }
            Op::Truncate { file, size } => self.files[*file].pending.push(Change::Truncate(*size)),
            Op::Sync { file } => {
                let File { durable, pending } = &mut self.files[*file];
                pending.drain(..).for_each(|change| change.apply(durable));
            }
            Op::SyncFailed { file } => self.files[*file].settle(luck, numbers),
        }
    }

    fn rename(&mut self, change: impl FnOnce(&mut BTreeMap<String, usize>)) {
        let mut names = self.names[self.names.len() - 1].clone();
        change(&mut names);
        self.names.push(names);
    }

    fn read(mut self, luck: Luck, numbers: &mut Numbers) -> Contents {
        let is_lost = match luck {
            Luck::Nothing => true,
            Luck::Everything => false,
            Luck::InOrder | Luck::Anything => numbers.coin(),
        };
        if !self.exists || self.folder_pending && is_lost {
            return None;
        }
        let names = self.surviving_names(luck, numbers);
        self.files.iter_mut().for_each(|file| file.settle(luck, numbers));
        Some(names.into_iter().map(|(name, file)| (name, self.files[file].durable.clone())).collect())
    }

    fn surviving_names(&self, luck: Luck, numbers: &mut Numbers) -> BTreeMap<String, usize> {
        let versions = &self.names;
        match luck {
            Luck::Nothing => versions[0].clone(),
            Luck::Everything => versions[versions.len() - 1].clone(),
            Luck::InOrder => versions[numbers.below(versions.len())].clone(),
            Luck::Anything => {
                let all: BTreeSet<&String> = versions.iter().flat_map(BTreeMap::keys).collect();
                let survives = |name: &String| {
                    let file = versions[numbers.below(versions.len())].get(name)?;
                    Some((name.clone(), *file))
                };
                all.into_iter().filter_map(survives).collect()
            }
        }
    }
}

impl File {
    /// Decides what becomes of what was not synced.
    fn settle(&mut self, luck: Luck, numbers: &mut Numbers) {
        let pending = std::mem::take(&mut self.pending);
        match luck {
            Luck::Nothing => {}
            Luck::Everything => pending.iter().for_each(|change| change.apply(&mut self.durable)),
            Luck::InOrder if pending.is_empty() => {}
            Luck::InOrder => {
                let last = numbers.below(pending.len());
                pending[..last].iter().for_each(|change| change.apply(&mut self.durable));
                cut(&pending[last], numbers).apply(&mut self.durable);
            }
            Luck::Anything => pending.iter().for_each(|change| self.scatter(change, numbers)),
        }
    }

    fn scatter(&mut self, change: &Change, numbers: &mut Numbers) {
        match change {
            Change::Truncate(_) if numbers.coin() => change.apply(&mut self.durable),
            Change::Truncate(_) => {}
            Change::Write(offset, bytes) => {
                if numbers.coin() && self.durable.len() < offset + bytes.len() {
                    // The size may be there before the bytes are.
                    self.durable.resize(offset + bytes.len(), 0);
                }
                for sector in offset / SECTOR..=(offset + bytes.len()) / SECTOR {
                    let from = (sector * SECTOR).max(*offset);
                    let to = ((sector + 1) * SECTOR).min(offset + bytes.len());
                    if from < to && numbers.coin() {
                        write(&mut self.durable, &bytes[from - offset..to - offset], from);
                    }
                }
            }
        }
    }
}

/// Returns a write as far as it came.
fn cut(change: &Change, numbers: &mut Numbers) -> Change {
    match change {
        Change::Write(offset, bytes) => {
            Change::Write(*offset, bytes[..numbers.below(bytes.len() + 1)].to_vec())
        }
        Change::Truncate(_) => change.clone(),
    }
}

#[test]
fn what_was_synced_is_there_and_of_the_rest_anything_may_be() {
    let bytes = vec![7_u8; 3 * SECTOR];
    let create = Op::Create { name: "a".to_owned(), file: 0 };
    let written = Op::Write { file: 0, offset: 0, bytes: bytes.clone() };
    let kept = [Op::MakeFolder, Op::SyncParent, create, Op::SyncNames, written, Op::Sync { file: 0 }];
    let rest = [
        Op::Write { file: 0, offset: 3 * SECTOR, bytes },
        Op::Rename { from: "a".to_owned(), to: "b".to_owned() },
    ];
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let contents =
            |ops: &[Op], luck, numbers: &mut Numbers| after_loss(&None, ops, luck, numbers).unwrap();
        for luck in LUCKS {
            assert_eq!(contents(&kept, luck, &mut numbers)["a"], [7; 3 * SECTOR]);
        }
        let ops = [&kept[..], &rest].concat();
        assert_eq!(contents(&ops, Luck::Nothing, &mut numbers)["a"].len(), 3 * SECTOR);
        assert_eq!(contents(&ops, Luck::Everything, &mut numbers)["b"].len(), 6 * SECTOR);
        let found = contents(&ops, Luck::Anything, &mut numbers);
        assert!(found.values().all(|bytes| bytes.starts_with(&[7; 3 * SECTOR])));
        let holes = found.values().next().map(|bytes| bytes.get(3 * SECTOR) == Some(&0));
        seen.insert((found.keys().cloned().collect::<Vec<_>>(), holes));
    }
    // Under either name, both or none; with a hole at the beginning of what was not synced or without.
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert_eq!(after_loss(&None, &[Op::MakeFolder], Luck::Nothing, &mut Numbers(0)), None);
}
