//! The functions and methods there are, and how many arguments they take.

use std::ops::RangeInclusive;

use super::error::{FormulaErrorKind, Outcome};

/// Declares names of functions or methods, and what each takes.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($word:ident $text:literal $arity:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($word,)* }

        impl $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$word),)*];

            /// Finds what has a name.
            pub(super) fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|(text, _)| *text == name).map(|(_, word)| *word)
            }

            /// Returns the name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }

            /// Returns how many arguments it takes.
            pub(super) const fn arity(self) -> RangeInclusive<usize> {
                match self { $(Self::$word => $arity,)* }
            }

            /// Returns all names.
            pub(super) fn names() -> impl Iterator<Item = &'static str> {
                Self::ALL.iter().map(|(text, _)| *text)
            }
        }
    };
}

words! {
    /// A function.
    Function {
        Len "len" 1..=1,
        Str "str" 0..=1,
        Int "int" 0..=1,
        Float "float" 0..=1,
        Bool "bool" 0..=1,
        Abs "abs" 1..=1,
        Min "min" 1..=500,
        Max "max" 1..=500,
        Round "round" 1..=2,
        Sorted "sorted" 1..=1,
        Sum "sum" 1..=2,
        Any "any" 1..=1,
        All "all" 1..=1,
        List "list" 0..=1,
        Dict "dict" 0..=1,
        Set "set" 0..=1,
        Range "range" 1..=3,
        Loads "json.loads" 1..=1,
    }
}

words! {
    /// A method of a text, a list, a dict or a set.
    Method {
        Upper "upper" 0..=0,
        Lower "lower" 0..=0,
        Title "title" 0..=0,
        Capitalize "capitalize" 0..=0,
        Strip "strip" 0..=1,
        Lstrip "lstrip" 0..=1,
        Rstrip "rstrip" 0..=1,
        Split "split" 0..=2,
        Rsplit "rsplit" 0..=2,
        Splitlines "splitlines" 0..=0,
        Join "join" 1..=1,
        Replace "replace" 2..=3,
        Startswith "startswith" 1..=1,
        Endswith "endswith" 1..=1,
        Find "find" 1..=1,
        Rfind "rfind" 1..=1,
        Count "count" 1..=1,
        Index "index" 1..=1,
        Isdigit "isdigit" 0..=0,
        Isalpha "isalpha" 0..=0,
        Isalnum "isalnum" 0..=0,
        Zfill "zfill" 1..=1,
        Swapcase "swapcase" 0..=0,
        Casefold "casefold" 0..=0,
        Removeprefix "removeprefix" 1..=1,
        Removesuffix "removesuffix" 1..=1,
        Ljust "ljust" 1..=2,
        Rjust "rjust" 1..=2,
        Center "center" 1..=2,
        Partition "partition" 1..=1,
        Format "format" 0..=500,
        Islower "islower" 0..=0,
        Isupper "isupper" 0..=0,
        Isspace "isspace" 0..=0,
        Copy "copy" 0..=0,
        Get "get" 1..=2,
        Keys "keys" 0..=0,
        Values "values" 0..=0,
        Items "items" 0..=0,
        Union "union" 1..=1,
        Intersection "intersection" 1..=1,
        Difference "difference" 1..=1,
    }
}

/// Fails where there are too few or too many arguments.
pub(super) fn check(name: &str, arity: &RangeInclusive<usize>, n_arguments: usize) -> Outcome<()> {
    if arity.contains(&n_arguments) {
        return Ok(());
    }
    let (least, most) = (arity.start(), arity.end());
    let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(FormulaErrorKind::syntax(format!("`{name}` takes {wanted} arguments, not {n_arguments}")))
}
