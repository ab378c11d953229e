//! The state of a training on disk, so that one that was cut off can go on: the same bytes come out as if it had not been.
//!
//! A checkpoint is one safetensors file, replaced as a whole after every epoch. It holds the weights as they are, those of the source
//! network among them: keep it as private as the model, or encrypt it.

use super::{
    curve::{End, Epoch},
    state::State,
};
use crate::error::{Error, Result};
use safetensors::{Dtype, SafeTensors, View, serialize};
use serde_json::{Value, json};
use snnc_vault::Envelope;
use std::{
    borrow::Cow,
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
};

/// Where a training keeps its state.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    /// Of everything that shapes the training: a checkpoint of another is not taken up.
    fingerprint: String,
    /// Whether to go on from what is there.
    resume: bool,
    kept: Envelope,
}

/// Name of the file in the folder.
const FILE: &str = "training.safetensors";

impl Checkpoint {
    /// A checkpoint in a folder, which is made if need be, of a training that `fingerprint` tells from all others. `kept` says how.
    #[must_use]
    pub fn new(folder: &Path, fingerprint: String, resume: bool, kept: Envelope) -> Self {
        Self { folder: folder.to_owned(), fingerprint, resume, kept }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Keeps the state.
    pub(super) fn save(&self, state: &State) -> Result<()> {
        let mut tensors: Vec<(String, Floats<'_>)> = Vec::new();
        let lists = [
            ("now", &state.values),
            ("average", &state.average),
            ("best", &state.result.values),
            ("first", &state.optimiser.moments[0]),
            ("second", &state.optimiser.moments[1]),
        ];
        for (name, list) in lists {
            tensors.extend(list.iter().enumerate().map(|(k, values)| (format!("{name}.{k}"), Floats(values, [values.len()]))));
        }
        let curve = state.result.curve.iter().map(|e| json!([e.loss, e.held_out_loss, e.agreeing.0, e.agreeing.1]));
        let about = json!({
            "fingerprint": self.fingerprint,
            "steps": state.optimiser.done,
            "best": state.result.best,
            "curve": curve.collect::<Vec<_>>(),
        });
        let metadata = HashMap::from([("snnc-training".to_owned(), about.to_string())]);
        let bytes = serialize(tensors, Some(metadata)).map_err(|e| Error::Internal(format!("a checkpoint cannot be written: {e}")))?;
        let path = self.path();
        let bytes = self.kept.close(bytes).map_err(|e| Error::format(&path, e.to_string()))?;
        std::fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(|e| Error::io(&path, e))?;
        file.persist(&path).map_err(|e| Error::io(&path, e.error))?;
        Ok(())
    }

    /// Takes up the state that was kept, if there is one and it is wanted.
    pub(super) fn load(&self, state: &mut State) -> Result<()> {
        let path = self.path();
        if !self.resume || !path.exists() {
            return Ok(());
        }
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
        let bytes = self.kept.open(&bytes).map_err(|e| Error::format(&path, e.to_string()))?;
        let broken = |what: &str| Error::format(&path, format!("this is no checkpoint of a training: {what}; delete it to start anew"));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(&e.to_string()))?;
        let about = metadata.metadata().as_ref().and_then(|m| m.get("snnc-training")).ok_or_else(|| broken("it says nothing about one"))?;
        let about: Value = serde_json::from_str(about).map_err(|e| broken(&e.to_string()))?;
        if about["fingerprint"] != self.fingerprint.as_str() {
            return Err(Error::format(
                &path,
                "this checkpoint is of another model, another version of snnc or other options; give those, or another `--checkpoint` folder",
            ));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|e| broken(&e.to_string()))?;
        let fill = |name: &str, list: &mut [Vec<f32>]| -> Result<()> {
            for (k, values) in list.iter_mut().enumerate() {
                let tensor = file.tensor(&format!("{name}.{k}")).map_err(|e| broken(&e.to_string()))?;
                if tensor.dtype() != Dtype::F32 || tensor.shape() != [values.len()] {
                    return Err(broken("a tensor has another shape"));
                }
                let floats = tensor.data().as_chunks::<4>().0;
                values.iter_mut().zip(floats).for_each(|(v, b)| *v = f32::from_le_bytes(*b));
            }
            Ok(())
        };
        fill("now", &mut state.values)?;
        fill("average", &mut state.average)?;
        fill("best", &mut state.result.values)?;
        let [first, second] = &mut state.optimiser.moments;
        fill("first", first)?;
        fill("second", second)?;
        let number = |value: &Value| value.as_u64().map(|v| v as usize);
        let epoch = |value: &Value| {
            Some(Epoch { loss: value[0].as_f64(), held_out_loss: value[1].as_f64()?, agreeing: (number(&value[2])?, number(&value[3])?) })
        };
        let curve = about["curve"].as_array().and_then(|list| list.iter().map(epoch).collect::<Option<Vec<_>>>());
        let (curve, best, steps) = (curve.filter(|c| !c.is_empty()), number(&about["best"]), number(&about["steps"]));
        let (Some(curve), Some(best), Some(steps)) = (curve, best, steps) else { return Err(broken("its numbers cannot be read")) };
        if best >= curve.len() {
            return Err(broken("its numbers contradict each other"));
        }
        state.optimiser.done = steps;
        (state.result.curve, state.result.best, state.result.end) = (curve, best, End::Finished);
        Ok(())
    }
}

/// Floats as a tensor of one axis.
struct Floats<'a>(&'a [f32], [usize; 1]);

impl View for Floats<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.1
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.0.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        4 * self.0.len()
    }
}
