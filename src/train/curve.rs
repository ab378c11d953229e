//! How a training went, and how it ended.

/// One pass over the samples, as it went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Mean loss of its batches; none for the network before training.
    pub loss: Option<f64>,
    /// Loss on held-out samples after it.
    pub held_out_loss: f64,
    /// Held-out samples for which the spiking network chooses the float network's class, of how many.
    pub agreeing: (usize, usize),
}

/// How much larger than before training the loss on held-out samples may be, where as many of them are answered like the float network
/// answers: so much is chance, and trained weights are worth having for themselves.
const SLACK: f64 = 1.25;

impl Epoch {
    pub(super) fn is_no_worse_than(&self, start: &Self) -> bool {
        let (loss, before) = (self.held_out_loss, start.held_out_loss);
        loss <= before || self.agreeing.0 >= start.agreeing.0 && loss <= SLACK * before
    }
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs were made.
    Finished,
    /// Held-out samples had not been answered better for many epochs.
    Settled,
    /// Its time was up.
    OutOfTime,
    /// The user wanted it to stop.
    Interrupted,
    /// Numbers went out of bounds: the network before training is what remains.
    Diverged,
}

impl End {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Settled => "settled",
            Self::OutOfTime => "out of time",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
        }
    }
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The parameters at the best place on the curve.
    pub values: Vec<Vec<f32>>,
    /// Before training, and after every epoch.
    pub curve: Vec<Epoch>,
    /// The best place on the curve, by the loss on held-out samples; 0 is the network before training, where no epoch came up to it.
    pub best: usize,
    /// How it ended.
    pub end: End,
}
