//! Parameters of places and channels.

use super::place::{Grid, Order, logical};
use crate::{artifact::Tensor, kernels::COLUMNS};
use alloc::{vec, vec::Vec};

/// Parameters that broadcast over a value, as lines of one number a channel. Lines have whole blocks.
#[derive(Clone, Debug)]
pub(super) struct Params {
    /// The lines, one after the other.
    values: Vec<i32>,
    /// Numbers of a line, with those behind the last channel.
    pitch: usize,
    /// For every place its line; none if there is one line alone.
    lines: Option<Vec<u32>>,
}

impl Params {
    /// A parameter that broadcasts over a value of shape `dims`; behind the last channel stands `rest`.
    pub(super) fn new(tensor: &Tensor, order: Order, dims: &[usize], rest: i32) -> Self {
        let grid = Grid::new(order, dims);
        let pitch = grid.channels.next_multiple_of(COLUMNS);
        let behind = |axis: usize| axis.checked_sub(dims.len() - tensor.dims.len());
        let size = |axis: usize| behind(axis).map_or(1, |own| tensor.dims[own]);
        // Whether places differ, and not channels alone.
        let places = match (order, dims.len()) {
            (Order::ChannelsLast, 4) => size(2) * size(3),
            (Order::Natural, 4) => size(1) * size(2),
            _ => 1,
        };
        let mut strides = vec![0; dims.len()];
        let mut stride = 1;
        for axis in (0..dims.len()).rev() {
            if size(axis) != 1 {
                strides[axis] = stride;
            }
            stride *= size(axis);
        }
        let entry = |mut index: usize| {
            let mut place = 0;
            for axis in (0..dims.len()).rev() {
                place += index % dims[axis] * strides[axis];
                index /= dims[axis];
            }
            tensor.data.get(place)
        };
        let count = if places == 1 { 1 } else { grid.pixels() };
        let mut values = vec![rest; count * pitch];
        for (at, index) in logical(order, dims).take(count * grid.channels).enumerate() {
            values[at / grid.channels * pitch + at % grid.channels] = entry(index);
        }
        Self { values, pitch, lines: (count > 1).then(|| (0..count as u32).collect()) }
    }

    /// The offsets `[1, C or 1, R, Q]` of a shift by place over `[1, C, H, W]`, channels last.
    pub(super) fn by_place(offset: &Tensor, rows: &[usize], columns: &[usize], dims: &[usize]) -> Self {
        let [_, own, height, width] = offset.dims[..] else { unreachable!("a checked offset has four axes") };
        let channels = dims[1];
        let pitch = channels.next_multiple_of(COLUMNS);
        let mut values = vec![0; height * width * pitch];
        for place in 0..height * width {
            for channel in 0..channels {
                values[place * pitch + channel] = offset.data.get(channel % own * height * width + place);
            }
        }
        let lines = rows.iter().flat_map(|&row| columns.iter().map(move |&column| (row * width + column) as u32)).collect();
        Self { values, pitch, lines: Some(lines) }
    }

    /// As [`Params::by_place`], in the natural order.
    pub(super) fn by_place_natural(offset: &Tensor, rows: &[usize], columns: &[usize], dims: &[usize]) -> Self {
        let [_, own, height, width] = offset.dims[..] else { unreachable!("a checked offset has four axes") };
        let pitch = columns.len().next_multiple_of(COLUMNS);
        let places = dims[1] * rows.len();
        let mut values = vec![0; places * pitch];
        for (place, line) in values.chunks_mut(pitch).enumerate() {
            let (channel, row) = (place / rows.len() % own, rows[place % rows.len()]);
            for (entry, &column) in line.iter_mut().zip(columns) {
                *entry = offset.data.get((channel * height + row) * width + column);
            }
        }
        Self { values, pitch, lines: Some((0..places as u32).collect()) }
    }

    /// The numbers from `channel` on of a place, counted through the grid. Their addresses ascend with the channel to the end of the line.
    #[inline(always)]
    pub(super) fn line(&self, pixel: usize, channel: usize) -> &[i32] {
        let line = self.lines.as_ref().map_or(0, |lines| lines[pixel] as usize);
        &self.values[line * self.pitch..][channel..self.pitch]
    }

    /// All numbers.
    pub(super) fn values(&self) -> &[i32] {
        &self.values
    }

    /// As these, each made anew.
    pub(super) fn map<T>(&self, of: impl Fn(i32) -> T) -> Vec<T> {
        self.values.iter().map(|&value| of(value)).collect()
    }

    /// Numbers of a line.
    pub(super) fn pitch(&self) -> usize {
        self.pitch
    }

    /// Whether places differ.
    pub(super) fn differs(&self) -> bool {
        self.lines.is_some()
    }

    /// As many lines as places, if `is_wanted`.
    pub(super) fn spread(self, is_wanted: bool, pixels: usize) -> Self {
        if !is_wanted || self.differs() {
            return self;
        }
        Self { values: self.values.repeat(pixels), pitch: self.pitch, lines: Some((0..pixels as u32).collect()) }
    }

    /// The place in [`Params::values`] of the first channel of a pixel's line.
    #[inline(always)]
    pub(super) fn start(&self, pixel: usize) -> usize {
        self.lines.as_ref().map_or(0, |lines| lines[pixel] as usize) * self.pitch
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.values[..]) + self.lines.as_ref().map_or(0, |lines| size_of_val(&lines[..]))
    }
}
