//! Where the entries of a tensor go when an operator only moves them, or adds up those that go to one place.
//!
//! All such operators treat each axis by itself: an entry's place is the sum of what each of its indices adds to it.

use super::op::NOWHERE;

/// For one axis, what each of its indices adds to the place of an entry; none where the entry goes nowhere.
pub(super) type Axis = Vec<Option<usize>>;

/// How far apart neighbours along each axis of a row-major tensor lie.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect()
}

/// The places of all entries in row-major order.
pub(super) fn places(axes: &[Axis]) -> Vec<u32> {
    let mut places = vec![Some(0usize)];
    for axis in axes {
        places = places.iter().flat_map(|&at| axis.iter().map(move |&more| Some(at? + more?))).collect();
    }
    // Tensors of a graph have fewer entries than 2^32.
    places.into_iter().map(|place| place.map_or(NOWHERE, |place| place as u32)).collect()
}

/// Entries of the `k`-th of several tensors that are joined along `axis` start at index `first` there.
pub(super) fn concat(dims: &[usize], result: &[usize], axis: usize, first: usize) -> Vec<u32> {
    moved(dims, result, |at, i| Some(if at == axis { first + i } else { i }))
}

/// Entries stand behind so many others.
pub(super) fn pad(dims: &[usize], result: &[usize], pads: &[(usize, usize)]) -> Vec<u32> {
    moved(dims, result, |axis, i| Some(pads[axis].0 + i))
}

/// Every `step`-th entry from `start` stays, `len` of them; of the batch all.
pub(super) fn slice(dims: &[usize], result: &[usize], ranges: &[(usize, isize, usize)]) -> Vec<u32> {
    moved(dims, result, |axis, i| {
        if axis == 0 {
            return Some(i);
        }
        let (start, step, len) = ranges[axis];
        let way = i as isize - start as isize;
        // A step of 0 cannot be: the graph was verified.
        let k = way.checked_div(step)?;
        (way % step == 0 && k >= 0 && (k as usize) < len).then_some(k as usize)
    })
}

/// Axis `i` of the result is axis `permutation[i]` of the operand.
pub(super) fn transpose(dims: &[usize], result: &[usize], permutation: &[usize]) -> Vec<u32> {
    let strides = strides(result);
    let of = |axis: usize| permutation.iter().position(|&p| p == axis).map_or(0, |at| strides[at]);
    let axes: Vec<Axis> = dims.iter().enumerate().map(|(axis, &d)| (0..d).map(|i| Some(i * of(axis))).collect()).collect();
    places(&axes)
}

/// Axes become 1.
pub(super) fn mean(dims: &[usize], axes: &[usize]) -> Vec<u32> {
    let kept: Vec<usize> = dims.iter().enumerate().map(|(axis, &d)| if axes.contains(&axis) { 1 } else { d }).collect();
    moved(dims, &kept, |axis, i| Some(if axes.contains(&axis) { 0 } else { i }))
}

/// Entries whose index along an axis becomes another.
fn moved(dims: &[usize], result: &[usize], index: impl Fn(usize, usize) -> Option<usize>) -> Vec<u32> {
    let strides = strides(result);
    let axis = |(axis, &d): (usize, &usize)| (0..d).map(|i| Some(index(axis, i)? * strides[axis])).collect();
    let axes: Vec<Axis> = dims.iter().enumerate().map(axis).collect();
    places(&axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_go_where_the_operators_say() {
        assert_eq!(concat(&[1, 2, 2], &[1, 3, 2], 1, 1), [2, 3, 4, 5]);
        assert_eq!(pad(&[1, 2, 2], &[1, 3, 4], &[(0, 0), (1, 0), (1, 1)]), [5, 6, 9, 10]);
        assert_eq!(slice(&[1, 4], &[1, 2], &[(0, 1, 1), (3, -2, 2)]), [NOWHERE, 1, NOWHERE, 0]);
        assert_eq!(transpose(&[1, 2, 3], &[1, 3, 2], &[0, 2, 1]), [0, 2, 4, 1, 3, 5]);
        assert_eq!(mean(&[1, 2, 3], &[2]), [0, 0, 0, 1, 1, 1]);
    }
}
