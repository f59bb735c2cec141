//! Lines of bounded length.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// What happens to a line that is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlong {
    /// It is an error ([`io::ErrorKind::FileTooLarge`]).
    Refuse,
    /// Its rest is thrown away.
    Cut,
}

/// Reads lines and never holds more of one than the limit. Blank lines are skipped.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
    overlong: Overlong,
    partial: Vec<u8>,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether the line's end was read, and not the end of everything.
    pub(crate) whole: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(inner: R, limit: usize, overlong: Overlong) -> Self {
        Self { reader: BufReader::with_capacity(64 << 10, inner), limit, overlong, partial: Vec::new() }
    }

    /// Returns the next line that is not blank, or `None` at the end. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            let (end, used) = (chunk.is_empty(), chunk.iter().position(|byte| *byte == b'\n'));
            let text = &chunk[..used.unwrap_or(chunk.len())];
            let room = self.limit - self.partial.len();
            if text.len() > room && self.overlong == Overlong::Refuse {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            let consumed = used.map_or(chunk.len(), |at| at + 1);
            self.reader.consume(consumed);
            if end || used.is_some() {
                let bytes = std::mem::take(&mut self.partial);
                if !bytes.trim_ascii().is_empty() {
                    return Ok(Some(Line { bytes, whole: used.is_some() }));
                }
            }
            if end {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(input: &[u8], limit: usize, overlong: Overlong) -> (Vec<String>, bool) {
        let mut lines = Lines::new(input, limit, overlong);
        let mut all = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => {
                    let end = if line.whole { "$" } else { "" };
                    all.push(format!("{}{end}", String::from_utf8_lossy(&line.bytes)));
                }
                Ok(None) => return (all, true),
                Err(_) => return (all, false),
            }
        }
    }

    #[tokio::test]
    async fn lines_end_at_newlines_and_at_the_end() {
        assert_eq!(
            read(b"a\n\n \t\r\nb\nc", 9, Overlong::Refuse).await,
            (vec!["a$".into(), "b$".into(), "c".into()], true)
        );
        assert_eq!(read(b"", 9, Overlong::Refuse).await, (vec![], true));
    }

    #[tokio::test]
    async fn overlong_lines_are_refused_or_cut() {
        assert_eq!(read(b"abc\nabcd\nx\n", 3, Overlong::Refuse).await, (vec!["abc$".into()], false));
        assert_eq!(read(b"abc\nabcd\nx\n", 3, Overlong::Cut).await.0, ["abc$", "abc$", "x$"]);
        let huge = vec![b'x'; 300_000];
        assert_eq!(read(&huge, 100_000, Overlong::Cut).await.0[0].len(), 100_000);
    }
}
