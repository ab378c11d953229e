//! What fills the tiles of a step: weights are packed here.

use super::{
    super::{
        moves,
        place::{Grid, Order, logical},
        step::{EventProduct, MAX_PARTS, Source},
        window::{Depthwise, Window, is_depthwise},
    },
    State,
    builder::{Builder, inverse},
};
use crate::{
    artifact::{NodeSpec, OpSpec, Tensor},
    kernels::{EventWeights, Format, Kept, Weights},
};
use alloc::{sync::Arc, vec, vec::Vec};

/// Spikes that an entry of an operand may be, for a product by events: a pooling adds up some.
const MOST_SPIKES: i32 = 9;

impl Builder<'_> {
    pub(super) fn source(&mut self, node: &NodeSpec, operands: &[usize], value: usize, order: Order) -> Source {
        let x = operands[0];
        let window = |kernel: &[usize; 2], stride: &[usize; 2], pads: &[usize; 4]| Window { kernel: *kernel, stride: *stride, pads: *pads };
        match &node.op {
            OpSpec::Conv2d { stride, dilation, pads, groups } => self.convolution(node, x, *stride, *dilation, *pads, *groups),
            OpSpec::Linear => {
                let place = self.read(x, Order::Natural, [0; 4]);
                let weight = self.needed(node, "weight");
                let [outputs, inputs] = weight.dims[..] else { unreachable!("a checked linear layer has two axes") };
                let format = self.places[place].format;
                let bias = self.parameter(node, "bias");
                let weights = Weights::pack(
                    format.word,
                    self.kept(x),
                    outputs,
                    vec![0],
                    inputs,
                    |output| bias.map_or(0, |bias| bias.data.get(output)),
                    |output, _, entry| weight.data.get(output * inputs + entry),
                );
                let events = self.has_events(x, weight, 1).then(|| {
                    let bias = |output: usize| bias.map_or(0, |bias| bias.data.get(output));
                    let weights = EventWeights::pack(outputs, 1, inputs, bias, |output, _, entry| weight.data.get(output * inputs + entry));
                    let is_binary = self.is_binary(x);
                    Arc::new(EventProduct { weights, parts: vec![0], places: 1, is_binary, readers: 1.0, outputs })
                });
                Source::Product { place, groups: Arc::new(vec![weights]), stride: [1, 1], origin: 0, events }
            }
            OpSpec::SumPool2d { kernel, stride, pads, .. } => {
                let place = self.read(x, Order::ChannelsLast, [0; 4]);
                Source::Pool { place, window: window(kernel, stride, pads), is_max: false }
            }
            OpSpec::DigitMaxPool2d { kernel, stride, pads, .. } => {
                let place = self.read(x, Order::ChannelsLast, [0; 4]);
                Source::Pool { place, window: window(kernel, stride, pads), is_max: true }
            }
            OpSpec::CountMaxPool2d { kernel, stride, pads, .. } => {
                let place = self.read(x, Order::ChannelsLast, [0; 4]);
                let state = |builder: &mut Self, grid: Grid| {
                    let place = builder.place(Format::WHOLE, Order::ChannelsLast, grid, [0; 4], false);
                    let region = builder.places[place].region;
                    builder.states.push(State { region, len: grid.len(), initial: None, pixels: grid.pixels() });
                    place
                };
                let arrived = state(self, self.places[place].grid);
                let best = state(self, Grid::new(Order::ChannelsLast, self.dims[value]));
                Source::CountMax { place, window: window(kernel, stride, pads), arrived, best }
            }
            OpSpec::Sum { axes } => {
                let place = self.read(x, self.orders[x], [0; 4]);
                let (made, dims) = (&self.places[place], self.dims[x]);
                if made.order == Order::ChannelsLast && dims.len() == 4 && axes[..] == [2, 3] {
                    let window = Window { kernel: [dims[2], dims[3]], stride: [1, 1], pads: [0; 4] };
                    return Source::Pool { place, window, is_max: false };
                }
                let to = inverse(order, self.dims[value]);
                let entry = |index: usize| to[moves::summed(axes, dims, index)];
                Source::Sum { place, index: logical(made.order, dims).map(entry).collect() }
            }
            OpSpec::Concat { .. } | OpSpec::Pad { .. } | OpSpec::Slice { .. } | OpSpec::Transpose { .. } => {
                self.moved(node, operands, value, order)
            }
            OpSpec::Reshape => unreachable!("a reshape is a view or a copy"),
            OpSpec::Scale
            | OpSpec::Shift { .. }
            | OpSpec::Add
            | OpSpec::IfNeuron { .. }
            | OpSpec::LifNeuron { .. }
            | OpSpec::RadixNeuron { .. } => Source::Load { place: self.read(x, order, [0; 4]) },
        }
    }

    pub(super) fn convolution(
        &mut self,
        node: &NodeSpec,
        x: usize,
        stride: [usize; 2],
        dilation: [usize; 2],
        pads: [usize; 4],
        groups: usize,
    ) -> Source {
        let place = self.read(x, Order::ChannelsLast, pads);
        let weight = self.needed(node, "weight");
        let [outputs, inner, height, width] = weight.dims[..] else { unreachable!("a checked convolution has four axes") };
        let made = &self.places[place];
        let (line, channels, format) = (made.line(), made.grid.channels, made.format);
        let origin = (made.pads[0] - pads[0]) * line + (made.pads[1] - pads[1]) * channels;
        let bias = self.parameter(node, "bias");
        let bias = |output: usize| bias.map_or(0, |bias| bias.data.get(output));
        let tap = |row: usize, column: usize| row * dilation[0] * line + column * dilation[1] * channels;
        let entry = |output: usize, channel: usize, row: usize, column: usize| {
            weight.data.get(((output * inner + channel) * height + row) * width + column)
        };
        if is_depthwise(groups, &weight.dims) {
            let taps = (0..height * width).map(|index| tap(index / width, index % width) * format.bytes()).collect();
            let depthwise = Depthwise::new(format, channels, taps, |channel, tap| entry(channel, 0, tap / width, tap % width), bias);
            return Source::Depthwise { place, depthwise: Arc::new(depthwise), stride, origin };
        }
        // A line of the kernel is one run where its taps and channels stand together.
        let is_line = (dilation[1] == 1 || width == 1) && groups == 1;
        let outer = outputs / groups;
        let kept = self.kept(x);
        let of_group = |group: usize| {
            let bias = |output: usize| bias(group * outer + output);
            let offsets = |runs: Vec<usize>| runs.into_iter().map(|run| (run * format.bytes()) as u32).collect();
            if is_line {
                let runs = (0..height).map(|row| tap(row, 0)).collect();
                let weight = |output: usize, row: usize, index: usize| entry(output, index % inner, row, index / inner);
                Weights::pack(format.word, kept, outer, offsets(runs), width * inner, bias, weight)
            } else {
                let runs = (0..height * width).map(|index| tap(index / width, index % width)).collect();
                let weight = |output: usize, run: usize, channel: usize| entry(group * outer + output, channel, run / width, run % width);
                Weights::pack(format.word, kept, outer, offsets(runs), inner, bias, weight)
            }
        };
        let events = (is_line && self.has_events(x, weight, height)).then(|| {
            let weights = EventWeights::pack(outputs, height, width * inner, bias, |output: usize, row: usize, index: usize| {
                entry(output, index % inner, row, index / inner)
            });
            let parts = (0..height).map(|row| (tap(row, 0) / channels) as u32).collect();
            let readers = (height * width) as f32 / (stride[0] * stride[1]) as f32;
            Arc::new(EventProduct { weights, parts, places: width, is_binary: self.is_binary(x), readers, outputs })
        });
        Source::Product { place, groups: Arc::new((0..groups).map(of_group).collect()), stride, origin, events }
    }

    /// How an operand is kept.
    fn kept(&self, x: usize) -> Kept {
        let format = self.format(x);
        Kept { zero: format.offset(), most: self.links.bounds.values[x] + i32::from(format.zero) }
    }

    /// Whether a layer may go through time by events: its operand is made of spikes, or few of them together.
    pub(super) fn has_events(&self, x: usize, weight: &Tensor, parts: usize) -> bool {
        let is_rare = !self.is_static[x] && self.links.bounds.values[x] <= MOST_SPIKES;
        is_rare && weight.data.bits() == 8 && parts <= MAX_PARTS
    }

    pub(super) fn is_binary(&self, x: usize) -> bool {
        self.is_unsigned[x] && self.links.bounds.values[x] <= 1
    }

    /// What takes entries as they are.
    pub(super) fn moved(&mut self, node: &NodeSpec, operands: &[usize], value: usize, order: Order) -> Source {
        let to = inverse(order, self.dims[value]);
        let target = self.target(value);
        let mut count = 0;
        let mut parts = Vec::with_capacity(operands.len());
        let mut before = 0;
        for &operand in operands {
            let place = self.of_value[operand].expect("a chain reads what was made before");
            let from = inverse(self.places[place].order, self.dims[operand]);
            let mut entries: Vec<(u32, u32)> = moves::entries(&node.op, self.dims[operand], self.dims[value], before)
                .map(|(source, result)| (from[source], to[result]))
                .collect();
            entries.sort_unstable_by_key(|(_, to)| *to);
            count += entries.len();
            parts.push((place, self.runs(place, target, &entries)));
            if let OpSpec::Concat { axis } = node.op {
                before += self.dims[operand][axis];
            }
        }
        Source::Move { parts, has_gaps: count < to.len() }
    }
}
