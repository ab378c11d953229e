//! What is in an artifact's file that should not be: strings that name people and places, images, tensors of the source network.
//!
//! | file | content |
//! |---|---|
//! | `strings` | names and paths, in any case, as ASCII and as UTF-16 |
//! | `tensors` | tensors of the artifact beside those of the source network: equal, up to a factor, up to factors of channels, permuted |
//! | `channels` | single channels of source tensors in tensors of the artifact |
//! | `bytes` | stretches of source tensors anywhere in the file, in any number format, also up to a factor, also as base64 |
//! | `samples` | images |
//!
//! What this cannot see: a part of a tensor in another order, values that were encoded in yet another way, a compressed or enciphered copy.

mod bytes;
mod channels;
mod container;
mod element;
mod finder;
mod ratios;
mod samples;
mod strings;
mod tensors;
mod window;

use container::Container;
use serde::{Deserialize, Serialize};
use snnc_runtime::Artifact;
use std::collections::BTreeSet;

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

/// What must not stand in the file.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Names of users, hosts, folders, labels; those of fewer than four characters are passed over.
    pub forbidden: &'a [String],
}

/// A tensor of the source network.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub dims: &'a [usize],
    /// Row-major entries.
    pub values: &'a [f32],
}

/// An image that must not be in the file.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// What it is called in a finding.
    pub name: String,
    /// 8-bit pixels, where there are some.
    pub pixels: Option<&'a [u8]>,
    /// As the model reads it.
    pub values: &'a [f32],
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
    fn words(self) -> String {
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
    fn part(self) -> Option<(usize, usize, &'static str)> {
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

/// What was found in a file.
#[derive(Clone, Debug, Default)]
pub struct Hygiene {
    /// In words.
    pub findings: Vec<Finding>,
    /// Copies of source tensors.
    pub copies: Vec<CopyFound>,
    /// Source tensors that were looked for: those with enough different entries for a copy to mean something.
    pub sources: usize,
    /// Images that were looked for.
    pub samples: usize,
}

/// Looks for what should not be in a file.
#[must_use]
pub fn inspect(bytes: &[u8], artifact: &Artifact, sources: &[Source<'_>], samples: &[Sample<'_>], words: &Words<'_>) -> Hygiene {
    let container = Container::read(bytes);
    let telling: Vec<&Source<'_>> = sources.iter().filter(|s| window::is_telling(s.values)).collect();
    let in_tensors = tensors::copies(artifact, &telling);
    let known: BTreeSet<(usize, &str)> = in_tensors.iter().map(|(k, tensor, _)| (*k, tensor.as_str())).collect();
    let elsewhere = bytes::copies(bytes, &container, &telling, &known);
    let copy = |(k, place, how): &(usize, String, How)| CopyFound { source: telling[*k].name.to_owned(), place: place.clone(), how: *how };
    let copies: Vec<CopyFound> = in_tensors.iter().map(copy).chain(elsewhere).collect();
    let mut findings = strings::findings(bytes, artifact, words);
    findings.extend(of_copies(&copies));
    findings.extend(samples::findings(bytes, artifact, samples));
    Hygiene { findings, copies, sources: telling.len(), samples: samples.len() }
}

/// Copies of one form that are named in one finding; the rest is counted.
const NAMED: usize = 3;

/// One finding a form.
fn of_copies(copies: &[CopyFound]) -> Vec<Finding> {
    let mut by_form: Vec<&CopyFound> = copies.iter().collect();
    by_form.sort_by_key(|copy| copy.how);
    let name = |copy: &&CopyFound| {
        let part = copy.how.part().map(|(copied, of, what)| format!("{copied} of {of} {what} channels of ")).unwrap_or_default();
        format!("{part}`{}` in {}", copy.source, copy.place)
    };
    let one = |list: &[&CopyFound]| {
        let named: Vec<String> = list.iter().take(NAMED).map(name).collect();
        let more = if list.len() > NAMED { format!(" and {} more", list.len() - NAMED) } else { String::new() };
        let how = list[0].how.words();
        Finding {
            severity: Severity::Leak,
            what: format!("The file holds tensors of the source network {how}: {}{more}.", named.join(", ")),
        }
    };
    by_form.chunk_by(|a, b| a.how.words() == b.how.words()).map(one).collect()
}
