//! The identifiers that Ren'Py gives to dialogue: the label, and a hash of the statements that are translated together.

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest as _, Md5};

/// Gives identifiers in the order of the script.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    label: Option<String>,
    /// A label that begins with an underscore: statements behind it have a second identifier.
    alternate: Option<String>,
    given: BTreeSet<String>,
    /// How far the numbers behind an identifier were tried; they are never free again.
    tried: BTreeMap<String, u64>,
    /// Identifiers that statements claim with `id`.
    claimed: BTreeSet<String>,
}

impl Identifiers {
    pub(super) fn new(claimed: BTreeSet<String>) -> Self {
        Self { claimed, ..Self::default() }
    }

    /// Notes that statements from here on stand behind a label.
    pub(super) fn enter(&mut self, label: &str) {
        if label.starts_with('_') {
            self.alternate = Some(label.to_owned());
        } else {
            self.label = Some(label.to_owned());
            self.alternate = None;
        }
    }

    /// Gives the next identifier to the code of statements that are translated together; none before the first label,
    /// where it would depend on the other files of the game.
    pub(super) fn give(&mut self, codes: &[String], claim: Option<&str>) -> Option<String> {
        let digest = digest(codes);
        let base = |label: &String| format!("{}_{digest}", label.replace('.', "_"));
        let first = self.label.as_ref().map_or_else(|| digest.clone(), base);
        let alternate = self.alternate.as_ref().map(base);
        let mut identifier = self.unique(first);
        let mut second = alternate.map(|base| self.unique(base));
        if let Some(claim) = claim {
            second = second.or(Some(identifier));
            identifier = claim.to_owned();
        }
        self.given.insert(identifier.clone());
        self.given.extend(second);
        (claim.is_some() || self.label.is_some()).then_some(identifier)
    }

    fn unique(&mut self, base: String) -> String {
        let mut number = self.tried.get(&base).copied().unwrap_or(0);
        let mut name = numbered(&base, number);
        while self.given.contains(&name) || self.claimed.contains(&name) {
            number += 1;
            name = numbered(&base, number);
        }
        self.tried.insert(base, number);
        name
    }
}

fn numbered(base: &str, number: u64) -> String {
    if number == 0 { base.to_owned() } else { format!("{base}_{number}") }
}

fn digest(codes: &[String]) -> String {
    let mut hasher = Md5::new();
    for code in codes {
        hasher.update(code.as_bytes());
        hasher.update(b"\r\n");
    }
    let hash = hasher.finalize();
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes what is said as Ren'Py writes it into code.
pub(super) fn encoded(what: &str) -> String {
    let mut out = String::with_capacity(what.len() + 2);
    out.push('"');
    let mut blank = false;
    for c in what.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            ' ' if blank => out.push_str("\\ "),
            _ => out.push(c),
        }
        blank = c == ' ';
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_others_know() {
        let mut identifiers = Identifiers::default();
        identifiers.enter("start");
        let code = vec![r#"e "You've created a new Ren'Py game.""#.to_owned()];
        assert_eq!(identifiers.give(&code, None).as_deref(), Some("start_a170b500"));
        assert_eq!(identifiers.give(&code, None).as_deref(), Some("start_a170b500_1"));
        assert_eq!(identifiers.give(&code, None).as_deref(), Some("start_a170b500_2"));
        identifiers.enter("end.local");
        assert_eq!(identifiers.give(&code, None).as_deref(), Some("end_local_a170b500"));
        assert_eq!(identifiers.give(&code, Some("mine")).as_deref(), Some("mine"));
    }

    #[test]
    fn blanks_and_quotes_are_escaped() {
        assert_eq!(encoded("a  b\n\"\\"), r#""a \ b\n\"\\""#);
    }
}
