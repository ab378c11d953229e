//! Where the parts of a file are.

use std::collections::BTreeMap;

/// The parts of a safetensors file.
#[derive(Debug, Default)]
pub(crate) struct Container {
    /// Places of the tensors in the file by where they begin.
    tensors: BTreeMap<usize, (usize, String)>,
}

impl Container {
    /// Of the bytes of a file. What cannot be read is left out: then everything is payload.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self::parse(bytes).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let payload = 8 + header.len();
        let fields: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
        let mut tensors = BTreeMap::new();
        for (name, field) in fields {
            let offset = |k: usize| usize::try_from(field.get("data_offsets")?.get(k)?.as_u64()?).ok()?.checked_add(payload);
            if let (Some(begin), Some(end)) = (offset(0), offset(1)) {
                tensors.insert(begin, (end, name));
            }
        }
        Some(Self { tensors })
    }

    /// The tensor that a byte belongs to.
    pub(crate) fn tensor_at(&self, offset: usize) -> Option<&str> {
        let (_, (end, name)) = self.tensors.range(..=offset).next_back()?;
        (offset < *end).then_some(name)
    }

    /// A place in words.
    pub(crate) fn place(&self, offset: usize) -> String {
        match self.tensor_at(offset) {
            Some(name) => format!("bytes at offset {offset}, in tensor `{name}`"),
            None => format!("bytes at offset {offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_belong_to_tensors() {
        let header = br#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend([0; 12]);
        let container = Container::read(&bytes);
        let start = 8 + header.len();
        let at = |k| container.tensor_at(start + k);
        assert_eq!((at(0), at(3), at(4), at(11), at(12), container.tensor_at(9)), (Some("a"), Some("a"), Some("b"), Some("b"), None, None));
        assert_eq!(container.place(start + 4), format!("bytes at offset {}, in tensor `b`", start + 4));
        assert_eq!(Container::read(&[255; 20]).tensor_at(3), None);
    }
}
