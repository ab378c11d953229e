//! Convolutions as all simulators read them: one group, and the same padding on either side.
//!
//! SpikingJelly refuses groups, the type check of `nir` takes a kernel's height for both sides and the channels of one group for all, and no class of
//! NIR has padding that differs between sides. Groups become zeros in a dense weight; padding becomes zeros around the kernel: with `l` zeros
//! before the taps of an axis and padding `p = before + l`, zeros behind them make up for what `p` is more than `after`, since
//! `before + after - K = 2p - (l + K + p - after)`. A negative padding is a crop, and has the same form.

/// Where the taps of a kernel stand in a dense one.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    /// `[C_out, C_in of a group, height, width]` of the kernel that is placed.
    dims: [usize; 4],
    groups: usize,
    axes: [Axis; 2],
}

/// One side of a kernel.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// Taps of the dense kernel.
    taps: usize,
    /// Where the first one goes.
    first: usize,
    /// From one to the next.
    step: usize,
    dilation: usize,
    padding: usize,
}

impl Axis {
    /// `extra` pairs of zeros more than needed are put around the taps.
    fn new(taps: usize, dilation: usize, before: i64, after: i64, extra: usize) -> Self {
        let lead = (-before).max(after - before).max(0) + (extra * dilation) as i64;
        let (lead, trail, padding) = (lead as usize, (lead + before - after) as usize, (before + lead) as usize);
        if taps == 1 || lead.is_multiple_of(dilation) && trail.is_multiple_of(dilation) {
            // A single tap has no distance to another.
            let dilation = if taps == 1 { 1 } else { dilation };
            let (lead, trail) = (lead / dilation, trail / dilation);
            return Self { taps: lead + taps + trail, first: lead, step: 1, dilation, padding };
        }
        Self { taps: lead + (taps - 1) * dilation + 1 + trail, first: lead, step: dilation, dilation: 1, padding }
    }
}

impl Kernel {
    /// A kernel `[C_out, C_in of a group, height, width]` with pads top, left, bottom, right.
    pub(super) fn new(dims: [usize; 4], groups: usize, dilation: [usize; 2], pads: [i64; 4]) -> Self {
        let axis = |axis: usize, extra: usize| Axis::new(dims[2 + axis], dilation[axis], pads[axis], pads[axis + 2], extra);
        let mut axes = [axis(0, 0), axis(1, 0)];
        let [height, width] = axes.map(|axis| axis.taps);
        let short = usize::from(width < height);
        // Two taps more, one on either side, leave the result as it is.
        let pairs = height.abs_diff(width) / 2;
        if height.abs_diff(width).is_multiple_of(2) && pairs > 0 {
            axes[short] = axis(short, pairs);
        }
        Self { dims, groups, axes }
    }

    /// Shape of the dense kernel.
    pub(super) fn dense(&self) -> [usize; 4] {
        [self.dims[0], self.dims[1] * self.groups, self.axes[0].taps, self.axes[1].taps]
    }

    /// Whether its sides are the same.
    pub(super) fn is_square(&self) -> bool {
        self.axes[0].taps == self.axes[1].taps
    }

    pub(super) fn padding(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.padding)
    }

    pub(super) fn dilation(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.dilation)
    }

    /// Where an entry of the kernel stands in the dense one.
    pub(super) fn place(&self, entry: usize) -> usize {
        let [out, per_group, height, width] = self.dims;
        let (column, rest) = (entry % width, entry / width);
        let (row, rest) = (rest % height, rest / height);
        let (channel, o) = (rest % per_group, rest / per_group);
        let group = o / (out / self.groups);
        let [rows, columns] = self.axes;
        let (row, column) = (rows.first + row * rows.step, columns.first + column * columns.step);
        ((o * per_group * self.groups + group * per_group + channel) * rows.taps + row) * columns.taps + column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One axis of a convolution of ones and twos .., by definition.
    fn slow(x: &[i64], kernel: &[i64], stride: usize, dilation: usize, before: i64, after: i64) -> Vec<i64> {
        let extent = (kernel.len() as i64 - 1) * dilation as i64 + 1;
        let places = (x.len() as i64 + before + after - extent) / stride as i64 + 1;
        let at = |i: i64| usize::try_from(i).ok().and_then(|i| x.get(i)).copied().unwrap_or(0);
        (0..places)
            .map(|i| kernel.iter().enumerate().map(|(u, k)| k * at(i * stride as i64 + (u * dilation) as i64 - before)).sum())
            .collect()
    }

    #[test]
    fn symmetric_kernels_compute_the_same() {
        let x: Vec<i64> = (1..12).collect();
        let mut cases = 0;
        for taps in 1..4 {
            let kernel: Vec<i64> = (0..taps as i64).map(|k| 3 * k - 4).collect();
            for (dilation, stride) in [(1, 1), (2, 1), (1, 2), (3, 2)] {
                for (before, after, extra) in (-2..4).flat_map(|b| (-2..4).flat_map(move |a| (0..2).map(move |e| (b, a, e)))) {
                    let wanted = slow(&x, &kernel, stride, dilation, before, after);
                    let axis = Axis::new(taps, dilation, before, after, extra);
                    let mut dense = vec![0; axis.taps];
                    kernel.iter().enumerate().for_each(|(u, &k)| dense[axis.first + u * axis.step] = k);
                    let got = slow(&x, &dense, stride, axis.dilation, axis.padding as i64, axis.padding as i64);
                    assert_eq!(got, wanted, "{taps} taps, dilation {dilation}, stride {stride}, pads {before} {after}");
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 3 * 4 * 72);
    }

    #[test]
    fn groups_are_blocks_and_kernels_squares() {
        let kernel = Kernel::new([4, 2, 1, 3], 2, [1, 1], [0, 1, 0, 1]);
        assert_eq!((kernel.dense(), kernel.padding(), kernel.is_square()), ([4, 4, 3, 3], [1, 1], true));
        // Output 3 is of the second group: its first channel is channel 2, and its only row the middle one.
        assert_eq!(kernel.place(3 * 2 * 3), ((3 * 4 + 2) * 3 + 1) * 3);
        assert!(!Kernel::new([1, 1, 1, 2], 1, [1, 1], [0; 4]).is_square());
    }
}
