//! How languages count.

const ONE: &str = "nplurals=1; plural=0;";
const NOT_ONE: &str = "nplurals=2; plural=(n != 1);";
const MORE_THAN_ONE: &str = "nplurals=2; plural=(n > 1);";
const EAST_SLAVIC: &str =
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);";
const POLISH: &str = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);";
const CZECH: &str = "nplurals=3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2);";
const LITHUANIAN: &str =
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<10 || n%100>=20) ? 1 : 2);";
const LATVIAN: &str = "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n!=0 ? 1 : 2);";
const ROMANIAN: &str = "nplurals=3; plural=(n==1 ? 0 : n==0 || (n%100>0 && n%100<20) ? 1 : 2);";
const SLOVENE: &str = "nplurals=4; plural=(n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3);";
const IRISH: &str = "nplurals=5; plural=(n==1 ? 0 : n==2 ? 1 : n<7 ? 2 : n<11 ? 3 : 4);";
const WELSH: &str = "nplurals=4; plural=(n==1 ? 0 : n==2 ? 1 : n!=8 && n!=11 ? 2 : 3);";
const ICELANDIC: &str = "nplurals=2; plural=(n%10!=1 || n%100==11);";
const ARABIC: &str =
    "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);";

/// Returns the value of `Plural-Forms` for a language such as `pt_BR`, where it is known.
pub(super) fn plural_forms(language: &str) -> Option<&'static str> {
    let whole = language.replace('-', "_").to_ascii_lowercase();
    if whole == "pt_br" {
        return Some(MORE_THAN_ONE);
    }
    Some(match whole.split('_').next()? {
        "ja" | "ko" | "zh" | "th" | "vi" | "id" | "ms" | "lo" | "my" | "km" => ONE,
        "en" | "de" | "nl" | "sv" | "da" | "nb" | "nn" | "no" | "es" | "it" | "pt" | "el" | "he" | "fi"
        | "hu" | "et" | "bg" | "ca" | "gl" | "eu" | "eo" | "af" | "hi" | "bn" | "ur" | "sw" | "ka" | "az"
        | "kk" => NOT_ONE,
        "fr" | "tr" | "fa" | "oc" | "br" | "uz" | "fil" => MORE_THAN_ONE,
        "ru" | "uk" | "be" | "sr" | "hr" | "bs" => EAST_SLAVIC,
        "pl" => POLISH,
        "cs" | "sk" => CZECH,
        "lt" => LITHUANIAN,
        "lv" => LATVIAN,
        "ro" => ROMANIAN,
        "sl" => SLOVENE,
        "ga" => IRISH,
        "cy" => WELSH,
        "is" => ICELANDIC,
        "ar" => ARABIC,
        _ => return None,
    })
}
