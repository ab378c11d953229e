//! What holds of graphs in whole numbers, checked by other means than those of the passes.
#![allow(dead_code, reason = "not every test uses all of it")]

use snnc_ir::{
    Code, Graph, NodeId, Operator, ParamId, Phase, Tensor,
    eval::{self, Mode},
    types::broadcast_index,
    verify,
};
use snnc_passes::Settings;
use std::collections::BTreeMap;

/// A small generator of numbers, the same on every machine.
pub struct Random(pub u64);

impl Random {
    /// The next 32 bits.
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.next()) * n as u64) >> 32) as usize
    }

    /// Whether one of `n` cases is drawn.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// From -1 to 1.
    pub fn signed(&mut self) -> f32 {
        self.next() as f32 / (1u32 << 31) as f32 - 1.0
    }
}

/// Images of whole numbers up to the input's largest.
pub fn whole_images(graph: &Graph, count: usize, levels: u32) -> Tensor {
    let input = graph.input().expect("verified");
    let mut dims = graph[input].ty.dims.clone();
    dims[0] = count;
    let mut random = Random(0x1234_5678_9ABC_DEF0);
    let data = (0..dims.iter().product()).map(|_| random.below(levels as usize + 1) as f32).collect();
    Tensor::new(dims, data)
}

/// How a graph of the code is run.
pub fn mode(settings: &Settings) -> Mode {
    match settings.code {
        Code::Rate => Mode::Spiking { timesteps: settings.timesteps },
        Code::Radix => Mode::Radix,
    }
}

/// The outputs of a graph and of what it became in whole numbers: the mean difference, and the largest, in largest outputs.
pub fn whole_difference(before: &Graph, after: &Graph, settings: &Settings) -> Result<(f64, f64), String> {
    let mut whole = after.clone();
    Phase::Whole.enter(&mut whole);
    verify(&whole).map_err(|e| format!("in whole numbers: {e}"))?;
    fits(&whole, settings)?;
    let images = whole_images(before, 4, settings.input_levels);
    let run = |graph: &Graph| eval::run(graph, &images, mode(settings)).map_err(|e| e.to_string());
    let (a, b) = (run(before)?, run(&whole)?);
    let scale = f64::from(whole.output().expect("verified").scale);
    if a.data.len() != b.data.len() {
        return Err(format!("{} outputs became {}", a.data.len(), b.data.len()));
    }
    if settings.code == Code::Radix && b.data.iter().any(|v| v.fract() != 0.0) {
        return Err("an output is not whole".into());
    }
    let size = a.data.iter().fold(1e-6f64, |size, v| size.max(f64::from(v.abs())));
    let errors: Vec<f64> = a.data.iter().zip(&b.data).map(|(a, b)| (f64::from(*a) - f64::from(*b) * scale).abs() / size).collect();
    Ok((errors.iter().sum::<f64>() / errors.len() as f64, errors.iter().copied().fold(0.0, f64::max)))
}

/// What nothing may reach.
const LIMIT: i128 = 1 << 31;

/// Checks that no current and no potential of a graph in whole numbers can reach 2^31, whatever the image.
pub fn fits(graph: &Graph, settings: &Settings) -> Result<(), String> {
    let steps = if settings.code == Code::Rate { settings.timesteps as i128 } else { 1 };
    let mut bounds: BTreeMap<NodeId, Vec<i128>> = BTreeMap::new();
    for node in graph.topological() {
        let bound = bound(graph, node, &bounds, settings);
        let mut most = bound.iter().copied().max().unwrap_or(0);
        match graph[node].op {
            Operator::RadixNeuron { threshold, initial, levels, digits, .. } => {
                let operand = &bounds[&graph.operands(node)[0]];
                let (theta, start) = (largest(graph, node, threshold), largest(graph, node, initial));
                let potentials = operand.iter().zip(start).map(|(x, v)| x + v);
                let digit = (i128::from(levels) + 1).max(1 << (digits - 1));
                most = potentials.chain(theta.into_iter().map(|theta| theta * digit)).max().unwrap_or(0);
            }
            Operator::Neuron { threshold, initial, .. } => {
                let operand = &bounds[&graph.operands(node)[0]];
                let (theta, start) = (largest(graph, node, threshold), largest(graph, node, initial));
                most = operand.iter().zip(theta).zip(start).map(|((x, theta), v)| steps * x + theta + v).max().unwrap_or(0);
            }
            Operator::CountMaxPool2d { .. } => most *= steps,
            _ => {}
        }
        if most >= LIMIT {
            return Err(format!("`{}` (\"{}\") may reach {most}", graph[node].op.name(), graph[node].origin));
        }
        bounds.insert(node, bound);
    }
    Ok(())
}

/// The largest size of a parameter in every channel.
fn largest(graph: &Graph, node: NodeId, param: ParamId) -> Vec<i128> {
    let (ty, tensor) = (&graph[node].ty, &graph.param(param).tensor);
    let mut most = vec![0i128; ty.channels()];
    for (entry, index) in broadcast_index(&tensor.dims, &ty.dims).into_iter().enumerate() {
        let at = &mut most[entry / ty.plane().max(1) % ty.channels()];
        *at = (*at).max(tensor.data[index].abs() as i128);
    }
    most
}

fn bound(graph: &Graph, node: NodeId, known: &BTreeMap<NodeId, Vec<i128>>, settings: &Settings) -> Vec<i128> {
    let operands = graph.operands(node);
    let xs: Vec<&Vec<i128>> = operands.iter().map(|o| &known[o]).collect();
    let (ty, channels) = (&graph[node].ty, graph[node].ty.channels());
    let times = |x: &[i128], n: usize| x.iter().map(|x| x * n as i128).collect::<Vec<_>>();
    let whole = |x: &[i128]| vec![x.iter().copied().max().unwrap_or(0); channels];
    match &graph[node].op {
        Operator::Input => vec![i128::from(settings.input_levels); channels],
        Operator::Neuron { .. } => vec![1; channels],
        Operator::RadixNeuron { levels, .. } => vec![i128::from(*levels); channels],
        Operator::Conv2d { weight, bias, .. } | Operator::Linear { weight, bias } => {
            let groups = if let Operator::Conv2d { geometry, .. } = &graph[node].op { geometry.groups } else { 1 };
            let tensor = &graph.param(*weight).tensor;
            let (inputs, taps) = (tensor.dims[1], tensor.dims[2..].iter().product::<usize>());
            let row = |output: usize| {
                let first = output / (channels / groups) * inputs;
                let weights = &tensor.data[output * inputs * taps..][..inputs * taps];
                let sum = weights.iter().enumerate().map(|(k, w)| w.abs() as i128 * xs[0][first + k / taps]).sum::<i128>();
                sum + bias.map_or(0, |bias| graph.param(bias).tensor.data[output].abs() as i128)
            };
            (0..channels).map(row).collect()
        }
        Operator::Scale { factor } => xs[0].iter().zip(largest(graph, node, *factor)).map(|(x, f)| x * f).collect(),
        Operator::Shift { offset } => xs[0].iter().zip(largest(graph, node, *offset)).map(|(x, o)| x + o).collect(),
        Operator::Add => (0..channels).map(|c| xs.iter().map(|x| x[c]).sum()).collect(),
        Operator::SumPool2d { window } => times(xs[0], window.kernel[0] * window.kernel[1]),
        Operator::Sum { axes } => {
            let others = axes.iter().filter(|&&axis| axis != 1).map(|&axis| graph[operands[0]].ty.dims[axis]).product();
            let sums = times(xs[0], others);
            if axes.contains(&1) { vec![sums.iter().sum()] } else { sums }
        }
        Operator::Concat { axis: 1 } => xs.iter().flat_map(|x| x.iter().copied()).collect(),
        Operator::Concat { .. } => (0..channels).map(|c| xs.iter().map(|x| x[c]).max().unwrap_or(0)).collect(),
        Operator::Pad { pads, .. } => {
            let (before, after) = pads[1];
            [vec![0; before], xs[0].clone(), vec![0; after]].concat()
        }
        Operator::Slice { ranges } => {
            let (start, step, len) = ranges[1];
            (0..len).map(|k| xs[0][start.saturating_add_signed(step * k as isize)]).collect()
        }
        Operator::CountMaxPool2d { .. } | Operator::DigitMaxPool2d { .. } => xs[0].clone(),
        Operator::Reshape { .. } if xs[0].len() == channels => xs[0].clone(),
        Operator::Transpose { permutation } if permutation.get(1) == Some(&1) => xs[0].clone(),
        Operator::Reshape { .. } => {
            // In row-major order every channel is a run of entries, before and after.
            let (old, new) = (graph[operands[0]].ty.plane(), ty.plane());
            let run = |c: usize| (c * new..(c + 1) * new).map(|entry| xs[0][entry / old]).max().unwrap_or(0);
            (0..channels).map(run).collect()
        }
        _ => whole(xs[0]),
    }
}
