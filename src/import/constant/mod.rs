//! Evaluates what does not depend on the image: folded weights, and the integer arithmetic on shapes that exporters leave.
//!
//! Three element types stand for all: 32-bit floats for every float, 64-bit integers for every integer, booleans; of integers
//! it is known which they are in the file, since quantisation keeps to their range. Results are dense. Integer overflow,
//! division by zero and results beyond the budget of [`Cx::book`] are problems, not panics.

mod arithmetic;
mod indexing;
mod movement;
mod product;
mod quantised;
mod reduce;

pub(super) use indexing::{Triangle, triangle};

use super::{
    cx::{Call, Cx, check_entries},
    ops,
    problem::{Outcome, malformed, unsupported_use},
};
use snnc_ir::Provenance;
use std::rc::Rc;
use tract_onnx::pb::tensor_proto::DataType;

/// Entries of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Float(Vec<f32>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Int(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// The entries at `indices`, in that order.
    pub fn pick(&self, indices: &[usize]) -> Self {
        match self {
            Self::Float(v) => Self::Float(indices.iter().map(|&i| v[i]).collect()),
            Self::Int(v) => Self::Int(indices.iter().map(|&i| v[i]).collect()),
            Self::Bool(v) => Self::Bool(indices.iter().map(|&i| v[i]).collect()),
        }
    }

    pub fn to_float(&self) -> Vec<f32> {
        match self {
            Self::Float(v) => v.clone(),
            Self::Int(v) => v.iter().map(|&x| x as f32).collect(),
            Self::Bool(v) => v.iter().map(|&x| f32::from(u8::from(x))).collect(),
        }
    }

    pub fn to_int(&self) -> Vec<i64> {
        match self {
            Self::Float(v) => v.iter().map(|&x| x as i64).collect(),
            Self::Int(v) => v.clone(),
            Self::Bool(v) => v.iter().map(|&x| i64::from(x)).collect(),
        }
    }

    pub fn to_bool(&self) -> Vec<bool> {
        match self {
            Self::Float(v) => v.iter().map(|&x| x != 0.0).collect(),
            Self::Int(v) => v.iter().map(|&x| x != 0).collect(),
            Self::Bool(v) => v.clone(),
        }
    }
}

/// A tensor that does not depend on the image.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub dims: Vec<usize>,
    pub data: Data,
    /// Name of the tensor in the file.
    pub name: String,
    pub provenance: Provenance,
    /// Of integers, which they are in the file; of floats straight from the file too.
    pub integer: DataType,
}

impl Constant {
    /// The element type; floats of any width are 32 bits wide here.
    pub fn element(&self) -> DataType {
        match self.data {
            Data::Float(_) => DataType::Float,
            Data::Int(_) => self.integer,
            Data::Bool(_) => DataType::Bool,
        }
    }

    /// Whether the file holds floats of 8 bits: a cast to them rounds by more than weights bear.
    pub fn is_quarter(&self) -> bool {
        let is_narrow =
            matches!(self.integer, DataType::Float8e4m3fn | DataType::Float8e4m3fnuz | DataType::Float8e5m2 | DataType::Float8e5m2fnuz);
        is_narrow && matches!(self.data, Data::Float(_))
    }
}

/// What a rule makes: a new constant, which gets the name of the node's output, or one of the operands as it is.
pub(super) enum Made {
    /// Its integers are of the type of the node's first operand that holds any.
    New(Vec<usize>, Data),
    /// Integers of that type.
    Typed(Vec<usize>, Vec<i64>, DataType),
    /// A tensor of the file.
    FromFile(Vec<usize>, Data, DataType),
    Same(Rc<Constant>),
}

impl Made {
    pub fn named(self, name: &str) -> Rc<Constant> {
        self.typed(name, DataType::Int64)
    }

    /// As `named`, with the type of the operands' integers.
    pub fn typed(self, name: &str, integer: DataType) -> Rc<Constant> {
        let name = name.to_owned();
        match self {
            Self::New(dims, data) => Rc::new(Constant { dims, data, name, provenance: Provenance::Derived, integer }),
            Self::Typed(dims, values, integer) => {
                Rc::new(Constant { dims, data: Data::Int(values), name, provenance: Provenance::Derived, integer })
            }
            Self::FromFile(dims, data, integer) => Rc::new(Constant { dims, data, name, provenance: Provenance::Source, integer }),
            Self::Same(constant) => constant,
        }
    }
}

/// The type of the integers that an operator on these operands makes.
pub(super) fn integers_of(operands: Operands<'_>) -> DataType {
    operands.iter().flatten().find(|c| matches!(c.data, Data::Int(_))).map_or(DataType::Int64, |c| c.integer)
}

/// The operands of a constant node.
pub(super) type Operands<'a> = &'a [Option<Rc<Constant>>];

/// Evaluates a node.
pub(super) type Rule = fn(&mut Cx, &Call<'_>, Operands<'_>) -> Outcome<Vec<Made>>;

/// Operators of ONNX whose constants can be evaluated.
const RULES: &[(&[&str], Rule)] = &[
    (&["Constant"], constant),
    (&["ConstantOfShape"], constant_of_shape),
    (&["Identity"], same),
    (&["Dropout"], dropout),
    (&["Cast"], cast),
    (&["CastLike"], cast_like),
    (&["Range"], range),
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

/// The operand at `index`, which must be there.
fn operand<'a>(call: &Call<'_>, operands: Operands<'a>, index: usize) -> Outcome<&'a Rc<Constant>> {
    let found = operands.get(index).and_then(Option::as_ref);
    found.ok_or_else(|| malformed(format!("input {index} of operator `{}` is missing", call.node.op)).into())
}

/// Number of entries of a shape, booked.
fn entries(cx: &mut Cx, call: &Call<'_>, dims: &[usize]) -> Outcome<usize> {
    check_entries(call.node, dims)?;
    // Zeros count as ones, as they do while indices are made axis by axis.
    cx.book(dims.iter().map(|&d| d.max(1)).product())?;
    Ok(dims.iter().product())
}

fn constant(cx: &mut Cx, call: &Call<'_>, _: Operands<'_>) -> Outcome<Vec<Made>> {
    let node = call.node;
    let made = if let Some(tensor) = node.tensor("value")? {
        let (dims, data, element) = cx.load(tensor)?;
        Made::FromFile(dims, data, element)
    } else if let Some(tensor) = node.sparse_tensor("sparse_value")? {
        let (dims, data, element) = cx.load_sparse(tensor)?;
        Made::FromFile(dims, data, element)
    } else if let Some(values) = node.ints("value_ints")? {
        Made::FromFile(vec![values.len()], Data::Int(values.to_vec()), DataType::Int64)
    } else if let Some(values) = node.floats("value_floats")? {
        Made::FromFile(vec![values.len()], Data::Float(values.to_vec()), DataType::Int64)
    } else if let Some(value) = node.optional_float("value_float")? {
        Made::FromFile(Vec::new(), Data::Float(vec![value]), DataType::Int64)
    } else if let Some(value) = node.optional_int("value_int")? {
        Made::FromFile(Vec::new(), Data::Int(vec![value]), DataType::Int64)
    } else {
        return Err(unsupported_use("a constant is neither a tensor nor a number").help("store constants as tensors of numbers").into());
    };
    Ok(vec![made])
}

fn constant_of_shape(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let shape = operand(call, operands, 0)?;
    let mut dims = Vec::new();
    for size in shape.data.to_int() {
        dims.push(usize::try_from(size).map_err(|_| malformed(format!("operator `ConstantOfShape` is given the size {size}")))?);
    }
    let len = entries(cx, call, &dims)?;
    let value = call.node.tensor("value")?.map(|t| cx.load(t)).transpose()?;
    let (_, value, element) = value.unwrap_or((Vec::new(), Data::Float(vec![0.0]), DataType::Float));
    if value.len() != 1 {
        return Err(malformed("attribute `value` of operator `ConstantOfShape` is not one number").into());
    }
    Ok(vec![match value.pick(&vec![0; len]) {
        Data::Int(values) => Made::Typed(dims, values, element),
        data => Made::New(dims, data),
    }])
}

fn same(_: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    Ok(vec![Made::Same(operand(call, operands, 0)?.clone())])
}

fn dropout(_: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["ratio", "seed"]);
    ops::refuse_training(call)?;
    Ok(vec![Made::Same(operand(call, operands, 0)?.clone())])
}

fn cast(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["saturate", "round_mode"]);
    let source = operand(call, operands, 0)?;
    let ty = i32::try_from(call.node.int("to", 0)?).ok().and_then(|t| DataType::try_from(t).ok()).unwrap_or(DataType::Undefined);
    converted(cx, call, source, ty)
}

/// A constant in another element type.
fn converted(cx: &mut Cx, call: &Call<'_>, source: &Rc<Constant>, ty: DataType) -> Outcome<Vec<Made>> {
    // Every float is held in 32 bits, so that casts among floats keep the weights as they are in the file.
    let is_float = matches!(ty, DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16);
    if is_float && matches!(source.data, Data::Float(_)) || ty == source.integer && matches!(source.data, Data::Int(_)) {
        return Ok(vec![Made::Same(source.clone())]);
    }
    entries(cx, call, &source.dims)?;
    let wrap: fn(i64) -> i64 = match ty {
        _ if is_float => return Ok(vec![Made::New(source.dims.clone(), Data::Float(source.data.to_float()))]),
        DataType::Bool => return Ok(vec![Made::New(source.dims.clone(), Data::Bool(source.data.to_bool()))]),
        DataType::Int64 | DataType::Uint64 => |v| v,
        DataType::Int32 => |v| (v as i32).into(),
        DataType::Uint32 => |v| (v as u32).into(),
        DataType::Int16 => |v| (v as i16).into(),
        DataType::Uint16 => |v| (v as u16).into(),
        DataType::Int8 => |v| (v as i8).into(),
        DataType::Uint8 => |v| (v as u8).into(),
        _ => return Err(unsupported_use(format!("operator `{}` to an element type that is not supported", call.node.op)).into()),
    };
    Ok(vec![Made::Typed(source.dims.clone(), source.data.to_int().into_iter().map(wrap).collect(), ty)])
}

fn cast_like(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    call.node.ignore(&["saturate", "round_mode"]);
    let (source, like) = (operand(call, operands, 0)?, operand(call, operands, 1)?);
    let ty = match like.data {
        Data::Float(_) if !like.is_quarter() => DataType::Float,
        Data::Float(_) | Data::Int(_) => like.integer,
        Data::Bool(_) => DataType::Bool,
    };
    converted(cx, call, source, ty)
}

fn range(cx: &mut Cx, call: &Call<'_>, operands: Operands<'_>) -> Outcome<Vec<Made>> {
    let [start, limit, step] = [0, 1, 2].map(|i| operand(call, operands, i));
    let (start, limit, step) = (start?, limit?, step?);
    if [start, limit, step].iter().any(|c| c.data.len() != 1) {
        return Err(malformed("operator `Range` wants three numbers").into());
    }
    let bad = || malformed("operator `Range` is given a step that never arrives");
    Ok(vec![match (&start.data, &limit.data, &step.data) {
        (Data::Int(a), Data::Int(b), Data::Int(s)) => {
            let (a, b, s) = (i128::from(a[0]), i128::from(b[0]), i128::from(s[0]));
            if s == 0 {
                return Err(bad().into());
            }
            let len = usize::try_from(((b - a) + s - s.signum()) / s).unwrap_or(0);
            entries(cx, call, &[len])?;
            Made::New(vec![len], Data::Int((0..len as i128).map(|k| (a + k * s) as i64).collect()))
        }
        _ => {
            let [a, b, s] = [start, limit, step].map(|c| c.data.to_float()[0]);
            let len = ((b - a) / s).ceil().max(0.0);
            if !len.is_finite() || len > 1e9 {
                return Err(bad().into());
            }
            let len = len as usize;
            entries(cx, call, &[len])?;
            Made::New(vec![len], Data::Float((0..len).map(|k| a + k as f32 * s).collect()))
        }
    }])
}

/// In row-major order, the flat index into a source whose axes have `strides`, from `start`, for a result of shape `dims`.
/// The caller has checked that all of them lie inside.
pub(super) fn strided(dims: &[usize], strides: &[isize], start: isize) -> Vec<usize> {
    let mut indices = vec![start];
    for (&dim, &stride) in dims.iter().zip(strides) {
        indices = indices.iter().flat_map(|&base| (0..dim as isize).map(move |i| base + i * stride)).collect();
    }
    indices.into_iter().map(|i| i as usize).collect()
}

/// Row-major strides.
pub(super) fn strides(dims: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis].max(1) as isize;
    }
    strides
}

/// For every entry of `to`, the index of the entry of `from` that broadcasts onto it.
pub(super) fn broadcast(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let offset = to.len() - from.len();
    let stretched: Vec<isize> =
        (0..to.len()).map(|axis| if axis < offset || from[axis - offset] == 1 { 0 } else { own[axis - offset] }).collect();
    strided(to, &stretched, 0)
}

/// Shape of the result of an operator that broadcasts both ways.
pub(super) fn common_shape(call: &Call<'_>, a: &[usize], b: &[usize]) -> Outcome<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    let mut dims = Vec::with_capacity(rank);
    for axis in 0..rank {
        dims.push(match (size(a, axis), size(b, axis)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => {
                return Err(malformed(format!("operands of operator `{}` do not broadcast", call.node.op))
                    .note(format!("{a:?} and {b:?}"))
                    .into());
            }
        });
    }
    Ok(dims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_walks_any_layout() {
        assert_eq!(strided(&[3, 2], &[1, 3], 0), [0, 3, 1, 4, 2, 5]);
        assert_eq!(strided(&[3], &[-2], 4), [4, 2, 0]);
        assert_eq!(strided(&[], &[], 0), [0]);
        assert_eq!(broadcast(&[2, 1], &[2, 2, 3]), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    }
}
