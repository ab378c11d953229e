//! Time step by time step, for input that comes as it happens and for images whose class is clear before their time is over.

use super::{
    Network, Outcome,
    batch::{Batch, Input},
    buffers::Buffers,
    run::threads,
    watch::Watch,
};
use crate::{
    artifact::{Code, Coding},
    error::RunError,
};
use alloc::{sync::Arc, vec::Vec};

/// A network of the rate code in time.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors/poisson.snn"))?;
/// use snnc_runtime::Network;
///
/// let network = Network::load(&bytes)?;
/// let mut session = network.session()?;
/// // What a sensor says at each time step: -1, 0 or 1 for every entry of the input.
/// let events = vec![0; network.image_len()];
/// for _ in 0..4 {
///     let logits = session.step(&events)?;
///     assert_eq!(logits.len(), network.classes());
/// }
/// assert_eq!(session.steps(), 4);
/// # Ok(())
/// # }
/// ```
pub struct Session {
    network: Arc<Network>,
    buffers: Buffers,
    /// Time steps so far.
    steps: usize,
    /// The image, if there is one.
    image: Option<(Vec<u16>, u64)>,
    outcome: Outcome,
}

impl Network {
    /// Starts a session: memory for one image, at the time before the first step.
    ///
    /// # Errors
    /// In the radix code: it takes an image at once. If the read-out is locked: an answer is of a whole run.
    pub fn session(&self) -> Result<Session, RunError> {
        if self.spec.output.lock.is_some() {
            return Err(RunError::Locked);
        }
        if self.spec.code == Code::Radix {
            return Err(RunError::NoSession);
        }
        let buffers = Buffers::new(&self.plan, 1, self.pass);
        let mut session = Session { network: Arc::new(self.clone()), buffers, steps: 0, image: None, outcome: Outcome::default() };
        session.reset();
        Ok(session)
    }
}

impl Session {
    /// Back to the time before the first step: potentials are what they start with, no image is there.
    pub fn reset(&mut self) {
        self.steps = 0;
        self.image = None;
        Batch::new(&self.network, &mut self.buffers, 1, 0, threads()).reset();
    }

    /// Starts over with an image, the one of that index; see [`Network::quantise`].
    ///
    /// # Errors
    /// If it is not one image, or has numbers that the quantiser does not make.
    pub fn start(&mut self, image: &[u16], index: u64) -> Result<(), RunError> {
        self.network.check_run(image, &[1])?;
        if image.len() != self.network.image_len() {
            return Err(RunError::Images { got: image.len(), image: self.network.image_len() });
        }
        self.reset();
        self.image = Some((image.to_vec(), index));
        Batch::new(&self.network, &mut self.buffers, 1, 0, threads()).begin(Input::Images(image, index), &mut Watch::Nobody);
        Ok(())
    }

    /// Lets time pass over the image that was started, and returns the logits so far: the same as those of [`Network::run_quantised`] for
    /// as many steps in all.
    ///
    /// # Errors
    /// If no image was started, or a potential might not fit in 32 bits after so many steps.
    pub fn advance(&mut self, steps: usize) -> Result<&[f32], RunError> {
        let Some((image, index)) = &self.image else { return Err(RunError::Images { got: 0, image: self.network.image_len() }) };
        check_steps(&self.network, self.steps + steps)?;
        let mut batch = Batch::new(&self.network, &mut self.buffers, 1, self.steps, threads());
        batch.advance(self.steps + steps, Input::Images(image, *index), &mut Watch::Nobody);
        self.steps += steps;
        Ok(read_out(&batch, self.steps, &mut self.outcome))
    }

    /// Lets time pass over the image that was started until its class is clear, or for so many time steps in all: until the softmax gives
    /// one class at least `confidence`, not of the mean over the steps so far, which is large by chance when these are few, but of the
    /// sum over them divided by all `timesteps`, as if no more spikes were to come. How often a class that is clear so early is not that of
    /// all steps, the network does not know: measure it (`snnc eval --early-exit`).
    ///
    /// # Errors
    /// As [`Session::advance`].
    #[cfg(feature = "std")]
    pub fn advance_until(&mut self, confidence: f32, timesteps: usize) -> Result<&[f32], RunError> {
        while self.steps < timesteps && (self.steps == 0 || self.confidence(timesteps) < confidence) {
            self.advance(1)?;
        }
        Ok(&self.outcome.logits)
    }

    /// One time step with an input of its own, and returns the logits so far. With Poisson coding the input is spikes, -1, 0 or 1, one
    /// for every entry; with direct coding currents, as [`Network::quantise`] makes them.
    ///
    /// # Errors
    /// If it is not one number for every entry, one is out of range, or a potential might not fit in 32 bits after one more step.
    pub fn step(&mut self, input: &[i32]) -> Result<&[f32], RunError> {
        let spec = &self.network.spec.input;
        if input.len() != self.network.image_len() {
            return Err(RunError::Images { got: input.len(), image: self.network.image_len() });
        }
        let top = spec.quantiser.top();
        let range = if spec.coding == Coding::Poisson { -1..=1 } else { 0..=i32::from(top) };
        if let Some(index) = input.iter().position(|number| !range.contains(number)) {
            return Err(RunError::Range { image: 0, index, max: if spec.coding == Coding::Poisson { 1 } else { top } });
        }
        check_steps(&self.network, self.steps + 1)?;
        self.image = None;
        let mut batch = Batch::new(&self.network, &mut self.buffers, 1, self.steps, threads());
        // What the constant image makes, the input of this step makes now.
        batch.begin(Input::Step(input), &mut Watch::Nobody);
        batch.pass(1, Input::Step(input), &mut Watch::Nobody);
        self.steps += 1;
        Ok(read_out(&batch, self.steps, &mut self.outcome))
    }

    /// What the softmax gives the largest logit, if nothing comes in the rest of so many time steps.
    #[cfg(feature = "std")]
    fn confidence(&self, timesteps: usize) -> f32 {
        let logits = &self.outcome.logits;
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let part = self.steps as f32 / timesteps as f32;
        1.0 / logits.iter().map(|logit| ((logit - most) * part).exp()).sum::<f32>()
    }

    /// Time steps so far.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// What the network has made so far: logits, spikes and operations of one image.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

/// Whether potentials fit in 32 bits after so many steps.
fn check_steps(network: &Network, steps: usize) -> Result<(), RunError> {
    let max = network.max_timesteps();
    if steps > max { Err(RunError::Potentials { got: steps, max }) } else { Ok(()) }
}

fn read_out<'o>(batch: &Batch<'_>, steps: usize, outcome: &'o mut Outcome) -> &'o [f32] {
    outcome.images = 0;
    outcome.timesteps = steps;
    for numbers in [&mut outcome.spikes, &mut outcome.corrections, &mut outcome.synaptic_ops] {
        numbers.clear();
    }
    outcome.logits.clear();
    batch.read_out(outcome);
    &outcome.logits
}
