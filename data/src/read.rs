//! Reading `.npz` and `.npy`.

use crate::{
    Images, Pixels,
    entries::{Element, entries},
    error::{Error, Result},
    header::Header,
    shape::joined,
};
use std::{
    fmt::Display,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};
use zip::{CompressionMethod, ZipArchive};

/// Bytes that one byte can unpack to: the limit of the method, which writes 258 bytes with two bits.
const MAX_DEFLATION: u64 = 1032;

impl Images {
    /// Reads images from an `.npz` file (its array `x`) or from an `.npy` file. Labels, if there are any, are left alone.
    ///
    /// # Errors
    /// If the file cannot be read, or `x` is missing or is not of a kind that images have.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_arrays(&mut Arrays::open(path)?)
    }

    /// Reads images and labels from an `.npz` file (its arrays `x` and `y`).
    ///
    /// # Errors
    /// As [`Images::read`], and if `y` is missing or is not one class number for each image.
    pub fn read_labelled(path: &Path) -> Result<Self> {
        let mut arrays = Arrays::open(path)?;
        let images = Self::from_arrays(&mut arrays)?;
        let labels = arrays.labels(images.count)?;
        Ok(Self { labels: Some(labels), ..images })
    }

    /// As [`Images::read_labelled`], but that there need be no `y`.
    ///
    /// # Errors
    /// As [`Images::read`], and if there is a `y` that is not one class number for each image.
    pub fn read_with_any_labels(path: &Path) -> Result<Self> {
        let mut arrays = Arrays::open(path)?;
        let images = Self::from_arrays(&mut arrays)?;
        let labels = if arrays.has("y") { Some(arrays.labels(images.count)?) } else { None };
        Ok(Self { labels, ..images })
    }

    fn from_arrays(arrays: &mut Arrays<'_>) -> Result<Self> {
        let (dims, pixels) = match arrays.element("x")?.as_str() {
            "uint8" => {
                let (dims, data) = arrays.read::<u8>("x")?;
                (dims, Values::U8(data))
            }
            "float32" => {
                let (dims, data) = arrays.read::<f32>("x")?;
                (dims, Values::F32(data))
            }
            other => {
                let help = match other {
                    "bool" | "float16" | "float64" => "; convert it, for example `x.astype(np.float32)`",
                    "int8" | "int16" | "int32" | "int64" | "uint16" | "uint32" | "uint64" => {
                        "; convert it, for example `x.astype(np.uint8)` if it holds 0 to 255"
                    }
                    _ => "",
                };
                return Err(
                    arrays.error("x", format!("is {other}; images are uint8 (N,H,W or N,H,W,C) or float32 (in the model's shape){help}"))
                );
            }
        };
        let (&count, image) = dims.split_first().ok_or_else(|| arrays.error("x", "is a single number, not images"))?;
        if dims.contains(&0) {
            return Err(arrays.error("x", format!("has shape ({}): it holds no images", comma(&dims))));
        }
        let pixels = match (pixels, image) {
            (Values::F32(data), image) => Pixels::F32 { data, dims: image.to_vec() },
            (Values::U8(data), &[width]) => Pixels::U8 { data, height: 1, width, channels: 1, dims: image.to_vec() },
            (Values::U8(data), &[height, width]) => Pixels::U8 { data, height, width, channels: 1, dims: image.to_vec() },
            (Values::U8(data), &[height, width, channels]) => Pixels::U8 { data, height, width, channels, dims: image.to_vec() },
            (Values::U8(_), _) => return Err(arrays.error("x", format!("has shape ({}); 8-bit images are N,H,W or N,H,W,C", comma(&dims)))),
        };
        Ok(Self { path: arrays.path.to_owned(), count, pixels, labels: None })
    }
}

enum Values {
    U8(Vec<u8>),
    F32(Vec<f32>),
}

/// An open file of arrays.
struct Arrays<'p> {
    path: &'p Path,
    source: Source,
}

enum Source {
    /// A single array, which counts as `x`.
    Npy(BufReader<File>),
    /// Named arrays.
    Npz(Box<ZipArchive<BufReader<File>>>),
}

/// An array whose header was read.
struct Opened<'a> {
    header: Header,
    /// What follows the header.
    rest: Box<dyn Read + 'a>,
    /// Bytes that can follow at most.
    room: u64,
    /// Whether fewer may follow: how many, only unpacking tells.
    is_packed: bool,
}

impl<'p> Arrays<'p> {
    fn open(path: &'p Path) -> Result<Self> {
        let io = |e| Error::io(path, e);
        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let mut magic = Vec::new();
        (&mut file).take(6).read_to_end(&mut magic).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let source = if magic == b"\x93NUMPY" {
            Source::Npy(file)
        } else if magic.starts_with(b"PK") {
            let archive = ZipArchive::new(file).map_err(|e| Error::format(path, format!("broken .npz file: {e}")))?;
            Source::Npz(Box::new(archive))
        } else {
            return Err(Error::format(path, "neither an .npz nor an .npy file"));
        };
        Ok(Self { path, source })
    }

    fn has(&self, name: &str) -> bool {
        match &self.source {
            Source::Npy(_) => name == "x",
            Source::Npz(archive) => place(archive, name).is_some(),
        }
    }

    fn error(&self, name: &str, message: impl AsRef<str>) -> Error {
        Error::format(self.path, format!("array `{name}` {}", message.as_ref()))
    }

    fn array(&mut self, name: &str) -> Result<Opened<'_>> {
        let path = self.path;
        let broken = |e: String| Error::format(path, format!("array `{name}` is broken: {e}"));
        match &mut self.source {
            Source::Npy(_) if name != "x" => {
                Err(Error::format(path, format!("a single array: `x` and `{name}` are needed here, in an .npz file")))
            }
            Source::Npy(file) => {
                let mut seek = |to| file.seek(to).map_err(|e| Error::io(path, e));
                let size = seek(SeekFrom::End(0))?;
                seek(SeekFrom::Start(0))?;
                let header = Header::read(&mut *file).map_err(broken)?;
                let room = size.saturating_sub(header.length);
                Ok(Opened { header, rest: Box::new(file), room, is_packed: false })
            }
            Source::Npz(archive) => {
                let Some(index) = place(archive, name) else {
                    let found: Vec<String> =
                        archive.file_names().map(|member| format!("`{}`", member.strip_suffix(".npy").unwrap_or(member))).collect();
                    let found = if found.is_empty() { "it is empty".to_owned() } else { format!("it holds {}", found.join(", ")) };
                    return Err(Error::format(path, format!("no array `{name}`; {found}")));
                };
                let unpacked = |e: &dyn Display| Error::format(path, format!("array `{name}` cannot be unpacked: {e}"));
                let size = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
                let mut member = archive.by_index(index).map_err(|e| unpacked(&e))?;
                // The sizes in the archive are claims, too; the file itself is a fact.
                let packed = member.compressed_size().min(size);
                let (room, is_packed) = match member.compression() {
                    CompressionMethod::Stored => (packed, false),
                    CompressionMethod::Deflated => (packed.saturating_mul(MAX_DEFLATION), true),
                    other => return Err(unpacked(&format!("{other} is none of NumPy's methods"))),
                };
                let header = Header::read(&mut member).map_err(broken)?;
                let room = room.saturating_sub(header.length);
                Ok(Opened { header, rest: Box::new(member), room, is_packed })
            }
        }
    }

    /// NumPy's name of the element type of an array.
    fn element(&mut self, name: &str) -> Result<String> {
        Ok(element_name(&self.array(name)?.header.element))
    }

    /// Shape and entries in row-major order.
    fn read<T: Element>(&mut self, name: &str) -> Result<(Vec<usize>, Vec<T>)> {
        let path = self.path;
        let broken = |e: String| Error::format(path, format!("array `{name}` is broken: {e}"));
        let too_few = |header: &Header| broken(format!("its shape ({}) wants more bytes than the file has", comma(&header.dims)));
        // Looked at before it is read, packed arrays by unpacking them twice, so that memory is only asked for once all bytes
        // are known to be there.
        let claimed = {
            let array = self.array(name)?;
            let Some(claimed) = array.header.data_bytes(size_of::<T>()).filter(|&bytes| bytes <= array.room) else {
                return Err(too_few(&array.header));
            };
            if array.is_packed {
                let found = std::io::copy(&mut array.rest.take(claimed), &mut std::io::sink()).map_err(|e| broken(e.to_string()))?;
                if found < claimed {
                    return Err(too_few(&array.header));
                }
            }
            claimed
        };
        let Opened { header, mut rest, .. } = self.array(name)?;
        if !fits_into_memory(claimed) {
            return Err(Error::format(path, format!("array `{name}` has {claimed} bytes, for which there is no memory")));
        }
        let data = entries(&header, &mut rest).map_err(|e| broken(e.to_string()))?;
        // One byte more than is wanted, so that a longer array is found to be one.
        match rest.take(1).read_to_end(&mut Vec::new()).map_err(|e| broken(e.to_string()))? {
            0 => Ok((header.dims, data)),
            _ => Err(broken(format!("there are bytes behind the {} entries of its shape", data.len()))),
        }
    }

    fn labels(&mut self, count: usize) -> Result<Vec<i64>> {
        fn widen<T>((dims, data): (Vec<usize>, Vec<T>), to: impl Fn(T) -> i64) -> (Vec<usize>, Vec<i64>) {
            (dims, data.into_iter().map(to).collect())
        }
        let (dims, labels) = match self.element("y")?.as_str() {
            "int8" => widen(self.read("y")?, |v: i8| v.into()),
            "int16" => widen(self.read("y")?, |v: i16| v.into()),
            "int32" => widen(self.read("y")?, |v: i32| v.into()),
            "int64" => widen(self.read("y")?, |v: i64| v),
            "uint8" => widen(self.read("y")?, |v: u8| v.into()),
            "uint16" => widen(self.read("y")?, |v: u16| v.into()),
            "uint32" => widen(self.read("y")?, |v: u32| v.into()),
            // A class number that needs the last bit is refused below as negative.
            "uint64" => widen(self.read("y")?, |v: u64| v as i64),
            other => return Err(self.error("y", format!("is {other}; labels are integers, for example int64"))),
        };
        match dims[..] {
            [n] | [n, 1] if n == count => {}
            [n, k] if n == count => {
                return Err(
                    self.error("y", format!("has shape ({n}, {k}); labels are class numbers: `y.argmax(1)` turns one-hot rows into them"))
                );
            }
            _ => return Err(self.error("y", format!("has shape ({}), but there are {count} images in `x`", comma(&dims)))),
        }
        match labels.iter().find(|&&label| label < 0) {
            Some(label) => Err(self.error("y", format!("holds the class {label}; classes count from 0"))),
            None => Ok(labels),
        }
    }
}

/// Where an archive has an array.
fn place(archive: &ZipArchive<BufReader<File>>, name: &str) -> Option<usize> {
    archive.index_for_name(name).or_else(|| archive.index_for_name(&format!("{name}.npy")))
}

/// `(500, 8, 8)` without the parentheses, as NumPy prints shapes.
fn comma(dims: &[usize]) -> String {
    joined(dims, ", ")
}

/// Whether so many bytes can be had at once. Where they cannot, the reader of arrays would end the process.
fn fits_into_memory(bytes: u64) -> bool {
    let mut memory: Vec<u8> = Vec::new();
    let reserved = usize::try_from(bytes).is_ok_and(|bytes| memory.try_reserve_exact(bytes).is_ok());
    // A reservation that nobody looks at may be optimised away.
    std::hint::black_box(&memory);
    reserved
}

/// NumPy's name of an element type, from the descriptor in the file (`<f4`).
fn element_name(descriptor: &str) -> String {
    let plain = descriptor.trim_start_matches(['<', '>', '|', '=']);
    let (kind, size) = plain.split_at(plain.chars().next().map_or(0, char::len_utf8));
    let prefix = match kind {
        "f" => "float",
        "i" => "int",
        "u" => "uint",
        "c" => "complex",
        "b" => return if size == "1" { "bool" } else { "int8" }.to_owned(),
        "B" => return "uint8".to_owned(),
        "U" | "S" => return "text".to_owned(),
        "O" => return "Python objects".to_owned(),
        _ => return format!("of type `{descriptor}`"),
    };
    match size.parse::<usize>() {
        Ok(bytes) if bytes <= 32 => format!("{prefix}{}", bytes * 8),
        _ => format!("of type `{descriptor}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array, Array1, Array2, Array3, Array4, ArrayD, IxDyn, ShapeBuilder};
    use ndarray_npy::{NpzWriter, WriteNpyExt, write_npy};
    use std::{
        io::{Cursor, Write},
        path::PathBuf,
    };
    use zip::{ZipWriter, write::SimpleFileOptions};

    /// Adds an array of that name.
    type Add<'a> = &'a dyn Fn(&mut NpzWriter<File>, &str);

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn npz(&self, arrays: &[(&str, Add<'_>)]) -> PathBuf {
            let path = self.0.path().join("data.npz");
            let mut writer = NpzWriter::new_compressed(File::create(&path).unwrap());
            for (name, add) in arrays {
                add(&mut writer, name);
            }
            writer.finish().unwrap();
            path
        }
    }

    fn array<T: WriteNpyExt>(array: T) -> impl Fn(&mut NpzWriter<File>, &str) {
        move |writer, name| writer.add_array(name, &array).unwrap()
    }

    fn message(path: &Path) -> String {
        Images::read(path).and_then(|_| Images::read_labelled(path)).unwrap_err().to_string()
    }

    #[test]
    fn images_and_labels() {
        let folder = Folder::new();
        let x = Array::from_shape_fn((4, 2, 3, 2), |(n, h, w, c)| (n * 12 + h * 6 + w * 2 + c) as u8);
        let path = folder.npz(&[("x", &array(x)), ("y", &array(Array1::from_vec(vec![3u8, 1, 4, 1])))]);
        let images = Images::read_labelled(&path).unwrap();
        assert_eq!((images.count, images.dims(), images.image_len()), (4, &[2, 3, 2][..], 12));
        assert_eq!(images.labels.as_deref(), Some(&[3, 1, 4, 1][..]));
        let first = images.take(1);
        assert_eq!(first.labels.as_deref(), Some(&[3][..]));
        assert!(
            matches!(first.pixels, Pixels::U8 { ref data, height: 2, width: 3, channels: 2, .. } if data[..] == (0..12).collect::<Vec<u8>>())
        );
    }

    #[test]
    fn fortran_order_is_put_straight() {
        let folder = Folder::new();
        let mut x = Array3::<f32>::zeros((2, 2, 3).f());
        x.indexed_iter_mut().for_each(|((n, h, w), v)| *v = (n * 6 + h * 3 + w) as f32);
        let Pixels::F32 { data, .. } = Images::read(&folder.npz(&[("x", &array(x))])).unwrap().pixels else { panic!("floats") };
        assert_eq!(data, (0..12).map(|v| v as f32).collect::<Vec<_>>());
    }

    #[test]
    fn either_order_of_bytes() {
        let folder = Folder::new();
        let path = folder.0.path().join("x.npy");
        for (element, bytes) in [("<f4", 1.5f32.to_le_bytes()), (">f4", 1.5f32.to_be_bytes())] {
            std::fs::write(&path, claiming(element, "(1, 2)", &bytes.repeat(2))).unwrap();
            let Pixels::F32 { data, .. } = Images::read(&path).unwrap().pixels else { panic!("floats") };
            assert_eq!(data, [1.5, 1.5], "{element}");
        }
    }

    #[test]
    fn npy_alone() {
        let folder = Folder::new();
        let path = folder.0.path().join("x.npy");
        write_npy(&path, &Array3::<u8>::ones((5, 2, 2))).unwrap();
        let images = Images::read(&path).unwrap();
        assert_eq!((images.count, images.labels.is_none()), (5, true));
        assert!(message(&path).contains("`x` and `y` are needed here"));
        assert_eq!(Images::read_with_any_labels(&path).unwrap(), images);
    }

    #[test]
    fn other_types_are_refused_by_name() {
        let folder = Folder::new();
        let text = message(&folder.npz(&[("x", &array(Array4::<f64>::zeros((1, 2, 2, 1))))]));
        assert!(text.contains("array `x` is float64") && text.contains("astype(np.float32)"), "{text}");
        let text = message(&folder.npz(&[("x", &array(Array4::<i64>::zeros((1, 2, 2, 1))))]));
        assert!(text.contains("array `x` is int64") && text.contains("astype(np.uint8)"), "{text}");
        let text = message(&folder.npz(&[("x", &array(Array2::from_elem((2, 2), true)))]));
        assert!(text.contains("array `x` is bool"), "{text}");
        let text = message(&folder.npz(&[("x", &array(Array2::<u8>::zeros((2, 2)))), ("y", &array(Array1::<f32>::zeros(2)))]));
        assert!(text.contains("array `y` is float32; labels are integers"), "{text}");
    }

    #[test]
    fn wrong_shapes_are_named() {
        let folder = Folder::new();
        let text = message(&folder.npz(&[("x", &array(Array3::<u8>::zeros((0, 2, 2))))]));
        assert!(text.contains("shape (0, 2, 2): it holds no images"), "{text}");
        let x = || array(Array3::<u8>::zeros((3, 2, 2)));
        let text = message(&folder.npz(&[("x", &x()), ("y", &array(Array1::<i64>::zeros(2)))]));
        assert!(text.contains("array `y` has shape (2), but there are 3 images"), "{text}");
        let text = message(&folder.npz(&[("x", &x()), ("y", &array(Array2::<i64>::zeros((3, 10))))]));
        assert!(text.contains("argmax"), "{text}");
        assert!(Images::read_with_any_labels(&folder.0.path().join("data.npz")).is_err(), "classes that are there must be some");
        let text = message(&folder.npz(&[("x", &x()), ("y", &array(Array1::from_vec(vec![0i32, -1, 0])))]));
        assert!(text.contains("holds the class -1"), "{text}");
        let text = message(&folder.npz(&[("images", &x()), ("labels", &x())]));
        assert!(text.contains("no array `x`; it holds `images`, `labels`"), "{text}");
        let text = message(&folder.npz(&[("x", &array(ArrayD::<u8>::zeros(IxDyn(&[1, 1, 1, 1, 1]))))]));
        assert!(text.contains("shape (1, 1, 1, 1, 1); 8-bit images are"), "{text}");
    }

    #[test]
    fn other_files_are_refused() {
        let folder = Folder::new();
        let path = folder.0.path().join("x.npz");
        std::fs::write(&path, b"hello").unwrap();
        assert!(message(&path).ends_with("neither an .npz nor an .npy file"));
        std::fs::write(&path, b"PK\x03\x04 and then nothing").unwrap();
        assert!(message(&path).contains("broken .npz file"));
        let mut bytes = Vec::new();
        Array1::<f32>::zeros(8).write_npy(&mut bytes).unwrap();
        bytes.truncate(bytes.len() - 4);
        std::fs::write(&path, &bytes).unwrap();
        assert!(message(&path).contains("array `x` is broken"));
        assert!(matches!(Images::read(&folder.0.path().join("none.npz")), Err(Error::Io { .. })));
    }

    /// An `.npy` array whose header says what it wants.
    fn claiming(element: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    /// A zip archive with `x.npy` and, of eight entries, `y.npy`.
    fn packed(array: &[u8], method: CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        for (name, bytes) in [("x.npy", array), ("y.npy", &claiming("|u1", "(8,)", &[1; 8])[..])] {
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn claims_are_checked_before_they_are_believed() {
        let folder = Folder::new();
        let path = folder.0.path().join("x");
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            message(&path)
        };
        for (element, shape, reason) in [
            ("|u1", "(1000000000000, 1000)", "wants more bytes than the file has"),
            ("<f4", "(9, )", "wants more bytes than the file has"),
            ("<f4", "(4611686018427387904, 4)", "wants more bytes than the file has"),
            ("|u1", "(4294967296, 4294967296, 4294967296)", "wants more bytes than the file has"),
            ("|u1", "(0, 4294967296, 4294967296)", "wants more bytes than the file has"),
            ("|u1", "(99999999999999999999,)", "not made of sizes"),
            ("|u1", "(-8,)", "not made of sizes"),
            ("|u1", "(7,)", "bytes behind the 7 entries"),
        ] {
            let array = claiming(element, shape, &[0; 8]);
            let text = refused(&array);
            assert!(text.contains("array `x` is broken") && text.contains(reason), "{text}");
            let text = refused(&packed(&array, CompressionMethod::Stored));
            assert!(text.contains("array `x` is broken") && text.contains(reason), "{text}");
            let text = refused(&packed(&array, CompressionMethod::Deflated));
            assert!(text.contains("array `x` is broken") && text.contains(reason), "{text}");
        }
    }

    #[test]
    fn only_what_is_claimed_is_unpacked() {
        let folder = Folder::new();
        let path = folder.0.path().join("x.npz");
        // 64 MiB of zeros behind eight entries: the ninth byte is the last one that is read.
        std::fs::write(&path, packed(&claiming("|u1", "(8,)", &vec![0; 64 << 20]), CompressionMethod::Deflated)).unwrap();
        assert!(message(&path).contains("bytes behind the 8 entries"));
        // Entries as many as claimed are read, however well they pack.
        std::fs::write(&path, packed(&claiming("|u1", "(8, 1024, 1024)", &vec![0; 8 << 20]), CompressionMethod::Deflated)).unwrap();
        assert_eq!(Images::read_labelled(&path).unwrap().count, 8);
    }

    #[test]
    fn damaged_files_are_refused_without_a_panic() {
        let folder = Folder::new();
        let path = folder.0.path().join("x");
        let array = claiming("|u1", "(8, 5, 3)", &(0..120).collect::<Vec<u8>>());
        let mut state = 7u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let [stored, deflated] = [CompressionMethod::Stored, CompressionMethod::Deflated].map(|method| packed(&array, method));
        for whole in [array, stored, deflated] {
            for len in 0..whole.len() {
                std::fs::write(&path, &whole[..len]).unwrap();
                assert!(Images::read(&path).is_err(), "{len} of {} bytes", whole.len());
            }
            for _ in 0..500 {
                let mut bytes = whole.clone();
                for _ in 0..=random(3) {
                    let at = random(bytes.len());
                    bytes[at] = [0, 0xff, bytes[at] ^ (1 << random(8)), random(256) as u8][random(4)];
                }
                std::fs::write(&path, &bytes).unwrap();
                // Where pixels were hit, and no sum is kept of them, the file is another one.
                if let Ok(images) = Images::read_labelled(&path) {
                    assert!(images.count * images.image_len() <= 4096);
                }
            }
        }
    }
}
