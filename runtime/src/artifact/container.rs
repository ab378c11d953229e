//! The bytes of an artifact.

#[cfg(feature = "std")]
use super::content::Content;
use super::{Artifact, Data, FORMAT, FORMAT_VERSION, Links, NetworkSpec, Tensor};
use crate::error::LoadError;
use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

/// The one key of the metadata: they are written in the order of a hash map, so a second would make the bytes differ.
const KEY: &str = "snnc";

/// How an encrypted file begins (age), of whatever version.
const ENCRYPTED: &[u8] = b"age-encryption.org/";

/// The fields that every version has.
#[derive(Deserialize)]
struct Version {
    format: String,
    format_version: u64,
}

impl Artifact {
    /// The bytes of the file: the same for the same artifact, always.
    ///
    /// # Errors
    /// If the artifact violates the specification.
    #[cfg(feature = "std")]
    pub fn to_bytes(&self) -> Result<alloc::vec::Vec<u8>, LoadError> {
        self.check()?;
        // Of which kind the map is, features of `safetensors` say, which a build may turn on.
        let metadata = core::iter::once((KEY.to_owned(), serde_json::to_string(&self.graph)?)).collect();
        let tensors = self.tensors.iter().map(|(name, tensor)| (name.as_str(), Content::Tensor(tensor)));
        let lock = self.graph.output.lock.as_ref().zip(self.lock.as_deref());
        let lock = lock.map(|(lock, bytes)| (lock.tensor.as_str(), Content::Lock(bytes, [bytes.len()])));
        Ok(safetensors::serialize(tensors.chain(lock), Some(metadata))?)
    }

    /// Reads a file and checks everything that the specification demands.
    ///
    /// # Errors
    /// If the bytes are no artifact of this version; see [`LoadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        Ok(Self::read(bytes)?.0)
    }

    /// As [`Artifact::from_bytes`], with the names looked up.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, Links), LoadError> {
        Self::read_with(bytes, Data::from_bytes)
    }

    /// As [`Artifact::read`], of a mapped file: tensors stay in it.
    #[cfg(feature = "mmap")]
    pub(crate) fn open(path: &std::path::Path) -> Result<(Self, Links), LoadError> {
        let Some(file) = super::Mapped::open(path)? else { return Self::read(&std::fs::read(path)?) };
        let file = alloc::sync::Arc::new(file);
        let (artifact, links) = Self::read_with(&file, |dtype, bytes| Data::of_file(dtype, &file, bytes))?;
        // All weights were looked at, for the proof that no sum overflows.
        artifact.tensors.values().for_each(|tensor| tensor.data.release());
        Ok((artifact, links))
    }

    fn read_with(bytes: &[u8], data: impl Fn(Dtype, &[u8]) -> Option<Data>) -> Result<(Self, Links), LoadError> {
        if bytes.starts_with(ENCRYPTED) {
            return Err(LoadError::Encrypted);
        }
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let text = match metadata.metadata() {
            Some(keys) if keys.len() == 1 => keys.get(KEY),
            _ => None,
        };
        let text = text.ok_or(LoadError::NotSnn("its metadata is not the one key `snnc`"))?;
        let version: Version = serde_json::from_str(text)?;
        if version.format != FORMAT {
            return Err(LoadError::NotSnn("`format` is not \"snnc\""));
        }
        if version.format_version != FORMAT_VERSION {
            return Err(LoadError::Version(version.format_version));
        }
        let graph: NetworkSpec = serde_json::from_str(text)?;
        // Before anything else is looked at: it would only be called broken.
        if graph.output.lock.is_some() && !cfg!(feature = "locked") {
            return Err(LoadError::Locked);
        }
        let container = SafeTensors::deserialize(bytes)?;
        let mut tensors = BTreeMap::new();
        let mut lock = None;
        for (name, view) in container.iter() {
            if view.dtype() == Dtype::U8 && graph.output.lock.as_ref().is_some_and(|lock| lock.tensor == name) && view.shape().len() == 1 {
                lock = Some(view.data().to_vec());
                continue;
            }
            let Some(data) = data(view.dtype(), view.data()) else {
                let problem = format!("its type is {}, not I8, I16 or I32", view.dtype());
                return Err(LoadError::Tensor { tensor: name.to_owned(), problem });
            };
            tensors.insert(name.to_owned(), Tensor { dims: view.shape().to_vec(), data });
        }
        let artifact = Self { graph, tensors, lock };
        let links = artifact.link()?;
        Ok((artifact, links))
    }
}
