//! Which buffer each value lives in.

/// Assigns values to buffers, reusing those whose value nobody reads any more.
#[derive(Debug, Default)]
pub(super) struct Allocator {
    /// Entries of each buffer, for one image.
    pub(super) sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Allocator {
    /// A buffer for a value of so many entries: the tightest free one that holds it, else the largest free one, grown,
    /// else a new one.
    pub(super) fn take(&mut self, entries: usize) -> usize {
        let fits =
            self.free.iter().enumerate().filter(|(_, slot)| self.sizes[**slot] >= entries).min_by_key(|(_, slot)| self.sizes[**slot]);
        let best = fits.or_else(|| self.free.iter().enumerate().max_by_key(|(_, slot)| self.sizes[**slot]));
        match best.map(|(place, _)| place) {
            Some(place) => {
                let slot = self.free.swap_remove(place);
                self.sizes[slot] = self.sizes[slot].max(entries);
                slot
            }
            None => {
                self.sizes.push(entries);
                self.sizes.len() - 1
            }
        }
    }

    /// Gives a buffer back.
    pub(super) fn release(&mut self, slot: usize) {
        self.free.push(slot);
    }
}
