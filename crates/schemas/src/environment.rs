//! Lists of environment variables, as they are written for commands and servers.

use std::collections::BTreeMap;

/// One variable of an `env:` list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable<'a> {
    /// `NAME`: its value is that of Refrain's own environment or `.env`.
    Passed(&'a str),
    /// `NAME=value`: this value, which is never a secret.
    Set(&'a str, &'a str),
}

/// An entry of an `env:` list that is no variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VariableError {
    /// The name is empty or holds something else than letters, digits and underscores.
    #[error("a variable's name is made of letters, digits and underscores and does not begin with a digit")]
    Name,
    /// The value cannot be passed to a program.
    #[error("a NUL character cannot be passed to a program")]
    Nul,
}

impl<'a> Variable<'a> {
    /// Reads an entry of an `env:` list.
    ///
    /// # Errors
    /// Refuses what is no name, and values with a NUL character.
    pub fn parse(entry: &'a str) -> Result<Self, VariableError> {
        let (name, value) = entry.split_once('=').map_or((entry, None), |(name, value)| (name, Some(value)));
        match value {
            _ if !is_variable_name(name) => Err(VariableError::Name),
            Some(value) if value.contains('\0') => Err(VariableError::Nul),
            Some(value) => Ok(Self::Set(name, value)),
            None => Ok(Self::Passed(name)),
        }
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        match self {
            Self::Passed(name) | Self::Set(name, _) => name,
        }
    }
}

/// Returns the variables that an `env:` list sets itself, by name. They change what is asked, so they are part of the
/// identity of whatever gets them; those that are passed on are not. Of two with one name the last counts, as it does
/// for the process.
#[must_use]
pub fn set_variables(entries: &[String]) -> BTreeMap<&str, &str> {
    let mut set = BTreeMap::new();
    for entry in entries {
        match Variable::parse(entry) {
            Ok(Variable::Set(name, value)) => set.insert(name, value),
            Ok(Variable::Passed(name)) => set.remove(name),
            Err(_) => None,
        };
    }
    set
}

/// Whether a text can name a variable.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_names_or_assignments() {
        let check = |entry: &str, expect| assert_eq!(Variable::parse(entry), expect, "{entry:?}");
        check("KEY", Ok(Variable::Passed("KEY")));
        check("_k2=a=b", Ok(Variable::Set("_k2", "a=b")));
        check("EMPTY=", Ok(Variable::Set("EMPTY", "")));
        check("", Err(VariableError::Name));
        check("=x", Err(VariableError::Name));
        check("2x", Err(VariableError::Name));
        check("A-B=1", Err(VariableError::Name));
        check("A=\0", Err(VariableError::Nul));
    }

    #[test]
    fn the_last_of_two_counts() {
        let entries = ["A=1", "B", "A=2", "C=3", "C"].map(str::to_owned);
        assert_eq!(set_variables(&entries), BTreeMap::from([("A", "2")]));
    }
}
