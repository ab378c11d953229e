//! The operators over one batch. Every function takes whole buffers: `[images, entries]`, one image after the other.

use super::broadcast::Broadcast;
use crate::artifact::{OpSpec, Reset};
use snnc_kernels::{Conv2d, Pool2d, linear_forward};

/// An operator without state, ready to run.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Conv { conv: Conv2d, size: [usize; 2], weight: Vec<f32>, bias: Option<Vec<f32>>, may_skip: bool },
    Linear { shape: [usize; 2], weight: Vec<f32>, bias: Option<Vec<f32>> },
    Scale(Broadcast),
    Shift(Broadcast),
    Add,
    AveragePool(Pool),
    Mean(Mean),
    Concat(Concat),
    Gather(Vec<u32>),
    Neuron { neuron: Neuron, state: usize },
    CountMax { pool: Pool, state: usize },
}

impl Op {
    /// Whether the operator can overwrite its first operand.
    pub(super) fn is_elementwise(&self) -> bool {
        matches!(self, Self::Scale(_) | Self::Shift(_) | Self::Add | Self::Neuron { .. })
    }
}

/// Marks a place of a [`gather`] that holds zero.
const ZERO: u32 = u32::MAX;

/// `y[i] = x[index[i]]` for every image.
pub(super) fn gather<T: Copy + Default>(index: &[u32], x: &[T], y: &mut [T]) {
    let images = y.len() / index.len();
    let len = x.len() / images.max(1);
    for (x, y) in x.chunks(len).zip(y.chunks_mut(index.len())) {
        for (y, &place) in y.iter_mut().zip(index) {
            *y = if place == ZERO { T::default() } else { x[place as usize] };
        }
    }
}

/// The places that an operator takes its entries from; `None` where they stay.
pub(super) fn gather_index(op: &OpSpec, operand: &[usize], result: &[usize]) -> Option<Vec<u32>> {
    let mut strides = vec![1i64; operand.len()];
    for axis in (1..operand.len()).rev() {
        strides[axis - 1] = strides[axis] * operand[axis] as i64;
    }
    // Per axis of the result: the contribution of each of its places, none where it is padding.
    let axes: Vec<Vec<Option<i64>>> = match op {
        OpSpec::Pad { pads } => (0..operand.len())
            .map(|axis| {
                let (before, after) = pads[axis];
                let inner = (0..operand[axis]).map(|i| Some(i as i64 * strides[axis]));
                std::iter::repeat_n(None, before).chain(inner).chain(std::iter::repeat_n(None, after)).collect()
            })
            .collect(),
        OpSpec::Slice { ranges } => (0..operand.len())
            .map(|axis| {
                let (start, step, len) = ranges[axis];
                let places = std::iter::successors(Some(start as i64), move |place| place.checked_add(step));
                places.take(len).map(|place| Some(place * strides[axis])).collect()
            })
            .collect(),
        OpSpec::Transpose { permutation } => {
            permutation.iter().map(|&axis| (0..operand[axis]).map(|i| Some(i as i64 * strides[axis])).collect()).collect()
        }
        _ => return None,
    };
    debug_assert!(axes.iter().map(Vec::len).eq(result.iter().copied()), "the shape was inferred from the same numbers");
    let mut places = vec![Some(0i64)];
    for axis in &axes {
        places = places.iter().flat_map(|&base| axis.iter().map(move |&step| Some(base? + step?))).collect();
    }
    Some(places.into_iter().map(|place| place.map_or(ZERO, |place| place as u32)).collect())
}

/// Joins operands along an axis.
#[derive(Clone, Debug)]
pub(super) struct Concat {
    /// Entries before the axis, for one image.
    outer: usize,
    /// Entries of each operand that stand together.
    parts: Vec<usize>,
}

impl Concat {
    pub(super) fn new(axis: usize, operands: &[&[usize]]) -> Self {
        let outer = operands[0][..axis].iter().product();
        Self { outer, parts: operands.iter().map(|dims| dims[axis..].iter().product()).collect() }
    }

    /// Entries of the result for one image.
    pub(super) fn len(&self) -> usize {
        self.outer * self.parts.iter().sum::<usize>()
    }

    pub(super) fn run<T: Copy>(&self, operands: &[&[T]], y: &mut [T]) {
        let whole: usize = self.parts.iter().sum();
        for (line, y) in y.chunks_mut(whole).enumerate() {
            let mut rest = y;
            for (x, &part) in operands.iter().zip(&self.parts) {
                let (head, tail) = rest.split_at_mut(part);
                head.copy_from_slice(&x[line * part..][..part]);
                rest = tail;
            }
        }
    }
}

/// Mean over axes.
#[derive(Clone, Debug)]
pub(super) struct Mean {
    /// Per entry of the operand, the entry of the result that it counts for.
    index: Vec<u32>,
    len: usize,
    count: f32,
}

impl Mean {
    pub(super) fn new(axes: &[usize], operand: &[usize]) -> Self {
        let mut strides = vec![0u32; operand.len()];
        let mut len = 1;
        for axis in (0..operand.len()).rev() {
            if !axes.contains(&axis) {
                strides[axis] = len as u32;
                len *= operand[axis];
            }
        }
        let mut index = vec![0u32];
        for (axis, &dim) in operand.iter().enumerate() {
            index =
                index.iter().flat_map(|&base| (0..dim as u32).map(move |i| (base, i))).map(|(base, i)| base + i * strides[axis]).collect();
        }
        let count = (index.len() / len) as f32;
        Self { index, len, count }
    }

    /// Entries of the result for one image.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Sums instead of means.
    pub(super) fn sums<T: Copy + Default + std::ops::AddAssign>(&self, x: &[T], y: &mut [T]) {
        y.fill(T::default());
        for (x, y) in x.chunks(self.index.len()).zip(y.chunks_mut(self.len)) {
            x.iter().zip(&self.index).for_each(|(&x, &place)| y[place as usize] += x);
        }
    }

    pub(super) fn run(&self, x: &[f32], y: &mut [f32]) {
        self.sums(x, y);
        y.iter_mut().for_each(|y| *y /= self.count);
    }
}

/// Pooling over the last two axes.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) geometry: Pool2d,
    channels: usize,
    size: [usize; 2],
}

impl Pool {
    pub(super) fn new(
        operand: &[usize],
        result: &[usize],
        kernel: [usize; 2],
        stride: [usize; 2],
        pads: [usize; 4],
        count_include_pad: bool,
    ) -> Self {
        let output = [result[2], result[3]];
        Self { geometry: Pool2d { kernel, stride, pads, count_include_pad, output }, channels: operand[1], size: [operand[2], operand[3]] }
    }

    fn planes(&self, x: &[f32]) -> usize {
        x.len() / (self.size[0] * self.size[1])
    }

    /// Entries of the operand for one image.
    pub(super) fn operand_len(&self) -> usize {
        self.channels * self.size[0] * self.size[1]
    }

    /// Sums over the windows of one image.
    pub(super) fn sums(&self, x: &[f64]) -> Vec<f64> {
        let Pool2d { kernel, stride, pads, output, .. } = &self.geometry;
        let window = |axis: usize, index: usize| {
            let start = index * stride[axis];
            start.saturating_sub(pads[axis])..(start + kernel[axis]).saturating_sub(pads[axis]).min(self.size[axis])
        };
        let mut y = Vec::with_capacity(self.channels * output[0] * output[1]);
        for plane in x.chunks(self.size[0] * self.size[1]) {
            for row in 0..output[0] {
                for column in 0..output[1] {
                    let columns = window(1, column);
                    y.push(window(0, row).map(|h| plane[h * self.size[1]..][columns.clone()].iter().sum::<f64>()).sum());
                }
            }
        }
        y
    }

    pub(super) fn average(&self, x: &[f32], y: &mut [f32]) {
        self.geometry.average_forward(x, self.planes(x), self.size, y);
    }

    pub(super) fn max(&self, x: &[f32], y: &mut [f32]) {
        self.geometry.max_forward(x, self.planes(x), self.size, y);
    }
}

/// Integrate-and-fire neurons.
#[derive(Clone, Debug)]
pub(super) struct Neuron {
    threshold: Broadcast,
    leak: Option<Broadcast>,
    pub(super) initial: Broadcast,
    reset: Reset,
}

impl Neuron {
    pub(super) fn new(threshold: Broadcast, leak: Option<Broadcast>, initial: Broadcast, reset: Reset) -> Self {
        Self { threshold, leak, initial, reset }
    }

    /// Whether spikes can be taken back, so that their sum is kept beside their number.
    pub(super) fn is_signed(&self) -> bool {
        self.reset == Reset::Signed
    }

    /// One step: currents become spikes, in place.
    pub(super) fn step(&self, mut batch: Entries<'_>) {
        let run = self.threshold.run;
        let image = run * self.threshold.values.len();
        for start in (0..batch.x.len()).step_by(image) {
            if run == 1 {
                let leaks = self.leak.as_ref().map(|leak| &leak.values[..]);
                each_entry(batch.part(start, image), &self.threshold.values, leaks, self.reset);
                continue;
            }
            for (part, &threshold) in self.threshold.values.iter().enumerate() {
                let leak = self.leak.as_ref().map_or(1.0, |leak| leak.values[part]);
                one_parameter(batch.part(start + part * run, run), threshold, leak, self.reset);
            }
        }
    }
}

/// What a step of neurons reads and writes, one number for each of them.
pub(super) struct Entries<'a> {
    /// Currents, which become spikes.
    pub(super) x: &'a mut [f32],
    /// Potentials.
    pub(super) v: &'a mut [f32],
    /// How often each has fired, corrections included.
    pub(super) counts: &'a mut [f32],
    /// The sum of its spikes, if they are signed; else nothing.
    pub(super) nets: &'a mut [f32],
}

impl Entries<'_> {
    fn part(&mut self, start: usize, len: usize) -> Entries<'_> {
        let nets = if self.nets.is_empty() { 0..0 } else { start..start + len };
        let range = start..start + len;
        Entries {
            x: &mut self.x[range.clone()],
            v: &mut self.v[range.clone()],
            counts: &mut self.counts[range],
            nets: &mut self.nets[nets],
        }
    }
}

/// Adds the current, fires, resets; the current becomes the spike.
#[inline(always)]
fn fire_once(x: &mut f32, v: &mut f32, count: &mut f32, threshold: f32, leak: f32, is_hard: bool) {
    let potential = leak * *v + *x;
    let spike = if potential >= threshold { 1.0 } else { 0.0 };
    *v = if !is_hard {
        potential - threshold * spike
    } else if potential >= threshold {
        0.0
    } else {
        potential
    };
    *x = spike;
    *count += spike;
}

/// As [`fire_once`] with a soft reset and corrections: a spike of -1 where the potential is negative and `net`, the sum of the
/// spikes so far, is not 0.
#[inline(always)]
fn fire_signed(x: &mut f32, v: &mut f32, count: &mut f32, net: &mut f32, threshold: f32, leak: f32) {
    let potential = leak * *v + *x;
    let fires = if potential >= threshold { 1.0 } else { 0.0 };
    // Without a short circuit, which would be a branch. Thresholds are positive: never both.
    let corrects = if (potential < 0.0) & (*net > 0.0) { 1.0 } else { 0.0 };
    let spike = fires - corrects;
    *v = potential - threshold * spike;
    *x = spike;
    *count += fires + corrects;
    *net += spike;
}

fn one_parameter(entries: Entries<'_>, threshold: f32, leak: f32, reset: Reset) {
    let Entries { x, v, counts, nets } = entries;
    let entries = x.iter_mut().zip(v).zip(counts);
    // The reset is matched outside of the loops, so that they become vector code.
    match reset {
        Reset::Soft => entries.for_each(|((x, v), count)| fire_once(x, v, count, threshold, leak, false)),
        Reset::Hard => entries.for_each(|((x, v), count)| fire_once(x, v, count, threshold, leak, true)),
        Reset::Signed => entries.zip(nets).for_each(|(((x, v), count), net)| fire_signed(x, v, count, net, threshold, leak)),
    }
}

fn each_entry(entries: Entries<'_>, thresholds: &[f32], leaks: Option<&[f32]>, reset: Reset) {
    let Entries { x, v, counts, nets } = entries;
    let entries = x.iter_mut().zip(v).zip(counts).zip(thresholds);
    let is_hard = reset == Reset::Hard;
    match (reset, leaks) {
        (Reset::Soft | Reset::Hard, Some(leaks)) => {
            entries.zip(leaks).for_each(|((((x, v), count), &threshold), &leak)| fire_once(x, v, count, threshold, leak, is_hard));
        }
        (Reset::Soft | Reset::Hard, None) => {
            entries.for_each(|(((x, v), count), &threshold)| fire_once(x, v, count, threshold, 1.0, is_hard));
        }
        (Reset::Signed, Some(leaks)) => {
            let entries = entries.zip(nets).zip(leaks);
            entries.for_each(|(((((x, v), count), &threshold), net), &leak)| fire_signed(x, v, count, net, threshold, leak));
        }
        (Reset::Signed, None) => {
            entries.zip(nets).for_each(|((((x, v), count), &threshold), net)| fire_signed(x, v, count, net, threshold, 1.0));
        }
    }
}

/// `y = conv(x)`; images without a single spike only get the bias.
pub(super) fn conv(conv: &Conv2d, size: [usize; 2], weight: &[f32], bias: Option<&[f32]>, may_skip: bool, x: &[f32], y: &mut [f32]) {
    let image = conv.in_channels * size[0] * size[1];
    let batch = x.len() / image;
    if !may_skip {
        return conv.forward(x, batch, size, weight, bias, false, y);
    }
    let result = y.len() / batch.max(1);
    let is_silent = |index: usize| x[index * image..][..image].iter().all(|&v| v == 0.0);
    let mut start = 0;
    while start < batch {
        let silent = is_silent(start);
        let end = (start + 1..batch).find(|&index| is_silent(index) != silent).unwrap_or(batch);
        let y = &mut y[start * result..end * result];
        match (silent, bias) {
            (true, None) => y.fill(0.0),
            (true, Some(bias)) => {
                let plane = result / conv.out_channels;
                y.chunks_mut(plane).zip(bias.iter().cycle()).for_each(|(y, &bias)| y.fill(bias));
            }
            (false, bias) => conv.forward(&x[start * image..end * image], end - start, size, weight, bias, false, y),
        }
        start = end;
    }
}

/// `y = x Wᵀ + b`.
pub(super) fn linear([inputs, outputs]: [usize; 2], weight: &[f32], bias: Option<&[f32]>, x: &[f32], y: &mut [f32]) {
    linear_forward(x, [x.len() / inputs, inputs, outputs], weight, bias, false, y);
}
