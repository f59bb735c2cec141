//! What somebody may have meant.

/// Returns the candidate that differs least from a word, if it is near at all.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    near.filter(|(far, candidate)| *far <= (candidate.len() + 1) / 3).min().map(|(_, candidate)| candidate)
}

/// Returns how many letters have to be changed, added or left out.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let names = ["template", "filter", "map", "summary"];
        let check = |word: &str, expect: Option<&str>| assert_eq!(nearest(word, names), expect, "{word}");
        check("sumary", Some("summary"));
        check("tempalte", Some("template"));
        check("mpa", None);
        check("mab", Some("map"));
        check("translate", None);
        check("", None);
    }
}
