//! What is found, and in which form.

use serde::{Deserialize, Serialize};

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something that should not be in the file.
    Leak,
    /// Something to know.
    Note,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it means.
    pub severity: Severity,
    /// A sentence.
    pub what: String,
}

/// A copy of a source tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFound {
    /// The source tensor.
    pub source: String,
    /// Name of the tensor that holds it, or where in the file.
    pub place: String,
    /// In which form.
    pub how: How,
}

/// The form of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Bit by bit.
    Same,
    /// Up to one factor, and the rounding of 16-bit floats.
    Scaled,
    /// Up to factors of output and input channels, as an untrained conversion leaves it.
    ChannelScaled,
    /// So many of its input channels, up to a factor each.
    Inputs {
        /// That are held.
        copied: usize,
        /// Of how many.
        of: usize,
    },
    /// So many of its output channels, up to a factor each.
    Outputs {
        /// That are held.
        copied: usize,
        /// Of how many.
        of: usize,
    },
    /// The same magnitudes in another order, up to one factor.
    Permuted,
    /// A stretch of it among the bytes of the file.
    Bytes {
        /// The number format.
        element: &'static str,
        /// Whether up to a factor.
        scaled: bool,
    },
}

impl How {
    pub(super) fn words(self) -> String {
        match self {
            Self::Same => "bit by bit".to_owned(),
            Self::Scaled => "up to one factor".to_owned(),
            Self::ChannelScaled => "up to factors of its channels".to_owned(),
            Self::Inputs { .. } | Self::Outputs { .. } => "in part, up to one factor a channel".to_owned(),
            Self::Permuted => "in another order, up to one factor".to_owned(),
            Self::Bytes { element, scaled } => format!("as {element} numbers{}", if scaled { ", up to one factor" } else { "" }),
        }
    }

    /// What there is of the tensor, where it is not all.
    pub(super) fn part(self) -> Option<(usize, usize, &'static str)> {
        match self {
            Self::Inputs { copied, of } => Some((copied, of, "input")),
            Self::Outputs { copied, of } => Some((copied, of, "output")),
            Self::Same | Self::Scaled | Self::ChannelScaled | Self::Permuted | Self::Bytes { .. } => None,
        }
    }

    /// The share of the tensor.
    #[must_use]
    pub fn share(self) -> f64 {
        self.part().map_or(1.0, |(copied, of, _)| copied as f64 / of.max(1) as f64)
    }
}
