//! The forms in which a value may turn up.

use std::fmt::Write as _;

/// Shorter pieces of base64 stand for too little to be recognised by.
const SHORTEST_PIECE: usize = 10;

/// Adds a value and everything it may look like: in JSON, in an address, in base64.
pub(super) fn push_forms(forms: &mut Vec<String>, value: &str) {
    forms.push(value.to_owned());
    let json = in_json(value);
    // In JSON within JSON the same escapes are escaped once more.
    forms.push(in_json(&json));
    forms.push(json.replace('/', "\\/"));
    forms.push(in_ascii_json(&json));
    forms.push(json);
    forms.push(in_address(value, true));
    forms.push(in_address(value, false));
    forms.push(in_address(value, true).replace("%20", "+"));
    for alphabet in [STANDARD, URL_SAFE] {
        let pieces = (0..3).map(|offset| in_base64(value.as_bytes(), offset, alphabet));
        forms.extend(pieces.filter(|piece| piece.len() >= SHORTEST_PIECE));
    }
}

fn in_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As [`in_json`], with everything beyond ASCII as `\uXXXX`: some writers of JSON do so.
fn in_ascii_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Writes everything but letters, digits and `-._~` as `%XX`.
fn in_address(value: &str, upper: bool) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        let _infallible = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(out, "{}", char::from(byte))
            }
            _ if upper => write!(out, "%{byte:02X}"),
            _ => write!(out, "%{byte:02x}"),
        };
    }
    out
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns the digits of base64 that depend on the value alone where `offset` bytes of something else stand before it in
/// a group of three, and anything behind it.
fn in_base64(value: &[u8], offset: usize, alphabet: &[u8; 64]) -> String {
    let n_bits = value.len() * 8;
    // The first digit that begins within the value; digits are six bits wide and begin at a group of three bytes.
    let first = (offset * 8).div_ceil(6) * 6 - offset * 8;
    let starts = (first..).step_by(6).take_while(|start| start + 6 <= n_bits);
    starts.map(|start| char::from(alphabet[usize::from(six_bits(value, start))])).collect()
}

fn six_bits(value: &[u8], start: usize) -> u8 {
    let byte = |at: usize| u16::from(value.get(at).copied().unwrap_or(0));
    let two = byte(start / 8) << 8 | byte(start / 8 + 1);
    u8::try_from((two >> (10 - start % 8)) & 0x3f).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Base64 as everybody writes it, without padding.
    fn encode(bytes: &[u8]) -> String {
        let n_digits = (bytes.len() * 8).div_ceil(6);
        (0..n_digits).map(|n| char::from(STANDARD[usize::from(six_bits(bytes, n * 6))])).collect()
    }

    #[test]
    fn a_value_is_recognised_wherever_it_stands_in_base64() {
        assert_eq!(encode(b"Man"), "TWFu");
        assert_eq!(encode(b"refrain"), "cmVmcmFpbg");
        let secret = "sk-canary-0123456789";
        for before in ["", "u", "us", "user:", "user:x"] {
            for after in ["", "!", "!!", "!!!"] {
                let text = encode(format!("{before}{secret}{after}").as_bytes());
                let piece = in_base64(secret.as_bytes(), before.len() % 3, STANDARD);
                assert!(text.contains(&piece) && piece.len() >= 25, "{before} {after}: {piece} in {text}");
            }
        }
    }

    #[test]
    fn a_value_is_recognised_in_json_and_in_addresses() {
        let mut forms = Vec::new();
        push_forms(&mut forms, "k\"é/ +");
        for form in ["k\"é/ +", "k\\\"é/ +", "k\\\\\\\"é/ +", "k\\\"é\\/ +", "k\\\"\\u00e9/ +"] {
            assert!(forms.iter().any(|known| known == form), "{form}: {forms:?}");
        }
        for form in ["k%22%C3%A9%2F%20%2B", "k%22%c3%a9%2f%20%2b", "k%22%C3%A9%2F+%2B"] {
            assert!(forms.iter().any(|known| known == form), "{form}: {forms:?}");
        }
    }
}
