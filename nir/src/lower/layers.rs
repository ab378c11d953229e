//! Convolutions, linear layers, factors and offsets.

use super::{Lowering, Place, Site, Step, Stop, Sum, kernel::Kernel, place::*, plain, unsayable};
use crate::node::{Array, Node, Value};
use snnc_runtime::{NodeSpec, OpSpec};

/// Most features that a factor for each of them makes a matrix of, which every simulator reads; beyond, it is a `Scale`, which few do.
const MAX_FACTORS: usize = 4096;

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        let OpSpec::Conv2d { stride, dilation, pads, groups } = node.op else { return unsayable("no convolution") };
        let Ok(dims) = <[usize; 4]>::try_from(self.dims(node, "weight")) else { return unsayable("a convolution without four dimensions") };
        let kernel = Kernel::new(dims, groups, dilation, pads.map(|pad| pad as i64));
        self.convolve(node, &node.name, x, kernel, stride, None)
    }

    /// A convolution with a kernel of given entries, or of those of the node's parameter.
    pub(super) fn convolve(
        &mut self,
        node: &NodeSpec,
        name: &str,
        x: &Sum,
        kernel: Kernel,
        stride: [usize; 2],
        entries: Option<Vec<f32>>,
    ) -> Step<Sum> {
        let [_, height, width] = x.shape[..] else { return unsayable("a convolution over no image") };
        let dense = kernel.dense();
        self.reserve(&dense)?;
        let name = self.names.take(name);
        if !kernel.is_square() {
            self.oblong.push(node.name.clone());
        }
        let (padding, dilation, out) = (kernel.padding(), kernel.dilation(), dense[0]);
        let slot = Slot::Kernel(kernel);
        let (values, bias) = match entries {
            Some(entries) => (entries, Vec::new()),
            None => (
                self.parameter(node, "weight", plain(&name, "weight", slot.clone())),
                self.parameter(node, "bias", plain(&name, "bias", Slot::Same)),
            ),
        };
        let weight = scatter(&dense, &slot, values);
        let bias = if bias.is_empty() { vec![0.0; out] } else { bias };
        let conv = Node::Conv2d { weight, bias, stride, padding, dilation, input: [height, width] };
        let side = |axis: usize, size: usize| (size + 2 * padding[axis] - dilation[axis] * (dense[2 + axis] - 1) - 1) / stride[axis] + 1;
        let shape = vec![out, side(0, height), side(1, width)];
        Ok(self.put(name, x, conv, shape))
    }

    pub(super) fn linear(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        let dims = self.dims(node, "weight");
        self.reserve(&dims)?;
        let name = self.names.take(&node.name);
        let data = self.parameter(node, "weight", plain(&name, "weight", Slot::Same));
        let bias = self.parameter(node, "bias", plain(&name, "bias", Slot::Same));
        let out = node.shape[1];
        let bias = if bias.is_empty() { vec![0.0; out] } else { bias };
        Ok(self.put(name, x, Node::Affine { weight: Array { dims, data }, bias }, vec![out]))
    }

    pub(super) fn scale(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        let dims = self.dims(node, "factor");
        let channels = x.shape[0];
        let name = self.names.take(&node.name);
        if !is_by_channel(&dims, &x.shape) || (x.shape.len() == 1 && channels > MAX_FACTORS) {
            self.reserve(&x.shape)?;
            let slot = Slot::Spread { small: dims.clone(), large: node.shape.clone() };
            let values = self.parameter(node, "factor", plain(&name, "scale", slot));
            let scale = Array { dims: x.shape.clone(), data: spread(&dims, &values, &node.shape) };
            return Ok(self.put(name, x, Node::Scale { scale }, x.shape.clone()));
        }
        let slot = Slot::Diagonal(channels);
        let values = self.parameter(node, "factor", plain(&name, "weight", slot.clone()));
        self.diagonal(name, x, &repeated(values, channels), vec![0.0; channels])
    }

    pub(super) fn shift(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        let dims = self.dims(node, "offset");
        let channels = x.shape[0];
        let name = self.names.take(&node.name);
        let ones = vec![1.0; channels];
        let OpSpec::Shift { rows, columns } = &node.op else { return unsayable("no offset") };
        let key = format!("offset.{name}");
        let (slot, table) = match (rows, columns, &dims[..]) {
            (Some(rows), Some(columns), &[_, _, across, along]) => {
                let slot = Slot::Table { rows: rows.clone(), columns: columns.clone(), size: [across, along] };
                (slot, Some((rows, columns, across, along)))
            }
            _ if is_by_channel(&dims, &x.shape) => {
                let bias = self.parameter(node, "offset", plain(&name, "bias", Slot::Same));
                return self.diagonal(name, x, &ones, repeated(bias, channels));
            }
            _ => (Slot::Spread { small: dims.clone(), large: node.shape.clone() }, None),
        };
        let place = Place { site: Site::Metadata(key), slot, form: Form::Plus(0.0) };
        let values = self.parameter(node, "offset", place);
        let data = match table {
            None => spread(&dims, &values, &node.shape),
            Some((rows, columns, across, along)) => {
                let at = |channel: usize, row: usize, column: usize| values[(channel * across + rows[row]) * along + columns[column]];
                let depth = dims[1];
                let (height, width) = (rows.len(), columns.len());
                let entry = |i: usize| at(if depth == 1 { 0 } else { i / width / height }, i / width % height, i % width);
                (0..channels * height * width).map(entry).collect()
            }
        };
        self.note("offset", &name, Value::Reals(Array { dims: x.shape.clone(), data }));
        self.offsets.push(node.name.clone());
        self.diagonal(name, x, &ones, vec![0.0; channels])
    }

    /// A sum of values of one shape. What comes in twice does so through a factor of two, as edges have no multiplicity.
    pub(super) fn add(&mut self, node: &NodeSpec, operands: &[Sum]) -> Step<Sum> {
        let mut sum = Sum { nodes: Vec::new(), shape: operands[0].shape.clone() };
        let mut all: Vec<&String> = operands.iter().flat_map(|operand| &operand.nodes).collect();
        all.sort();
        for same in all.chunk_by(|a, b| a == b) {
            match same {
                [one] => sum.nodes.push((*one).clone()),
                several => {
                    let one = Sum { nodes: vec![several[0].clone()], shape: sum.shape.clone() };
                    let name = self.names.take(&node.name);
                    let factors = vec![several.len() as f32; sum.shape[0]];
                    let bias = vec![0.0; factors.len()];
                    sum.nodes.extend(self.diagonal(name, &one, &factors, bias)?.nodes);
                }
            }
        }
        Ok(sum)
    }

    /// Every channel times a factor, plus a constant.
    fn diagonal(&mut self, name: String, x: &Sum, factors: &[f32], bias: Vec<f32>) -> Step<Sum> {
        let channels = factors.len();
        let slot = Slot::Diagonal(channels);
        let node = match x.shape[..] {
            [_] => {
                self.reserve(&[channels, channels])?;
                Node::Affine { weight: scatter(&[channels, channels], &slot, factors.iter().copied()), bias }
            }
            [_, height, width] => {
                self.reserve(&[channels, channels])?;
                let weight = scatter(&[channels, channels, 1, 1], &slot, factors.iter().copied());
                Node::Conv2d { weight, bias, stride: [1, 1], padding: [0, 0], dilation: [1, 1], input: [height, width] }
            }
            _ => return Err(Stop::Unsayable("a factor or offset over no image and no vector".to_owned())),
        };
        Ok(self.put(name, x, node, x.shape.clone()))
    }
}

/// Whether a parameter that broadcasts over a value of a shape, given without the batch, has one entry for all or one per channel.
fn is_by_channel(dims: &[usize], shape: &[usize]) -> bool {
    let count: usize = dims.iter().product();
    let channels = dims.len().checked_sub(shape.len()).map_or(1, |axis| dims[axis]);
    count == channels && matches!(shape.len(), 1 | 3)
}

/// One entry for each channel.
fn repeated(values: Vec<f32>, channels: usize) -> Vec<f32> {
    match values[..] {
        [one] => vec![one; channels],
        _ => values,
    }
}
