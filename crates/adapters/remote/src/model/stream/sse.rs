//! Server-sent events.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its data; several lines are joined.
    pub(super) data: String,
}

/// Takes bytes in pieces, wherever they are cut, and returns the events that are whole. What the events are called does
/// not matter: every provider says it in the data again.
#[derive(Debug, Default)]
pub(super) struct Sse {
    line: Vec<u8>,
    data: Option<String>,
    /// Whether the last byte was a carriage return, which a line feed may follow without ending another line.
    after_return: bool,
    started: bool,
}

impl Sse {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            let is_rest_of_return = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            match byte {
                b'\n' if is_rest_of_return => {}
                b'\r' | b'\n' => events.extend(self.line()),
                other => self.line.push(other),
            }
        }
        events
    }

    /// Takes the line that ended; returns the event that an empty one completes.
    fn line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.started { &line } else { line.trim_start_matches('\u{feff}') };
        self.started = true;
        if line.is_empty() {
            return self.data.take().map(|data| Event { data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(pieces: &[&[u8]]) -> Vec<String> {
        let mut sse = Sse::default();
        pieces.iter().flat_map(|piece| sse.push(piece)).map(|event| event.data).collect()
    }

    #[test]
    fn events_are_read() {
        assert_eq!(data(&[b"\xef\xbb\xbfdata: a\n\n"]), ["a"]);
        assert_eq!(data(&[b": hello\r\n\r\nevent: x\r\ndata:a\r\ndata: b\r\nid: 1\r\n\r\n"]), ["a\nb"]);
        assert_eq!(data(&[b"data: a\r\rdata\r\r"]), ["a", ""]);
        assert_eq!(data(&[b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"]), ["a\nb"]);
        assert_eq!(data(&[b"data: \xc3", b"\xa9\n\n"]), ["é"]);
        assert!(data(&[b"data: cut off\n"]).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn it_does_not_matter_where_bytes_are_cut(
            text in "((data: ?|event: |:|)[a-zé日]{0,4}(\n|\r\n|\r)){0,12}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let pieces: Vec<&[u8]> = starts.zip(ends).map(|(from, to)| &bytes[from..to]).collect();
            prop_assert_eq!(data(&pieces), data(&[bytes]));
        }
    }
}
