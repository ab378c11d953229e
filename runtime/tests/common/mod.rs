//! What the tests share: making networks, and a naive reading of the specification.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod reference;
pub mod vectors;

use snnc_runtime::{
    Artifact, Code, Coding, Head, InputSpec, Layout, NetworkSpec, NodeSpec, OpSpec, OutputSpec, Phase, Preprocess, Quantiser, Reset,
    Source, Tensor,
};
use std::collections::BTreeMap;

/// Random numbers for tests: SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 11) as usize % n
    }

    /// In `-range..=range`.
    pub fn around(&mut self, range: i32) -> i32 {
        self.below(2 * range as usize + 1) as i32 - range
    }

    /// A parameter with entries in `-range..=range`.
    pub fn tensor(&mut self, dims: &[usize], range: i32) -> Tensor {
        let data: Vec<i32> = (0..dims.iter().product()).map(|_| self.around(range)).collect();
        Tensor::new(dims, data)
    }

    /// A weight with entries in `-range..=range`, of 8 bits if these suffice.
    pub fn weight(&mut self, dims: &[usize], range: i32) -> Tensor {
        let values: Vec<i32> = (0..dims.iter().product()).map(|_| self.around(range)).collect();
        weight(dims, &values)
    }
}

/// A weight of 8 bits, or of 16 where these do not suffice.
pub fn weight(dims: &[usize], values: &[i32]) -> Tensor {
    let narrow: Result<Vec<i8>, _> = values.iter().map(|&v| i8::try_from(v)).collect();
    match narrow {
        Ok(values) => Tensor::new(dims, values),
        Err(_) => Tensor::new(dims, values.iter().map(|&v| i16::try_from(v).expect("16 bits")).collect::<Vec<i16>>()),
    }
}

/// Builds an artifact node by node; shapes are worked out here, apart from the crate.
pub struct Builder {
    pub artifact: Artifact,
}

impl Builder {
    /// An input of 8 digits that are the pixels.
    pub fn new(shape: &[usize], layout: Layout, coding: Coding) -> Self {
        let graph = NetworkSpec {
            format: "snnc".into(),
            format_version: 2,
            compiler: "snnc test".into(),
            source: Source { sha256: "0".repeat(64) },
            phase: Phase::Calibrated,
            code: if coding == Coding::Digits { Code::Radix } else { Code::Rate },
            options: BTreeMap::new(),
            seed: 7,
            timesteps: 8,
            input: InputSpec {
                name: "x".into(),
                shape: shape.to_vec(),
                layout,
                coding,
                quantiser: Quantiser { digits: 8, step: vec![1.0], zero: vec![0.0] },
                preprocess: Preprocess::scale(1.0),
            },
            nodes: Vec::new(),
            output: OutputSpec { node: String::new(), name: None, head: Head::None, scale: 1.0, lock: None },
        };
        Self { artifact: Artifact { graph, tensors: BTreeMap::new(), lock: None } }
    }

    pub fn shape(&self, value: &str) -> Vec<usize> {
        let graph = &self.artifact.graph;
        let node = graph.nodes.iter().find(|node| node.name == value);
        node.map_or_else(|| graph.input.shape.clone(), |node| node.shape.clone())
    }

    pub fn spikes(&self, value: &str) -> bool {
        let graph = &self.artifact.graph;
        let is_stream = value == graph.input.name && graph.code == Code::Radix;
        is_stream || graph.nodes.iter().any(|node| node.name == value && node.spikes)
    }

    /// Adds a node; its name is the operator's with a number.
    pub fn node(&mut self, op: OpSpec, inputs: &[&str], shape: &[usize], spikes: bool, tensors: Vec<(&str, Tensor)>) -> String {
        let name = format!("{}_{}", op.name(), self.artifact.graph.nodes.len());
        let mut roles = BTreeMap::new();
        for (role, tensor) in tensors {
            let key = format!("{name}.{role}");
            roles.insert(role.to_owned(), key.clone());
            self.artifact.tensors.insert(key, tensor);
        }
        self.artifact.graph.nodes.push(NodeSpec {
            name: name.clone(),
            op,
            inputs: inputs.iter().map(|&s| s.to_owned()).collect(),
            shape: shape.to_vec(),
            spikes,
            tensors: roles,
            origin: vec![],
        });
        name
    }

    /// A convolution `[stride, dilation]`, pads, groups, over a weight.
    #[allow(clippy::too_many_arguments, reason = "the attributes of a convolution")]
    pub fn conv(
        &mut self,
        x: &str,
        weight: Tensor,
        bias: Option<Tensor>,
        stride: [usize; 2],
        dilation: [usize; 2],
        pads: [usize; 4],
        groups: usize,
    ) -> String {
        let dims = self.shape(x);
        let side = |axis: usize| {
            let extent = (weight.dims[2 + axis] - 1) * dilation[axis] + 1;
            (dims[2 + axis] + pads[axis] + pads[axis + 2] - extent) / stride[axis] + 1
        };
        let shape = [1, weight.dims[0], side(0), side(1)];
        let mut tensors = vec![("weight", weight)];
        tensors.extend(bias.map(|bias| ("bias", bias)));
        self.node(OpSpec::Conv2d { stride, dilation, pads, groups }, &[x], &shape, false, tensors)
    }

    pub fn linear(&mut self, x: &str, weight: Tensor, bias: Option<Tensor>) -> String {
        let shape = [1, weight.dims[0]];
        let mut tensors = vec![("weight", weight)];
        tensors.extend(bias.map(|bias| ("bias", bias)));
        self.node(OpSpec::Linear, &[x], &shape, false, tensors)
    }

    pub fn scale(&mut self, x: &str, factor: Tensor) -> String {
        let shape = self.shape(x);
        self.node(OpSpec::Scale, &[x], &shape, false, vec![("factor", factor)])
    }

    pub fn shift(&mut self, x: &str, offset: Tensor) -> String {
        let shape = self.shape(x);
        self.node(OpSpec::shift(), &[x], &shape, false, vec![("offset", offset)])
    }

    pub fn shift_by_place(&mut self, x: &str, offset: Tensor, rows: &[usize], columns: &[usize]) -> String {
        let shape = self.shape(x);
        let op = OpSpec::Shift { rows: Some(rows.to_vec()), columns: Some(columns.to_vec()) };
        self.node(op, &[x], &shape, false, vec![("offset", offset)])
    }

    pub fn add(&mut self, operands: &[&str]) -> String {
        let shape = self.shape(operands[0]);
        self.node(OpSpec::Add, operands, &shape, false, vec![])
    }

    pub fn if_neuron(&mut self, x: &str, threshold: Tensor, initial: Tensor, reset: Reset) -> String {
        let shape = self.shape(x);
        self.node(OpSpec::IfNeuron { reset }, &[x], &shape, true, vec![("threshold", threshold), ("initial", initial)])
    }

    pub fn lif_neuron(&mut self, x: &str, threshold: Tensor, initial: Tensor, leak: Tensor, reset: Reset) -> String {
        let shape = self.shape(x);
        let tensors = vec![("threshold", threshold), ("initial", initial), ("leak", leak)];
        self.node(OpSpec::LifNeuron { reset }, &[x], &shape, true, tensors)
    }

    /// Neurons of the radix code; the network runs as many steps as its longest window has.
    pub fn radix_neuron(&mut self, x: &str, threshold: Tensor, initial: Tensor, digits: u32, levels: u32) -> String {
        let shape = self.shape(x);
        let tensors = vec![("threshold", threshold), ("initial", initial)];
        self.node(OpSpec::RadixNeuron { digits, levels }, &[x], &shape, true, tensors)
    }

    fn pooled(&self, x: &str, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> Vec<usize> {
        let dims = self.shape(x);
        let side = |axis: usize| {
            // Counted, not computed: windows start inside the operand or the padding before it.
            let reach = dims[2 + axis] + pads[axis] + pads[axis + 2];
            let starts = (0..).map(|i| i * stride[axis]).take_while(|start| {
                let whole = start + kernel[axis] <= reach;
                let partly = ceil && *start < dims[2 + axis] + pads[axis] && start + kernel[axis] < reach + stride[axis];
                whole || partly
            });
            starts.count()
        };
        vec![1, dims[1], side(0), side(1)]
    }

    pub fn sum_pool(&mut self, x: &str, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> String {
        let shape = self.pooled(x, kernel, stride, pads, ceil);
        self.node(OpSpec::SumPool2d { kernel, stride, pads, ceil }, &[x], &shape, false, vec![])
    }

    /// The pooling of the code: of counts so far, or of digits.
    pub fn max_pool(&mut self, x: &str, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> String {
        if self.artifact.graph.code == Code::Rate {
            return self.count_max_pool(x, kernel, stride, pads, ceil);
        }
        let shape = self.pooled(x, kernel, stride, pads, ceil);
        self.node(OpSpec::DigitMaxPool2d { kernel, stride, pads, ceil }, &[x], &shape, true, vec![])
    }

    pub fn count_max_pool(&mut self, x: &str, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4], ceil: bool) -> String {
        let shape = self.pooled(x, kernel, stride, pads, ceil);
        let spikes = self.spikes(x);
        self.node(OpSpec::CountMaxPool2d { kernel, stride, pads, ceil }, &[x], &shape, spikes, vec![])
    }

    pub fn sum(&mut self, x: &str, axes: &[usize]) -> String {
        let shape: Vec<usize> = self.shape(x).iter().enumerate().map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
        self.node(OpSpec::Sum { axes: axes.to_vec() }, &[x], &shape, false, vec![])
    }

    pub fn concat(&mut self, operands: &[&str], axis: usize) -> String {
        let mut shape = self.shape(operands[0]);
        shape[axis] = operands.iter().map(|x| self.shape(x)[axis]).sum();
        let spikes = operands.iter().all(|x| self.spikes(x));
        self.node(OpSpec::Concat { axis }, operands, &shape, spikes, vec![])
    }

    pub fn pad(&mut self, x: &str, pads: &[(usize, usize)]) -> String {
        let shape: Vec<usize> = self.shape(x).iter().zip(pads).map(|(d, p)| d + p.0 + p.1).collect();
        let spikes = self.spikes(x);
        self.node(OpSpec::Pad { pads: pads.to_vec() }, &[x], &shape, spikes, vec![])
    }

    pub fn slice(&mut self, x: &str, ranges: &[(usize, i64, usize)]) -> String {
        let shape: Vec<usize> = ranges.iter().map(|r| r.2).collect();
        let spikes = self.spikes(x);
        self.node(OpSpec::Slice { ranges: ranges.to_vec() }, &[x], &shape, spikes, vec![])
    }

    pub fn reshape(&mut self, x: &str, shape: &[usize]) -> String {
        let spikes = self.spikes(x);
        self.node(OpSpec::Reshape, &[x], shape, spikes, vec![])
    }

    /// To `[1, everything]`.
    pub fn flatten(&mut self, x: &str) -> String {
        let len = self.shape(x).iter().product();
        self.reshape(x, &[1, len])
    }

    pub fn transpose(&mut self, x: &str, permutation: &[usize]) -> String {
        let dims = self.shape(x);
        let shape: Vec<usize> = permutation.iter().map(|&axis| dims[axis]).collect();
        let spikes = self.spikes(x);
        self.node(OpSpec::Transpose { permutation: permutation.to_vec() }, &[x], &shape, spikes, vec![])
    }

    pub fn finish(mut self, output: &str, head: Head) -> Artifact {
        let graph = &mut self.artifact.graph;
        graph.output.node = output.into();
        graph.output.head = head;
        if graph.code == Code::Radix {
            let neurons = graph.nodes.iter().filter_map(|node| match node.op {
                OpSpec::RadixNeuron { digits, .. } => Some(digits),
                _ => None,
            });
            graph.timesteps = neurons.chain([graph.input.quantiser.digits]).max().unwrap() as usize;
        }
        self.artifact
    }
}

/// A random network over all operators of a code, small enough that no bound is met.
pub fn random_network(seed: u64) -> Artifact {
    let mut random = Random(seed);
    let r = &mut random;
    let (channels, height, width) = (1 + r.below(4), 5 + r.below(4), 5 + r.below(4));
    let coding = [Coding::Digits, Coding::Poisson, Coding::Direct, Coding::Digits][r.below(4)];
    let nhwc = r.below(4) == 0;
    let mut b = if nhwc {
        Builder::new(&[1, height, width, channels], Layout::Nhwc, coding)
    } else {
        Builder::new(&[1, channels, height, width], Layout::Nchw, coding)
    };
    b.artifact.graph.seed = seed;
    b.artifact.graph.input.quantiser.digits = [1, 4, 8, 8][r.below(4)];
    b.artifact.graph.output.scale = 0.25 + r.below(100) as f32 / 7.0;
    let mut x = "x".to_owned();
    if nhwc {
        x = b.transpose(&x, &[0, 3, 1, 2]);
    }
    // Neurons often enough that numbers stay small: every operator that computes makes them larger.
    let mut length = 0;
    for _ in 0..4 + r.below(9) {
        x = random_operator(r, &mut b, &x);
        length += match b.artifact.graph.nodes.last().map(|node| &node.op) {
            Some(OpSpec::Conv2d { .. } | OpSpec::Add) => 2,
            Some(OpSpec::SumPool2d { .. } | OpSpec::Scale | OpSpec::Shift { .. }) => 1,
            _ => 0,
        };
        if length > 2 || r.below(4) == 0 {
            x = random_neuron(r, &mut b, &x);
            length = 0;
        }
    }
    x = random_neuron(r, &mut b, &x);
    if r.below(3) == 0 {
        x = b.sum(&x, &[2, 3]);
    }
    x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let outputs = 2 + r.below(4);
    let range = [3, 300][r.below(2)];
    let weight = r.weight(&[outputs, inputs], range);
    let bias = (r.below(2) == 0).then(|| r.tensor(&[outputs], 50));
    x = b.linear(&x, weight, bias);
    let head = [Head::None, Head::Relu, Head::Softmax, Head::Sigmoid][r.below(4)];
    b.finish(&x, head)
}

fn random_parameter(r: &mut Random, dims: &[usize], mut value: impl FnMut(&mut Random) -> i32) -> Tensor {
    let shape: Vec<usize> = match r.below(5) {
        0 => vec![],
        1 => dims.iter().enumerate().map(|(axis, &d)| if axis == 1 { d } else { 1 }).collect(),
        2 => dims.to_vec(),
        3 => vec![dims[dims.len() - 1]],
        _ => dims[1..].iter().enumerate().map(|(axis, &d)| if axis == 1 { 1 } else { d }).collect(),
    };
    let data: Vec<i32> = (0..shape.iter().product()).map(|_| value(r)).collect();
    Tensor::new(shape, data)
}

fn random_neuron(r: &mut Random, b: &mut Builder, x: &str) -> String {
    let dims = b.shape(x);
    let largest = [3, 12, 80][r.below(3)];
    let threshold = random_parameter(r, &dims, |r| 1 + r.below(largest) as i32);
    let initial = random_parameter(r, &dims, |r| r.around(largest as i32));
    if b.artifact.graph.code == Code::Radix {
        let digits = [1, 3, 5, 8, 8, 8][r.below(6)];
        let top = (1 << digits) - 1;
        let levels = if r.below(2) == 0 { top } else { 1 + r.below(top as usize) as u32 };
        return b.radix_neuron(x, threshold, initial, digits, levels);
    }
    let reset = [Reset::Soft, Reset::Hard, Reset::Signed][r.below(3)];
    if r.below(2) == 0 {
        b.if_neuron(x, threshold, initial, reset)
    } else {
        let leak = random_parameter(r, &dims, |r| [1 << 15, 1 << 16, 1 + r.below(1 << 16) as i32][r.below(3)]);
        b.lif_neuron(x, threshold, initial, leak, reset)
    }
}

fn random_operator(r: &mut Random, b: &mut Builder, x: &str) -> String {
    let dims = b.shape(x);
    let (channels, height, width) = (dims[1], dims[2], dims[3]);
    match r.below(14) {
        0..=2 => {
            let groups = if channels % 2 == 0 && r.below(2) == 0 { [2, channels][r.below(2)] } else { 1 };
            let out = groups * (1 + r.below(3));
            let kernel = [1 + r.below(3.min(height)), 1 + r.below(3.min(width))];
            let pads = [r.below(2), r.below(3), r.below(3), r.below(2)];
            let fits = |axis: usize, d: usize| (kernel[axis] - 1) * d < [height, width][axis];
            let dilation = [if fits(0, 2) { 1 + r.below(2) } else { 1 }, if fits(1, 2) { 1 + r.below(2) } else { 1 }];
            let per_group = channels / groups;
            let range = [3, 3, 150][r.below(3)];
            let weight = r.weight(&[out, per_group, kernel[0], kernel[1]], range);
            let bias = (r.below(2) == 0).then(|| r.tensor(&[out], 20));
            b.conv(x, weight, bias, [1 + r.below(2), 1 + r.below(2)], dilation, pads, groups)
        }
        3 => {
            let factor = random_parameter(r, &dims, |r| r.around(3));
            b.scale(x, factor)
        }
        4 => {
            let offset = random_parameter(r, &dims, |r| r.around(9));
            b.shift(x, offset)
        }
        5 => match r.below(3) {
            0 => b.add(&[x, x]),
            1 => {
                let other = b.scale(x, Tensor::new([], [-2]));
                b.add(&[x, &other, x])
            }
            // A detour by way of neurons: in the radix code, streams of different length and time.
            _ => {
                let weight = r.weight(&[channels, channels, 1, 1], 2);
                let other = b.conv(x, weight, None, [1, 1], [1, 1], [0; 4], 1);
                let other = if r.below(2) == 0 { random_neuron(r, b, &other) } else { other };
                b.add(&[&other, x])
            }
        },
        6 if height >= 2 && width >= 2 => {
            let pads = [r.below(2), r.below(2), r.below(2), r.below(2)];
            b.sum_pool(x, [2, 2], [1 + r.below(2), 1 + r.below(2)], pads, r.below(2) == 0)
        }
        7 if height >= 2 && width >= 2 => {
            let kernel = [1 + r.below(2.min(height)), 1 + r.below(3.min(width))];
            let pads = [r.below(kernel[0]), r.below(kernel[1]), r.below(kernel[0]), r.below(kernel[1])];
            // Digits can only be compared where there are digits.
            let x = if b.artifact.graph.code == Code::Radix && !b.spikes(x) { random_neuron(r, b, x) } else { x.to_owned() };
            b.max_pool(&x, kernel, [1 + r.below(2), 1 + r.below(3)], pads, r.below(2) == 0)
        }
        8 => {
            let other = if r.below(2) == 0 { x.to_owned() } else { random_neuron(r, b, x) };
            b.concat(&[x, &other], 1 + r.below(3))
        }
        9 => {
            let pads = [(0, 0), (r.below(2), r.below(2)), (r.below(2), r.below(2)), (r.below(3), 0)];
            b.pad(x, &pads)
        }
        10 => {
            let mut ranges = vec![(0, 1, 1)];
            for &dim in &dims[1..] {
                let step = [1, 2, -1, -2][r.below(4)];
                let start = if step > 0 { r.below(dim.min(2)) } else { dim - 1 - r.below(dim.min(2)) };
                let room = if step > 0 { dim - 1 - start } else { start };
                ranges.push((start, step as i64, room / (step as i64).unsigned_abs() as usize + 1));
            }
            b.slice(x, &ranges)
        }
        11 => {
            let flat = b.reshape(x, &[1, channels * height, width]);
            let turned = b.transpose(&flat, &[0, 2, 1]);
            b.reshape(&turned, &[1, width, height, channels])
        }
        12 => {
            let rows: Vec<usize> = (0..height).map(|row| usize::from(row == 0)).collect();
            let columns: Vec<usize> = (0..width).map(|column| usize::from(column == 0) + 2 * usize::from(column + 1 == width)).collect();
            let wanted = columns.iter().max().unwrap() + 1;
            if height < 2 || (0..wanted).any(|place| !columns.contains(&place)) {
                return b.shift(x, Tensor::new([], [3]));
            }
            let depth = [1, channels][r.below(2)];
            let offset = r.tensor(&[1, depth, 2, wanted], 9);
            b.shift_by_place(x, offset, &rows, &columns)
        }
        _ => b.transpose(x, &[[0, 2, 3, 1], [0, 1, 3, 2], [0, 3, 2, 1]][r.below(3)]),
    }
}

/// Images for a network, as its quantiser would make them; now and then one without a value between the extremes.
pub fn random_images(artifact: &Artifact, count: usize, seed: u64) -> Vec<u16> {
    let image: usize = artifact.graph.input.shape.iter().product();
    let top = artifact.graph.input.quantiser.top();
    let mut random = Random(seed);
    let mut images = Vec::new();
    for _ in 0..count {
        let is_extreme = random.below(5) == 0;
        images
            .extend((0..image).map(|_| if is_extreme { top * random.below(2) as u16 } else { random.below(usize::from(top) + 1) as u16 }));
    }
    images
}

/// A network with work enough that several threads take part.
pub fn wide_network(coding: Coding) -> Artifact {
    let r = &mut Random(99);
    let mut b = Builder::new(&[1, 3, 32, 32], Layout::Nchw, coding);
    let neuron = |b: &mut Builder, x: &str, theta: i32| {
        let (theta, initial) = (Tensor::new([], [theta]), Tensor::new([], [theta / 2]));
        match coding {
            Coding::Digits => b.radix_neuron(x, theta, initial, 8, 255),
            _ => b.if_neuron(x, theta, initial, Reset::Soft),
        }
    };
    let w = r.weight(&[32, 3, 3, 3], 127);
    let bias = r.tensor(&[32], 500);
    let x = b.conv("x", w, Some(bias), [1, 1], [1, 1], [1; 4], 1);
    let x = neuron(&mut b, &x, 300);
    let w = r.weight(&[48, 32, 3, 3], 2000);
    let x = b.conv(&x, w, None, [2, 2], [1, 1], [1; 4], 1);
    let x = neuron(&mut b, &x, 9000);
    // Depthwise, and in groups whose numbers of channels are odd.
    let w = r.weight(&[96, 1, 3, 3], 90);
    let x = b.conv(&x, w, None, [1, 1], [1, 1], [1; 4], 48);
    let x = neuron(&mut b, &x, 70);
    let w = r.weight(&[32, 3, 2, 2], 60);
    let x = b.conv(&x, w, None, [1, 1], [1, 1], [0; 4], 32);
    let x = neuron(&mut b, &x, 90);
    let x = b.sum_pool(&x, [3, 3], [2, 2], [1; 4], false);
    let x = b.flatten(&x);
    let inputs = b.shape(&x)[1];
    let w = r.weight(&[400, inputs], 20);
    let x = b.linear(&x, w, None);
    b.finish(&x, Head::None)
}
