//! The text form of a graph: what golden tests, dumps and `snnc opt` read and write.
//!
//! ```text
//! ; a comment
//! graph @conv_bn imported {
//!   %0 = input : f32[1x1x4x4] "x"
//!   %1 = conv2d %0, @w, @b {pads=1} : f32[1x2x4x4] "/conv"
//!   %2 = batch_norm %1, @scale, @shift, @mean, @var {epsilon=0.001} : f32[1x2x4x4] "/bn"
//!   output %2 "y" {head=softmax}
//!   @b : f32[2] = [0.5, -1] source
//!   @w : f32[2x1x3x3] = splat(1) source
//!   ...
//! }
//! ```
//!
//! One statement a line. Nodes are numbered in topological order; after the operator come the operands (`%`), then the
//! parameters (`@`) in the order of [`Operator::params`](crate::Operator::params), then the attributes sorted by name,
//! those with their default value left out; then the type and the ONNX nodes it came from, joined by ` + `. A name
//! that is not made of `[A-Za-z0-9_.]` stands in quotes: `@"onnx::Conv_12"`.
//!
//! # Attributes
//!
//! | operator | attributes (default) |
//! |---|---|
//! | `conv2d` | `dilation` (1), `groups` (1), `pads` (0), `stride` (1) |
//! | `average_pool2d`, `max_pool2d`, `count_max_pool2d` | `ceil` (false), `kernel`, `pads` (0), `stride` (1) |
//! | `average_pool2d` | also `count_include_pad` (false) |
//! | `mean` | `axes` |
//! | `concat`, `softmax`, `log_softmax` | `axis` |
//! | `pad` | `pads` as `[before:after, ..]` per axis, `value` (0) |
//! | `slice` | `ranges` as `[start:step:len, ..]` per axis |
//! | `transpose` | `permutation` |
//! | `batch_norm` | `epsilon` (0.00001) |
//! | `clip` | `max` (inf), `min` (-inf) |
//! | `leaky_relu` | `slope` |
//! | `if_neuron`, `lif_neuron` | `cap` (none), `reset` (soft) |
//! | `output` | `head` (none), `scale` (1) |
//!
//! Height and width that are equal collapse: `stride=2` or `stride=[2, 1]`; so do four equal pads, which otherwise
//! stand as `[top, left, bottom, right]`. The shape of a `reshape` is that of its type.
//!
//! # Values
//!
//! | value | meaning |
//! |---|---|
//! | `splat(1)` | all entries equal |
//! | `[1, 2, 3]` | the entries in row-major order; printed up to 16 |
//! | `ramp(start, step)` | `start + i · step`; only read |
//! | `noise(seed, scale)` | [`noise`]; only read |
//! | `dense(hash, min=.., max=.., mean=..)` | a summary of a larger tensor; only printed |

mod attributes;
mod cursor;
mod lex;
mod parse;
mod print;
mod values;

pub use parse::parse;
pub use print::print;
pub use values::noise;

use std::fmt;

/// Why a text is no graph, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, as a sentence without capital and full stop.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}
