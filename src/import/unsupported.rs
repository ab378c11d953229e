//! What has no spiking counterpart, why, and what to do about it.

use super::{problem::no_counterpart, proto::Node};
use snnc_ir::Diagnostic;

/// The diagnostic for an operator without a rule.
pub(super) fn operator(node: &Node) -> Diagnostic {
    let headline = format!("operator `{}` has no spiking counterpart", node.operator());
    if !node.is_standard() {
        let (note, help) = if node.domain == "ai.onnx.ml" { classical(&node.op) } else { foreign(&node.domain) };
        return no_counterpart(headline).note(note).help(help);
    }
    let (note, help) = reason(&node.op);
    no_counterpart(headline).note(note).help(help)
}

/// Whether the result of an unsupported operator has the shape of its first operand, so that what follows can be checked.
pub(super) fn keeps_shape(op: &str) -> bool {
    matches!(
        op,
        "Sigmoid"
            | "Tanh"
            | "Erf"
            | "Gelu"
            | "HardSigmoid"
            | "HardSwish"
            | "Mish"
            | "Swish"
            | "Elu"
            | "Celu"
            | "Selu"
            | "Softplus"
            | "Softsign"
            | "ThresholdedRelu"
            | "Shrink"
            | "Softmax"
            | "LogSoftmax"
            | "Hardmax"
            | "Exp"
            | "Log"
            | "Sqrt"
            | "Abs"
            | "Sign"
            | "Floor"
            | "Ceil"
            | "Round"
            | "Reciprocal"
            | "Sin"
            | "Cos"
            | "LRN"
            | "InstanceNormalization"
            | "GroupNormalization"
            | "LayerNormalization"
            | "MeanVarianceNormalization"
            | "LpNormalization"
            | "Cast"
            | "CastLike"
            | "BatchNormalization"
            | "RMSNormalization"
            | "Tan"
            | "CumSum"
            | "IsNaN"
            | "Not"
    )
}

fn classical(op: &str) -> (String, &'static str) {
    let (note, help) = match op {
        "TreeEnsemble"
        | "TreeEnsembleClassifier"
        | "TreeEnsembleRegressor"
        | "SVMClassifier"
        | "SVMRegressor"
        | "LinearClassifier"
        | "LinearRegressor" => ("a classical model has no neurons to convert", "give a neural network"),
        "ArrayFeatureExtractor" | "LabelEncoder" => {
            ("it looks up names of classes or columns of a table", "name the class scores with `--output NAME`")
        }
        "Normalizer" => (
            "it divides by a sum or maximum of the activations, which is not linear in the spikes; behind a softmax the sum is 1, and it does nothing",
            "do it before the network, or convert the part before it with `--output NAME`",
        ),
        "ZipMap" => ("it puts names beside the class scores, at the very end", "name the class scores with `--output NAME`"),
        _ => ("it prepares the columns of a table", "do it before the network: export the network without it"),
    };
    (note.to_owned(), help)
}

fn foreign(domain: &str) -> (String, &'static str) {
    let note = format!("it belongs to the domain `{domain}`, not to ONNX");
    let help = match domain {
        "com.microsoft" | "com.microsoft.nchwc" | "com.ms.internal.nhwc" => {
            "this is a file that ONNX Runtime optimised: give the file that was exported from the training framework"
        }
        "ai.onnx.preview.training" | "ai.onnx.training" => "export the model for inference, without its optimiser",
        _ => "export with standard operators, or give the operator as a model-local function",
    };
    (note, help)
}

/// Operators that are refused alike: their names, why, and what to do instead.
type Refusal = (&'static [&'static str], &'static str, &'static str);

const REFUSED: &[Refusal] = &[
    (
        &["Sigmoid", "Tanh", "HardSigmoid", "Softsign", "Softplus"],
        "a neuron's rate follows `max(x, 0)`; curved activations are not converted",
        "retrain with `Relu`, or, if this is the last operator, name its operand with `--output NAME`",
    ),
    (
        &["Gelu", "Erf", "HardSwish", "Mish", "Swish", "Elu", "Celu", "Selu", "ThresholdedRelu", "Shrink"],
        "a neuron's rate follows `max(x, 0)`; `Relu`, `Clip`, `LeakyRelu` and `PRelu` are converted",
        "replace the activation by `Relu` or ReLU6 and fine-tune",
    ),
    (
        &["QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"],
        "it computes with integers; quantised networks are converted in the QDQ format, whose operators compute with floats between `QuantizeLinear` and `DequantizeLinear`",
        "quantise in the QDQ format (of ONNX Runtime: `quantize_static` with `quant_format=QuantFormat.QDQ`), or export the float model",
    ),
    (
        &["DynamicQuantizeLinear"],
        "its scale depends on the image; those of `QuantizeLinear` are constants",
        "quantise statically in the QDQ format (of ONNX Runtime: `quantize_static`), or export the float model",
    ),
    (
        &["If"],
        "which branch is taken depends on the image; a spiking network has no control flow: every image takes the same way",
        "export with the branch fixed, for example by tracing instead of scripting",
    ),
    (
        &["Loop", "Scan", "SequenceMap"],
        "a spiking network has no control flow: every image takes the same way",
        "export with the loop unrolled, for example by tracing instead of scripting",
    ),
    (
        &["LSTM", "GRU", "RNN"],
        "only feed-forward operators are converted",
        "convert the part before it with `--output NAME`, or retrain with convolutions",
    ),
    (
        &[
            "LayerNormalization",
            "RMSNormalization",
            "InstanceNormalization",
            "GroupNormalization",
            "MeanVarianceNormalization",
            "LpNormalization",
            "LRN",
        ],
        "it divides by statistics of the image, which is not linear in the spikes",
        "retrain with batch normalisation, whose statistics are constants in inference",
    ),
    (
        &["Attention", "RotaryEmbedding"],
        "products of activations, as in attention, are not linear in the spikes",
        "replace attention by convolutions, or convert the part before it with `--output NAME`",
    ),
    (
        &["GridSample", "AffineGrid", "RoiAlign", "MaxRoiPool", "CenterCropPad"],
        "resampling at places that are computed is not converted; `Resize` to a known size is",
        "resize the images before the network, and export without this operator",
    ),
    (
        &["MaxUnpool", "DeformConv", "Col2Im"],
        "only what classifiers use of convolutions is converted",
        "give a classifier, or name a classifier's output inside with `--output NAME`",
    ),
    (
        &["ArgMax", "ArgMin", "TopK", "Hardmax", "NonMaxSuppression", "OneHot", "NonZero", "Unique"],
        "picking the class is left to the reader of the spikes",
        "name the class scores before it with `--output NAME`",
    ),
    (
        &["Exp", "Log", "Sqrt", "Pow", "Reciprocal", "Abs", "Sign", "Floor", "Ceil", "Round", "Mod", "Sin", "Cos", "Tan"],
        "of an activation it is not linear in the spikes, nor a rectifier",
        "take it out of the network, or do it before the image goes in",
    ),
    (
        &["ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare", "LpPool", "GlobalLpPool"],
        "of the reductions, means, sums, maxima and minima are converted",
        "pool by `AveragePool`, `MaxPool` or `ReduceMean`",
    ),
    (
        &["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"],
        "decisions by activations are not converted; neurons decide by their thresholds",
        "write a rectifier as `Relu` or `Clip`",
    ),
    (
        &["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"],
        "a network for inference draws no random numbers",
        "call `model.eval()` before the export",
    ),
];

/// All operators that are refused, each with the reason.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    REFUSED.iter().flat_map(|(names, why, _)| names.iter().map(move |name| (*name, *why)))
}

fn reason(op: &str) -> (&'static str, &'static str) {
    REFUSED.iter().find(|(names, ..)| names.contains(&op)).map_or(
        (
            "only feed-forward operators of classifiers are converted; see `snnc explain E0102`",
            "convert the part before it with `--output NAME`, or export without it",
        ),
        |(_, why, help)| (why, help),
    )
}
