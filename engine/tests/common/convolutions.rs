//! Convolutions that kernels of cards are tried on: steps and dilations that differ by axis, groups, pads that differ by side and go beyond the
//! window, planes that are not square, windows of one place.

use snnc_kernels::Conv2d;

pub fn convolution(
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: [usize; 4],
    groups: usize,
) -> Conv2d {
    Conv2d { in_channels: channels[0], out_channels: channels[1], kernel, stride, dilation, pads, groups }
}

/// Each with the size of its planes.
pub fn convolutions() -> [([usize; 2], Conv2d); 6] {
    [
        ([8, 7], convolution([3, 5], [3, 3], [1, 1], [1, 1], [1; 4], 1)),
        ([8, 6], convolution([4, 6], [3, 3], [2, 2], [1, 1], [1, 1, 0, 2], 2)),
        ([9, 7], convolution([4, 4], [3, 2], [2, 1], [1, 2], [0, 2, 3, 1], 4)),
        ([7, 10], convolution([2, 3], [2, 3], [1, 3], [3, 1], [2, 0, 1, 0], 1)),
        ([6, 6], convolution([6, 9], [1, 1], [2, 2], [1, 1], [0; 4], 3)),
        ([5, 5], convolution([2, 2], [5, 5], [1, 1], [1, 1], [4; 4], 1)),
    ]
}
