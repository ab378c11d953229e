//! What can be typed of files of NIR.

use super::secrets::{Closing, Opening};
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Arguments of `nir`.
#[derive(Args, Clone, Debug)]
#[command(
    override_usage = "snnc nir [OPTIONS] MODEL.snn -o MODEL.nir\n       snnc nir [OPTIONS] MODEL.nir -o MODEL.snn",
    after_long_help = "docs/nir.md says what NIR can say of a network, and what simulators make of it."
)]
pub struct NirArgs {
    /// The spiking network; or a file of NIR that snnc wrote, to make the network of it again. Its content decides, not its name
    #[arg(value_name = "MODEL.snn|MODEL.nir", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Write the other form here
    #[arg(short = 'o', value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    /// Write nothing if NIR cannot say all of the network, instead of a warning
    #[arg(long)]
    pub strict: bool,
    /// Potentials in the network's own unit, exact whole numbers, `whole`; or divided so that every threshold is 1, and rounded, for simulators
    /// that have one threshold for a layer, `one`: such a file cannot be read back
    #[arg(long, value_name = "whole|one", value_enum, hide_possible_values = true, default_value = "whole")]
    pub thresholds: ThresholdsArg,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub closing: Closing,
}

/// In which unit potentials are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ThresholdsArg {
    /// The network's own.
    Whole,
    /// The threshold.
    One,
}
