//! How long a text may be.
//!
//! `max_length: N`, or `{ max: N, count: COUNT, per: FIELD, table: { VALUE: N } }`.

use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::issue::Finding;
use super::limits::Limits;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;

const COUNTS: [&str; 3] = ["characters", "bytes", "width"];

/// How the length of a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Characters as readers see them.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
    /// Columns of a terminal.
    Width,
}

impl Count {
    pub(super) fn read(params: &Params<'_>, default: Self) -> Self {
        if !params.has("count") {
            return default;
        }
        match params.word("count", &COUNTS) {
            "bytes" => Self::Bytes,
            "width" => Self::Width,
            _ => Self::Characters,
        }
    }

    pub(super) fn size(self, grapheme: &str) -> usize {
        match self {
            Self::Characters => 1,
            Self::Bytes => grapheme.len(),
            Self::Width => grapheme.width(),
        }
    }

    pub(super) fn say(self, what: &str, length: usize, max: usize) -> String {
        match self {
            Self::Characters => format!("{what} has {length} characters, {max} are allowed"),
            Self::Bytes => format!("{what} has {length} bytes, {max} are allowed"),
            Self::Width => format!("{what} has a width of {length}, {max} is allowed"),
        }
    }
}

/// No more than so many characters, bytes or columns.
#[derive(Debug)]
pub(super) struct MaxLength {
    limits: Limits<usize>,
    count: Count,
}

impl MaxLength {
    pub(super) fn read(params: &Params<'_>) -> Option<Self> {
        let count = Count::read(params, Count::Characters);
        if !params.get("max_length").is_some_and(Value::is_object) {
            return params.count("max_length").map(|max| Self { limits: Limits::same(max), count });
        }
        let own = params.within("max_length")?;
        let count = Count::read(&own, count);
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let limits = Limits::read(own.count("max"), &own, number);
        if limits.is_empty() {
            own.problem("max", "is missing", Some("for instance `max: 80`, or a `table`".to_owned()));
        }
        params.end(own);
        Some(Self { limits, count })
    }
}

impl Rule for MaxLength {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let Some(max) = self.limits.of(subject) else { return Vec::new() };
        let text = subject.text;
        let masked = subject.masked();
        // Masked places are the same as those of the text, and NUL is a character of its own.
        let shown = if subject.markup.counts { text } else { &*masked };
        let (mut length, mut fits) = (0, 0);
        for (at, grapheme) in shown.grapheme_indices(true) {
            let hidden = !subject.markup.counts && grapheme == "\0";
            length += if hidden { 0 } else { self.count.size(grapheme) };
            if length <= max {
                fits = at + grapheme.len();
            }
        }
        let too_long = length > max;
        let finding = || Finding::new(fits..text.len(), self.count.say("the text", length, max));
        too_long.then(finding).into_iter().collect()
    }
}
