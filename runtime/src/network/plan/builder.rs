//! A plan in the making: how every value is kept, and which steps there are.

use super::{
    super::{
        activity::{Activity, Drive},
        chain::{Chain, chains},
        place::{Grid, Order, Place, logical, plain, turned},
        step::{Run, Source, Step},
        tally::Counter,
        window::is_depthwise,
    },
    Feed, Plan, Region, State,
};
use crate::{
    artifact::{Artifact, Code, Coding, Head, Links, NodeSpec, OpSpec, Reset, Tensor},
    kernels::{Format, Isa, Word},
};
use alloc::{vec, vec::Vec};

/// A plan in the making.
pub(super) struct Builder<'a> {
    pub(super) artifact: &'a Artifact,
    pub(super) links: &'a Links,
    pub(super) activity: &'a Activity,
    pub(super) isa: Isa,
    /// Shapes of the values.
    pub(super) dims: Vec<&'a [usize]>,
    pub(super) is_static: Vec<bool>,
    pub(super) is_unsigned: Vec<bool>,
    /// The order that each value is made in.
    pub(super) orders: &'a [Order],
    /// What the products that read each value want it kept as, and the border that they want; none if no product reads it.
    pub(super) wanted: Vec<Option<(Word, [usize; 4])>>,
    pub(super) places: Vec<Place>,
    pub(super) regions: Vec<Region>,
    pub(super) of_value: Vec<Option<usize>>,
    pub(super) states: Vec<State>,
    pub(super) steps: [Vec<Step>; 2],
}

impl<'a> Builder<'a> {
    pub(super) fn new(artifact: &'a Artifact, links: &'a Links, orders: &'a [Order], activity: &'a Activity, isa: Isa) -> Self {
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

    /// Adds to what is wanted of a value. It has to hold its numbers, of which whoever takes a part may have small ones alone.
    pub(super) fn join_wanted(&mut self, value: usize, word: Word, pads: [usize; 4]) {
        let narrowest = self.narrowest(value);
        let word = if narrowest.entries() < word.entries() { narrowest } else { word };
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
    pub(super) fn want(&mut self, node: &NodeSpec, value: usize) {
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
    pub(super) fn narrowest(&self, value: usize) -> Word {
        let most = self.links.bounds.values[value];
        if most <= if self.is_unsigned[value] { i32::from(u8::MAX) } else { i32::from(i8::MAX) } { Word::Bytes } else { plain(most).word }
    }

    pub(super) fn format(&self, value: usize) -> Format {
        let word = self.wanted[value].map_or_else(|| self.narrowest(value), |(word, _)| word);
        let is_unsigned = self.is_unsigned[value];
        let zero = if word == Word::Bytes { self.isa.byte_zero(is_unsigned) } else { 0 };
        Format { word, is_unsigned, zero }
    }

    pub(super) fn parameter(&self, node: &NodeSpec, role: &str) -> Option<&'a Tensor> {
        self.artifact.tensors.get(node.tensors.get(role)?)
    }

    pub(super) fn needed(&self, node: &NodeSpec, role: &str) -> &'a Tensor {
        self.parameter(node, role).expect("a checked node has its tensors")
    }

    /// A new part of the arena, for values of one kind.
    pub(super) fn region(&mut self, bytes: usize, has_steps: bool) -> usize {
        self.regions.push(Region { bytes, has_steps, first: usize::MAX, last: 0 });
        self.regions.len() - 1
    }

    /// A new place.
    pub(super) fn place(&mut self, format: Format, order: Order, grid: Grid, pads: [usize; 4], has_steps: bool) -> usize {
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
    pub(super) fn make(&mut self, value: usize) -> usize {
        let order = self.orders[value];
        let pads = self.wanted[value].map_or([0; 4], |(_, pads)| pads);
        let place = self.place(self.format(value), order, Grid::new(order, self.dims[value]), pads, !self.is_static[value]);
        self.of_value[value] = Some(place);
        place
    }

    /// Another view of a place.
    pub(super) fn view(&mut self, place: usize, order: Order, grid: Grid) -> usize {
        let place = Place { order, grid, ..self.places[place].clone() };
        self.places.push(place);
        self.places.len() - 1
    }

    /// A value in an order, with a border and in a width for a product that reads it: as it is, or copied.
    pub(super) fn read(&mut self, value: usize, order: Order, pads: [usize; 4]) -> usize {
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
        let dims = self.dims[value];
        self.copy(place, (made_order, dims), target, (order, dims), value);
        target
    }

    /// Appends a step which makes a value by a copy of another with the same entries in the order of its shape.
    fn copy(&mut self, place: usize, from: (Order, &[usize]), target: usize, to: (Order, &[usize]), value: usize) {
        let from = inverse(from.0, from.1);
        let entries: Vec<(u32, u32)> = logical(to.0, to.1).enumerate().map(|(to, index)| (from[index], to as u32)).collect();
        let source = Source::Move { parts: vec![(place, self.runs(place, target, &entries))], has_gaps: false };
        self.push(Step { source, stages: Vec::new(), values: vec![value], target, population: None }, value);
    }

    /// Runs of entries, counted pixel by pixel without borders: pairs of from and to, the latter ascending.
    pub(super) fn runs(&self, from: usize, to: usize, entries: &[(u32, u32)]) -> Vec<Run> {
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
    pub(super) fn push(&mut self, step: Step, value: usize) {
        self.steps[usize::from(!self.is_static[value])].push(step);
    }

    pub(super) fn build(mut self) -> Plan {
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

    pub(super) fn chain(&mut self, chain: &Chain) {
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
    pub(super) fn reshape(&mut self, operand: usize, value: usize) {
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
        let made_order = made.order;
        let target = self.make(value);
        self.copy(place, (made_order, from), target, (order, to), value);
    }

    /// The place that a value is made in: made before for what moves entries there.
    pub(super) fn target(&mut self, value: usize) -> usize {
        self.of_value[value].unwrap_or_else(|| self.make(value))
    }
}

/// For every entry of a shape where it stands in memory, pixel by pixel.
pub(super) fn inverse(order: Order, dims: &[usize]) -> Vec<u32> {
    let mut inverse = vec![0; dims.iter().product()];
    for (place, index) in logical(order, dims).enumerate() {
        inverse[index] = place as u32;
    }
    inverse
}
