//! Pooling. `SumPool2d` is written where windows need no padding, which sinabs and Norse pass over; elsewhere, and for the means that stand in for
//! maxima, a convolution.

use super::{Lowering, Step, Sum, kernel::Kernel, unsayable};
use crate::node::Node;
use snnc_runtime::{NodeSpec, OpSpec};

impl Lowering<'_> {
    pub(super) fn pool(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        let (OpSpec::SumPool2d { kernel, stride, pads, .. }
        | OpSpec::CountMaxPool2d { kernel, stride, pads, .. }
        | OpSpec::DigitMaxPool2d { kernel, stride, pads, .. }) = node.op
        else {
            return unsayable("no pooling");
        };
        let ([channels, height, width], [_, _, rows, columns]) = (&x.shape[..], &node.shape[..]) else {
            return unsayable("pooling over no image");
        };
        // As much padding behind as the last window needs, with `ceil` beyond that of the file.
        let behind = |axis: usize, size: usize, count: usize| {
            let needed = ((count - 1) * stride[axis] + kernel[axis]) as i64 - (size + pads[axis]) as i64;
            needed.max(pads[axis + 2] as i64)
        };
        let padding = [pads[0] as i64, pads[1] as i64, behind(0, *height, *rows), behind(1, *width, *columns)];
        let is_sum = matches!(node.op, OpSpec::SumPool2d { .. });
        if is_sum && padding == [0; 4] {
            let name = self.names.take(&node.name);
            return Ok(self.put(name, x, Node::SumPool2d { kernel, stride }, node.shape[1..].to_vec()));
        }
        let taps = kernel[0] * kernel[1];
        let entry = if is_sum { 1.0 } else { 1.0 / taps as f32 };
        let dense = Kernel::new([*channels, 1, kernel[0], kernel[1]], *channels, [1, 1], padding);
        // Before there are as many entries.
        self.reserve(&[channels.saturating_mul(taps)])?;
        self.convolve(node, &node.name, x, dense, stride, Some(vec![entry; channels * taps]))
    }

    pub(super) fn sum(&mut self, node: &NodeSpec, x: &Sum, axes: &[usize]) -> Step<Sum> {
        match (&x.shape[..], axes) {
            (_, [1]) if matches!(x.shape.len(), 1 | 3) => {
                let all: Vec<_> = (0..x.shape[0]).map(|channel| (0, channel)).collect();
                self.mix(node, &node.name, x, 1, &all, [1, 1], [0; 4])
            }
            (&[_, height, width], axes) if !axes.contains(&1) => {
                let kernel = [if axes.contains(&2) { height } else { 1 }, if axes.contains(&3) { width } else { 1 }];
                let name = self.names.take(&node.name);
                Ok(self.put(name, x, Node::SumPool2d { kernel, stride: kernel }, node.shape[1..].to_vec()))
            }
            _ => unsayable(format!("a sum over axes {axes:?}")),
        }
    }
}
