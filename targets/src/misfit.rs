//! What does not fit.

use snnc_ir::Diagnostic;

/// Code of the diagnostics, for `snnc explain`.
pub const CODE: &str = "E0201";

/// A node, or the network, beyond a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Key of the limit in the profile.
    pub limit: &'static str,
    /// The node's name in the model; none where it is about the whole network.
    pub node: Option<String>,
    /// What there is and what there may be, as one sentence about a target.
    pub says: String,
    /// Where the limit is from.
    pub source: Option<String>,
    /// What would fit.
    pub would_fit: String,
    /// Place in the order of nodes; the whole network comes last.
    place: usize,
}

impl Misfit {
    pub(crate) fn of_network(limit: &'static str, source: Option<&String>, says: String, would_fit: impl Into<String>) -> Self {
        Self { limit, node: None, says, source: source.cloned(), would_fit: would_fit.into(), place: usize::MAX }
    }

    /// Of the node `name`, which stands at `place` in the order.
    pub(crate) fn of_node(
        (name, place): (String, usize),
        limit: &'static str,
        source: Option<&String>,
        says: String,
        would_fit: impl Into<String>,
    ) -> Self {
        Self { limit, node: Some(name), says, source: source.cloned(), would_fit: would_fit.into(), place }
    }

    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// As a message about a model.
    #[must_use]
    pub fn diagnostic(&self, target: &str) -> Diagnostic {
        let mut said = Diagnostic::error(CODE, format!("does not fit `{target}`: {}", self.says));
        if let Some(node) = &self.node {
            said = said.at(node.as_str());
        }
        said = said.detail(format!("limit `{}`", self.limit));
        if let Some(source) = &self.source {
            said = said.note(format!("source: {source}"));
        }
        said.help(self.would_fit.as_str())
    }
}
