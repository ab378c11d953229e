//! What can be typed of locked read-outs: `keygen`, `lock` and `unlock`.

use super::secrets::{Closing, Opening};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// Arguments of `keygen`.
#[derive(Args, Clone, Debug)]
pub struct KeygenArgs {
    /// Write the key here, into a new file that its owner alone may read; whoever has it reads every answer
    #[arg(value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub key: PathBuf,
}

/// Arguments of `lock`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "docs/locked-readout.md says what this protects, and what it does not. The cryptography is unaudited.")]
pub struct LockArgs {
    /// The spiking network
    #[arg(value_name = "MODEL.snn", value_hint = ValueHint::FilePath)]
    pub artifact: PathBuf,
    /// The key, as `snnc keygen` makes it
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub key: PathBuf,
    /// Write the locked network here; a second lock of the same network has other bytes
    #[arg(short = 'o', value_name = "LOCKED.snn", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub opening: Opening,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub closing: Closing,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `unlock`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "Nothing of what is read here must go back to where the answers come from: see docs/locked-readout.md.")]
pub struct UnlockArgs {
    /// What `snnc run` wrote of a locked network
    #[arg(value_name = "ANSWERS", value_hint = ValueHint::FilePath)]
    pub answers: PathBuf,
    /// The key that the network was locked with
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub key: PathBuf,
    /// Write the logits here (float32, one row per image) instead of printing the classes
    #[arg(short = 'o', value_name = "LOGITS.npy", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}
