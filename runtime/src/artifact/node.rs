//! Nodes and operators.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One operator and the tensor that it makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct NodeSpec {
    /// Its name: unique among the nodes and the input.
    pub name: String,
    /// The operator with its attributes.
    pub op: OpSpec,
    /// Names of the operands: earlier nodes, or the input.
    pub inputs: Vec<String>,
    /// Shape of the result for one image; the first dimension is the batch and is 1.
    pub shape: Vec<usize>,
    /// Whether all entries of the result are spikes: 0 or 1, or with signed neurons -1, 0 or 1.
    pub spikes: bool,
    /// Names of the parameters by their role in the operator, see [`OpSpec::roles`].
    pub tensors: BTreeMap<String, String>,
    /// Nodes of the source network that this one came from.
    pub origin: Vec<String>,
}

/// An operator: `x` is the operand, `y` the result. Each pair is height, width; pads are top, left, bottom, right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OpSpec {
    /// 2-D cross-correlation over `[N, C, H, W]`. Roles `weight` `[C_out, C_in / groups, kernel_h, kernel_w]` and, at
    /// will, `bias` `[C_out]`.
    Conv2d {
        /// Step of the kernel.
        stride: [usize; 2],
        /// Distance between kernel taps.
        dilation: [usize; 2],
        /// Zeros around the operand.
        pads: [usize; 4],
        /// Channel groups.
        groups: usize,
    },
    /// `y = x Wᵀ + b` over `[N, F_in]`. Roles `weight` `[F_out, F_in]` and, at will, `bias` `[F_out]`.
    Linear,
    /// `y = x · factor`. Role `factor`, which broadcasts over `x`.
    Scale,
    /// `y = x + offset`. Role `offset`, which broadcasts over `x`.
    Shift,
    /// Sum of two or more tensors of one shape.
    Add,
    /// Mean over windows of the last two axes.
    AveragePool2d {
        /// Size of the window.
        kernel: [usize; 2],
        /// Step of the window.
        stride: [usize; 2],
        /// Padding around the operand.
        pads: [usize; 4],
        /// Whether a last window that starts inside the padded operand but overhangs it counts.
        ceil: bool,
        /// Whether padding counts in the divisor.
        count_include_pad: bool,
    },
    /// Mean over axes, which stay as 1.
    Mean {
        /// Ascending, never the batch.
        axes: Vec<usize>,
    },
    /// Joins tensors along an axis.
    Concat {
        /// The axis, never the batch.
        axis: usize,
    },
    /// Surrounds the tensor with zeros.
    Pad {
        /// Entries before and after, per axis; none at the batch.
        pads: Vec<(usize, usize)>,
    },
    /// Takes every `step`-th entry from `start`, `len` of them, per axis.
    Slice {
        /// `(start, step, len)` per axis; the step may be negative; the batch is kept whole.
        ranges: Vec<(usize, i64, usize)>,
    },
    /// Gives the entries the shape of the node, in row-major order.
    Reshape,
    /// Permutes the axes.
    Transpose {
        /// Axis `i` of the result is axis `permutation[i]` of the operand; the batch stays first.
        permutation: Vec<usize>,
    },
    /// Integrate-and-fire neurons. Roles `threshold` and `initial`, which broadcast over `x`.
    IfNeuron {
        /// What a spike does to the potential.
        reset: Reset,
    },
    /// Leaky integrate-and-fire neurons. Roles `threshold`, `initial` and `leak`, which broadcast over `x`.
    LifNeuron {
        /// What a spike does to the potential.
        reset: Reset,
    },
    /// Maximum over windows of what has arrived since the first step, handed on as it grows.
    #[serde(rename = "count_max_pool2d")]
    CountMaxPool2d {
        /// Size of the window.
        kernel: [usize; 2],
        /// Step of the window.
        stride: [usize; 2],
        /// Padding around the operand, which never wins.
        pads: [usize; 4],
        /// Whether a last window that starts inside the padded operand but overhangs it counts.
        ceil: bool,
    },
}

/// What a spike does to the membrane potential, and whether one can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// `v ← v - θ`.
    Soft,
    /// `v ← 0`.
    Hard,
    /// `v ← v - θ · y` with correction spikes: `y` is -1 where `v < 0` and the spikes so far have a positive sum. After the
    /// signed neuron with memory (Wang, Zhang, Chen and Qu, IJCAI 2022).
    Signed,
}

impl OpSpec {
    /// Name in the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Linear => "linear",
            Self::Scale => "scale",
            Self::Shift => "shift",
            Self::Add => "add",
            Self::AveragePool2d { .. } => "average_pool2d",
            Self::Mean { .. } => "mean",
            Self::Concat { .. } => "concat",
            Self::Pad { .. } => "pad",
            Self::Slice { .. } => "slice",
            Self::Reshape => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::IfNeuron { .. } => "if_neuron",
            Self::LifNeuron { .. } => "lif_neuron",
            Self::CountMaxPool2d { .. } => "count_max_pool2d",
        }
    }

    /// Roles of its parameters, and whether each must be there.
    #[must_use]
    pub fn roles(&self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Conv2d { .. } | Self::Linear => &[("weight", true), ("bias", false)],
            Self::Scale => &[("factor", true)],
            Self::Shift => &[("offset", true)],
            Self::IfNeuron { .. } => &[("threshold", true), ("initial", true)],
            Self::LifNeuron { .. } => &[("threshold", true), ("initial", true), ("leak", true)],
            Self::Add
            | Self::AveragePool2d { .. }
            | Self::Mean { .. }
            | Self::Concat { .. }
            | Self::Pad { .. }
            | Self::Slice { .. }
            | Self::Reshape
            | Self::Transpose { .. }
            | Self::CountMaxPool2d { .. } => &[],
        }
    }

    /// Whether the operator keeps state from one time step to the next.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        matches!(self, Self::IfNeuron { .. } | Self::LifNeuron { .. } | Self::CountMaxPool2d { .. })
    }
}

/// A node as it stands in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    name: String,
    op: String,
    inputs: Vec<String>,
    shape: Vec<usize>,
    spikes: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tensors: BTreeMap<String, String>,
    // A sorted map whatever features of `serde_json` a build turns on: bytes must not depend on them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origin: Vec<String>,
}

impl TryFrom<Json> for NodeSpec {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        let Json { name, op, inputs, shape, spikes, tensors, attributes, origin } = json;
        // An operator without attributes is, to serde, a plain string; one with attributes an object with one key.
        let value = if attributes.is_empty() {
            Value::String(op)
        } else {
            Value::Object(Map::from_iter([(op, Value::Object(attributes.into_iter().collect()))]))
        };
        let op = serde_json::from_value(value).map_err(|error| format!("node `{name}`: {error}"))?;
        Ok(Self { name, op, inputs, shape, spikes, tensors, origin })
    }
}

impl From<NodeSpec> for Json {
    fn from(node: NodeSpec) -> Self {
        let NodeSpec { name, op, inputs, shape, spikes, tensors, origin } = node;
        let attributes = match serde_json::to_value(&op) {
            Ok(Value::Object(object)) => object.into_iter().find_map(|(_, attributes)| match attributes {
                Value::Object(attributes) => Some(attributes.into_iter().collect()),
                _ => None,
            }),
            _ => None,
        };
        Self { name, op: op.name().to_owned(), inputs, shape, spikes, tensors, attributes: attributes.unwrap_or_default(), origin }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_operator_survives_json() {
        let window = ([2, 2], [1, 2], [0, 1, 0, 1]);
        let ops = [
            OpSpec::Conv2d { stride: [1, 2], dilation: [1, 1], pads: [1, 2, 3, 4], groups: 2 },
            OpSpec::Linear,
            OpSpec::Scale,
            OpSpec::Shift,
            OpSpec::Add,
            OpSpec::AveragePool2d { kernel: window.0, stride: window.1, pads: window.2, ceil: true, count_include_pad: false },
            OpSpec::Mean { axes: vec![2, 3] },
            OpSpec::Concat { axis: 1 },
            OpSpec::Pad { pads: vec![(0, 0), (1, 2)] },
            OpSpec::Slice { ranges: vec![(0, 1, 1), (3, -2, 2)] },
            OpSpec::Reshape,
            OpSpec::Transpose { permutation: vec![0, 2, 1] },
            OpSpec::IfNeuron { reset: Reset::Soft },
            OpSpec::LifNeuron { reset: Reset::Hard },
            OpSpec::IfNeuron { reset: Reset::Signed },
            OpSpec::CountMaxPool2d { kernel: window.0, stride: window.1, pads: window.2, ceil: false },
        ];
        for op in ops {
            let node = NodeSpec {
                name: "n".into(),
                inputs: vec!["x".into()],
                shape: vec![1, 2],
                spikes: false,
                tensors: op.roles().iter().map(|(role, _)| ((*role).to_owned(), format!("n.{role}"))).collect(),
                origin: vec![],
                op,
            };
            let text = serde_json::to_string(&node).unwrap();
            assert!(text.contains(&format!("\"op\":\"{}\"", node.op.name())), "{text}");
            assert_eq!(serde_json::from_str::<NodeSpec>(&text).unwrap(), node, "{text}");
        }
    }

    #[test]
    fn foreign_attributes_are_refused() {
        for node in [
            r#"{"name":"n","op":"add","inputs":["x","x"],"shape":[1],"spikes":false,"attributes":{"axis":1}}"#,
            r#"{"name":"n","op":"mean","inputs":["x"],"shape":[1],"spikes":false,"attributes":{"axes":[1],"keep":1}}"#,
            r#"{"name":"n","op":"mean","inputs":["x"],"shape":[1],"spikes":false}"#,
            r#"{"name":"n","op":"relu","inputs":["x"],"shape":[1],"spikes":false}"#,
            r#"{"name":"n","op":"add","inputs":["x","x"],"shape":[1],"spikes":false,"color":1}"#,
        ] {
            assert!(serde_json::from_str::<NodeSpec>(node).is_err(), "{node}");
        }
    }
}
