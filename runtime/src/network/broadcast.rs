//! Parameters that broadcast over a value.

use crate::artifact::Tensor;

/// Parameters of one image's entries: entry `i` has `values[i / run]`.
///
/// Either runs are long enough for a loop of their own (a channel of an image), or `run` is 1 and there is one value an
/// entry.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// The parameters.
    pub(super) values: Vec<i32>,
    /// How many entries share one.
    pub(super) run: usize,
}

/// Shortest run that gets a loop of its own.
const MIN_RUN: usize = 16;

impl Broadcast {
    /// Entries of `dims` over which the tensor does not change, as far as its shape tells.
    fn natural_run(tensor: &Tensor, dims: &[usize]) -> usize {
        let constant = tensor.dims.iter().rev().take_while(|&&d| d == 1).count();
        let constant = if constant == tensor.dims.len() { dims.len() } else { constant };
        dims[dims.len() - constant..].iter().product()
    }

    /// Brings several parameters, each of which broadcasts over `dims`, to one length of run.
    pub(super) fn together<const N: usize>(tensors: [&Tensor; N], dims: &[usize]) -> [Self; N] {
        let runs = tensors.map(|tensor| Self::natural_run(tensor, dims));
        // The runs are products of trailing dimensions, so each divides the longer ones.
        let run = runs.iter().copied().min().unwrap_or(1);
        let run = if run >= MIN_RUN { run } else { 1 };
        tensors.map(|tensor| Self { values: expand(tensor, dims, run), run })
    }

    /// As [`Broadcast::together`], for one parameter.
    pub(super) fn alone(tensor: &Tensor, dims: &[usize]) -> Self {
        let [only] = Self::together([tensor], dims);
        only
    }

    /// The offset `[1, C or 1, R, Q]` of every place of `dims`, `[1, C, H, W]`, by the row and column of the offset that belong to it.
    pub(super) fn by_place(offset: &Tensor, rows: &[usize], columns: &[usize], dims: &[usize]) -> Self {
        let line = |channel: usize, row: usize| (channel * offset.dims[2] + row) * offset.dims[3];
        let lines = (0..dims[1]).flat_map(|channel| rows.iter().map(move |&row| (channel % offset.dims[1], row)));
        let values = lines.flat_map(|(channel, row)| columns.iter().map(move |&column| offset.data.get(line(channel, row) + column)));
        Self { values: values.collect(), run: 1 }
    }

    /// Calls `body(entry, parameter)` for all entries of a batch.
    pub(super) fn apply(&self, entries: &mut [i32], body: impl Fn(&mut i32, i32)) {
        for image in entries.chunks_mut(self.values.len() * self.run) {
            if self.run == 1 {
                image.iter_mut().zip(&self.values).for_each(|(entry, &value)| body(entry, value));
            } else {
                for (part, &value) in image.chunks_mut(self.run).zip(&self.values) {
                    part.iter_mut().for_each(|entry| body(entry, value));
                }
            }
        }
    }

    /// Writes the parameters of all entries of a batch.
    pub(super) fn fill(&self, entries: &mut [i32]) {
        self.apply(entries, |entry, value| *entry = value);
    }
}

/// The parameter of every `run`-th entry of a tensor of shape `dims`.
fn expand(tensor: &Tensor, dims: &[usize], run: usize) -> Vec<i32> {
    let offset = dims.len() - tensor.dims.len();
    let mut strides = vec![0; dims.len()];
    let mut step = 1;
    for axis in (0..tensor.dims.len()).rev() {
        if tensor.dims[axis] != 1 {
            strides[offset + axis] = step;
        }
        step *= tensor.dims[axis];
    }
    // Trailing axes whose entries stand together in a run are not walked.
    let mut walked = dims.len();
    let mut covered = 1;
    while covered < run {
        walked -= 1;
        covered *= dims[walked];
    }
    let mut index = vec![0usize];
    for axis in 0..walked {
        index = index.iter().flat_map(|&base| (0..dims[axis]).map(move |i| (base, i))).map(|(base, i)| base + i * strides[axis]).collect();
    }
    index.into_iter().map(|i| tensor.data.get(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(tensor: &Tensor, dims: &[usize]) -> Vec<i32> {
        let mut entries = vec![0; 2 * dims.iter().product::<usize>()];
        Broadcast::alone(tensor, dims).fill(&mut entries);
        entries
    }

    #[test]
    fn runs_and_entries_say_the_same() {
        let dims = [1, 2, 5, 4];
        let expected = |f: &dyn Fn(i32, i32, i32) -> i32| -> Vec<i32> {
            let image = (0..2).flat_map(|c| (0..5).flat_map(move |h| (0..4).map(move |w| (c, h, w))));
            let image: Vec<i32> = image.map(|(c, h, w)| f(c, h, w)).collect();
            image.repeat(2)
        };
        assert_eq!(all(&Tensor::new([], [7]), &dims), expected(&|_, _, _| 7));
        assert_eq!(all(&Tensor::new([1, 2, 1, 1], [1, 2]), &dims), expected(&|c, _, _| c + 1));
        assert_eq!(all(&Tensor::new([4], [0, 1, 2, 3]), &dims), expected(&|_, _, w| w));
        let rows: Vec<i32> = (0..10).collect();
        assert_eq!(all(&Tensor::new([2, 5, 1], rows), &dims), expected(&|c, h, _| c * 5 + h));
        let mixed: Vec<i32> = (0..8).collect();
        assert_eq!(all(&Tensor::new([2, 1, 4], mixed), &dims), expected(&|c, _, w| c * 4 + w));
        // Another row of offsets at the border alone.
        let offset = Tensor::new([1, 2, 2, 1], [1, 2, 10, 20]);
        let mut entries = vec![0; 80];
        Broadcast::by_place(&offset, &[1, 0, 0, 0, 1], &[0; 4], &dims).fill(&mut entries);
        assert_eq!(entries, expected(&|c, h, _| (1 + i32::from(h % 4 == 0)) * if c == 0 { 1 } else { 10 }));
    }

    #[test]
    fn parameters_come_to_one_run() {
        let [threshold, leak] = Broadcast::together([&Tensor::new([3, 1, 1], [1, 2, 3]), &Tensor::new([], [5])], &[1, 3, 4, 4]);
        assert_eq!((threshold.run, leak.run), (16, 16));
        assert_eq!(leak.values, [5; 3]);
    }
}
