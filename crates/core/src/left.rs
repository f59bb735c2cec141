//! What later targets left of the files that a target wrote or read: that is no change of the world.
//!
//! A step may write a file that a later one writes over, moves or removes. When the pipeline is over, the file is as the later one
//! left it, and neither the step that wrote it first nor those that read it in between have anything to do again. Whatever
//! else became of a file is a change, and so is what an *earlier* target wrote since.

use std::collections::BTreeSet;

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
    let own = history.position(target);
    let mut left = Vec::new();
    for file in touched {
        let others = history.writers(&file.path).filter(|other| *other != target);
        let others: Vec<&Target> =
            others.filter(|other| model.phase(other.phase.as_str()).is_some()).collect();
        let (later, earlier): (Vec<&Target>, Vec<&Target>) =
            others.into_iter().partition(|other| follows(model, target, other));
        // What an earlier one wrote since is a change, unless it is the same again.
        let is_other = |stamp: &FileStamp| stamp.path == file.path && stamp.digest != file.digest;
        let wrote_other =
            |other: &Target| history.latest(other).is_some_and(|record| record.files.iter().any(is_other));
        if earlier.iter().any(|other| history.position(other) > own && wrote_other(other)) {
            continue;
        }
        let stamps = later.iter().filter_map(|other| history.latest(other));
        left.extend(
            stamps.flat_map(|record| record.files.iter()).filter(|stamp| stamp.path == file.path).cloned(),
        );
    }
    left
}

/// Whether a target comes after another one: in a later turn of a loop that both are in, or by what it hangs on.
fn follows(model: &Model, target: &Target, other: &Target) -> bool {
    let (Some(phase), Some(later)) = (model.phase(target.phase.as_str()), model.phase(other.phase.as_str()))
    else {
        return false;
    };
    let turn = |target: &Target, name: &str| target.scope.get(name).and_then(|turn| turn.parse::<u64>().ok());
    for name in phase.loops.iter().filter(|name| later.loops.contains(name)) {
        let (own, theirs) = (turn(target, name.as_str()), turn(other, name.as_str()));
        if own != theirs {
            return theirs > own;
        }
    }
    hangs_on(model, later, phase)
}

/// Whether a phase hangs on another one, be it by way of the loops that the two are in.
fn hangs_on(model: &Model, phase: &Phase, sought: &Phase) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![phase];
    while let Some(phase) = open.pop() {
        // Within the same turn the loop says nothing of who is first.
        let around = phase.loops.iter().filter(|name| !sought.loops.contains(name)).map(|name| name.as_str());
        let before = phase.edges().map(|edge| edge.phase.as_str()).chain(around);
        let body: &[InTurn] = match &phase.work {
            Work::Loop(work) => &work.body,
            _ => &[],
        };
        for name in before.chain(body.iter().map(|inner| inner.phase.as_str())) {
            if name == sought.name.as_str() {
                return true;
            }
            if seen.insert(name) {
                open.extend(model.phase(name));
            }
        }
    }
    false
}
