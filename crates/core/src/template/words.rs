//! The words that templates know: filters and tests.

use minijinja::ErrorKind;

use super::{Dialect, ENVIRONMENT, dialect, environment_of, filters};

/// Whether there is a filter of this name.
pub(crate) fn known_filter(name: &str) -> bool {
    known_filter_in(Dialect::Refrain, name)
}

/// Whether a dialect has a filter of this name.
#[must_use]
pub fn known_filter_in(dialect: Dialect, name: &str) -> bool {
    let expression = environment_of(dialect).compile_expression_owned(format!("1|{name}"));
    let evaluated = expression.and_then(|expression| expression.eval(()));
    evaluated.err().is_none_or(|error| error.kind() != ErrorKind::UnknownFilter)
}

/// Whether there is a test of this name, which stands behind `is`.
#[must_use]
pub fn known_test(name: &str) -> bool {
    let expression = ENVIRONMENT.compile_expression_owned(format!("1 is {name}"));
    let evaluated = expression.and_then(|expression| expression.eval(()));
    evaluated.err().is_none_or(|error| error.kind() != ErrorKind::UnknownTest)
}

/// The names of filters of a dialect that are worth a suggestion.
pub fn filters_in(dialect: Dialect) -> impl Iterator<Item = &'static str> + Clone {
    usual_filters().chain(dialect::own_filters(dialect))
}

/// The names of filters that are worth a suggestion.
pub(crate) fn usual_filters() -> impl Iterator<Item = &'static str> + Clone {
    const USUAL: [&str; 22] = [
        "lines",
        "indent",
        "join",
        "length",
        "map",
        "sort",
        "unique",
        "upper",
        "lower",
        "title",
        "trim",
        "replace",
        "default",
        "first",
        "last",
        "list",
        "items",
        "select",
        "selectattr",
        "rejectattr",
        "groupby",
        "round",
    ];
    filters::NAMES.into_iter().chain(USUAL)
}
