//! What providers say of their limits in headers.

use std::time::Duration;

use jiff::Timestamp;
use refrain_core::ports::agent::RateSignal;
use refrain_schemas::duration::Span;
use reqwest::header::HeaderMap;

/// Limits that are said to be renewed later than this are not limits per minute.
const A_MINUTE: Duration = Duration::from_secs(61);

/// Reads what a response says of its provider's limits. `now` is for providers that name points in time.
#[must_use]
pub fn rate_signal(headers: &HeaderMap, now: Timestamp) -> RateSignal {
    let requests =
        Window::openai(headers, "requests").or_else(|| Window::anthropic(headers, "requests", now));
    let tokens = Window::openai(headers, "tokens")
        .or_else(|| Window::anthropic(headers, "tokens", now))
        .or_else(|| Window::anthropic(headers, "input-tokens", now));
    let windows = [requests, tokens];
    let exhausted = windows.iter().flatten().filter(|window| window.remaining == Some(0));
    RateSignal {
        requests_per_minute: requests.and_then(|w| w.per_minute()).and_then(|n| u32::try_from(n).ok()),
        tokens_per_minute: tokens.and_then(|window| window.per_minute()),
        exhausted_for: exhausted.filter_map(|window| window.reset).max(),
    }
}

/// Returns what counts of a signal that came with a refusal. Limits are learnt from answers, where every provider that
/// tells them tells them; refusals come from whoever stands in between, too, and say more of a bad moment than of a minute.
/// And whoever says when to come back has said when there is something left again.
#[must_use]
pub fn refused(signal: RateSignal, retry_after: Option<Duration>) -> RateSignal {
    let exhausted_for = signal.exhausted_for.filter(|_| retry_after.is_none());
    RateSignal { requests_per_minute: None, tokens_per_minute: None, exhausted_for }
}

/// Reads how long the provider asks to be left alone.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(millis) = number(headers, "retry-after-ms") {
        return seconds(millis / 1000.0);
    }
    let value = header(headers, "retry-after")?;
    match value.parse::<f64>() {
        Ok(number) => seconds(number),
        Err(_) => until(jiff::fmt::rfc2822::parse(value).ok()?.timestamp(), now),
    }
}

/// One limit and what is left of it.
#[derive(Debug, Clone, Copy)]
struct Window {
    limit: u64,
    remaining: Option<u64>,
    reset: Option<Duration>,
}

impl Window {
    fn openai(headers: &HeaderMap, what: &str) -> Option<Self> {
        let of = |field: &str| format!("x-ratelimit-{field}-{what}");
        Some(Self {
            limit: whole(headers, &of("limit"))?,
            remaining: whole(headers, &of("remaining")),
            reset: header(headers, &of("reset")).and_then(span),
        })
    }

    fn anthropic(headers: &HeaderMap, what: &str, now: Timestamp) -> Option<Self> {
        let of = |field: &str| format!("anthropic-ratelimit-{what}-{field}");
        let reset = header(headers, &of("reset")).and_then(|text| text.parse().ok());
        Some(Self {
            limit: whole(headers, &of("limit"))?,
            remaining: whole(headers, &of("remaining")),
            reset: reset.and_then(|at| until(at, now)),
        })
    }

    fn per_minute(self) -> Option<u64> {
        let is_longer = self.reset.is_some_and(|reset| reset > A_MINUTE);
        (!is_longer && self.limit > 0).then_some(self.limit)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn whole(headers: &HeaderMap, name: &str) -> Option<u64> {
    header(headers, name)?.parse().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    header(headers, name)?.parse().ok()
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

fn until(at: Timestamp, now: Timestamp) -> Option<Duration> {
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// Reads `1s`, `6m0s`, `8.64s`, `20ms`, or a plain number of seconds.
fn span(text: &str) -> Option<Duration> {
    if let Ok(number) = text.parse::<f64>() {
        return seconds(number);
    }
    if let Ok(Span(span)) = text.parse() {
        return Some(span);
    }
    let (rest, last) = text
        .strip_suffix('s')?
        .rsplit_once(['m', 'h'])
        .map_or((None, text.strip_suffix('s')?), |(rest, last)| (Some(&text[..=rest.len()]), last));
    let whole = rest.map_or(Some(Duration::ZERO), |rest| rest.parse::<Span>().ok().map(|span| span.0))?;
    Some(whole + seconds(last.parse().ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn now() -> Timestamp {
        "2026-11-21T06:00:00Z".parse().unwrap()
    }

    #[test]
    fn pauses_come_as_seconds_millis_and_dates() {
        let check = |fields: &[(&str, &str)], expect: Option<u64>| {
            assert_eq!(retry_after(&headers(fields), now()), expect.map(Duration::from_millis), "{fields:?}");
        };
        check(&[("retry-after", "7")], Some(7000));
        check(&[("retry-after", "0.25")], Some(250));
        check(&[("retry-after", "7"), ("retry-after-ms", "1500")], Some(1500));
        check(&[("retry-after", "Sat, 21 Nov 2026 06:00:30 GMT")], Some(30_000));
        check(&[("retry-after", "Sat, 21 Nov 2026 05:00:00 GMT")], Some(0));
        check(&[("retry-after", "soon")], None);
        check(&[], None);
    }

    #[test]
    fn openai_tells_what_is_left() {
        let signal = rate_signal(
            &headers(&[
                ("x-ratelimit-limit-requests", "600"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "6.5s"),
                ("x-ratelimit-limit-tokens", "150000"),
                ("x-ratelimit-remaining-tokens", "149984"),
                ("x-ratelimit-reset-tokens", "6ms"),
            ]),
            now(),
        );
        let expect = RateSignal {
            requests_per_minute: Some(600),
            tokens_per_minute: Some(150_000),
            exhausted_for: Some(Duration::from_millis(6500)),
        };
        assert_eq!(signal, expect);
    }

    #[test]
    fn limits_per_day_are_not_taken_for_limits_per_minute() {
        let fields = [("x-ratelimit-limit-requests", "14400"), ("x-ratelimit-reset-requests", "2m59.56s")];
        assert_eq!(rate_signal(&headers(&fields), now()), RateSignal::default());
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_no_more() {
        let pause = Some(Duration::from_secs(360));
        let signal =
            RateSignal { requests_per_minute: Some(60), tokens_per_minute: Some(9), exhausted_for: pause };
        let nothing = RateSignal::default();
        assert_eq!(refused(signal, Some(Duration::from_secs(1))), nothing);
        assert_eq!(refused(signal, None), RateSignal { exhausted_for: pause, ..nothing });
    }

    #[test]
    fn anthropic_tells_when() {
        let signal = rate_signal(
            &headers(&[
                ("anthropic-ratelimit-requests-limit", "50"),
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T06:00:01Z"),
                ("anthropic-ratelimit-tokens-limit", "90000"),
                ("anthropic-ratelimit-tokens-remaining", "0"),
                ("anthropic-ratelimit-tokens-reset", "2026-11-21T06:00:12Z"),
            ]),
            now(),
        );
        let expect = RateSignal {
            requests_per_minute: Some(50),
            tokens_per_minute: Some(90_000),
            exhausted_for: Some(Duration::from_secs(12)),
        };
        assert_eq!(signal, expect);
    }

    #[test]
    fn spans_are_read_as_providers_write_them() {
        let check =
            |text: &str, millis: u64| assert_eq!(span(text), Some(Duration::from_millis(millis)), "{text}");
        check("1s", 1000);
        check("6m0s", 360_000);
        check("8.64s", 8640);
        check("1h2m3.5s", 3_723_500);
        check("20ms", 20);
        check("12", 12_000);
        assert_eq!(span("later"), None);
    }
}
