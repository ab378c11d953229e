//! The memory of a batch, and memory that waits for the next.

use super::{
    arena::Arena,
    exec::Scratch,
    plan::{Arrangement, Plan},
    tally::Tally,
};
use alloc::{vec, vec::Vec};
#[cfg(feature = "std")]
use std::sync::Mutex;

/// The memory of a batch.
pub(super) struct Buffers {
    pub(super) arrangement: Arrangement,
    pub(super) arena: Arena,
    pub(super) scratch: Scratch,
    pub(super) tally: Tally,
    /// The output, summed over the steps so far.
    pub(super) sums: Vec<i64>,
}

impl Buffers {
    /// For so many images, and time steps at a time.
    pub(super) fn new(plan: &Plan, images: usize, steps: usize) -> Self {
        let arrangement = plan.arrange(images, steps);
        let arena = Arena::new(arrangement.bytes);
        Self { arrangement, arena, scratch: Scratch::new(), tally: Tally::default(), sums: vec![0; plan.output_index.len() * images] }
    }
}

/// Buffers of earlier runs, for the next: to ask the system for memory takes as long as a small layer.
#[derive(Default)]
pub(super) struct Spare {
    #[cfg(feature = "std")]
    buffers: Mutex<Vec<Buffers>>,
}

impl Spare {
    /// Buffers for at least so many images and steps.
    pub(super) fn take(&self, plan: &Plan, images: usize, steps: usize) -> Buffers {
        #[cfg(feature = "std")]
        if let Ok(mut buffers) = self.buffers.lock()
            && let Some(index) = buffers.iter().position(|b| b.arrangement.images >= images && b.arrangement.steps >= steps)
        {
            return buffers.swap_remove(index);
        }
        Buffers::new(plan, images, steps)
    }

    pub(super) fn give_back(&self, buffers: Buffers) {
        #[cfg(feature = "std")]
        if let Ok(mut spare) = self.buffers.lock() {
            spare.push(buffers);
        }
        #[cfg(not(feature = "std"))]
        drop(buffers);
    }
}

impl Clone for Spare {
    /// Every network has buffers of its own.
    fn clone(&self) -> Self {
        Self::default()
    }
}
