//! What passes ask of a running network.

use crate::{
    threshold::{Firing, Recorded},
    values::{Activations, Traces},
};
use snnc_ir::{Graph, NodeId};

/// A float network and the spiking network that it becomes, both running on the same samples.
///
/// Passes go through a graph front to back. An implementation may remember what it computed; a pass that changes the graph
/// says so by [`Calibration::changed`] before it asks again.
pub trait Calibration: Firing {
    /// What the float network computes at the rectifier that became `neuron`, before any bias was corrected.
    ///
    /// # Errors
    /// If the network cannot be run.
    fn target(&mut self, neuron: NodeId) -> Result<Activations, String>;

    /// What the float network answers.
    ///
    /// # Errors
    /// If the network cannot be run.
    fn answers(&mut self) -> Result<Activations, String>;

    /// What `node` makes in the spiking network `graph` as it is now: in the rate code its mean over time, in the radix code its count.
    ///
    /// # Errors
    /// If the network cannot be run.
    fn mean(&mut self, graph: &Graph, node: NodeId) -> Result<Activations, String>;

    /// What about `places` places of every channel of `node` carry over time in the spiking network `graph` as it is now.
    ///
    /// # Errors
    /// If the network cannot be run.
    fn traces(&mut self, graph: &Graph, node: NodeId, places: usize) -> Result<Traces, String>;

    /// What batch norms recorded of the values before the rectifier that became `neuron`, where the file has them.
    fn recorded(&self, neuron: NodeId) -> Option<&Recorded>;

    /// The result of `node`, and with it all that depends on it, is no longer what it was.
    fn changed(&mut self, graph: &Graph, node: NodeId);
}
