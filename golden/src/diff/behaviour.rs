//! What two networks do with the same images.

use super::{
    align::{Pair, Pairs},
    tolerances::Tolerances,
};
use crate::{
    error::{Error, Result},
    finding::OtherClass,
    measure::{Inputs, Sums, Watch},
    subject::Subject,
    tolerances::is_within,
};
use serde::Serialize;
use snnc_data::Images;
use snnc_runtime::Network;

/// What both do with images. Counts are sums over all of them; each network runs for as many time steps as it was made for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Behaviour {
    /// Number of images.
    pub images: usize,
    /// How many are right in A and in B, if the file has classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct: Option<[usize; 2]>,
    /// Time steps until the answer is there, in A and in B.
    pub latency: [usize; 2],
    /// Images with another class in B, if they are more than may be.
    pub classes: Vec<OtherClass>,
    /// Largest difference of a logit, in the units of the read-outs, if it is more than may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logits: Option<f64>,
    /// Layers that make more or fewer spikes.
    pub spikes: Vec<Change>,
    /// Layers with more or fewer synaptic operations.
    pub synaptic_ops: Vec<Change>,
}

/// A count of a layer that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The node of A; of B where only B has it.
    pub layer: String,
    /// The count in A.
    pub a: Option<u64>,
    /// The count in B.
    pub b: Option<u64>,
}

impl Behaviour {
    /// Whether both do the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let is_as_fast = self.latency[0] == self.latency[1];
        is_as_fast && self.classes.is_empty() && self.logits.is_none() && self.spikes.is_empty() && self.synaptic_ops.is_empty()
    }
}

pub(super) fn behaviour(
    [a, b]: [&Subject; 2],
    images: &Images,
    pairs: &Pairs,
    tolerances: &Tolerances,
    watch: &mut Watch<'_>,
) -> Result<Behaviour> {
    let inputs = [Inputs::new(images.clone(), &a.network)?, Inputs::new(images.clone(), &b.network)?];
    let classes = [inputs[0].classes(a.network.classes())?, inputs[1].classes(b.network.classes())?];
    let mut sums = [Sums::default(), Sums::default()];
    let mut largest = 0.0f64;
    for part in inputs[0].parts(&a.network) {
        let outcomes = [inputs[0].run(&a.network, part.clone())?, inputs[1].run(&b.network, part.clone())?];
        for (logit_a, logit_b) in outcomes[0].logits.iter().zip(&outcomes[1].logits) {
            largest = largest.max((f64::from(*logit_a) - f64::from(*logit_b)).abs());
        }
        for ((sums, outcome), classes) in sums.iter_mut().zip(&outcomes).zip(&classes) {
            sums.add(outcome, classes.get(part.clone()).unwrap_or_default());
        }
        if watch(part.end).is_break() {
            return Err(Error::Stopped);
        }
    }
    let others = OtherClass::between(&sums[0].predictions, &sums[1].predictions);
    let populations = |network: &Network| network.populations().iter().map(|population| population.name.clone()).collect();
    let layers = |network: &Network| network.layers().iter().map(|layer| layer.name.clone()).collect();
    let both = Both { a: &a.network, b: &b.network, pairs, tolerance: tolerances.spikes };
    Ok(Behaviour {
        images: images.count,
        correct: images.labels.as_ref().map(|_| [sums[0].right, sums[1].right]),
        latency: [a.network.schedule().latency, b.network.schedule().latency],
        classes: if others.len() > tolerances.classes { others } else { Vec::new() },
        logits: Some(largest).filter(|_| a.network.classes() == b.network.classes()).filter(|&largest| largest > tolerances.logits),
        spikes: both.changes(populations, [&sums[0].totals.spikes, &sums[1].totals.spikes]),
        synaptic_ops: both.changes(layers, [&sums[0].totals.synaptic_ops, &sums[1].totals.synaptic_ops]),
    })
}

struct Both<'a> {
    a: &'a Network,
    b: &'a Network,
    pairs: &'a Pairs,
    tolerance: f64,
}

impl Both<'_> {
    /// Counts of layers that differ, front to back; `names` are those of the layers that are counted.
    fn changes(&self, names: impl Fn(&Network) -> Vec<String>, [of_a, of_b]: [&[u64]; 2]) -> Vec<Change> {
        let (names_a, names_b) = (names(self.a), names(self.b));
        let count = |names: &[String], counts: &[u64], name: &str| counts.get(names.iter().position(|known| known == name)?).copied();
        let nodes = |network: &'_ Network, node: usize| network.spec().nodes[node].name.clone();
        // The input makes spikes too, in some codings.
        let input = (Some(self.a.spec().input.name.clone()), Some(self.b.spec().input.name.clone()));
        let pairs = std::iter::once(input).chain(self.pairs.0.iter().map(|pair| match *pair {
            Pair::Both(a, b) => (Some(nodes(self.a, a)), Some(nodes(self.b, b))),
            Pair::A(a) => (Some(nodes(self.a, a)), None),
            Pair::B(b) => (None, Some(nodes(self.b, b))),
        }));
        let change = |(name_a, name_b): (Option<String>, Option<String>)| {
            let a = name_a.as_ref().and_then(|name| count(&names_a, of_a, name));
            let b = name_b.as_ref().and_then(|name| count(&names_b, of_b, name));
            let is_same = a == b || a.zip(b).is_some_and(|(a, b)| is_within(a, b, self.tolerance));
            (!is_same).then(|| Change { layer: name_a.or(name_b).unwrap_or_default(), a, b })
        };
        pairs.filter_map(change).collect()
    }
}
