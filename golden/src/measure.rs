//! What is counted while images run. All counts are whole numbers, so that they do not depend on which images ran together.

use crate::error::{Error, Result};
use snnc_data::{Images, Plan};
use snnc_runtime::{Energy, Network, Outcome, Totals};
use std::{
    ops::{ControlFlow, Range},
    path::Path,
};

/// Numbers that an artifact is made of: products of 8 bits, sums of 32.
pub const OWN: Energy = Energy::INT8_45NM;

/// Is told how many images are done, and may want the run to stop.
pub type Watch<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// Images as a network reads them.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// As the file has them.
    pub images: Images,
    plan: Plan,
}

impl Inputs {
    /// Images for a network.
    ///
    /// # Errors
    /// If they do not fit its input.
    pub fn new(images: Images, network: &Network) -> Result<Self> {
        let input = &network.spec().input;
        let plan = Plan::new(&images, &input.shape, Some(input.layout), &input.preprocess)?;
        Ok(Self { images, plan })
    }

    /// Number of images.
    #[must_use]
    pub fn count(&self) -> usize {
        self.images.count
    }

    /// The class of each image, a number below `known`; empty where the file has no classes.
    ///
    /// # Errors
    /// If one is not among the classes that the network knows.
    pub fn classes(&self, known: usize) -> Result<Vec<usize>> {
        let class = |&label: &i64| {
            usize::try_from(label).ok().filter(|&label| label < known).ok_or_else(|| {
                let last = known.saturating_sub(1);
                Error::format(&self.images.path, format!("array `y` holds the class {label}, but the network knows 0 to {last}"))
            })
        };
        self.images.labels.iter().flatten().map(class).collect()
    }

    /// As many images at a time as the network runs well.
    pub fn parts(&self, network: &Network) -> impl Iterator<Item = Range<usize>> + use<> {
        let (count, size) = (self.count(), network.images_at_once());
        (0..count).step_by(size).map(move |first| first..count.min(first + size))
    }

    /// Images of a range as the network's input, image after image.
    ///
    /// # Panics
    /// If the range leaves the images.
    #[must_use]
    pub fn convert(&self, range: Range<usize>) -> Vec<f32> {
        self.plan.convert(&self.images, range)
    }

    /// Runs images of a range, for as many time steps as the network was made for.
    ///
    /// # Errors
    /// If the network does not run them.
    ///
    /// # Panics
    /// As [`Inputs::convert`].
    pub fn run(&self, network: &Network, range: Range<usize>) -> Result<Outcome> {
        let first = range.start as u64;
        let refused = |e: snnc_runtime::RunError| Error::format(&self.images.path, e.to_string());
        network.run(&self.convert(range), network.spec().timesteps, first).map_err(refused)
    }
}

/// What images came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The class of each image, in order.
    pub predictions: Vec<usize>,
    /// How many of them are right.
    pub right: usize,
    /// Spikes and operations.
    pub totals: Totals,
}

impl Sums {
    /// Adds what the network made of the next images, whose classes are these; none where nobody knows.
    pub fn add(&mut self, outcome: &Outcome, classes: &[usize]) {
        let predictions = outcome.predictions();
        self.right += same(&predictions, classes);
        self.predictions.extend(predictions);
        self.totals.add(outcome);
    }
}

/// In how many places two lists of classes are the same.
#[must_use]
pub fn same(a: &[usize], b: &[usize]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a == b).count()
}

/// Runs all images with classes that a file has.
///
/// # Errors
/// If the file has no such images, they do not fit the network, or the watch wants to stop.
pub(crate) fn measure(network: &Network, data: &Path, watch: &mut Watch<'_>) -> Result<Sums> {
    let inputs = Inputs::new(Images::read_labelled(data)?, network)?;
    let classes = inputs.classes(network.classes())?;
    let mut sums = Sums::default();
    for part in inputs.parts(network) {
        sums.add(&inputs.run(network, part.clone())?, &classes[part.clone()]);
        if watch(part.end).is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(sums)
}
