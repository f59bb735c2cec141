//! What models cost: the project's own prices, and the list that ships.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::tz::TimeZone;
use refrain_schemas::money::PriceSpec;
use refrain_schemas::pipeline::Declarations;
use refrain_schemas::time::Timestamp;
use serde::Deserialize;

use super::agent::Seat;
use super::endpoint::{Endpoint, split_model};

/// The list that ships, as it was on its date.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceList {
    date: String,
    models: BTreeMap<String, PriceSpec>,
}

static SHIPPED: LazyLock<PriceList> =
    LazyLock::new(|| serde_json::from_str(include_str!("prices.json")).unwrap_or_default());

/// Returns the day of the price list that ships, as `2026-11-21`.
#[must_use]
pub fn prices_date() -> &'static str {
    &SHIPPED.date
}

/// Returns how old the price list that ships is.
#[must_use]
pub fn prices_age(now: Timestamp) -> Duration {
    let day = prices_date().parse::<jiff::civil::Date>().and_then(|date| date.to_zoned(TimeZone::UTC));
    day.map_or(Duration::ZERO, |day| now.since(Timestamp::from_micros(day.timestamp().as_microsecond())))
}

/// A price, and who says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KnownPrice {
    /// The project's `prices:`.
    Own(PriceSpec),
    /// The list that ships.
    Shipped(PriceSpec),
}

impl KnownPrice {
    /// Returns the price.
    #[must_use]
    pub const fn spec(self) -> PriceSpec {
        match self {
            Self::Own(spec) | Self::Shipped(spec) => spec,
        }
    }
}

/// Returns what a model costs at an endpoint: by the project's `prices:`, else by the list that ships. A model's name
/// may end in a date, which is left off where only the name without it has a price.
#[must_use]
pub fn of(declared: &Declarations, endpoint: &Endpoint, model: &str) -> Option<KnownPrice> {
    let own = |name: &str| declared.prices.get(name).copied().map(KnownPrice::Own);
    let shipped = |name: &str| SHIPPED.models.get(name).copied().map(KnownPrice::Shipped);
    let name = split_model(model)?.1;
    let listed = endpoint.provider.map(|provider| format!("{provider}/{name}"));
    either(model, own).or_else(|| either(&listed?, shipped))
}

/// Returns what a model costs at most where several endpoints may serve it and its own price is known: part by part, the
/// dearest of all.
pub(super) fn dearest(seats: &[Seat]) -> Option<PriceSpec> {
    let (own, stand_ins) = seats.split_first()?;
    let known: Vec<PriceSpec> = stand_ins.iter().filter_map(|seat| seat.price).collect();
    let dearest = known.iter().fold(own.price?, |dearest, price| {
        let cached = |price: &PriceSpec| price.cached_input.unwrap_or(price.input);
        PriceSpec {
            input: dearest.input.max(price.input),
            cached_input: Some(cached(&dearest).max(cached(price))),
            output: dearest.output.max(price.output),
            ..dearest
        }
    });
    (!known.is_empty()).then_some(dearest)
}

fn either(name: &str, price: impl Fn(&str) -> Option<KnownPrice>) -> Option<KnownPrice> {
    price(name).or_else(|| price(without_date(name)?))
}

/// Returns a name without the date at its end: `gpt-4o-2024-08-06`, `claude-sonnet-4-5-20250929`, `…-latest`.
fn without_date(name: &str) -> Option<&str> {
    if let Some(name) = name.strip_suffix("-latest") {
        return Some(name);
    }
    let is_date = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, sign)| match sign {
                b'0' => byte.is_ascii_digit(),
                sign => byte == sign,
            })
    };
    ["-0000-00-00", "-00000000"].iter().find_map(|pattern| {
        let at = name.len().checked_sub(pattern.len())?;
        let (name, date) = name.split_at_checked(at)?;
        is_date(date, pattern).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::resolve;
    use super::*;
    use refrain_schemas::endpoint::EndpointSpec;

    fn price(declared: &Declarations, model: &str) -> Option<KnownPrice> {
        of(declared, &resolve(declared, split_model(model).unwrap().0).unwrap(), model)
    }

    #[test]
    fn the_list_is_read_and_dated() {
        assert!(prices_date().parse::<jiff::civil::Date>().is_ok(), "{}", prices_date());
        for (name, price) in &SHIPPED.models {
            assert!(price.input > 0.0 && price.output >= price.input, "{name}");
            assert!(price.cached_input.is_none_or(|cached| cached < price.input), "{name}");
            assert!(["openai", "anthropic", "google"].contains(&split_model(name).unwrap().0), "{name}");
        }
    }

    #[test]
    fn the_list_ages() {
        let day: jiff::Timestamp = format!("{}T12:00:00Z", prices_date()).parse().unwrap();
        let age = |days: i64| {
            let then = day.as_microsecond() + days * 86_400_000_000;
            prices_age(Timestamp::from_micros(then)).as_secs() / 86_400
        };
        assert_eq!((age(0), age(200)), (0, 200));
        assert_eq!(age(-3), 0, "a clock that is wrong makes it no younger than new");
    }

    #[test]
    fn dated_names_have_the_price_of_their_model() {
        let declared = Declarations::default();
        let check = |dated: &str, name: &str| {
            assert!(price(&declared, name).is_some(), "{name}");
            assert_eq!(price(&declared, dated), price(&declared, name), "{dated}");
        };
        check("openai/gpt-4o-2024-08-06", "openai/gpt-4o");
        check("anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5");
        check("gemini/gemini-2.5-pro", "google/gemini-2.5-pro");
        assert_eq!(price(&declared, "openai/gpt-4o-2024"), None);
        assert_eq!(price(&declared, "ollama/gpt-4o"), None, "another provider's price is none");
    }

    #[test]
    fn the_project_knows_better() {
        let own = PriceSpec { input: 1.0, output: 2.0, ..PriceSpec::default() };
        let mut declared = Declarations::default();
        declared.prices.insert("openai/gpt-4o".to_owned(), own);
        declared.prices.insert("mine/m".to_owned(), own);
        let mine =
            EndpointSpec { base_url: Some("http://localhost:1/v1".to_owned()), ..EndpointSpec::default() };
        declared.endpoints.insert("mine".to_owned(), mine);
        assert_eq!(price(&declared, "openai/gpt-4o-2024-08-06"), Some(KnownPrice::Own(own)));
        assert_eq!(price(&declared, "mine/m"), Some(KnownPrice::Own(own)));
    }
}
