//! Images that are composed as photographs of things are: a graded ground, and one to three objects in the middle, softly edged and textured.
//!
//! Where an attacker starts from. Samples for calibration are drawn by [`super::prior`] alone: they stand for the data on average, and only few data
//! sets are of things.

use super::{
    canvas::Canvas,
    prior::{expose, soften, spectral},
    random::Random,
};

/// Most objects.
const OBJECTS: usize = 3;

/// One image, channels first, pixels in [0, 1].
pub fn scene(canvas: &Canvas, random: &mut Random) -> Vec<f32> {
    let (height, width, channels) = (canvas.height, canvas.width, canvas.channels);
    let colour = |random: &mut Random| -> Vec<f32> {
        let base = random.uniform();
        (0..channels).map(|_| (base + 0.25 * random.normal()).clamp(0.0, 1.0)).collect()
    };
    let (above, below) = (colour(random), colour(random));
    let grain = random.range(0.02, 0.15);
    let mut pixels = spectral(canvas, random);
    for (channel, plane) in pixels.chunks_mut(height * width).enumerate() {
        for (at, pixel) in plane.iter_mut().enumerate() {
            let down = (at / width) as f32 / height as f32;
            *pixel = (1.0 - down) * above[channel] + down * below[channel] + grain * *pixel;
        }
    }
    let size = height.min(width) as f32;
    for _ in 0..1 + random.below(OBJECTS) {
        let own = colour(random);
        let texture = spectral(canvas, random);
        let grain = random.range(0.05, 0.25);
        let (y, x) = (height as f32 * (0.5 + 0.12 * random.normal()), width as f32 * (0.5 + 0.12 * random.normal()));
        let (tall, wide) = (size * random.range(0.12, 0.38), size * random.range(0.12, 0.38));
        let (sin, cos) = random.range(0.0, std::f32::consts::PI).sin_cos();
        let edge = random.range(1.0, 3.0) / tall.min(wide);
        for (at, (row, column)) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))).enumerate() {
            let (dy, dx) = (row as f32 - y, column as f32 - x);
            let (a, b) = ((dx * cos + dy * sin) / wide, (dy * cos - dx * sin) / tall);
            let inside = 1.0 / (1.0 + (((a * a + b * b).sqrt() - 1.0) / edge * 4.0).exp());
            for (channel, &own) in own.iter().enumerate() {
                let place = channel * height * width + at;
                pixels[place] += inside * (own + grain * texture[place] - pixels[place]);
            }
        }
    }
    soften(&mut pixels, canvas, random.uniform());
    expose(&mut pixels, random);
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Layout, Preprocess};
    use snnc_ir::TensorType;

    #[test]
    fn something_stands_in_the_middle() {
        let canvas = Canvas::new(&TensorType::f32([1, 3, 32, 32]), Layout::Nchw, &Preprocess::default());
        let (mut middle, mut corner) = (0.0, 0.0);
        for k in 0..60 {
            let pixels = scene(&canvas, &mut Random::new(5, k));
            assert_eq!(pixels.len(), canvas.len());
            assert!(pixels.iter().all(|p| (0.0..=1.0).contains(p)));
            // How different a place is from the one at the same height on the left edge.
            let beside = |row: usize, column: usize| (pixels[row * 32 + column] - pixels[row * 32]).abs();
            (middle, corner) = (middle + beside(16, 16), corner + beside(16, 3));
        }
        assert!(middle > 1.5 * corner, "{middle} {corner}");
    }
}
