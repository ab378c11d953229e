//! The input: from an image to whole numbers, and how these come in.

use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use serde::{Deserialize, Serialize};

/// The input of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Its name, by which nodes refer to it.
    pub name: String,
    /// Its shape; the first dimension is the batch and is 1.
    pub shape: Vec<usize>,
    /// What the dimensions mean.
    pub layout: Layout,
    /// How these numbers come in.
    pub coding: Coding,
    /// How the values of an image become whole numbers.
    pub quantiser: Quantiser,
    /// How pixels become an image.
    pub preprocess: Preprocess,
}

/// What the dimensions of the input mean. Height is left out where the input is a signal, not an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Batch, channels, height, width; or batch, channels, length.
    Nchw,
    /// Batch, height, width, channels; or batch, length, channels.
    Nhwc,
    /// Batch, features: of an image, height, width and channels in this order. There may be other dimensions of size 1.
    Flat,
}

impl Layout {
    /// Whether a shape, batch included, has as many dimensions as the layout names, or is one of a flat vector.
    #[must_use]
    pub fn fits(self, shape: &[usize]) -> bool {
        match self {
            Self::Nchw | Self::Nhwc => matches!(shape.len(), 3 | 4),
            Self::Flat => shape.len() >= 2 && shape[1..].iter().filter(|&&d| d != 1).count() <= 1,
        }
    }
}

/// How the numbers that the quantiser makes of an image come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "CodingJson", into = "CodingJson")]
pub enum Coding {
    /// As streams of digits, most significant first: the radix code.
    Digits,
    /// As they are, at every step: a constant current of the rate code.
    Direct,
    /// As random spikes of the rate code, whose rate is the distance from the middle; see [`crate::poisson`].
    Poisson,
}

/// A coding as it stands in the file. (A derived reader of an internally tagged enumeration would pass over foreign fields.)
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CodingJson {
    kind: String,
}

impl TryFrom<CodingJson> for Coding {
    type Error = String;

    fn try_from(json: CodingJson) -> Result<Self, String> {
        match json.kind.as_str() {
            "digits" => Ok(Self::Digits),
            "direct" => Ok(Self::Direct),
            "poisson" => Ok(Self::Poisson),
            kind => Err(format!("unknown coding `{kind}`")),
        }
    }
}

impl From<Coding> for CodingJson {
    fn from(coding: Coding) -> Self {
        let kind = match coding {
            Coding::Digits => "digits",
            Coding::Direct => "direct",
            Coding::Poisson => "poisson",
        };
        Self { kind: kind.to_owned() }
    }
}

/// How a value of the input becomes a whole number: `round(x / step + zero)`, kept in `0..2^digits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiser {
    /// Binary digits of the number.
    pub digits: u32,
    /// What one stands for: one for all, or one per channel.
    pub step: Vec<f32>,
    /// The number that 0 becomes, before it is rounded and kept in range: one for all, or one per channel.
    pub zero: Vec<f32>,
}

impl Quantiser {
    /// The quantiser that gives the pixels back that a preprocessing was made from.
    #[must_use]
    pub fn of_pixels(preprocess: &Preprocess) -> Self {
        Self {
            digits: 8,
            step: preprocess.std.iter().map(|std| 1.0 / (preprocess.scale * std)).collect(),
            zero: preprocess.mean.iter().map(|mean| preprocess.scale * mean).collect(),
        }
    }

    /// The largest number: `2^digits - 1`.
    #[must_use]
    pub fn top(&self) -> u16 {
        ((1u32 << self.digits.min(super::MAX_DIGITS)) - 1) as u16
    }

    /// The number that a value of a channel becomes. All in `f32`, each operation rounded; halves go to the even number.
    ///
    /// # Panics
    /// If there are neither one step and zero for all nor enough for that channel.
    #[must_use]
    pub fn apply(&self, channel: usize, value: f32) -> u16 {
        let pick = |values: &[f32]| if values.len() == 1 { values[0] } else { values[channel] };
        let number = round(value / pick(&self.step) + pick(&self.zero));
        number.clamp(0.0, f32::from(self.top())) as u16
    }
}

/// To the nearest whole number, halves to the even one.
fn round(value: f32) -> f32 {
    // Numbers of this size have no fraction; a sum with it is rounded by the processor.
    const WHOLE: f32 = (1u32 << 23) as f32;
    let (shift, size) = if value < 0.0 { (-WHOLE, -value) } else { (WHOLE, value) };
    if size < WHOLE { value + shift - shift } else { value }
}

/// How pixels of 8 bits become an image: `(pixel / scale - mean) / std`. By default pixels are scaled to 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Divides the pixel.
    pub scale: f32,
    /// One for all, or one per channel.
    pub mean: Vec<f32>,
    /// One for all, or one per channel.
    pub std: Vec<f32>,
}

impl Preprocess {
    /// `pixel / scale`.
    #[must_use]
    pub fn scale(scale: f32) -> Self {
        Self { scale, mean: vec![0.0], std: vec![1.0] }
    }

    /// Mean and standard deviation of one channel.
    ///
    /// # Panics
    /// If there are neither one of each for all nor enough for that channel.
    #[must_use]
    pub fn channel(&self, channel: usize) -> (f32, f32) {
        let pick = |values: &[f32]| if values.len() == 1 { values[0] } else { values[channel] };
        (pick(&self.mean), pick(&self.std))
    }

    /// The value that a pixel of a channel becomes.
    ///
    /// # Panics
    /// As [`Preprocess::channel`].
    #[must_use]
    pub fn apply(&self, channel: usize, pixel: f32) -> f32 {
        let (mean, std) = self.channel(channel);
        (pixel / self.scale - mean) / std
    }

    /// Least and greatest value that a channel can have.
    ///
    /// # Panics
    /// As [`Preprocess::channel`].
    #[must_use]
    pub fn range(&self, channel: usize) -> (f32, f32) {
        let (a, b) = (self.apply(channel, 0.0), self.apply(channel, 255.0));
        (a.min(b), a.max(b))
    }
}

impl Default for Preprocess {
    fn default() -> Self {
        Self::scale(255.0)
    }
}

impl InputSpec {
    /// Height, width and channels of the pixels that [`Network::preprocess`](crate::Network::preprocess) takes. A signal is an image of one row, and
    /// so is a vector, of which other heights, widths and channels will do that have its length for a product.
    #[must_use]
    pub fn image_size(&self) -> [usize; 3] {
        match (self.layout, &self.shape[..]) {
            (Layout::Nchw, &[_, c, h, w]) | (Layout::Nhwc, &[_, h, w, c]) => [h, w, c],
            (Layout::Nchw, &[_, c, l]) | (Layout::Nhwc, &[_, l, c]) => [1, l, c],
            (_, shape) => [1, shape.iter().product(), 1],
        }
    }

    /// Number of channels that [`Preprocess`] and [`Quantiser`] may tell apart: 1 for a shape that the layout does not fit.
    #[must_use]
    pub fn channels(&self) -> usize {
        match self.layout {
            Layout::Nchw => self.shape.get(1).copied().unwrap_or(1),
            Layout::Flat => self.shape.iter().copied().max().unwrap_or(1),
            Layout::Nhwc => self.shape.last().copied().unwrap_or(1),
        }
    }

    /// The channel of an entry, in row-major order.
    #[must_use]
    pub fn channel_of(&self, entry: usize) -> usize {
        entry / self.channel_run().max(1) % self.channels().max(1)
    }

    /// Entries of one channel that stand together.
    fn channel_run(&self) -> usize {
        match self.layout {
            Layout::Nchw => self.shape.iter().skip(2).product(),
            Layout::Nhwc | Layout::Flat => 1,
        }
    }
}
