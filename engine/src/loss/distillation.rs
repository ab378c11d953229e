//! What the spiking network is trained towards.

/// Distillation (Hinton, Vinyals, Dean, 2015): the divergence of the student's softened answer from the teacher's, and beside it
/// the cross-entropy with the teacher's class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// τ: logits are divided by it before the softmax. The divergence counts τ², so that gradients keep their size.
    pub temperature: f64,
    /// Share of the cross-entropy in `[0, 1]`; the divergence has the rest.
    pub cross_entropy: f64,
}

impl Distillation {
    /// The loss of logits `[N, classes]` against the teacher's, summed over the images, and its gradient.
    #[must_use]
    pub fn of(&self, logits: &[f32], teacher: &[f32], classes: usize) -> (f64, Vec<f32>) {
        let mut loss = 0.0;
        let mut gradient = Vec::with_capacity(logits.len());
        let (tau, hard) = (self.temperature, self.cross_entropy);
        for (row, teacher) in logits.chunks(classes).zip(teacher.chunks(classes)) {
            let (soft, goal) = (log_softmax(row, tau), log_softmax(teacher, tau));
            let divergence: f64 = soft.iter().zip(&goal).map(|(s, g)| g.exp() * (g - s)).sum();
            loss += (1.0 - hard) * tau * tau * divergence;
            // The first of several that are equally large, as everywhere.
            let class = (0..classes).fold(0, |best, k| if teacher[k] > teacher[best] { k } else { best });
            let plain = log_softmax(row, 1.0);
            loss -= hard * plain[class];
            for k in 0..classes {
                let is_class = if k == class { 1.0 } else { 0.0 };
                let of_soft = (1.0 - hard) * tau * (soft[k].exp() - goal[k].exp());
                gradient.push((of_soft + hard * (plain[k].exp() - is_class)) as f32);
            }
        }
        (loss, gradient)
    }
}

/// Logarithm of the softmax of `row / tau`.
pub fn log_softmax(row: &[f32], tau: f64) -> Vec<f64> {
    let scaled: Vec<f64> = row.iter().map(|&z| f64::from(z) / tau).collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let norm = scaled.iter().map(|z| (z - largest).exp()).sum::<f64>().ln() + largest;
    scaled.into_iter().map(|z| z - norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_differences() {
        let (logits, teacher) = ([0.3f32, -1.0, 2.0, 0.0, 0.5, -0.5], [1.0f32, 0.1, 0.7, 0.6, 3.0, 0.1]);
        let loss = Distillation { temperature: 2.0, cross_entropy: 0.3 };
        let (_, gradient) = loss.of(&logits, &teacher, 3);
        for i in 0..logits.len() {
            let at = |h: f32| {
                let mut moved = logits;
                moved[i] += h;
                loss.of(&moved, &teacher, 3).0
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((difference - f64::from(gradient[i])).abs() < 1e-3, "{i}: {difference} {}", gradient[i]);
        }
    }

    #[test]
    fn a_student_that_answers_like_its_teacher_has_nothing_to_learn() {
        let logits = [0.3f32, -1.0, 2.0];
        let (loss, gradient) = Distillation { temperature: 3.0, cross_entropy: 0.0 }.of(&logits, &logits, 3);
        assert!(loss.abs() < 1e-12 && gradient.iter().all(|g| g.abs() < 1e-7));
    }
}
