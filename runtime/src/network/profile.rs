//! The plan of a network, for people: what its steps are, and how long each takes.

use super::{
    Network,
    step::{Source, Step},
};
use crate::{artifact::Code, kernels::Word};
#[cfg(feature = "std")]
use alloc::vec;
use alloc::{string::String, vec::Vec};

/// How a step goes through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// Once for an image, over counts: all digits of a window at once.
    Count,
    /// Once for an image, over what the constant image makes.
    Constant,
    /// Once for every time step.
    Time,
}

impl Domain {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Constant => "constant",
            Self::Time => "time",
        }
    }
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// The nodes that it does, in order.
    pub nodes: Vec<String>,
    /// What fills its tiles: `product`, `depthwise`, `elementwise`, `sum pool`, `max pool`, `sum` or `move`.
    pub kernel: &'static str,
    /// How it goes through time.
    pub domain: Domain,
    /// Bits of the operand in memory.
    pub operand_bits: u32,
    /// Bits of the numbers that it multiplies, for [`crate::Isa::measure_peak`]; 0 of what multiplies no weights.
    pub product_bits: u32,
    /// Events for each entry of the operand, up to which a product in the time domain goes by them. It is decided anew in every run, by what the
    /// neurons before have sent. 0 where it never does.
    pub most_events: f32,
    /// Products for an image, in the time domain for an image and time step; 0 of what multiplies no weights.
    pub products: u64,
    /// Bytes of its parameters, as they are packed.
    pub parameter_bytes: usize,
    /// Bytes of its result for an image, in the time domain for an image and time step.
    pub result_bytes: usize,
}

impl Network {
    /// The steps of the plan, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<PlannedStep> {
        let plan = &self.plan;
        let once = plan.once.iter().map(|step| (step, if self.spec.code == Code::Radix { Domain::Count } else { Domain::Constant }));
        once.chain(plan.each.iter().map(|step| (step, Domain::Time))).map(|(step, domain)| self.step(step, domain)).collect()
    }

    fn step(&self, step: &Step, domain: Domain) -> PlannedStep {
        let places = &self.plan.places;
        let target = &places[step.target];
        let (kernel, products) = match &step.source {
            Source::Product { groups, .. } => ("product", groups.iter().map(|weights| weights.products() as u64).sum()),
            Source::Depthwise { depthwise, .. } => ("depthwise", (depthwise.taps() * target.grid.channels) as u64),
            Source::Load { .. } => ("elementwise", 0),
            Source::Pool { is_max: false, .. } => ("sum pool", 0),
            Source::Pool { is_max: true, .. } | Source::CountMax { .. } => ("max pool", 0),
            Source::Sum { .. } => ("sum", 0),
            Source::Move { .. } => ("move", 0),
        };
        let operand = step.operands().first().map_or(Word::Whole, |&place| places[place].format.word);
        let operand_bits = 8 * operand.bytes() as u32;
        let product_bits = match &step.source {
            Source::Product { .. } => operand_bits,
            // It widens what it reads.
            Source::Depthwise { .. } => i32::BITS,
            _ => 0,
        };
        let most_events = match &step.source {
            Source::Product { events: Some(product), .. } => self.isa.most_events(product.readers, product.outputs),
            _ => 0.0,
        };
        PlannedStep {
            // The first value of a chain that starts with a stage is its operand.
            nodes: step.nodes().map(|value| self.spec.nodes[value - 1].name.clone()).collect(),
            kernel,
            domain,
            operand_bits,
            product_bits,
            most_events,
            products: products * target.grid.pixels() as u64,
            parameter_bytes: step.bytes(),
            result_bytes: target.padded() * target.format.bytes(),
        }
    }

    /// Bytes that the parameters take, and those that a run takes for the images and time steps that go through the network together: all
    /// memory of a run but for its result.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        let steps = if self.spec.code == Code::Radix { 1 } else { self.pass };
        #[cfg(feature = "locked")]
        let (lock, scratch) = self.lock.as_ref().map_or((0, 0), |lock| (lock.memory(), lock.scratch()));
        #[cfg(not(feature = "locked"))]
        let (lock, scratch) = (0, 0);
        (self.plan.parameters() + lock, self.plan.arrange(self.batch, steps).bytes + scratch)
    }

    /// Runs images as [`Network::run_quantised`] does, in the calling thread, and takes the time of the input and of each of
    /// [`Network::steps`], in seconds.
    ///
    /// # Errors
    /// As [`Network::run_quantised`].
    #[cfg(feature = "std")]
    pub fn profile(&self, images: &[u16], timesteps: usize) -> Result<Vec<f64>, crate::RunError> {
        use super::{Outcome, buffers::Buffers, watch::Watch};
        self.check_run(images, &[timesteps])?;
        let plan = &self.plan;
        let mut times = vec![core::time::Duration::ZERO; 1 + plan.once.len() + plan.each.len()];
        let steps = if self.spec.code == Code::Radix { 1 } else { timesteps };
        let mut buffers = Buffers::new(plan, self.batch, self.pass.min(steps));
        for images in images.chunks(self.batch * self.image_len()) {
            let mut outcome = [Outcome { timesteps, ..Outcome::default() }];
            let mut clock = Watch::Clock { times: &mut times, last: std::time::Instant::now() };
            self.run_batch(images, &mut outcome, 0, &mut buffers, 1, &mut clock);
        }
        Ok(times.iter().map(core::time::Duration::as_secs_f64).collect())
    }
}
