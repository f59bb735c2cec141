//! Finds what somebody probably meant.

/// Returns the known name that is nearest to what was written, if one is near.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 200 {
        return None;
    }
    let limit = (written.chars().count() / 3).clamp(1, 3);
    let scored =
        known.into_iter().filter(|name| name.len() <= 200).map(|name| (distance(written, name), name));
    // Who writes the beginning of a name means it, however long it goes on.
    let begins = |name: &str| written.chars().count() > 2 && name.starts_with(written);
    // Something of the name must be left: `z` is not near `a`.
    let near = scored.filter(|(distance, name)| {
        (*distance <= limit && *distance < written.len().max(name.len())) || begins(name)
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Says what was probably meant, or what there is.
#[must_use]
pub fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    match nearest(written, known.clone()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None => listing(known).map(|names| format!("there are {names}")),
    }
}

/// Lists names, the first twelve of many.
#[must_use]
pub fn listing<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => None,
        n if n > 12 => Some(format!("{} and {} more", names[..12].join(", "), n - 12)),
        _ => Some(names.join(", ")),
    }
}

/// The number of letters to change, add, leave out or swap with their neighbour; case costs nothing.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        let known = ["translate", "ingest", "qa"];
        assert_eq!(nearest("transalte", known), Some("translate"));
        assert_eq!(nearest("Ingest", known), Some("ingest"));
        assert_eq!(nearest("q", known), Some("qa"));
        assert_eq!(nearest("z", ["a"]), None);
        assert_eq!(nearest("trans", known), Some("translate"));
        assert_eq!(nearest("export", known), None);
        assert_eq!(suggestion("export", known).unwrap(), "there are `translate`, `ingest`, `qa`");
        assert_eq!(suggestion("export", []), None);
    }
}
