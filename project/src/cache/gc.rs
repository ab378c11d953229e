//! How much a cache holds, and how it gets smaller.

use super::{Cache, Entry, read_json};
use crate::error::{Error, Result};
use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Builds.
    pub entries: usize,
    /// Files that came of them.
    pub objects: usize,
    /// Bytes of all.
    pub bytes: u64,
}

/// What is to stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Most bytes of files; the builds that were used last stay.
    pub bytes: Option<u64>,
    /// Longest time since a build was used.
    pub age: Option<Duration>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Builds.
    pub entries: usize,
    /// Files.
    pub objects: usize,
    /// Bytes of all.
    pub bytes: u64,
}

struct Kept {
    path: PathBuf,
    used: SystemTime,
    entry: Option<Entry>,
    bytes: u64,
}

impl Cache {
    /// What it holds.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn stat(&self) -> Result<Stat> {
        let (entries, objects) = (self.files("entries")?, self.files("objects")?);
        let bytes = entries.iter().chain(&objects).map(|(_, metadata)| metadata.len()).sum();
        Ok(Stat { entries: entries.len(), objects: objects.len(), bytes })
    }

    /// Forgets builds until the limits are kept, and removes files that no build is left of. A build that goes on meanwhile may have to compile again
    /// what it would have found.
    ///
    /// # Errors
    /// If it cannot be read, or a file not be removed.
    pub fn collect(&self, limits: &Limits) -> Result<Removed> {
        let mut removed = Removed::default();
        let mut remove = |path: &Path, bytes: u64| -> Result<()> {
            fs::remove_file(path).map_err(|e| Error::io(path, e))?;
            removed.bytes += bytes;
            Ok(())
        };
        let mut entries: Vec<Kept> = self.files("entries")?.into_iter().map(|(path, metadata)| kept(path, &metadata)).collect();
        // The last used first; of builds of one moment, by name.
        entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.path.cmp(&b.path)));
        let objects = self.files("objects")?;
        let size = |name: &str| objects.iter().find(|(path, _)| path.ends_with(name)).map_or(0, |(_, metadata)| metadata.len());
        let (mut needed, mut total, mut gone) = (BTreeSet::new(), 0, 0);
        let now = SystemTime::now();
        for Kept { path, used, entry, bytes } in entries {
            let is_old = limits.age.is_some_and(|age| now.duration_since(used).is_ok_and(|since| since > age));
            let fresh: Vec<String> =
                entry.iter().flat_map(|e| &e.outputs).map(|d| d.as_str().to_owned()).filter(|d| !needed.contains(d)).collect();
            let more: u64 = bytes + fresh.iter().map(|name| size(name)).sum::<u64>();
            // Whatever does not fit is left out; what is smaller and older may.
            let fits = limits.bytes.is_none_or(|most| total + more <= most);
            if entry.is_some() && !is_old && fits {
                total += more;
                needed.extend(fresh);
            } else {
                remove(&path, bytes)?;
                gone += 1;
            }
        }
        let is_needed = |path: &Path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| needed.contains(name));
        let mut lost = 0;
        for (path, metadata) in objects.iter().filter(|(path, _)| !is_needed(path)) {
            remove(path, metadata.len())?;
            lost += 1;
        }
        Ok(Removed { entries: gone, objects: lost, ..removed })
    }

    /// All files below one of the cache's folders.
    fn files(&self, name: &str) -> Result<Vec<(PathBuf, Metadata)>> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder().join(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|e| Error::io(&folder, e))?.flatten() {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                    Ok(metadata) => found.push((entry.path(), metadata)),
                    // Another process has removed it.
                    Err(_) => {}
                }
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }
}

fn kept(path: PathBuf, metadata: &Metadata) -> Kept {
    let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Kept { entry: read_json(&path), used, bytes: metadata.len(), path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Inputs, Present};
    use snnc_files::Digest;

    #[test]
    fn what_was_used_last_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let stage = cache.stage().unwrap();
        let keys: Vec<Digest> = (0..4u8).map(|k| Digest::of(&[k])).collect();
        for (k, key) in keys.iter().enumerate() {
            let file = stage.fresh("artifact");
            fs::write(&file, vec![k as u8; 1000]).unwrap();
            cache.keep(key, Inputs::new(), &[file], &stage).unwrap();
            let entry = fs::read_dir(cache.entries_of(key)).unwrap().next().unwrap().unwrap().path();
            let used = SystemTime::now() - Duration::from_secs(1000 * (4 - k as u64));
            fs::File::options().append(true).open(entry).unwrap().set_modified(used).unwrap();
        }
        let stat = cache.stat().unwrap();
        assert_eq!((stat.entries, stat.objects), (4, 4));
        let is_there = || keys.iter().map(|key| cache.find(key, &mut Present::new(folder.path())).is_some()).collect::<Vec<_>>();
        // The first is used again.
        assert!(cache.find(&keys[0], &mut Present::new(folder.path())).is_some());
        let removed = cache.collect(&Limits { bytes: Some(2 * (stat.bytes / 4)), age: None }).unwrap();
        assert_eq!(removed, Removed { entries: 2, objects: 2, bytes: stat.bytes / 2 });
        assert_eq!(is_there(), [true, false, false, true]);
        let removed = cache.collect(&Limits { bytes: None, age: Some(Duration::ZERO) }).unwrap();
        assert_eq!((removed.entries, cache.stat().unwrap()), (2, Stat::default()));
    }
}
