//! Codes of languages and what they are called.

use std::collections::BTreeMap;

/// The language of the sample script.
pub(super) const SOURCE: &str = "en";
/// The languages for which the sample has a glossary.
pub(super) const TARGETS: [&str; 2] = ["ja", "fr"];

/// The names that prompts have for the languages that games are mostly put into.
const NAMES: [(&str, &str); 38] = [
    ("ar", "Arabic"),
    ("bg", "Bulgarian"),
    ("ca", "Catalan"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("et", "Estonian"),
    ("fa", "Persian"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("he", "Hebrew"),
    ("hi", "Hindi"),
    ("hr", "Croatian"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("lt", "Lithuanian"),
    ("lv", "Latvian"),
    ("ms", "Malay"),
    ("nb", "Norwegian"),
    ("nl", "Dutch"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("sv", "Swedish"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("vi", "Vietnamese"),
    ("zh", "Chinese"),
];

/// Reads the code of a language. It becomes part of paths and of names on the command line.
pub(super) fn code(text: &str) -> Result<String, String> {
    let text = text.trim();
    let parts = || text.split(['-', '_']);
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    let starts = parts()
        .next()
        .is_some_and(|first| first.len() >= 2 && first.chars().all(|c| c.is_ascii_alphabetic()));
    if starts && parts().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is not the code of a language, such as `fr` or `pt-BR`"))
}

/// Reads several, with commas between them.
pub(super) fn codes(text: &str) -> Result<Vec<String>, String> {
    text.split(',').map(code).collect()
}

/// Returns what a language is called.
pub(super) fn name(code: &str) -> String {
    let (language, region) = code.split_once(['-', '_']).unwrap_or((code, ""));
    let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(language));
    match known {
        Some((_, name)) if region.is_empty() => (*name).to_owned(),
        Some((_, name)) => format!("{name} ({region})"),
        None => code.to_owned(),
    }
}

/// Returns the names by code, as a mapping of the pipeline file.
pub(super) fn names<'a>(codes: impl Iterator<Item = &'a String>) -> String {
    // A code such as `no` would be read as something else; between quotes it is a text.
    let names: BTreeMap<&String, String> = codes.map(|code| (code, name(code))).collect();
    let names = names.into_iter().map(|(code, name)| format!("\"{code}\": {name}"));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_by_their_shape() {
        for text in ["fr", "pt-BR", "zh_Hant_TW", " de "] {
            assert_eq!(code(text).as_deref(), Ok(text.trim()));
        }
        for text in ["", "f", "de,fr", "../de", "de@x", "12", "fr-", "français"] {
            assert!(code(text).is_err(), "{text}");
        }
        assert_eq!(codes("ja, fr").unwrap(), ["ja", "fr"]);
    }

    #[test]
    fn languages_have_names() {
        assert_eq!((name("pt-BR"), name("xx")), ("Portuguese (BR)".to_owned(), "xx".to_owned()));
        assert!(NAMES.is_sorted());
        let codes = ["pt-BR".to_owned(), "en".to_owned()];
        assert_eq!(names(codes.iter()), "\"en\": English, \"pt-BR\": Portuguese (BR)");
    }
}
