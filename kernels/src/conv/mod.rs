//! Two-dimensional convolution: its geometry, and which algorithm runs it.

mod backward;
mod depthwise;
mod forward;
mod im2col;
mod winograd;

use crate::tasks;

/// The geometry of a convolution, as ONNX `Conv` defines it.
///
/// `x` is `[batch, in_channels, height, width]`, `weight` is `[out_channels, in_channels / groups, kh, kw]`, `bias` is
/// `[out_channels]` and `y` is `[batch, out_channels, oh, ow]` with `[oh, ow]` from [`Conv2d::output_size`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Channels of the input; a multiple of `groups`.
    pub in_channels: usize,
    /// Channels of the output; a multiple of `groups`.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps between windows, down and to the right.
    pub stride: [usize; 2],
    /// Steps between the taps of a window, down and to the right.
    pub dilation: [usize; 2],
    /// Zeros around the input: top, left, bottom, right.
    pub pads: [usize; 4],
    /// Independent parts the channels are cut into.
    pub groups: usize,
}

impl Conv2d {
    /// Height and width of the output for an input of `input` height and width, or `None` if no window fits or the
    /// geometry itself is void (a zero among input, kernel, stride, dilation, groups or channels, or channels that
    /// the groups do not divide).
    pub fn output_size(&self, input: [usize; 2]) -> Option<[usize; 2]> {
        let channels = [self.in_channels, self.out_channels];
        if self.groups == 0 || channels.iter().any(|&channels| channels == 0 || channels % self.groups != 0) {
            return None;
        }
        let axis = |axis: usize| {
            let padded = input[axis].checked_add(self.pads[axis])?.checked_add(self.pads[axis + 2])?;
            let span = self.dilation[axis].checked_mul(self.kernel[axis].checked_sub(1)?)?.checked_add(1)?;
            (self.dilation[axis] > 0 && input[axis] > 0).then_some(())?;
            padded.checked_sub(span)?.checked_div(self.stride[axis])?.checked_add(1)
        };
        Some([axis(0)?, axis(1)?])
    }

    /// Everything the loops need to know for inputs of this size.
    ///
    /// # Panics
    /// If no window fits.
    fn windows(&self, input: [usize; 2]) -> Windows {
        let output = self.output_size(input);
        let output = output.expect("the convolution must fit its input (`output_size` tells)");
        Windows {
            channels: self.in_channels / self.groups,
            filters: self.out_channels / self.groups,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pads: self.pads,
            input,
            output,
        }
    }

    /// Whether every group has a single input channel, which direct loops serve better than matrix products.
    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels
    }

    fn check_weight(&self, len: usize, name: &str) {
        let shape = [self.out_channels, self.in_channels / self.groups, self.kernel[0], self.kernel[1]];
        assert_eq!(len, shape.iter().product::<usize>(), "{name} must be {shape:?}");
    }
}

/// The gradient of the bias: `db[c]` is the sum of `dy` over the batch and the plane, for `dy`
/// `[batch, channels, plane]` (`plane` is height times width).
///
/// # Panics
/// If a slice does not have the length of its shape.
pub fn bias_gradient(dy: &[f32], batch: usize, channels: usize, plane: usize, db: &mut [f32]) {
    assert_eq!(dy.len(), batch * channels * plane, "dy must be [batch, channels, plane]");
    assert_eq!(db.len(), channels, "db must be [channels]");
    for (channel, db) in db.iter_mut().enumerate() {
        let planes = (0..batch).map(|image| &dy[(image * channels + channel) * plane..][..plane]);
        *db = planes.map(|plane| plane.iter().map(|&value| f64::from(value)).sum::<f64>()).sum::<f64>() as f32;
    }
}

/// How the windows of one group lie on its planes.
#[derive(Clone)]
struct Windows {
    /// Input channels of a group.
    channels: usize,
    /// Output channels of a group.
    filters: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pads: [usize; 4],
    input: [usize; 2],
    output: [usize; 2],
}

impl Windows {
    fn in_plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    fn out_plane(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Taps of one channel.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Rows of the column matrix: the taps of all channels of a group.
    fn depth(&self) -> usize {
        self.channels * self.taps()
    }

    /// Height and width of a plane with its padding.
    fn padded(&self) -> [usize; 2] {
        let [top, left, bottom, right] = self.pads;
        [self.input[0] + top + bottom, self.input[1] + left + right]
    }

    /// Whether the column matrix is the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.pads == [0; 4]
    }

    /// The tiles of a batch. They depend on the shapes alone, so neither threads nor neighbours change a result.
    fn tiles(&self, batch: usize) -> Tiles {
        let plane = self.out_plane();
        if plane < FOLD_BELOW {
            let images = (FOLD_TO / plane).max(1);
            Tiles { batch, images, rows: self.output[0], bands: 1, groups: batch.div_ceil(images), folded: true }
        } else {
            let rows = (BAND / self.output[1]).clamp(1, self.output[0]);
            let bands = self.output[0].div_ceil(rows);
            let rows = self.output[0].div_ceil(bands);
            Tiles { batch, images: 1, rows, bands: self.output[0].div_ceil(rows), groups: batch, folded: false }
        }
    }
}

/// Planes with fewer outputs share a tile with other images.
const FOLD_BELOW: usize = 256;
/// Outputs of a tile of several images.
const FOLD_TO: usize = 256;
/// Outputs of a tile of one image.
const BAND: usize = 512;

/// How a batch is cut: into groups of whole images, or into bands of rows of single images.
struct Tiles {
    batch: usize,
    /// Images per group.
    images: usize,
    /// Output rows per band.
    rows: usize,
    bands: usize,
    groups: usize,
    /// Whether tiles hold whole images side by side, rather than part of one.
    folded: bool,
}

/// Images and output rows that are worked on together.
#[derive(Clone)]
struct Tile {
    images: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

impl Tiles {
    fn tile(&self, group: usize, band: usize, height: usize) -> Tile {
        let (image, row) = (group * self.images, band * self.rows);
        Tile { images: image..self.batch.min(image + self.images), rows: row..height.min(row + self.rows) }
    }
}

impl Tile {
    /// Outputs per channel, and the distance of rows of a column matrix: whole vectors where images are folded, so
    /// that the matrix product treats every image alike.
    fn columns(&self, tiles: &Tiles, width: usize) -> usize {
        let columns = self.images.len() * self.rows.len() * width;
        if tiles.folded { columns.next_multiple_of(16) } else { columns }
    }
}

/// Runs `body` for all pairs, the second running fastest.
fn for_each_pair(first: usize, second: usize, work: usize, body: impl Fn(usize, usize) + Sync) {
    tasks::for_each(first * second, work, |task| body(task / second, task % second));
}
