//! The header of an `.npy` array, read only to check what it claims.
//!
//! A reader that believes a header allocates whatever shape it claims. Here the claim is compared with the bytes that can be
//! there first, and a header that is no plain one is refused.
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::Read;

/// Bytes that a header may have: those of format version 1.
const MAX_HEADER: u32 = u16::MAX as u32;

/// Axes that an array may have: NumPy's limit.
const MAX_AXES: usize = 64;

/// What a header says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// The descriptor of the element type, without quotes: `<f4`.
    pub(super) element: String,
    /// The shape.
    pub(super) dims: Vec<usize>,
    /// Whether the first axis runs fastest.
    pub(super) is_fortran: bool,
    /// Bytes of the header itself, from the first of the file.
    pub(super) length: u64,
}

impl Header {
    /// Reads a header and nothing behind it.
    ///
    /// # Errors
    /// What is wrong with it, or why it cannot be read.
    pub(super) fn read(mut from: impl Read) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let mut more = |count: u32| -> Result<Vec<u8>, String> {
            let start = bytes.len();
            (&mut from).take(count.into()).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
            let read = bytes[start..].to_vec();
            if read.len() == count as usize { Ok(read) } else { Err("the file ends within the header".to_owned()) }
        };
        let start = more(8)?;
        if start[..6] != *b"\x93NUMPY" {
            return Err("this is no .npy array".to_owned());
        }
        let length = match start[6] {
            1 => more(2)?.iter().rev().fold(0, |length, &byte| length << 8 | u32::from(byte)),
            2 | 3 => more(4)?.iter().rev().fold(0, |length, &byte| length << 8 | u32::from(byte)),
            version => return Err(format!("version {version} of the format is unknown")),
        };
        if length > MAX_HEADER {
            return Err(format!("a header of {length} bytes is too long"));
        }
        let text = String::from_utf8(more(length)?).map_err(|_| "the header is no text".to_owned())?;
        let (element, dims, is_fortran) = Fields(&text).parse()?;
        Ok(Self { element, dims, is_fortran, length: bytes.len() as u64 })
    }

    /// Bytes of all entries with elements of this size; `None` if no file has that many.
    pub(super) fn data_bytes(&self, element: usize) -> Option<u64> {
        // A dimension of 0 must not hide others whose product overflows.
        let all = self.dims.iter().filter(|&&d| d > 0).try_fold(element as u64, |product, &d| product.checked_mul(d as u64))?;
        let all = i64::try_from(all).ok()? as u64;
        Some(if self.dims.contains(&0) { 0 } else { all })
    }
}

/// What is left of the text of a header: a Python dictionary of three entries.
struct Fields<'t>(&'t str);

impl<'t> Fields<'t> {
    /// Element type, shape, and whether the first axis runs fastest.
    fn parse(mut self) -> Result<(String, Vec<usize>, bool), String> {
        let (mut element, mut dims, mut order) = (None, None, None);
        self.expect('{')?;
        while !self.eat('}') {
            let key = self.text()?;
            self.expect(':')?;
            let is_new = match key {
                "descr" => element.replace(self.text().map_err(|_| "the elements are of several parts".to_owned())?).is_none(),
                "shape" => dims.replace(self.dims()?).is_none(),
                "fortran_order" => order.replace(self.boolean()?).is_none(),
                _ => false,
            };
            if !is_new {
                return Err(format!("the header has `{key}` twice, or must not have it"));
            }
            if !self.eat(',') {
                self.expect('}')?;
                break;
            }
        }
        match (element, dims, order, self.0.trim_start()) {
            (Some(element), Some(dims), Some(is_fortran), "") => Ok((element.to_owned(), dims, is_fortran)),
            (Some(_), Some(_), Some(_), _) => Err("something follows the header's dictionary".to_owned()),
            _ => Err("the header lacks `descr`, `fortran_order` or `shape`".to_owned()),
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.0.trim_start();
        self.0 = rest.strip_prefix(wanted).unwrap_or(rest);
        self.0.len() < rest.len()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.eat(wanted) { Ok(()) } else { Err(format!("the header is no plain dictionary: `{wanted}` is missing")) }
    }

    /// A string without escapes.
    fn text(&mut self) -> Result<&'t str, String> {
        let quote = if self.eat('\'') { '\'' } else { self.expect('"').map(|()| '"')? };
        let (text, rest) = self.0.split_once(quote).ok_or("a string in the header does not end")?;
        self.0 = rest;
        if text.contains(['\\', '\n']) { Err("a string in the header is no plain one".to_owned()) } else { Ok(text) }
    }

    fn boolean(&mut self) -> Result<bool, String> {
        let rest = self.0.trim_start();
        let is_true = rest.starts_with("True");
        self.0 = rest.strip_prefix(if is_true { "True" } else { "False" }).ok_or("`fortran_order` is neither True nor False")?;
        Ok(is_true)
    }

    fn dims(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut dims = Vec::new();
        while !self.eat(')') {
            self.0 = self.0.trim_start();
            let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            let (digits, rest) = self.0.split_at(end);
            dims.push(digits.parse().map_err(|_| "the shape is not made of sizes".to_owned())?);
            self.0 = rest;
            if dims.len() > MAX_AXES {
                return Err("the shape has too many axes".to_owned());
            }
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, text: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((text.len() as u16).to_le_bytes()),
            _ => bytes.extend((text.len() as u32).to_le_bytes()),
        }
        bytes.extend(text.as_bytes());
        bytes
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        for version in [1, 2, 3] {
            let bytes = file(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 28, 28), }       \n");
            let header = Header::read(&[&bytes[..], b"data"].concat()[..]).unwrap();
            assert_eq!((header.element.as_str(), &header.dims[..]), ("<f4", &[3, 28, 28][..]));
            assert_eq!((header.length, header.is_fortran), (bytes.len() as u64, false));
            assert_eq!(header.data_bytes(4), Some(3 * 28 * 28 * 4));
        }
        let dims = |text: &str| Header::read(&file(1, text)[..]).unwrap().dims;
        assert_eq!(dims("{'descr':'|u1','fortran_order':True,'shape':(7,)}"), [7]);
        assert_eq!(dims("{\"shape\": (), \"descr\": \"|u1\", \"fortran_order\": True}"), [0; 0]);
    }

    #[test]
    fn others_are_refused() {
        let plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}";
        for (from, to) in [
            ("(3,)", "(-3,)"),
            ("(3,)", "(3.5,)"),
            ("(3,)", "(18446744073709551616,)"),
            ("(3,)", "3"),
            ("(3,)", "(3"),
            ("(3,)", "((3,),)"),
            ("'<f4'", "[('a', '<f4')]"),
            ("'<f4'", "'<f4"),
            ("'<f4'", "'\\x3cf4'"),
            ("False", "0"),
            ("'descr': '<f4', ", ""),
            ("'fortran_order'", "'shape'"),
            ("'fortran_order'", "'other'"),
            ("}", "} {"),
            ("}", ""),
        ] {
            let text = plain.replace(from, to);
            assert!(Header::read(&file(1, &text)[..]).is_err(), "{text}");
        }
        let deep = plain.replace("(3,)", &"(".repeat(60_000));
        assert!(Header::read(&file(1, &deep)[..]).is_err());
        let many = plain.replace("(3,)", &format!("({})", "1,".repeat(30_000)));
        assert!(Header::read(&file(1, &many)[..]).is_err());
        assert!(Header::read(&file(4, plain)[..]).is_err());
        let whole = file(2, plain);
        assert!((0..whole.len()).all(|len| Header::read(&whole[..len]).is_err()));
        let mut long = whole;
        long[8..12].fill(0xff);
        assert!(Header::read(&long[..]).unwrap_err().contains("too long"));
    }

    #[test]
    fn sizes_do_not_overflow() {
        let header = |dims: &[usize]| Header { element: String::new(), dims: dims.to_vec(), is_fortran: false, length: 0 };
        assert_eq!(header(&[1 << 32, 1 << 32]).data_bytes(1), None);
        assert_eq!(header(&[1 << 61]).data_bytes(4), None);
        assert_eq!(header(&[0, 1 << 40, 1 << 40]).data_bytes(1), None);
        assert_eq!(header(&[0, 5]).data_bytes(4), Some(0));
        assert_eq!(header(&[]).data_bytes(4), Some(4));
    }
}
