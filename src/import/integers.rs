//! Images of integers.

use tract_onnx::pb::{self, tensor_proto::DataType, type_proto};

/// An element type of integers: what values it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Integers {
    /// The smallest.
    pub low: f32,
    /// The largest.
    pub high: f32,
}

impl Integers {
    /// The element type of an input, if that is one of integers.
    pub(super) fn of(input: &pb::ValueInfoProto) -> Option<Self> {
        let Some(type_proto::Value::TensorType(ty)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else { return None };
        let (low, high) = match DataType::try_from(ty.elem_type).ok()? {
            DataType::Uint8 => (0.0, 255.0),
            DataType::Int8 => (-128.0, 127.0),
            DataType::Uint16 => (0.0, 65_535.0),
            DataType::Int16 => (-32_768.0, 32_767.0),
            // Floats have no larger whole number, each.
            DataType::Int32 | DataType::Int64 => (-16_777_216.0, 16_777_216.0),
            _ => return None,
        };
        Some(Self { low, high })
    }

    /// What is subtracted from a pixel, so that all of 0 to 255 have their integer: 128 where the type has a sign and 8 bits.
    #[must_use]
    pub fn mean(self) -> f32 {
        (255.0 - self.high).max(0.0)
    }

    /// Whether `value` lies between the smallest and the largest.
    #[must_use]
    pub fn holds(self, value: f32) -> bool {
        (self.low..=self.high).contains(&value)
    }
}
