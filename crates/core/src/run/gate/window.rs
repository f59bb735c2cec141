//! How many calls may be in flight.

/// How many calls leave at first where nothing is known of what a provider allows.
const FIRST: f64 = 12.0;
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
    /// Whether nobody was answered yet, nor refused.
    is_opening: bool,
}

impl Window {
    /// Returns a window that is as wide as it may get.
    pub(super) fn new(ceiling: u32) -> Self {
        let ceiling = f64::from(ceiling.max(1));
        Self { size: ceiling, ceiling, knee: ceiling, is_opening: false }
    }

    /// Returns a window that lets few calls through until one is answered, and then all, unless something is refused before
    /// that: a crowd that leaves before anything is known is refused as a crowd. It costs one round trip.
    pub(super) fn opening(ceiling: u32) -> Self {
        let window = Self::new(ceiling);
        Self { size: window.ceiling.min(FIRST), is_opening: window.ceiling > FIRST, ..window }
    }

    /// Lets the window get wider by so many.
    pub(super) fn widen(&mut self, by: u32) {
        self.ceiling += f64::from(by);
        self.knee = self.knee.max(self.ceiling);
        if !self.is_opening {
            self.size = self.ceiling;
        }
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
        self.is_opening = false;
    }

    /// Opens at once, where what is allowed is known.
    pub(super) const fn open(&mut self) {
        if self.is_opening {
            self.recover();
        }
    }

    /// Is as wide as it may get again.
    pub(super) const fn recover(&mut self) {
        (self.size, self.knee, self.is_opening) = (self.ceiling, self.ceiling, false);
    }

    pub(super) fn grow(&mut self) {
        self.open();
        let step = if self.size < self.knee { FAST } else { 1.0 / self.size };
        self.size = (self.size + step).min(self.ceiling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_waits_for_the_first_answer() {
        let mut window = Window::opening(100);
        assert!(window.has_room(11) && !window.has_room(12));
        window.grow();
        assert!(window.has_room(99));
        let mut window = Window::opening(100);
        window.halve();
        window.grow();
        assert!(window.has_room(5) && !window.has_room(6), "it was refused");
        let mut small = Window::opening(3);
        assert!(small.has_room(2) && !small.has_room(3));
        small.widen(5);
        assert!(small.has_room(7), "few clones are no crowd");
    }

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
