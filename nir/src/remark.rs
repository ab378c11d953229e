//! What NIR cannot say of a network, by the layers that it concerns.

use crate::lower::{Lowered, parameter, reset};
use snnc_runtime::{Artifact, Coding, NodeSpec, OpSpec, Reset};
use std::fmt;

/// Whole numbers up to here are numbers of `f32`; with a half beside them, up to half of it.
const EXACT: i32 = 1 << 24;

/// Something that the nodes of the graph leave unsaid, or say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What.
    pub subject: Subject,
    /// Of which nodes of the artifact; the input's name where it is of the input.
    pub nodes: Vec<String>,
}

/// What NIR does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Subject {
    /// Digits, windows and levels of the radix code.
    Radix,
    /// Reset by subtraction, which NIR has had until version 1.0.4.
    SoftReset,
    /// Reset to 0 beside neurons with the other, so that no version of NIR says both.
    HardReset,
    /// Spikes that are taken back.
    Signed,
    /// A potential before the first step.
    Start,
    /// Leaks whose result is rounded down.
    Leak,
    /// Maxima over windows, in whose place there are means.
    MaxPool,
    /// Constants that differ from place to place.
    Offset,
    /// Spikes of the input at random.
    Poisson,
    /// Numbers, or sums of one time step, that `f32` may round.
    Precision,
    /// Kernels that are no squares, which the type check of `nir` misjudges.
    Oblong,
}

impl Subject {
    /// A word for the metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Radix => "radix",
            Self::SoftReset => "soft-reset",
            Self::HardReset => "hard-reset",
            Self::Signed => "signed",
            Self::Start => "start-potential",
            Self::Leak => "leak",
            Self::MaxPool => "max-pool",
            Self::Offset => "offset",
            Self::Poisson => "poisson",
            Self::Precision => "precision",
            Self::Oblong => "oblong",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Radix => {
                "NIR has no windows of digits: simulators run these neurons as if their spikes were a rate; compile with `--code rate` for them"
            }
            Self::SoftReset => {
                "a spike takes the threshold from the potential, as in NIR up to 1.0.4; since 1.0.6, and in most simulators, it sets it to 0"
            }
            Self::HardReset => "a spike sets the potential to 0, while the version of the file says that it takes the threshold from it",
            Self::Signed => "NIR has no spikes of -1: compile with `--spikes binary` for simulators",
            Self::Start => "NIR has no potential before the first step: set it by hand, to `v_init` of the metadata",
            Self::Leak => "what a leak leaves is rounded down here, and is not there",
            Self::MaxPool => "NIR has no max pooling: a mean over the same windows stands there, which gives other results",
            Self::Offset => "NIR has no constant that differs from place to place: add `offset` of the metadata by hand",
            Self::Poisson => "NIR does not say how images become spikes: feed it spikes of -1, 0 and 1 made as the metadata says",
            Self::Precision => "numbers can be beyond what 32-bit floats hold exactly: spikes may differ",
            Self::Oblong => {
                "kernels that are no squares fail the type check of `nir` 1.0.5 and later: read the file with `type_check=False`"
            }
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.nodes.iter().map(|node| format!("`{node}`")).collect();
        write!(f, "{} ({}): {}", self.subject.name(), nodes.join(", "), self.subject.sentence())
    }
}

/// What is to say of an artifact, its values' largest magnitudes, and what became of it.
pub(crate) fn remarks(artifact: &Artifact, magnitudes: &[i32], lowered: &Lowered) -> Vec<Remark> {
    let graph = &artifact.graph;
    let having = |has: &dyn Fn(&NodeSpec) -> bool| -> Vec<String> {
        graph.nodes.iter().filter(|node| has(node)).map(|node| node.name.clone()).collect()
    };
    let resets = |wanted: &[Reset]| having(&|node| reset(&node.op).is_some_and(|reset| wanted.contains(&reset)));
    let (soft, hard) = (resets(&[Reset::Soft, Reset::Signed]), resets(&[Reset::Hard]));
    let sums = |index: usize| matches!(graph.nodes[index].op, OpSpec::Conv2d { .. } | OpSpec::Linear | OpSpec::Add);
    let wide = (0..graph.nodes.len()).filter(|&index| sums(index) && magnitudes[index + 1] >= EXACT / 2);
    let mut inexact: Vec<String> = wide.map(|index| graph.nodes[index].name.clone()).collect();
    inexact.extend(having(&|node| !has_exact(artifact, node)));
    inexact.sort();
    inexact.dedup();
    let input = if graph.input.coding == Coding::Poisson { vec![graph.input.name.clone()] } else { Vec::new() };
    let all = [
        (Subject::Radix, having(&|node| matches!(node.op, OpSpec::RadixNeuron { .. }))),
        (Subject::HardReset, if soft.is_empty() { Vec::new() } else { hard }),
        (Subject::SoftReset, soft),
        (Subject::Signed, resets(&[Reset::Signed])),
        (Subject::Start, having(&|node| parameter(artifact, node, "initial").is_some_and(|v0| v0.data.iter().any(|v| v != 0)))),
        (Subject::Leak, having(&|node| matches!(node.op, OpSpec::LifNeuron { .. }))),
        (Subject::MaxPool, having(&|node| matches!(node.op, OpSpec::CountMaxPool2d { .. } | OpSpec::DigitMaxPool2d { .. }))),
        (Subject::Offset, lowered.offsets.clone()),
        (Subject::Poisson, input),
        (Subject::Precision, inexact),
        (Subject::Oblong, lowered.oblong.clone()),
    ];
    all.into_iter().filter(|(_, nodes)| !nodes.is_empty()).map(|(subject, nodes)| Remark { subject, nodes }).collect()
}

/// Whether `f32` holds every parameter of an artifact, so that it can be read back.
pub(crate) fn is_exact(artifact: &Artifact) -> bool {
    artifact.graph.nodes.iter().all(|node| has_exact(artifact, node))
}

/// Whether `f32` holds the parameters of a node, those of neurons with a half beside them.
fn has_exact(artifact: &Artifact, node: &NodeSpec) -> bool {
    let limit = if node.op.is_stateful() { EXACT / 2 } else { EXACT };
    node.tensors
        .values()
        .filter_map(|name| artifact.tensors.get(name))
        .all(|tensor| tensor.data.iter().all(|v| v.unsigned_abs() < limit.unsigned_abs()))
}
