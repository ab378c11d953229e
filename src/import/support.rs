//! What is converted and what is not, operator by operator: the tables of the importer, for documentation.

use super::{folding, ops, unsupported};

/// One operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorSupport {
    /// Its domain; empty for ONNX's own.
    pub domain: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What becomes of it.
    pub support: Support,
}

/// What becomes of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is converted under this condition.
    Converted(&'static str),
    /// It is evaluated where its operands do not depend on the image.
    OfConstants,
    /// It is refused, for this reason.
    Refused(&'static str),
}

/// Every operator that the importer knows, sorted by name: an operator may be evaluated on constants and refused on
/// activations, and is then there twice, in this order. What is not listed is refused as well. Other domains come behind ONNX's own.
#[must_use]
pub fn operators() -> Vec<OperatorSupport> {
    let converted = ops::TABLE.iter().map(|entry| (entry.name, Support::Converted(entry.when)));
    let folded = folding::names().filter(|name| ops::entry(name).is_none()).map(|name| (name, Support::OfConstants));
    // Branches whose condition is known are taken before anything is converted.
    let branches = std::iter::once(("If", Support::Converted("where the condition follows from constants and shapes")));
    // Softmax, Sigmoid and rounding are refused in most places; the condition says where they are not.
    let refused =
        unsupported::names().filter(|(name, _)| ops::entry(name).is_none()).map(|(name, reason)| (name, Support::Refused(reason)));
    let own = converted.chain(folded).chain(branches).chain(refused);
    let mut all: Vec<OperatorSupport> = own.map(|(name, support)| OperatorSupport { domain: "", name, support }).collect();
    let classical =
        |entry: &ops::Entry| OperatorSupport { domain: "ai.onnx.ml", name: entry.name, support: Support::Converted(entry.when) };
    all.extend(ops::CLASSICAL.iter().map(classical));
    // Stable, so that what is evaluated comes before what is refused.
    all.sort_by_key(|o| (o.domain, o.name));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_operator_has_one_answer_for_activations() {
        let all = operators();
        let mut answers: BTreeMap<&str, Vec<Support>> = BTreeMap::new();
        for operator in &all {
            answers.entry(operator.name).or_default().push(operator.support);
        }
        for (name, found) in &answers {
            let fits = match found[..] {
                [_] => true,
                // The condition of an `If` may depend on the image.
                [Support::OfConstants | Support::Converted(_), Support::Refused(_)] => *name == "If" || found[0] == Support::OfConstants,
                _ => false,
            };
            assert!(fits, "{name}: {found:?}");
        }
        assert!(all.is_sorted_by_key(|o| (o.domain, o.name)));
        assert!(matches!(answers["Conv"][..], [Support::Converted(_)]));
        assert!(matches!(answers["LSTM"][..], [Support::Refused(_)]));
        for operator in &all {
            if let Support::Converted(text) | Support::Refused(text) = operator.support {
                assert!(!text.is_empty() && !text.ends_with('.'), "{operator:?}");
            }
        }
    }
}
