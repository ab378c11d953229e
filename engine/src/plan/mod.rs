//! A network as a list of steps, ready to be run over all time steps at once.
//!
//! Time is folded into the batch, and each step is run as rarely as it can be ([`Span`]):
//!
//! * what is the same at every time step (in a float network everything, with direct coding all before the first neurons) once an image;
//! * what lies behind the last neurons, being affine, once an image too, on the mean over time;
//! * the rest at all T time steps, `[T, N, ..]`.
//!
//! A graph of the radix code has no time: what its digits say in a window is a count, and counts are what runs, once an image.
//!
//! Reshapes are gone: values are row-major, so a reshape is its operand under another name. Rectifiers are part of the convolution or linear
//! layer before them, where nobody else reads that.
//!
//! | file | content |
//! |---|---|
//! | [`op`] | what steps do |
//! | [`twin`] | activations that stand in for neurons |
//! | [`step`] | steps, their parameters, and the list of them |
//! | `planner` | from a graph to a plan |
//! | `places` | where entries go that only move |
//! | `cost` | multiply-accumulates, and memory on a card |

mod cost;
pub mod op;
mod places;
mod planner;
pub mod step;
pub mod twin;

pub use op::{NOWHERE, NeuronSlots, Op, Pool, RadixSlots, Slot, Spread};
pub use planner::kernel_reset;
pub(crate) use planner::single;
pub use step::{Kind, Parameter, Plan, Span, Step, Tail};
pub use twin::{Counting, Twin};

use crate::error::Result;
use planner::Planner;
use snnc_ir::{Graph, NodeId};

impl Plan {
    /// Plans a spiking graph, one of the rate code for so many time steps. `is_static` says whether the input is the same at every one.
    ///
    /// # Errors
    /// Only on a bug: the graph was verified.
    pub fn spiking(graph: &Graph, timesteps: usize, is_static: bool, tail: Tail) -> Result<Self> {
        Planner::new(graph).spiking(timesteps, is_static, tail)
    }

    /// Plans a float network; of a spiking graph, the network that its firing rates tend to ([`Twin::Limit`]).
    ///
    /// Rectifiers become part of the layer before them, but not of the `kept` nodes, whose results somebody asks for.
    ///
    /// # Errors
    /// Only on a bug: the graph was verified.
    pub fn float(graph: &Graph, kept: &[NodeId]) -> Result<Self> {
        Planner::new(graph).float(kept)
    }
}
