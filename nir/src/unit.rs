//! One threshold for all: what drives a channel of neurons is divided by its threshold.
//!
//! Simulators that have one threshold for a layer (SpikingJelly), or chips whose thresholds are of one size, need this. Quotients are rounded to
//! `f32`, so that a potential next to the threshold may fall on the other side of it.

use crate::{
    error::Error,
    node::{Array, Graph, Node, Value},
};

/// Makes all thresholds 1.
pub(crate) fn divide(graph: &mut Graph) -> Result<(), Error> {
    let neurons: Vec<String> =
        graph.nodes.iter().filter(|(_, node)| matches!(node, Node::If { .. } | Node::Lif { .. })).map(|(name, _)| name.clone()).collect();
    for name in neurons {
        divide_layer(graph, &name)?;
    }
    graph.metadata.insert("thresholds".to_owned(), Value::Text("one".to_owned()));
    Ok(())
}

fn divide_layer(graph: &mut Graph, name: &str) -> Result<(), Error> {
    let Some(Node::If { threshold } | Node::Lif { threshold, .. }) = graph.nodes.get_mut(name) else { return Ok(()) };
    let shape = threshold.dims.clone();
    let channels = shape.first().copied().unwrap_or(1);
    let run = threshold.data.len() / channels;
    let thresholds: Vec<f32> = threshold.data.iter().step_by(run).copied().collect();
    if threshold.data.chunks(run).zip(&thresholds).any(|(entries, one)| entries.iter().any(|entry| entry != one)) {
        return Err(Error::Thresholds(name.to_owned()));
    }
    threshold.data.fill(1.0);
    if let Some(Value::Reals(start)) = graph.metadata.get_mut(&format!("v_init.{name}")) {
        divide_rows(start.data.as_mut_slice(), &thresholds);
    }
    let sources: Vec<String> = graph.edges.iter().filter(|(_, to)| to == name).map(|(from, _)| from.clone()).collect();
    let (alone, shared): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| {
        let is_layer = matches!(graph.nodes.get(source), Some(Node::Conv2d { .. } | Node::Affine { .. }));
        is_layer && graph.edges.iter().filter(|(from, _)| from == source).count() == 1
    });
    for source in alone {
        if let Some(Node::Conv2d { weight, bias, .. } | Node::Affine { weight, bias }) = graph.nodes.get_mut(&source) {
            divide_rows(&mut weight.data, &thresholds);
            divide_rows(bias, &thresholds);
        }
        if let Some(Value::Reals(offset)) = graph.metadata.get_mut(&format!("offset.{source}")) {
            divide_rows(&mut offset.data, &thresholds);
        }
    }
    if !shared.is_empty() {
        scale_between(graph, name, &shape, &thresholds, shared)?;
    }
    Ok(())
}

/// Puts the factors into a node of their own, where what drives the neurons is no layer or has other readers.
fn scale_between(graph: &mut Graph, name: &str, shape: &[usize], thresholds: &[f32], sources: Vec<String>) -> Result<(), Error> {
    let channels = thresholds.len();
    let mut between = format!("{name}_in");
    while graph.nodes.contains_key(&between) {
        between.push('_');
    }
    let mut weight = Array::zeros(&[channels, channels]);
    thresholds.iter().enumerate().for_each(|(channel, threshold)| weight.data[channel * (channels + 1)] = 1.0 / threshold);
    let bias = vec![0.0; channels];
    let node = match shape {
        [_] => Node::Affine { weight, bias },
        &[_, height, width] => {
            weight.dims.extend([1, 1]);
            Node::Conv2d { weight, bias, stride: [1, 1], padding: [0, 0], dilation: [1, 1], input: [height, width] }
        }
        _ => return Err(Error::Thresholds(name.to_owned())),
    };
    for source in sources {
        graph.edges.remove(&(source.clone(), name.to_owned()));
        graph.edges.insert((source, between.clone()));
    }
    graph.edges.insert((between.clone(), name.to_owned()));
    graph.nodes.insert(between, node);
    Ok(())
}

/// Divides each of so many equal parts by its number.
fn divide_rows(data: &mut [f32], by: &[f32]) {
    let run = data.len() / by.len();
    for (row, by) in data.chunks_mut(run.max(1)).zip(by) {
        row.iter_mut().for_each(|entry| *entry /= by);
    }
}
