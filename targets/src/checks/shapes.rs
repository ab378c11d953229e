//! Shapes of layers.

use super::node::At;
use crate::{
    limit::{Groups, Limit, Limits},
    misfit::Misfit,
    network::{Layer, Network, side},
};
use snnc_ir::Operator;

/// Layers of a shape that a target does not take.
pub(super) fn check(network: &Network<'_>, limits: &Limits) -> Vec<Misfit> {
    let readers = if limits.readers.is_some() { network.readers() } else { Default::default() };
    let mut found = Vec::new();
    for layer in &network.layers {
        let mut at = At::new(network, layer.node, &mut found);
        if let Operator::Conv2d { geometry, .. } = &network.graph[layer.node].op {
            at.listed("kernels", limits.kernels.as_ref(), "sides of kernels", &layer.kernel, "train the network with another kernel");
            at.listed("strides", limits.strides.as_ref(), "strides", &geometry.stride, "train the network with another stride");
            let widest = geometry.pads.iter().copied().max().unwrap_or(0);
            at.most(
                "largest-padding",
                limits.largest_padding.as_ref(),
                "places of a border",
                widest,
                "train the network with narrower borders",
            );
            groups(&mut at, geometry.groups, layer.inputs, limits.groups.as_ref());
        } else {
            at.most("linear-inputs", limits.linear_inputs.as_ref(), "entries that a linear layer reads", layer.fan_in, SMALLER);
        }
        sides(&mut at, layer, limits);
        let channels = layer.inputs.max(layer.outputs);
        at.most("channels", limits.channels.as_ref(), "channels", channels, "train a narrower network");
        let would_fit = "train the network with fewer channels or smaller kernels before the layer";
        at.most("fan-in", limits.fan_in.as_ref(), "synapses of a neuron", layer.fan_in, would_fit);
        let readers = readers.get(&layer.node).copied().unwrap_or(0);
        at.most(
            "readers",
            limits.readers.as_ref(),
            "layers that read one",
            readers,
            "train the network with fewer shortcuts from this layer",
        );
    }
    found
}

/// What makes feature maps smaller.
const SMALLER: &str = "train the network on smaller images, or with pooling before the layer";

/// Sides of kernels and maps.
fn sides(at: &mut At<'_, '_>, layer: &Layer, limits: &Limits) {
    let graph = at.network.graph;
    let is_conv = matches!(graph[layer.node].op, Operator::Conv2d { .. });
    let what = if is_conv { "this is" } else { "the linear layer is a convolution of" };
    let [height, width] = layer.kernel;
    if let Some(limit) = limits.square_kernels.as_ref().filter(|limit| limit.is && height != width) {
        let says = format!("kernels are squares, and {what} {height} by {width}");
        at.add("square-kernels", limit.source.as_ref(), says, "train the network with square kernels and maps");
    }
    if let Some(limit) = limits.largest_kernel.as_ref().filter(|limit| height.max(width) > limit.is) {
        let says = format!("kernels have at most {0} by {0} taps, and {what} {height} by {width}", limit.is);
        at.add("largest-kernel", limit.source.as_ref(), says, "train the network with a smaller kernel, or with pooling before the layer");
    }
    let read = graph.operand(layer.node).map_or([1, 1], |node| side(&graph[node].ty.dims));
    let maps = [
        ("largest-input-map", &limits.largest_input_map, "places along a side of what it reads", read),
        ("largest-output-map", &limits.largest_output_map, "places along a side of what it makes", layer.map),
    ];
    for (key, limit, what, [height, width]) in maps {
        at.most(key, limit.as_ref(), what, height.max(width), SMALLER);
    }
}

fn groups(at: &mut At<'_, '_>, groups: usize, inputs: usize, limit: Option<&Limit<Groups>>) {
    let Some(limit) = limit.filter(|_| groups > 1) else { return };
    let says = match limit.is {
        Groups::Depthwise if inputs == groups => return,
        Groups::Depthwise => format!("channels of a convolution are in one group or each by itself, and here are {groups} groups"),
        Groups::None => format!("channels of a convolution are in one group, and here are {groups}"),
    };
    let would_fit = "train the network with convolutions over all channels; one in groups is dense with zeros, at many times the weights";
    at.add("groups", limit.source.as_ref(), says, would_fit);
}
