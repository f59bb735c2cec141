//! How requests fail.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::settings::FaultMix;

/// One way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429 with `Retry-After`.
    RateLimited,
    /// 500.
    ServerError,
    /// 529, or 503 where the provider knows no 529.
    Overloaded,
    /// 200 with a body that is no JSON.
    Malformed,
    /// 200 with a body that ends too early; a stream that breaks off.
    Cut,
    /// The connection ends without a response.
    Hangup,
    /// An answer that stops in the middle, with the reason that it is too long. It is billed.
    Truncated,
    /// An answer that declines. It is billed.
    Refused,
    /// An answer that a filter withheld. It is billed.
    Filtered,
    /// An answer without what the schema asks for. It is billed.
    Invalid,
    /// A good answer with fences around it and a comma too many. It is billed.
    Fenced,
    /// An answer that never comes.
    Stalled,
}

/// Decides which requests fail: from the seed, the request and how often it has come, whatever order requests come in.
#[derive(Debug, Default)]
pub(super) struct Chance {
    seen: HashMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    times: u64,
    failed_in_a_row: u64,
}

impl Chance {
    /// Returns how a request fails, if it does.
    pub(super) fn decide(&mut self, mix: &FaultMix, seed: u64, digest: &str) -> Option<Fault> {
        let seen = self.seen.entry(digest.to_owned()).or_default();
        seen.times += 1;
        let number = mixed(seed ^ prefix(digest) ^ seen.times.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let spared = mix.in_a_row.is_some_and(|most| seen.failed_in_a_row >= most);
        let fault = if spared { None } else { drawn(mix, number) };
        seen.failed_in_a_row = if fault.is_some() { seen.failed_in_a_row + 1 } else { 0 };
        fault
    }
}

/// Returns a fault with the chance that the mix gives it.
fn drawn(mix: &FaultMix, number: u64) -> Option<Fault> {
    let n_kinds = u64::try_from(mix.kinds.len()).ok().filter(|n| *n > 0)?;
    let kind = usize::try_from(mixed(number) % n_kinds).ok()?;
    (fraction(number) < mix.share).then(|| mix.kinds.get(kind).copied()).flatten()
}

/// Returns a number from 0 to below 1.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than a float holds")]
pub(super) fn fraction(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns the first digits of a digest as a number.
pub(super) fn prefix(digest: &str) -> u64 {
    u64::from_str_radix(digest.get(..16).unwrap_or_default(), 16).unwrap_or_default()
}

/// Returns a number that looks like chance and hangs on every bit of another one.
pub(super) const fn mixed(number: u64) -> u64 {
    let a = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}
