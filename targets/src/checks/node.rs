//! Where a check looks, and what it says there.

use crate::{limit::Limit, misfit::Misfit, network::Network};
use snnc_ir::NodeId;

/// One node.
pub(super) struct At<'a, 'g> {
    pub(super) network: &'a Network<'g>,
    pub(super) node: NodeId,
    found: &'a mut Vec<Misfit>,
}

impl<'a, 'g> At<'a, 'g> {
    /// Misfits of `node` go to `found`.
    pub(super) fn new(network: &'a Network<'g>, node: NodeId, found: &'a mut Vec<Misfit>) -> Self {
        Self { network, node, found }
    }

    pub(super) fn add(&mut self, limit: &'static str, source: Option<&String>, says: impl Into<String>, would_fit: impl Into<String>) {
        self.found.push(Misfit::of_node(self.network.at(self.node), limit, source, says.into(), would_fit));
    }

    /// A number that may be so large.
    pub(super) fn most(&mut self, key: &'static str, limit: Option<&Limit<usize>>, what: &str, is: usize, would_fit: &str) {
        if let Some(limit) = limit.filter(|limit| is > limit.is) {
            self.add(key, limit.source.as_ref(), format!("at most {} {what}, and there are {is}", limit.is), would_fit);
        }
    }

    /// Numbers that may be some.
    pub(super) fn listed(&mut self, key: &'static str, limit: Option<&Limit<Vec<usize>>>, what: &str, are: &[usize], would_fit: &str) {
        if let Some(limit) = limit.filter(|limit| are.iter().any(|one| !limit.is.contains(one))) {
            let words = |numbers: &[usize], between: &str| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(between);
            let says = format!("{what} are {}, and there is {}", words(&limit.is, ", "), words(are, " by "));
            self.add(key, limit.source.as_ref(), says, would_fit);
        }
    }
}
