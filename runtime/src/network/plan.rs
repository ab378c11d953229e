//! From an artifact to a list of steps.
//!
//! Three decisions are made here, once: which nodes become one step (a [`Chain`]), how every value is kept (its [`Place`]), and which parts of
//! the arena values share, by the first and last step that needs each.

use super::{
    activity::{Activity, Drive},
    arena::Allocator,
    chain::{Chain, chains},
    neuron::{Neuron, RadixNeuron},
    params::Params,
    place::{Grid, Order, Place, logical, plain, turned},
    step::{EventProduct, MAX_PARTS, Run, Source, Step},
    tally::Counter,
    tile::Stage,
    window::{Depthwise, Window, is_depthwise},
};
use crate::{
    artifact::{Artifact, Code, Coding, Head, Links, NodeSpec, OpSpec, Reset, Tensor},
    kernels::{EventWeights, Format, Isa, SLACK, Weights, Word},
};
use alloc::{sync::Arc, vec, vec::Vec};

/// Spikes that an entry of an operand may be, for a product by events: a pooling adds up some.
const MOST_SPIKES: i32 = 9;

/// How the image comes in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Feed {
    /// Once, as it is.
    Once,
    /// At every step, as random spikes.
    Poisson { digits: u32, seed: u64 },
}

/// A part of the arena.
#[derive(Clone, Debug)]
struct Region {
    /// Bytes for an image and a time step, or for an image.
    bytes: usize,
    /// Whether there are as many as time steps.
    has_steps: bool,
    /// The first and last step that need it, counted through `once` and `each`.
    first: usize,
    last: usize,
}

/// A state of neurons: where their potentials start.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) region: usize,
    /// Numbers for an image.
    pub(super) len: usize,
    /// By place; zeros if there is none.
    pub(super) initial: Option<Neuron>,
    pub(super) pixels: usize,
}

/// A network as a list of steps.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) feed: Feed,
    /// The place of the input, and of the output.
    pub(super) input: usize,
    pub(super) output: usize,
    /// For every entry of the input, pixel by pixel, its index in an image; for every entry of the output likewise.
    pub(super) input_index: Option<Vec<u32>>,
    pub(super) output_index: Vec<u32>,
    /// What never changes while the image stays.
    pub(super) once: Vec<Step>,
    /// What is done at every time step.
    pub(super) each: Vec<Step>,
    /// What one of the output's units is in the read-out.
    pub(super) scale: f64,
    pub(super) is_rectified: bool,
    /// The places; where they start is for an [`Arrangement`] to say.
    pub(super) places: Vec<Place>,
    /// For every value its place, if it is in memory.
    pub(super) of_value: Vec<Option<usize>>,
    /// Whether each value is the same at all time steps.
    pub(super) is_static: Vec<bool>,
    pub(super) states: Vec<State>,
    /// How the input and each step's result are counted, if they are.
    pub(super) counters: Vec<Option<Counter>>,
    regions: Vec<Region>,
}

/// Where everything lives, for a number of images and of time steps at a time.
#[derive(Clone, Debug)]
pub(super) struct Arrangement {
    #[cfg_attr(not(feature = "std"), allow(dead_code, reason = "without an operating system no buffers are kept"))]
    pub(super) images: usize,
    pub(super) steps: usize,
    pub(super) places: Vec<Place>,
    /// First byte of each part.
    pub(super) regions: Vec<usize>,
    /// Bytes of the arena.
    pub(super) bytes: usize,
}

impl Plan {
    /// Bytes of all parameters.
    pub(super) fn parameters(&self) -> usize {
        let steps = self.once.iter().chain(&self.each).map(Step::bytes).sum::<usize>();
        steps + self.counters.iter().flatten().map(Counter::bytes).sum::<usize>()
    }

    /// Gives every value its part of the arena.
    pub(super) fn arrange(&self, images: usize, steps: usize) -> Arrangement {
        let bytes = |region: &Region| region.bytes * images * if region.has_steps { steps } else { 1 } + SLACK;
        let mut allocator = Allocator::default();
        let mut starts = vec![0; self.regions.len()];
        let mut order: Vec<usize> = (0..self.regions.len()).collect();
        order.sort_by_key(|&index| self.regions[index].first);
        let mut alive: Vec<usize> = Vec::new();
        for index in order {
            let region = &self.regions[index];
            alive.retain(|&other| {
                let is_needed = self.regions[other].last >= region.first;
                if !is_needed {
                    allocator.release(starts[other], bytes(&self.regions[other]));
                }
                is_needed
            });
            starts[index] = allocator.take(bytes(region));
            alive.push(index);
        }
        let places = self.places.iter().map(|place| {
            let has_steps = place.step != 0;
            Place { at: starts[place.region], image: place.padded() * if has_steps { steps } else { 1 }, ..place.clone() }
        });
        Arrangement { images, steps, places: places.collect(), regions: starts, bytes: allocator.size + SLACK }
    }

    pub(super) fn new(artifact: &Artifact, links: &Links, orders: &[Order], activity: &Activity, isa: Isa) -> Self {
        Builder::new(artifact, links, orders, activity, isa).build()
    }
}

/// A plan in the making.
struct Builder<'a> {
    artifact: &'a Artifact,
    links: &'a Links,
    activity: &'a Activity,
    isa: Isa,
    /// Shapes of the values.
    dims: Vec<&'a [usize]>,
    is_static: Vec<bool>,
    is_unsigned: Vec<bool>,
    /// The order that each value is made in.
    orders: &'a [Order],
    /// What the products that read each value want it kept as, and the border that they want; none if no product reads it.
    wanted: Vec<Option<(Word, [usize; 4])>>,
    places: Vec<Place>,
    regions: Vec<Region>,
    of_value: Vec<Option<usize>>,
    states: Vec<State>,
    steps: [Vec<Step>; 2],
}

impl<'a> Builder<'a> {
    fn new(artifact: &'a Artifact, links: &'a Links, orders: &'a [Order], activity: &'a Activity, isa: Isa) -> Self {
        let graph = &artifact.graph;
        let nodes = &graph.nodes;
        let dims: Vec<&[usize]> =
            core::iter::once(graph.input.shape.as_slice()).chain(nodes.iter().map(|node| node.shape.as_slice())).collect();
        let is_static = activity.drives.iter().map(|drive| graph.code == Code::Radix || *drive == Drive::Analog).collect();
        let mut builder = Self {
            artifact,
            links,
            activity,
            isa,
            is_static,
            is_unsigned: vec![graph.input.coding != Coding::Poisson],
            orders,
            wanted: vec![None; dims.len()],
            places: Vec::new(),
            regions: Vec::new(),
            of_value: vec![None; dims.len()],
            states: Vec::new(),
            steps: [Vec::new(), Vec::new()],
            dims,
        };
        for (node, operands) in nodes.iter().zip(&links.operands) {
            let all = operands.iter().all(|&value| builder.is_unsigned[value]);
            builder.is_unsigned.push(match node.op {
                OpSpec::Conv2d { .. } | OpSpec::Linear | OpSpec::Scale | OpSpec::Shift { .. } => false,
                OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => reset != Reset::Signed,
                OpSpec::RadixNeuron { .. } => true,
                _ => all,
            });
        }
        for (node, operands) in nodes.iter().zip(&links.operands) {
            builder.want(node, operands[0]);
        }
        // Who takes entries as they are wants them in the width that is wanted of it, and who moves none the border too.
        for (index, (node, operands)) in nodes.iter().zip(&links.operands).enumerate().rev() {
            let Some((word, pads)) = builder.wanted[index + 1] else { continue };
            let is_moved = matches!(
                node.op,
                OpSpec::Concat { .. } | OpSpec::Pad { .. } | OpSpec::Slice { .. } | OpSpec::Reshape | OpSpec::Transpose { .. }
            );
            let pads = if turned(&node.op, orders[operands[0]]).is_some() { pads } else { [0; 4] };
            if is_moved {
                operands.iter().for_each(|&operand| builder.join_wanted(operand, word, pads));
            }
        }
        builder
    }

    fn join_wanted(&mut self, value: usize, word: Word, pads: [usize; 4]) {
        match &mut self.wanted[value] {
            wanted @ None => *wanted = Some((word, pads)),
            Some((widest, border)) => {
                if word.entries() < widest.entries() {
                    *widest = word;
                }
                border.iter_mut().zip(pads).for_each(|(side, pad)| *side = pad.max(*side));
            }
        }
    }

    /// What a layer wants its operand kept as.
    fn want(&mut self, node: &NodeSpec, value: usize) {
        let pads = match node.op {
            OpSpec::Conv2d { pads, .. } => pads,
            OpSpec::Linear => [0; 4],
            _ => return,
        };
        let weight = self.needed(node, "weight");
        let is_depthwise = matches!(node.op, OpSpec::Conv2d { groups, .. } if is_depthwise(groups, &weight.dims));
        let most = self.links.bounds.values[value];
        let word = if is_depthwise {
            // It reads any.
            self.narrowest(value)
        } else {
            self.isa.word(most, self.is_unsigned[value], weight.data.bits())
        };
        self.join_wanted(value, word, pads);
    }

    /// The narrowest width that holds a value.
    fn narrowest(&self, value: usize) -> Word {
        let most = self.links.bounds.values[value];
        if most <= if self.is_unsigned[value] { i32::from(u8::MAX) } else { i32::from(i8::MAX) } { Word::Bytes } else { plain(most).word }
    }

    fn format(&self, value: usize) -> Format {
        let word = self.wanted[value].map_or_else(|| self.narrowest(value), |(word, _)| word);
        let is_unsigned = self.is_unsigned[value];
        let zero = if word == Word::Bytes { self.isa.byte_zero(is_unsigned) } else { 0 };
        Format { word, is_unsigned, zero }
    }

    fn parameter(&self, node: &NodeSpec, role: &str) -> Option<&'a Tensor> {
        self.artifact.tensors.get(node.tensors.get(role)?)
    }

    fn needed(&self, node: &NodeSpec, role: &str) -> &'a Tensor {
        self.parameter(node, role).expect("a checked node has its tensors")
    }

    /// A new part of the arena, for values of one kind.
    fn region(&mut self, bytes: usize, has_steps: bool) -> usize {
        self.regions.push(Region { bytes, has_steps, first: usize::MAX, last: 0 });
        self.regions.len() - 1
    }

    /// A new place.
    fn place(&mut self, format: Format, order: Order, grid: Grid, pads: [usize; 4], has_steps: bool) -> usize {
        let mut place = Place { format, order, grid, pads, region: 0, at: 0, step: 0, image: 0 };
        place.image = place.padded();
        if has_steps {
            place.step = place.padded();
        }
        place.region = self.region(place.padded() * format.bytes(), has_steps);
        self.places.push(place);
        self.places.len() - 1
    }

    /// The place that a value is made in.
    fn make(&mut self, value: usize) -> usize {
        let order = self.orders[value];
        let pads = self.wanted[value].map_or([0; 4], |(_, pads)| pads);
        let place = self.place(self.format(value), order, Grid::new(order, self.dims[value]), pads, !self.is_static[value]);
        self.of_value[value] = Some(place);
        place
    }

    /// Another view of a place.
    fn view(&mut self, place: usize, order: Order, grid: Grid) -> usize {
        let place = Place { order, grid, ..self.places[place].clone() };
        self.places.push(place);
        self.places.len() - 1
    }

    /// A value in an order, with a border and in a width for a product that reads it: as it is, or copied.
    fn read(&mut self, value: usize, order: Order, pads: [usize; 4]) -> usize {
        let place = self.of_value[value].expect("a chain reads what was made before");
        let (made, grid) = (&self.places[place], Grid::new(order, self.dims[value]));
        let has_border = made.pads.iter().zip(pads).all(|(has, wants)| *has >= wants);
        // An image of one channel, or of one place, has one order only.
        let last = Grid::new(Order::ChannelsLast, self.dims[value]);
        let is_one = last.channels == 1 || last.pixels() == 1;
        if has_border && (made.order == order || (is_one && made.is_same_memory(grid))) {
            return if made.order == order { place } else { self.view(place, order, grid) };
        }
        let (format, has_steps, made_order) = (made.format, made.step != 0, made.order);
        let target = self.place(format, order, grid, pads, has_steps);
        let index: Vec<(u32, u32)> = {
            let from = inverse(made_order, self.dims[value]);
            logical(order, self.dims[value]).enumerate().map(|(to, index)| (from[index], to as u32)).collect()
        };
        let runs = self.runs(place, target, &index);
        let source = Source::Move { parts: vec![(place, runs)], has_gaps: false };
        self.push(Step { source, stages: Vec::new(), values: vec![value], target, population: None }, value);
        target
    }

    /// Runs of entries, counted pixel by pixel without borders: pairs of from and to, the latter ascending.
    fn runs(&self, from: usize, to: usize, entries: &[(u32, u32)]) -> Vec<Run> {
        let place = |place: usize, entry: u32| {
            let place = &self.places[place];
            let (pixel, channel) = (entry as usize / place.grid.channels, entry as usize % place.grid.channels);
            (place.within(pixel / place.grid.width, pixel % place.grid.width) + channel) as u32
        };
        let mut runs: Vec<Run> = Vec::new();
        for &(source, target) in entries {
            let (source, target) = (place(from, source), place(to, target));
            match runs.last_mut() {
                Some(run) if run.from + run.len == source && run.to + run.len == target => run.len += 1,
                _ => runs.push(Run { from: source, to: target, len: 1 }),
            }
        }
        runs
    }

    /// Appends a step which makes a value.
    fn push(&mut self, step: Step, value: usize) {
        self.steps[usize::from(!self.is_static[value])].push(step);
    }

    fn build(mut self) -> Plan {
        let graph = &self.artifact.graph;
        let input = self.make(0);
        for chain in chains(self.artifact, self.links, self.activity, &self.is_static) {
            self.chain(&chain);
        }
        let value = self.links.output + 1;
        let output = self.of_value[value].expect("the output is made");
        let order = self.places[output].order;
        let input_order = self.places[input].order;
        let feed = match (graph.code, graph.input.coding) {
            (Code::Rate, Coding::Poisson) => Feed::Poisson { digits: graph.input.quantiser.digits, seed: graph.seed },
            _ => Feed::Once,
        };
        let index = |order, dims| logical(order, dims).map(|index| index as u32).collect();
        let input_index = (input_order != Order::Natural).then(|| index(input_order, self.dims[0]));
        let output_index = index(order, self.dims[value]);
        let [once, each] = core::mem::take(&mut self.steps);
        let count = |population: Option<usize>, place: usize| population.map(|p| Counter::new(self.activity, p, &self.places[place]));
        let steps = once.iter().chain(&each).map(|step| count(step.population, step.target));
        let counters = core::iter::once(count(self.activity.sources[0], input)).chain(steps).collect();
        let mut plan = Plan {
            feed,
            input,
            output,
            input_index,
            output_index,
            once,
            each,
            scale: f64::from(graph.output.scale),
            is_rectified: graph.output.head == Head::Relu,
            places: self.places,
            of_value: self.of_value,
            is_static: self.is_static,
            states: self.states,
            counters,
            regions: self.regions,
        };
        plan.find_lifetimes();
        plan
    }

    fn chain(&mut self, chain: &Chain) {
        let nodes = &self.artifact.graph.nodes;
        let head = &nodes[chain.nodes[0]];
        let operands = &self.links.operands[chain.nodes[0]];
        let last = *chain.nodes.last().expect("a chain has a node") + 1;
        let first = chain.nodes[0] + 1;
        // What only changes what entries are called makes no step.
        if let Some(order) = turned(&head.op, self.orders[operands[0]]) {
            let operand = self.of_value[operands[0]].expect("a chain reads what was made before");
            let view = self.view(operand, order, Grid::new(order, self.dims[first]));
            self.of_value[first] = Some(view);
            return;
        }
        if matches!(head.op, OpSpec::Reshape) {
            return self.reshape(operands[0], first);
        }
        let order = self.orders[first];
        let source = self.source(head, operands, first, order);
        // Weights have been packed.
        head.tensors.values().filter_map(|name| self.artifact.tensors.get(name)).for_each(|tensor| tensor.data.release());
        let mut stages = Vec::new();
        let mut values = Vec::new();
        let mut made = match chain.starts_with_stage {
            false => {
                values.push(first);
                1
            }
            true => {
                values.push(operands[0]);
                0
            }
        };
        while let Some(&node) = chain.nodes.get(made) {
            let operand = match made {
                0 => operands[0],
                _ => chain.nodes[made - 1] + 1,
            };
            self.stage(node, operand, chain, &mut stages, &mut values);
            made += 1;
        }
        let target = self.target(last);
        let population = self.activity.sources[last];
        self.push(Step { source, stages, values, target, population }, last);
    }

    /// A reshape: another view, if the entries stand in their natural order, else a copy.
    fn reshape(&mut self, operand: usize, value: usize) {
        let (from, to) = (self.dims[operand], self.dims[value]);
        let order = self.orders[value];
        let grid = Grid::new(order, to);
        let is_natural = |order: Order, grid: Grid| order == Order::Natural || grid.channels == 1 || grid.pixels() == 1;
        let place = self.of_value[operand].expect("a chain reads what was made before");
        let made = &self.places[place];
        let wants_border = self.wanted[value].is_some_and(|(_, pads)| pads != [0; 4]);
        let wants_word = self.wanted[value].is_some_and(|(word, _)| word != made.format.word);
        if is_natural(made.order, made.grid) && is_natural(order, grid) && made.pads == [0; 4] && !wants_border && !wants_word {
            let view = self.view(place, order, grid);
            self.of_value[value] = Some(view);
            return;
        }
        let entries: Vec<(u32, u32)> = {
            let inverse = inverse(made.order, from);
            logical(order, to).enumerate().map(|(to, index)| (inverse[index], to as u32)).collect()
        };
        let target = self.make(value);
        let runs = self.runs(place, target, &entries);
        let source = Source::Move { parts: vec![(place, runs)], has_gaps: false };
        self.push(Step { source, stages: Vec::new(), values: vec![value], target, population: None }, value);
    }

    fn source(&mut self, node: &NodeSpec, operands: &[usize], value: usize, order: Order) -> Source {
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
                    format.offset(),
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
                let entry = |mut index: usize| {
                    let (mut place, mut stride) = (0, 1);
                    for axis in (0..dims.len()).rev() {
                        if !axes.contains(&axis) {
                            place += index % dims[axis] * stride;
                            stride *= dims[axis];
                        }
                        index /= dims[axis];
                    }
                    to[place]
                };
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

    fn convolution(
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
            let depthwise = Depthwise::new(channels, taps, |channel, tap| entry(channel, 0, tap / width, tap % width), bias);
            return Source::Depthwise { place, depthwise: Arc::new(depthwise), stride, origin };
        }
        // A line of the kernel is one run where its taps and channels stand together.
        let is_line = (dilation[1] == 1 || width == 1) && groups == 1;
        let outer = outputs / groups;
        let of_group = |group: usize| {
            let bias = |output: usize| bias(group * outer + output);
            let offsets = |runs: Vec<usize>| runs.into_iter().map(|run| (run * format.bytes()) as u32).collect();
            if is_line {
                let runs = (0..height).map(|row| tap(row, 0)).collect();
                let weight = |output: usize, row: usize, index: usize| entry(output, index % inner, row, index / inner);
                Weights::pack(format.word, format.offset(), outer, offsets(runs), width * inner, bias, weight)
            } else {
                let runs = (0..height * width).map(|index| tap(index / width, index % width)).collect();
                let weight = |output: usize, run: usize, channel: usize| entry(group * outer + output, channel, run / width, run % width);
                Weights::pack(format.word, format.offset(), outer, offsets(runs), inner, bias, weight)
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

    /// Whether a layer may go through time by events: its operand is made of spikes, or few of them together.
    fn has_events(&self, x: usize, weight: &Tensor, parts: usize) -> bool {
        let is_rare = !self.is_static[x] && self.links.bounds.values[x] <= MOST_SPIKES;
        is_rare && weight.data.bits() == 8 && parts <= MAX_PARTS
    }

    fn is_binary(&self, x: usize) -> bool {
        self.is_unsigned[x] && self.links.bounds.values[x] <= 1
    }

    /// What takes entries as they are.
    fn moved(&mut self, node: &NodeSpec, operands: &[usize], value: usize, order: Order) -> Source {
        let to = inverse(order, self.dims[value]);
        let target = self.target(value);
        let mut count = 0;
        let mut parts = Vec::with_capacity(operands.len());
        let mut before = 0;
        for &operand in operands {
            let place = self.of_value[operand].expect("a chain reads what was made before");
            let from = inverse(self.places[place].order, self.dims[operand]);
            let mut entries: Vec<(u32, u32)> = super::moves::entries(&node.op, self.dims[operand], self.dims[value], before)
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

    /// The place that a value is made in: made before for what moves entries there.
    fn target(&mut self, value: usize) -> usize {
        self.of_value[value].unwrap_or_else(|| self.make(value))
    }

    fn stage(&mut self, node: usize, operand: usize, chain: &Chain, stages: &mut Vec<Stage>, values: &mut Vec<usize>) {
        let (spec, operands) = (&self.artifact.graph.nodes[node], &self.links.operands[node]);
        let dims = self.dims[operand];
        let order = self.orders[operand];
        let pixels = Grid::new(order, dims).pixels();
        let params = |role: &str, rest: i32| Params::new(self.needed(spec, role), order, dims, rest);
        let stage = match &spec.op {
            OpSpec::Scale => Stage::Scale(params("factor", 0)),
            OpSpec::Shift { rows: Some(rows), columns: Some(columns) } if order == Order::ChannelsLast => {
                Stage::Shift(Params::by_place(self.needed(spec, "offset"), rows, columns, dims))
            }
            OpSpec::Shift { rows: Some(rows), columns: Some(columns) } => {
                Stage::Shift(Params::by_place_natural(self.needed(spec, "offset"), rows, columns, dims))
            }
            OpSpec::Shift { .. } => Stage::Shift(params("offset", 0)),
            OpSpec::Add => {
                // All operands but one of those that the chain brings.
                let mut is_open = true;
                for &other in operands {
                    if other == operand && is_open {
                        is_open = false;
                        continue;
                    }
                    let stage = match chain.absorbed.iter().find(|node| **node + 1 == other) {
                        Some(&scale) => {
                            let stream = self.links.operands[scale][0];
                            let factor = self.needed(&self.artifact.graph.nodes[scale], "factor");
                            let factor = Params::new(factor, order, dims, 0);
                            Stage::AddScaled { place: self.read(stream, order, [0; 4]), factor, value: other }
                        }
                        None => Stage::Add(self.read(other, order, [0; 4])),
                    };
                    stages.push(stage);
                    values.push(node + 1);
                }
                return;
            }
            OpSpec::RadixNeuron { levels, .. } => {
                Stage::Radix(RadixNeuron::new(params("threshold", 1), params("initial", 0), pixels, *levels))
            }
            OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => {
                let leak = matches!(spec.op, OpSpec::LifNeuron { .. }).then(|| params("leak", 0));
                let neuron = Neuron::new(params("threshold", 1), leak, params("initial", 0), pixels, *reset);
                let len = neuron.pitch() * pixels;
                let mut state = |initial: Option<Neuron>| {
                    let region = self.region(len * size_of::<i32>(), false);
                    self.states.push(State { region, len, initial, pixels });
                    region
                };
                let potentials = state(Some(neuron.clone()));
                let nets = (*reset == Reset::Signed).then(|| state(None));
                Stage::Neuron { neuron, potentials, nets }
            }
            _ => unreachable!("a chain has stages behind its first node"),
        };
        stages.push(stage);
        values.push(node + 1);
    }
}

/// For every entry of a shape where it stands in memory, pixel by pixel.
fn inverse(order: Order, dims: &[usize]) -> Vec<u32> {
    let mut inverse = vec![0; dims.iter().product()];
    for (place, index) in logical(order, dims).enumerate() {
        inverse[index] = place as u32;
    }
    inverse
}

impl Plan {
    /// The first and last step that need each part of the arena.
    fn find_lifetimes(&mut self) {
        let Self { regions, places, once, each, .. } = self;
        let end = once.len() + each.len();
        let mut needs = |region: usize, at: usize| {
            let region: &mut Region = &mut regions[region];
            region.first = region.first.min(at);
            region.last = region.last.max(at);
        };
        for (at, step) in once.iter().chain(each.iter()).enumerate() {
            for place in step.operands().into_iter().chain([step.target]) {
                let place = &places[place];
                needs(place.region, at);
                // What every time step reads anew is never given up.
                if place.step == 0 && at >= once.len() {
                    needs(place.region, end);
                }
            }
        }
        needs(places[self.input].region, 0);
        needs(places[self.output].region, end);
        for state in &self.states {
            needs(state.region, 0);
            needs(state.region, end);
        }
        // What is written at every pass of `each` must not share with what `once` leaves for it: those parts live to the end, from where they
        // are made.
        if let Feed::Poisson { .. } = self.feed {
            needs(places[self.input].region, once.len());
        }
    }
}
