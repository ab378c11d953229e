//! Samples, and which of them serve what.

/// Calibration samples in the model's own layout.
#[derive(Clone, Debug)]
pub struct Samples {
    /// N.
    pub count: usize,
    /// `[N, ..]`, the input's shape behind the batch.
    pub data: Vec<f32>,
}

impl Samples {
    /// Root mean square difference of two samples (each with the next, the last with the first) over that of an entry from its mean over
    /// the samples. Unrelated samples have 1.41; 0 means that all are the same.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let len = self.data.len() / self.count.max(1);
        let rows: Vec<&[f32]> = self.data.chunks(len.max(1)).collect();
        let mut mean = vec![0.0f64; len];
        rows.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, &v)| *m += f64::from(v) / self.count as f64));
        let variance: f64 = rows.iter().flat_map(|row| row.iter().zip(&mean)).map(|(&v, m)| (f64::from(v) - m).powi(2)).sum();
        let next = rows.iter().zip(rows.iter().cycle().skip(1));
        let apart: f64 = next.flat_map(|(a, b)| a.iter().zip(*b)).map(|(&a, &b)| f64::from(a - b).powi(2)).sum();
        if variance > 0.0 { (apart / variance).sqrt() } else { 0.0 }
    }

    /// Adds samples behind these.
    pub fn append(&mut self, others: &Self) {
        self.count += others.count;
        self.data.extend_from_slice(&others.data);
    }

    /// The first `count` samples.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let (len, count) = (self.data.len() / self.count.max(1), count.min(self.count));
        Self { count, data: self.data[..count * len].to_vec() }
    }
}

/// Indices of the samples for calibration.
#[must_use]
pub fn calibration_indices(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// Indices of held-out samples: far from those for calibration, and all odd, since an inverted image shows its class and a
/// bare prior does not.
#[must_use]
pub fn held_out_indices(count: usize) -> Vec<usize> {
    (0..count).map(|k| (1 << 32) + 2 * k + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesize::random::Random;

    #[test]
    fn spread_tells_unrelated_samples_from_equal_ones() {
        let mut random = Random::new(1, 0);
        let unrelated = Samples { count: 200, data: (0..200 * 16).map(|_| random.normal()).collect() };
        assert!((unrelated.spread() - 2f64.sqrt()).abs() < 0.05, "{}", unrelated.spread());
        assert_eq!(Samples { count: 5, data: vec![0.5; 80] }.spread(), 0.0);
    }
}
