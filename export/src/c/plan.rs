//! What runs in which order, and where values lie meanwhile.
//!
//! An operator that acts on each entry alone (neurons, scales, shifts) joins the one before it if nobody else reads what lies between:
//! that is never stored. What depends on a constant image alone runs once, before the first time step. Values that are not needed at the
//! same time share memory; each type of C has an area of its own, so that no byte is ever read as another type than it was written.

use super::text::shape;
use snnc_runtime::{Artifact, Code, Coding, LoadError, NetworkSpec, NodeSpec, OpSpec, Reset, Tensor};
use std::collections::HashMap;

/// Types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    U8,
    I8,
    U16,
    I16,
    I32,
}

impl Type {
    pub(super) const ALL: [Self; 5] = [Self::U8, Self::I8, Self::U16, Self::I16, Self::I32];

    /// The narrowest that holds values up to a magnitude.
    pub(super) fn of(magnitude: i32, is_signed: bool) -> Self {
        match (magnitude, is_signed) {
            (..=255, false) => Self::U8,
            (..=127, true) => Self::I8,
            (..=65535, false) => Self::U16,
            (..=32767, true) => Self::I16,
            _ => Self::I32,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8_t",
            Self::I8 => "int8_t",
            Self::U16 => "uint16_t",
            Self::I16 => "int16_t",
            Self::I32 => "int32_t",
        }
    }

    /// The word for it in names.
    pub(super) fn word(self) -> &'static str {
        self.name().trim_end_matches("_t")
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::I32 => 4,
        }
    }
}

/// Where a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In what the caller gives.
    Image,
    /// Where another value is, of which it is another shape.
    With(usize),
    /// In the area of its type, from this entry on.
    Area(usize),
    /// Nowhere: it is used as soon as it is made.
    Passing,
}

/// A value: number 0 is the input, `i + 1` the result of node `i`.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    pub(super) dims: &'a [usize],
    pub(super) kind: Type,
    pub(super) place: Place,
}

impl Value<'_> {
    pub(super) fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// One function: an operator, and behind it those that act on each of its entries.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) nodes: Vec<usize>,
    pub(super) is_once: bool,
}

pub(super) struct Plan<'a> {
    pub(super) artifact: &'a Artifact,
    pub(super) operands: Vec<Vec<usize>>,
    pub(super) values: Vec<Value<'a>>,
    /// Those that run once, and behind them those that run at every time step.
    pub(super) stages: Vec<Stage>,
    pub(super) output: usize,
    /// Entries of the area of each of [`Type::ALL`].
    pub(super) areas: [usize; 5],
}

impl<'a> Plan<'a> {
    pub(super) fn new(artifact: &'a Artifact) -> Result<Self, LoadError> {
        let graph = &artifact.graph;
        let magnitudes = artifact.magnitudes()?;
        let mut numbers: HashMap<&str, usize> = HashMap::from([(graph.input.name.as_str(), 0)]);
        let mut operands: Vec<Vec<usize>> = Vec::new();
        let mut is_signed = vec![graph.input.coding == Coding::Poisson];
        let mut is_once = vec![graph.input.coding == Coding::Direct];
        for (index, node) in graph.nodes.iter().enumerate() {
            let own: Vec<usize> = node.inputs.iter().map(|name| numbers[name.as_str()]).collect();
            is_signed.push(may_be_negative(&node.op, own.iter().any(|&x| is_signed[x])));
            is_once.push(!node.op.is_stateful() && own.iter().all(|&x| is_once[x]));
            operands.push(own);
            numbers.insert(&node.name, index + 1);
        }
        let output = numbers[graph.output.node.as_str()];
        let dims = std::iter::once(&graph.input.shape).chain(graph.nodes.iter().map(|node| &node.shape));
        let kinds = magnitudes.iter().zip(&is_signed).map(|(&magnitude, &is_signed)| Type::of(magnitude, is_signed));
        let mut values: Vec<Value<'a>> = dims.zip(kinds).map(|(dims, kind)| Value { dims, kind, place: Place::Passing }).collect();
        let stages = stages(graph, &operands, &is_once, output);

        // What is only given another shape stays where it is; what no stage ends with is never stored.
        if graph.input.coding == Coding::Poisson {
            values[0].place = Place::Area(0);
        } else {
            values[0].place = Place::Image;
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if matches!(node.op, OpSpec::Reshape) {
                values[index + 1].place = Place::With(operands[index][0]);
            }
        }
        for stage in &stages {
            values[result(stage)].place = Place::Area(0);
        }
        let mut plan = Self { artifact, operands, values, stages, output, areas: [0; 5] };
        plan.place_values();
        Ok(plan)
    }

    /// The value whose memory a value is in.
    pub(super) fn root(&self, mut value: usize) -> usize {
        while let Place::With(other) = self.values[value].place {
            value = other;
        }
        value
    }

    pub(super) fn node(&self, index: usize) -> &'a NodeSpec {
        &self.artifact.graph.nodes[index]
    }

    pub(super) fn tensor(&self, index: usize, role: &str) -> Option<&'a Tensor> {
        self.node(index).tensors.get(role).map(|name| &self.artifact.tensors[name])
    }

    /// Bytes of all areas.
    pub(super) fn area_bytes(&self) -> usize {
        Type::ALL.iter().zip(self.areas).map(|(kind, entries)| kind.bytes() * entries).sum()
    }

    /// Gives every stored value a place in the area of its type, free from where it is made until its last reader.
    fn place_values(&mut self) {
        let end = self.stages.len();
        let mut made = vec![0; self.values.len()];
        let mut read = vec![0; self.values.len()];
        let mut at = vec![0; self.operands.len()];
        for (number, stage) in self.stages.iter().enumerate() {
            made[result(stage)] = number;
            stage.nodes.iter().for_each(|&node| at[node] = number);
        }
        let is_once = |stage: usize| self.stages.get(stage).is_some_and(|stage| stage.is_once);
        for stage in &self.stages {
            for &operand in &self.operands[stage.nodes[0]] {
                let root = self.root(operand);
                let reader = at[stage.nodes[0]];
                // What is made once is read again at every step.
                let until = if self.values[root].place != Place::Image && is_once(made[root]) && !stage.is_once { end } else { reader };
                read[root] = read[root].max(until);
            }
        }
        read[self.root(self.output)] = end;
        let mut order: Vec<usize> = (0..self.values.len()).filter(|&value| matches!(self.values[value].place, Place::Area(_))).collect();
        order.sort_by_key(|&value| made[value]);
        let mut placed: Vec<usize> = Vec::new();
        for value in order {
            let len = self.values[value].len();
            // Those of the same type that live at the same time, by place.
            let mut taken: Vec<(usize, usize)> = placed
                .iter()
                .filter(|&&other| self.values[other].kind == self.values[value].kind)
                .filter(|&&other| made[other] <= read[value] && made[value] <= read[other])
                .filter_map(|&other| match self.values[other].place {
                    Place::Area(start) => Some((start, start + self.values[other].len())),
                    _ => None,
                })
                .collect();
            taken.sort_unstable();
            let start = taken.iter().fold(0, |start, &(from, to)| if start + len <= from { start } else { start.max(to) });
            self.values[value].place = Place::Area(start);
            let area = &mut self.areas[self.values[value].kind as usize];
            *area = (*area).max(start + len);
            placed.push(value);
        }
    }

    /// What a comment says of a node.
    pub(super) fn about(&self, index: usize) -> String {
        let node = self.node(index);
        let from: Vec<String> = self.operands[index].iter().map(|&x| shape(self.values[x].dims)).collect();
        let detail = match &node.op {
            OpSpec::RadixNeuron { digits, levels } => format!(", {digits} digits, at most {levels}"),
            OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => format!(", reset {reset:?}").to_lowercase(),
            _ => String::new(),
        };
        format!("{}: {} {} -> {}{detail}", super::text::comment(&node.name), node.op.name(), from.join(", "), shape(&node.shape))
    }
}

/// The value that a stage stores.
pub(super) fn result(stage: &Stage) -> usize {
    stage.nodes[stage.nodes.len() - 1] + 1
}

/// Whether an operator acts on each entry alone.
pub(super) fn is_elementwise(op: &OpSpec) -> bool {
    matches!(op, OpSpec::Scale | OpSpec::Shift { .. } | OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } | OpSpec::RadixNeuron { .. })
}

fn may_be_negative(op: &OpSpec, is_operand_signed: bool) -> bool {
    match op {
        OpSpec::Conv2d { .. } | OpSpec::Linear | OpSpec::Scale | OpSpec::Shift { .. } => true,
        OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => *reset == Reset::Signed,
        OpSpec::RadixNeuron { .. } | OpSpec::DigitMaxPool2d { .. } => false,
        _ => is_operand_signed,
    }
}

fn stages(graph: &NetworkSpec, operands: &[Vec<usize>], is_once: &[bool], output: usize) -> Vec<Stage> {
    let mut readers = vec![0; operands.len() + 1];
    operands.iter().flatten().for_each(|&value| readers[value] += 1);
    readers[output] += 1;
    let mut stages: Vec<Stage> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if matches!(node.op, OpSpec::Reshape) {
            continue;
        }
        let is_once = graph.code == Code::Rate && is_once[index + 1];
        let operand = operands[index][0];
        let before = stages.iter_mut().find(|stage| result(stage) == operand && stage.is_once == is_once);
        match before {
            Some(stage) if is_elementwise(&node.op) && readers[operand] == 1 => stage.nodes.push(index),
            _ => stages.push(Stage { nodes: vec![index], is_once }),
        }
    }
    let (once, each): (Vec<Stage>, Vec<Stage>) = stages.into_iter().partition(|stage| stage.is_once);
    once.into_iter().chain(each).collect()
}
