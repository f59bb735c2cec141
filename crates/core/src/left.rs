//! What later targets left of the files that a target wrote or read: that is no change of the world.
//!
//! A step may write a file that a later one writes over, moves or removes. When the pipeline is over, the file is as the later one
//! left it, and neither the step that wrote it first nor those that read it in between have anything to do again. Whatever
//! else became of a file is a change, and so is what an *earlier* target wrote since.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};

use refrain_schemas::artifact::FileStamp;
use refrain_schemas::scope::Target;

use crate::history::History;
use crate::model::{InTurn, Model, Phase, Work};

/// Returns the stamps of files that a target touched, as those left them that come after it.
pub(crate) fn left_by_later(
    model: &Model,
    history: &History,
    target: &Target,
    touched: impl Iterator<Item = FileStamp>,
) -> Vec<FileStamp> {
    let Some(phase) = model.phase(target.phase.as_str()) else { return Vec::new() };
    let own = history.position(target);
    let behind = LazyCell::new(|| behind(model, phase));
    let mut left = Vec::new();
    for file in touched {
        let others = history.writers(&file.path).filter(|other| *other != target);
        let others = others.filter_map(|other| Some((model.phase(other.phase.as_str())?, other)));
        let follows = |(later, other): &(&Phase, &Target)| {
            is_later_turn(phase, later, target, other).unwrap_or_else(|| behind.contains(later.name.as_str()))
        };
        let (later, earlier): (Vec<_>, Vec<_>) = others.partition(follows);
        // What an earlier one wrote since is a change, unless it is the same again.
        let is_other = |stamp: &FileStamp| stamp.path == file.path && stamp.digest != file.digest;
        let wrote_other =
            |other: &Target| history.latest(other).is_some_and(|record| record.files.iter().any(is_other));
        if earlier.iter().any(|(_, other)| history.position(other) > own && wrote_other(other)) {
            continue;
        }
        let stamps = later.iter().filter_map(|(_, other)| history.latest(other));
        left.extend(
            stamps.flat_map(|record| record.files.iter()).filter(|stamp| stamp.path == file.path).cloned(),
        );
    }
    left
}

/// Whether one of two targets is in a later turn of a loop that both are in; nothing where they are in the same ones.
fn is_later_turn(phase: &Phase, later: &Phase, target: &Target, other: &Target) -> Option<bool> {
    let turn = |target: &Target, name: &str| target.scope.get(name).and_then(|turn| turn.parse::<u64>().ok());
    let both = phase.loops.iter().filter(|name| later.loops.contains(name));
    let mut turns = both.map(|name| (turn(target, name.as_str()), turn(other, name.as_str())));
    turns.find(|(own, theirs)| own != theirs).map(|(own, theirs)| theirs > own)
}

/// Returns the phases that hang on one, be it by way of the loops that they and it are in.
fn behind<'m>(model: &'m Model, phase: &'m Phase) -> HashSet<&'m str> {
    let mut readers: HashMap<&str, Vec<&str>> = HashMap::new();
    for reader in &model.phases {
        // Within the same turn the loop says nothing of who is first.
        let around = reader.loops.iter().filter(|name| !phase.loops.contains(name)).map(|name| name.as_str());
        let body: &[InTurn] = match &reader.work {
            Work::Loop(work) => &work.body,
            _ => &[],
        };
        let before = reader.edges().map(|edge| edge.phase.as_str()).chain(around);
        for name in before.chain(body.iter().map(|inner| inner.phase.as_str())) {
            readers.entry(name).or_default().push(reader.name.as_str());
        }
    }
    let mut behind = HashSet::new();
    let mut open = vec![phase.name.as_str()];
    while let Some(at) = open.pop() {
        open.extend(readers.get(at).into_iter().flatten().filter(|name| behind.insert(**name)));
    }
    behind
}
