//! Files of other formats, which are taken for ONNX by mistake.

use super::problem::unreadable;
use snnc_ir::Diagnostic;

/// By how they begin: from which byte on, what stands there, what the file is, and what to do.
const FORMATS: [(usize, &[u8], &str, &str); 4] = [
    (
        4,
        b"TFL3",
        "a model of TensorFlow Lite",
        "convert it: `pip install tensorflow tf2onnx`, `python -m tf2onnx.convert --tflite MODEL.tflite --output MODEL.onnx`",
    ),
    (0, b"\x89HDF", "an HDF5 file, as Keras writes models", "load it in Keras and call `model.export(\"MODEL.onnx\", format=\"onnx\")`"),
    (
        0,
        b"PK\x03\x04",
        "a ZIP archive, as PyTorch and Keras write models, and numpy arrays",
        "export the network: `torch.onnx.export(model.eval(), (image,), \"MODEL.onnx\")`, `model.export(\"MODEL.onnx\", format=\"onnx\")` in Keras",
    ),
    // Behind the length of the header.
    (
        8,
        b"{\"",
        "a file of safetensors: an artifact of snnc, or weights",
        "give the ONNX file that the artifact was compiled from, or export the network whose weights these are",
    ),
];

/// Says of a file that is no ONNX model what it is, if that is known.
pub(super) fn other(bytes: &[u8]) -> Option<Diagnostic> {
    let is = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let (.., what, help) = FORMATS.iter().find(|(at, magic, ..)| is(*at, magic))?;
    Some(unreadable("the file is not an ONNX model").note(format!("it is {what}")).help(*help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let said = |bytes: &[u8]| other(bytes).map(|diagnostic| [diagnostic.notes, diagnostic.helps].concat().join(" "));
        assert!(said(b"\x1c\0\0\0TFL3\0\0").is_some_and(|text| text.contains("TensorFlow Lite") && text.contains("--tflite")));
        assert!(said(b"\x10\0\0\0\0\0\0\0{\"a\":1}").is_some_and(|text| text.contains("safetensors")));
        for nothing in [&b""[..], b"TFL3", b"\x08\x08\x12\x07pytorch", b"PK"] {
            assert_eq!(said(nothing), None);
        }
    }
}
