//! The phases of a compilation and what each admits.

use crate::{graph::Graph, op::Operator, param::Provenance};
use std::fmt;

/// How far a graph has come. Phases only advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// As the ONNX file says, in the IR's operators.
    Imported,
    /// Only the operators that conversion knows: normalisation is folded, rectifiers are `relu`, `clip` or `clip_floor_shift`.
    Canonical,
    /// Neurons in the place of rectifiers; every neuron is followed by the `scale` that turns its rate into an activation.
    Spiking,
    /// Thresholds are set, weights are in spike units: a runtime adds weights and compares.
    Calibrated,
    /// No parameter that carried information from the source network's weights is left as it came or computed from it.
    Trained,
    /// All parameters are whole numbers, and so is every current and potential: the same spikes on every machine. Numbers beyond 2^24
    /// are kept to 24 significant bits; a leak is a multiple of 1/65536, and what is left of a potential is rounded down.
    Whole,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 6] = [Self::Imported, Self::Canonical, Self::Spiking, Self::Calibrated, Self::Trained, Self::Whole];

    /// Name in the text form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Canonical => "canonical",
            Self::Spiking => "spiking",
            Self::Calibrated => "calibrated",
            Self::Trained => "trained",
            Self::Whole => "whole",
        }
    }

    /// The phase after this one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|&p| p > self)
    }

    /// Whether a graph in this phase may contain `op`. This is the table that the verifier enforces.
    #[must_use]
    pub fn admits(self, op: &Operator) -> bool {
        let float = self <= Self::Canonical;
        match op {
            Operator::Input
            | Operator::Conv2d { .. }
            | Operator::Linear { .. }
            | Operator::Scale { .. }
            | Operator::Shift { .. }
            | Operator::Add
            | Operator::Concat { .. }
            | Operator::Slice { .. }
            | Operator::Reshape { .. }
            | Operator::Transpose { .. } => true,
            // A mean of whole numbers is none.
            Operator::AveragePool2d { .. } | Operator::Mean { .. } => self != Self::Whole,
            // A constant border is a bias that only some neurons see: canonical graphs write it with `shift`.
            Operator::Pad { value, .. } => self == Self::Imported || *value == 0.0,
            Operator::BatchNorm { .. }
            | Operator::Floor
            | Operator::Round
            | Operator::LeakyRelu { .. }
            | Operator::PRelu { .. }
            | Operator::Softmax { .. }
            | Operator::LogSoftmax { .. }
            | Operator::Sigmoid => self == Self::Imported,
            Operator::Relu | Operator::ClipFloorShift { .. } | Operator::MaxPool2d { .. } => float,
            Operator::Clip { min, max } => self == Self::Imported || (self == Self::Canonical && min < max),
            Operator::Neuron { .. }
            | Operator::CountMaxPool2d { .. }
            | Operator::RadixNeuron { .. }
            | Operator::DigitMaxPool2d { .. }
            | Operator::SumPool2d { .. }
            | Operator::Sum { .. } => !float,
        }
    }

    /// Whether a graph in this phase may hold parameters of that provenance. `Trained` is thereby an invariant, not a claim:
    /// nothing in the file is the source network's weights or was computed from them without training.
    #[must_use]
    pub fn admits_provenance(self, provenance: Provenance) -> bool {
        self != Self::Trained || matches!(provenance, Provenance::Trained | Provenance::Fixed)
    }

    /// Moves `graph` into this phase.
    ///
    /// # Panics
    /// If the graph is already past it: stages run in order.
    pub fn enter(self, graph: &mut Graph) {
        assert!(graph.phase <= self, "phases only advance: {} after {}", self, graph.phase);
        graph.phase = self;
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
