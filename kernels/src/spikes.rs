//! Spikes as bytes: -1, 0 or 1.

use crate::simd::{Loop, dispatch};

/// The same numbers as floats.
///
/// # Panics
/// If the slices differ in length.
pub fn to_floats(spikes: &[i8], values: &mut [f32]) {
    assert_eq!(spikes.len(), values.len(), "one value a spike");
    dispatch(ToFloats { spikes, values });
}

/// Adds each spike to its sum.
///
/// # Panics
/// If the slices differ in length.
pub fn add(spikes: &[i8], sums: &mut [f32]) {
    assert_eq!(spikes.len(), sums.len(), "one sum a spike");
    dispatch(Add { spikes, sums });
}

struct ToFloats<'a> {
    spikes: &'a [i8],
    values: &'a mut [f32],
}

impl Loop for ToFloats<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.values.iter_mut().zip(self.spikes).for_each(|(value, &spike)| *value = f32::from(spike));
    }
}

struct Add<'a> {
    spikes: &'a [i8],
    sums: &'a mut [f32],
}

impl Loop for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.sums.iter_mut().zip(self.spikes).for_each(|(sum, &spike)| *sum += f32::from(spike));
    }
}
