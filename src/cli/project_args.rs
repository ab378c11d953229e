//! What can be typed of projects: `build` and `cache`.

use clap::{Args, Subcommand, ValueHint};
use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

const PROJECT: &str = "\
snnc.toml, in this folder or one above:

  [options]                          # of all models; names are those of the command line
  audit = \"none\"

  [models.resnet20]
  model = \"models/resnet20.onnx\"     # paths are relative to the file
  artifact = \"build/resnet20.snn\"    # build/NAME.snn if it is left out
  timesteps = 8
  mean = [0.485, 0.456, 0.406]

docs/building.md says more.

Exit codes: 0 done, 1 a gate said no, 2 error.";

/// Arguments of `build`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = PROJECT)]
pub struct BuildArgs {
    /// Models to build, by name [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Models that are compiled at a time [default: as many as there are cores]
    #[arg(short = 'j', long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// The project [default: snnc.toml, here or in the nearest folder above]
    #[arg(long, value_name = "FILE.toml", value_hint = ValueHint::FilePath)]
    pub project: Option<PathBuf>,
    /// Fail, and write nothing, where what was read or what comes of it is not what snnc.lock says
    #[arg(long)]
    pub locked: bool,
    /// Say why each model is made again
    #[arg(long)]
    pub explain: bool,
    /// What was made before is kept here
    /// [default: SNNC_CACHE_DIR, or `snnc` in the user's folder for caches]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cache_dir: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Name models that are up to date, too
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `cache`.
#[derive(Args, Clone, Debug)]
pub struct CacheArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: CacheAction,
}

/// What can be done with the cache.
#[derive(Clone, Debug, Subcommand)]
pub enum CacheAction {
    /// Say where it is and what it holds
    Stat {
        /// The cache [default: SNNC_CACHE_DIR, or `snnc` in the user's folder for caches]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        cache_dir: Option<PathBuf>,
    },
    /// Forget builds, those first that were used longest ago, and remove files that no build is left of
    Gc {
        /// The cache [default: SNNC_CACHE_DIR, or `snnc` in the user's folder for caches]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        cache_dir: Option<PathBuf>,
        /// Most bytes to keep, as `500M` or `2G`
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        max_size: Option<u64>,
        /// Forget what was not used for so long, as `12h` or `30d`
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        older_than: Option<Duration>,
    },
}

fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("K", 1000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];
    measured(text, &units).ok_or_else(|| "want a number of bytes, or one with K, M, G or T, as `500M`".into())
}

fn parse_age(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    measured(text, &units).map(Duration::from_secs).ok_or_else(|| "want seconds, or a number with s, m, h, d or w, as `30d`".into())
}

/// A whole number, with one of these units or none.
fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor))).unwrap_or((text, 1));
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_have_units() {
        assert_eq!((parse_size("500M"), parse_size("12")), (Ok(500_000_000), Ok(12)));
        assert!(parse_size("M").is_err() && parse_size("1 G").is_err() && parse_size("99999999T").is_err());
        assert_eq!(parse_age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert!(parse_age("d").is_err());
    }
}
