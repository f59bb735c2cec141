//! Puts texts into places, and copies everything between them byte for byte.

use std::io::{self, Write};
use std::ops::Range;

use crate::encoding::{Coding, Encoding};
use crate::layout::Place;
use crate::lines::Kept;

/// What replaces a part of a text.
#[derive(Debug)]
pub(super) struct Edit {
    span: Range<usize>,
    raw: Vec<u8>,
}

impl Edit {
    /// Writes a text as its place wants it, or says why it cannot stand there.
    pub(super) fn new(
        place: &Place,
        text: &str,
        field: &dyn Fn(&str) -> Option<String>,
        encoding: Encoding,
    ) -> Result<Self, String> {
        let quoted = place.quoting.quote_beside(text, field)?;
        let refusal = |character| {
            // What the quoting adds is all but always ASCII.
            let all = encoding.refusal(text);
            all.unwrap_or_else(|| format!("has `{character}`, which {} cannot hold", encoding.name()))
        };
        Self::raw(place.span.clone(), &quoted, encoding).map_err(refusal)
    }

    /// Returns what puts a text in as it is; fails with the first character that the encoding has not.
    pub(super) fn raw(span: Range<usize>, text: &str, encoding: Encoding) -> Result<Self, char> {
        let mut raw = Vec::with_capacity(text.len());
        encoding.encode(text, &mut raw)?;
        Ok(Self { span, raw })
    }
}

/// Writes what was kept of a file with some parts of it replaced.
pub(super) fn apply(
    kept: &Kept,
    coding: Coding,
    mut edits: Vec<Edit>,
    out: &mut impl Write,
) -> io::Result<()> {
    if edits.is_empty() {
        return out.write_all(&kept.raw);
    }
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let bounds: Vec<usize> = edits.iter().flat_map(|edit| [edit.span.start, edit.span.end]).collect();
    let is_placed = bounds.is_sorted() && bounds.iter().all(|at| kept.text.is_char_boundary(*at));
    if !is_placed {
        return Err(io::Error::other("places overlap, or are not in the text"));
    }
    let offsets = coding.offsets(&kept.raw, &kept.text, &bounds);
    let mut copied = 0;
    for (edit, offset) in edits.iter().zip(offsets.chunks_exact(2)) {
        out.write_all(&kept.raw[copied..offset[0]])?;
        out.write_all(&edit.raw)?;
        copied = offset[1];
    }
    out.write_all(&kept.raw[copied..])
}
