//! The distance of a layer's values from what batch norms recorded of it, compared and differentiated on the way of a backward pass
//! (DeepInversion; Yin et al., CVPR 2020).

use super::objective::Inside;
use snnc_passes::threshold::Recorded;

/// `weight` times the mean over channels of `((μ - mean) / deviation)² + (σ² / deviation² - 1)²`, μ and σ being those of the batch. A
/// channel with deviation 0 is left alone.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    /// What was recorded, of every channel.
    pub recorded: &'a Recorded,
    /// Weight.
    pub weight: f64,
}

/// Values `[N, C, ..]`.
impl Inside for Statistics<'_> {
    fn add(&self, values: &[f32], images: usize, gradient: &mut [f32]) -> f64 {
        let Self { recorded, weight } = *self;
        let channels = recorded.mean.len();
        let plane = values.len() / images / channels;
        let count = (images * plane) as f64;
        let mut sums = vec![[0.0f64; 2]; channels];
        for (k, plane) in values.chunks(plane).enumerate() {
            // About the recorded mean, so that the variance does not come from a difference of large numbers.
            let [first, second] = moments(plane, recorded.mean[k % channels]);
            sums[k % channels][0] += first;
            sums[k % channels][1] += second;
        }
        let mut distance = 0.0;
        let mut slopes = vec![(0.0f32, 0.0f32, 0.0f32); channels];
        for (channel, slope) in slopes.iter_mut().enumerate() {
            let square = f64::from(recorded.deviation[channel]).powi(2);
            if square == 0.0 {
                continue;
            }
            let shift = sums[channel][0] / count;
            let excess = (sums[channel][1] / count - shift * shift) / square - 1.0;
            distance += (shift * shift / square + excess * excess) / channels as f64;
            let unit = weight * 2.0 / (square * count * channels as f64);
            *slope = ((unit * shift) as f32, (2.0 * unit * excess) as f32, recorded.mean[channel] + shift as f32);
        }
        for (k, (values, gradient)) in values.chunks(plane).zip(gradient.chunks_mut(plane)).enumerate() {
            let (constant, linear, centre) = slopes[k % channels];
            gradient.iter_mut().zip(values).for_each(|(g, &x)| *g += constant + linear * (x - centre));
        }
        weight * distance
    }
}

/// Sums of `x - mean` and of its square.
fn moments(values: &[f32], mean: f32) -> [f64; 2] {
    const LANES: usize = 16;
    let (mut first, mut second) = ([0.0f32; LANES], [0.0f32; LANES]);
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            let x = chunk[lane] - mean;
            first[lane] += x;
            second[lane] += x * x;
        }
    }
    for (lane, &x) in rest.iter().enumerate() {
        first[lane] += x - mean;
        second[lane] += (x - mean) * (x - mean);
    }
    [first, second].map(|lanes| lanes.iter().map(|&v| f64::from(v)).sum())
}
