//! Convolutions of one channel a group: row by row, tap by tap.

use super::{Isa, conv::Geometry, isa::Loop};
use rayon::prelude::*;

/// `y = conv(x)` over whole images. `weight` is `[outputs, 1, height, width]`.
pub(super) fn run(isa: Isa, geometry: &Geometry, weight: &[i32], bias: &[i32], x: &[i32], y: &mut [i32], is_serial: bool) {
    let [rows, columns] = geometry.size;
    let [height, width] = geometry.padded();
    let taps = geometry.kernel[0] * geometry.kernel[1];
    let per_channel = geometry.outputs / geometry.channels;
    let body = |(channel, (y, x)): (usize, (&mut [i32], &[i32]))| {
        let mut plane = vec![0; height * width];
        for (row, x) in x.chunks(columns).enumerate() {
            plane[(row + geometry.pads[0]) * width + geometry.pads[1]..][..columns].copy_from_slice(x);
        }
        let first = channel % geometry.channels * per_channel;
        for (output, y) in (first..).zip(y.chunks_mut(geometry.places())) {
            isa.run(Plane { geometry, weight: &weight[output * taps..][..taps], bias: bias[output], plane: &plane, y });
        }
    };
    // Channels of all images, one after the other.
    let (results, operands) = (per_channel * geometry.places(), rows * columns);
    if is_serial {
        y.chunks_mut(results).zip(x.chunks(operands)).enumerate().for_each(body);
    } else {
        y.par_chunks_mut(results).zip(x.par_chunks(operands)).enumerate().for_each(body);
    }
}

/// One channel to one output.
struct Plane<'a> {
    geometry: &'a Geometry,
    weight: &'a [i32],
    bias: i32,
    /// With its padding.
    plane: &'a [i32],
    y: &'a mut [i32],
}

impl Loop for Plane<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Geometry { kernel, stride, dilation, result, .. } = self.geometry;
        let width = self.geometry.padded()[1];
        for (row, y) in self.y.chunks_mut(result[1]).enumerate() {
            y.fill(self.bias);
            for (tap, &weight) in self.weight.iter().enumerate() {
                let line = (row * stride[0] + tap / kernel[1] * dilation[0]) * width + tap % kernel[1] * dilation[1];
                let line = &self.plane[line..];
                if stride[1] == 1 {
                    y.iter_mut().zip(line).for_each(|(y, &x)| *y = y.wrapping_add(weight.wrapping_mul(x)));
                } else {
                    y.iter_mut().zip(line.iter().step_by(stride[1])).for_each(|(y, &x)| *y = y.wrapping_add(weight.wrapping_mul(x)));
                }
            }
        }
    }
}
