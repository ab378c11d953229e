//! What only moves entries: as a convolution, or a matrix, of ones and zeros.

use super::{Lowering, Step, Stop, Sum, kernel::Kernel, unsayable};
use crate::node::{Array, MAX_ENTRIES, Node};
use snnc_runtime::NodeSpec;

impl Lowering<'_> {
    /// Sums of channels `(to, from)`, with a stride over the places of an image and pads top, left, bottom, right; negative ones crop.
    #[allow(clippy::too_many_arguments, reason = "the attributes of a convolution")]
    pub(super) fn mix(
        &mut self,
        node: &NodeSpec,
        name: &str,
        x: &Sum,
        channels: usize,
        pairs: &[(usize, usize)],
        stride: [usize; 2],
        pads: [i64; 4],
    ) -> Step<Sum> {
        let from = x.shape[0];
        // The dense one has at least as many entries: none too large is made.
        if channels.saturating_mul(from) > MAX_ENTRIES {
            return Err(Stop::Size(channels.saturating_mul(from)));
        }
        let mut entries = vec![0.0; channels * from];
        pairs.iter().for_each(|(to, channel)| entries[to * from + channel] = 1.0);
        if x.shape.len() == 3 {
            let kernel = Kernel::new([channels, from, 1, 1], 1, [1, 1], pads);
            return self.convolve(node, name, x, kernel, stride, Some(entries));
        }
        self.reserve(&[channels, from])?;
        let name = self.names.take(name);
        let weight = Array { dims: vec![channels, from], data: entries };
        Ok(self.put(name, x, Node::Affine { weight, bias: vec![0.0; channels] }, vec![channels]))
    }

    /// Refuses to move entries of what is neither an image nor a vector.
    fn check_rank(x: &Sum) -> Step<()> {
        if matches!(x.shape.len(), 1 | 3) { Ok(()) } else { unsayable("moving entries of what is no image and no vector") }
    }

    pub(super) fn pad(&mut self, node: &NodeSpec, x: &Sum, pads: &[(usize, usize)]) -> Step<Sum> {
        Self::check_rank(x)?;
        let pairs: Vec<_> = (0..x.shape[0]).map(|channel| (channel + pads[1].0, channel)).collect();
        let side = |axis: usize| pads.get(axis).map_or((0, 0), |&(before, after)| (before as i64, after as i64));
        let ((top, bottom), (left, right)) = (side(2), side(3));
        self.mix(node, &node.name, x, node.shape[1], &pairs, [1, 1], [top, left, bottom, right])
    }

    pub(super) fn slice(&mut self, node: &NodeSpec, x: &Sum, ranges: &[(usize, i64, usize)]) -> Step<Sum> {
        Self::check_rank(x)?;
        let (start, step, len) = ranges[1];
        let channel = |i: usize| (i, (start as i64 + step * i as i64) as usize);
        let pairs: Vec<_> = (0..len).map(channel).collect();
        let mut stride = [1, 1];
        let mut pads = [0; 4];
        for (axis, &(start, step, len)) in ranges.iter().skip(2).enumerate() {
            let step = match usize::try_from(step) {
                Ok(step) => step,
                Err(_) if len == 1 => 1,
                Err(_) => return unsayable("a slice that turns an axis around"),
            };
            stride[axis] = step;
            pads[axis] = -(start as i64);
            pads[axis + 2] = ((len - 1) * step + 1 + start) as i64 - x.shape[1 + axis] as i64;
        }
        self.mix(node, &node.name, x, len, &pairs, stride, pads)
    }

    /// Each operand in its place among zeros; the edges add them up.
    pub(super) fn concat(&mut self, node: &NodeSpec, operands: &[Sum], axis: usize) -> Step<Sum> {
        let shape = &node.shape[1..];
        let mut all = Sum { nodes: Vec::new(), shape: shape.to_vec() };
        let mut before = 0;
        for operand in operands {
            Self::check_rank(operand)?;
            let size = operand.shape[axis - 1];
            let after = shape[axis - 1] - before - size;
            let first = if axis == 1 { before } else { 0 };
            let pairs: Vec<_> = (0..operand.shape[0]).map(|channel| (first + channel, channel)).collect();
            let mut pads = [0; 4];
            if axis > 1 {
                (pads[axis - 2], pads[axis]) = (before as i64, after as i64);
            }
            all.nodes.extend(self.mix(node, &node.name, operand, shape[0], &pairs, [1, 1], pads)?.nodes);
            before += size;
        }
        Ok(all)
    }

    pub(super) fn reshape(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        let shape = &node.shape[1..];
        if shape == x.shape {
            return Ok(x.clone());
        }
        if shape.len() != 1 {
            return unsayable("a reshape to anything but a vector");
        }
        let name = self.names.take(&node.name);
        Ok(self.put(name, x, Node::Flatten { input: x.shape.clone() }, shape.to_vec()))
    }
}
