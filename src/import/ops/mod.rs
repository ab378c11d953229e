//! From ONNX operators to IR, one file per family. This file is the table.

mod activation;
mod arguments;
mod conv;
mod elementwise;
mod linear;
mod ml;
mod norm;
mod pool;
mod rounding;
mod shape;

pub(super) use arguments::{
    axis, flattened, gather_indices, permutation, reduced_axes, reshaped, shape_of, sizes, slice_ranges, split_sizes, squeezed, unsqueezed,
};

use super::{
    cx::{Call, Cx, Value},
    problem::Outcome,
    proto::Node,
};

/// Makes IR of one node. A rule looks at every attribute that it understands: one that is left over is an error.
pub(super) type Rule = fn(&mut Cx, &Call<'_>) -> Outcome<Vec<Value>>;

/// The rule for an operator, where at least one operand depends on the image.
pub(super) fn rule(node: &Node) -> Option<Rule> {
    match node.domain.as_str() {
        "" | "ai.onnx" => standard(&node.op),
        "ai.onnx.ml" => classical(&node.op),
        _ => None,
    }
}

fn classical(op: &str) -> Option<Rule> {
    Some(match op {
        "ZipMap" => ml::zip_map,
        "Normalizer" => ml::normalizer,
        "Scaler" => ml::scaler,
        _ => return None,
    })
}

fn standard(op: &str) -> Option<Rule> {
    Some(match op {
        "Conv" => conv::conv,

        "Gemm" => linear::gemm,
        "MatMul" => linear::matmul,

        "MaxPool" => pool::max_pool,
        "AveragePool" => pool::average_pool,
        "GlobalAveragePool" => pool::global_average_pool,
        "GlobalMaxPool" => pool::global_max_pool,
        "ReduceMean" | "ReduceSum" => pool::reduce_mean,
        "ReduceMax" => pool::reduce_max,

        "Add" | "Sum" | "Mean" => elementwise::sum,
        "Sub" => elementwise::sub,
        "Mul" => elementwise::mul,
        "Div" => elementwise::div,
        "Neg" => elementwise::neg,
        "Max" | "Min" => elementwise::bound,

        "Relu" => activation::relu,
        "Clip" => activation::clip,
        "LeakyRelu" => activation::leaky_relu,
        "PRelu" => activation::prelu,
        "Softmax" | "LogSoftmax" => activation::softmax,
        "Floor" | "Round" => rounding::rounding,
        "Sigmoid" => activation::sigmoid,
        "Log" => activation::log,

        "BatchNormalization" => norm::batch_normalization,

        "Identity" => shape::identity,
        "Dropout" => shape::dropout,
        "Cast" => shape::cast,
        "CastLike" => shape::cast_like,
        "Shape" => shape::shape,
        "Size" => shape::size,
        "Reshape" => shape::reshape,
        "Flatten" => shape::flatten,
        "Squeeze" => shape::squeeze,
        "Unsqueeze" => shape::unsqueeze,
        "Expand" => shape::expand,
        "Transpose" => shape::transpose,
        "Concat" => shape::concat,
        "Slice" => shape::slice,
        "Split" => shape::split,
        "Gather" => shape::gather,
        "Pad" => shape::pad,
        _ => return None,
    })
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
                )
        }
        "ai.onnx.ml" => matches!(node.op.as_str(), "ZipMap" | "Normalizer"),
        _ => false,
    }
}

/// Operators that hand on their first operand as it is, or in another shape.
pub(super) fn only_reshapes(op: &str) -> bool {
    matches!(op, "Identity" | "Dropout" | "Cast" | "CastLike" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze")
}
