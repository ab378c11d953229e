//! Names that HDF5 and the modules of PyTorch take: letters, digits and underscores.

use std::collections::BTreeSet;

/// Names that are taken.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name like the wanted one that nothing has yet.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let word: String = wanted.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // PyTorch takes a leading digit for the index of a list.
        let word = if word.starts_with(|c: char| c.is_ascii_digit()) { format!("n{word}") } else { word };
        let mut name = word.clone();
        let mut count = 1;
        while !self.0.insert(name.clone()) {
            count += 1;
            name = format!("{word}_{count}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_differ() {
        let mut names = Names::default();
        let taken: Vec<String> = ["a/b", "a.b", "input", "input", "7", "ä"].into_iter().map(|name| names.take(name)).collect();
        assert_eq!(taken, ["a_b", "a_b_2", "input", "input_2", "n7", "_"]);
    }
}
