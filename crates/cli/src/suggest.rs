//! "Did you mean": the nearest of some names.

/// Returns the name that is nearest to what was typed, if one is near enough to be a typo.
pub(crate) fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    let scored = names.into_iter().map(|name| (distance(typed, name), name));
    // Who types the beginning of a name means it, however long it goes on.
    let begins = |name: &str| typed.chars().count() > 1 && name.starts_with(typed);
    scored
        .filter(|(distance, name)| *distance <= allowed || begins(name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns a hint that names the nearest name.
pub(crate) fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(typed, names).map(|name| format!("did you mean `{name}`?"))
}

/// Counts the letters to insert, remove, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_near_and_other_words_are_not() {
        let names = ["ingest", "translate", "qa"];
        assert_eq!(nearest("tranlsate", names), Some("translate"));
        assert_eq!(nearest("Ingets", names), Some("ingest"));
        assert_eq!(nearest("q", names), Some("qa"));
        assert_eq!(nearest("trans", names), Some("translate"));
        assert_eq!(nearest("export", names), None);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
