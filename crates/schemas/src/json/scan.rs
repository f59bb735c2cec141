//! Walking over the fields of an object that is canonical already, without parsing their values.
//!
//! Whatever is not as canonical text is (a space between tokens, a key with an escape) makes the walk give up, and the
//! parser decides.

/// One field of an object: its key without quotes, where the field begins, and where its value lies.
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) start: usize,
    pub(super) value: std::ops::Range<usize>,
}

/// The fields of an object, one after the other.
pub(super) struct Fields<'a> {
    text: &'a str,
    at: usize,
}

/// The walk cannot go on.
pub(super) struct Lost;

impl<'a> Fields<'a> {
    /// Starts at the first field of an object.
    pub(super) fn of(text: &'a str) -> Result<Self, Lost> {
        if text.starts_with('{') { Ok(Self { text, at: 1 }) } else { Err(Lost) }
    }

    /// Returns the next field; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, Lost> {
        let bytes = self.text.as_bytes();
        match (bytes.get(self.at), self.at) {
            (Some(b'}'), _) if self.at + 1 == bytes.len() => return Ok(None),
            (Some(b','), 2..) => self.at += 1,
            (Some(b'"'), 1) => {}
            _ => return Err(Lost),
        }
        let start = self.at;
        let (behind, is_plain) = string(bytes, start)?;
        if !is_plain || bytes.get(behind) != Some(&b':') {
            return Err(Lost);
        }
        let key = self.text.get(start + 1..behind - 1).ok_or(Lost)?;
        let end = value(bytes, behind + 1)?;
        self.at = end;
        Ok(Some(Field { key, start, value: behind + 1..end }))
    }
}

/// Returns where a string ends that begins here, and whether it has no escapes.
fn string(bytes: &[u8], start: usize) -> Result<(usize, bool), Lost> {
    if bytes.get(start) != Some(&b'"') {
        return Err(Lost);
    }
    let (mut at, mut is_plain) = (start + 1, true);
    loop {
        let rest = bytes.get(at..).ok_or(Lost)?;
        let n = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or(Lost)?;
        if rest[n] == b'"' {
            return Ok((at + n + 1, is_plain));
        }
        (at, is_plain) = (at + n + 2, false);
    }
}

/// Returns where a value ends that begins here.
fn value(bytes: &[u8], start: usize) -> Result<usize, Lost> {
    match bytes.get(start).ok_or(Lost)? {
        b'"' => string(bytes, start).map(|(end, _)| end),
        b'{' | b'[' => nested(bytes, start),
        b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => {
            let n = bytes[start..].iter().position(|byte| matches!(byte, b',' | b'}')).ok_or(Lost)?;
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
            if bytes[start..start + n].iter().all(is_word) { Ok(start + n) } else { Err(Lost) }
        }
        _ => Err(Lost),
    }
}

fn nested(bytes: &[u8], start: usize) -> Result<usize, Lost> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at).ok_or(Lost)? {
            b'"' => {
                at = string(bytes, at)?.0;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Ok(at);
        }
    }
}
