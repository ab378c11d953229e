//! Pooling.

use crate::scratch;
use crate::simd::{Loop, dispatch};
use crate::tasks::{self, Shared};

/// The geometry of a pooling, as ONNX `MaxPool` and `AveragePool` define it without dilation.
///
/// The kernels take planes: `x` is `[planes, size]` with `planes` being batch times channels, and `y` is
/// `[planes, output]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Steps between windows, down and to the right.
    pub stride: [usize; 2],
    /// Padding around the input: top, left, bottom, right.
    pub pads: [usize; 4],
    /// Whether an average divides by the padding too.
    pub count_include_pad: bool,
    /// Height and width of the output. Stated rather than computed, since `ceil_mode` and `auto_pad` change it; the
    /// last windows may reach past the padding.
    pub output: [usize; 2],
}

impl Pool2d {
    /// `y[o]` is the largest value in window `o`. Padding never wins: a window of nothing but padding yields minus
    /// infinity. A NaN in the window wins.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape, or a stride is zero.
    pub fn max_forward(&self, x: &[f32], planes: usize, size: [usize; 2], y: &mut [f32]) {
        self.check(x.len(), y.len(), planes, size, ["x", "y"]);
        if self.halves(size) {
            return self.for_each_share(y, planes, self.output, |start, y| {
                dispatch(HalfForward::<true> { x: &x[4 * start..][..4 * y.len()], width: self.output[1], y });
            });
        }
        self.for_each_plane(y, planes, self.output, |plane, y| {
            let x = &x[plane * size[0] * size[1]..][..size[0] * size[1]];
            dispatch(MaxForward { pool: self, x, size, y });
        });
    }

    /// The gradient of [`Pool2d::max_forward`]: in each window the first largest value, row by row, takes all.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape, or a stride is zero.
    pub fn max_input_gradient(&self, x: &[f32], dy: &[f32], planes: usize, size: [usize; 2], dx: &mut [f32]) {
        self.check(x.len(), dy.len(), planes, size, ["x", "dy"]);
        assert_eq!(dx.len(), x.len(), "dx must be [planes, size]");
        if self.halves(size) {
            return self.for_each_share(dx, planes, size, |start, dx| {
                let (x, dy) = (&x[start..][..dx.len()], &dy[start / 4..][..dx.len() / 4]);
                dispatch(HalfMaxGradient { x, dy, width: self.output[1], dx });
            });
        }
        let (inputs, outputs) = (size[0] * size[1], self.output[0] * self.output[1]);
        self.for_each_plane(dx, planes, size, |plane, dx| {
            let (x, dy) = (&x[plane * inputs..][..inputs], &dy[plane * outputs..][..outputs]);
            scratch::with(|scratch| {
                let best = scratch.columns.take(self.output[1]);
                let place = scratch.folded.take(self.output[1]);
                dispatch(MaxGradient { pool: self, x, dy, size, dx, best, place });
            });
        });
    }

    /// `y[o]` is the sum over window `o`, divided by the number of places in the window clipped to the input, or to the
    /// padded input with `count_include_pad`. A window without any place yields zero.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape, or a stride is zero.
    pub fn average_forward(&self, x: &[f32], planes: usize, size: [usize; 2], y: &mut [f32]) {
        self.check(x.len(), y.len(), planes, size, ["x", "y"]);
        if self.halves(size) {
            return self.for_each_share(y, planes, self.output, |start, y| {
                dispatch(HalfForward::<false> { x: &x[4 * start..][..4 * y.len()], width: self.output[1], y });
            });
        }
        if self.is_global(size) {
            let places = size[0] * size[1];
            return y.iter_mut().zip(x.chunks_exact(places)).for_each(|(y, x)| *y = sum(x) / places as f32);
        }
        self.for_each_plane(y, planes, self.output, |plane, y| {
            let x = &x[plane * size[0] * size[1]..][..size[0] * size[1]];
            dispatch(AverageForward::<true> { pool: self, x, size, y });
        });
    }

    /// `y[o]` is the sum over window `o`; exact for whole numbers as long as no sum leaves 24 bits.
    ///
    /// # Panics
    /// If a slice does not have the length of its shape, or a stride is zero.
    pub fn sum_forward(&self, x: &[f32], planes: usize, size: [usize; 2], y: &mut [f32]) {
        self.check(x.len(), y.len(), planes, size, ["x", "y"]);
        self.for_each_plane(y, planes, self.output, |plane, y| {
            let x = &x[plane * size[0] * size[1]..][..size[0] * size[1]];
            dispatch(AverageForward::<false> { pool: self, x, size, y });
        });
    }

    /// The gradient of [`Pool2d::sum_forward`].
    ///
    /// # Panics
    /// If a slice does not have the length of its shape, or a stride is zero.
    pub fn sum_input_gradient(&self, dy: &[f32], planes: usize, size: [usize; 2], dx: &mut [f32]) {
        self.average_gradient::<false>(dy, planes, size, dx);
    }

    /// The gradient of [`Pool2d::average_forward`].
    ///
    /// # Panics
    /// If a slice does not have the length of its shape, or a stride is zero.
    pub fn average_input_gradient(&self, dy: &[f32], planes: usize, size: [usize; 2], dx: &mut [f32]) {
        self.check(dx.len(), dy.len(), planes, size, ["dx", "dy"]);
        if self.halves(size) {
            return self.for_each_share(dx, planes, size, |start, dx| {
                dispatch(HalfAverageGradient { dy: &dy[start / 4..][..dx.len() / 4], width: self.output[1], dx });
            });
        }
        if self.is_global(size) {
            let places = size[0] * size[1];
            return dx.chunks_exact_mut(places).zip(dy).for_each(|(dx, &dy)| dx.fill(dy / places as f32));
        }
        self.average_gradient::<true>(dy, planes, size, dx);
    }

    fn average_gradient<const DIVIDED: bool>(&self, dy: &[f32], planes: usize, size: [usize; 2], dx: &mut [f32]) {
        self.check(dx.len(), dy.len(), planes, size, ["dx", "dy"]);
        let outputs = self.output[0] * self.output[1];
        self.for_each_plane(dx, planes, size, |plane, dx| {
            let dy = &dy[plane * outputs..][..outputs];
            scratch::with(|scratch| {
                let scaled = scratch.columns.take(self.output[1]);
                dispatch(AverageGradient::<DIVIDED> { pool: self, dy, size, dx, scaled });
            });
        });
    }

    fn check(&self, input: usize, output: usize, planes: usize, size: [usize; 2], names: [&str; 2]) {
        let [x, y] = names;
        assert_eq!(input, planes * size[0] * size[1], "{x} must be [planes, size]");
        assert_eq!(output, planes * self.output[0] * self.output[1], "{y} must be [planes, output]");
        assert!(self.stride[0] > 0 && self.stride[1] > 0, "strides must be positive");
    }

    /// Whether windows of 2x2 cover the input exactly, which most pools do and which is worth loops of its own. Planes
    /// then follow each other like rows do, so these loops need not know where one ends.
    fn halves(&self, size: [usize; 2]) -> bool {
        let twos = [self.kernel, self.stride] == [[2, 2]; 2] && self.pads == [0; 4];
        twos && size == self.output.map(|output| 2 * output) && self.output[1] > 0
    }

    /// Whether one window covers the whole plane.
    fn is_global(&self, size: [usize; 2]) -> bool {
        self.output == [1, 1] && self.kernel == size && self.pads == [0; 4] && size[0] * size[1] > 0
    }

    /// Hands out the planes of `target`, a few per task, to `body(index, plane)`.
    fn for_each_plane(&self, target: &mut [f32], planes: usize, size: [usize; 2], body: impl Fn(usize, &mut [f32]) + Sync) {
        let plane = size[0] * size[1];
        self.for_each_share(target, planes, size, |start, target| {
            for (index, target) in target.chunks_exact_mut(plane.max(1)).enumerate() {
                body(start / plane + index, target);
            }
        });
    }

    /// Calls `body(start, part)` for parts of `target` of a few whole planes, which start at `start`.
    fn for_each_share(&self, target: &mut [f32], planes: usize, size: [usize; 2], body: impl Fn(usize, &mut [f32]) + Sync) {
        let plane = size[0] * size[1];
        let outputs = self.output[0] * self.output[1];
        let per_plane = (plane + outputs * self.kernel[0] * self.kernel[1]).max(1);
        let share = ((1 << 15) / per_plane).clamp(1, planes.max(1));
        let target = Shared::new(target);
        tasks::for_each(planes.div_ceil(share), planes * per_plane, |task| {
            let planes = task * share..planes.min((task + 1) * share);
            // SAFETY: every plane belongs to one task.
            body(planes.start * plane, unsafe { target.part(planes.start * plane, planes.len() * plane) });
        });
    }

    /// The tap `tap` along `axis`: the outputs whose windows meet the input there, and the place the first of them sees.
    #[inline(always)]
    fn meet(&self, axis: usize, tap: usize, size: usize) -> (std::ops::Range<usize>, usize) {
        let (stride, pad) = (self.stride[axis], self.pads[axis]);
        // output * stride + tap - pad must lie in 0..size
        let from = pad.saturating_sub(tap).div_ceil(stride);
        let to = (size + pad).saturating_sub(tap).div_ceil(stride).min(self.output[axis]);
        if from >= to { (0..0, 0) } else { (from..to, from * stride + tap - pad) }
    }

    /// The input row that tap `ky` of output row `row` sees, if it is not padding.
    #[inline(always)]
    fn input_row(&self, row: usize, ky: usize, height: usize) -> Option<usize> {
        (row * self.stride[0] + ky).checked_sub(self.pads[0]).filter(|&row| row < height)
    }

    /// Places of window `index` along `axis` that count in an average.
    #[inline(always)]
    fn extent(&self, axis: usize, index: usize, size: usize) -> usize {
        let (start, pad) = (index * self.stride[axis], self.pads[axis]);
        let end = start + self.kernel[axis];
        if self.count_include_pad {
            end.min(size + pad + self.pads[axis + 2]).saturating_sub(start)
        } else {
            end.min(size + pad).saturating_sub(start.max(pad))
        }
    }
}

/// Calls `body(output, input)` for `outputs` and the places they see, `step` apart from `start` on.
#[inline(always)]
fn along(outputs: &mut [f32], inputs: &[f32], step: usize, mut body: impl FnMut(&mut f32, f32)) {
    match step {
        1 => outputs.iter_mut().zip(inputs).for_each(|(output, &input)| body(output, input)),
        2 if !outputs.is_empty() => {
            let inputs = &inputs[..2 * (outputs.len() - 1) + 1];
            outputs.iter_mut().enumerate().for_each(|(index, output)| body(output, inputs[2 * index]));
        }
        _ => outputs.iter_mut().zip(inputs.iter().step_by(step)).for_each(|(output, &input)| body(output, input)),
    }
}

/// The sum of some values, in an order that depends on their number alone.
fn sum(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, value)| *lane += value);
    lanes.iter().sum()
}

/// Whether `value` replaces `best` in a maximum.
#[inline(always)]
fn wins(value: f32, best: f32) -> bool {
    (value > best) | (value.is_nan() & !best.is_nan())
}

/// Both poolings where [`Pool2d::halves`]: the maximum if `MAX`.
struct HalfForward<'a, const MAX: bool> {
    x: &'a [f32],
    /// Of the output.
    width: usize,
    y: &'a mut [f32],
}

impl<const MAX: bool> Loop for HalfForward<'_, MAX> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { x, width, y } = self;
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(4 * width)) {
            let (upper, lower) = x.as_chunks::<2>().0.split_at(width);
            for ((y, &[a, b]), &[c, d]) in y.iter_mut().zip(upper).zip(lower) {
                if MAX {
                    let best = if wins(b, a) { b } else { a };
                    let best = if wins(c, best) { c } else { best };
                    *y = if wins(d, best) { d } else { best };
                } else {
                    *y = (0.0 + a + b + c + d) / 4.0;
                }
            }
        }
    }
}

struct HalfMaxGradient<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    /// Of the output.
    width: usize,
    dx: &'a mut [f32],
}

impl Loop for HalfMaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { x, dy, width, dx } = self;
        let rows = dx.chunks_exact_mut(4 * width).zip(x.chunks_exact(4 * width));
        for ((dx, x), dy) in rows.zip(dy.chunks_exact(width)) {
            let (upper, lower) = x.as_chunks::<2>().0.split_at(width);
            let (dx_upper, dx_lower) = dx.as_chunks_mut::<2>().0.split_at_mut(width);
            let dx = dx_upper.iter_mut().zip(dx_lower);
            for (((&[a, b], &[c, d]), (dx_upper, dx_lower)), &dy) in upper.iter().zip(lower).zip(dx).zip(dy) {
                let second = wins(b, a);
                let best = if second { b } else { a };
                let third = wins(c, best);
                let best = if third { c } else { best };
                let fourth = wins(d, best);
                let if_won = |won: bool| if won { dy } else { 0.0 };
                *dx_upper = [if_won(!second & !third & !fourth), if_won(second & !third & !fourth)];
                *dx_lower = [if_won(third & !fourth), if_won(fourth)];
            }
        }
    }
}

struct HalfAverageGradient<'a> {
    dy: &'a [f32],
    /// Of the output.
    width: usize,
    dx: &'a mut [f32],
}

impl Loop for HalfAverageGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { dy, width, dx } = self;
        for (dx, dy) in dx.chunks_exact_mut(4 * width).zip(dy.chunks_exact(width)) {
            let (upper, lower) = dx.as_chunks_mut::<2>().0.split_at_mut(width);
            for ((upper, lower), &dy) in upper.iter_mut().zip(lower).zip(dy) {
                *upper = [dy / 4.0; 2];
                *lower = *upper;
            }
        }
    }
}

struct MaxForward<'a> {
    pool: &'a Pool2d,
    x: &'a [f32],
    size: [usize; 2],
    y: &'a mut [f32],
}

impl Loop for MaxForward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { pool, x, size: [height, width], y } = self;
        for (row, y) in y.chunks_exact_mut(pool.output[1].max(1)).enumerate() {
            y.fill(f32::NEG_INFINITY);
            for input in (0..pool.kernel[0]).filter_map(|ky| pool.input_row(row, ky, height)) {
                for kx in 0..pool.kernel[1] {
                    let (columns, start) = pool.meet(1, kx, width);
                    let x = &x[input * width + start..(input + 1) * width];
                    along(&mut y[columns], x, pool.stride[1], |y, x| *y = if wins(x, *y) { x } else { *y });
                }
            }
        }
    }
}

struct MaxGradient<'a> {
    pool: &'a Pool2d,
    x: &'a [f32],
    dy: &'a [f32],
    size: [usize; 2],
    dx: &'a mut [f32],
    best: &'a mut [f32],
    /// Index of the winner in `x`, as the bits of a float.
    place: &'a mut [f32],
}

impl Loop for MaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        const NOWHERE: u32 = u32::MAX;
        let Self { pool, x, dy, size: [height, width], dx, best, place } = self;
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(pool.output[1].max(1)).enumerate() {
            best.fill(f32::NEG_INFINITY);
            place.fill(f32::from_bits(NOWHERE));
            for input in (0..pool.kernel[0]).filter_map(|ky| pool.input_row(row, ky, height)) {
                for kx in 0..pool.kernel[1] {
                    let (columns, start) = pool.meet(1, kx, width);
                    let start = input * width + start;
                    for (index, column) in columns.enumerate() {
                        let from = start + index * pool.stride[1];
                        let value = x[from];
                        let better = wins(value, best[column]) | (place[column].to_bits() == NOWHERE);
                        best[column] = if better { value } else { best[column] };
                        place[column] = if better { f32::from_bits(from as u32) } else { place[column] };
                    }
                }
            }
            for (&place, &dy) in place.iter().zip(dy) {
                if place.to_bits() != NOWHERE {
                    dx[place.to_bits() as usize] += dy;
                }
            }
        }
    }
}

/// Sums over windows, divided by their number of places or as they are.
struct AverageForward<'a, const DIVIDED: bool> {
    pool: &'a Pool2d,
    x: &'a [f32],
    size: [usize; 2],
    y: &'a mut [f32],
}

impl<const DIVIDED: bool> Loop for AverageForward<'_, DIVIDED> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { pool, x, size: [height, width], y } = self;
        for (row, y) in y.chunks_exact_mut(pool.output[1].max(1)).enumerate() {
            y.fill(0.0);
            for input in (0..pool.kernel[0]).filter_map(|ky| pool.input_row(row, ky, height)) {
                for kx in 0..pool.kernel[1] {
                    let (columns, start) = pool.meet(1, kx, width);
                    let x = &x[input * width + start..(input + 1) * width];
                    along(&mut y[columns], x, pool.stride[1], |y, x| *y += x);
                }
            }
            if !DIVIDED {
                continue;
            }
            let rows = pool.extent(0, row, height);
            for (column, y) in y.iter_mut().enumerate() {
                *y /= (rows * pool.extent(1, column, width)).max(1) as f32;
            }
        }
    }
}

struct AverageGradient<'a, const DIVIDED: bool> {
    pool: &'a Pool2d,
    dy: &'a [f32],
    size: [usize; 2],
    dx: &'a mut [f32],
    scaled: &'a mut [f32],
}

impl<const DIVIDED: bool> Loop for AverageGradient<'_, DIVIDED> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { pool, dy, size: [height, width], dx, scaled } = self;
        dx.fill(0.0);
        for (row, dy) in dy.chunks_exact(pool.output[1].max(1)).enumerate() {
            let rows = pool.extent(0, row, height);
            for (column, (scaled, &dy)) in scaled.iter_mut().zip(dy).enumerate() {
                let places = if DIVIDED { (rows * pool.extent(1, column, width)).max(1) } else { 1 };
                *scaled = dy / places as f32;
            }
            for input in (0..pool.kernel[0]).filter_map(|ky| pool.input_row(row, ky, height)) {
                for kx in 0..pool.kernel[1] {
                    let (columns, start) = pool.meet(1, kx, width);
                    let dx = &mut dx[input * width + start..(input + 1) * width];
                    let scaled = &scaled[columns];
                    dx.iter_mut().step_by(pool.stride[1]).zip(scaled).for_each(|(dx, &scaled)| *dx += scaled);
                }
            }
        }
    }
}
