//! JSON as it stands in a text: what is where, so that one string can be replaced and all else stays.

use std::ops::Range;

/// How deep values may be nested; as deep as the other readers of JSON allow.
const DEEPEST: usize = 127;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

/// What kind of value it is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Text,
    Object(Vec<Field>),
    List(Vec<Node>),
    /// A number, a truth value or null.
    Other,
}

/// A field of an object.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: Node,
}

/// Why a text was not understood.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It is not JSON; what the parser said.
    Syntax(serde_json::Error),
    /// It is nested too deeply, at this byte.
    Deep(usize),
    /// A string at this byte is no text: it has half of a character.
    Half(usize),
}

/// Finds out what stands where in a JSON text.
pub(crate) fn parse(text: &str) -> Result<Node, Trouble> {
    // What follows trusts the syntax, and so stays simple.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(Trouble::Syntax)?;
    Scan { text, at: 0, depth: 0 }.value()
}

/// Returns the plain text of a string that stands in a text.
pub(crate) fn string(text: &str, span: &Range<usize>) -> Option<String> {
    serde_json::from_str(text.get(span.clone())?).ok()
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Scan<'_> {
    fn peek(&mut self) -> u8 {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self) -> Result<Node, Trouble> {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            b'"' => {
                self.skip_string();
                Kind::Text
            }
            b'{' | b'[' if self.depth == DEEPEST => return Err(Trouble::Deep(start)),
            b'{' => Kind::Object(self.nested(b'}', Self::field)?),
            b'[' => Kind::List(self.nested(b']', Self::value)?),
            _ => {
                let rest = self.text.as_bytes().get(start..).unwrap_or_default();
                let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                Kind::Other
            }
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn nested<T>(&mut self, end: u8, item: fn(&mut Self) -> Result<T, Trouble>) -> Result<Vec<T>, Trouble> {
        self.depth += 1;
        self.at += 1;
        let mut items = Vec::new();
        while self.at < self.text.len() {
            match self.peek() {
                byte if byte == end => break,
                b',' => self.at += 1,
                _ => items.push(item(self)?),
            }
        }
        self.at = (self.at + 1).min(self.text.len());
        self.depth -= 1;
        Ok(items)
    }

    fn field(&mut self) -> Result<Field, Trouble> {
        let start = self.at;
        self.skip_string();
        let name = string(self.text, &(start..self.at)).ok_or(Trouble::Half(start))?;
        self.peek();
        self.at += 1;
        Ok(Field { name, value: self.value()? })
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            self.at += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if *byte == b'"' {
                return;
            }
        }
        self.at = self.text.len();
    }
}

impl Node {
    /// Returns the value of a field of an object; the last, where one is there twice.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        let Kind::Object(fields) = &self.kind else { return None };
        fields.iter().rev().find(|field| field.name == name).map(|field| &field.value)
    }

    /// Returns where a new field goes in an object, and what stands before its value there, in the style of the fields
    /// that are there.
    pub(crate) fn insertion(&self, text: &str, name: &str) -> Option<(usize, String)> {
        let Kind::Object(fields) = &self.kind else { return None };
        let name = serde_json::Value::from(name);
        let (Some(first), Some(last)) = (fields.first(), fields.last()) else {
            return Some((self.span.start + 1, format!("{name}: ")));
        };
        let before = text.get(self.span.start + 1..first.value.span.start)?;
        let space = before.len() - before.trim_start().len();
        let colon = before.trim_end().ends_with(':').then(|| before.len() - before.trim_end().len())?;
        let (space, colon) = (&before[..space], &before[before.len() - colon..]);
        // `{"a": 1, "b": 2}` has no space at the brace, but one behind the comma.
        let space = match fields.get(1) {
            Some(second) if space.is_empty() => {
                let between = text.get(first.value.span.end..second.value.span.start)?;
                let between = between.trim_start().strip_prefix(',').unwrap_or_default();
                &between[..between.len() - between.trim_start().len()]
            }
            None if space.is_empty() && !colon.is_empty() => " ",
            _ => space,
        };
        Some((last.value.span.end, format!(",{space}{name}:{colon}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, expect: &str) {
        let node = parse(text).unwrap();
        let (at, before) = node.insertion(text, name).unwrap();
        assert_eq!(format!("{}{before}1{}", &text[..at], &text[at..]), expect);
        assert_eq!(parse(expect).unwrap().field(name).map(|node| &expect[node.span.clone()]), Some("1"));
    }

    #[test]
    fn new_fields_are_written_like_those_there_are() {
        check("{}", "b", "{\"b\": 1}");
        check("{\"a\":2}", "b", "{\"a\":2,\"b\":1}");
        check("{\"a\": 2}", "b", "{\"a\": 2, \"b\": 1}");
        check("{\"a\":2, \"c\":[3]}", "b", "{\"a\":2, \"c\":[3], \"b\":1}");
        check(
            "{\n  \"a\": {\"x\" : \"}\\\"\"}\n}",
            "é\"",
            "{\n  \"a\": {\"x\" : \"}\\\"\"},\n  \"é\\\"\": 1\n}",
        );
    }

    #[test]
    fn values_are_where_they_stand() {
        let text = " {\"a\" : [1 , \"x\\\"]\", {}],\"a\":null }\n";
        let node = parse(text).unwrap();
        assert_eq!(&text[node.field("a").unwrap().span.clone()], "null", "the last one counts");
        let Kind::Object(fields) = &node.kind else { panic!() };
        let Kind::List(items) = &fields[0].value.kind else { panic!() };
        let items: Vec<&str> = items.iter().map(|item| &text[item.span.clone()]).collect();
        assert_eq!(items, ["1", "\"x\\\"]\"", "{}"]);
        let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        assert!(matches!(parse(&deep), Err(Trouble::Deep(127))));
        assert!(parse(&deep[1..deep.len() - 1]).is_ok());
        assert!(matches!(parse("{\"\\ud800\": 1}"), Err(Trouble::Half(1))));
    }
}
