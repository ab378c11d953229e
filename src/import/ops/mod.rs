//! From ONNX operators to IR, one file per family. This file is the table.

mod activation;
mod bare;
mod blocks;
mod concat;
mod contract;
mod conv;
mod conv_transpose;
mod copies;
mod einsum;
mod elementwise;
mod linear;
mod mask;
mod ml;
mod norm;
mod pad;
mod pool;
mod quantise;
mod reduce;
mod resize;
mod rounding;
mod shape;

pub(super) use bare::apply;

use super::{
    cx::{Call, Cx, Value},
    problem::Outcome,
    proto::Node,
};
use std::collections::BTreeSet;

/// Makes IR of one node. A rule looks at every attribute that it understands: one that is left over is an error.
pub(super) type Rule = fn(&mut Cx, &Call<'_>) -> Outcome<Vec<Value>>;

/// What an operator does with tensors that have no axis for the batch alone.
#[derive(Clone, Copy)]
pub(super) enum WithoutBatch {
    /// Its rule asks for the shape in the file.
    Aware,
    /// It counts axes from the last, if at all, so that an axis in front changes nothing.
    PerEntry,
    /// It runs over the only axis.
    Softmax,
    /// It is not clear what it would do.
    Refused,
}

/// One line of the table.
pub(super) struct Entry {
    /// The operator of ONNX's own domain.
    pub name: &'static str,
    /// Serves nodes of which at least one operand depends on the image.
    pub rule: Rule,
    pub without_batch: WithoutBatch,
    /// When it is converted, as documentation says it.
    pub when: &'static str,
}

const fn entry_of(name: &'static str, rule: Rule, without_batch: WithoutBatch, when: &'static str) -> Entry {
    Entry { name, rule, without_batch, when }
}

use WithoutBatch::{Aware, PerEntry, Refused};

/// All operators that are converted.
pub(super) const TABLE: &[Entry] = &[
    entry_of("Conv", conv::conv, Refused, "over one or two spatial axes, with constant weights"),
    entry_of("ConvTranspose", conv_transpose::conv_transpose, Refused, "over one or two spatial axes, with constant weights"),
    entry_of("Gemm", linear::gemm, Aware, "by a constant matrix, with the first operand as it is (`transA` = 0)"),
    entry_of("MatMul", linear::matmul, PerEntry, "by a constant of any rank from either side, which does not sum over the batch"),
    entry_of(
        "Einsum",
        einsum::einsum,
        Refused,
        "of one activation, or of one and a constant; no letter twice in an operand, the batch first in the result",
    ),
    entry_of("MaxPool", pool::max_pool, Refused, "over one or two spatial axes, without the places of the maxima"),
    entry_of(
        "AveragePool",
        pool::average_pool,
        Refused,
        "over one or two spatial axes; with dilation where all windows have as many entries",
    ),
    entry_of("GlobalAveragePool", pool::global_average_pool, Refused, "always"),
    entry_of("GlobalMaxPool", reduce::global_max_pool, Refused, "always"),
    entry_of("ReduceMean", reduce::mean, Refused, "over any axes but the batch"),
    entry_of("ReduceSum", reduce::mean, Refused, "over any axes but the batch"),
    entry_of("ReduceMax", reduce::extremum, Refused, "over any axes but the batch"),
    entry_of("ReduceMin", reduce::extremum, Refused, "over any axes but the batch"),
    entry_of("CumSum", mask::cum_sum, Refused, "along any axis but the batch"),
    entry_of("Add", elementwise::sum, PerEntry, "of activations and constants, which broadcast over each other but not along the batch"),
    entry_of("Sum", elementwise::sum, PerEntry, "as `Add`"),
    entry_of("Mean", elementwise::sum, PerEntry, "as `Add`"),
    entry_of("Sub", elementwise::sub, PerEntry, "as `Add`"),
    entry_of("Mul", elementwise::mul, PerEntry, "by a constant"),
    entry_of("Div", elementwise::div, PerEntry, "by a constant"),
    entry_of("Neg", elementwise::neg, PerEntry, "always"),
    entry_of("Where", mask::select, PerEntry, "by a constant condition"),
    entry_of("Trilu", mask::trilu, Refused, "of axes other than the batch"),
    entry_of("Max", elementwise::bound, PerEntry, "with one number, which makes it a rectifier"),
    entry_of("Min", elementwise::bound, PerEntry, "with one number, which makes it a rectifier"),
    entry_of("Relu", activation::relu, PerEntry, "always"),
    entry_of("Clip", activation::clip, PerEntry, "with constant bounds"),
    entry_of("LeakyRelu", activation::leaky_relu, PerEntry, "always"),
    entry_of("PRelu", activation::prelu, PerEntry, "with constant slopes"),
    entry_of("Softmax", activation::softmax, WithoutBatch::Softmax, "as the last operator, which is left to the reader of the spikes"),
    entry_of("LogSoftmax", activation::softmax, WithoutBatch::Softmax, "as the last operator, which is left to the reader of the spikes"),
    entry_of("Sigmoid", activation::sigmoid, PerEntry, "as the last operator, which is left to the reader of the spikes"),
    entry_of("Log", activation::log, PerEntry, "right behind a softmax at the end"),
    entry_of("Floor", rounding::rounding, PerEntry, "where it makes a rectifier in steps, from 0 to a largest value"),
    entry_of("Round", rounding::rounding, PerEntry, "as `Floor`"),
    entry_of(
        "QuantizeLinear",
        quantise::quantize,
        Aware,
        "of activations to integers of 4, 8 or 16 bits, with constant scales, one for a tensor or for a channel",
    ),
    entry_of("DequantizeLinear", quantise::dequantize, Aware, "of an image of integers and of what `QuantizeLinear` made"),
    entry_of("BatchNormalization", norm::batch_normalization, Refused, "in inference, with constant statistics"),
    entry_of("Identity", shape::identity, PerEntry, "always"),
    entry_of("Dropout", shape::dropout, PerEntry, "in inference, where it does nothing"),
    entry_of("Cast", shape::cast, PerEntry, "among floats, and of an image of integers to floats"),
    entry_of("CastLike", shape::cast_like, PerEntry, "among floats"),
    entry_of("Shape", shape::shape, Aware, "always: it is a constant"),
    entry_of("Size", shape::size, Aware, "always: it is a constant"),
    entry_of(
        "Reshape",
        shape::reshape,
        Aware,
        "to a known shape that keeps the batch first, if only as a factor of the first axis; a batch of 1 for good may go",
    ),
    entry_of("Flatten", shape::flatten, Aware, "from axis 1 on; from axis 0 where the batch is 1 for good"),
    entry_of("Squeeze", shape::squeeze, Aware, "of axes other than the batch; of a batch that is 1 for good, too"),
    entry_of("Unsqueeze", shape::unsqueeze, Aware, "behind the batch"),
    entry_of("Expand", shape::expand, Refused, "along axes other than the batch"),
    entry_of("Tile", shape::tile, Refused, "along axes other than the batch"),
    entry_of("Transpose", shape::transpose, Refused, "with the batch first"),
    entry_of("Concat", concat::concat, Refused, "of activations and constants, along any axis but the batch"),
    entry_of("Slice", shape::slice, Refused, "of axes other than the batch, between constant ends"),
    entry_of("Split", shape::split, Refused, "along any axis but the batch"),
    entry_of("Gather", shape::gather, Refused, "by constant indices, along any axis but the batch; `x[0]` where the batch is 1 for good"),
    entry_of("Pad", pad::pad, Refused, "by a constant amount, in all modes, but not along the batch"),
    entry_of("SpaceToDepth", blocks::space_to_depth, Refused, "always"),
    entry_of("DepthToSpace", blocks::depth_to_space, Refused, "in both modes"),
    entry_of("Resize", resize::resize, Refused, "to a known size by nearest-neighbour or linear interpolation, without `antialias`"),
    entry_of("Upsample", resize::resize, Refused, "to a known size by nearest-neighbour or linear interpolation"),
];

/// Those of scikit-learn's pipelines, of the domain `ai.onnx.ml`.
pub(super) const CLASSICAL: &[Entry] = &[
    entry_of("ZipMap", ml::zip_map, Refused, "as the last operator: the scores of the classes, without their names"),
    entry_of("Normalizer", ml::normalizer, Refused, "right behind a softmax at the end, with `norm` L1"),
    entry_of("Scaler", ml::scaler, Refused, "always"),
];

/// What to do with a node, where at least one operand depends on the image.
pub(super) fn entry_of_node(node: &Node) -> Option<&'static Entry> {
    match node.domain.as_str() {
        "" | "ai.onnx" => entry(&node.op),
        "ai.onnx.ml" => CLASSICAL.iter().find(|entry| entry.name == node.op),
        _ if node.is_contributed() => entry(&node.op),
        _ => None,
    }
}

/// Fails for what a rule refuses whatever the shapes are: behind something unsupported nothing else is known.
pub(super) fn check_without_shapes(call: &Call<'_>) -> Outcome<()> {
    let computed = call.inputs.iter().filter(|input| matches!(input, Some(Value::Node(_) | Value::Bare(_) | Value::Unknown))).count();
    let names: BTreeSet<&String> = call.node.inputs.iter().collect();
    match call.node.op.as_str() {
        "Mul" | "Div" if computed > 1 => Err(elementwise::of_activations(call)),
        "MatMul" if computed > 1 => Err(linear::of_activations()),
        "Max" | "Min" if computed > 1 && names.len() > 1 => Err(elementwise::choice_of_activations(call)),
        "Softmax" | "LogSoftmax" if !call.at_output => Err(activation::softmax_inside(call)),
        _ => Ok(()),
    }
}

/// The entry of an operator of ONNX's own domain.
pub(super) fn entry(op: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name == op)
}

/// Operators that a head is made of, from the scores to the output: [`super::head`] looks at what they do.
pub(super) fn in_head(node: &Node) -> bool {
    match node.domain.as_str() {
        "" | "ai.onnx" => {
            only_reshapes(&node.op)
                || matches!(
                    node.op.as_str(),
                    "Transpose"
                        | "Slice"
                        | "Split"
                        | "Gather"
                        | "Concat"
                        | "Add"
                        | "Sub"
                        | "Neg"
                        | "Mul"
                        | "Div"
                        | "Relu"
                        | "Clip"
                        | "Max"
                        | "Min"
                        | "Log"
                        | "Softmax"
                        | "LogSoftmax"
                        | "Sigmoid"
                        | "QuantizeLinear"
                        | "DequantizeLinear"
                )
        }
        "ai.onnx.ml" => matches!(node.op.as_str(), "ZipMap" | "Normalizer"),
        _ => node.is_contributed(),
    }
}

/// Operators that hand on their first operand as it is, or in another shape.
pub(super) fn only_reshapes(op: &str) -> bool {
    matches!(op, "Identity" | "Dropout" | "Cast" | "CastLike" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze")
}

/// Operators that make the same of integers as of the whole numbers that stand for them here, among those that ONNX lets have integers.
pub(super) fn of_integers(node: &Node) -> bool {
    let keeps = only_moves(&node.op)
        || matches!(
            node.op.as_str(),
            "Dropout" | "Concat" | "Pad" | "MaxPool" | "ReduceMax" | "ReduceMin" | "Max" | "Min" | "Clip" | "Relu" | "Shape" | "Size"
        );
    (node.is_standard() && keeps) || ends_integers(node)
}

/// Operators that make floats of integers.
pub(super) fn ends_integers(node: &Node) -> bool {
    (node.is_standard() && matches!(node.op.as_str(), "Cast" | "DequantizeLinear"))
        || (node.is_contributed() && node.op == "DequantizeLinear")
}

/// Operators that move, copy or drop entries of their first operand, whatever those are.
pub(super) fn only_moves(op: &str) -> bool {
    matches!(
        op,
        "Identity"
            | "Reshape"
            | "Flatten"
            | "Squeeze"
            | "Unsqueeze"
            | "Transpose"
            | "Slice"
            | "Split"
            | "Gather"
            | "Expand"
            | "Tile"
            | "SpaceToDepth"
            | "DepthToSpace"
    )
}
