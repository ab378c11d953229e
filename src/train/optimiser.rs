//! AdamW (Loshchilov and Hutter, ICLR 2019) in steps relative to the size of what is stepped.
//!
//! In spike units weights carry the threshold of the layer before, so layers (and channels) differ in size by orders of magnitude,
//! while Adam's steps do not. Here a learning rate of 0.001 moves a weight by at most about a thousandth of the root mean
//! square of the weights into its neuron; thresholds move by that share of themselves, start potentials by that share of the
//! threshold. What is learned then does not depend on how a network was scaled.

use rayon::prelude::*;
use snnc_engine::plan::{Kind, Parameter};

/// How to descend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// Relative step at the start; it falls to 0 along half a cosine.
    pub rate: f64,
    /// Share by which weights shrink a step, times the rate, decoupled from the gradient.
    pub weight_decay: f64,
    /// Gradients (in relative units) longer than this are cut to it.
    pub clip: f64,
}

const BETA: [f64; 2] = [0.9, 0.999];
/// Far below the gradients that matter: the losses are averages over a batch.
const EPSILON: f64 = 1e-12;
/// Least leak factor that is learned.
const LEAST_LEAK: f32 = 0.05;
/// Values that a thread takes at once. Sums are made of these, in order, so they do not depend on the number of threads.
const SHARE: usize = 1 << 14;

/// The state of a descent.
#[derive(Clone, Debug)]
pub struct Optimiser {
    descent: Descent,
    /// Steps in all and steps done.
    steps: usize,
    /// Steps done.
    pub done: usize,
    /// For each parameter that is trained, what a relative step of 1 is for each entry.
    scales: Vec<Vec<f32>>,
    /// Averages of gradients and of their squares.
    pub moments: [Vec<Vec<f32>>; 2],
}

impl Optimiser {
    /// A descent of `steps` steps from these values; `trained` says which parameters move.
    #[must_use]
    pub fn new(descent: Descent, steps: usize, parameters: &[Parameter], values: &[Vec<f32>], trained: &[bool]) -> Self {
        let scales: Vec<Vec<f32>> =
            (0..parameters.len()).map(|k| if trained[k] { scale(parameters, values, k) } else { Vec::new() }).collect();
        let zeros = || scales.iter().map(|s| vec![0.0f32; s.len()]).collect::<Vec<_>>();
        Self { descent, steps, done: 0, moments: [zeros(), zeros()], scales }
    }

    /// The relative step of the next update.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let progress = self.done as f64 / self.steps.max(1) as f64;
        self.descent.rate * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
    }

    /// Moves the values against the gradients; returns the length of the gradient in relative units, before it was cut.
    pub fn step(&mut self, parameters: &[Parameter], values: &mut [Vec<f32>], gradients: &[Vec<f32>]) -> f64 {
        let rate = self.rate();
        self.done += 1;
        let length = self.length(gradients);
        let cut = if length > self.descent.clip { self.descent.clip / length } else { 1.0 };
        let correction = BETA.map(|beta| 1.0 - beta.powi(self.done.min(100_000) as i32));
        for (k, values) in values.iter_mut().enumerate() {
            if self.scales[k].is_empty() {
                continue;
            }
            let kind = parameters[k].kind;
            let decay = if kind == Kind::Weight { (rate * self.descent.weight_decay) as f32 } else { 0.0 };
            let [first, second] = &mut self.moments;
            let shares = values.par_chunks_mut(SHARE).zip(gradients[k].par_chunks(SHARE)).zip(self.scales[k].par_chunks(SHARE));
            let states = first[k].par_chunks_mut(SHARE).zip(second[k].par_chunks_mut(SHARE));
            shares.zip(states).for_each(|(((values, gradients), scales), (m, v))| {
                let state = m.iter_mut().zip(v).zip(scales);
                for ((value, gradient), ((m, v), scale)) in values.iter_mut().zip(gradients).zip(state) {
                    // In units of the scale, so that the averages of a large and of a small parameter are alike.
                    let g = f64::from(gradient * scale) * cut;
                    *m = (BETA[0] * f64::from(*m) + (1.0 - BETA[0]) * g) as f32;
                    *v = (BETA[1] * f64::from(*v) + (1.0 - BETA[1]) * g * g) as f32;
                    let update = f64::from(*m) / correction[0] / ((f64::from(*v) / correction[1]).sqrt() + EPSILON);
                    let step = (rate * update) as f32;
                    *value = match kind {
                        Kind::Weight | Kind::Bias | Kind::Initial => *value - scale * step - decay * *value,
                        // Thresholds stay positive.
                        Kind::Threshold => *value * (-step).exp(),
                        Kind::Leak => (*value - step).clamp(LEAST_LEAK, 1.0),
                    };
                }
            });
        }
        length
    }

    fn length(&self, gradients: &[Vec<f32>]) -> f64 {
        let share = |(g, s): (&[f32], &[f32])| g.iter().zip(s).map(|(g, s)| f64::from(g * s).powi(2)).sum::<f64>();
        let square = |(g, s): (&Vec<f32>, &Vec<f32>)| {
            let shares: Vec<f64> = g.par_chunks(SHARE).zip(s.par_chunks(SHARE)).map(share).collect();
            shares.into_iter().sum::<f64>()
        };
        gradients.iter().zip(&self.scales).map(square).sum::<f64>().sqrt()
    }
}

/// What a relative step of 1 is for each entry of parameter `k`.
fn scale(parameters: &[Parameter], values: &[Vec<f32>], k: usize) -> Vec<f32> {
    let (parameter, own) = (&parameters[k], &values[k]);
    let measure = parameter.measure.map(|slot| (&values[slot], parameters[slot].row));
    match (parameter.kind, measure) {
        (Kind::Weight, _) => rows(own, parameter.row).into_iter().flat_map(|size| std::iter::repeat_n(size, parameter.row)).collect(),
        // A bias adds to what a neuron gets from its inputs, which grows with the root of their number.
        (Kind::Bias, Some((weight, row))) if weight.len() == own.len() * row => {
            rows(weight, row).into_iter().map(|size| size * (row as f32).sqrt()).collect()
        }
        (Kind::Initial, Some((threshold, _))) if threshold.len() == own.len() => threshold.clone(),
        (Kind::Initial, Some((threshold, _))) => vec![root_mean_square(threshold); own.len()],
        (Kind::Bias | Kind::Initial, _) => vec![root_mean_square(own).max(1e-3); own.len()],
        (Kind::Threshold, _) => own.clone(),
        (Kind::Leak, _) => vec![1.0; own.len()],
    }
}

/// Root mean square of every row; that of all where a row is zero.
fn rows(values: &[f32], row: usize) -> Vec<f32> {
    let whole = root_mean_square(values);
    let size = |row: &[f32]| Some(root_mean_square(row)).filter(|&size| size > 0.0).unwrap_or(whole);
    values.chunks(row).map(size).collect()
}

fn root_mean_square(values: &[f32]) -> f32 {
    (values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps down a bowl around (1, 2, 3, 4), in a network of that size.
    fn descend(size: f32, kind: Kind) -> Vec<f32> {
        let graph = snnc_ir::Graph::new("g", snnc_ir::Phase::Calibrated);
        let mut graph = graph;
        let id = graph.add_param("w", snnc_ir::Tensor::splat([4], 1.0), snnc_ir::Provenance::Derived);
        let parameters = [Parameter { id, kind, row: 2, measure: None, is_fixed: false }];
        let mut values = vec![vec![4.0 * size, 3.0 * size, 2.0 * size, 1.0 * size]];
        let descent = Descent { rate: 0.01, weight_decay: 0.0, clip: 1e9 };
        let mut optimiser = Optimiser::new(descent, 10, &parameters, &values, &[true]);
        for _ in 0..3 {
            // The loss does not know the size: its slope is in proportion to 1 / size.
            let gradient = values[0].iter().enumerate().map(|(k, v)| (v / size - (k + 1) as f32) / size).collect();
            optimiser.step(&parameters, &mut values, &[gradient]);
        }
        values.remove(0)
    }

    #[test]
    fn steps_are_relative() {
        for kind in [Kind::Weight, Kind::Threshold] {
            let (small, large) = (descend(1.0, kind), descend(1000.0, kind));
            for (start, (s, l)) in [4.0f32, 3.0, 2.0, 1.0].into_iter().zip(small.iter().zip(&large)) {
                assert!((s - l / 1000.0).abs() < 1e-5, "{kind:?}: {s} {l}");
                let moved = (s / start - 1.0).abs();
                assert!(moved > 1e-4 && moved < 0.2, "{kind:?}: from {start} to {s}");
            }
        }
        // Those too large went down, those too small went up.
        let end = descend(1.0, Kind::Weight);
        assert!(end[0] < 4.0 && end[1] < 3.0 && end[2] > 2.0 && end[3] > 1.0);
    }

    #[test]
    fn threads_change_nothing() {
        let graph = &mut snnc_ir::Graph::new("g", snnc_ir::Phase::Calibrated);
        let id = graph.add_param("w", snnc_ir::Tensor::splat([4], 1.0), snnc_ir::Provenance::Derived);
        let parameters = [Parameter { id, kind: Kind::Weight, row: 3, measure: None, is_fixed: false }];
        let start = vec![snnc_ir::text::noise(6 * SHARE + 3, 1, 1.0)];
        let gradients = [snnc_ir::text::noise(6 * SHARE + 3, 2, 1.0)];
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut values = start.clone();
            // So that the length matters.
            let descent = Descent { rate: 0.01, weight_decay: 0.1, clip: 1e-3 };
            let mut optimiser = Optimiser::new(descent, 10, &parameters, &values, &[true]);
            let lengths = [(); 3].map(|()| pool.install(|| optimiser.step(&parameters, &mut values, &gradients)));
            assert!(lengths[0] > 1.0 && values != start);
            (lengths, values, optimiser.moments)
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn the_rate_falls_along_a_cosine() {
        let mut optimiser = Optimiser::new(Descent { rate: 1.0, weight_decay: 0.0, clip: 1.0 }, 10, &[], &[], &[]);
        assert_eq!(optimiser.rate(), 1.0);
        optimiser.done = 5;
        assert!((optimiser.rate() - 0.5).abs() < 1e-12);
        optimiser.done = 10;
        assert!(optimiser.rate() < 1e-12);
    }
}
