//! The known key that an unknown one probably means.

/// The key of `known` nearest to `typed`, if the distance is small enough. Of two equally near ones, the one with the
/// same first letter, because typing errors mostly occur inside words.
pub(super) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (best, score) = known
        .into_iter()
        .map(|key| (key, score(typed, key)))
        .min_by_key(|(key, score)| (*score, key.chars().next() != typed.chars().next()))?;
    (score <= 1 + typed.len() / 4).then_some(best)
}

/// The distance; zero is the best. The correct name in the wrong section has a small distance.
fn score(typed: &str, key: &str) -> usize {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let whole = distance(typed, key);
    let name = distance(&last(typed), &last(key));
    whole.min(1 + name * 2)
}

/// The Levenshtein distance: insertions, removals and replacements between the two.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = ["edge.listen", "edge.ops_listen", "auth.password.min_length", "notify.email.smtp_url"];

    #[test]
    fn slips_of_the_finger_find_their_key() {
        for (typed, meant) in [
            ("edge.lisen", Some("edge.listen")),
            ("listen", Some("edge.listen")),
            ("auth.min_length", Some("auth.password.min_length")),
            ("notify.email.smtp_ulr", Some("notify.email.smtp_url")),
            ("edge.port", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, KEYS), meant, "{typed}");
        }
    }
}
