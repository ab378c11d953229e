//! How images come in and the output comes out.

use super::{exec::Execution, place::Place};
use crate::kernels::{COLUMNS, Entry, Loop, Narrow, WithEntry};

impl Execution<'_> {
    /// Writes the input at a step of this pass: `of(index)` for every value of the images, all counted through.
    pub(super) fn feed(&self, images: usize, step: usize, of: &dyn Fn(usize) -> i32) {
        struct Write<'e> {
            execution: &'e Execution<'e>,
            images: usize,
            step: usize,
            of: &'e dyn Fn(usize) -> i32,
        }
        impl WithEntry for Write<'_> {
            type Output = ();

            fn with<E: Entry>(self, entry: E) {
                let Self { execution, images, step, of } = self;
                let place = execution.place_of_input();
                let (grid, bytes) = (place.grid, place.format.bytes());
                let line = grid.width * grid.channels;
                for row in 0..images * grid.height {
                    let (image, y) = (row / grid.height, row % grid.height);
                    // A line at a time: its channels stand together.
                    let to = execution.memory.at(place.byte(image, step, y, 0));
                    for at in (0..line).step_by(COLUMNS) {
                        let len = COLUMNS.min(line - at);
                        let mut block = [0; COLUMNS];
                        for (entry, number) in (y * line + at..).zip(&mut block[..len]) {
                            let index = execution.plan.input_index.as_ref().map_or(entry, |index| index[entry] as usize);
                            *number = of(image * grid.len() + index);
                        }
                        // SAFETY: the line is one of the value's.
                        unsafe { entry.store(&block, to.wrapping_add(at * bytes), len) };
                    }
                }
            }
        }
        self.place_of_input().format.visit(Write { execution: self, images, step, of });
    }

    /// Writes images as the input.
    pub(super) fn feed_images(&self, images: &[u16]) {
        struct Write<'e>(&'e Execution<'e>, &'e [u16]);
        impl Loop for Write<'_> {
            type Output = ();

            #[inline(always)]
            fn run<N: Narrow>(self) {
                self.0.place_of_input().format.visit(self);
            }
        }
        impl WithEntry for Write<'_> {
            type Output = ();

            #[inline(always)]
            fn with<E: Entry>(self, entry: E) {
                let Self(execution, images) = self;
                let place = execution.place_of_input();
                let (grid, bytes) = (place.grid, place.format.bytes());
                let (len, line) = (grid.len(), grid.width * grid.channels);
                for (row, numbers) in images.chunks_exact(line).enumerate() {
                    let (image, y) = (row / grid.height, row % grid.height);
                    let mut to = execution.memory.at(place.byte(image, 0, y, 0));
                    for at in (0..line).step_by(COLUMNS) {
                        let part = &numbers[at..line.min(at + COLUMNS)];
                        let block = match &execution.plan.input_index {
                            // As they come.
                            None => match part.first_chunk::<COLUMNS>() {
                                Some(part) => part.map(i32::from),
                                None => core::array::from_fn(|lane| part.get(lane).map_or(0, |&number| i32::from(number))),
                            },
                            Some(index) => {
                                let mut block = [0; COLUMNS];
                                let index = &index[y * line + at..][..part.len()];
                                let image = &images[image * len..][..len];
                                block.iter_mut().zip(index).for_each(|(number, &index)| *number = i32::from(image[index as usize]));
                                block
                            }
                        };
                        // SAFETY: the line is one of the value's.
                        unsafe { entry.store(&block, to, part.len()) };
                        to = to.wrapping_add(COLUMNS * bytes);
                    }
                }
            }
        }
        self.isa.run(Write(self, images));
    }

    pub(super) fn place_of_input(&self) -> &Place {
        &self.arrangement.places[self.plan.input]
    }

    /// Adds the output of every step of this pass to the sums.
    pub(super) fn sum_output(&self, sums: &mut [i64]) {
        struct Add<'e, 's> {
            execution: &'e Execution<'e>,
            sums: &'s mut [i64],
        }
        impl WithEntry for Add<'_, '_> {
            type Output = ();

            fn with<E: Entry>(self, entry: E) {
                let Self { execution, sums } = self;
                let place = &execution.arrangement.places[execution.plan.output];
                let index = &execution.plan.output_index;
                let grid = place.grid;
                for (image, sums) in sums.chunks_mut(index.len()).take(execution.images).enumerate() {
                    for step in 0..execution.steps {
                        for pixel in 0..grid.pixels() {
                            let from = execution.memory.at(place.byte(image, step, pixel / grid.width, pixel % grid.width));
                            for channel in (0..grid.channels).step_by(COLUMNS) {
                                // SAFETY: a block that begins within the value can be read.
                                let block = unsafe { entry.load(from.wrapping_add(channel * place.format.bytes())) };
                                let indices = &index[pixel * grid.channels..][channel..grid.channels];
                                for (&index, number) in indices.iter().zip(block) {
                                    sums[index as usize] += i64::from(number);
                                }
                            }
                        }
                    }
                }
            }
        }
        self.arrangement.places[self.plan.output].format.visit(Add { execution: self, sums });
    }
}
