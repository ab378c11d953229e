//! Nodes and operators.

use super::Code;
use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec::Vec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// One operator and the tensor that it makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct NodeSpec {
    /// Its name: unique among the nodes and the input, otherwise without meaning.
    pub name: String,
    /// The operator with its attributes.
    pub op: OpSpec,
    /// Names of the operands: earlier nodes, or the input.
    pub inputs: Vec<String>,
    /// Shape of the result for one image; the first dimension is the batch and is 1.
    pub shape: Vec<usize>,
    /// Whether all entries of the result are spikes at every step: 0 or 1, or with signed neurons -1, 0 or 1.
    pub spikes: bool,
    /// Names of the parameters by their role in the operator, see [`OpSpec::roles`].
    pub tensors: BTreeMap<String, String>,
    /// Nodes of the source network that this one came from, if the file tells.
    pub origin: Vec<String>,
}

/// An operator: `x` is the operand, `y` the result. Each pair is height, width; pads are top, left, bottom, right.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// `y = x + offset`, in the radix code with the last digit alone. Role `offset`, which broadcasts over `x`; with `rows` and `columns`
    /// it is `[1, 1 or C, R, Q]`, and the offset of place `(i, j)` of `x` `[1, C, H, W]` is that of `(rows[i], columns[j])`.
    Shift {
        /// For every row of `x` the row of the offset. Given if `columns` is.
        #[serde(skip_serializing_if = "Option::is_none")]
        rows: Option<Vec<usize>>,
        /// For every column of `x` the column of the offset. Given if `rows` is.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<usize>>,
    },
    /// Sum of two or more tensors of one shape.
    Add,
    /// Sum over windows of the last two axes; padding adds nothing.
    SumPool2d {
        /// Size of the window.
        kernel: [usize; 2],
        /// Step of the window.
        stride: [usize; 2],
        /// Padding around the operand.
        pads: [usize; 4],
        /// Whether a last window that starts inside the padded operand but overhangs it counts.
        ceil: bool,
    },
    /// Sum over axes, which stay as 1.
    Sum {
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
    /// Leaky integrate-and-fire neurons. Roles `threshold`, `initial` and `leak` (in multiples of 1/65536), which broadcast over `x`.
    LifNeuron {
        /// What a spike does to the potential.
        reset: Reset,
    },
    /// Maximum over windows of what has arrived since the first step, handed on as it grows.
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
    /// Neurons of the radix code: a stream of the digits of `min(max(⌊(x + initial) / θ⌋, 0), levels)`. Roles `threshold` θ and `initial`,
    /// which broadcast over `x`.
    RadixNeuron {
        /// Length of the window, 1 to 16.
        digits: u32,
        /// The largest count, at most `2^digits - 1`.
        levels: u32,
    },
    /// Maximum over windows of the counts that streams say, digit by digit.
    DigitMaxPool2d {
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
    /// A shift whose offset broadcasts.
    #[must_use]
    pub fn shift() -> Self {
        Self::Shift { rows: None, columns: None }
    }

    /// Name in the file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Linear => "linear",
            Self::Scale => "scale",
            Self::Shift { .. } => "shift",
            Self::Add => "add",
            Self::SumPool2d { .. } => "sum_pool2d",
            Self::Sum { .. } => "sum",
            Self::Concat { .. } => "concat",
            Self::Pad { .. } => "pad",
            Self::Slice { .. } => "slice",
            Self::Reshape => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::IfNeuron { .. } => "if_neuron",
            Self::LifNeuron { .. } => "lif_neuron",
            Self::CountMaxPool2d { .. } => "count_max_pool2d",
            Self::RadixNeuron { .. } => "radix_neuron",
            Self::DigitMaxPool2d { .. } => "digit_max_pool2d",
        }
    }

    /// Roles of its parameters, and whether each must be there.
    #[must_use]
    pub fn roles(&self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Conv2d { .. } | Self::Linear => &[("weight", true), ("bias", false)],
            Self::Scale => &[("factor", true)],
            Self::Shift { .. } => &[("offset", true)],
            Self::IfNeuron { .. } | Self::RadixNeuron { .. } => &[("threshold", true), ("initial", true)],
            Self::LifNeuron { .. } => &[("threshold", true), ("initial", true), ("leak", true)],
            Self::Add
            | Self::SumPool2d { .. }
            | Self::Sum { .. }
            | Self::Concat { .. }
            | Self::Pad { .. }
            | Self::Slice { .. }
            | Self::Reshape
            | Self::Transpose { .. }
            | Self::CountMaxPool2d { .. }
            | Self::DigitMaxPool2d { .. } => &[],
        }
    }

    /// The code that alone has the operator; none for those that both have.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::IfNeuron { .. } | Self::LifNeuron { .. } | Self::CountMaxPool2d { .. } => Some(Code::Rate),
            Self::RadixNeuron { .. } | Self::DigitMaxPool2d { .. } => Some(Code::Radix),
            _ => None,
        }
    }

    /// Whether the operator keeps state from one time step to the next: those that one code alone has.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        self.code().is_some()
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

/// Attributes of an operator that nothing has taken yet.
struct Attributes(BTreeMap<String, Value>);

impl Attributes {
    fn find<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, String> {
        let value = self.0.remove(name).map(serde_json::from_value);
        value.transpose().map_err(|error| format!("attribute `{name}`: {error}"))
    }

    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
        self.find(name)?.ok_or_else(|| format!("attribute `{name}` is missing"))
    }

    /// The operator of that name, which has these attributes and no others.
    fn operator(mut self, name: &str) -> Result<OpSpec, String> {
        // By hand: derived, it would be the largest part of the crate, one reader of all kinds of text for each operator.
        let op = match name {
            "conv2d" => OpSpec::Conv2d {
                stride: self.take("stride")?,
                dilation: self.take("dilation")?,
                pads: self.take("pads")?,
                groups: self.take("groups")?,
            },
            "linear" => OpSpec::Linear,
            "scale" => OpSpec::Scale,
            "shift" => OpSpec::Shift { rows: self.find("rows")?, columns: self.find("columns")? },
            "add" => OpSpec::Add,
            "sum_pool2d" | "count_max_pool2d" | "digit_max_pool2d" => {
                let (kernel, stride, pads, ceil) = (self.take("kernel")?, self.take("stride")?, self.take("pads")?, self.take("ceil")?);
                match name {
                    "sum_pool2d" => OpSpec::SumPool2d { kernel, stride, pads, ceil },
                    "count_max_pool2d" => OpSpec::CountMaxPool2d { kernel, stride, pads, ceil },
                    _ => OpSpec::DigitMaxPool2d { kernel, stride, pads, ceil },
                }
            }
            "sum" => OpSpec::Sum { axes: self.take("axes")? },
            "concat" => OpSpec::Concat { axis: self.take("axis")? },
            "pad" => OpSpec::Pad { pads: self.take("pads")? },
            "slice" => OpSpec::Slice { ranges: self.take("ranges")? },
            "reshape" => OpSpec::Reshape,
            "transpose" => OpSpec::Transpose { permutation: self.take("permutation")? },
            "if_neuron" => OpSpec::IfNeuron { reset: self.take("reset")? },
            "lif_neuron" => OpSpec::LifNeuron { reset: self.take("reset")? },
            "radix_neuron" => OpSpec::RadixNeuron { digits: self.take("digits")?, levels: self.take("levels")? },
            _ => return Err(format!("unknown operator `{name}`")),
        };
        match self.0.first_key_value() {
            Some((foreign, _)) => Err(format!("`{name}` has no attribute `{foreign}`")),
            None => Ok(op),
        }
    }
}

impl TryFrom<Json> for NodeSpec {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        let Json { name, op, inputs, shape, spikes, tensors, attributes, origin } = json;
        let op = Attributes(attributes).operator(&op).map_err(|problem| format!("node `{name}`: {problem}"))?;
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
            OpSpec::shift(),
            OpSpec::Shift { rows: Some(vec![0, 1, 1]), columns: Some(vec![0]) },
            OpSpec::Add,
            OpSpec::SumPool2d { kernel: window.0, stride: window.1, pads: window.2, ceil: true },
            OpSpec::Sum { axes: vec![2, 3] },
            OpSpec::Concat { axis: 1 },
            OpSpec::Pad { pads: vec![(0, 0), (1, 2)] },
            OpSpec::Slice { ranges: vec![(0, 1, 1), (3, -2, 2)] },
            OpSpec::Reshape,
            OpSpec::Transpose { permutation: vec![0, 2, 1] },
            OpSpec::IfNeuron { reset: Reset::Soft },
            OpSpec::LifNeuron { reset: Reset::Hard },
            OpSpec::IfNeuron { reset: Reset::Signed },
            OpSpec::CountMaxPool2d { kernel: window.0, stride: window.1, pads: window.2, ceil: false },
            OpSpec::RadixNeuron { digits: 8, levels: 255 },
            OpSpec::DigitMaxPool2d { kernel: window.0, stride: window.1, pads: window.2, ceil: false },
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
            r#"{"name":"n","op":"shift","inputs":["x"],"shape":[1],"spikes":false,"attributes":{"depth":[1]}}"#,
            r#"{"name":"n","op":"sum","inputs":["x"],"shape":[1],"spikes":false,"attributes":{"axes":[1],"keep":1}}"#,
            r#"{"name":"n","op":"sum","inputs":["x"],"shape":[1],"spikes":false}"#,
            r#"{"name":"n","op":"relu","inputs":["x"],"shape":[1],"spikes":false}"#,
            r#"{"name":"n","op":"add","inputs":["x","x"],"shape":[1],"spikes":false,"color":1}"#,
        ] {
            assert!(serde_json::from_str::<NodeSpec>(node).is_err(), "{node}");
        }
    }
}
