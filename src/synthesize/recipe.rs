//! What samples are made from, and how.

use super::canvas::Canvas;
use crate::options::Synthesis;
use snnc_ir::Graph;

/// What samples are made from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The float network.
    pub float: &'a Graph,
    /// The same with its batch norms not yet folded, if it has any: what they recorded is then matched.
    pub normed: Option<&'a Graph>,
    /// The image behind its input.
    pub canvas: &'a Canvas,
}

/// How samples are to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// The method.
    pub method: Synthesis,
    /// Gradient steps; the method's own number if left out.
    pub steps: Option<usize>,
    /// Seconds after which the best samples so far are taken.
    pub budget: Option<f64>,
    /// Of everything random.
    pub seed: u64,
}
