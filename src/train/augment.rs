//! Variations of samples: few samples must serve many steps.
//!
//! The teacher answers the varied image itself, so a variation may change what an image shows.

use crate::synthesize::{Canvas, random::Random};

/// Largest shift, as a share of the image's side.
const SHIFT: f32 = 0.1;
/// Share of images that are mixed with another.
const MIXED: f32 = 0.5;

/// Share of images whose contrast and brightness change.
const EXPOSED: f32 = 0.5;

/// Varies the images of a batch: a shift (the border is repeated), a mirror image, a mixture with another sample, another exposure.
#[must_use]
pub fn batch(canvas: &Canvas, samples: &[f32], chosen: &[usize], random: &mut Random) -> Vec<f32> {
    let len = canvas.len();
    let count = samples.len() / len;
    let mut images = Vec::with_capacity(chosen.len() * len);
    for &index in chosen {
        let mut image = moved(canvas, &samples[index * len..][..len], random);
        if random.uniform() < MIXED {
            let other = moved(canvas, &samples[random.below(count) * len..][..len], random);
            let share = random.range(0.0, 0.5);
            image.iter_mut().zip(&other).for_each(|(a, b)| *a += share * (b - *a));
        }
        if random.uniform() < EXPOSED {
            expose(canvas, &mut image, random);
        }
        images.extend(image);
    }
    images
}

/// Another contrast and brightness, within the range of a pixel.
fn expose(canvas: &Canvas, image: &mut [f32], random: &mut Random) {
    let (contrast, shift) = (random.range(0.6, 1.4), random.range(-0.15, 0.15));
    let mean = image.iter().sum::<f32>() / image.len().max(1) as f32;
    for (value, channel) in image.iter_mut().zip(canvas.channel_of_entry()) {
        let (low, high) = canvas.range[channel];
        *value = (mean + contrast * (*value - mean) + shift * (high - low)).clamp(low, high);
    }
}

fn moved(canvas: &Canvas, image: &[f32], random: &mut Random) -> Vec<f32> {
    let (h, w) = (canvas.height as isize, canvas.width as isize);
    let reach = |side: isize| (side as f32 * SHIFT).floor() as isize;
    let mut offset = |side: isize| reach(side) - random.below(2 * reach(side) as usize + 1) as isize;
    let (down, right) = (offset(h), offset(w));
    let mirrored = random.uniform() < 0.5 && w > 1;
    let plane = (h * w) as usize;
    let source = |y: isize, x: isize| {
        let x = if mirrored { w - 1 - x } else { x };
        ((y + down).clamp(0, h - 1) * w + (x + right).clamp(0, w - 1)) as usize
    };
    let mut moved = vec![0.0; image.len()];
    for channel in 0..canvas.channels {
        for pixel in 0..plane {
            let from = source(pixel as isize / w, pixel as isize % w);
            moved[canvas.entry(channel, pixel)] = image[canvas.entry(channel, from)];
        }
    }
    moved
}
