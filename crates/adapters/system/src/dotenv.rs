//! The format of `.env` files: `NAME=value` lines, read strictly.
//!
//! - `export NAME=value` is the same as `NAME=value`; blanks around the name, the equals sign and the value do not count.
//! - A bare value ends before ` #`. `'…'` is taken as it is; `"…"` knows `\n \r \t \" \' \\ \$`. Both may go over several lines,
//!   and nothing but a comment stands behind them.
//! - Nothing is filled in: `$NAME` is text.
//! - Lines that begin with `#` and empty ones are passed over; so are a byte order mark and the `\r` of `\r\n`.

use std::collections::BTreeMap;

use refrain_schemas::environment::is_variable_name;

/// What stands in a `.env` file.
#[derive(Default)]
pub(crate) struct Dotenv {
    /// The values, by name.
    pub(crate) entries: BTreeMap<String, String>,
    /// The text of the lines that could not be made out, from the equals sign or colon on where there is one.
    pub(crate) unread: Vec<String>,
    /// What is wrong with them.
    pub(crate) problems: Vec<DotenvProblem>,
}

/// Something wrong with a line of `.env`. Nothing of the line is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DotenvProblem {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub message: &'static str,
}

/// Reads a file to its end, whatever is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Dotenv {
    let mut found = Dotenv::default();
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let (mut rest, mut line) = (&*text, 1);
    while !rest.is_empty() {
        let whole = rest;
        let one = rest.split('\n').next().unwrap_or(rest);
        let taken = match entry(rest) {
            Ok((found_entry, taken)) => {
                let twice =
                    found_entry.is_some_and(|(name, value)| found.entries.insert(name, value).is_some());
                if twice {
                    found.problems.push(DotenvProblem { line, message: "the name was given a value before" });
                }
                taken
            }
            Err(message) => {
                found.problems.push(DotenvProblem { line, message });
                let value = one.split_once(['=', ':']).map_or(one, |(_, value)| value);
                found.unread.push(value.trim().trim_matches(['"', '\'']).to_owned());
                one.len()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
        rest = rest.strip_prefix('\n').unwrap_or(rest);
        let passed = whole.len() - rest.len();
        line += u32::try_from(whole[..passed].matches('\n').count()).unwrap_or(u32::MAX);
    }
    found
}

type Entry = Option<(String, String)>;

/// Reads one entry, or one line without any; returns it and how many bytes it took, the line break not included.
fn entry(text: &str) -> Result<(Entry, usize), &'static str> {
    let end = text.find('\n').unwrap_or(text.len());
    let line = text[..end].trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok((None, end));
    }
    if line.contains('\u{fffd}') {
        return Err("the line is not UTF-8");
    }
    let equals = text[..end].find('=').ok_or("a line is `NAME=value`; this one has no `=`")?;
    let name = text[..equals].trim();
    let name =
        name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name).trim();
    if !is_variable_name(name) {
        return Err("what stands before `=` is no name: letters, digits and underscores");
    }
    let begin = equals + 1 + blanks(&text[equals + 1..end]);
    let (value, taken) = match text[begin..].chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(&text[begin + 1..], quote).map(|(value, n)| (value, n + 1))?,
        _ => (bare(&text[begin..end]), end - begin),
    };
    if value.contains('\0') {
        return Err("the value holds a NUL character");
    }
    Ok((Some((name.to_owned(), value)), begin + taken))
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// Returns a value without quotes, up to its comment.
fn bare(text: &str) -> String {
    let comment = text.match_indices('#').map(|(at, _)| at);
    let comment = comment.into_iter().find(|&at| at == 0 || text[..at].ends_with([' ', '\t']));
    text[..comment.unwrap_or(text.len())].trim().to_owned()
}

/// Returns what stands up to the closing quote, and how many bytes that and the rest of its line took.
fn quoted(text: &str, quote: char) -> Result<(String, usize), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((value, at + 1 + behind(&text[at + 1..])?)),
            '\\' if quote == '"' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(c @ ('"' | '\'' | '\\' | '$')) => value.push(c),
                _ => {
                    return Err("an escape is one of `\\n \\r \\t \\\" \\' \\\\ \\$`; in '…' there are none");
                }
            },
            '\r' if text[at..].starts_with("\r\n") => {}
            c => value.push(c),
        }
    }
    Err("a quote is not closed")
}

/// Returns the length of what stands behind a closing quote, which may be a comment.
fn behind(text: &str) -> Result<usize, &'static str> {
    let line = text.split('\n').next().unwrap_or(text);
    let rest = line.trim();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(line.len())
    } else {
        Err("something stands behind the closing quote")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, entries: &[(&str, &str)], problems: &[(u32, &str)]) {
        let found = parse(text.as_bytes());
        let given: Vec<(&str, &str)> =
            found.entries.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(given, entries, "{text:?}");
        let said: Vec<(u32, &str)> = found.problems.iter().map(|p| (p.line, p.message)).collect();
        assert_eq!(said.len(), problems.len(), "{said:?}");
        for ((line, message), (expected, part)) in said.iter().zip(problems) {
            assert!(line == expected && message.contains(part), "{line}: {message}");
        }
    }

    #[test]
    fn lines_are_names_and_values() {
        check("A=1\nB = two words \n\n# no\n  # no\nC=\n", &[("A", "1"), ("B", "two words"), ("C", "")], &[]);
        check("export A=1\nexport\tB=2\nexportC=3", &[("A", "1"), ("B", "2"), ("exportC", "3")], &[]);
        check("\u{feff}A=1\r\nB='x'\r\n", &[("A", "1"), ("B", "x")], &[]);
        check("A=x#y # z\nB=#c\nC=a=b", &[("A", "x#y"), ("B", ""), ("C", "a=b")], &[]);
        check("A=$HOME ${X}", &[("A", "$HOME ${X}")], &[]);
    }

    #[test]
    fn quotes_keep_what_is_in_them() {
        check(r#"A=" x # y " # z"#, &[("A", " x # y ")], &[]);
        check(r#"A="a\n\"b\"\\\$'""#, &[("A", "a\n\"b\"\\$'")], &[]);
        check(r#"A='a\n"b" # $'"#, &[("A", "a\\n\"b\" # $")], &[]);
        check("A=\"one\r\ntwo\"\nB='3\n4'\nC=5", &[("A", "one\ntwo"), ("B", "3\n4"), ("C", "5")], &[]);
    }

    #[test]
    fn broken_lines_are_named_and_the_others_count() {
        check("A=1\nnonsense\nB=2", &[("A", "1"), ("B", "2")], &[(2, "has no `=`")]);
        check("my key=1\n=2\n2x=3\nB=2", &[("B", "2")], &[(1, "no name"), (2, "no name"), (3, "no name")]);
        check("A=\"open\nB=2", &[("B", "2")], &[(1, "not closed")]);
        check("A=\"x\" y\nB='1\n2'\nC=\"\\q\"", &[("B", "1\n2")], &[(1, "behind"), (4, "escape")]);
        check("A=1\nA=2", &[("A", "2")], &[(2, "before")]);
        check("A=\0", &[], &[(1, "NUL")]);
        let found = parse(b"A=\xff\xfe\nB=2");
        assert_eq!((found.entries.len(), found.problems[0].message), (1, "the line is not UTF-8"));
    }

    #[test]
    fn what_was_not_made_out_is_kept_to_be_hidden() {
        assert_eq!(parse(b"sk key=\"sk-1\nmore").unread, ["sk-1", "more"]);
    }

    #[test]
    fn any_bytes_are_read_to_their_end() {
        let pieces = ["A=", "\"", "'", "\\", "\n", "\r\n", "#", " ", "=", "é", "export ", "\u{feff}", "\0"];
        for n in 0..pieces.len().pow(4) {
            let pick = |place: u32| pieces[n / pieces.len().pow(place) % pieces.len()];
            let text: String = (0..4).map(pick).collect();
            let found = parse(text.as_bytes());
            assert!(found.problems.iter().all(|problem| problem.line >= 1 && problem.line <= 5), "{text:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(refrain_testkit::fuzz::config(300))]

        #[test]
        fn fuzz_any_bytes_are_entries_or_problems(bytes in refrain_testkit::fuzz::changed(
            b"# c\nexport A='x # y'\nB=\"two\nlines \\n \\$\" # c\r\nC = bare # c\n".to_vec(),
        )) {
            let found = parse(&bytes);
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            proptest::prop_assert!(found.entries.keys().all(|name| is_variable_name(name)));
            proptest::prop_assert!(found.problems.iter().all(|p| p.line >= 1 && p.line as usize <= lines));
        }
    }
}
