//! What is left of a network whose read-out nobody but the key holder can read: the features before it, in which an attacker looks for
//! directions that show something.
//!
//! | file | content |
//! |---|---|
//! | [`body`] | the network without its read-out, and with one of the attacker's own |
//! | [`features`] | features of images, standardised |
//! | [`single`], [`clusters`], [`principal`], [`independent`], [`dictionary`], [`confident`], [`sensitive`] | directions that need no label |
//! | [`probe`] | a read-out that is fitted to a few labelled images, or to labels that the key holder gives |

pub mod body;
pub mod clusters;
pub mod confident;
pub mod dictionary;
pub mod features;
pub mod independent;
pub mod principal;
pub mod probe;
pub mod sensitive;
pub mod single;

/// Directions in the space of standardised features, `[count][features]`.
pub type Directions = Vec<Vec<f32>>;

/// A direction of length 1; what has none stays as it is.
fn unit(mut direction: Vec<f32>) -> Vec<f32> {
    let length = direction.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32;
    if length > 0.0 {
        direction.iter_mut().for_each(|v| *v /= length);
    }
    direction
}

/// Partial sums of a long sum: as many as fit a vector of any processor, so that compilers use one, and the same on all.
const PARTS: usize = 16;

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// The squared distance.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| (a - b) * (a - b))
}

fn sum_of(a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut parts = [0.0f32; PARTS];
    let (a, b) = (a.chunks_exact(PARTS), b.chunks_exact(PARTS));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(&a, &b)| of(a, b)).sum();
    for (a, b) in a.zip(b) {
        parts.iter_mut().zip(a.iter().zip(b)).for_each(|(part, (&a, &b))| *part += of(a, b));
    }
    parts.iter().sum::<f32>() + rest
}
