//! What letters become.

/// `a` to `z` and `A` to `Z` with accents.
const SMALL: &str = "åƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýž";
const LARGE: &str = "ÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ";
/// `a` to `z` in kana.
const KANA: &str = "あぶくどえふぐはいじかるむんおぷきらすとうゔわつやず";

/// What a language looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Accents,
    /// Small letters in hiragana, capital ones in katakana.
    Kana,
    /// From right to left.
    Mirrored,
    /// As wide as kana, for encodings that have no accents.
    Wide,
}

impl Style {
    /// Returns the style of a language, given as `ja` or `ja-JP`.
    pub(super) fn of(language: &str) -> Self {
        match language.split(['-', '_']).next().unwrap_or_default().to_lowercase().as_str() {
            "ja" => Self::Kana,
            "ar" | "fa" | "he" | "ur" | "yi" => Self::Mirrored,
            _ => Self::Accents,
        }
    }

    /// Returns a style whose letters Shift-JIS has.
    pub(super) const fn in_shift_jis(self) -> Self {
        match self {
            Self::Kana => Self::Kana,
            Self::Accents | Self::Mirrored | Self::Wide => Self::Wide,
        }
    }

    pub(super) fn letters(self, text: &str) -> String {
        text.chars().map(|c| self.letter(c)).collect()
    }

    fn letter(self, c: char) -> char {
        let nth = |table: &str, first: u8| {
            let place = u8::try_from(c).ok().and_then(|c| c.checked_sub(first)).map(usize::from);
            place.and_then(|place| table.chars().nth(place)).unwrap_or(c)
        };
        match (self, c) {
            (Self::Kana, 'a'..='z') => nth(KANA, b'a'),
            // Full-width letters stand in the order of ASCII.
            (Self::Wide, 'a'..='z' | 'A'..='Z') => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
            // Katakana stand in the same order as hiragana.
            (Self::Kana, 'A'..='Z') => char::from_u32(u32::from(nth(KANA, b'A')) + 0x60).unwrap_or(c),
            (_, 'a'..='z') => nth(SMALL, b'a'),
            (_, 'A'..='Z') => nth(LARGE, b'A'),
            _ => c,
        }
    }

    /// Whether a letter that is there twice still looks like a word.
    pub(super) fn is_vowel(self, c: char) -> bool {
        match self {
            Self::Kana => "あえいおうアエイオウ".contains(c),
            Self::Wide => "ａｅｉｏｕｙＡＥＩＯＵＹ".contains(c),
            Self::Accents | Self::Mirrored => "åéîöûýÅÉÎÖÛÝ".contains(c),
        }
    }

    /// Lets a text run in the direction of the language.
    pub(super) fn directed(self, text: String) -> String {
        if self == Self::Mirrored { format!("\u{202b}{text}\u{202c}") } else { text }
    }
}
