//! What is in an artifact's file that should not be: strings that name people and places, images, tensors of the source network.
//!
//! | file | content |
//! |---|---|
//! | `wanted`, `finding` | what is looked for, and what is found |
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
mod finding;
mod ratios;
mod samples;
mod strings;
mod tensors;
mod wanted;
mod window;

pub use finding::{CopyFound, Finding, How, Severity};
pub use wanted::{Sample, Source, Words};

use container::Container;
use snnc_runtime::Artifact;
use std::collections::BTreeSet;

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
