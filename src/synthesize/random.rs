//! Random numbers that depend on a seed and a stream and on nothing else.

/// A splitmix64 generator (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Stream `stream` of seed `seed`; streams are independent.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(stream.wrapping_add(1)));
        let mixed = random.bits();
        Self(mixed ^ stream.rotate_left(32))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Puts things in random order (Fisher and Yates; Durstenfeld, CACM 7, 1964).
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        (1..things.len()).rev().for_each(|k| things.swap(k, self.below(k + 1)));
    }

    /// 0..n in random order.
    #[must_use]
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - f64::from(self.uniform())).ln()).sqrt();
        (radius * (std::f64::consts::TAU * f64::from(self.uniform())).cos()) as f32
    }

    /// Gamma with unit scale (Marsaglia and Tsang 2000; for shapes under 1 by their boost).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = (1.0 - f64::from(self.uniform())).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = f64::from(self.normal());
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - f64::from(self.uniform())).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(1, 2);
        let n = 40_000;
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / n as f64;
        assert!((mean((0..n).map(|_| f64::from(random.uniform())).collect()) - 0.5).abs() < 0.01);
        assert!(mean((0..n).map(|_| f64::from(random.normal())).collect()).abs() < 0.02);
        for shape in [0.3, 1.0, 4.5] {
            assert!((mean((0..n).map(|_| random.gamma(shape)).collect()) - shape).abs() < 0.05 * (1.0 + shape), "{shape}");
        }
    }

    #[test]
    fn streams_differ_and_repeat() {
        assert_eq!(Random::new(7, 3).bits(), Random::new(7, 3).bits());
        assert_ne!(Random::new(7, 3).bits(), Random::new(7, 4).bits());
        assert_ne!(Random::new(7, 3).bits(), Random::new(8, 3).bits());
    }
}
