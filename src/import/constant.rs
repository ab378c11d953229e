//! What does not depend on the image: tensors of the file, and what is evaluated from them.
//!
//! Three element types stand for all: 32-bit floats for every float, 64-bit integers for every integer, booleans; of integers
//! it is known which they are in the file, since quantisation keeps to their range. All are dense.

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
