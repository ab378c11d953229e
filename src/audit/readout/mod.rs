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

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
