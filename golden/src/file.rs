//! The golden file: JSON for people and for `git diff`, one value a line, always in the same order.

use crate::{
    ann::Ann,
    counts::Counts,
    error::{Error, Result},
    leakage::Leakage,
    measure::OWN,
    tolerances::Tolerances,
};
use serde::{Deserialize, Serialize};
use snnc_runtime::{Cost, Energy, Network};
use std::{fs, io::ErrorKind, path::Path};

/// The version of the file that is written, and the only one that is read.
pub const VERSION: u64 = 1;

/// What an artifact does with images. All numbers are sums over all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Always [`VERSION`].
    pub golden_version: u64,
    /// The version of snnc that blessed it. For people: it is not compared.
    pub snnc: String,
    /// The artifact that was blessed. Its digest is for people, and tells a change of the artifact from a bug of the runtime.
    pub artifact: File,
    /// The images.
    pub data: Data,
    /// How far numbers may be off, written by hand.
    #[serde(default, skip_serializing_if = "Tolerances::is_exact")]
    pub tolerances: Tolerances,
    /// Time steps of an image.
    pub time: Time,
    /// Images whose class is that of the file.
    pub correct: usize,
    /// Energy.
    pub energy: EnergyOf,
    /// Spikes of every layer that makes some, corrections included.
    pub spikes: Counts,
    /// Accumulations of every layer that has synapses.
    pub synaptic_ops: Counts,
    /// What the best attacks got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leakage: Option<Leakage>,
    /// What the float network said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ann: Option<Ann>,
    /// The class of each image.
    pub classes: Vec<usize>,
}

/// A file by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// Images with classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The `.npz` file, from the folder of the golden file, with `/` between the parts.
    pub file: String,
    /// SHA-256 of it.
    pub sha256: String,
    /// How many images it holds.
    pub images: usize,
}

/// Time steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Time steps of a run; in the radix code, digits of the longest window.
    pub timesteps: usize,
    /// Time steps until the answer to an image is there.
    pub latency: usize,
    /// Time steps from one image to the next in a pipeline.
    pub interval: usize,
    /// Bits that wait in delay lines.
    pub delay_bits: u64,
}

/// An energy, with the constants that it was computed with: a later version with others computes it with these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyOf {
    /// Picojoules of a multiplication with accumulation.
    pub mac_pj: f64,
    /// Picojoules of an accumulation.
    pub ac_pj: f64,
    /// Picojoules of all images, to the nearest whole one.
    pub total_pj: u64,
}

impl Time {
    /// Of a network, for as many time steps as it was made for.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let schedule = network.schedule();
        let (latency, interval, delay_bits) = (schedule.latency, schedule.interval, schedule.delay_bits);
        Self { timesteps: network.spec().timesteps, latency, interval, delay_bits }
    }
}

impl EnergyOf {
    /// The constants of this version, and no energy.
    pub const OWN: Self = Self { mac_pj: OWN.mac, ac_pj: OWN.ac, total_pj: 0 };

    /// What images cost with these constants.
    #[must_use]
    pub fn of(self, cost: &Cost) -> Self {
        let each = cost.energy_pj(Energy { mac: self.mac_pj, ac: self.ac_pj });
        Self { total_pj: (each * cost.images as f64).round() as u64, ..self }
    }
}

impl Golden {
    /// Reads a golden file.
    ///
    /// # Errors
    /// If it cannot be read, or is no golden file of this version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Self::parse(&text).map_err(|problem| Error::format(path, problem))
    }

    /// As [`Golden::read`], if there is such a file.
    ///
    /// # Errors
    /// As [`Golden::read`].
    pub fn find(path: &Path) -> Result<Option<Self>> {
        match Self::read(path) {
            Err(Error::File(snnc_data::Error::Io { source, .. })) if source.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            golden_version: u64,
        }
        let broken = |e: serde_json::Error| format!("is no golden file: {e}");
        let Version { golden_version } = serde_json::from_str(text).map_err(broken)?;
        if golden_version != VERSION {
            return Err(format!(
                "is a golden file of version {golden_version}, and this snnc knows version {VERSION}: check it with the snnc that blessed it, \
                 or delete it and bless anew"
            ));
        }
        let golden: Self = serde_json::from_str(text).map_err(broken)?;
        golden.problem().map_or(Ok(golden), Err)
    }

    /// What its fields contradict each other in, or hold that they must not.
    fn problem(&self) -> Option<String> {
        let images = self.data.images;
        let lists = [("classes", Some(self.classes.len())), ("ann.classes", self.ann.as_ref().map(|ann| ann.classes.len()))];
        let counts = [("correct", Some(self.correct)), ("ann.agreeing", self.ann.as_ref().map(|ann| ann.agreeing))];
        if let Some((name, Some(len))) = lists.into_iter().find(|(_, len)| len.is_some_and(|len| len != images)) {
            return Some(format!("`{name}` has {len} entries for {images} images: bless it anew"));
        }
        if let Some((name, Some(count))) = counts.into_iter().find(|(_, count)| count.is_some_and(|count| count > images)) {
            return Some(format!("`{name}` is {count} of {images} images: bless it anew"));
        }
        if [self.energy.mac_pj, self.energy.ac_pj].iter().any(|pj| !(0.0..=1e6).contains(pj)) {
            return Some("`energy` has constants that are none: bless it anew".to_owned());
        }
        self.tolerances.problem()
    }

    /// The text of the file: indented, with a line break at the end, the same for the same content.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("keys are texts and numbers are finite");
        text.push('\n');
        text
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let staged = path.with_extension("json.new");
        let written = fs::write(&staged, self.to_text()).and_then(|()| fs::rename(&staged, path));
        written.map_err(|e| {
            // What is left of it is of no use to anybody.
            let _ = fs::remove_file(&staged);
            Error::io(path, e)
        })
    }
}
