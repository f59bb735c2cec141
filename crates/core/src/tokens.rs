//! How many tokens a text is, guessed without any vocabulary.
//!
//! Tokenizers cut a text into words, numbers, runs of punctuation and line breaks, and spell what is rare from pieces. So
//! pieces are counted here by kind, and each kind has a price in hundredths of a token. The prices were fitted to counts of
//! the tokenizer of OpenAI's newer models on texts of seventeen languages and of most kinds that prompts are made of; a
//! test holds them to these counts. Other tokenizers differ by some tenths, older ones by more in other scripts than Latin.

/// What a piece of each kind counts, in hundredths of a token.
mod price {
    /// A word of Latin letters, with the space before it.
    pub(super) const WORD: u64 = 104;
    /// Each letter of it beyond the sixth.
    pub(super) const LONG: u64 = 6;
    /// More for a word that begins with a capital: names are spelled from pieces.
    pub(super) const NAME: u64 = 50;
    /// More for each letter but the first of a word in capitals.
    pub(super) const CAPITALS: u64 = 12;
    /// A letter of the rarer accents.
    pub(super) const RARE_ACCENT: u64 = 85;
    /// Each letter beyond the fourth of a word, in a text that is surely not English.
    pub(super) const FOREIGN: u64 = 27;
    /// Up to three digits.
    pub(super) const DIGITS: u64 = 125;
    /// A run of punctuation.
    pub(super) const PUNCTUATION: u64 = 60;
    /// Each sign of it beyond the second.
    pub(super) const MORE_PUNCTUATION: u64 = 45;
    /// A single sign that a word follows at once.
    pub(super) const PREFIX: u64 = 35;
    /// Line breaks, unless they follow punctuation.
    pub(super) const BREAK: u64 = 60;
    /// Two or more spaces.
    pub(super) const SPACES: u64 = 200;
    /// A Chinese character.
    pub(super) const HAN: u64 = 74;
    /// A Japanese syllable.
    pub(super) const KANA: u64 = 67;
    /// A Korean syllable.
    pub(super) const HANGUL: u64 = 76;
    /// A word of Cyrillic letters.
    pub(super) const CYRILLIC: u64 = 155;
    /// A word of Arabic letters.
    pub(super) const ARABIC: u64 = 141;
    /// A letter of another script.
    pub(super) const OTHER: u64 = 41;
    /// A pictogram, or part of one.
    pub(super) const EMOJI: u64 = 95;
}

/// From so many accented letters among so many letters on, a Latin text is surely not English.
const FOREIGN_SHARE: u64 = 12;

/// Returns about how many tokens a text is.
#[must_use]
pub fn count(text: &str) -> u64 {
    let mut tally = Tally::default();
    let mut run = Run::default();
    for c in text.chars() {
        let kind = kind_of(c);
        if kind != run.kind {
            tally.take(&run, kind);
            run = Run { kind, before: run.kind, ..Run::default() };
        }
        run.push(c);
    }
    tally.take(&run, Kind::Nothing);
    tally.tokens()
}

/// What a character is to a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Nothing,
    Latin,
    Digit,
    Break,
    Space,
    Punctuation,
    Han,
    Kana,
    Hangul,
    Cyrillic,
    Arabic,
    Emoji,
    Other,
}

fn kind_of(c: char) -> Kind {
    match c {
        '0'..='9' => Kind::Digit,
        'a'..='z' | 'A'..='Z' => Kind::Latin,
        '\r' | '\n' => Kind::Break,
        c if c.is_whitespace() => Kind::Space,
        '\u{3005}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => Kind::Han,
        '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' => Kind::Kana,
        '\u{ac00}'..='\u{d7a3}' => Kind::Hangul,
        '\u{200d}' | '\u{fe0f}' | '\u{2600}'..='\u{27bf}' | '\u{1f000}'.. => Kind::Emoji,
        '\u{0400}'..='\u{052f}' => Kind::Cyrillic,
        '\u{0600}'..='\u{06ff}' if c.is_alphabetic() => Kind::Arabic,
        '\u{00aa}'..='\u{024f}' | '\u{1e00}'..='\u{1eff}' if c.is_alphabetic() => Kind::Latin,
        c if c.is_ascii() || !c.is_alphabetic() => Kind::Punctuation,
        _ => Kind::Other,
    }
}

/// Characters of one kind in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    kind: Kind,
    before: Kind,
    chars: u64,
    ascii: u64,
    word: Word,
    /// The words before the last one of the run.
    words: Words,
}

/// A word, or as much of it as has been seen.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    letters: u64,
    capitals: u64,
    is_name: bool,
    ends_small: bool,
}

/// What Latin words come to.
#[derive(Debug, Clone, Copy, Default)]
struct Words {
    hundredths: u64,
    letters: u64,
    /// Letters with an accent that Western European languages have, and with another one.
    accents: u64,
    rare_accents: u64,
    /// Letters beyond the fourth of their word.
    beyond_four: u64,
}

impl Run {
    fn push(&mut self, c: char) {
        self.chars += 1;
        self.ascii += u64::from(c.is_ascii());
        if self.kind == Kind::Latin {
            self.push_letter(c);
        }
    }

    fn push_letter(&mut self, c: char) {
        let is_capital = c.is_uppercase();
        // A capital behind a small letter begins a word: `maxLength`.
        if is_capital && self.word.ends_small {
            self.words.take(std::mem::take(&mut self.word));
        }
        self.word.is_name |= is_capital && self.word.letters == 0;
        self.word.letters += 1;
        self.word.capitals += u64::from(is_capital);
        self.word.ends_small = !is_capital;
        self.words.accents += u64::from(('\u{80}'..'\u{100}').contains(&c));
        self.words.rare_accents += u64::from(('\u{100}'..'\u{250}').contains(&c));
    }
}

impl Words {
    fn take(&mut self, word: Word) {
        let all_capitals = word.letters > 1 && word.capitals == word.letters;
        self.hundredths += price::WORD + word.letters.saturating_sub(6) * price::LONG;
        self.hundredths += match (all_capitals, word.is_name && word.letters > 1) {
            (true, _) => (word.letters - 1) * price::CAPITALS,
            (_, true) => price::NAME,
            _ => 0,
        };
        self.letters += word.letters;
        self.beyond_four += word.letters.saturating_sub(4);
    }

    fn add(&mut self, other: &Self) {
        self.hundredths += other.hundredths;
        self.letters += other.letters;
        self.accents += other.accents;
        self.rare_accents += other.rare_accents;
        self.beyond_four += other.beyond_four;
    }

    /// Returns what the words come to once all of them are known.
    fn total(&self) -> u64 {
        let share = ((self.accents + self.rare_accents) * FOREIGN_SHARE * 100)
            .checked_div(self.letters)
            .unwrap_or_default()
            .min(100);
        self.hundredths
            + self.rare_accents * price::RARE_ACCENT
            + self.beyond_four * price::FOREIGN * share / 100
    }
}

/// What a text comes to.
#[derive(Debug, Default)]
struct Tally {
    hundredths: u64,
    words: Words,
}

impl Tally {
    /// Adds a run; `after` is the kind of what follows it.
    fn take(&mut self, run: &Run, after: Kind) {
        self.hundredths += match run.kind {
            Kind::Nothing => 0,
            Kind::Latin => return self.take_words(run),
            Kind::Digit => run.chars.div_ceil(3) * price::DIGITS,
            Kind::Break if run.before == Kind::Punctuation => 0,
            Kind::Break => price::BREAK,
            Kind::Space => u64::from(run.chars > 1) * price::SPACES,
            Kind::Punctuation => punctuation(run, after),
            Kind::Han => run.chars * price::HAN,
            Kind::Kana => run.chars * price::KANA,
            Kind::Hangul => run.chars * price::HANGUL,
            Kind::Cyrillic => price::CYRILLIC,
            Kind::Arabic => price::ARABIC,
            Kind::Emoji => run.chars * price::EMOJI,
            Kind::Other => run.chars * price::OTHER,
        };
    }

    fn take_words(&mut self, run: &Run) {
        let mut words = run.words;
        words.take(run.word);
        self.words.add(&words);
    }

    fn tokens(&self) -> u64 {
        (self.hundredths + self.words.total()).div_ceil(100)
    }
}

fn punctuation(run: &Run, after: Kind) -> u64 {
    if run.chars == 1 && run.before != Kind::Space && after == Kind::Latin {
        return price::PREFIX;
    }
    // Signs of other scripts rarely share a token.
    let shared = if run.ascii > 0 { 2 } else { 1 };
    price::PUNCTUATION + run.chars.saturating_sub(shared) * price::MORE_PUNCTUATION
}
