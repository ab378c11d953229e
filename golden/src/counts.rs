//! Counts by layer: a JSON object whose keys keep the order of the network.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use std::fmt;

/// Name and count of each layer, in the order of the network; no name twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub Vec<(String, u64)>);

impl Counts {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a String>, counts: &[u64]) -> Self {
        Self(names.cloned().zip(counts.iter().copied()).collect())
    }

    /// The count of a layer, if it has one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }

    /// What two say of each layer: first those of `self`, in its order, then those that only `other` has.
    pub(crate) fn beside<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, Option<u64>, Option<u64>)> {
        let ours = self.0.iter().map(|(name, count)| (name.as_str(), Some(*count), other.get(name)));
        let theirs = other.0.iter().filter(|(name, _)| self.get(name).is_none());
        ours.chain(theirs.map(|(name, count)| (name.as_str(), None, Some(*count))))
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of counts by layer")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut counts = Vec::new();
                let mut names = std::collections::BTreeSet::new();
                while let Some((name, count)) = map.next_entry::<String, u64>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!("the layer `{name}` is there twice")));
                    }
                    counts.push((name, count));
                }
                Ok(Counts(counts))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_names_are_unique() {
        let text = r#"{"n2":3,"n10":4,"n1":18446744073709551615}"#;
        let counts: Counts = serde_json::from_str(text).unwrap();
        assert_eq!(counts.0[1], ("n10".to_owned(), 4));
        assert_eq!(serde_json::to_string(&counts).unwrap(), text);
        assert!(serde_json::from_str::<Counts>(r#"{"n":1,"n":2}"#).unwrap_err().to_string().contains("`n` is there twice"));
        assert!(serde_json::from_str::<Counts>(r#"{"n":-1}"#).is_err());
        let other = Counts(vec![("n1".to_owned(), 5), ("n7".to_owned(), 6)]);
        let beside: Vec<_> = other.beside(&counts).collect();
        assert_eq!(beside[0], ("n1", Some(5), Some(u64::MAX)));
        assert_eq!(beside[1..], [("n7", Some(6), None), ("n2", None, Some(3)), ("n10", None, Some(4))]);
    }
}
