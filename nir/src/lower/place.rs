//! Where the parameters of an artifact stand in a graph.

use super::kernel::Kernel;
use crate::node::Array;

/// Where a parameter stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) site: Site,
    pub(super) slot: Slot,
    pub(super) form: Form,
}

/// The array that holds it.
#[derive(Clone, Debug)]
pub(crate) enum Site {
    /// A field of a node.
    Field(String, &'static str),
    /// An entry of the metadata.
    Metadata(String),
}

/// Which entries of the array are its own.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// All of them.
    Same,
    /// The taps of a kernel.
    Kernel(Kernel),
    /// The diagonal of a square matrix of that side.
    Diagonal(usize),
    /// It broadcasts over the shape.
    Spread {
        /// Its own.
        small: Vec<usize>,
        /// What it is spread over.
        large: Vec<usize>,
    },
    /// `[channels, rows, columns]` that are spread over places.
    Table {
        /// For every row of the array one of the parameter.
        rows: Vec<usize>,
        /// Likewise.
        columns: Vec<usize>,
        /// Rows and columns of the parameter.
        size: [usize; 2],
    },
}

/// How a whole number became one of `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// With this added.
    Plus(f32),
    /// A leak, in multiples of 1/65536, as a time constant in time steps.
    Leak,
}

impl Form {
    pub(super) fn apply(self, number: i32) -> f32 {
        match self {
            Self::Plus(more) => number as f32 + more,
            Self::Leak => {
                let one = snnc_runtime::artifact::LEAK_ONE;
                one as f32 / (one - number) as f32
            }
        }
    }

    /// The whole number again, if it was one.
    fn undo(self, value: f32) -> Option<i32> {
        let number = match self {
            Self::Plus(more) => f64::from(value) - f64::from(more),
            Self::Leak => {
                let one = f64::from(snnc_runtime::artifact::LEAK_ONE);
                (one - one / f64::from(value)).round()
            }
        };
        let whole = number as i32;
        (f64::from(whole) == number).then_some(whole)
    }
}

impl Slot {
    /// Where an entry of the parameter stands in the array; the first place of several.
    fn place(&self, entry: usize) -> usize {
        match self {
            Self::Same => entry,
            Self::Kernel(kernel) => kernel.place(entry),
            Self::Diagonal(side) => entry * (side + 1),
            Self::Spread { small, large } => {
                let (mut rest, mut index, mut stride) = (entry, 0, 1);
                for (axis, &size) in large.iter().rev().enumerate() {
                    let own = if axis < small.len() { small[small.len() - 1 - axis] } else { 1 };
                    index += rest % own * stride;
                    rest /= own;
                    stride *= size;
                }
                index
            }
            Self::Table { rows, columns, size: [across, along] } => {
                let (column, rest) = (entry % along, entry / along);
                let (row, channel) = (rest % across, rest / across);
                let first = |places: &[usize], wanted| places.iter().position(|&place| place == wanted).unwrap_or(0);
                (channel * rows.len() + first(rows, row)) * columns.len() + first(columns, column)
            }
        }
    }
}

impl Place {
    /// So many entries of the parameter, as they stand in a graph whose arrays can be found; none where there is no such array, or one of
    /// another size or with other than whole numbers.
    pub(crate) fn gather<'a>(&self, count: usize, find: impl FnOnce(&Site) -> Option<&'a [f32]>) -> Option<Vec<i32>> {
        let array = find(&self.site)?;
        (0..count).map(|entry| self.form.undo(*array.get(self.slot.place(entry))?)).collect()
    }
}

/// A parameter spread over a shape.
pub(super) fn spread(small: &[usize], values: &[f32], large: &[usize]) -> Vec<f32> {
    let len: usize = large.iter().product();
    let entry = |index: usize| {
        let (mut rest, mut entry, mut stride) = (index, 0, 1);
        for (axis, &size) in large.iter().rev().enumerate().take(small.len()) {
            let own = small[small.len() - 1 - axis];
            entry += if own == 1 { 0 } else { rest % size * stride };
            rest /= size;
            stride *= own;
        }
        values[entry]
    };
    (0..len).map(entry).collect()
}

/// An array of zeros with some entries in their places.
pub(super) fn scatter(dims: &[usize], slot: &Slot, values: impl IntoIterator<Item = f32>) -> Array {
    let mut array = Array::zeros(dims);
    for (entry, value) in values.into_iter().enumerate() {
        array.data[slot.place(entry)] = value;
    }
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_survive_their_forms() {
        for (form, numbers) in [(Form::Plus(0.5), 0..1000), (Form::Plus(-0.5), -500..500), (Form::Leak, 1..65537)] {
            for number in numbers {
                assert_eq!(form.undo(form.apply(number)), Some(number), "{form:?}");
            }
        }
        assert_eq!(Form::Plus(0.0).undo(2.5), None);
        assert_eq!(Form::Plus(0.0).undo(f32::NAN), None);
        assert_eq!(Form::Plus(0.0).undo(f32::INFINITY), None);
    }

    #[test]
    fn what_is_spread_is_found_again() {
        let large = [1, 3, 2, 4];
        for small in [vec![], vec![4], vec![2, 1], vec![3, 1, 1], vec![1, 3, 2, 4], vec![1, 3, 1, 4]] {
            let count: usize = small.iter().product();
            let values: Vec<f32> = (0..count).map(|v| v as f32).collect();
            let array = spread(&small, &values, &large);
            let slot = Slot::Spread { small: small.clone(), large: large.to_vec() };
            let back: Vec<f32> = (0..count).map(|entry| array[slot.place(entry)]).collect();
            assert_eq!((array.len(), back), (24, values), "{small:?}");
        }
    }
}
