//! The largest unit of which numbers are multiples.

/// Relative error of a product of a few 32-bit floats.
const ROUNDING: f64 = 1e-6;

/// The largest `u` of which all numbers are multiples by whole numbers of at most `most`, up to the rounding of the numbers themselves; none
/// where there is none, or all are 0. `largest` is the largest size of a number, and `all` says whether something holds for all of them.
pub(super) fn common_unit(largest: f64, most: u32, all: impl Fn(&dyn Fn(f64) -> bool) -> bool) -> Option<f64> {
    if largest == 0.0 {
        return None;
    }
    (1..=most).map(|k| (k, largest / f64::from(k))).find_map(|(k, unit)| {
        let tolerance = ROUNDING * f64::from(k) + ROUNDING;
        let is_multiple = |v: f64| {
            let multiple = v / unit;
            (multiple - multiple.round()).abs() <= tolerance
        };
        all(&is_multiple).then_some(unit)
    })
}

#[cfg(test)]
mod tests {
    fn common_unit(values: &[f64], most: u32) -> Option<f64> {
        let largest = values.iter().fold(0.0f64, |largest, v| largest.max(v.abs()));
        super::common_unit(largest, most, |is_multiple| values.iter().all(|&v| is_multiple(v)))
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
