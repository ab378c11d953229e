//! The function of a stage: loops over the entries of its result, each of which is computed in `a` and then stored.

use super::{
    loops::{AXES, INNER, Nest, count, entry, moved, pool, sum, taken, term, window_check},
    plan::{Plan, Stage, is_elementwise, result},
    text::{Lines, literal, table, type_of},
};
use snnc_runtime::{OpSpec, Reset, Tensor};
use std::{collections::BTreeMap, fmt::Write};

/// Writes the functions and tables of a plan.
pub(super) struct Writer<'p, 'a> {
    pub(super) plan: &'p Plan<'a>,
    /// What all names begin with.
    pub(super) prefix: &'p str,
    /// Tensors that have a table, by their name in the artifact.
    tables: BTreeMap<&'a str, String>,
    /// Bytes of constant tables.
    pub(super) flash: usize,
    /// Bytes of potentials and counters.
    pub(super) state: usize,
}

/// A parameter, to be indexed.
enum Parameter<'a> {
    Scalar(String),
    Table { name: String, dims: &'a [usize] },
}

impl<'p, 'a> Writer<'p, 'a> {
    pub(super) fn new(plan: &'p Plan<'a>, prefix: &'p str) -> Self {
        Self { plan, prefix, tables: BTreeMap::new(), flash: 0, state: 0 }
    }

    /// A name that belongs to a node.
    pub(super) fn name(&self, node: usize, word: &str) -> String {
        format!("{}_{}_{word}", self.prefix, node + 1)
    }

    /// The name of a stage's function.
    pub(super) fn function(&self, stage: &Stage) -> String {
        self.name(stage.nodes[0], self.plan.node(stage.nodes[0]).op.name())
    }

    /// Tables, state and function of a stage, and the function that sets its state if it has one.
    pub(super) fn stage(&mut self, stage: &Stage) -> String {
        let mut text = String::new();
        for &node in &stage.nodes {
            self.tables_of(node, &mut text);
        }
        for &node in &stage.nodes {
            self.state_of(node, &mut text);
        }
        let mut lines = Lines::default();
        let about: Vec<String> = stage.nodes.iter().map(|&node| self.plan.about(node)).collect();
        lines.line(format!("/* {} */", about.join("\n * ")));
        let head = stage.nodes[0];
        let operands = &self.plan.operands[head];
        let given: Vec<String> = (0..operands.len())
            .map(|index| format!("const {} *{}", self.plan.values[operands[index]].kind.name(), operand(index, operands.len())))
            .collect();
        let to = self.plan.values[result(stage)].kind.name();
        lines.line(format!("static void {}({}, {to} *y)", self.function(stage), given.join(", ")));
        lines.open("{");
        self.head(stage, &mut lines);
        lines.close(1);
        text + &lines.text
    }

    /// The function that sets the state of a stage before the first step, if it has state.
    pub(super) fn reset(&self, stage: &Stage) -> Option<String> {
        let mut lines = Lines::default();
        lines.line(format!("static void {}_reset(void)", self.function(stage)));
        lines.open("{");
        let mut has_state = false;
        for &node in &stage.nodes {
            let of = |word: &str| self.name(node, word);
            match &self.plan.node(node).op {
                OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => {
                    has_state = true;
                    let nest = Nest::open(&mut lines, self.plan.values[node + 1].dims, &AXES);
                    lines.line(format!("{}[{}] = {};", of("potential"), nest.entry(), self.parameter(node, "initial", &nest)));
                    if *reset == Reset::Signed {
                        lines.line(format!("{}[{}] = 0;", of("fired"), nest.entry()));
                    }
                    lines.close(nest.loops);
                }
                OpSpec::CountMaxPool2d { .. } => {
                    has_state = true;
                    let operand = self.plan.values[self.plan.operands[node][0]].len();
                    for (word, len) in [("arrived", operand), ("largest", self.plan.values[node + 1].len())] {
                        lines.open(count("k", len));
                        lines.line(format!("{}[k] = 0;", of(word)));
                        lines.close(1);
                    }
                }
                _ => {}
            }
        }
        lines.close(1);
        has_state.then_some(lines.text)
    }

    /// A table for each tensor of a node that has more than one entry and none yet.
    fn tables_of(&mut self, node: usize, text: &mut String) {
        for (role, key) in &self.plan.node(node).tensors {
            let tensor = &self.plan.artifact.tensors[key];
            if self.tables.contains_key(key.as_str()) || is_scalar(tensor) {
                continue;
            }
            let name = self.name(node, role);
            let _ = writeln!(text, "/* [{}] */", super::text::shape(&tensor.dims));
            *text += &table(type_of(&tensor.data), &name, tensor.data.iter());
            self.flash += tensor.data.len() * tensor.data.bits() as usize / 8;
            self.tables.insert(key, name);
        }
        if let OpSpec::Shift { rows: Some(rows), columns: Some(columns) } = &self.plan.node(node).op {
            for (word, places) in [("rows", rows), ("columns", columns)] {
                // A side has at most 65536 places.
                *text += &table("uint16_t", &self.name(node, word), places.iter().map(|&place| place as i32));
                self.flash += 2 * places.len();
            }
        }
    }

    /// What a node keeps from step to step.
    fn state_of(&mut self, node: usize, text: &mut String) {
        let len = self.plan.values[node + 1].len();
        let operand = self.plan.values[self.plan.operands[node][0]].len();
        let kept: &[(&str, &str, usize, usize)] = match &self.plan.node(node).op {
            OpSpec::IfNeuron { reset: Reset::Signed } | OpSpec::LifNeuron { reset: Reset::Signed } => {
                &[("int32_t", "potential", len, 4), ("uint16_t", "fired", len, 2)]
            }
            OpSpec::IfNeuron { .. } | OpSpec::LifNeuron { .. } => &[("int32_t", "potential", len, 4)],
            OpSpec::CountMaxPool2d { .. } => &[("int32_t", "arrived", operand, 4), ("int32_t", "largest", len, 4)],
            _ => &[],
        };
        for (of, word, len, bytes) in kept {
            let _ = writeln!(text, "static {of} {}[{len}];", self.name(node, word));
            self.state += len * bytes;
        }
    }

    fn parameter_of(&self, node: usize, role: &str) -> Option<Parameter<'a>> {
        let key = self.plan.node(node).tensors.get(role)?;
        let tensor = &self.plan.artifact.tensors[key];
        Some(if is_scalar(tensor) {
            Parameter::Scalar(literal(tensor.data.get(0)))
        } else {
            Parameter::Table { name: self.tables[key.as_str()].clone(), dims: &tensor.dims }
        })
    }

    /// The entry of a parameter, which broadcasts over the value that is looped over.
    fn parameter(&self, node: usize, role: &str, nest: &Nest) -> String {
        let (name, dims) = match self.parameter_of(node, role) {
            Some(Parameter::Table { name, dims }) => (name, dims),
            Some(Parameter::Scalar(literal)) => return literal,
            None => return "0".to_owned(),
        };
        // Aligned at the last axis; the batch, if the parameter has it, is 1.
        let own = &dims[dims.len().saturating_sub(nest.sizes.len())..];
        let skipped = nest.sizes.len() - own.len();
        let places: Vec<String> =
            own.iter().zip(&nest.places[skipped..]).map(|(&size, place)| if size == 1 { "0".to_owned() } else { place.clone() }).collect();
        format!("{name}[{}]", entry(&places, own))
    }

    /// An entry of a table whose places are given axis by axis, or the number that stands for all.
    fn at(&self, node: usize, role: &str, places: &[String]) -> String {
        match self.parameter_of(node, role) {
            Some(Parameter::Table { name, dims }) => format!("{name}[{}]", entry(places, dims)),
            Some(Parameter::Scalar(literal)) => literal,
            None => "0".to_owned(),
        }
    }

    /// Loops over the result of a stage's first node, and everything inside.
    fn head(&self, stage: &Stage, lines: &mut Lines) {
        let node = stage.nodes[0];
        let operands: Vec<&[usize]> = self.plan.operands[node].iter().map(|&x| self.plan.values[x].dims).collect();
        let from = operands[0];
        let dims = self.plan.values[node + 1].dims;
        let op = &self.plan.node(node).op;
        if let OpSpec::Concat { axis } = op {
            let mut offset = 0;
            for (index, part) in operands.iter().enumerate() {
                let mut nest = Nest::open(lines, part, &AXES);
                if nest.loops == 0 {
                    // Each operand has an `a` of its own.
                    lines.open("{");
                    nest.loops = 1;
                }
                let own = nest.entry();
                lines.line(format!("int32_t a = {}[{own}];", operand(index, operands.len())));
                let place = &mut nest.places[axis - 1];
                *place = sum(term(place, 1).into_iter().chain((offset > 0).then(|| offset.to_string())));
                nest.sizes = dims[1..].to_vec();
                self.tail(stage, &stage.nodes[1..], &nest, lines);
                lines.close(nest.loops);
                offset += part[*axis];
            }
            return;
        }
        if let OpSpec::CountMaxPool2d { .. } = op {
            lines.open(count("k", from.iter().product()));
            lines.line(format!("{}[k] += x[k];", self.name(node, "arrived")));
            lines.close(1);
        }
        let nest = Nest::open(lines, dims, &AXES);
        match op {
            OpSpec::Conv2d { stride, dilation, pads, groups } => {
                self.conv2d(node, [*stride, *dilation], *pads, *groups, &nest, lines);
            }
            OpSpec::Linear => {
                lines.line(format!("int32_t a = {};", self.at(node, "bias", &nest.places)));
                let inner = Nest::open(lines, from, &INNER);
                let weight = self.at(node, "weight", &[nest.places[0].clone(), inner.places[0].clone()]);
                lines.line(format!("a += (int32_t){weight} * x[{}];", inner.entry()));
                lines.close(inner.loops);
            }
            OpSpec::Add => {
                let parts: Vec<String> =
                    (0..operands.len()).map(|index| format!("{}[{}]", operand(index, operands.len()), nest.entry())).collect();
                lines.line(format!("int32_t a = {};", parts.join(" + (int32_t)")));
            }
            OpSpec::SumPool2d { kernel, stride, pads, .. } => {
                let add = |entry: String| vec![format!("a += x[{entry}];")];
                pool("0", [*kernel, *stride], *pads, from, dims, &nest, lines, &add);
            }
            OpSpec::DigitMaxPool2d { kernel, stride, pads, .. } => {
                let take = |entry: String| vec![format!("a = x[{entry}] > a ? x[{entry}] : a;")];
                pool("0", [*kernel, *stride], *pads, from, dims, &nest, lines, &take);
            }
            OpSpec::CountMaxPool2d { kernel, stride, pads, .. } => {
                let arrived = self.name(node, "arrived");
                let take = |entry: String| vec![format!("a = {arrived}[{entry}] > a ? {arrived}[{entry}] : a;")];
                pool("-2147483647", [*kernel, *stride], *pads, from, dims, &nest, lines, &take);
                let largest = format!("{}[{}]", self.name(node, "largest"), nest.entry());
                lines.line(format!("const int32_t before = {largest};"));
                lines.line(format!("{largest} = a;"));
                lines.line("a -= before;");
            }
            OpSpec::Sum { axes } => {
                lines.line("int32_t a = 0;");
                let mut summed = vec![1; from.len()];
                axes.iter().for_each(|&axis| summed[axis] = from[axis]);
                let inner = Nest::open(lines, &summed, &INNER);
                let places: Vec<String> = (0..from.len() - 1)
                    .map(|axis| if axes.contains(&(axis + 1)) { inner.places[axis].clone() } else { nest.places[axis].clone() })
                    .collect();
                lines.line(format!("a += x[{}];", entry(&places, &from[1..])));
                lines.close(inner.loops);
            }
            OpSpec::Pad { pads } => {
                lines.line("int32_t a = 0;");
                let mut inside = Vec::new();
                let mut places = Vec::new();
                for ((place, &(before, after)), &size) in nest.places.iter().zip(&pads[1..]).zip(&from[1..]) {
                    inside.extend((before > 0).then(|| format!("{place} >= {before}")));
                    inside.extend((after > 0).then(|| format!("{place} < {}", before + size)));
                    places.push(if before == 0 { place.clone() } else { format!("{place} - {before}") });
                }
                if !inside.is_empty() {
                    lines.open(format!("if ({}) {{", inside.join(" && ")));
                }
                lines.line(format!("a = x[{}];", entry(&places, &from[1..])));
                lines.close(usize::from(!inside.is_empty()));
            }
            OpSpec::Slice { ranges } => {
                let places: Vec<String> = nest.places.iter().zip(&ranges[1..]).map(|(place, range)| taken(place, *range)).collect();
                lines.line(format!("int32_t a = x[{}];", entry(&places, &from[1..])));
            }
            OpSpec::Transpose { permutation } => {
                let mut places = vec![String::new(); from.len() - 1];
                permutation[1..].iter().zip(&nest.places).for_each(|(&axis, place)| places[axis - 1].clone_from(place));
                lines.line(format!("int32_t a = x[{}];", entry(&places, &from[1..])));
            }
            _ => lines.line(format!("int32_t a = x[{}];", nest.entry())),
        }
        let joined = if is_elementwise(op) { &stage.nodes[..] } else { &stage.nodes[1..] };
        self.tail(stage, joined, &nest, lines);
        lines.close(nest.loops);
    }

    fn conv2d(&self, node: usize, steps: [[usize; 2]; 2], pads: [usize; 4], groups: usize, nest: &Nest, lines: &mut Lines) {
        let [stride, dilation] = steps;
        let from = self.plan.values[self.plan.operands[node][0]].dims;
        let to = self.plan.values[node + 1].dims;
        let Some(weight) = self.plan.tensor(node, "weight") else { return };
        let [out, per_group, kernel_h, kernel_w] = weight.dims[..] else { return };
        let kernel = [kernel_h, kernel_w];
        lines.line(format!("int32_t a = {};", self.at(node, "bias", &nest.places[..1])));
        let mut blocks = 0;
        let mut open = |lines: &mut Lines, name: &str, size: usize| {
            if size > 1 {
                lines.open(count(name, size));
                blocks += 1;
            }
            if size > 1 { name.to_owned() } else { "0".to_owned() }
        };
        let d = open(lines, "d", per_group);
        let filter = &nest.places[0];
        let first = match (groups, out / groups, per_group) {
            (1, ..) => None,
            // A channel of its own for each filter.
            (_, 1, 1) => term(filter, 1),
            (_, 1, _) => term(filter, per_group),
            (_, each, 1) if filter != "0" => Some(format!("{filter} / {each}")),
            (_, each, _) if filter != "0" => Some(format!("{filter} / {each} * {per_group}")),
            _ => None,
        };
        let channel = sum(first.into_iter().chain(term(&d, 1)));
        let mut checks = 0;
        let mut places = vec![channel];
        let mut inner = Vec::new();
        for (axis, (name, place)) in [("u", "row"), ("w", "column")].into_iter().enumerate() {
            let tap = open(lines, name, kernel[axis]);
            lines.line(format!(
                "const int32_t {place} = {};",
                moved(&nest.places[1 + axis], stride[axis], &tap, dilation[axis], pads[axis])
            ));
            checks += window_check(lines, place, from[2 + axis], to[2 + axis], kernel[axis], [stride[axis], dilation[axis]], pads[axis]);
            places.push(place.to_owned());
            inner.push(tap);
        }
        let weight = self.at(node, "weight", &[filter.clone(), d, inner[0].clone(), inner[1].clone()]);
        lines.line(format!("a += (int32_t){weight} * x[{}];", entry(&places, &from[1..])));
        lines.close(blocks + checks);
    }

    /// What nodes make of `a`, one after the other; then it is stored.
    fn tail(&self, stage: &Stage, nodes: &[usize], nest: &Nest, lines: &mut Lines) {
        for &node in nodes {
            let of = |role: &str| self.parameter(node, role, nest);
            match &self.plan.node(node).op {
                OpSpec::Scale => lines.line(format!("a *= {};", of("factor"))),
                OpSpec::Shift { rows: Some(_), .. } => {
                    let along = |word: &str, axis: usize| format!("{}[{}]", self.name(node, word), nest.places[axis]);
                    let depth = self.plan.tensor(node, "offset").map_or(1, |offset| offset.dims[1]);
                    let channel = if depth == 1 { "0".to_owned() } else { nest.places[0].clone() };
                    let places = ["0".to_owned(), channel, along("rows", 1), along("columns", 2)];
                    lines.line(format!("a += {};", self.at(node, "offset", &places)));
                }
                OpSpec::Shift { .. } => lines.line(format!("a += {};", of("offset"))),
                OpSpec::RadixNeuron { levels, .. } => {
                    let (initial, threshold) = (of("initial"), of("threshold"));
                    if initial != "0" {
                        lines.line(format!("a += {initial};"));
                    }
                    lines.line(format!("a = a < 0 ? 0 : a / {threshold};"));
                    lines.line(format!("a = a > {levels} ? {levels} : a;"));
                }
                OpSpec::IfNeuron { reset } => self.neuron(node, *reset, nest, lines),
                OpSpec::LifNeuron { reset } => self.neuron(node, *reset, nest, lines),
                _ => {}
            }
        }
        let kind = self.plan.values[result(stage)].kind.name();
        let cast = if kind == "int32_t" { String::new() } else { format!("({kind})") };
        lines.line(format!("y[{}] = {cast}a;", nest.entry()));
    }

    /// A step of neurons of the rate code.
    fn neuron(&self, node: usize, reset: Reset, nest: &Nest, lines: &mut Lines) {
        let (potential, fired) =
            (format!("{}[{}]", self.name(node, "potential"), nest.entry()), format!("{}[{}]", self.name(node, "fired"), nest.entry()));
        let threshold = self.parameter(node, "threshold", nest);
        lines.open("{");
        match self.parameter_of(node, "leak") {
            None => lines.line(format!("int32_t v = {potential} + a;")),
            Some(_) => lines.line(format!("int32_t v = {}_leak({potential}, {}) + a;", self.prefix, self.parameter(node, "leak", nest))),
        }
        lines.line("a = 0;");
        lines.open(format!("if (v >= {threshold}) {{"));
        lines.line("a = 1;");
        lines.line(if reset == Reset::Hard { "v = 0;".to_owned() } else { format!("v -= {threshold};") });
        if reset == Reset::Signed {
            lines.line(format!("{fired}++;"));
            lines.close(1);
            lines.open(format!("else if (v < 0 && {fired} > 0) {{"));
            lines.line("a = -1;");
            lines.line(format!("v += {threshold};"));
            lines.line(format!("{fired}--;"));
        }
        lines.close(1);
        lines.line(format!("{potential} = v;"));
        lines.close(1);
    }
}

/// What an operand is called in a function of so many.
fn operand(index: usize, of: usize) -> String {
    if of == 1 { "x".to_owned() } else { format!("x{index}") }
}

fn is_scalar(tensor: &Tensor) -> bool {
    tensor.data.len() == 1
}
