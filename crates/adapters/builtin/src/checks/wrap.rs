//! How many lines a text takes.
//!
//! `wrap: { width: N, lines: N, breaks: auto | written, count: COUNT, per: FIELD, table: { VALUE: N or settings },
//! line_breaks: [TEXT] }`: with `auto` the reader's program breaks lines where they are full, with `written` only where
//! a break is written. Markup takes no room. Break places are those of the scripts: behind spaces, and between the
//! characters of scripts without spaces, but not before what closes nor behind what opens.

mod pieces;

use std::ops::Range;

use serde_json::Value;

use super::issue::Finding;
use super::length::Count;
use super::limits::Limits;
use super::markup::Markup;
use super::rule::Rule;
use super::subject::Subject;
use crate::params::Params;
use pieces::{Piece, pieces};

/// How wide a line and how many of them, where that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    width: Option<usize>,
    lines: Option<usize>,
}

/// No more than so many lines, no wider than so much.
#[derive(Debug)]
pub(super) struct Wrap {
    limits: Limits<Room>,
    count: Count,
    /// Whether lines are broken where they are full.
    auto: bool,
    line_breaks: Vec<String>,
}

impl Wrap {
    pub(super) fn read(params: &Params<'_>) -> Option<Self> {
        let own = params.within("wrap")?;
        let usual = Room { width: own.count("width"), lines: own.count("lines") };
        let some = usual.width.or(usual.lines).is_some();
        let limits = Limits::read(some.then_some(usual), &own, |value| usual.entry(value));
        if limits.is_empty() {
            let hint = "for instance `wrap: { width: 40, lines: 3 }`".to_owned();
            own.problem("", "neither `width` nor `lines` nor `table` is there", Some(hint));
        }
        let given = own.texts("line_breaks");
        let line_breaks = given.unwrap_or_else(|| vec!["\n", "\\n", "<br>", "<br/>"]);
        let line_breaks =
            line_breaks.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let auto = own.word("breaks", &["auto", "written"]) == "auto";
        let count = Count::read(&own, Count::Width);
        params.end(own);
        Some(Self { limits, count, auto, line_breaks })
    }

    /// Returns the stretches between written breaks, with the break behind each.
    fn paragraphs<'a>(&self, text: &'a str, markup: &Markup) -> Vec<(Range<usize>, &'a str)> {
        let mut tokens = markup.tokens(text).into_iter().peekable();
        let mut found = Vec::new();
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            let token = tokens.next_if(|token| token.range.start == at);
            if let Some(mark) =
                self.mark(token.as_ref().map_or(&text[at..], |token| token.text), token.is_some())
            {
                found.push((start..at, mark));
                at += mark.len();
                start = at;
            } else {
                let step = || text[at..].chars().next().map_or(1, char::len_utf8);
                at += token.map_or_else(step, |token| token.range.len());
            }
        }
        found.push((start..text.len(), ""));
        found
    }

    /// Returns the break that is here: of markup all of it.
    fn mark<'a>(&self, here: &'a str, whole: bool) -> Option<&'a str> {
        let marks = self.line_breaks.iter().filter(|mark| here.starts_with(mark.as_str()));
        let longest = marks.max_by_key(|mark| mark.len())?;
        (!whole || longest.len() == here.len()).then(|| &here[..longest.len()])
    }

    fn pieces(&self, subject: &Subject<'_>, paragraph: &Range<usize>) -> Vec<Piece> {
        pieces(&subject.masked()[paragraph.clone()], paragraph.start, self.count)
    }

    fn too_wide(&self, line: usize, width: usize, max: usize, span: Range<usize>) -> Finding {
        Finding::new(span, self.count.say(&format!("line {line}"), width, max))
    }

    /// Returns the lines that a paragraph takes, with their widths.
    fn lines(&self, pieces: &[Piece], room: Option<usize>) -> Vec<(Range<usize>, usize)> {
        let mut lines: Vec<(Range<usize>, usize)> = Vec::new();
        let mut spaces = 0;
        for piece in pieces {
            let fits =
                |width: usize| !self.auto || room.is_none_or(|room| width + spaces + piece.width <= room);
            match lines.last_mut() {
                // Markup alone takes no room, nor do the spaces before it where nothing follows.
                Some((range, _)) if piece.width == 0 => {
                    range.end = piece.shown.end;
                    spaces += piece.spaces;
                    continue;
                }
                Some((range, width)) if fits(*width) => {
                    range.end = piece.shown.end;
                    *width += spaces + piece.width;
                }
                _ => lines.push((piece.shown.clone(), piece.width)),
            }
            spaces = piece.spaces;
        }
        if lines.is_empty() { vec![(0..0, 0)] } else { lines }
    }
}

impl Room {
    /// Reads an entry of the table: the width, or both.
    fn entry(self, value: &Value) -> Option<Self> {
        let number = |value: &Value| value.as_u64().filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok());
        let Value::Object(fields) = value else {
            return Some(Self { width: Some(number(value)?), ..self });
        };
        let known =
            fields.keys().all(|name| matches!(name.as_str(), "width" | "lines")) && !fields.is_empty();
        let get = |name: &str, usual| fields.get(name).map_or(Some(usual), |value| number(value).map(Some));
        known.then_some(Self { width: get("width", self.width)?, lines: get("lines", self.lines)? })
    }
}

impl Rule for Wrap {
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let Some(Room { width, lines: most }) = self.limits.of(subject) else { return Vec::new() };
        let mut findings = Vec::new();
        let mut count = 0;
        let mut over = None;
        for (paragraph, _) in self.paragraphs(subject.text, subject.markup) {
            for (range, wide) in self.lines(&self.pieces(subject, &paragraph), width) {
                count += 1;
                if let Some(max) = width.filter(|max| wide > *max) {
                    findings.push(self.too_wide(count, wide, max, range.clone()));
                }
                if most == Some(count - 1) {
                    over = Some(range.start.max(paragraph.start));
                }
            }
        }
        if let (Some(start), Some(most)) = (over, most) {
            let message = format!("the text takes {count} lines, {most} are allowed");
            let all = 0..subject.text.len();
            let rest = start..all.end;
            // A line that is too wide has the same place, if it is the last one; issues of one place would be one.
            let taken = findings.iter().any(|finding| finding.is_at(&rest));
            findings.push(Finding::new(if taken { all } else { rest }, message));
        }
        findings
    }

    /// Breaks lines that are too wide where breaks must be written.
    fn mend(&self, subject: &Subject<'_>) -> Option<String> {
        let room = self.limits.of(subject)?.width.filter(|_| !self.auto)?;
        let paragraphs = self.paragraphs(subject.text, subject.markup);
        let written = paragraphs.iter().map(|(_, mark)| *mark).find(|mark| !mark.is_empty());
        let sources = self.paragraphs(subject.origin(), subject.markup);
        let usual = sources.iter().map(|(_, mark)| *mark).find(|mark| !mark.is_empty());
        let mark = written.or(usual).or(self.line_breaks.first().map(String::as_str))?;
        let mut mended = String::new();
        for (paragraph, behind) in &paragraphs {
            let (mut width, mut spaces, mut at) = (0, 0..0, paragraph.start);
            for (n, piece) in self.pieces(subject, paragraph).iter().enumerate() {
                if n > 0 && width + piece.width > room {
                    mended.truncate(mended.len() - spaces.len());
                    mended.push_str(mark);
                    width = 0;
                }
                mended.push_str(&subject.text[at..piece.end]);
                (width, spaces, at) =
                    (width + piece.width + piece.spaces, piece.shown.end..piece.end, piece.end);
            }
            mended.push_str(behind);
        }
        // More lines than there may be are no better than lines that are too wide.
        (mended != subject.text && self.find(&subject.with(&mended)).is_empty()).then_some(mended)
    }
}
