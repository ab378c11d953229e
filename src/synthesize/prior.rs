//! Images with the statistics that natural ones share: an amplitude spectrum that falls as 1/f, and occlusion.
//!
//! Pixels are in [0, 1], channels first. Half of the images are noise shaped in frequency, half dead leaves (discs of
//! power-law size that hide each other: Ruderman 1997; Lee, Mumford, Huang 2001), and many of each are overlaid with the other.
//! Of images with one channel, half are strokes on an empty ground.

use super::{canvas::Canvas, random::Random};

/// One image.
pub fn image(canvas: &Canvas, random: &mut Random) -> Vec<f32> {
    if canvas.may_be_drawn() && canvas.height > 1 && random.uniform() < 0.5 {
        return strokes(canvas, random);
    }
    let leaves = random.uniform() < 0.5;
    let mut pixels = if leaves { dead_leaves(canvas, random) } else { spectral(canvas, random) };
    if random.uniform() < 0.7 {
        let other = if leaves { spectral(canvas, random) } else { dead_leaves(canvas, random) };
        let share = random.range(0.1, 0.5);
        pixels.iter_mut().zip(other).for_each(|(p, o)| *p = (1.0 - share) * *p + share * o);
    }
    soften(&mut pixels, canvas, random.uniform());
    expose(&mut pixels, random);
    pixels
}

/// Mixes in, to a share, what a lens and a sensor make of an image: edges spread over neighbouring pixels (a binomial filter of 3 by 3).
/// Leaves drawn pixel by pixel have sharper edges than any photograph, and first layers answer edges.
pub(super) fn soften(pixels: &mut [f32], canvas: &Canvas, share: f32) {
    let (height, width) = (canvas.height, canvas.width);
    let around = |at: usize, len: usize| [at.saturating_sub(1), at, (at + 1).min(len - 1)];
    for plane in pixels.chunks_mut((height * width).max(1)) {
        let sharp = plane.to_vec();
        for y in 0..height {
            for x in 0..width {
                let mut sum = 0.0;
                for (row, down) in around(y, height).into_iter().zip([0.25, 0.5, 0.25]) {
                    for (column, across) in around(x, width).into_iter().zip([0.25, 0.5, 0.25]) {
                        sum += down * across * sharp[row * width + column];
                    }
                }
                let pixel = &mut plane[y * width + x];
                *pixel += share * (sum - *pixel);
            }
        }
    }
}

/// Random brightness and contrast, then the range of a pixel.
pub(super) fn expose(pixels: &mut [f32], random: &mut Random) {
    let mean = pixels.iter().sum::<f32>() / pixels.len().max(1) as f32;
    let deviation = (pixels.iter().map(|p| (p - mean).powi(2)).sum::<f32>() / pixels.len().max(1) as f32).sqrt().max(1e-6);
    // Natural photographs: mean near 0.45, standard deviation near 0.24, both varying from image to image.
    let target_mean = (0.45 + 0.13 * random.normal()).clamp(0.1, 0.9);
    let target_deviation = (0.22 + 0.07 * random.normal()).clamp(0.06, 0.4);
    for p in pixels {
        *p = (target_mean + (*p - mean) / deviation * target_deviation).clamp(0.0, 1.0);
    }
}

/// Noise whose amplitude falls as 1/f^α with α about 1, made from octaves of smoothly interpolated lattice noise. Channels
/// share most of their structure, as colours do.
pub(super) fn spectral(canvas: &Canvas, random: &mut Random) -> Vec<f32> {
    let (height, width) = (canvas.height, canvas.width);
    let plane = height * width;
    let alpha = random.range(0.8, 1.4);
    let octaves = (height.max(width).max(2) as f32).log2().ceil() as u32;
    let layer = |random: &mut Random| {
        let mut values = vec![0.0; plane];
        for octave in 0..=octaves {
            let cells = (1usize << octave) as f32;
            let amplitude = cells.powf(-alpha) * if octave == 0 { 0.5 } else { 1.0 };
            add_lattice_noise(&mut values, height, width, cells, amplitude, random);
        }
        values
    };
    let luminance = layer(random);
    let colour = random.range(0.1, 0.6);
    (0..canvas.channels)
        .flat_map(|_| {
            let own = layer(random);
            luminance.iter().zip(own).map(|(l, o)| l + colour * o).collect::<Vec<f32>>()
        })
        .collect()
}

fn add_lattice_noise(values: &mut [f32], height: usize, width: usize, cells: f32, amplitude: f32, random: &mut Random) {
    let size = height.max(width) as f32;
    let nodes = cells as usize + 3;
    let lattice: Vec<f32> = (0..nodes * nodes).map(|_| random.normal()).collect();
    let (dy, dx) = (random.uniform(), random.uniform());
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    for y in 0..height {
        let fy = y as f32 / size * cells + dy;
        let (iy, ty) = (fy as usize, smooth(fy.fract()));
        for x in 0..width {
            let fx = x as f32 / size * cells + dx;
            let (ix, tx) = (fx as usize, smooth(fx.fract()));
            let at = |j: usize, i: usize| lattice[j.min(nodes - 1) * nodes + i.min(nodes - 1)];
            let top = at(iy, ix) * (1.0 - tx) + at(iy, ix + 1) * tx;
            let bottom = at(iy + 1, ix) * (1.0 - tx) + at(iy + 1, ix + 1) * tx;
            values[y * width + x] += amplitude * (top * (1.0 - ty) + bottom * ty);
        }
    }
}

/// A few bent strokes of one brightness on an empty ground, soft at the edge: the statistics of writing and of objects cut out
/// from their background, most pixels at one end of the range.
fn strokes(canvas: &Canvas, random: &mut Random) -> Vec<f32> {
    let (height, width) = (canvas.height as f32, canvas.width as f32);
    let size = height.max(width);
    let mut pixels = vec![0.0f32; canvas.height * canvas.width];
    for _ in 0..1 + random.below(4) {
        let thickness = size * random.range(0.03, 0.09) * if random.uniform() < 0.2 { 3.0 } else { 1.0 };
        let brightness = random.range(0.7, 1.0);
        // A quadratic curve through the middle part of the image, where objects stand.
        let mut point = || (height * random.range(0.15, 0.85), width * random.range(0.15, 0.85));
        let (a, b, c) = (point(), point(), point());
        let steps = canvas.height + canvas.width;
        for k in 0..=steps {
            let t = k as f32 / steps as f32;
            let along = |a: f32, b: f32, c: f32| (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
            let (cy, cx) = (along(a.0, b.0, c.0), along(a.1, b.1, c.1));
            let reach = thickness + 1.0;
            let rows = (cy - reach).max(0.0) as usize..((cy + reach).max(0.0).ceil() as usize).min(canvas.height);
            for y in rows {
                for x in (cx - reach).max(0.0) as usize..((cx + reach).max(0.0).ceil() as usize).min(canvas.width) {
                    let distance = ((y as f32 - cy).powi(2) + (x as f32 - cx).powi(2)).sqrt();
                    let ink = brightness * (1.0 - (distance - thickness)).clamp(0.0, 1.0);
                    let pixel = &mut pixels[y * canvas.width + x];
                    *pixel = pixel.max(ink);
                }
            }
        }
    }
    // Dark on light as often is rare enough to matter little, and some models are trained on nothing else.
    if random.uniform() < 0.1 {
        pixels.iter_mut().for_each(|p| *p = 1.0 - *p);
    }
    pixels
}

/// Discs and boxes of random colour, the nearest drawn last; radii follow a power law with exponent 3.
fn dead_leaves(canvas: &Canvas, random: &mut Random) -> Vec<f32> {
    let (height, width, channels) = (canvas.height, canvas.width, canvas.channels);
    let plane = height * width;
    let size = height.max(width) as f32;
    let (smallest, largest) = (size / 24.0, size / 1.6);
    let mut pixels = vec![0.5; plane * channels];
    let grey = random.uniform() < 0.3;
    for _ in 0..120 {
        // Inverse of the cumulative distribution of r^-3 between the bounds.
        let u = random.uniform();
        let radius = (u * largest.powi(-2) + (1.0 - u) * smallest.powi(-2)).powf(-0.5);
        let (cy, cx) = (random.range(-0.1, 1.1) * height as f32, random.range(-0.1, 1.1) * width as f32);
        let stretch = random.range(0.5, 1.0);
        let (sin, cos) = random.range(0.0, std::f32::consts::PI).sin_cos();
        let disc = random.uniform() < 0.6;
        let base = random.uniform();
        let colour: Vec<f32> = (0..channels).map(|_| if grey { base } else { (base + 0.35 * random.normal()).clamp(0.0, 1.0) }).collect();
        let shade = random.range(-0.3, 0.3) / size;
        let (y0, y1) = ((cy - radius * 1.5).max(0.0) as usize, ((cy + radius * 1.5).max(0.0) as usize).min(height));
        let (x0, x1) = ((cx - radius * 1.5).max(0.0) as usize, ((cx + radius * 1.5).max(0.0) as usize).min(width));
        for y in y0..y1 {
            for x in x0..x1 {
                let (dy, dx) = (y as f32 - cy, x as f32 - cx);
                let (a, b) = ((dx * cos + dy * sin) / radius, (dy * cos - dx * sin) / (radius * stretch));
                let inside = if disc { a * a + b * b <= 1.0 } else { a.abs() <= 1.0 && b.abs() <= 1.0 };
                if inside {
                    for (c, &value) in colour.iter().enumerate() {
                        pixels[c * plane + y * width + x] = (value + shade * dx).clamp(0.0, 1.0);
                    }
                }
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Layout, Preprocess};
    use snnc_ir::TensorType;

    #[test]
    fn half_of_the_gray_images_are_mostly_empty() {
        let canvas = Canvas::new(&TensorType::f32([1, 1, 28, 28]), Layout::Nchw, &Preprocess::default());
        let empty = (0..200).filter(|&k| {
            let pixels = image(&canvas, &mut Random::new(3, k));
            assert!(pixels.iter().all(|p| (0.0..=1.0).contains(p)));
            pixels.iter().filter(|&&p| p == 0.0 || p == 1.0).count() > 392
        });
        let empty = empty.count();
        assert!((70..130).contains(&empty), "{empty}");
    }

    #[test]
    fn images_are_in_range_and_smooth() {
        let canvas = Canvas::new(&TensorType::f32([1, 3, 32, 32]), Layout::Nchw, &Preprocess::default());
        let (mut neighbours, mut strangers) = (0.0, 0.0);
        for k in 0..20 {
            let pixels = image(&canvas, &mut Random::new(5, k));
            assert_eq!(pixels.len(), canvas.len());
            assert!(pixels.iter().all(|p| (0.0..=1.0).contains(p)));
            neighbours += (0..1023).map(|i| (pixels[i] - pixels[i + 1]).powi(2)).sum::<f32>();
            strangers += (0..512).map(|i| (pixels[i] - pixels[i + 512]).powi(2)).sum::<f32>() * 2.0;
        }
        assert!(neighbours < 0.35 * strangers, "neighbouring pixels are alike: {neighbours} {strangers}");
    }
}
