//! The pseudo-translation itself: a pure function of text, language and terms.

use crate::pieces::{Piece, Unclosed, split};
use crate::term::Term;

/// Translates a text: Japanese becomes katakana by sound, every other language gets accents and grows.
///
/// Placeholders, tags and numbers stay as they are; glossary terms are replaced by what they are called.
///
/// # Errors
/// Fails where a placeholder or a tag is never closed.
pub fn translate(text: &str, language: &str, terms: &[Term]) -> Result<String, Unclosed> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut quoted = false;
    for piece in split(text, terms)? {
        match piece {
            Piece::Kept(text) | Piece::Term(text) => out.push_str(text),
            Piece::Plain(text) if language == "ja" => out.push_str(&kana(text, &mut quoted)),
            Piece::Plain(text) => out.push_str(&accents(text)),
        }
    }
    Ok(out)
}

/// Puts accents on letters; every third vowel is doubled, as translations tend to be a fifth longer.
fn accents(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut vowels = 0;
    for letter in text.chars() {
        let accented = accent(letter);
        out.push(accented);
        if "aeiou".contains(letter) {
            vowels += 1;
            if vowels % 3 == 0 {
                out.push(accented);
            }
        }
    }
    out
}

const fn accent(letter: char) -> char {
    match letter {
        'a' => 'à',
        'c' => 'ç',
        'e' => 'é',
        'i' => 'î',
        'o' => 'ô',
        'u' => 'ù',
        'A' => 'À',
        'C' => 'Ç',
        'E' => 'É',
        'I' => 'Î',
        'O' => 'Ô',
        'U' => 'Ù',
        _ => letter,
    }
}

/// Writes words by their sound in katakana; spaces go, punctuation becomes Japanese. `quoted` tells whether a quotation
/// is open, which may have begun in an earlier piece.
fn kana(text: &str, quoted: &mut bool) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    let mut letters = text.chars().map(|c| c.to_ascii_lowercase()).peekable();
    while let Some(letter) = letters.next() {
        if let Some(row) = row(letter) {
            let vowel = letters.peek().and_then(|next| "aiueo".find(*next));
            if vowel.is_some() {
                letters.next();
            }
            // A consonant by itself takes the vowel that is heard least.
            out.extend(row.chars().nth(vowel.unwrap_or(5)));
        } else if letter == '"' {
            out.push(if *quoted { '」' } else { '「' });
            *quoted = !*quoted;
        } else if let Some(sign) = sign(letter) {
            out.push(sign);
        } else if !letter.is_whitespace() && letter != '\'' {
            out.push(letter);
        }
    }
    out.replace("。。。", "…")
}

/// Returns the syllables of a consonant: with a, i, u, e, o, and by itself.
const fn row(letter: char) -> Option<&'static str> {
    Some(match letter {
        'k' | 'c' | 'q' => "カキクケコク",
        'g' => "ガギグゲゴグ",
        's' | 'x' => "サシスセソス",
        'z' | 'j' => "ザジズゼゾズ",
        't' => "タチツテトト",
        'd' => "ダヂヅデドド",
        'n' => "ナニヌネノン",
        'h' | 'f' => "ハヒフヘホフ",
        'b' | 'v' => "バビブベボブ",
        'p' => "パピプペポプ",
        'm' => "マミムメモム",
        'y' => "ヤイユエヨイ",
        'l' | 'r' => "ラリルレロル",
        'w' => "ワウウエオウ",
        _ => return None,
    })
}

const fn sign(letter: char) -> Option<char> {
    Some(match letter {
        'a' => 'ア',
        'i' => 'イ',
        'u' => 'ウ',
        'e' => 'エ',
        'o' => 'オ',
        '.' => '。',
        ',' => '、',
        '!' => '！',
        '?' => '？',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: &str, text: &str, expect: &str) {
        let bell = if language == "ja" { "船鐘" } else { "cloche" };
        let terms = [Term { source: "bell".into(), target: bell.into() }];
        assert_eq!(translate(text, language, &terms).unwrap(), expect);
    }

    #[test]
    fn words_change_and_the_rest_stays() {
        check("fr", "{player}, ring the <b>bell</b> 12 times!", "{player}, rîng thé <b>cloche</b> 12 tîmés!");
        check("ja", "{player}, ring the <b>bell</b> 12 times!", "{player}、リングトヘ<b>船鐘</b>12チメス！");
        check("ja", "He said \"no bell...\"", "ヘサイド「ノ船鐘…」");
        check("de", "Nobody", "Nôbôdy");
    }

    #[test]
    fn accented_texts_grow() {
        let text = "Sensible people cross in June, or so they say.";
        let grown = translate(text, "fr", &[]).unwrap().chars().count();
        assert!(grown > text.len() && grown < text.len() * 5 / 4, "{grown} of {}", text.len());
    }
}
