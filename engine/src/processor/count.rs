//! Max pools over time: the largest accumulated count of every window, as it grows.

use super::data::Buffers;
use crate::{
    plan::Pool,
    sums::{add, add_steps},
};

/// Values of one time step of the operand and of the result.
fn sizes(pool: &Pool, images: usize) -> (usize, usize, usize) {
    let planes = images * pool.channels;
    (planes, planes * pool.size[0] * pool.size[1], planes * pool.pool.output[0] * pool.pool.output[1])
}

/// `y(t) = max A(t) - max A(t-1)` with `A(t) = x(1) + .. + x(t)`.
pub(super) fn forward(pool: &Pool, x: &[f32], y: &mut [f32], images: usize, buffers: &mut Buffers) {
    let (planes, step, result) = sizes(pool, images);
    let (mut total, mut before, mut now) = (buffers.zeros(step), buffers.zeros(result), buffers.take(result));
    for (x, y) in x.chunks(step).zip(y.chunks_mut(result)) {
        add(&mut total, x);
        pool.pool.max_forward(&total, planes, pool.size, &mut now);
        y.iter_mut().zip(now.iter().zip(&before)).for_each(|(y, (n, b))| *y = n - b);
        std::mem::swap(&mut now, &mut before);
    }
    [total, before, now].into_iter().for_each(|buffer| buffers.give(buffer));
}

/// What arrives at step t counts in `A` from t on, so its gradient is the sum over the later steps of what the largest count got.
pub(super) fn backward(pool: &Pool, x: &[f32], dy: &[f32], dx: &mut [f32], images: usize, buffers: &mut Buffers) {
    let (planes, step, result) = sizes(pool, images);
    let (mut total, mut part, mut routed) = (buffers.zeros(step), buffers.take(result), buffers.take(step));
    add_steps(x, &mut total);
    let steps = x.len() / step;
    for t in (0..steps).rev() {
        part.copy_from_slice(&dy[t * result..][..result]);
        if t + 1 < steps {
            part.iter_mut().zip(&dy[(t + 1) * result..][..result]).for_each(|(p, later)| *p -= later);
        }
        pool.pool.max_input_gradient(&total, &part, planes, pool.size, &mut routed);
        let (earlier, later) = dx.split_at_mut((t + 1) * step);
        let dx = &mut earlier[t * step..];
        dx.copy_from_slice(&routed);
        if t + 1 < steps {
            add(dx, &later[..step]);
        }
        total.iter_mut().zip(&x[t * step..][..step]).for_each(|(a, x)| *a -= x);
    }
    [total, part, routed].into_iter().for_each(|buffer| buffers.give(buffer));
}
