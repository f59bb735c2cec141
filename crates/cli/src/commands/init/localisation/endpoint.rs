//! Where the models of a project are.

use clap::ValueEnum;
use refrain_schemas::endpoint::{EndpointKind, EndpointSpec};
use refrain_schemas::pipeline::Declarations;
use serde_json::json;

use crate::wiring::{endpoint, price};

/// The name that endpoint has in the pipeline file.
const NAME: &str = "main";

/// Which models to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Provider {
    /// None: what is built in does the work, offline and for free
    #[default]
    None,
    /// Whatever speaks OpenAI's chat completions
    Openai,
    /// Anthropic's messages
    Anthropic,
    /// Google's Gemini
    Gemini,
}

/// What is usual with a provider.
pub(super) struct Home {
    pub(super) url: &'static str,
    pub(super) key: &'static str,
    pub(super) model: &'static str,
    kind: EndpointKind,
    word: &'static str,
}

const OPENAI: Home = Home {
    url: "https://api.openai.com/v1",
    key: "OPENAI_API_KEY",
    model: "gpt-5-mini",
    kind: EndpointKind::Openai,
    word: "openai",
};
const ANTHROPIC: Home = Home {
    url: "https://api.anthropic.com/v1",
    key: "ANTHROPIC_API_KEY",
    model: "claude-haiku-4-5",
    kind: EndpointKind::Anthropic,
    word: "anthropic",
};
const GEMINI: Home = Home {
    url: "https://generativelanguage.googleapis.com/v1beta",
    key: "GEMINI_API_KEY",
    model: "gemini-2.5-flash",
    kind: EndpointKind::Gemini,
    word: "gemini",
};
/// What stands there until somebody fills it in.
const BLANK: Home = Home { key: "MODEL_API_KEY", ..OPENAI };

impl Provider {
    /// Returns what is usual with it.
    pub(super) const fn home(self) -> &'static Home {
        match self {
            Self::None => &BLANK,
            Self::Openai => &OPENAI,
            Self::Anthropic => &ANTHROPIC,
            Self::Gemini => &GEMINI,
        }
    }

    /// Reads the name of one.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, true)
            .map_err(|_| format!("`{text}` is none of none, openai, anthropic and gemini"))
    }
}

/// Reads an address.
pub(super) fn address(text: &str) -> Result<String, String> {
    let spec = EndpointSpec { base_url: Some(text.to_owned()), ..EndpointSpec::default() };
    match endpoint::resolve(&declared(spec), NAME) {
        Ok(_) if !text.contains(['"', '\\']) => Ok(text.to_owned()),
        Ok(_) => Err(format!("`{text}` is no address")),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the name of a variable. What is none may be the key itself, so it is not repeated.
pub(super) fn variable(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = text.chars().all(fits) && text.starts_with(|c: char| !c.is_ascii_digit());
    let is_name = is_name && !text.is_empty();
    is_name.then(|| text.to_owned()).ok_or_else(|| {
        "that is not the name of a variable, such as MODEL_API_KEY; the key itself goes into the environment".to_owned()
    })
}

/// Reads the name of a model.
pub(super) fn model(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@');
    let is_name = !text.is_empty() && text.chars().all(fits);
    is_name.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is not the name of a model"))
}

fn declared(spec: EndpointSpec) -> Declarations {
    let mut declared = Declarations::default();
    declared.endpoints.insert(NAME.to_owned(), spec);
    declared
}

/// Returns what the pipeline file says of the endpoint.
pub(super) fn blanks(provider: Provider, url: &str, key: &str, model: &str) -> Vec<(&'static str, String)> {
    let home = provider.home();
    let spec =
        EndpointSpec { kind: Some(home.kind), base_url: Some(url.to_owned()), ..EndpointSpec::default() };
    let declared = declared(spec);
    let price = endpoint::resolve(&declared, NAME)
        .ok()
        .and_then(|at| price::of(&declared, &at, &format!("{NAME}/{model}")));
    let money = match price.map(|price| price.spec()) {
        Some(price) => KNOWN_PRICE
            .replace("@input@", &json!(price.input).to_string())
            .replace("@output@", &json!(price.output).to_string()),
        None => UNKNOWN_PRICE.to_owned(),
    };
    vec![
        ("kind", home.word.to_owned()),
        ("base_url", url.to_owned()),
        ("key_env", key.to_owned()),
        ("money", money.replace("@model@", model)),
        ("model", format!("{NAME}/{model}")),
    ]
}

/// Where the price of the model is known.
const KNOWN_PRICE: &str = "\
# What the model costs, in dollars per million tokens. Have a look at your provider's price list.
prices:
  main/@model@: { input: @input@, output: @output@ }

# What one run may spend. It stops before the call that might pass it; raise it and run again, and it goes on from there.
budget: { usd: 10.00 }";

/// Where it is not.
const UNKNOWN_PRICE: &str = "\
# What one run may do. With a price, it can be dollars as well: `{ usd: 10.00 }` stops before the call that might pass it.
budget: { calls: 20000 }

# What the model costs, in dollars per million tokens; see your provider's price list.
# prices:
#   main/@model@: { input: 0.25, cached_input: 0.025, output: 2.00 }";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_no_name_of_a_variable_and_is_not_repeated() {
        assert_eq!(variable("MY_KEY_2").as_deref(), Ok("MY_KEY_2"));
        for text in ["", "2_KEYS", "sk-123-abc", "my key"] {
            let why = variable(text).unwrap_err();
            assert!(text.is_empty() || !why.contains(text), "{why}");
        }
    }

    #[test]
    fn addresses_are_whole() {
        assert!(address("http://localhost:8000/v1").is_ok());
        for text in ["", "localhost", "ftp://x/y", "https://user:word@host/v1", "http://a\"b"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn usual_models_have_a_price() {
        for provider in Provider::value_variants() {
            let home = provider.home();
            let blanks = blanks(*provider, home.url, home.key, home.model);
            assert!(blanks.iter().any(|(_, text)| text.contains("usd: 10.00")), "{provider:?}");
        }
        let own = blanks(Provider::Openai, "http://localhost:8000/v1", "KEY", "tiny");
        assert!(
            own.iter()
                .any(|(_, text)| text.starts_with("# What one run may do") && text.contains("main/tiny"))
        );
    }
}
