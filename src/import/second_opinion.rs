//! A second opinion on scores: tract's evaluation of the file itself.
//!
//! Everything that is said of a conversion rests on the float network being what the file says. tract reads the same file by its own
//! rules, so a misreading of ours shows. Whatever it cannot do, a panic included, only means that it has no opinion: operators that it
//! lacks, control flow, functions, inputs that are not 32-bit floats, and what it is known to misread (`misread`).
//!
//! tract is given the nodes that lead to the output and nothing else: those were read before and are of bounded size.

use super::{batch::BatchKind, shapes::quietly};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};
use tract_onnx::{
    pb::{self, tensor_proto::DataType, tensor_shape_proto, type_proto},
    prelude::{Framework, InferenceModelExt, IntoRunnable, IntoTensor, tvec},
};

/// What tract makes of images at the tensor `output` of the file: their scores, image after image, if it can tell. `dims` is the shape of
/// one image, batch first.
#[must_use]
pub fn scores(path: &Path, output: &str, dims: &[usize], batch: BatchKind, images: &[f32]) -> Option<Vec<f32>> {
    quietly(|| evaluate(path, output, dims, batch, images)).flatten()
}

fn evaluate(path: &Path, output: &str, dims: &[usize], batch: BatchKind, images: &[f32]) -> Option<Vec<f32>> {
    let onnx = tract_onnx::onnx();
    let mut proto = onnx.proto_model_for_path(path).ok()?;
    let graph = proto.graph.as_mut()?;
    if !proto.functions.is_empty() {
        return None;
    }
    keep_what_leads_to(graph, output)?;
    let count = if let BatchKind::Fixed(count) = batch { count } else { 1 };
    let shape: Vec<usize> = std::iter::once(count).chain(dims[1..].iter().copied()).collect();
    fix_input(graph, &shape)?;
    let folder = path.parent().map(|folder| folder.to_string_lossy().into_owned());
    let model = onnx.parse(&proto, folder.as_deref()).ok()?.model.into_optimized().ok()?.into_runnable().ok()?;
    let mut scores = Vec::new();
    for image in images.chunks(dims[1..].iter().product::<usize>().max(1)) {
        let input = tract_onnx::prelude::tract_ndarray::ArrayD::from_shape_vec(shape.clone(), image.repeat(count)).ok()?;
        let result = model.run(tvec!(input.into_tensor().into())).ok()?;
        let values: Vec<f32> = result.first()?.to_plain_array_view::<f32>().ok()?.iter().copied().collect();
        scores.extend_from_slice(&values[..values.len() / count]);
    }
    Some(scores)
}

/// Drops nodes and initialisers that the output does not need; nothing comes back if one of the nodes holds a graph of its own.
fn keep_what_leads_to(graph: &mut pb::GraphProto, output: &str) -> Option<()> {
    let maker: HashMap<&str, usize> =
        graph.node.iter().enumerate().flat_map(|(k, node)| node.output.iter().map(move |name| (name.as_str(), k))).collect();
    let (mut tensors, mut nodes, mut stack) = (HashSet::new(), HashSet::new(), vec![output]);
    while let Some(tensor) = stack.pop() {
        if tensors.insert(tensor.to_owned())
            && let Some(&node) = maker.get(tensor)
            && nodes.insert(node)
        {
            stack.extend(graph.node[node].input.iter().map(String::as_str));
        }
    }
    let has_graph = |node: &pb::NodeProto| node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
    if nodes.iter().map(|&node| &graph.node[node]).any(|node| has_graph(node) || misread(node, graph)) {
        return None;
    }
    let mut index = 0..;
    graph.node.retain(|_| index.next().is_some_and(|k| nodes.contains(&k)));
    graph.initializer.retain(|tensor| tensors.contains(&tensor.name));
    let initialised: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.retain(|input| tensors.contains(&input.name) && !initialised.contains(input.name.as_str()));
    graph.output = vec![pb::ValueInfoProto { name: output.to_owned(), ..Default::default() }];
    // Shapes that the exporter noted may have another batch.
    graph.value_info.clear();
    Some(())
}

/// What tract computes otherwise than the ONNX standard and ONNX Runtime do, found by running both.
fn misread(node: &pb::NodeProto, graph: &pb::GraphProto) -> bool {
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name);
    match node.op_type.as_str() {
        // Negative pads crop; tract does not.
        "Pad" => {
            let name = node.input.get(1).map(String::as_str).unwrap_or_default();
            let input = graph.initializer.iter().find(|tensor| tensor.name == name);
            let pads = attribute("pads").map(|a| a.ints.clone()).or_else(|| input.map(integers));
            pads.is_none_or(|pads| pads.iter().any(|&pad| pad < 0))
        }
        // Of what sizes alone say, tract reads too little: it pads a `ConvTranspose` otherwise than its `output_shape` wants, and
        // resamples at other places where a `Resize` is older than operator set 11, or follows sizes and not scales.
        "ConvTranspose" => attribute("output_shape").is_some() || attribute("auto_pad").is_some(),
        "Resize" | "Upsample" => true,
        _ => false,
    }
}

fn integers(tensor: &pb::TensorProto) -> Vec<i64> {
    let raw = tensor.raw_data.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes));
    tensor.int64_data.iter().copied().chain(raw).collect()
}

/// Gives the one input a fixed shape, if it takes 32-bit floats.
fn fix_input(graph: &mut pb::GraphProto, shape: &[usize]) -> Option<()> {
    let [input] = &mut graph.input[..] else { return None };
    let type_proto::Value::TensorType(ty) = input.r#type.as_mut()?.value.as_mut()?;
    if ty.elem_type != DataType::Float as i32 {
        return None;
    }
    let dim = |&size: &usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(size as i64)),
        ..Default::default()
    };
    ty.shape = Some(pb::TensorShapeProto { dim: shape.iter().map(dim).collect() });
    Some(())
}
