//! The order of phases, and the circles that leave none.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use refrain_schemas::name::PhaseName;

use super::Checker;
use super::code::Code;
use super::links::Links;

/// The most phases of a circle that a message spells out.
const SPELLED: usize = 40;

impl Checker<'_> {
    /// Returns the positions of the phases in an order in which each comes after those it names, and otherwise as in
    /// the file. Every circle is reported; its phases stand at the end.
    pub(super) fn order(&mut self, names: &[&PhaseName], links: &[Links]) -> Vec<usize> {
        let position: HashMap<&str, usize> =
            names.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
        let before: Vec<BTreeSet<usize>> = links
            .iter()
            .map(|links| {
                // What is in a loop begins after the loop has.
                let before = links.edges().map(|edge| &edge.phase).chain(&links.around);
                before.filter_map(|phase| position.get(phase.as_str()).copied()).collect()
            })
            .collect();
        let mut order = sorted(&before, &BTreeSet::new());
        let mut broken_up = BTreeSet::new();
        while order.len() < names.len() {
            let done: BTreeSet<usize> = order.iter().copied().collect();
            let Some(circle) = circle(&before, &done, &broken_up) else { break };
            self.cycle(&circle, names, links);
            // Taking the circle as done shows the others there are.
            broken_up.extend(circle);
            order = sorted(&before, &broken_up);
        }
        order
    }

    fn cycle(&mut self, circle: &[usize], names: &[&PhaseName], links: &[Links]) {
        let (Some(&first), Some(&second)) = (circle.first(), circle.get(1).or(circle.first())) else {
            return;
        };
        let path = links[first].named.iter().find(|(name, _)| name == names[second]);
        let path = path.map_or_else(|| format!("phases.{}", names[first]), |(_, path)| path.clone());
        let mut spelled: Vec<String> = circle.iter().take(SPELLED).map(|&n| names[n].to_string()).collect();
        if circle.len() > SPELLED {
            spelled.push(format!("({} more)", circle.len() - SPELLED));
        }
        spelled.push(names[first].to_string());
        let message = format!("phases wait for each other: {}", spelled.join(" → "));
        self.problems.add(Code::Cycle, path, message);
    }
}

/// Sorts topologically, the earliest in the file first; phases of `broken_up` wait for none of each other.
fn sorted(before: &[BTreeSet<usize>], broken_up: &BTreeSet<usize>) -> Vec<usize> {
    let waits = |n: usize, on: &usize| !(broken_up.contains(&n) && broken_up.contains(on));
    let mut left: Vec<usize> = Vec::with_capacity(before.len());
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    for (n, earlier) in before.iter().enumerate() {
        let earlier = earlier.iter().filter(|on| waits(n, on));
        left.push(earlier.clone().count());
        earlier.for_each(|&on| after[on].push(n));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..before.len()).filter(|&n| left[n] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(Reverse(n)) = ready.pop() {
        order.push(n);
        for &later in &after[n] {
            left[later] -= 1;
            if left[later] == 0 {
                ready.push(Reverse(later));
            }
        }
    }
    order
}

/// Returns a circle among the phases that are not done, starting with its earliest in the file; each phase names the
/// next one.
fn circle(
    before: &[BTreeSet<usize>],
    done: &BTreeSet<usize>,
    broken_up: &BTreeSet<usize>,
) -> Option<Vec<usize>> {
    let mut at = (0..before.len()).find(|n| !done.contains(n))?;
    let mut steps: HashMap<usize, usize> = HashMap::new();
    let mut walk = Vec::new();
    // Whatever is not done waits for something that is not done, so the walk comes back to itself.
    let start = loop {
        if let Some(&step) = steps.get(&at) {
            break step;
        }
        steps.insert(at, walk.len());
        walk.push(at);
        let both = |on: &&usize| broken_up.contains(&at) && broken_up.contains(on);
        at = *before[at].iter().find(|on| !done.contains(on) && !both(on))?;
    };
    let mut circle = walk.split_off(start);
    let earliest = circle.iter().enumerate().min_by_key(|(_, n)| **n).map_or(0, |(step, _)| step);
    circle.rotate_left(earliest);
    Some(circle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_in_the_file_comes_first() {
        let before = [BTreeSet::from([2]), BTreeSet::new(), BTreeSet::new(), BTreeSet::from([0])];
        assert_eq!(sorted(&before, &BTreeSet::new()), [1, 2, 0, 3]);
    }

    #[test]
    fn a_circle_is_walked_along_its_edges() {
        let before = [BTreeSet::from([2]), BTreeSet::from([0]), BTreeSet::from([1]), BTreeSet::from([1])];
        assert_eq!(circle(&before, &BTreeSet::new(), &BTreeSet::new()), Some(vec![0, 2, 1]));
    }

    #[test]
    fn a_deep_circle_needs_no_stack() {
        let n = 100_000;
        let before: Vec<BTreeSet<usize>> = (0..n).map(|i| BTreeSet::from([(i + 1) % n])).collect();
        assert_eq!(circle(&before, &BTreeSet::new(), &BTreeSet::new()).map(|c| c.len()), Some(n));
    }
}
