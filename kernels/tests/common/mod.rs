//! What the tests share: seeded values, comparisons, and kernels written as plainly as possible in `f64`.
#![allow(dead_code, reason = "every test binary uses a part of this")]

use snnc_kernels::Conv2d;

/// Reproducible values in `-1..1`.
pub fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Fails unless the values agree to 1e-4 of the largest expected one.
#[track_caller]
pub fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(1e-3, |scale: f64, value| scale.max(value.abs()));
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / scale;
        assert!(error < 1e-4, "{what}: element {index} is {found}, expected {expected}");
    }
}

/// The largest error, relative to the largest expected value.
pub fn largest_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
    let errors = found.iter().zip(expected).map(|(&found, &expected)| (f64::from(found) - expected).abs());
    errors.fold(0.0, |largest: f64, error| if error <= largest { largest } else { error }) / scale
}

/// Runs `body` in a pool of that many threads.
pub fn on_threads<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("a small pool can be built").install(body)
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Calls `visit(y, x, weight)` with the indices of every product in a convolution.
pub fn conv_products(conv: &Conv2d, batch: usize, size: [usize; 2], mut visit: impl FnMut(usize, usize, usize)) {
    let [oh, ow] = conv.output_size(size).expect("the test geometry fits");
    let (inputs, outputs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    for image in 0..batch {
        for filter in 0..conv.out_channels {
            for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
                for channel in 0..inputs {
                    for (ky, kx) in (0..conv.kernel[0]).flat_map(|ky| (0..conv.kernel[1]).map(move |kx| (ky, kx))) {
                        let row = (oy * conv.stride[0] + ky * conv.dilation[0]).checked_sub(conv.pads[0]);
                        let column = (ox * conv.stride[1] + kx * conv.dilation[1]).checked_sub(conv.pads[1]);
                        let (Some(row), Some(column)) = (row, column) else { continue };
                        if row >= size[0] || column >= size[1] {
                            continue;
                        }
                        let source = filter / outputs * inputs + channel;
                        visit(
                            ((image * conv.out_channels + filter) * oh + oy) * ow + ox,
                            ((image * conv.in_channels + source) * size[0] + row) * size[1] + column,
                            ((filter * inputs + channel) * conv.kernel[0] + ky) * conv.kernel[1] + kx,
                        );
                    }
                }
            }
        }
    }
}
