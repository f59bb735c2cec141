//! Numbers, sizes, lengths of time and money as people read them.

use std::time::Duration;

use refrain_schemas::plan::{Estimate, Range};
use refrain_schemas::time::Timestamp;
use refrain_schemas::usage::Usage;

/// Returns a count with commas: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count and its noun, in the plural where that is due: `1 call`, `2 calls`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Returns a count of replies.
pub(crate) fn replies(n: u64) -> String {
    if n == 1 { "1 reply".to_owned() } else { format!("{} replies", count(n)) }
}

/// Returns a count that is nothing where it is zero.
pub(crate) fn some(n: u64) -> String {
    if n == 0 { String::new() } else { count(n) }
}

/// Returns a range: `5`, `3–5`, `3 or more`.
pub(crate) fn range(range: &Range) -> String {
    match range.max {
        Some(max) if max == range.min => count(max),
        Some(max) => format!("{}–{}", count(range.min), count(max)),
        None if range.min == 0 => "?".to_owned(),
        None => format!("{}+", count(range.min)),
    }
}

/// Returns a share as a percentage: `42%`. Only what is whole is 100%.
pub(crate) fn percent(percent: f64) -> String {
    format!("{:.0}%", if percent < 100.0 { percent.floor() } else { 100.0 })
}

/// Returns a length of time: `850ms`, `12s`, `3m 05s`, `2h 10m`, `3d 4h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Returns seconds as a length of time.
pub(crate) fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// Returns a point in time to the second, in UTC: `2026-03-01 12:00:00`.
pub(crate) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).map_or_else(|| text.clone(), |text| text.replace('T', " "))
}

/// Returns a size in bytes: `512 B`, `1.5 MB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut divisor: u64 = 1;
    let mut unit = 0;
    while n / divisor >= 1_000 && unit + 1 < UNITS.len() {
        divisor *= 1_000;
        unit += 1;
    }
    if unit == 0 {
        return format!("{n} B");
    }
    format!("{}.{} {}", n / divisor, n % divisor * 10 / divisor, UNITS[unit])
}

/// Returns money: `$0.0042`, `$12.30`.
pub(crate) fn money(dollars: f64) -> String {
    refrain_schemas::money::dollars(dollars)
}

/// Returns money that is only guessed: `≈ $1.20 ($0.90–$1.60)`.
pub(crate) fn guessed_money(estimate: &Estimate) -> String {
    format!("≈ {} ({})", money(estimate.median), money_range(estimate))
}

/// Returns the bounds of a guess: `$0.90–$1.60`.
pub(crate) fn money_range(estimate: &Estimate) -> String {
    format!("{}–{}", money(estimate.low), money(estimate.high))
}

/// Returns tokens that are only guessed: `≈ 12,300 (10,000–15,000)`.
pub(crate) fn guessed_tokens(estimate: &Estimate) -> String {
    let [low, median, high] = [estimate.low, estimate.median, estimate.high].map(|n| count(whole(n)));
    format!("≈ {median} ({low}–{high})")
}

/// Returns the bounds of a guess in few characters: `950`, `12k`, `1.2M`; one number where they read alike.
pub(crate) fn token_range(estimate: &Estimate) -> String {
    let [low, high] = [estimate.low, estimate.high].map(|n| short(whole(n)));
    if low == high { low } else { format!("{low}–{high}") }
}

/// Returns a number to two or three places: `950`, `1.2k`, `12k`, `3.4M`.
fn short(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match UNITS.into_iter().find(|(unit, _)| n >= *unit) {
        None => n.to_string(),
        Some((unit, letter)) if n < 10 * unit => format!("{}.{}{letter}", n / unit, n % unit * 10 / unit),
        Some((unit, letter)) => format!("{}{letter}", n / unit),
    }
}

/// Returns a guess to two places and no more: nobody knows the others.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of tokens are far below 2^53"
)]
fn whole(n: f64) -> u64 {
    let n = n.clamp(0.0, 1e15);
    let place = 10_f64.powf((n.max(1.0).log10().floor() - 1.0).max(0.0));
    ((n / place).round() * place) as u64
}

/// Returns what calls consumed, as far as anything is known: `1,200 tokens in, 300 out, $0.0042`.
pub(crate) fn usage(usage: &Usage) -> Option<String> {
    let mut parts = Vec::new();
    if usage.tokens() > 0 {
        parts.push(format!("{} tokens in, {} out", count(usage.input_tokens), count(usage.output_tokens)));
    }
    parts.extend(usage.cost_usd.map(money));
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// Writes what was consumed for certain and what calls in doubt can have cost besides.
pub(crate) fn usage_and_doubts(certain: &Usage, doubtful: &Usage) -> Option<String> {
    let doubts = doubtful.cost_usd.map(|most| format!("up to {} in doubt", money(most)));
    match (usage(certain), doubts) {
        (Some(certain), Some(doubts)) => Some(format!("{certain} + {doubts}")),
        (certain, doubts) => certain.or(doubts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1, 2].map(|n| counted(n, "call")), ["0 calls", "1 call", "2 calls"]);
        assert_eq!([0, 999, 1_000, 1_550_000].map(bytes), ["0 B", "999 B", "1.0 kB", "1.5 MB"]);
        assert_eq!([0.0, 99.9, 100.0].map(percent), ["0%", "99%", "100%"]);
        assert_eq!([0.0, 0.0042, 12.3, 1e-6].map(money), ["$0.00", "$0.0042", "$12.30", "<$0.0001"]);
        let lengths = [0.85, 12.0, 185.0, 7_800.0, 273_600.0];
        assert_eq!(lengths.map(seconds), ["850ms", "12s", "3m 05s", "2h 10m", "3d 4h"]);
        assert_eq!(seconds(f64::NAN), "0ms");
        assert_eq!(time(Timestamp::from_micros(1_772_366_400_000_000)), "2026-03-01 12:00:00");
    }

    #[test]
    fn guesses_look_like_guesses() {
        let estimate = |low, median, high| Estimate { low, median, high };
        let dollars = estimate(0.9, 1.2, 1.6);
        assert_eq!(guessed_money(&dollars), "≈ $1.20 ($0.90–$1.60)");
        assert_eq!(guessed_tokens(&estimate(9_961.0, 12_345.6, 987_654.0)), "≈ 12,000 (10,000–990,000)");
        assert_eq!(token_range(&estimate(99.0, 1_000.0, 12_345.0)), "99–12k");
        assert_eq!(token_range(&estimate(1_230.0, 3e6, 3_456_000.0)), "1.2k–3.5M");
        assert_eq!(token_range(&estimate(1.2, 1.3, 1.4)), "1");
    }

    #[test]
    fn ranges_say_what_is_known() {
        assert_eq!(range(&Range::exactly(1_000)), "1,000");
        assert_eq!(range(&Range { min: 3, max: Some(5) }), "3–5");
        assert_eq!(range(&Range { min: 3, max: None }), "3+");
        assert_eq!(range(&Range { min: 0, max: None }), "?");
    }

    #[test]
    fn usage_says_only_what_is_known() {
        assert_eq!(usage(&Usage::default()), None);
        let known =
            Usage { cached_input_tokens: 0, input_tokens: 1_200, output_tokens: 300, cost_usd: Some(0.0042) };
        assert_eq!(usage(&known).as_deref(), Some("1,200 tokens in, 300 out, $0.0042"));
    }
}
