//! Where values live and in which order.
//!
//! Every value is a *grid* of places with channels, which stand together in memory: an image `[1, C, H, W]` with its channels last, so that what
//! a convolution reads is one run a line of its kernel, and every loop of a neuron or a pooling goes along channels. A value may have a
//! *border* of zeros, wide enough for every convolution that reads it.

use crate::{
    artifact::{Artifact, Layout, Links, OpSpec},
    kernels::{Format, Word},
};
use alloc::vec::Vec;

/// In which order the entries of a value stand in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `[1, C, H, W]` as rows, columns, channels.
    ChannelsLast,
    /// As they are counted. Of four axes the last is that of the channels; else all entries are channels of one place.
    Natural,
}

/// The order that each value is made in: channels last after what works on images, else as its operand.
pub(super) fn orders(artifact: &Artifact, links: &Links) -> Vec<Order> {
    let graph = &artifact.graph;
    let first = if graph.input.shape.len() == 4 && graph.input.layout != Layout::Nhwc { Order::ChannelsLast } else { Order::Natural };
    let mut orders = Vec::with_capacity(graph.nodes.len() + 1);
    orders.push(first);
    for (node, operands) in graph.nodes.iter().zip(&links.operands) {
        let operand = orders[operands[0]];
        orders.push(match &node.op {
            _ if node.shape.len() != 4 => Order::Natural,
            OpSpec::Conv2d { .. }
            | OpSpec::SumPool2d { .. }
            | OpSpec::CountMaxPool2d { .. }
            | OpSpec::DigitMaxPool2d { .. }
            | OpSpec::Reshape => Order::ChannelsLast,
            op @ OpSpec::Transpose { .. } => turned(op, operand).unwrap_or(Order::ChannelsLast),
            _ => operand,
        });
    }
    orders
}

/// The order of a transposition's result, where it only changes what entries are called.
pub(super) fn turned(op: &OpSpec, operand: Order) -> Option<Order> {
    let OpSpec::Transpose { permutation } = op else { return None };
    match (permutation.as_slice(), operand) {
        ([0, 2, 3, 1], Order::ChannelsLast) => Some(Order::Natural),
        ([0, 3, 1, 2], Order::Natural) => Some(Order::ChannelsLast),
        _ => None,
    }
}

/// Places and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Grid {
    pub(super) fn new(order: Order, dims: &[usize]) -> Self {
        match (order, dims) {
            (Order::ChannelsLast, &[_, channels, height, width]) | (Order::Natural, &[_, height, width, channels]) => {
                Self { height, width, channels }
            }
            _ => Self { height: 1, width: 1, channels: dims.iter().product() },
        }
    }

    pub(super) fn pixels(self) -> usize {
        self.height * self.width
    }

    pub(super) fn len(self) -> usize {
        self.pixels() * self.channels
    }
}

/// For every entry as memory has them, pixel by pixel, its index in the order of the shape.
pub(super) fn logical(order: Order, dims: &[usize]) -> impl Iterator<Item = usize> {
    let grid = Grid::new(order, dims);
    let is_last = order == Order::ChannelsLast && dims.len() == 4;
    (0..grid.len()).map(move |index| {
        let (pixel, channel) = (index / grid.channels, index % grid.channels);
        if is_last { channel * grid.pixels() + pixel } else { index }
    })
}

/// A value in the arena.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) format: Format,
    pub(super) order: Order,
    pub(super) grid: Grid,
    /// The border: top, left, bottom, right.
    pub(super) pads: [usize; 4],
    /// The part of the arena that it lives in; views of one value share it.
    pub(super) region: usize,
    /// Where that starts, in bytes.
    pub(super) at: usize,
    /// Entries from one time step of an image to the next; 0 for what is the same at all of them.
    pub(super) step: usize,
    /// Entries from image to image.
    pub(super) image: usize,
}

impl Place {
    /// Entries of a line with its border.
    pub(super) fn line(&self) -> usize {
        (self.pads[1] + self.grid.width + self.pads[3]) * self.grid.channels
    }

    /// Entries with the border.
    pub(super) fn padded(&self) -> usize {
        (self.pads[0] + self.grid.height + self.pads[2]) * self.line()
    }

    /// The entry of a place, counted from the first of the image and step.
    pub(super) fn within(&self, y: usize, x: usize) -> usize {
        (self.pads[0] + y) * self.line() + (self.pads[1] + x) * self.grid.channels
    }

    /// The byte of the value's first entry, border included, counted from the start of the arena.
    #[inline(always)]
    pub(super) fn start(&self, image: usize, step: usize) -> usize {
        self.at + (image * self.image + step * self.step) * self.format.bytes()
    }

    /// The byte of a place's first channel, counted from the start of the arena.
    #[inline(always)]
    pub(super) fn byte(&self, image: usize, step: usize, y: usize, x: usize) -> usize {
        self.start(image, step) + self.within(y, x) * self.format.bytes()
    }

    /// Bytes of a pixel.
    #[inline(always)]
    pub(super) fn pixel(&self) -> usize {
        self.grid.channels * self.format.bytes()
    }

    /// Whether another value has its entries in the same bytes.
    pub(super) fn is_same_memory(&self, grid: Grid) -> bool {
        self.grid == grid || (self.pads == [0; 4] && self.grid.len() == grid.len())
    }

    /// Number of time steps that it holds, of so many.
    pub(super) fn steps(&self, steps: usize) -> usize {
        if self.step == 0 { 1 } else { steps }
    }
}

/// A part of a row of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) image: usize,
    pub(super) y: usize,
    pub(super) x: usize,
    pub(super) len: usize,
}

/// Cuts the places of some images, counted through, into spans: those of `range`.
pub(super) fn spans(grid: Grid, range: core::ops::Range<usize>, spans: &mut Vec<Span>) {
    spans.clear();
    let (mut at, pixels) = (range.start, grid.pixels());
    let (mut image, place) = (at / pixels, at % pixels);
    let (mut y, mut x) = (place / grid.width, place % grid.width);
    while at < range.end {
        let len = (grid.width - x).min(range.end - at);
        spans.push(Span { image, y, x, len });
        at += len;
        (x, y) = (0, y + 1);
        if y == grid.height {
            (y, image) = (0, image + 1);
        }
    }
}

/// What a value of numbers up to `most` is kept as, where no product says otherwise.
pub(super) fn plain(most: i32) -> Format {
    let word = if most <= i32::from(i16::MAX) { Word::Halves } else { Word::Whole };
    Format { word, is_unsigned: false, zero: 0 }
}
