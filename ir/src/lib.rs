//! The intermediate representation of `snnc`.
//!
//! A [`Graph`] is a directed acyclic graph of single-output operators over one image input and one class output.
//! A node holds one [`Operator`], the [`TensorType`] of the one tensor it makes, and its [`Origin`]: the ONNX nodes
//! it came from. Parameters (weights, biases, thresholds) live in one table beside the nodes and carry their
//! [`Provenance`].
//!
//! # Batches and time
//!
//! The first axis of every tensor is the batch and is written as 1; whoever executes the graph replaces it by the
//! number of images it has. No operator mixes images. Time is not an axis: in a spiking graph every tensor stands for
//! what it is *at one time step*, and stateful operators ([`Operator::is_stateful`]) carry state from one step to the next.
//! All other operators are affine maps applied afresh at every step. What that says of a number depends on the [`Code`]:
//!
//! * rate: constants come in at every step, so the mean over time of any current is that map of the mean over time of the spikes;
//! * radix: step t of a window of T counts `2^(T-t)`, and constants come in with the last one alone, so the count that arrives is that map
//!   of the counts that were sent.
//!
//! # Phases
//!
//! A graph moves through [`Phase`]s, one way only. One table ([`Phase::admits`]) says which operators each phase may
//! contain, and [`verify()`] checks it after every pass.
//!
//! # Where things are
//!
//! | module | content |
//! |---|---|
//! | [`op`] | declarations of the operators, no code |
//! | [`infer`] | the type of an operator's result |
//! | [`graph`] | nodes, edges, parameters, and the edits that passes are made of |
//! | [`phase`] | the phases and what each admits |
//! | [`mod@verify`] | every invariant in one place |
//! | [`text`] | the text form, print and parse |
//! | `cost` | what operators cost to run: [`Graph::macs`] |
//! | [`eval`] | the reference evaluator: what the operators mean, slow and obvious |
//! | [`diagnostic`] | messages to users, as data |

mod cost;
pub mod diagnostic;
pub mod eval;
pub mod graph;
pub mod infer;
pub mod op;
mod op_access;
pub mod param;
pub mod phase;
pub mod text;
pub mod types;
pub mod verify;

pub use diagnostic::Diagnostic;
pub use graph::{Graph, Head, Node, NodeId, Origin, Output};
pub use op::{Code, Conv2d, LEAK_UNIT, MAX_DIGITS, Operator, Reset, Window};
pub use param::{Param, ParamId, Provenance, Tensor};
pub use phase::Phase;
pub use types::{Element, TensorType};
pub use verify::{Verified, verify};
