//! What nodes make of samples.

use snnc_ir::{Graph, NodeId};
use std::collections::BTreeMap;

/// The smallest and the largest value that every channel of nodes of the float network made for any sample.
pub type Ranges = BTreeMap<NodeId, Vec<(f32, f32)>>;

/// The ranges of a graph without samples, in which every node is taken to reach `reach` on both sides of 0.
#[must_use]
pub fn ranges_up_to(graph: &Graph, reach: f32) -> Ranges {
    graph.node_ids().into_iter().map(|node| (node, vec![(-reach, reach); graph[node].ty.channels()])).collect()
}

/// Values of one node for the calibration samples, image after image: `[N, C, P]`, where P is the size of a channel's plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// C.
    pub channels: usize,
    /// P.
    pub plane: usize,
    /// `N · C · P` values.
    pub data: Vec<f32>,
}

impl Activations {
    /// Number of images, N.
    #[must_use]
    pub fn images(&self) -> usize {
        self.data.len() / (self.channels * self.plane).max(1)
    }

    /// The values of one channel over all images.
    pub fn channel(&self, channel: usize) -> impl Iterator<Item = f32> + Clone {
        self.data.chunks(self.plane).skip(channel).step_by(self.channels).flatten().copied()
    }

    /// Mean of every channel, summed in double precision.
    #[must_use]
    pub fn channel_means(&self) -> Vec<f64> {
        let count = (self.images() * self.plane).max(1) as f64;
        (0..self.channels).map(|c| self.channel(c).map(f64::from).sum::<f64>() / count).collect()
    }
}

/// What some places of a node carry over time, the same places in every channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    /// Values a place: T, or 1 where it is the same at every step.
    pub steps: usize,
    /// Image and position in the plane of every place.
    pub places: Vec<(usize, usize)>,
    /// `[channel, step, place]`.
    pub data: Vec<f32>,
}

impl Traces {
    /// `[step, place]` of one channel.
    #[must_use]
    pub fn channel(&self, channel: usize) -> &[f32] {
        let len = self.steps * self.places.len();
        &self.data[channel * len..][..len]
    }
}
