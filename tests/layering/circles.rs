//! Ways that lead back to where they began.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A shortest way from each name back to itself, each circle once.
pub fn circles<'a>(arrows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Vec<&'a str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
    }
    let mut found: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for &start in next.keys() {
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut waiting = VecDeque::from([start]);
        while let Some(at) = waiting.pop_front() {
            for &to in next.get(at).into_iter().flatten() {
                if !from.contains_key(to) {
                    from.insert(to, at);
                    waiting.push_back(to);
                }
            }
        }
        let Some(&last) = from.get(start) else { continue };
        let mut way: Vec<&str> = std::iter::successors(Some(last), |&at| (at != start).then(|| from[at])).collect();
        way.reverse();
        found.entry(way.iter().copied().collect()).or_insert(way);
    }
    found.into_values().collect()
}

/// A circle as text.
pub fn told(circle: &[&str]) -> String {
    let names: Vec<String> = circle.iter().chain(&circle[..1]).map(|name| format!("`{name}`")).collect();
    names.join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once_and_ways_that_end_are_none() {
        assert!(circles([("a", "b"), ("b", "c"), ("a", "c")]).is_empty());
        assert_eq!(circles([("a", "b"), ("b", "a"), ("b", "c")]), [["a", "b"]]);
        assert_eq!(circles([("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]), [["a", "b", "c"]]);
        assert_eq!(told(&["a", "b"]), "`a` → `b` → `a`");
    }
}
