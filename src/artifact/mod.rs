//! Between the graph and the file: to it, back from it, and what of the source network is left in it.
//!
//! | file | content |
//! |---|---|
//! | [`emit`](mod@emit) | from the verified graph to the artifact |
//! | [`lift`](mod@lift) | from the artifact back to the IR, as anyone can who holds the file |
//! | [`lock`](mod@lock) | its read-out goes under a lock |
//! | `border` | constants that differ at the border alone |
//! | [`channels`] | how a weight divides into channels |
//! | [`remains`] | channels of the source network's weights in the artifact's |
//!
//! The format itself is [`snnc_runtime::artifact`]: whoever deploys a network needs nothing of this.

mod border;
pub mod channels;
pub mod emit;
pub mod lift;
pub mod lock;
pub mod remains;

pub use channels::{Shape, Side};
pub use emit::{Provenance, emit};
pub use lift::{lift, lift_in_units};
pub use lock::lock;
