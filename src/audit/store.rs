//! Results in a folder, so that an audit that was cut off goes on where it was.
//!
//! One file a piece of work, named by the hash of its name, so nothing is read that another audit made: a first line says whose it is.

use super::attack::{Loot, Stage};
use super::{
    hygiene::Finding,
    metrics::{Metric, Unit},
    pictures::Pictures,
};
use crate::error::{Error, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use snnc_vault::Envelope;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// A folder of results.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// All that shapes results.
    what: String,
    resume: bool,
    kept: Envelope,
    /// Folders that together hold everything.
    parts: Vec<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    what: String,
    work: String,
    stages: Vec<KeptStage>,
    is_nameless: bool,
    metrics: Vec<KeptMetric>,
    findings: Vec<Finding>,
}

/// A metric, its numbers as bits: as text they would come back with another last one.
#[derive(Serialize, Deserialize)]
struct KeptMetric {
    name: String,
    value: u64,
    interval_95: Option<[u64; 2]>,
    chance: Option<u64>,
    of: usize,
    unit: Unit,
}

impl From<&Metric> for KeptMetric {
    fn from(metric: &Metric) -> Self {
        let Metric { name, value, interval_95, chance, of, unit } = metric.clone();
        Self {
            name,
            value: value.to_bits(),
            interval_95: interval_95.map(|i| i.map(f64::to_bits)),
            chance: chance.map(f64::to_bits),
            of,
            unit,
        }
    }
}

impl From<KeptMetric> for Metric {
    fn from(KeptMetric { name, value, interval_95, chance, of, unit }: KeptMetric) -> Self {
        let interval_95 = interval_95.map(|i| i.map(f64::from_bits));
        Self { name, value: f64::from_bits(value), interval_95, chance: chance.map(f64::from_bits), of, unit }
    }
}

#[derive(Serialize, Deserialize)]
struct KeptStage {
    effort: usize,
    count: usize,
    size: [usize; 3],
    pixels: String,
}

impl Store {
    /// A folder for the results of an audit that `what` describes. Earlier results of the same audit are used if it is to `resume`. They show
    /// reconstructions: `kept` says how.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn new(folder: &Path, what: String, resume: bool, kept: Envelope) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        Ok(Self { folder: folder.to_owned(), what, resume, kept, parts: Vec::new() })
    }

    /// Folders in which the parts of an audit were kept: nothing is made that is not there.
    #[must_use]
    pub fn merged(parts: &[PathBuf], what: String, kept: Envelope) -> Self {
        Self { folder: PathBuf::new(), what, resume: true, kept, parts: parts.to_vec() }
    }

    fn path(&self, folder: &Path, work: &str) -> PathBuf {
        let digest = Sha256::digest(format!("{}\n{work}", self.what).as_bytes());
        let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        folder.join(format!("{name}.audit.json"))
    }

    /// What this work got before, if it is to be taken up again and is there.
    ///
    /// # Errors
    /// If the file cannot be read, or is not what its name says; if parts of an audit lack it.
    pub fn load(&self, work: &str) -> Result<Option<Loot>> {
        if self.parts.is_empty() {
            let path = self.path(&self.folder, work);
            return if self.resume && path.exists() { self.read(&path, work).map(Some) } else { Ok(None) };
        }
        match self.parts.iter().map(|folder| self.path(folder, work)).find(|path| path.exists()) {
            Some(path) => self.read(&path, work).map(Some),
            None => Err(Error::Usage(format!(
                "--merge: none of the folders has what `{work}` got in this audit; make the parts that are missing, with the same files and options"
            ))),
        }
    }

    fn read(&self, path: &Path, work: &str) -> Result<Loot> {
        let broken = |why: String| Error::format(path, format!("is no result of this audit ({why}); delete it"));
        let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
        let bytes = self.kept.open(&bytes).map_err(|e| Error::format(path, e.to_string()))?;
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
        if kept.what != self.what || kept.work != work {
            return Err(broken("it was made by another".to_owned()));
        }
        let stage = |KeptStage { effort, count, size, pixels }| {
            let pixels = BASE64_STANDARD.decode(pixels).map_err(|e| broken(e.to_string()))?;
            if Some(pixels.len()) != size.iter().try_fold(count, |product, &n| product.checked_mul(n)) {
                return Err(broken("its pictures are cut off".to_owned()));
            }
            Ok(Stage { effort, pictures: Pictures { count, size, pixels } })
        };
        let stages = kept.stages.into_iter().map(stage).collect::<Result<_>>()?;
        Ok(Loot {
            stages,
            is_nameless: kept.is_nameless,
            metrics: kept.metrics.into_iter().map(Metric::from).collect(),
            findings: kept.findings,
        })
    }

    /// Keeps what a work got: whole, or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, work: &str, loot: &Loot) -> Result<()> {
        let path = self.path(&self.folder, work);
        let stage = |Stage { effort, pictures: p }: &Stage| KeptStage {
            effort: *effort,
            count: p.count,
            size: p.size,
            pixels: BASE64_STANDARD.encode(&p.pixels),
        };
        let kept = Kept {
            what: self.what.clone(),
            work: work.to_owned(),
            stages: loot.stages.iter().map(stage).collect(),
            is_nameless: loot.is_nameless,
            metrics: loot.metrics.iter().map(KeptMetric::from).collect(),
            findings: loot.findings.clone(),
        };
        let bytes = serde_json::to_vec(&kept).map_err(|e| Error::Internal(format!("a result is no JSON: {e}")))?;
        let bytes = self.kept.close(bytes).map_err(|e| Error::format(&path, e.to_string()))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        file.write_all(&bytes).map_err(|e| Error::io(&path, e))?;
        file.persist(&path).map_err(|e| Error::io(&path, e.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let store = |what: &str, resume| Store::new(root.path(), what.to_owned(), resume, Envelope::default()).unwrap();
        let pictures = Pictures { count: 2, size: [1, 2, 3], pixels: (0..12).collect() };
        let stages = vec![Stage { effort: 3, pictures: pictures.clone() }, Stage { effort: 7, pictures }];
        let loot = Loot { stages, metrics: vec![Metric::share("recognition", 5, 24, Some(0.1))], ..Loot::default() };
        store("a", false).save("work", &loot).unwrap();
        assert_eq!(store("a", true).load("work").unwrap(), Some(loot));
        assert_eq!(store("a", false).load("work").unwrap(), None, "it was not to resume");
        assert_eq!(store("b", true).load("work").unwrap(), None, "another audit");
        assert_eq!(store("a", true).load("other").unwrap(), None);
        let file = fs::read_dir(root.path()).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, b"{").unwrap();
        assert!(store("a", true).load("work").unwrap_err().to_string().contains("delete it"));
    }
}
