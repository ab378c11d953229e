//! Evaluates what does not depend on the image: folded weights, and the integer arithmetic on shapes that exporters leave. This
//! file is the table.
//!
//! Results are dense. Integer overflow, division by zero and results beyond the budget of [`Cx::book`] are problems, not panics.

mod arithmetic;
mod casts;
mod indexing;
mod movement;
mod operands;
mod product;
mod quantised;
mod reduce;
mod sources;

pub(super) use operands::integers_of;

use super::{
    constant::Made,
    cx::{Call, Cx},
    problem::Outcome,
};
use operands::Operands;

/// Evaluates a node.
pub(super) type Rule = fn(&mut Cx, &Call<'_>, Operands<'_>) -> Outcome<Vec<Made>>;

/// Operators of ONNX whose constants can be evaluated.
const RULES: &[(&[&str], Rule)] = &[
    (&["Constant"], sources::constant),
    (&["ConstantOfShape"], sources::constant_of_shape),
    (&["Identity"], casts::same),
    (&["Dropout"], casts::dropout),
    (&["Cast"], casts::cast),
    (&["CastLike"], casts::cast_like),
    (&["Range"], sources::range),
    (&["Shape"], movement::shape),
    (&["Size"], movement::size),
    (&["Reshape"], movement::reshape),
    (&["Flatten"], movement::flatten),
    (&["Squeeze"], movement::squeeze),
    (&["Unsqueeze"], movement::unsqueeze),
    (&["Transpose"], movement::transpose),
    (&["Slice"], movement::slice),
    (&["Split"], movement::split),
    (&["Concat"], movement::concat),
    (&["Gather"], movement::gather),
    (&["Expand"], movement::expand),
    (&["Tile"], movement::tile),
    (&["GatherElements"], indexing::gather_elements),
    (&["GatherND"], indexing::gather_nd),
    (&["ScatterND"], indexing::scatter_nd),
    (&["Trilu"], indexing::trilu),
    (&["CumSum"], indexing::cum_sum),
    (&["OneHot"], indexing::one_hot),
    (&["EyeLike"], indexing::eye_like),
    (&["NonZero"], indexing::non_zero),
    (&["Where"], arithmetic::select),
    (&["Not"], arithmetic::not),
    (
        &[
            "Neg",
            "Abs",
            "Sign",
            "Sqrt",
            "Exp",
            "Log",
            "Floor",
            "Ceil",
            "Round",
            "Reciprocal",
            "Sin",
            "Cos",
            "Tan",
            "Tanh",
            "Sigmoid",
            "Softplus",
            "Relu",
        ],
        arithmetic::unary,
    ),
    (&["Clip"], arithmetic::clip),
    (&["Add", "Sub", "Mul", "Div", "Mod", "Pow", "Max", "Min", "Sum", "Mean"], arithmetic::numbers),
    (&["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"], arithmetic::compare),
    (&["And", "Or", "Xor"], arithmetic::logic),
    (&["ReduceSum", "ReduceProd", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"], reduce::reduce),
    (&["MatMul"], product::matmul),
    (&["Einsum"], product::einsum),
    (&["QuantizeLinear"], quantised::quantize),
    (&["DequantizeLinear"], quantised::dequantize),
];

/// The rule for an operator of ONNX, if its constants can be evaluated.
pub(super) fn rule(op: &str) -> Option<Rule> {
    RULES.iter().find(|(names, _)| names.contains(&op)).map(|(_, rule)| *rule)
}

/// The operators whose constants are evaluated.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().flat_map(|(names, _)| names.iter().copied())
}
