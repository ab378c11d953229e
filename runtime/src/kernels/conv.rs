//! 2-D convolutions: words of neighbouring channels, gathered into panels of places, times tiles of weights.
//!
//! The operand is first laid out anew: padded, and two channels to a word where they have 16 bits ([`Word`]). A panel has a line for every
//! word that a result depends on, and in it one word for every of [`PLACES`] results: the columns of the matrix that im2col
//! would make, a few at a time. Places run through rows and images alike, so that small images fill tiles too.

use super::{
    Isa, NARROW, SERIAL_BELOW, depthwise,
    tile::{self, PLACES, ROWS, Sums, Word},
};
use crate::artifact::Tensor;
use rayon::prelude::*;

/// The shape of a convolution. Pairs are height, width; pads are top, left, bottom, right.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) channels: usize,
    pub(crate) outputs: usize,
    pub(crate) groups: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) pads: [usize; 4],
    /// Of the operand.
    pub(crate) size: [usize; 2],
    /// Of the result.
    pub(crate) result: [usize; 2],
}

impl Geometry {
    /// Rows and columns of the operand with its padding.
    pub(super) fn padded(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.size[axis] + self.pads[axis] + self.pads[axis + 2])
    }

    /// Entries of the operand for an image.
    pub(super) fn operand_len(&self) -> usize {
        self.channels * self.size[0] * self.size[1]
    }

    /// Places of the result for an image.
    pub(super) fn places(&self) -> usize {
        self.result[0] * self.result[1]
    }

    /// Products for an image, padding included.
    pub(super) fn products(&self) -> usize {
        self.outputs * self.places() * self.channels / self.groups * self.kernel[0] * self.kernel[1]
    }
}

/// A convolution with its weights in the order of the tiles.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    geometry: Geometry,
    weight: Weight,
    bias: Vec<i32>,
}

#[derive(Clone, Debug)]
enum Weight {
    /// Per group and [`ROWS`] outputs of it: one line for every word.
    Tiles { word: Word, lines: Vec<[u32; ROWS]>, per_tile: usize },
    /// One channel a group: as they stand.
    Depthwise(Vec<i32>),
}

impl Conv {
    /// `weight` is `[outputs, channels / groups, height, width]`; no operand is larger in magnitude than `most`.
    pub(crate) fn new(geometry: Geometry, weight: &Tensor, bias: Option<&Tensor>, most: i32) -> Self {
        let bias = bias.map_or_else(|| vec![0; geometry.outputs], |bias| bias.data.to_vec());
        let inner = geometry.channels / geometry.groups;
        if inner == 1 && geometry.groups > 1 {
            return Self { geometry, weight: Weight::Depthwise(weight.data.to_vec()), bias };
        }
        let word = if most <= NARROW { Word::Pair } else { Word::Single };
        let taps = geometry.kernel[0] * geometry.kernel[1];
        let outer = geometry.outputs / geometry.groups;
        let per_tile = inner.div_ceil(word.channels()) * taps;
        let mut lines = Vec::new();
        for group in 0..geometry.groups {
            for first in (0..outer).step_by(ROWS) {
                // Places outside of the weight, where a tile or a pair is not full, hold 0.
                let entry = |row: usize, channel: usize, tap: usize| {
                    let is_there = first + row < outer && channel < inner;
                    if is_there { weight.data.get(((group * outer + first + row) * inner + channel) * taps + tap) } else { 0 }
                };
                for channel in (0..inner).step_by(word.channels()) {
                    for tap in 0..taps {
                        lines.push(std::array::from_fn(|row| match word {
                            Word::Pair => tile::pair(entry(row, channel, tap), entry(row, channel + 1, tap)),
                            Word::Single => entry(row, channel, tap) as u32,
                        }));
                    }
                }
            }
        }
        Self { geometry, weight: Weight::Tiles { word, lines, per_tile }, bias }
    }

    /// What the convolution makes of silence: its bias at every place of an image.
    pub(crate) fn silent(&self, y: &mut [i32]) {
        let places = self.geometry.places();
        y.chunks_mut(places).zip(self.bias.iter().cycle()).for_each(|(y, &bias)| y.fill(bias));
    }

    /// `y = conv(x)`: whole images, one after the other.
    pub(crate) fn run(&self, isa: Isa, x: &[i32], y: &mut [i32]) {
        let geometry = &self.geometry;
        let images = x.len() / geometry.operand_len();
        let threads = rayon::current_num_threads();
        let (len, result) = (geometry.operand_len(), geometry.outputs * geometry.places());
        match &self.weight {
            Weight::Depthwise(weight) => {
                depthwise::run(isa, geometry, weight, &self.bias, x, y, geometry.products() * images < SERIAL_BELOW);
            }
            Weight::Tiles { word, lines, per_tile } => {
                let tiles = Tiles { isa, geometry, word: *word, lines, per_tile: *per_tile, bias: &self.bias };
                if geometry.products() * images < SERIAL_BELOW || threads == 1 {
                    tiles.in_parts(x, y);
                } else if images >= threads || geometry.groups > 1 {
                    let each = images.div_ceil(threads);
                    let parts = y.par_chunks_mut(each * result).zip(x.par_chunks(each * len));
                    parts.for_each(|(y, x)| tiles.in_parts(x, y));
                } else {
                    // Fewer images than threads: these share the outputs of each, in whole tiles.
                    let each = geometry.outputs.div_ceil(threads).next_multiple_of(ROWS);
                    for (y, x) in y.chunks_mut(result).zip(x.chunks(len)) {
                        y.par_chunks_mut(each * geometry.places()).enumerate().for_each(|(part, y)| {
                            tiles.run(x, part * each, y.len() / geometry.places(), y, &mut Vec::new());
                        });
                    }
                }
            }
        }
    }
}

/// What a task needs to know.
struct Tiles<'a> {
    isa: Isa,
    geometry: &'a Geometry,
    word: Word,
    lines: &'a [[u32; ROWS]],
    per_tile: usize,
    bias: &'a [i32],
}

/// Results that stand together in a row of the result, and whose words do in the operand.
struct Run {
    /// The first of the panel's places.
    place: usize,
    len: usize,
    /// Where the first word is.
    word: usize,
    /// Where the first output's result goes.
    result: usize,
}

/// Places for which an operand is laid out at a time: enough to fill tiles, and few enough to stay in a cache.
const PART: usize = 16 * PLACES;

impl Tiles<'_> {
    /// All outputs of whole images, some images at a time.
    fn in_parts(&self, x: &[i32], y: &mut [i32]) {
        let geometry = self.geometry;
        let each = (PART / geometry.places()).max(1);
        let mut words = Vec::new();
        let (operand, result) = (each * geometry.operand_len(), each * geometry.outputs * geometry.places());
        for (x, y) in x.chunks(operand).zip(y.chunks_mut(result)) {
            self.run(x, 0, geometry.outputs, y, &mut words);
        }
    }

    /// `count` outputs from `first` on, of whole images; with several groups it is all of them. `first` starts a tile.
    fn run(&self, x: &[i32], first: usize, count: usize, y: &mut [i32], words: &mut Vec<u32>) {
        let geometry = self.geometry;
        let [height, width] = geometry.padded();
        let inner = geometry.channels / geometry.groups;
        let layers = inner.div_ceil(self.word.channels());
        let outer = geometry.outputs / geometry.groups;
        let images = x.len() / geometry.operand_len();
        let (places, image_words) = (geometry.places(), geometry.groups * layers * height * width);
        self.lay_out(x, layers, image_words * images, words);
        let offsets: Vec<usize> = (0..layers)
            .flat_map(|layer| {
                let taps = (0..geometry.kernel[0]).flat_map(|h| (0..geometry.kernel[1]).map(move |w| (h, w)));
                taps.map(move |(h, w)| (layer * height + h * geometry.dilation[0]) * width + w * geometry.dilation[1])
            })
            .collect();
        let mut panel = vec![[0u32; PLACES]; offsets.len()];
        let mut sums: Sums = [[0; PLACES]; ROWS];
        let mut runs = Vec::new();
        for start in (0..images * places).step_by(PLACES) {
            self.find_runs(start..(start + PLACES).min(images * places), image_words, count, &mut runs);
            for group in 0..geometry.groups {
                self.fill(words, group * layers * height * width, &offsets, &runs, &mut panel);
                let outputs = if geometry.groups == 1 { first..first + count } else { group * outer..(group + 1) * outer };
                let tiles_before = group * outer.div_ceil(ROWS) + if geometry.groups == 1 { first / ROWS } else { 0 };
                for (index, output) in outputs.clone().step_by(ROWS).enumerate() {
                    let lines = &self.lines[(tiles_before + index) * self.per_tile..][..self.per_tile];
                    tile::product(self.isa, self.word, lines, &panel, &mut sums);
                    for (row, output) in (output..outputs.end.min(output + ROWS)).enumerate() {
                        let bias = self.bias[output];
                        for run in &runs {
                            let y = &mut y[run.result + (output - first) * places..][..run.len];
                            let sums = &sums[row][run.place..][..run.len];
                            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = sum.wrapping_add(bias));
                        }
                    }
                }
            }
        }
    }

    /// The operand in words, padded: `[images, groups, layers, height, width]`. Words of an earlier part hold zeros where this one does.
    fn lay_out(&self, x: &[i32], layers: usize, len: usize, words: &mut Vec<u32>) {
        let geometry = self.geometry;
        let [height, width] = geometry.padded();
        let [rows, columns] = geometry.size;
        let inner = geometry.channels / geometry.groups;
        words.resize(len, 0);
        let planes = words.chunks_exact_mut(height * width).enumerate();
        for (index, plane) in planes {
            let (group, layer) = (index / layers, index % layers);
            let channel = layer * self.word.channels();
            let source = |channel: usize| &x[(group * inner + channel) * rows * columns..][..rows * columns];
            let has_two = self.word == Word::Pair && channel + 1 < inner;
            let low = source(channel);
            let high = if has_two { source(channel + 1) } else { low };
            for row in 0..rows {
                let line = &mut plane[(row + geometry.pads[0]) * width + geometry.pads[1]..][..columns];
                let low = &low[row * columns..][..columns];
                let high = &high[row * columns..][..columns];
                match (self.word, has_two) {
                    (Word::Pair, true) => {
                        line.iter_mut().zip(low.iter().zip(high)).for_each(|(word, (&low, &high))| *word = tile::pair(low, high));
                    }
                    (Word::Pair, false) => line.iter_mut().zip(low).for_each(|(word, &low)| *word = tile::pair(low, 0)),
                    (Word::Single, _) => line.iter_mut().zip(low).for_each(|(word, &low)| *word = low as u32),
                }
            }
        }
    }

    /// The runs of some places, counted through all images.
    fn find_runs(&self, range: std::ops::Range<usize>, image_words: usize, outputs: usize, runs: &mut Vec<Run>) {
        let geometry = self.geometry;
        let width = geometry.padded()[1];
        let (places, columns) = (geometry.places(), geometry.result[1]);
        runs.clear();
        let mut at = range.start;
        while at < range.end {
            let (image, place) = (at / places, at % places);
            let (row, column) = (place / columns, place % columns);
            let len = (columns - column).min(range.end - at);
            runs.push(Run {
                place: at - range.start,
                len,
                word: image * image_words + row * geometry.stride[0] * width + column * geometry.stride[1],
                result: image * outputs * places + place,
            });
            at += len;
        }
    }

    /// The lines of a panel. Places that no run covers keep what they hold: nobody reads their sums.
    fn fill(&self, words: &[u32], from: usize, offsets: &[usize], runs: &[Run], panel: &mut [[u32; PLACES]]) {
        let step = self.geometry.stride[1];
        for (line, &offset) in panel.iter_mut().zip(offsets) {
            for run in runs {
                let line = &mut line[run.place..][..run.len];
                let source = &words[from + run.word + offset..];
                if step == 1 {
                    line.copy_from_slice(&source[..run.len]);
                } else {
                    line.iter_mut().zip(source.iter().step_by(step)).for_each(|(word, &source)| *word = source);
                }
            }
        }
    }
}
