//! Values of tensors: from the file itself or from data files beside it.
//!
//! Leaves 32-bit floats (from 8, 16, 32 and 64 bits), 64-bit integers (from 4 bits on) or booleans. Sizes are checked against the bytes that
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
    /// The folder in which the model's file really lies: build systems put links to it, and to its data, elsewhere.
    real: Option<PathBuf>,
    /// Files that tensors were read from.
    used: BTreeSet<PathBuf>,
}

impl DataFiles {
    /// For a model at `path`.
    pub fn beside(path: &Path) -> Self {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
        Self { folder: folder.to_owned(), real, used: BTreeSet::new() }
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
        let is_beside_model = self.real.as_ref().is_some_and(|real| canonical.starts_with(real));
        if !is_beside_model && !canonical.starts_with(self.folder.canonicalize().map_err(missing)?) {
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

/// Shape, values and element type of a tensor.
pub(super) type Loaded = (Vec<usize>, Data, DataType);

/// The shape of the tensor `name`, and its number of entries.
pub(super) fn shape(name: &str, given: &[i64]) -> Outcome<(Vec<usize>, usize)> {
    let too_large = || malformed(format!("tensor `{name}` has a shape that no file can fill")).note(format!("{given:?}"));
    let mut dims = Vec::with_capacity(given.len());
    for &dim in given {
        let negative = || malformed(format!("tensor `{name}` has a negative dimension")).note(format!("{given:?}"));
        dims.push(usize::try_from(dim).map_err(|_| negative())?);
    }
    // Zeros count as ones here, so that no order of multiplication can overflow later.
    let bound = dims.iter().try_fold(8usize, |n, &d| n.checked_mul(d.max(1))).ok_or_else(too_large)?;
    let len = if dims.contains(&0) { 0 } else { bound / 8 };
    Ok((dims, len))
}

/// Reads a tensor.
pub(super) fn load(tensor: &pb::TensorProto, files: &mut DataFiles) -> Outcome<Loaded> {
    let (dims, len) = shape(&tensor.name, &tensor.dims)?;

    let unknown = || {
        unsupported_use(format!("tensor `{}` has an element type that is not supported", tensor.name))
            .help("store weights as floats of 16 or 32 bits, or as integers behind a `DequantizeLinear`")
    };
    let ty = DataType::try_from(tensor.data_type).map_err(|_| unknown())?;
    let bits = match ty {
        DataType::Double | DataType::Int64 | DataType::Uint64 => 64,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 32,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 16,
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 8,
        DataType::Float8e4m3fn | DataType::Float8e4m3fnuz | DataType::Float8e5m2 | DataType::Float8e5m2fnuz => 8,
        DataType::Int4 | DataType::Uint4 => 4,
        _ => return Err(unknown().note(format!("it holds {}", ty.as_str_name())).into()),
    };
    // Eight bytes an entry fit, so bits do where entries are smaller.
    let needed = if bits == 4 { len.div_ceil(2) } else { len * (bits / 8) };
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
    let data = data.map(|data| if bits == 4 { without_filling(data, len) } else { data });
    let data = data.ok_or_else(|| malformed(format!("tensor `{}` holds integers beyond 64 bits", tensor.name)))?;
    if data.len() != len {
        return Err(malformed(format!("tensor `{}` holds {} values where its shape needs {len}", tensor.name, data.len()))
            .note(format!("its shape is {:?}", tensor.dims))
            .into());
    }
    Ok((dims, data, ty))
}

/// Two entries share a byte, the last of which may have no second one.
fn without_filling(data: Data, len: usize) -> Data {
    match data {
        Data::Int(mut values) if values.len() == len + 1 && len % 2 == 1 => {
            values.pop();
            Data::Int(values)
        }
        other => other,
    }
}

/// The two entries of a byte, the lower half first.
fn halves(ty: DataType, byte: u8) -> [i64; 2] {
    [byte & 15, byte >> 4].map(|v| if ty == DataType::Int4 && v > 7 { i64::from(v) - 16 } else { v.into() })
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
        DataType::Int4 | DataType::Uint4 => Data::Int(bytes.iter().flat_map(|&b| halves(ty, b)).collect()),
        _ => Data::Float(bytes.iter().map(|&b| quarter(ty, b)).collect::<Option<_>>()?),
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
        DataType::Int4 | DataType::Uint4 => Data::Int(tensor.int32_data.iter().flat_map(|&v| halves(ty, v as u8)).collect()),
        _ => Data::Float(tensor.int32_data.iter().map(|&v| quarter(ty, v as u8)).collect::<Option<_>>()?),
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

/// An 8-bit float of one of ONNX's four kinds; `None` for any other type.
fn quarter(ty: DataType, bits: u8) -> Option<f32> {
    let (width, bias) = match ty {
        DataType::Float8e4m3fn => (3, 7),
        DataType::Float8e4m3fnuz => (3, 8),
        DataType::Float8e5m2 => (2, 15),
        DataType::Float8e5m2fnuz => (2, 16),
        _ => return None,
    };
    let sign = if bits >> 7 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits & 0x7f) >> width, f32::from(bits & ((1 << width) - 1)));
    let special = match (ty, bits) {
        (DataType::Float8e4m3fn, 0x7f | 0xff) | (DataType::Float8e4m3fnuz | DataType::Float8e5m2fnuz, 0x80) => Some(f32::NAN),
        (DataType::Float8e5m2, 0x7c | 0xfc) => Some(sign * f32::INFINITY),
        (DataType::Float8e5m2, 0x7d..=0x7f | 0xfd..=0xff) => Some(f32::NAN),
        _ => None,
    };
    let whole = 2f32.powi(width);
    let value = match exponent {
        0 => fraction / whole * 2f32.powi(1 - bias),
        _ => (1.0 + fraction / whole) * 2f32.powi(exponent - bias),
    };
    Some(special.unwrap_or(sign * value))
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
    fn quarter_precision() {
        use DataType::{Float8e4m3fn, Float8e4m3fnuz, Float8e5m2, Float8e5m2fnuz};
        for (ty, bits, value) in [
            (Float8e4m3fn, 0x38, 1.0),
            (Float8e4m3fn, 0x7e, 448.0),
            (Float8e4m3fn, 0x01, 0.001_953_125),
            (Float8e4m3fnuz, 0xc0, -1.0),
            (Float8e4m3fnuz, 0x7f, 240.0),
            (Float8e5m2, 0x3c, 1.0),
            (Float8e5m2, 0x7b, 57344.0),
            (Float8e5m2fnuz, 0x40, 1.0),
            (Float8e5m2fnuz, 0x7f, 57344.0),
        ] {
            assert_eq!(quarter(ty, bits), Some(value), "{ty:?} {bits:#x}");
        }
        assert_eq!(quarter(Float8e5m2, 0xfc), Some(f32::NEG_INFINITY));
        assert!(quarter(Float8e4m3fn, 0xff).unwrap().is_nan());
        assert_eq!(halves(DataType::Int4, 0x8f), [-1, -8]);
        assert_eq!(halves(DataType::Uint4, 0x8f), [15, 8]);
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
        // A sandbox that has links to a model and to its data.
        std::fs::write(inside.join("model.onnx"), b"").unwrap();
        let elsewhere = dir.path().join("sandbox");
        std::fs::create_dir(&elsewhere).unwrap();
        for name in ["model.onnx", "weights"] {
            std::os::unix::fs::symlink(inside.join(name), elsewhere.join(name)).unwrap();
        }
        std::os::unix::fs::symlink(dir.path().join("secret"), elsewhere.join("other")).unwrap();
        let files = DataFiles::beside(&elsewhere.join("model.onnx"));
        assert!(files.resolve("weights").is_ok());
        assert_eq!(files.resolve("other").unwrap_err().code, "E0106");
    }
}
