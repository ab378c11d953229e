//! Functions of every entry, and their gradients.

/// `max/L · min(max(⌊x · L/max + 1/2⌋, 0), L)`; see [`snnc_ir::Operator::ClipFloorShift`].
pub(super) fn clip_floor_shift(x: &[f32], y: &mut [f32], max: f32, levels: u32) {
    let step = max / levels as f32;
    each(x, y, |x| step * (x / step + 0.5).floor().clamp(0.0, levels as f32));
}

/// `min(max(x, low), high)`.
pub(super) fn clamp(x: &[f32], y: &mut [f32], low: f32, high: f32) {
    each(x, y, |x| x.max(low).min(high));
}

/// The gradient of what lies between the bounds passes.
pub(super) fn between(x: &[f32], gradient: &mut [f32], low: f32, high: f32) {
    // A mask of bits in the place of a choice: a choice becomes a branch, and branches no vector.
    let kept = |x: f32| u32::from((x > low) & (x < high)).wrapping_neg();
    gradient.iter_mut().zip(x).for_each(|(g, &x)| *g = f32::from_bits(g.to_bits() & kept(x)));
}

/// `x · factor + offset` for every channel of so many entries.
pub(super) fn normalise(x: &[f32], [factor, offset]: [&[f32]; 2], plane: usize, y: &mut [f32]) {
    for (k, (x, y)) in x.chunks(plane).zip(y.chunks_mut(plane)).enumerate() {
        let channel = k % factor.len();
        each(x, y, |x| x * factor[channel] + offset[channel]);
    }
}

fn each(x: &[f32], y: &mut [f32], of: impl Fn(f32) -> f32) {
    x.iter().zip(y).for_each(|(&x, y)| *y = of(x));
}
