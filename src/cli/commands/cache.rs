//! `snnc cache stat|gc`

use super::build::cache_folder;
use crate::{
    cli::{
        numbers::si,
        outcome::Outcome,
        output::print,
        project_args::{CacheAction, CacheArgs},
    },
    error::Error,
};
use snnc_project::{Cache, cache::Limits};
use std::process::ExitCode;

/// Runs the command.
pub(crate) fn run(args: &CacheArgs) -> Outcome {
    match &args.action {
        CacheAction::Stat { cache_dir } => {
            let cache = Cache::open(&cache_folder(cache_dir.as_deref())?)?;
            let stat = cache.stat()?;
            print(format!(
                "folder   {}\nbuilds   {}\nfiles    {}\nsize     {}B\n",
                cache.folder().display(),
                stat.entries,
                stat.objects,
                si(stat.bytes as f64)
            ))?;
        }
        CacheAction::Gc { max_size: None, older_than: None, .. } => {
            return Err(Error::Usage("gc needs to know what is to stay: give --max-size, --older-than, or both".into()).into());
        }
        CacheAction::Gc { cache_dir, max_size, older_than } => {
            let cache = Cache::open(&cache_folder(cache_dir.as_deref())?)?;
            let removed = cache.collect(&Limits { bytes: *max_size, age: *older_than })?;
            print(format!("removed {} builds and {} files, {}B\n", removed.entries, removed.objects, si(removed.bytes as f64)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
