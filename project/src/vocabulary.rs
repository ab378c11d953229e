//! Which options the compiler has, and which of them write files.

use std::collections::BTreeMap;

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is given or not.
    Nothing,
    /// One value, of which several are joined by commas.
    Value,
    /// One value each time it is given.
    Repeated,
}

/// What an option writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Nothing.
    Nothing,
    /// The file that is its value.
    File {
        /// Whether its bytes depend on nothing but what the build knows: then the lock file holds them to that.
        is_exact: bool,
    },
    /// The file behind the first `=` of its value, as in `c=model.h`; exact.
    AfterEquals,
}

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What it takes.
    pub takes: Takes,
    /// What it writes.
    pub writes: Writes,
    /// Why a project cannot have it, if so.
    pub refused: Option<&'static str>,
}

/// The options of a compiler by name, without the dashes.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary(BTreeMap<String, About>);

impl Vocabulary {
    /// Of these options.
    #[must_use]
    pub fn new(options: impl IntoIterator<Item = (String, About)>) -> Self {
        Self(options.into_iter().collect())
    }

    /// An option.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&About> {
        self.0.get(name)
    }

    /// The name that looks most like this one, if any does.
    #[must_use]
    pub fn like(&self, name: &str) -> Option<&str> {
        let near = |known: &&String| distance(known, name) <= name.len() / 3;
        self.0.keys().filter(near).min_by_key(|known| distance(known, name)).map(String::as_str)
    }
}

/// Letters to insert, leave out or change to get from one word to another (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_found() {
        let about = About { takes: Takes::Value, writes: Writes::Nothing, refused: None };
        let vocabulary = Vocabulary::new(["timesteps", "threshold"].map(|name| (name.to_owned(), about.clone())));
        assert_eq!(vocabulary.like("time-steps"), Some("timesteps"));
        assert_eq!(vocabulary.like("treshold"), Some("threshold"));
        assert_eq!(vocabulary.like("colour"), None);
    }
}
