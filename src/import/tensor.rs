//! Values of tensors: from the file itself or from data files beside it.
//!
//! Leaves 32-bit floats (from 16, 32 and 64 bits), 64-bit integers or booleans. Sizes are checked against the bytes that
//! are there before anything is allocated, and data files must lie in the model's folder.

use super::{
    constant::Data,
    problem::{Outcome, external_data, malformed, unsupported_use},
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};
use tract_onnx::pb::{
    self,
    tensor_proto::{DataLocation, DataType},
};

/// The data files of a model.
#[derive(Clone)]
pub(super) struct DataFiles {
    folder: PathBuf,
    /// Files that tensors were read from.
    used: BTreeSet<PathBuf>,
}

impl DataFiles {
    /// For a model at `path`.
    pub fn beside(path: &Path) -> Self {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { folder: folder.to_owned(), used: BTreeSet::new() }
    }

    /// The files that were read, in the order of their names.
    pub fn used(&self) -> Vec<PathBuf> {
        self.used.iter().cloned().collect()
    }

    fn resolve(&self, location: &str) -> Outcome<PathBuf> {
        let outside = || {
            external_data(format!("data file `{location}` lies outside of the model's folder"))
                .note("a model may only read files beside it")
                .help("move the data file into the model's folder, or save the model with `onnx.save_model(model, path, save_as_external_data=False)`")
        };
        let relative = Path::new(location);
        if location.is_empty() || relative.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
            return Err(outside().into());
        }
        let path = self.folder.join(relative);
        let missing = |error: std::io::Error| {
            external_data(format!("data file `{location}` cannot be read"))
                .note(error.to_string())
                .help("put the data file that was exported with the model into the model's folder")
        };
        let canonical = path.canonicalize().map_err(missing)?;
        if !canonical.starts_with(self.folder.canonicalize().map_err(missing)?) {
            return Err(outside().note("it is a symbolic link that leaves the folder").into());
        }
        if !canonical.is_file() {
            return Err(external_data(format!("data file `{location}` is not a file")).into());
        }
        Ok(path)
    }

    /// The bytes of an external tensor, which must be as many as `needed`.
    fn read(&mut self, tensor: &pb::TensorProto, needed: usize) -> Outcome<Vec<u8>> {
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let number = |key: &str| -> Outcome<Option<u64>> {
            let value = entry(key).map(str::trim).filter(|v| !v.is_empty());
            let bad = |v| malformed(format!("tensor `{}` has the {key} `{v}` in its data file", tensor.name));
            value.map(|v| v.parse().map_err(|_| bad(v).into())).transpose()
        };
        let location = entry("location").unwrap_or_default();
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let path = self.resolve(location)?;
        let unreadable = |error: std::io::Error| external_data(format!("data file `{location}` cannot be read")).note(error.to_string());
        let mut file = File::open(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let length = length.unwrap_or_else(|| size.saturating_sub(offset));
        if length != needed as u64 {
            return Err(wrong_size(tensor, needed, length).into());
        }
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(external_data(format!("tensor `{}` lies beyond the end of data file `{location}`", tensor.name))
                .note(format!("it starts at byte {offset} and is {length} bytes long; the file has {size}"))
                .help("the data file is damaged or belongs to another model: export both again")
                .into());
        }
        let mut bytes = vec![0; needed];
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(unreadable)?;
        self.used.insert(path);
        Ok(bytes)
    }
}

fn wrong_size(tensor: &pb::TensorProto, needed: usize, found: u64) -> snnc_ir::Diagnostic {
    malformed(format!("tensor `{}` holds {found} bytes where its shape needs {needed}", tensor.name))
        .note(format!("its shape is {:?}", tensor.dims))
        .help("the file is damaged: export the model again")
}

/// Shape and values of a tensor.
pub(super) fn load(tensor: &pb::TensorProto, files: &mut DataFiles) -> Outcome<(Vec<usize>, Data)> {
    let too_large = || malformed(format!("tensor `{}` has a shape that no file can fill", tensor.name)).note(format!("{:?}", tensor.dims));
    let mut dims = Vec::with_capacity(tensor.dims.len());
    for &dim in &tensor.dims {
        let dim = usize::try_from(dim)
            .map_err(|_| malformed(format!("tensor `{}` has a negative dimension", tensor.name)).note(format!("{:?}", tensor.dims)))?;
        dims.push(dim);
    }
    // Zeros count as ones here, so that no order of multiplication can overflow later.
    let bound = dims.iter().try_fold(8usize, |n, &d| n.checked_mul(d.max(1))).ok_or_else(too_large)?;
    let len = if dims.contains(&0) { 0 } else { bound / 8 };

    let unknown = || {
        unsupported_use(format!("tensor `{}` has an element type that is not supported", tensor.name))
            .help("store weights as float32 or float16; quantised and complex tensors cannot be converted")
    };
    let ty = DataType::try_from(tensor.data_type).map_err(|_| unknown())?;
    let width = match ty {
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 1,
        _ => return Err(unknown().note(format!("it holds {}", ty.as_str_name())).into()),
    };
    let needed = len.checked_mul(width).ok_or_else(too_large)?;
    let external = tensor.data_location == Some(DataLocation::External as i32);
    let data = if external {
        from_bytes(ty, &files.read(tensor, needed)?)
    } else if !tensor.raw_data.is_empty() {
        if tensor.raw_data.len() != needed {
            return Err(wrong_size(tensor, needed, tensor.raw_data.len() as u64).into());
        }
        from_bytes(ty, &tensor.raw_data)
    } else {
        from_fields(ty, tensor)
    };
    let data = data.ok_or_else(|| malformed(format!("tensor `{}` holds integers beyond 64 bits", tensor.name)))?;
    if data.len() != len {
        return Err(malformed(format!("tensor `{}` holds {} values where its shape needs {len}", tensor.name, data.len()))
            .note(format!("its shape is {:?}", tensor.dims))
            .into());
    }
    Ok((dims, data))
}

fn from_bytes(ty: DataType, bytes: &[u8]) -> Option<Data> {
    fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| f(chunk)).collect()
    }
    Some(match ty {
        DataType::Float => Data::Float(each(bytes, f32::from_le_bytes)),
        DataType::Double => Data::Float(each(bytes, |b| f64::from_le_bytes(b) as f32)),
        DataType::Float16 => Data::Float(each(bytes, |b| half(u16::from_le_bytes(b)))),
        DataType::Bfloat16 => Data::Float(each(bytes, |b| brain(u16::from_le_bytes(b)))),
        DataType::Int64 => Data::Int(each(bytes, i64::from_le_bytes)),
        DataType::Uint64 => return unsigned(each(bytes, u64::from_le_bytes)),
        DataType::Int32 => Data::Int(each(bytes, |b| i32::from_le_bytes(b).into())),
        DataType::Uint32 => Data::Int(each(bytes, |b| u32::from_le_bytes(b).into())),
        DataType::Int16 => Data::Int(each(bytes, |b| i16::from_le_bytes(b).into())),
        DataType::Uint16 => Data::Int(each(bytes, |b| u16::from_le_bytes(b).into())),
        DataType::Int8 => Data::Int(each(bytes, |b| i8::from_le_bytes(b).into())),
        DataType::Uint8 => Data::Int(bytes.iter().map(|&b| b.into()).collect()),
        DataType::Bool => Data::Bool(bytes.iter().map(|&b| b != 0).collect()),
        _ => return None,
    })
}

fn from_fields(ty: DataType, tensor: &pb::TensorProto) -> Option<Data> {
    // 16-bit floats travel as bit patterns in the low half of a 32-bit field.
    let bits = |f: fn(u16) -> f32| Data::Float(tensor.int32_data.iter().map(|&v| f(v as u16)).collect());
    Some(match ty {
        DataType::Float => Data::Float(tensor.float_data.clone()),
        DataType::Double => Data::Float(tensor.double_data.iter().map(|&v| v as f32).collect()),
        DataType::Float16 => bits(half),
        DataType::Bfloat16 => bits(brain),
        DataType::Int64 => Data::Int(tensor.int64_data.clone()),
        DataType::Uint64 | DataType::Uint32 => return unsigned(tensor.uint64_data.clone()),
        DataType::Int32 | DataType::Int16 | DataType::Uint16 | DataType::Int8 | DataType::Uint8 => {
            Data::Int(tensor.int32_data.iter().map(|&v| v.into()).collect())
        }
        DataType::Bool => Data::Bool(tensor.int32_data.iter().map(|&v| v != 0).collect()),
        _ => return None,
    })
}

fn unsigned(values: Vec<u64>) -> Option<Data> {
    values.into_iter().map(|v| i64::try_from(v).ok()).collect::<Option<_>>().map(Data::Int)
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// The upper half of a 32-bit float.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that fails may panic, and says what it skips")]
mod tests {
    use super::*;

    #[test]
    fn half_precision() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0)] {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xfc00), f32::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn data_files_stay_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("model");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(dir.path().join("secret"), b"12345678").unwrap();
        std::fs::write(inside.join("weights"), b"12345678").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), inside.join("link")).unwrap();
        let files = DataFiles::beside(&inside.join("model.onnx"));
        assert!(files.resolve("weights").is_ok());
        assert!(files.resolve("./weights").is_ok());
        for location in ["", "../secret", "link", "/etc/passwd", "absent", "."] {
            assert_eq!(files.resolve(location).unwrap_err().code, "E0106", "{location}");
        }
    }
}
