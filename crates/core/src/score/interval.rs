//! Confidence intervals by paired bootstrap: what a measure would have been with other lines of the same kind.

/// How often lines are drawn anew.
const DRAWS: usize = 1_000;
/// Above this many lines, they are put into so many groups, and groups are drawn.
const MOST_GROUPS: usize = 1_000;
/// The same lines give the same interval.
const SEED: u64 = 0x5EED;

/// A difference and where it lies with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The difference.
    pub difference: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Sums of what was counted on lines that belong together; a line's counts on both sides stand in one row.
#[derive(Debug, Clone)]
pub struct Rows {
    width: usize,
    groups: Vec<f64>,
    lines: usize,
}

impl Rows {
    /// Makes room for so many lines of so many counts.
    #[must_use]
    pub fn new(lines: usize, width: usize) -> Self {
        let width = width.max(1);
        Self { width, groups: vec![0.0; lines.min(MOST_GROUPS) * width], lines: 0 }
    }

    /// Adds the counts of a line. Lines are dealt out to the groups in turn, so that neighbours, which are alike, part.
    pub fn add(&mut self, counts: &[f64]) {
        let n_groups = (self.groups.len() / self.width).max(1);
        let at = self.lines % n_groups * self.width;
        if let Some(group) = self.groups.get_mut(at..at + self.width) {
            add(group, counts);
        }
        self.lines += 1;
    }

    /// Returns how many lines there are.
    #[must_use]
    pub const fn lines(&self) -> usize {
        self.lines
    }

    /// Returns the sums over all lines.
    #[must_use]
    pub fn sums(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        self.groups.chunks_exact(self.width).for_each(|group| add(&mut sums, group));
        sums
    }

    /// Returns a difference that is worked out from sums, with its interval.
    #[must_use]
    pub fn interval(&self, difference: impl Fn(&[f64]) -> f64) -> Interval {
        let whole = difference(&self.sums());
        let n_groups = self.groups.len() / self.width;
        if n_groups == 0 {
            return Interval { difference: whole, low: whole, high: whole };
        }
        let mut chance = Chance(SEED);
        let mut drawn: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let mut sums = vec![0.0; self.width];
                for _ in 0..n_groups {
                    let at = chance.below(n_groups) * self.width;
                    add(&mut sums, &self.groups[at..at + self.width]);
                }
                difference(&sums)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        // Of a thousand draws, the 25 at each end are left out.
        Interval { difference: whole, low: drawn[DRAWS / 40], high: drawn[DRAWS - 1 - DRAWS / 40] }
    }
}

fn add(sums: &mut [f64], more: &[f64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

/// Numbers without a pattern, the same each time (splitmix64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper half of the product is even enough for bounds this small.
        ((u128::from(n ^ (n >> 31)) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval of the mean difference of pairs.
    fn mean(pairs: &[(f64, f64)]) -> Interval {
        let mut rows = Rows::new(pairs.len(), 3);
        pairs.iter().for_each(|(a, b)| rows.add(&[1.0, *a, *b]));
        assert_eq!(rows.lines(), pairs.len());
        rows.interval(|sums| (sums[2] - sums[1]) / sums[0])
    }

    #[test]
    fn what_is_the_same_on_every_line_is_certain() {
        let sure = mean(&[(1.0, 3.0); 50]);
        assert_eq!(sure, Interval { difference: 2.0, low: 2.0, high: 2.0 });
        assert_eq!(mean(&[(1.0, 1.0)]).high, 0.0);
        assert_eq!(Rows::new(0, 2).interval(|sums| sums[0]).low, 0.0);
    }

    #[test]
    fn the_interval_is_about_as_wide_as_statistics_say() {
        // Differences are 0 or 1 in turn: the mean is 1/2 and its standard error 1/2 over the root of 400.
        let pairs: Vec<(f64, f64)> = (0..400).map(|n| (0.0, f64::from(n % 2))).collect();
        let half = mean(&pairs);
        assert_eq!(half.difference, 0.5);
        assert!((half.high - half.low - 2.0 * 1.96 * 0.025).abs() < 0.01, "{half:?}");
        assert_eq!(mean(&pairs), half, "the same lines give the same interval");
    }

    #[test]
    fn many_lines_are_put_into_groups() {
        let mut chance = Chance(1);
        let pairs: Vec<(f64, f64)> = (0..20_000).map(|_| (0.0, chance.below(2) as f64)).collect();
        let half = mean(&pairs);
        let expect = 2.0 * 1.96 * 0.5 / 20_000.0_f64.sqrt();
        assert!((half.high - half.low - expect).abs() < 0.2 * expect, "{half:?}, and {expect}");
    }
}
