//! Whole numbers without an overflow, up to the bits that there may be.

use std::cmp::Ordering;
use std::fmt;

use super::error::{FormulaErrorKind, Outcome};
use super::work::{BITS, wide};
use magnitude::Magnitude;

mod magnitude;

/// The most digits of a number that has the most bits.
const DIGITS: usize = 1_234;

/// A whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Int(Size);

/// `Large` only where the number does not fit into `Small`, so that equal numbers are equal values.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Size {
    Small(i128),
    Large { is_negative: bool, magnitude: Magnitude },
}

impl From<i128> for Int {
    fn from(value: i128) -> Self {
        Self(Size::Small(value))
    }
}

impl Int {
    /// Makes the number of a count.
    pub(super) fn count(n: usize) -> Self {
        Self::from(i128::from(wide(n)))
    }

    /// Reads digits, with a sign or without.
    pub(super) fn parse(text: &str) -> Outcome<Option<Self>> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let digits = digits.trim_start_matches('0');
        if digits.len() > DIGITS {
            return Err(too_large());
        }
        Self::new(is_negative, Magnitude::parse(digits)).map(Some)
    }

    /// Returns what it takes to read a text, which is more where it may have many digits.
    pub(super) const fn reading(text: &str) -> usize {
        match text.len() {
            n @ 39..=2_000 => n * 128,
            n => n,
        }
    }

    /// Whether the number takes long to divide.
    pub(super) const fn is_large(&self) -> bool {
        matches!(self.0, Size::Large { .. })
    }

    /// Returns the whole part of a finite number.
    pub(super) fn whole_part(value: f64) -> Outcome<Self> {
        Self::new(value.is_sign_negative(), Magnitude::whole_part(value.abs()))
    }

    /// Holds the number to the most bits.
    fn new(is_negative: bool, magnitude: Magnitude) -> Outcome<Self> {
        if magnitude.bits() > BITS {
            return Err(too_large());
        }
        let small = magnitude.small().and_then(|value| match (is_negative, i128::try_from(value)) {
            (true, Ok(value)) => Some(-value),
            (false, Ok(value)) => Some(value),
            (true, Err(_)) if value == i128::MIN.unsigned_abs() => Some(i128::MIN),
            (_, Err(_)) => None,
        });
        Ok(Self(small.map_or(Size::Large { is_negative, magnitude }, Size::Small)))
    }

    fn is_negative(&self) -> bool {
        match &self.0 {
            Size::Small(value) => *value < 0,
            Size::Large { is_negative, .. } => *is_negative,
        }
    }

    fn magnitude(&self) -> Magnitude {
        match &self.0 {
            Size::Small(value) => Magnitude::of(value.unsigned_abs()),
            Size::Large { magnitude, .. } => magnitude.clone(),
        }
    }

    /// Whether the number is 0.
    pub(super) fn is_zero(&self) -> bool {
        self.0 == Size::Small(0)
    }

    /// Returns the number where it is a small one.
    pub(super) const fn small(&self) -> Option<i128> {
        match self.0 {
            Size::Small(value) => Some(value),
            Size::Large { .. } => None,
        }
    }

    /// Returns the number at the nearest end of a range of positions.
    pub(super) fn clamped(&self) -> i64 {
        let end = if self.is_negative() { i64::MIN } else { i64::MAX };
        self.small().and_then(|value| i64::try_from(value).ok()).unwrap_or(end)
    }

    /// Returns the nearest float, which may be infinite.
    pub(super) fn float(&self) -> f64 {
        let size = self.magnitude().float();
        if self.is_negative() { -size } else { size }
    }

    pub(super) fn neg(&self) -> Outcome<Self> {
        Self::new(!self.is_negative(), self.magnitude())
    }

    pub(super) fn abs(&self) -> Outcome<Self> {
        Self::new(false, self.magnitude())
    }

    pub(super) fn add(&self, other: &Self) -> Outcome<Self> {
        if let (Size::Small(a), Size::Small(b)) = (&self.0, &other.0)
            && let Some(sum) = a.checked_add(*b)
        {
            return Ok(sum.into());
        }
        let (a, b) = (self.magnitude(), other.magnitude());
        match (self.is_negative(), other.is_negative()) {
            (a_negative, b_negative) if a_negative == b_negative => Self::new(a_negative, a.add(&b)),
            (a_negative, _) if a >= b => Self::new(a_negative, a.sub(&b)),
            (_, b_negative) => Self::new(b_negative, b.sub(&a)),
        }
    }

    pub(super) fn sub(&self, other: &Self) -> Outcome<Self> {
        self.add(&other.neg()?)
    }

    pub(super) fn mul(&self, other: &Self) -> Outcome<Self> {
        if let (Size::Small(a), Size::Small(b)) = (&self.0, &other.0)
            && let Some(product) = a.checked_mul(*b)
        {
            return Ok(product.into());
        }
        let (a, b) = (self.magnitude(), other.magnitude());
        if a.bits() + b.bits() > BITS + 1 {
            return Err(too_large());
        }
        Self::new(self.is_negative() != other.is_negative(), a.mul(&b))
    }

    /// Divides, rounding down; the rest has the sign of the divisor.
    pub(super) fn div_mod(&self, other: &Self) -> Outcome<(Self, Self)> {
        if other.is_zero() {
            return Err(FormulaErrorKind::value("division by zero"));
        }
        if let (Size::Small(a), Size::Small(b)) = (&self.0, &other.0)
            && let (Some(quotient), Some(rest)) = (a.checked_div(*b), a.checked_rem(*b))
        {
            let down = rest != 0 && (rest < 0) != (*b < 0);
            return Ok(both(if down { (quotient - 1, rest + b) } else { (quotient, rest) }));
        }
        let (quotient, rest) = self.magnitude().div_rem(&other.magnitude());
        let differs = self.is_negative() != other.is_negative();
        let quotient = Self::new(differs, quotient)?;
        let rest = Self::new(self.is_negative(), rest)?;
        if differs && !rest.is_zero() {
            return Ok((quotient.sub(&1.into())?, rest.add(other)?));
        }
        Ok((quotient, rest))
    }

    /// Raises to a power; the size of the result is known before it is made.
    pub(super) fn pow(&self, exponent: u64) -> Outcome<Self> {
        if exponent == 0 {
            return Ok(1.into());
        }
        let bits = self.magnitude().bits();
        if bits.saturating_sub(1).saturating_mul(exponent) >= BITS {
            return Err(too_large());
        }
        let mut power = self.clone();
        for bit in (0..exponent.ilog2()).rev() {
            power = power.mul(&power)?;
            if exponent >> bit & 1 == 1 {
                power = power.mul(self)?;
            }
        }
        Ok(power)
    }
}

fn both((a, b): (i128, i128)) -> (Int, Int) {
    (a.into(), b.into())
}

const fn too_large() -> FormulaErrorKind {
    FormulaErrorKind::Limit { most: BITS, what: "bits in a number" }
}

impl Ord for Int {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Size::Small(a), Size::Small(b)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        match (self.is_negative(), other.is_negative()) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
        }
    }
}

impl PartialOrd for Int {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Size::Small(value) => value.fmt(f),
            Size::Large { is_negative, magnitude } => f.pad_integral(!is_negative, "", &magnitude.digits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> Int {
        Int::parse(text).unwrap().unwrap()
    }

    #[test]
    fn large_numbers() {
        let large = int("340282366920938463463374607431768211456");
        assert_eq!(Int::from(2).pow(128).unwrap(), large);
        assert_eq!(large.sub(&1.into()).unwrap().to_string(), "340282366920938463463374607431768211455");
        assert_eq!(large.neg().unwrap().to_string(), format!("-{large}"));
        assert_eq!(int(&Int::from(7).pow(1_024).unwrap().to_string()), Int::from(7).pow(1_024).unwrap());
        assert_eq!(Int::from(i128::MIN).neg().unwrap().neg().unwrap().small(), Some(i128::MIN));
        assert_eq!(large.float(), 2_f64.powi(128));
        assert_eq!(Int::whole_part(2_f64.powi(128)).unwrap(), large);
        assert_eq!(Int::whole_part(-2.75).unwrap(), (-2).into());
    }

    #[test]
    fn bits_have_an_end() {
        assert!(Int::from(2).pow(4_095).is_ok());
        assert!(Int::from(2).pow(4_096).is_err());
        let most = Int::from(2).pow(4_095).unwrap();
        assert!(most.add(&most).is_err() && most.mul(&2.into()).is_err());
        assert!(Int::parse(&"9".repeat(1_234)).is_err() && Int::parse(&"9".repeat(1_233)).is_ok());
        assert!(Int::parse(&"9".repeat(100_000)).is_err());
        assert_eq!(Int::parse(&"0".repeat(5_000)).unwrap(), Some(0.into()));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(200))]
        #[test]
        fn division_is_undone_by_multiplication(a: i128, b: i128, shift in 0_u64..300) {
            let a = Int::from(a).mul(&Int::from(2).pow(shift).unwrap()).unwrap();
            let b = Int::from(b);
            if !b.is_zero() {
                let (quotient, rest) = a.div_mod(&b).unwrap();
                proptest::prop_assert_eq!(quotient.mul(&b).unwrap().add(&rest).unwrap(), a);
                proptest::prop_assert!(rest.is_zero() || rest.is_negative() == b.is_negative());
                proptest::prop_assert!(rest.magnitude() < b.magnitude());
            }
        }

        #[test]
        fn digits_are_read_back(a: i128, b: i128) {
            let product = Int::from(a).mul(&b.into()).unwrap();
            proptest::prop_assert_eq!(int(&product.to_string()), product);
        }
    }
}
