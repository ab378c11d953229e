//! When each node of a network is busy, and what waits meanwhile.

use super::Network;
use crate::artifact::{Code, OpSpec};
use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};

/// The time steps at which a node makes its digits, both counted from 1 and included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The node, or the input.
    pub name: String,
    /// The first step.
    pub first: usize,
    /// The last: the value is complete after it.
    pub last: usize,
}

/// How long an image takes on hardware that gives every node its own circuit, and a time step to every digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The window of the input, and behind it that of each node of the file.
    pub windows: Vec<Window>,
    /// Time steps from the first digit of the input until the output is complete.
    pub latency: usize,
    /// Time steps from one image to the next, where they follow one another through the network.
    pub interval: usize,
    /// Bits that wait in delay lines: for every stream, its entries times the steps by which its last digit comes before that of what
    /// its latest reader reads.
    pub delay_bits: u64,
}

impl Network {
    /// When each node is busy. In the radix code a neuron speaks after its operand's window is over; everything between neurons works on
    /// the digits as they come, which for that are brought to one last step. In the rate code all nodes are busy all the time.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        match self.spec.code {
            Code::Rate => self.side_by_side(self.spec.timesteps),
            Code::Radix => self.one_after_another(),
        }
    }

    /// As [`Network::schedule`], for a run of so many time steps.
    pub(crate) fn schedule_of(&self, timesteps: usize) -> Schedule {
        match self.spec.code {
            Code::Rate => self.side_by_side(timesteps),
            Code::Radix => self.one_after_another(),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        core::iter::once(self.spec.input.name.as_str()).chain(self.spec.nodes.iter().map(|node| node.name.as_str()))
    }

    fn side_by_side(&self, timesteps: usize) -> Schedule {
        let windows = self.names().map(|name| Window { name: name.to_owned(), first: 1, last: timesteps }).collect();
        Schedule { windows, latency: timesteps, interval: timesteps, delay_bits: 0 }
    }

    fn one_after_another(&self) -> Schedule {
        let nodes = &self.spec.nodes;
        let input = self.spec.input.quantiser.digits as usize;
        // Length and last step of each window.
        let mut digits = vec![input];
        let mut last = vec![input];
        for (node, operands) in nodes.iter().zip(&self.operands) {
            let of = |of: &[usize]| operands.iter().map(|&value| of[value]).max().unwrap_or(0);
            let (own, end) = match node.op {
                OpSpec::RadixNeuron { digits, .. } => (digits as usize, of(&last) + digits as usize),
                _ => (of(&digits), of(&last)),
            };
            digits.push(own);
            last.push(end);
        }
        // The last step at which what is made of each value without a memory is read.
        let output = self.spec.nodes.iter().position(|node| node.name == self.spec.output.node).map_or(0, |node| node + 1);
        let mut read = vec![0; last.len()];
        read[output] = last[output];
        for (index, (node, operands)) in nodes.iter().zip(&self.operands).enumerate().rev() {
            let reading = operands.iter().map(|&value| last[value]).max().unwrap_or(0);
            let at = if node.op.is_stateful() { reading } else { read[index + 1] };
            operands.iter().for_each(|&value| read[value] = read[value].max(at));
        }
        let streams = self.activity.sources.iter().enumerate().filter_map(|(value, source)| Some((value, (*source)?)));
        let delay_bits = streams.map(|(value, population)| {
            let size = self.activity.populations[population].size as u64;
            size * read[value].saturating_sub(last[value]) as u64
        });
        Schedule {
            delay_bits: delay_bits.sum(),
            latency: last[output],
            interval: digits.iter().copied().max().unwrap_or(input),
            windows: self
                .names()
                .zip(digits.iter().zip(&last))
                .map(|(name, (&digits, &last))| Window { name: name.to_owned(), first: last + 1 - digits, last })
                .collect(),
        }
    }
}
