//! Images as sums of coarse and fine layers.
//!
//! Descent on pixels finds noise that a network mistakes for a class: fine, of high contrast, and unlike any photograph in the first
//! layers, which it drives half as hard again as a photograph does. In a natural image an octave of structure has the less
//! contrast the finer it is. So what is changed here is not the pixel but the coefficients of a pyramid: the image at full, half,
//! quarter size and so on, each smoothly enlarged; the step of a coefficient is in proportion to the size of its cell.

/// The levels for images of one size.
#[derive(Clone, Debug)]
pub(crate) struct Pyramid {
    height: usize,
    width: usize,
    /// From fine to coarse.
    levels: Vec<Level>,
}

#[derive(Clone, Debug)]
struct Level {
    rows: Axis,
    columns: Axis,
    /// Share of the largest step.
    step: f32,
}

/// Linear interpolation along an axis: each place lies between two cells.
#[derive(Clone, Debug)]
struct Axis {
    cells: usize,
    /// First cell, second cell, share of the second.
    places: Vec<(usize, usize, f32)>,
}

impl Axis {
    fn new(len: usize, cell: usize) -> Self {
        let cells = len.div_ceil(cell);
        let place = |at: usize| {
            let position = ((at as f32 + 0.5) / cell as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
            let first = position.floor() as usize;
            (first, (first + 1).min(cells - 1), position - first as f32)
        };
        Self { cells, places: (0..len).map(place).collect() }
    }
}

/// Cells of the coarsest level are no larger than this share of the image.
const COARSEST: usize = 4;

impl Pyramid {
    /// For images of a size; the finest level has cells of one pixel, and is the only one unless `has_levels`.
    pub(crate) fn new(height: usize, width: usize, has_levels: bool) -> Self {
        let side = if has_levels { height.max(width) } else { 0 };
        let cells: Vec<usize> = (0..).map(|k| 1usize << k).take_while(|cell| *cell == 1 || cell * COARSEST <= side).collect();
        let coarsest = cells.last().copied().unwrap_or(1) as f32;
        let level = |cell: usize| Level { rows: Axis::new(height, cell), columns: Axis::new(width, cell), step: cell as f32 / coarsest };
        Self { height, width, levels: cells.into_iter().map(level).collect() }
    }

    /// Number of coefficients of one plane.
    pub(crate) fn len(&self) -> usize {
        self.cells().sum()
    }

    /// Coefficients of each level, from fine to coarse.
    pub(crate) fn cells(&self) -> impl Iterator<Item = usize> {
        self.levels.iter().map(|level| level.rows.cells * level.columns.cells)
    }

    /// For each coefficient of a plane, its share of the largest step.
    pub(crate) fn steps(&self) -> Vec<f32> {
        self.levels.iter().flat_map(|l| std::iter::repeat_n(l.step, l.rows.cells * l.columns.cells)).collect()
    }

    /// Adds what the coefficients of a plane stand for to its pixels.
    pub(crate) fn expand(&self, coefficients: &[f32], pixels: &mut [f32]) {
        self.each(|pixel, coefficient, share| pixels[pixel] += share * coefficients[coefficient]);
    }

    /// The gradient of the coefficients from that of the pixels: the transpose of [`Pyramid::expand`].
    pub(crate) fn collapse(&self, pixels: &[f32], coefficients: &mut [f32]) {
        coefficients.fill(0.0);
        self.each(|pixel, coefficient, share| coefficients[coefficient] += share * pixels[pixel]);
    }

    fn each(&self, mut body: impl FnMut(usize, usize, f32)) {
        let mut first = 0;
        for level in &self.levels {
            let cells = level.rows.cells * level.columns.cells;
            if cells == self.height * self.width {
                (0..cells).for_each(|pixel| body(pixel, first + pixel, 1.0));
                first += cells;
                continue;
            }
            for (y, &(above, below, down)) in level.rows.places.iter().enumerate() {
                let row = |cell: usize| first + cell * level.columns.cells;
                let (above, below) = (row(above), row(below));
                for (x, &(left, right, across)) in level.columns.places.iter().enumerate() {
                    let pixel = y * self.width + x;
                    body(pixel, above + left, (1.0 - down) * (1.0 - across));
                    body(pixel, above + right, (1.0 - down) * across);
                    body(pixel, below + left, down * (1.0 - across));
                    body(pixel, below + right, down * across);
                }
            }
            first += cells;
        }
    }
}

/// Adam (Kingma and Ba, 2015) on the coefficients of planes.
pub(crate) struct Adam<'p> {
    pyramid: &'p Pyramid,
    /// For each coefficient of a plane, its share of the rate.
    shares: Vec<f32>,
    beta: [f32; 2],
    /// What the planes differ by from where they started.
    pub(crate) coefficients: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    /// Of the plane that moves.
    gradient: Vec<f32>,
}

impl<'p> Adam<'p> {
    /// Of so many planes, which have not moved.
    pub(crate) fn new(pyramid: &'p Pyramid, planes: usize, shares: Vec<f32>, beta: [f32; 2]) -> Self {
        let zeros = vec![0.0; planes * pyramid.len()];
        let gradient = vec![0.0; pyramid.len()];
        Self { pyramid, shares, beta, coefficients: zeros.clone(), first: zeros.clone(), second: zeros, gradient }
    }

    /// Moves a plane by step number `step`, from 1 on, against the gradient of its pixels, and adds to `pixels` what its coefficients stand for.
    pub(crate) fn step(&mut self, plane: usize, step: usize, rate: f32, slope: &[f32], pixels: &mut [f32]) {
        let Self { pyramid, shares, beta, coefficients, first, second, gradient } = self;
        let (power1, power2) = (1.0 - beta[0].powi(step as i32), 1.0 - beta[1].powi(step as i32));
        pyramid.collapse(slope, gradient);
        let range = plane * pyramid.len()..(plane + 1) * pyramid.len();
        let own = &mut coefficients[range.clone()];
        let moments = first[range.clone()].iter_mut().zip(&mut second[range]);
        for ((c, g), ((m, v), share)) in own.iter_mut().zip(&*gradient).zip(moments.zip(&*shares)) {
            *m = beta[0] * *m + (1.0 - beta[0]) * g;
            *v = beta[1] * *v + (1.0 - beta[1]) * g * g;
            *c -= rate * share * (*m / power1) / ((*v / power2).sqrt() + 1e-12);
        }
        pyramid.expand(own, pixels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collapse_is_the_transpose_of_expand() {
        let pyramid = Pyramid::new(8, 13, true);
        let value = |k: usize| ((k * 7 + 3) % 11) as f32 - 5.0;
        let coefficients: Vec<f32> = (0..pyramid.len()).map(value).collect();
        let pixels: Vec<f32> = (0..8 * 13).map(|k| value(k + 5)).collect();
        let mut image = vec![0.0; pixels.len()];
        pyramid.expand(&coefficients, &mut image);
        let mut gradient = vec![0.0; coefficients.len()];
        pyramid.collapse(&pixels, &mut gradient);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        assert!((dot(&image, &pixels) - dot(&coefficients, &gradient)).abs() < 1e-2);
        assert_eq!(pyramid.steps().len(), pyramid.len());
    }

    #[test]
    fn constants_stay_constant() {
        let pyramid = Pyramid::new(16, 16, true);
        let mut image = vec![0.0; 256];
        pyramid.expand(&vec![1.0; pyramid.len()], &mut image);
        assert!(image.iter().all(|&v| (v - image[0]).abs() < 1e-5));
    }
}
