//! Which encoding a file has.

use std::fs::File;
use std::io::{self, Read as _};

use encoding_rs::{Decoder, DecoderResult};

use super::{Coding, Declared, Encoding};

/// Why the encoding of a file is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

const DECLARE: &str = "declare it with `encoding: utf-8`, `shift_jis`, `utf-16le` or `utf-16be`";

/// Finds out how a file is encoded from its first bytes, its declaration, and where that says so, from the whole of it.
pub(crate) fn detect(
    head: &[u8],
    declared: Declared,
    whole: impl FnOnce() -> io::Result<File>,
) -> io::Result<Result<Coding, Wrong>> {
    let marked = marked(head);
    if let Some(wrong) = no_text(head) {
        return Ok(Err(wrong));
    }
    Ok(match (declared, marked) {
        (Declared::Nothing | Declared::Auto, Some(coding)) => Ok(coding),
        (Declared::Nothing | Declared::Auto, None) if looks_like_utf16(head) => Err(unmarked_utf16()),
        (Declared::Nothing, None) => Ok(Coding { encoding: Encoding::Utf8, mark: 0 }),
        (Declared::Auto, None) => try_all(whole()?)?,
        (Declared::Utf16, Some(coding)) if coding.encoding != Encoding::Utf8 => Ok(coding),
        (Declared::Utf16, None) => Err(Wrong {
            code: "E0714",
            message: "the file is declared as utf-16 and has no byte order mark".to_owned(),
            hint: "declare `encoding: utf-16le` or `encoding: utf-16be`",
        }),
        (Declared::Just(encoding), None) => Ok(Coding { encoding, mark: 0 }),
        (Declared::Just(encoding), Some(coding)) if coding.encoding == encoding => Ok(coding),
        (Declared::Utf16 | Declared::Just(_), Some(coding)) => Err(contradiction(declared, coding.encoding)),
    })
}

/// Says what a file is that people take for text because a spreadsheet program wrote it.
fn no_text(head: &[u8]) -> Option<Wrong> {
    let is_workbook = head.starts_with(b"PK\x03\x04") || head.starts_with(b"\xd0\xcf\x11\xe0");
    let message = "the file is a workbook, such as `.xlsx`, or an archive, and no text".to_owned();
    let hint = "save it as \"CSV UTF-8\" in the spreadsheet program, and take that file";
    is_workbook.then_some(Wrong { code: "E0701", message, hint })
}

fn marked(head: &[u8]) -> Option<Coding> {
    let marks: [(Encoding, &[u8]); 3] = [
        (Encoding::Utf8, b"\xef\xbb\xbf"),
        (Encoding::Utf16Le, b"\xff\xfe"),
        (Encoding::Utf16Be, b"\xfe\xff"),
    ];
    let (encoding, mark) = marks.into_iter().find(|(_, mark)| head.starts_with(mark))?;
    Some(Coding { encoding, mark: mark.len() })
}

/// Whether a file begins with two characters of ASCII in two bytes each; hardly any other text does.
const fn looks_like_utf16(head: &[u8]) -> bool {
    matches!(head, [a, 0, b, 0, ..] | [0, a, 0, b, ..] if *a != 0 && *b != 0)
}

fn unmarked_utf16() -> Wrong {
    let message = "the file looks like UTF-16, but has no byte order mark".to_owned();
    Wrong { code: "E0709", message, hint: "declare `encoding: utf-16le` or `encoding: utf-16be`" }
}

fn contradiction(declared: Declared, mark: Encoding) -> Wrong {
    let declared = match declared {
        Declared::Just(encoding) => encoding.name(),
        _ => "UTF-16",
    };
    Wrong {
        code: if mark == Encoding::Utf8 { "E0714" } else { "E0709" },
        message: format!("the file is declared as {declared}, but its byte order mark says {}", mark.name()),
        hint: "leave `encoding` out, so that the mark decides",
    }
}

/// A way to understand a file, and how far it goes.
struct Attempt {
    encoding: Encoding,
    decoder: Decoder,
    /// How many bytes are good.
    good: usize,
    failed: bool,
}

impl Attempt {
    fn new(encoding: Encoding) -> Self {
        let decoder = encoding.table().new_decoder_without_bom_handling();
        Self { encoding, decoder, good: 0, failed: false }
    }

    fn feed(&mut self, mut raw: &[u8], last: bool, scratch: &mut [u8]) {
        while !self.failed {
            let (result, read, _) = self.decoder.decode_to_utf8_without_replacement(raw, scratch, last);
            raw = &raw[read..];
            self.good += read;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.failed = true,
            }
        }
    }
}

/// Tries the whole of a file.
fn try_all(mut file: File) -> io::Result<Result<Coding, Wrong>> {
    let (mut utf8, mut sjis) = (Attempt::new(Encoding::Utf8), Attempt::new(Encoding::ShiftJis));
    let (mut buffer, mut scratch) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut ascii = true;
    while !(utf8.failed && sjis.failed) {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        ascii &= buffer[..read].is_ascii();
        utf8.feed(&buffer[..read], read == 0, &mut scratch);
        sjis.feed(&buffer[..read], read == 0, &mut scratch);
        if read == 0 {
            break;
        }
    }
    Ok(verdict(&utf8, &sjis, ascii))
}

fn verdict(utf8: &Attempt, sjis: &Attempt, ascii: bool) -> Result<Coding, Wrong> {
    let encoding = match (utf8.failed, sjis.failed) {
        (false, false) if !ascii => {
            let message = "the file is valid as UTF-8 and as Shift-JIS".to_owned();
            return Err(Wrong { code: "E0714", message, hint: DECLARE });
        }
        (false, _) => utf8.encoding,
        (true, false) => sjis.encoding,
        // Neither: decoding by the one that goes farther names the bytes at which it ends.
        (true, true) if sjis.good > utf8.good => sjis.encoding,
        (true, true) => utf8.encoding,
    };
    Ok(Coding { encoding, mark: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    fn check(raw: &[u8], declared: Declared, expect: Result<(Encoding, usize), &str>) {
        let whole = || {
            let mut file = tempfile::tempfile()?;
            file.write_all(raw)?;
            file.rewind()?;
            Ok(file)
        };
        let found = detect(&raw[..raw.len().min(4)], declared, whole).unwrap();
        let found = found.map(|coding| (coding.encoding, coding.mark));
        assert_eq!(
            found.map_err(|wrong| wrong.message),
            expect.map_err(str::to_owned),
            "{raw:x?} {declared:?}"
        );
    }

    #[test]
    fn a_mark_decides_and_must_not_contradict() {
        use Encoding::{ShiftJis, Utf8, Utf16Be, Utf16Le};
        let nothing = Declared::Nothing;
        check(b"", nothing, Ok((Utf8, 0)));
        check(b"\xef\xbb\xbfa", nothing, Ok((Utf8, 3)));
        check(b"\xff\xfea\0", nothing, Ok((Utf16Le, 2)));
        check(b"\xfe\xff\0a", Declared::Utf16, Ok((Utf16Be, 2)));
        check(b"\xfe\xff\0a", Declared::Just(Utf16Be), Ok((Utf16Be, 2)));
        check(b"a\0b\0", Declared::Just(Utf16Le), Ok((Utf16Le, 0)));
        check(b"\x82\xa0", Declared::Just(ShiftJis), Ok((ShiftJis, 0)));
        check(b"a\0b\0", nothing, Err("the file looks like UTF-16, but has no byte order mark"));
        check(b"a\0b\0", Declared::Utf16, Err("the file is declared as utf-16 and has no byte order mark"));
        let told = "the file is declared as Shift-JIS, but its byte order mark says UTF-8";
        check(b"\xef\xbb\xbfa", Declared::Just(ShiftJis), Err(told));
        let told = "the file is declared as UTF-8, but its byte order mark says UTF-16LE";
        check(b"\xff\xfea\0", Declared::Just(Utf8), Err(told));
    }

    #[test]
    fn the_whole_file_is_tried() {
        use Encoding::{ShiftJis, Utf8};
        let auto = Declared::Auto;
        let long = "a".repeat(1 << 17);
        check(b"plain", auto, Ok((Utf8, 0)));
        check("日本語です\n".as_bytes(), auto, Ok((Utf8, 0)));
        check(b"\x93\xfa\x96{\x8c\xea\n", auto, Ok((ShiftJis, 0)));
        check(&[long.as_bytes(), b"\x93\xfa\n"].concat(), auto, Ok((ShiftJis, 0)));
        check("café".as_bytes(), auto, Err("the file is valid as UTF-8 and as Shift-JIS"));
        // Neither: the one that goes farther says where.
        check(b"\x93\xfa\x96{\n\xff", auto, Ok((ShiftJis, 0)));
        check(b"abc\xa0\xff", auto, Ok((Utf8, 0)));
    }
}
