//! How a weight divides into channels.

/// How a weight `[O, I / groups, taps..]` divides into rows, columns and taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// O.
    pub rows: usize,
    /// I / groups.
    pub columns: usize,
    /// Entries of the kernel: they keep their place.
    pub taps: usize,
    /// Groups of a convolution; the columns of one group are other channels than those of the next.
    pub groups: usize,
}

impl Shape {
    /// Of a tensor with `entries` entries; `None` if it has not two axes, is empty, or contradicts itself.
    #[must_use]
    pub fn new(dims: &[usize], groups: usize, entries: usize) -> Option<Self> {
        let (&rows, rest) = dims.split_first()?;
        let (&columns, kernel) = rest.split_first()?;
        let groups = groups.max(1);
        let shape = Self { rows, columns, taps: kernel.iter().product(), groups };
        let sound = entries > 0 && dims.iter().product::<usize>() == entries && rows % groups == 0;
        sound.then_some(shape)
    }

    /// Entries of a row.
    #[must_use]
    pub fn row(&self) -> usize {
        self.columns * self.taps
    }

    /// Number of input channels.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.groups * self.columns
    }

    /// The input channel that column 0 of a row belongs to.
    #[must_use]
    pub fn first_input(&self, row: usize) -> usize {
        row / (self.rows / self.groups) * self.columns
    }

    /// Number of channels on a side.
    #[must_use]
    pub fn count(&self, side: Side) -> usize {
        match side {
            Side::Input => self.inputs(),
            Side::Output => self.rows,
        }
    }

    /// Places of the entries of a channel.
    pub fn places(&self, side: Side, channel: usize) -> impl Iterator<Item = usize> {
        let (row, rows) = (self.row(), self.rows / self.groups);
        // From which row and entry of a row on, how many rows and entries of each.
        let (first, from, rows, entries) = match side {
            Side::Input => (channel / self.columns * rows, channel % self.columns * self.taps, rows, self.taps),
            Side::Output => (channel, 0, 1, row),
        };
        (first..first + rows).flat_map(move |r| (r * row + from)..(r * row + from + entries))
    }
}

/// Which side of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// All that leaves a channel.
    Input,
    /// All that enters a channel.
    Output,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_cut_along_groups() {
        let shape = Shape::new(&[4, 2, 1, 3], 2, 24).expect("sound");
        assert_eq!((shape.count(Side::Input), shape.count(Side::Output)), (4, 4));
        // The second input of the second group: entries 3..6 of rows 2 and 3.
        assert_eq!(shape.places(Side::Input, 3).collect::<Vec<_>>(), [15, 16, 17, 21, 22, 23]);
        assert_eq!(shape.places(Side::Output, 1).collect::<Vec<_>>(), [6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn shapes_that_contradict_themselves_are_refused() {
        assert!(Shape::new(&[4], 1, 4).is_none() && Shape::new(&[4, 0], 1, 0).is_none());
        assert!(Shape::new(&[4, 2], 1, 9).is_none() && Shape::new(&[4, 2], 3, 8).is_none());
    }
}
