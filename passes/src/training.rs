//! What passes ask of a training.

use snnc_ir::{Graph, ParamId, Tensor};

/// Something that can train a spiking network.
pub trait Training {
    /// Trains the network and returns new values for its parameters, of the same shapes; none if it found nothing better.
    ///
    /// # Errors
    /// If the network cannot be run.
    fn train(&mut self, graph: &Graph) -> Result<Vec<(ParamId, Tensor)>, String>;
}
