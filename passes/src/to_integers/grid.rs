//! The largest unit of which numbers are multiples.

/// Relative error of a product of a few 32-bit floats.
const ROUNDING: f64 = 1e-6;

/// The largest `u` of which all numbers are multiples by whole numbers of at most `most`, up to the rounding of the numbers themselves; none
/// where there is none, or all are 0. `largest` is the largest size of a number, `some` are a few of the numbers, which are asked first since
/// they mostly say no, and `all` says whether something holds for all of them.
pub(super) fn common_unit(largest: f64, most: u32, some: &[f64], all: impl Fn(&dyn Fn(f64) -> bool) -> bool) -> Option<f64> {
    if largest == 0.0 {
        return None;
    }
    let shares: Vec<f64> = some.iter().map(|v| v / largest).collect();
    (1..=most).find_map(|k| {
        let (multiples, tolerance) = (f64::from(k), ROUNDING * f64::from(k) + ROUNDING);
        let is_whole = |multiple: f64| (multiple - multiple.round()).abs() <= tolerance;
        if !shares.iter().all(|share| is_whole(share * multiples)) {
            return None;
        }
        let unit = largest / multiples;
        all(&|v| is_whole(v / unit)).then_some(unit)
    })
}

#[cfg(test)]
mod tests {
    fn common_unit(values: &[f64], most: u32) -> Option<f64> {
        let largest = values.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
        super::common_unit(largest, most, &values[..values.len().min(2)], |is_multiple| values.iter().all(|&v| is_multiple(v)))
    }

    #[test]
    fn multiples_are_recognised() {
        let values: Vec<f64> = [3, -127, 0, 64].iter().map(|&k| f64::from(0.0137f32) * f64::from(k)).collect();
        let unit = common_unit(&values, 127).expect("there is one");
        assert!((unit / f64::from(0.0137f32) - 1.0).abs() < 1e-9);
        assert_eq!(common_unit(&values, 126), None);
        // One number is a multiple of itself, two of one size too.
        assert_eq!(common_unit(&[0.3, -0.3], 127), Some(0.3));
        assert_eq!(common_unit(&[0.3, 0.1234567, 0.7654321], 127), None);
        assert_eq!(common_unit(&[0.0], 127), None);
    }
}
