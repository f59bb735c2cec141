//! How many calls may be in flight.

/// How close to its old size a window grows fast.
const KNEE: f64 = 0.8;
/// By how much it grows with each success then.
const FAST: f64 = 0.25;

/// How many calls may be in flight: half as many after a refusal; then more with each success until it is close to where
/// it was, and from there on one more after each window of successes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    size: f64,
    ceiling: f64,
    /// Up to there it grows fast.
    knee: f64,
}

impl Window {
    /// Returns a window that is as wide as it may get.
    pub(super) fn new(ceiling: u32) -> Self {
        let ceiling = f64::from(ceiling.max(1));
        Self { size: ceiling, ceiling, knee: ceiling }
    }

    /// Lets the window get wider by so many.
    pub(super) fn widen(&mut self, by: u32) {
        self.ceiling += f64::from(by);
        self.size = self.ceiling;
    }

    /// Lets the window get no wider than that.
    pub(super) fn cap(&mut self, ceiling: u32) {
        self.ceiling = self.ceiling.min(f64::from(ceiling.max(1)));
        self.size = self.size.min(self.ceiling);
    }

    /// Whether one more fits beside those in flight.
    pub(super) fn has_room(&self, in_flight: u32) -> bool {
        f64::from(in_flight) + 1.0 <= self.size
    }

    pub(super) fn halve(&mut self) {
        self.knee = self.size * KNEE;
        self.size = (self.size / 2.0).max(1.0);
    }

    /// Is as wide as it may get again.
    pub(super) const fn recover(&mut self) {
        (self.size, self.knee) = (self.ceiling, self.ceiling);
    }

    pub(super) fn grow(&mut self) {
        let step = if self.size < self.knee { FAST } else { 1.0 / self.size };
        self.size = (self.size + step).min(self.ceiling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_successes_makes_room_for_one_more() {
        let mut window = Window::new(8);
        window.halve();
        assert!(window.has_room(3) && !window.has_room(4));
        (0..10).for_each(|_| window.grow());
        assert!(window.has_room(5) && !window.has_room(6), "fast up to 0.8 of what it was");
        (0..6).for_each(|_| window.grow());
        assert!(window.has_room(6) && !window.has_room(7), "then slowly");
        (0..100).for_each(|_| window.grow());
        assert!(window.has_room(7) && !window.has_room(8), "never above its ceiling");
        (0..10).for_each(|_| window.halve());
        assert!(window.has_room(0) && !window.has_room(1), "never below one");
    }
}
