//! A purse: what may be spent, what is spent, and what calls under way may still take out.

use refrain_schemas::money::Budget;
use refrain_schemas::usage::Usage;

/// So many calls, tokens and dollars. Dollars are counted in whole billionths, so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amount {
    pub(super) calls: u64,
    pub(super) tokens: u64,
    pub(super) nanos: u64,
}

impl Amount {
    /// Returns what one call with a usage amounts to; fractions of a billionth are rounded up.
    pub(super) fn of(usage: &Usage) -> Self {
        let nanos = usage.cost_usd.map_or(0, |dollars| nanos((dollars * 1e9).ceil()));
        Self { calls: 1, tokens: usage.tokens(), nanos }
    }

    pub(super) const fn plus(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            tokens: self.tokens.saturating_add(other.tokens),
            nanos: self.nanos.saturating_add(other.nanos),
        }
    }

    /// Returns what `n` take of which `per` take this much, rounded up.
    pub(super) fn share(&self, n: u64, per: u64) -> Self {
        let share = |amount: u64| {
            let all = u128::from(amount).saturating_mul(u128::from(n)).div_ceil(u128::from(per.max(1)));
            u64::try_from(all).unwrap_or(u64::MAX)
        };
        Self { calls: share(self.calls), tokens: share(self.tokens), nanos: share(self.nanos) }
    }

    /// Returns the larger of two amounts, currency by currency.
    pub(super) fn most(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.max(other.calls),
            tokens: self.tokens.max(other.tokens),
            nanos: self.nanos.max(other.nanos),
        }
    }

    const fn minus(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            tokens: self.tokens.saturating_sub(other.tokens),
            nanos: self.nanos.saturating_sub(other.nanos),
        }
    }

    const fn get(&self, what: Currency) -> u64 {
        match what {
            Currency::Calls => self.calls,
            Currency::Tokens => self.tokens,
            Currency::Dollars => self.nanos,
        }
    }
}

/// What a purse counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Currency {
    Calls,
    Tokens,
    Dollars,
}

impl Currency {
    const ALL: [Self; 3] = [Self::Calls, Self::Tokens, Self::Dollars];

    /// Returns an amount in words.
    pub(super) fn words(self, amount: u64) -> String {
        match self {
            Self::Calls => format!("{amount} call{}", if amount == 1 { "" } else { "s" }),
            Self::Tokens => format!("{amount} token{}", if amount == 1 { "" } else { "s" }),
            Self::Dollars => dollars(amount),
        }
    }
}

/// What one call may take out of a purse.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Hold {
    /// The most that it can consume, as far as that is known.
    pub(super) amount: Amount,
    /// The same for the ledger; nothing where it is not known.
    pub(super) ceiling: Option<Usage>,
    /// Whether it costs tokens that nobody can tell the most of.
    pub(super) no_tokens: bool,
    /// Whether it costs money that nobody can tell the most of.
    pub(super) no_dollars: bool,
}

/// Why a purse cannot bear another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) what: Currency,
    pub(super) limit: u64,
    pub(super) spent: u64,
    pub(super) reserved: u64,
    /// What the next call could take; nothing where nobody can tell.
    pub(super) next: Option<u64>,
    /// Whether there may be enough when calls under way have come back.
    pub(super) may_pass: bool,
}

/// What may be spent, what is spent, and what calls under way may still take out.
///
/// As long as no call takes more than its hold, `spent + reserved` never passes the limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Purse {
    calls: Option<u64>,
    tokens: Option<u64>,
    nanos: Option<u64>,
    spent: Amount,
    reserved: Amount,
    /// Whether something took more than it was reckoned to.
    is_overdrawn: bool,
}

impl Purse {
    /// Returns a purse for several budgets and a ceiling on calls; the lowest counts.
    pub(super) fn new(budgets: &[Budget], calls: Option<u64>) -> Self {
        let lowest = |of: &dyn Fn(&Budget) -> Option<u64>| budgets.iter().filter_map(of).min();
        let calls = lowest(&|budget| budget.calls).into_iter().chain(calls).min();
        // What is written as 0.1 is a tenth, whatever the nearest float is.
        let nanos = lowest(&|budget| budget.usd.map(|usd| nanos((usd * 1e9 + 1e-3).floor())));
        Self { calls, tokens: lowest(&|budget| budget.tokens), nanos, ..Self::default() }
    }

    /// Whether there is a limit to what may be spent.
    pub(super) fn is_limited(&self) -> bool {
        Currency::ALL.into_iter().any(|what| self.limit(what).is_some())
    }

    /// Counts what was spent before, or without a hold.
    pub(super) fn charge(&mut self, amount: &Amount) {
        self.spent = self.spent.plus(amount);
        self.is_overdrawn = true;
    }

    /// Whether the purse can bear a call and leave as much behind.
    pub(super) fn spares(&self, hold: &Hold, claim: &Amount) -> bool {
        self.lack(&Hold { amount: hold.amount.plus(claim), ..*hold }).is_none()
    }

    /// Says why the purse cannot bear a call, if it cannot.
    pub(super) fn lack(&self, hold: &Hold) -> Option<Lack> {
        Currency::ALL.into_iter().find_map(|what| self.lack_of(what, hold))
    }

    fn lack_of(&self, what: Currency, hold: &Hold) -> Option<Lack> {
        let limit = self.limit(what)?;
        let (spent, reserved, next) = (self.spent.get(what), self.reserved.get(what), hold.amount.get(what));
        let lack = Lack { what, limit, spent, reserved, next: Some(next), may_pass: false };
        let is_unknown = match what {
            Currency::Calls => false,
            Currency::Tokens => hold.no_tokens,
            Currency::Dollars => hold.no_dollars,
        };
        if is_unknown {
            return Some(Lack { next: None, ..lack });
        }
        let sum = spent.saturating_add(reserved).saturating_add(next);
        let is_empty = next == 0 && spent > 0 && spent >= limit;
        // A call under way has been made, whatever comes of it.
        let may_pass = what != Currency::Calls && reserved > 0 && spent.saturating_add(next) <= limit;
        (sum > limit || is_empty).then_some(Lack { may_pass, ..lack })
    }

    const fn limit(&self, what: Currency) -> Option<u64> {
        match what {
            Currency::Calls => self.calls,
            Currency::Tokens => self.tokens,
            Currency::Dollars => self.nanos,
        }
    }

    /// Sets aside what a call may take.
    pub(super) fn reserve(&mut self, hold: &Hold) {
        self.reserved = self.reserved.plus(&hold.amount);
        self.check();
    }

    /// Takes out what a call took in truth, and frees the rest of what was set aside.
    pub(super) fn settle(&mut self, hold: &Hold, taken: &Amount) {
        self.reserved = self.reserved.minus(&hold.amount);
        self.spent = self.spent.plus(taken);
        self.is_overdrawn |= taken.tokens > hold.amount.tokens || taken.nanos > hold.amount.nanos;
        self.check();
    }

    fn check(&self) {
        let sum = self.spent.plus(&self.reserved);
        let holds = |what: Currency| self.limit(what).is_none_or(|limit| sum.get(what) <= limit);
        debug_assert!(self.is_overdrawn || Currency::ALL.into_iter().all(holds), "{self:?}");
    }
}

/// Returns dollars in words.
#[expect(clippy::cast_precision_loss, reason = "nobody reads the sixteenth digit")]
fn dollars(nanos: u64) -> String {
    refrain_schemas::money::dollars(nanos as f64 / 1e9)
}

/// Returns a count of billionths; what no purse holds is more than any limit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
const fn nanos(float: f64) -> u64 {
    float as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(tokens: u64, nanos: u64) -> Hold {
        Hold { amount: Amount { calls: 1, tokens, nanos }, ..Hold::default() }
    }

    fn dollars_purse(usd: f64) -> Purse {
        Purse::new(&[Budget { usd: Some(usd), ..Budget::default() }], None)
    }

    #[test]
    fn what_is_reserved_counts_until_it_is_settled() {
        let mut purse = dollars_purse(1e-8);
        assert_eq!(purse.lack(&hold(0, 6)), None);
        purse.reserve(&hold(0, 6));
        let lack = purse.lack(&hold(0, 5)).unwrap();
        assert!(lack.may_pass && (lack.spent, lack.reserved, lack.limit) == (0, 6, 10));
        purse.settle(&hold(0, 6), &Amount { calls: 1, tokens: 0, nanos: 5 });
        assert_eq!(purse.lack(&hold(0, 5)), None);
        assert!(!purse.lack(&hold(0, 6)).unwrap().may_pass, "nothing is under way");
    }

    #[test]
    fn the_lowest_budget_counts() {
        let budget = |calls| Budget { calls: Some(calls), ..Budget::default() };
        let mut purse = Purse::new(&[budget(5), budget(2)], Some(3));
        purse.reserve(&hold(0, 0));
        purse.reserve(&hold(0, 0));
        let lack = purse.lack(&hold(0, 0)).unwrap();
        assert!((lack.what, lack.limit, lack.may_pass) == (Currency::Calls, 2, false));
    }

    #[test]
    fn nobody_spends_what_nobody_can_tell_the_most_of() {
        let open = Hold { no_dollars: true, ..hold(10, 0) };
        assert_eq!(dollars_purse(1.0).lack(&open).map(|lack| lack.next), Some(None));
        assert_eq!(Purse::default().lack(&open), None);
    }

    #[test]
    fn dollars_are_shown_as_everywhere() {
        for (nanos, words) in
            [(100_000_000, "$0.10"), (1_234_500_000, "$1.23"), (5_550_753, "$0.0056"), (7, "<$0.0001")]
        {
            assert_eq!(dollars(nanos), words);
        }
    }

    /// A run with 64 clones whose calls cost any part of what they may, or fail; returns whether anything is left.
    fn simulate(seed: u64) -> bool {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let (dollars, tokens) = (1 + random(1_000_000_000), 1 + random(100_000));
        let budget = Budget { usd: Some(dollars as f64 / 1e9), tokens: Some(tokens), calls: Some(400) };
        let mut purse = Purse::new(&[budget], None);
        let mut flights: Vec<Hold> = Vec::new();
        loop {
            let next = hold(1 + random(2_000), 1 + random(40_000_000));
            match purse.lack(&next) {
                None if flights.len() < 64 => {
                    purse.reserve(&next);
                    flights.push(next);
                    continue;
                }
                Some(lack) if !lack.may_pass && flights.is_empty() => break,
                _ => assert!(!flights.is_empty(), "it waits for nothing"),
            }
            let done = flights.swap_remove(usize::try_from(random(flights.len() as u64)).unwrap());
            let has_failed = random(5) == 0;
            let mut part = |most: u64| if has_failed { 0 } else { random(most + 1) };
            let taken = Amount { calls: 1, tokens: part(done.amount.tokens), nanos: part(done.amount.nanos) };
            purse.settle(&done, &taken);
            let sum = purse.spent.plus(&purse.reserved);
            assert!(sum.calls <= 400 && sum.tokens <= tokens && sum.nanos <= dollars, "{purse:?}");
        }
        assert_eq!(purse.reserved, Amount::default(), "what was set aside is free again");
        purse.spent.nanos < dollars
    }

    #[test]
    fn no_budget_is_ever_passed() {
        let n_unspent = (0..1000).filter(|seed| simulate(*seed)).count();
        assert!(n_unspent > 0, "calls that may cost too much are not made");
    }
}
