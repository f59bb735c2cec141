//! Encodings of text files.
//!
//! A byte order mark decides; without one a file is UTF-8 unless `encoding:` declares something else. With
//! `encoding: auto` the whole file is tried as UTF-8 and as Shift-JIS. A file that fits several encodings, or a
//! declaration that its mark contradicts, is a problem rather than a guess, and so is every byte that does not decode.

mod detect;

use encoding_rs::{DecoderResult, EncoderResult, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

pub(crate) use self::detect::{Wrong, detect};

/// How characters stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    ShiftJis,
}

/// How many characters are named that an encoding has not.
const MOST_NAMED: usize = 8;

/// What `encoding:` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Declared {
    /// Nothing: the byte order mark, else UTF-8.
    #[default]
    Nothing,
    /// To find out.
    Auto,
    /// UTF-16 with a byte order mark.
    Utf16,
    /// This.
    Just(Encoding),
}

/// How one file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coding {
    pub(crate) encoding: Encoding,
    /// How many bytes its byte order mark has.
    pub(crate) mark: usize,
}

/// Where bytes stop to be text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undecodable {
    /// How many bytes before it are good.
    pub(crate) good: usize,
    /// How many bytes it has.
    pub(crate) bytes: usize,
}

impl Declared {
    /// The names of encodings, as params have them.
    pub(crate) const NAMES: [&str; 7] =
        ["utf-8", "utf-16", "utf-16le", "utf-16be", "shift_jis", "auto", "mark"];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mark" => Self::Nothing,
            "auto" => Self::Auto,
            "utf-8" => Self::Just(Encoding::Utf8),
            "utf-16" => Self::Utf16,
            "utf-16le" => Self::Just(Encoding::Utf16Le),
            "utf-16be" => Self::Just(Encoding::Utf16Be),
            "shift_jis" => Self::Just(Encoding::ShiftJis),
            _ => return None,
        })
    }

    /// Returns how a new file is encoded, and the mark it begins with.
    pub(crate) fn for_new(self) -> (Encoding, &'static [u8]) {
        match self {
            Self::Nothing | Self::Auto => (Encoding::Utf8, b""),
            Self::Utf16 => (Encoding::Utf16Le, b"\xff\xfe"),
            Self::Just(encoding) => (encoding, b""),
        }
    }
}

impl Encoding {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::ShiftJis => "Shift-JIS",
        }
    }

    /// Returns the name by which files say how they are encoded.
    pub(crate) const fn charset(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::ShiftJis => "Shift_JIS",
        }
    }

    /// Says which characters of a text the encoding has not, where there are some.
    pub(crate) fn refusal(self, text: &str) -> Option<String> {
        let lacking = self.lacking(text);
        let first = lacking.first()?;
        let at = text.chars().position(|character| character == *first).unwrap_or_default() + 1;
        let named = |c: &char| format!("`{c}` (U+{:04X})", u32::from(*c));
        let all = lacking.iter().take(MOST_NAMED).map(named).collect::<Vec<_>>().join(", ");
        let more = lacking.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("has {all}{more}, which {} cannot hold, first as its character {at}", self.name()))
    }

    /// Returns the characters of a text that the encoding has not, each once, in the order in which they first stand.
    pub(crate) fn lacking(self, text: &str) -> Vec<char> {
        let mut lacking = Vec::new();
        let mut raw = Vec::new();
        for character in text.chars().filter(|_| self == Self::ShiftJis) {
            let is_known = character.is_ascii() || lacking.contains(&character);
            if !is_known && self.encode(character.encode_utf8(&mut [0; 4]), &mut raw).is_err() {
                lacking.push(character);
            }
        }
        lacking
    }

    const fn table(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::ShiftJis => SHIFT_JIS,
        }
    }

    /// Appends bytes as text. Where some of them are no text, replacement characters stand for them, so that the
    /// structure of what follows is still understood.
    pub(crate) fn decode(self, raw: &[u8], text: &mut String) -> Result<(), Undecodable> {
        if self == Self::Utf8 {
            let Err(error) = std::str::from_utf8(raw).map(|raw| text.push_str(raw)) else { return Ok(()) };
            text.push_str(&String::from_utf8_lossy(raw));
            let bytes = error.error_len().unwrap_or(raw.len() - error.valid_up_to());
            return Err(Undecodable { good: error.valid_up_to(), bytes });
        }
        let start = text.len();
        let mut decoder = self.table().new_decoder_without_bom_handling();
        text.reserve(decoder.max_utf8_buffer_length_without_replacement(raw.len()).unwrap_or(0));
        let (result, read) = decoder.decode_to_string_without_replacement(raw, text, true);
        let DecoderResult::Malformed(bytes, behind) = result else { return Ok(()) };
        text.truncate(start);
        text.push_str(&self.table().decode_without_bom_handling(raw).0);
        let bytes = usize::from(bytes);
        Err(Undecodable { good: read.saturating_sub(bytes + usize::from(behind)), bytes })
    }

    /// Appends a text in this encoding; fails with the first character that it has not.
    pub(crate) fn encode(self, text: &str, raw: &mut Vec<u8>) -> Result<(), char> {
        match self {
            Self::Utf8 => raw.extend_from_slice(text.as_bytes()),
            Self::Utf16Le => raw.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            Self::Utf16Be => raw.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::ShiftJis => shift_jis(text, raw)?,
        }
        Ok(())
    }

    /// Returns how many bytes a character takes, given the first of those it was decoded from.
    fn width(self, character: char, first: u8) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16Le | Self::Utf16Be => character.len_utf16() * 2,
            Self::ShiftJis => 1 + usize::from(matches!(first, 0x81..=0x9f | 0xe0..=0xfc)),
        }
    }
}

impl Coding {
    /// Returns where some places of a text, sorted, stand in the bytes that it was decoded from. The bytes of
    /// Shift-JIS cannot be found by encoding again: some characters have two codes.
    pub(crate) fn offsets(self, raw: &[u8], text: &str, places: &[usize]) -> Vec<usize> {
        let mut found = Vec::with_capacity(places.len());
        let mut characters = text.char_indices();
        let (mut at, mut byte) = (0, self.mark);
        for place in places {
            while at < *place {
                let Some((start, character)) = characters.next() else { break };
                at = start + character.len_utf8();
                byte += self.encoding.width(character, raw.get(byte).copied().unwrap_or(0));
            }
            found.push(byte.min(raw.len()));
        }
        found
    }
}

/// Writes Shift-JIS, and refuses the few characters that would come back as others.
fn shift_jis(text: &str, raw: &mut Vec<u8>) -> Result<(), char> {
    if let Some(changed) = text.chars().find(|c| matches!(c, '\u{a5}' | '\u{203e}' | '\u{2212}')) {
        return Err(changed);
    }
    let mut encoder = SHIFT_JIS.new_encoder();
    let most = encoder.max_buffer_length_from_utf8_without_replacement(text.len()).unwrap_or(text.len() * 2);
    let start = raw.len();
    raw.resize(start + most, 0);
    let (result, _, written) = encoder.encode_from_utf8_without_replacement(text, &mut raw[start..], true);
    raw.truncate(start + written);
    match result {
        EncoderResult::Unmappable(character) => Err(character),
        EncoderResult::InputEmpty | EncoderResult::OutputFull => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Encoding; 4] = [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::ShiftJis];

    fn check(encoding: Encoding, raw: &[u8], expect: Result<&str, (usize, usize)>) {
        let mut text = String::new();
        let found = encoding.decode(raw, &mut text).map_err(|bad| (bad.good, bad.bytes));
        assert_eq!(found.map(|()| text.as_str()), expect, "{encoding:?} {raw:x?}");
    }

    #[test]
    fn what_does_not_decode_is_placed() {
        check(Encoding::Utf8, b"a\xc3\xa9", Ok("aé"));
        check(Encoding::Utf8, b"a\xc3", Err((1, 1)));
        check(Encoding::Utf16Le, b"a\0\x42\x30", Ok("aあ"));
        check(Encoding::Utf16Le, b"a\0\x00\xd8b\0", Err((2, 2)));
        check(Encoding::Utf16Be, b"\0a\x30", Err((2, 1)));
        check(Encoding::ShiftJis, b"a\x82\xa0\xb1", Ok("aあｱ"));
        check(Encoding::ShiftJis, b"a\x82\xa0\x82", Err((3, 1)));
        check(Encoding::ShiftJis, b"ab\xa0c", Err((2, 1)));
        check(Encoding::ShiftJis, b"ab\x82\nc", Err((2, 1)));
    }

    #[test]
    fn characters_that_shift_jis_lacks_or_changes_are_refused() {
        let encode = |text: &str| {
            let mut raw = Vec::new();
            Encoding::ShiftJis.encode(text, &mut raw).map(|()| raw)
        };
        assert_eq!(encode("aあ\\"), Ok(b"a\x82\xa0\\".to_vec()));
        assert_eq!(encode("aé"), Err('é'));
        assert_eq!(encode("a¥b"), Err('¥'));
    }

    #[test]
    fn all_characters_that_an_encoding_lacks_are_told() {
        let lacking = |text: &str| Encoding::ShiftJis.lacking(text);
        assert_eq!(lacking("あ⟦é¥é⟧ー😀"), ['⟦', 'é', '¥', '⟧', '😀']);
        assert_eq!(lacking("\u{2212}a\u{301}"), ['\u{2212}', '\u{301}']);
        assert_eq!(lacking("あ【Ａ】"), []);
        assert_eq!(Encoding::Utf16Le.lacking("é😀"), []);
    }

    /// Every character that Shift-JIS takes comes back as itself.
    #[test]
    fn shift_jis_is_true_for_every_character() {
        for character in (0..=0xffff_u32).filter_map(char::from_u32) {
            let (mut raw, mut text) = (Vec::new(), String::new());
            if Encoding::ShiftJis.encode(character.encode_utf8(&mut [0; 4]), &mut raw).is_ok() {
                assert_eq!(Encoding::ShiftJis.decode(&raw, &mut text), Ok(()));
                assert_eq!(text, character.to_string());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn places_are_found_in_any_bytes_that_decode(
            raw in proptest::collection::vec(prop_oneof![
                proptest::sample::select(b"\x81\x82\x87\x90\xe0\xed\xfa\xa1\x40ab\n\0\xd8\xdc".to_vec()), any::<u8>()
            ], 0..24),
            at in 0_usize..24,
        ) {
            for encoding in ALL {
                let mut text = String::new();
                if encoding.decode(&raw, &mut text).is_err() {
                    continue;
                }
                let coding = Coding { encoding, mark: 0 };
                let place = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
                let found = coding.offsets(&raw, &text, &[place, text.len()]);
                prop_assert_eq!(found[1], raw.len());
                let mut before = String::new();
                prop_assert_eq!(encoding.decode(&raw[..found[0]], &mut before), Ok(()));
                prop_assert_eq!(&before, &text[..place]);
            }
        }
    }
}
