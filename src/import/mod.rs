//! From an ONNX file to the IR.
//!
//! Requires a classifier of operator set 7 to 25 with one image input whose sizes are fixed, but for the batch.
//!
//! Leaves a verified graph in [`Phase::Imported`](snnc_ir::Phase::Imported): the ONNX operators in the IR's terms, each
//! node with the ONNX name that it came from, constants evaluated, functions and branches whose condition is known inlined,
//! aliases (identity, dropout, casts among floats) gone, and an output of shape `[1, classes]`, in which a final softmax or sigmoid
//! is the last node.
//!
//! Keeps what the network computes, up to rounding: 16-bit and 64-bit floats are held in 32 bits.
//!
//! Nothing is dropped in silence. Whatever is not converted, down to a single attribute, is a diagnostic, and all
//! diagnostics of a network come at once.
//!
//! | module | content |
//! |---|---|
//! | `options` | what is asked for |
//! | `proto` | the file, its operator set, functions inlined |
//! | `wire` | default attributes of functions, which the protobuf library's schema lacks |
//! | `tensor` | values of tensors, in the file or beside it |
//! | `sparse` | those that are stored by their non-zero entries |
//! | `order` | which nodes lead to the output, operands first |
//! | `lower` | the walk over them |
//! | `batch` | whether its size is fixed in the file |
//! | `integers` | element types of images of whole numbers |
//! | `cx` | what rules see and what they write to |
//! | `constant` | what does not depend on the image |
//! | `folding` | evaluates it: one rule per operator |
//! | `head` | what is done to the scores at the very end |
//! | `label` | outputs that hold the class in the place of its scores |
//! | `ops` | what depends on the image: one rule per operator |
//! | `arguments`, `equation`, `strides` | what attributes and shapes say, to rules of both kinds |
//! | `unsupported` | reasons and remedies |
//! | `written_out` | what several refused nodes are together |
//! | `way_out` | which outputs would convert instead |
//! | `support` | what is converted and what is not, as a list |
//! | `shapes` | tract's opinion on shapes |
//! | `second_opinion` | tract's opinion on scores |

mod arguments;
mod batch;
mod constant;
mod cx;
mod equation;
mod folding;
mod format;
mod head;
mod integers;
mod label;
mod lower;
mod ops;
mod options;
mod order;
mod problem;
mod proto;
pub mod second_opinion;
mod shapes;
mod sparse;
mod strides;
mod support;
mod tensor;
mod unsupported;
mod way_out;
mod wire;
mod written_out;

pub use batch::BatchKind;
pub use integers::Integers;
pub use options::ImportOptions;
pub use support::{OperatorSupport, Support, operators};

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use snnc_ir::{Diagnostic, Graph, verify};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A network and where it came from.
#[derive(Debug)]
pub struct Imported {
    /// The network, verified.
    pub graph: Graph,
    /// SHA-256 of the ONNX file and of the data files that belong to it, in hexadecimal.
    pub source_sha256: String,
    /// The operator set of the file.
    pub opset: i64,
    /// What wrote the file.
    pub producer: String,
    /// Keys and values that the exporter left beside the network; nothing of them goes into an artifact.
    pub metadata: Vec<(String, String)>,
    /// The batch of the file.
    pub batch: BatchKind,
    /// The integers that the image is of in the file, which become floats inside the network; none where it is of floats.
    pub input_integers: Option<Integers>,
    /// All files that were read: the ONNX file, then data files in the order of their names.
    pub dependencies: Vec<PathBuf>,
    /// What the user should know.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a network.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Diagnostics`] with all that stands in the way of a conversion.
pub fn import(path: &Path, options: &ImportOptions) -> Result<Imported> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let mut hash = Sha256::new_with_prefix(&bytes);
    let mut model = proto::open(&bytes).map_err(|problem| Error::from(problem.in_file(&file)))?;
    drop(bytes);
    let files = tensor::DataFiles::beside(path);
    let lowered = lower::lower(&mut model, files.clone(), options).map_err(|mut problems| {
        written_out::named(&mut problems, &model);
        let problems = way_out::told(problems, &mut model, &files, options);
        Error::Diagnostics(problems.into_iter().map(|p| p.in_file(&file)).collect())
    })?;
    let mut dependencies = vec![path.to_owned()];
    for data in lowered.files.used() {
        File::open(&data).and_then(|f| digest(f, &mut hash)).map_err(|e| Error::io(&data, e))?;
        dependencies.push(data);
    }
    verify(&lowered.graph).map_err(|violations| Error::broken("import", &violations))?;
    Ok(Imported {
        graph: lowered.graph,
        source_sha256: snnc_files::Digest::from(hash).into(),
        opset: model.opset,
        producer: model.producer,
        metadata: model.metadata,
        batch: lowered.batch,
        input_integers: lowered.input_integers,
        dependencies,
        warnings: lowered.warnings.into_iter().map(|w| w.in_file(&file)).collect(),
    })
}

fn digest(mut file: File, hash: &mut Sha256) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            n => hash.update(&buffer[..n]),
        }
    }
}
