//! How fast units are done, and how long the rest will take.

use crate::progress::count;

/// How many points are kept; beyond that every other one is forgotten.
const MOST_POINTS: usize = 256;

/// The units that were done by asking, over time.
///
/// A rate is taken over the latter half of what was done: how slowly the first calls were answered, or how long a scope
/// waited for its turn, says little about the rest.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// The first point is the last moment at which nothing had been asked.
    points: Vec<Point>,
    is_asking: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: f64,
    done: u64,
}

impl Pace {
    /// Begins at a time, or anew where work is taken up again: the pause between says nothing about the rate.
    pub(super) fn begin(&mut self, at: f64) {
        let done = self.points.last().map_or(0, |point| point.done);
        self.points = vec![Point { at, done }];
        self.is_asking = false;
    }

    /// Notes how many units have been done by now, and whether anybody has been asked.
    pub(super) fn note(&mut self, at: f64, done: u64, is_asking: bool) {
        let Some(last) = self.points.last().copied() else {
            return self.begin(at);
        };
        if done > last.done {
            self.points.push(Point { at: at.max(last.at), done });
            self.thin_out();
        } else if self.points.len() == 1 && !self.is_asking {
            // Nobody had been asked until now.
            self.points[0].at = at.max(last.at);
        }
        self.is_asking |= is_asking;
    }

    fn thin_out(&mut self) {
        if self.points.len() > MOST_POINTS {
            let last = self.points.len() - 1;
            let mut n = 0;
            self.points.retain(|_| {
                n += 1;
                (n - 1) % 2 == 0 || n - 1 == last
            });
        }
    }

    /// Returns the units done per second of late.
    pub(super) fn rate(&self) -> Option<f64> {
        let (from, to) = self.window()?;
        rate(from, to, 0.0)
    }

    /// Returns the units done per second from the first call to the end.
    pub(super) fn overall(&self, ended: f64) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        rate(*first, Point { at: ended.max(last.at), ..*last }, 0.0)
    }

    /// Returns how many seconds it takes from now on until so many more units are done.
    pub(super) fn eta(&self, left: u64, now: f64) -> Option<f64> {
        let (from, to) = self.window()?;
        let waited = (now - to.at).max(0.0);
        if waited > self.longest_gap(from) {
            // It has come to a halt: nobody knows how long, so the time that it takes already is added.
            return Some(count(left) / rate(from, to, waited)?);
        }
        Some((count(left) / rate(from, to, 0.0)? - waited).max(0.0))
    }

    /// Returns where the latter half of what was done begins and ends.
    fn window(&self) -> Option<(Point, Point)> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let half = first.done + (last.done - first.done) / 2;
        // Units that end together end at one time; a window needs a length.
        let from = self.points.iter().rev().find(|point| point.done <= half && point.at < last.at)?;
        (last.done > from.done).then_some((*from, *last))
    }

    fn longest_gap(&self, from: Point) -> f64 {
        let within = self.points.windows(2).filter(|pair| pair[0].at >= from.at);
        within.map(|pair| pair[1].at - pair[0].at).fold(0.0, f64::max)
    }
}

fn rate(from: Point, to: Point, waited: f64) -> Option<f64> {
    let (units, seconds) = (to.done - from.done, to.at - from.at + waited);
    (units > 0 && seconds > 0.0).then(|| count(units) / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(points: &[(f64, u64)]) -> Pace {
        let mut pace = Pace::default();
        pace.begin(0.0);
        points.iter().for_each(|(at, done)| pace.note(*at, *done, true));
        pace
    }

    #[test]
    fn the_latter_half_counts() {
        let slow_start = pace(&[(10.0, 1), (20.0, 2), (21.0, 3), (22.0, 4), (23.0, 5)]);
        assert_eq!(slow_start.rate(), Some(1.0));
        assert_eq!(slow_start.eta(5, 23.5), Some(4.5), "half a second of it has passed");
        assert_eq!(slow_start.overall(25.0), Some(0.2));
        assert_eq!(slow_start.eta(5, 33.0), Some(5.0 / (3.0 / 13.0)), "it has come to a halt");
    }

    #[test]
    fn nothing_is_said_before_anything_is_known() {
        assert_eq!(
            (pace(&[]).rate(), pace(&[(0.0, 5)]).rate(), pace(&[(1.0, 0)]).eta(3, 2.0)),
            (None, None, None)
        );
        assert_eq!(Pace::default().overall(1.0), None);
    }

    #[test]
    fn waiting_for_a_turn_is_not_slowness() {
        let mut pace = Pace::default();
        pace.begin(0.0);
        pace.note(100.0, 0, false);
        pace.note(101.0, 0, true);
        pace.note(102.0, 1, true);
        assert_eq!(pace.rate(), Some(1.0));
        pace.begin(500.0);
        pace.note(501.0, 3, true);
        assert_eq!(pace.rate(), Some(2.0), "a pause between two attempts does not count");
    }

    #[test]
    fn thousands_of_points_are_thinned_out() {
        let points: Vec<(f64, u64)> = (1..5_000_u32).map(|n| (f64::from(n), u64::from(n) * 2)).collect();
        let pace = pace(&points);
        assert!(pace.points.len() <= MOST_POINTS + 1);
        assert_eq!((pace.rate(), pace.overall(4_999.0)), (Some(2.0), Some(2.0)));
        assert_eq!(pace.points.last(), Some(&Point { at: 4_999.0, done: 9_998 }));
    }
}
