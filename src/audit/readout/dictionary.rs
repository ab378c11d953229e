//! A sparse dictionary: atoms of which few make up the features of any image (matching pursuit; Mallat and Zhang, IEEE Trans. Signal Process. 41,
//! 1993; atoms by the method of optimal directions, Engan et al., ICASSP 1999). Where a network holds more things than it has features, atoms find
//! them and single features do not.

use super::{Directions, dot, features::Sample, unit};
use crate::synthesize::random::Random;
use nalgebra::DMatrix;

/// Atoms that an image may take, and rounds.
const TAKEN: usize = 4;
const ROUNDS: usize = 15;
/// Keeps the least squares of atoms that are hardly used in bounds.
const RIDGE: f64 = 1e-3;

/// So many atoms.
#[must_use]
pub fn directions(sample: &Sample, count: usize, seed: u64) -> Directions {
    let mut random = Random::new(seed ^ 0xD1C7_0000, 0);
    let len = sample.first().map_or(0, Vec::len);
    let draw = |random: &mut Random| unit(sample[random.below(sample.len())].clone());
    let mut atoms: Directions = (0..count).map(|_| draw(&mut random)).collect();
    let x = DMatrix::from_fn(sample.len(), len, |r, c| f64::from(sample[r][c]));
    for _ in 0..ROUNDS {
        let codes: Vec<Vec<(usize, f32)>> = sample.iter().map(|x| pursued(x, &atoms)).collect();
        let mut a = DMatrix::<f64>::zeros(sample.len(), count);
        for (r, code) in codes.iter().enumerate() {
            code.iter().for_each(|&(k, part)| a[(r, k)] += f64::from(part));
        }
        let gram = a.transpose() * &a + DMatrix::identity(count, count) * RIDGE;
        let Some(inverse) = gram.cholesky() else { break };
        let solved = inverse.solve(&(a.transpose() * &x));
        for (k, atom) in atoms.iter_mut().enumerate() {
            let is_used = a.column(k).iter().any(|v| *v != 0.0);
            *atom = if is_used { unit(solved.row(k).iter().map(|&v| v as f32).collect()) } else { draw(&mut random) };
        }
    }
    atoms
}

/// The atoms that an image takes, one after the other, each for what is left; none against its direction, since a thing is there or it is not.
fn pursued(x: &[f32], atoms: &Directions) -> Vec<(usize, f32)> {
    let mut left = x.to_vec();
    let mut code = Vec::with_capacity(TAKEN);
    for _ in 0..TAKEN {
        let parts = atoms.iter().map(|atom| dot(&left, atom)).enumerate();
        let Some((best, part)) = parts.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, part)| *part > 0.0) else { break };
        left.iter_mut().zip(&atoms[best]).for_each(|(l, a)| *l -= part * a);
        code.push((best, part));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_are_found_in_their_sums() {
        // Five atoms in four dimensions, two of them an image.
        let mut random = Random::new(3, 0);
        let truth: Directions = (0..5).map(|_| unit((0..4).map(|_| random.normal()).collect())).collect();
        let sample: Sample = (0..600)
            .map(|_| {
                let (a, b) = (random.below(5), random.below(5));
                let (p, q) = (1.0 + random.uniform(), 0.3 * random.uniform());
                truth[a].iter().zip(&truth[b]).map(|(a, b)| p * a + q * b).collect()
            })
            .collect();
        let found = directions(&sample, 8, 1);
        for atom in &truth {
            let best = found.iter().map(|d| dot(d, atom)).fold(0.0, f32::max);
            assert!(best > 0.95, "{best}");
        }
    }
}
