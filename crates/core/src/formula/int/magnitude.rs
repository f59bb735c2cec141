//! The sizes of whole numbers: words of 32 bits, the lowest first, without zeros at the end.

use std::cmp::Ordering;

/// Nine digits, the most that a word holds.
const BILLION: u32 = 1_000_000_000;

/// The size of a whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Magnitude(Vec<u32>);

impl Magnitude {
    pub(super) fn of(mut value: u128) -> Self {
        let mut words = Vec::with_capacity(4);
        while value > 0 {
            words.push(low(value));
            value >>= 32;
        }
        Self(words)
    }

    /// Reads digits that were looked at already.
    pub(super) fn parse(digits: &str) -> Self {
        let mut size = Self(Vec::new());
        for digit in digits.bytes() {
            size.shift_digit(10, u32::from(digit.wrapping_sub(b'0')));
        }
        size
    }

    /// Returns the whole part of a positive finite number.
    pub(super) fn whole_part(value: f64) -> Self {
        let bits = value.to_bits();
        let exponent = i64::from(low(u128::from(bits >> 52 & 0x7ff))) - 1_075;
        let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
        match u64::try_from(exponent) {
            Ok(shift) => Self::of(mantissa.into()).shifted(shift),
            Err(_) => Self::of(mantissa.checked_shr(low(exponent.unsigned_abs().into())).unwrap_or(0).into()),
        }
    }

    fn shifted(mut self, shift: u64) -> Self {
        for _ in 0..shift {
            self.shift_digit(2, 0);
        }
        self
    }

    fn trimmed(mut words: Vec<u32>) -> Self {
        while words.last() == Some(&0) {
            words.pop();
        }
        Self(words)
    }

    /// Multiplies by a word and adds one.
    fn shift_digit(&mut self, base: u32, digit: u32) {
        let mut carry = u64::from(digit);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(base);
            *word = low(carry.into());
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(low(carry.into()));
        }
    }

    /// Returns the size where it has at most 128 bits.
    pub(super) fn small(&self) -> Option<u128> {
        (self.0.len() <= 4)
            .then(|| self.0.iter().rev().fold(0, |value, word| value << 32 | u128::from(*word)))
    }

    pub(super) fn bits(&self) -> u64 {
        let words = super::wide(self.0.len());
        self.0.last().map_or(0, |word| words * 32 - u64::from(word.leading_zeros()))
    }

    fn bit(&self, at: u64) -> bool {
        let word = usize::try_from(at / 32).ok().and_then(|word| self.0.get(word));
        word.is_some_and(|word| word >> (at % 32) & 1 == 1)
    }

    /// Rounds to the nearest float, to an even one where two are as near.
    #[expect(clippy::cast_precision_loss, reason = "rounding is what this does")]
    pub(super) fn float(&self) -> f64 {
        let shift = self.bits().saturating_sub(64);
        let mut top = 0_u64;
        for at in (shift..self.bits()).rev() {
            top = top << 1 | u64::from(self.bit(at));
        }
        // What is cut off only matters where the rest lies in the middle of two floats.
        let is_cut = (0..shift).any(|at| self.bit(at));
        let scale = i32::try_from(shift).unwrap_or(i32::MAX);
        (top | u64::from(is_cut)) as f64 * 2_f64.powi(scale)
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let mut carry = 0_u64;
        let mut words = Vec::with_capacity(self.0.len().max(other.0.len()) + 1);
        for at in 0..self.0.len().max(other.0.len()) {
            carry += word(self, at) + word(other, at);
            words.push(low(carry.into()));
            carry >>= 32;
        }
        words.push(low(carry.into()));
        Self::trimmed(words)
    }

    /// Takes away what is not larger.
    pub(super) fn sub(&self, other: &Self) -> Self {
        let mut borrow = 0;
        let mut words = Vec::with_capacity(self.0.len());
        for at in 0..self.0.len() {
            let needed = word(other, at) + borrow;
            let has = word(self, at);
            borrow = u64::from(has < needed);
            words.push(low((has + (borrow << 32)).saturating_sub(needed).into()));
        }
        Self::trimmed(words)
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut words = vec![0; self.0.len() + other.0.len()];
        for (at, a) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            for (slot, b) in words.iter_mut().skip(at).zip(other.0.iter().chain(&[0])) {
                carry += u64::from(*a) * u64::from(*b) + u64::from(*slot);
                *slot = low(carry.into());
                carry >>= 32;
            }
        }
        Self::trimmed(words)
    }

    /// Divides bit by bit, which is quick enough for the few bits there may be.
    pub(super) fn div_rem(&self, other: &Self) -> (Self, Self) {
        let mut quotient = Self(Vec::new());
        let mut rest = Self(Vec::new());
        for at in (0..self.bits()).rev() {
            rest.shift_digit(2, self.bit(at).into());
            let fits = rest >= *other;
            if fits {
                rest = rest.sub(other);
            }
            quotient.shift_digit(2, fits.into());
        }
        (quotient, rest)
    }

    /// Returns the decimal digits.
    pub(super) fn digits(&self) -> String {
        let mut words = self.0.clone();
        let mut groups = Vec::new();
        while !words.is_empty() {
            let mut rest = 0_u64;
            for word in words.iter_mut().rev() {
                let value = rest << 32 | u64::from(*word);
                *word = low((value / u64::from(BILLION)).into());
                rest = value % u64::from(BILLION);
            }
            groups.push(rest);
            words = Self::trimmed(words).0;
        }
        let first = groups.pop().unwrap_or(0).to_string();
        groups.iter().rev().fold(first, |digits, group| format!("{digits}{group:09}"))
    }
}

impl Ord for Magnitude {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Magnitude {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn word(size: &Magnitude, at: usize) -> u64 {
    size.0.get(at).copied().unwrap_or(0).into()
}

/// Returns the lowest word.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is what is not wanted")]
const fn low(value: u128) -> u32 {
    value as u32
}
