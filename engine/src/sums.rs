//! Sums of lists.

/// Adds entry by entry.
pub(crate) fn add(sum: &mut [f32], part: &[f32]) {
    sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
}

/// Adds every step of `values` to `sum`, in order.
pub(crate) fn add_steps(values: &[f32], sum: &mut [f32]) {
    values.chunks(sum.len().max(1)).for_each(|step| add(sum, step));
}
