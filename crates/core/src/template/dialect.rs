//! Whose words templates use: Refrain's own, or those of steps files.
//!
//! The steps dialect is what Jinja2's templates are with the settings and filters of steps files: blocks take the line
//! that they stand on, the newline at the end stays, values print as Python prints them, and texts, lists and maps have
//! the methods of [`formula`](crate::formula). Everything that bounds a rendering is the same in both dialects.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use refrain_schemas::pipeline::Dialect;

use super::{ENVIRONMENT, environment};

mod filters;
mod json_text;
mod layout;
mod markup;
mod numbers;
mod print;
mod texts;

static STEPS: LazyLock<Environment<'static>> = LazyLock::new(steps);

/// Returns the environment of a dialect.
pub(crate) fn environment_of(dialect: Dialect) -> &'static Environment<'static> {
    match dialect {
        Dialect::Refrain => &ENVIRONMENT,
        Dialect::Steps => &STEPS,
    }
}

/// Returns the filters of a dialect that those of the template language do not have.
pub(super) fn own_filters(dialect: Dialect) -> impl Iterator<Item = &'static str> + Clone {
    let own: [&'static [&'static str]; 2] = match dialect {
        Dialect::Refrain => [&[], &[]],
        Dialect::Steps => [&filters::NAMES, &markup::NAMES],
    };
    own.into_iter().flatten().copied()
}

fn steps() -> Environment<'static> {
    let mut environment = environment();
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    // The usual braces cannot be wrong.
    if let Ok(syntax) = syntax {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(print::written);
    environment.set_unknown_method_callback(print::method);
    filters::add(&mut environment);
    markup::add(&mut environment);
    environment
}

/// The filters that are given a regular expression first.
pub(super) const MATCHING: [&str; 4] = ["regex_search", "regex_match", "regex_findall", "regex_replace"];

/// Says what is wrong with a regular expression.
pub(super) fn wrong_pattern(text: &str) -> Option<String> {
    let error = texts::pattern(text).err()?;
    Some(error.detail().unwrap_or_default().to_owned())
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Returns the text of a value as templates print it.
fn text_of(state: &mut State<'_, '_>, value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    super::work::charge(state, &[value])?;
    let mut text = String::new();
    print::print(value, &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
