//! Loading, running, and what a network is.

use crate::{
    error::{error, file_error},
    images::Images,
    result::{self, RunResult, Trace},
    threads,
};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    pybacked::{PyBackedBytes, PyBackedStr},
    types::{PyString, PyTuple},
};
use snnc_runtime::{self as runtime, KeyError, Keys, LoadError, Outcome, Passphrase, PublicKey};
use std::{
    fmt::Debug,
    path::PathBuf,
    time::{Duration, Instant},
};

/// For how long a run goes on before it looks whether the user wants it to stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// A network that is ready to run.
#[pyclass(frozen, module = "snnc")]
pub(crate) struct Network {
    runtime: runtime::Network,
}

/// Something that makes spikes.
#[pyclass(frozen, get_all, module = "snnc")]
pub(crate) struct Population {
    name: String,
    kind: &'static str,
    size: usize,
    digits: Option<usize>,
}

/// Something that has synapses.
#[pyclass(frozen, get_all, module = "snnc")]
pub(crate) struct Layer {
    name: String,
    drive: &'static str,
    connections: u64,
    is_input: bool,
    digits: Option<usize>,
}

/// Loads a network from a path or from the bytes of a file.
#[pyfunction]
#[pyo3(signature = (source, /, *, identity=None, passphrase=None, require_signature=None, signature=None))]
pub(crate) fn load(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    identity: Option<PyBackedStr>,
    passphrase: Option<PyBackedStr>,
    require_signature: Option<PyBackedStr>,
    signature: Option<PyBackedStr>,
) -> PyResult<Network> {
    let keys = keys(identity, passphrase, require_signature).map_err(error)?;
    if let Ok(bytes) = source.extract::<PyBackedBytes>() {
        return Network::of(py, || runtime::Network::load_with(&bytes, signature.as_deref(), &keys)).map_err(|e| error(advice(&e)));
    }
    if signature.is_some() {
        return Err(PyTypeError::new_err("`signature` is that of bytes: a file has its own beside it"));
    }
    let path: PathBuf = source.extract()?;
    Network::of(py, || runtime::Network::open_with(&path, &keys)).map_err(|e| match e {
        LoadError::File(e) => file_error(py, &path, &e),
        e => error(format_args!("{}: {}", path.display(), advice(&e))),
    })
}

/// What opens a network, and whose it must be.
fn keys(identity: Option<PyBackedStr>, passphrase: Option<PyBackedStr>, signer: Option<PyBackedStr>) -> Result<Keys, KeyError> {
    let mut keys = Keys::default();
    if let Some(text) = identity {
        keys.add_identities(&text)?;
    }
    if let Some(text) = passphrase {
        keys.add_passphrase(&Passphrase::new(&text)?);
    }
    if let Some(text) = signer {
        keys.require_signature(PublicKey::parse(&text)?);
    }
    Ok(keys)
}

/// What the runtime says, and where the key goes in.
fn advice(error: &LoadError) -> String {
    match error {
        LoadError::Keys(KeyError::Locked) => "it is encrypted: `identity` or `passphrase` opens it".to_owned(),
        error => error.to_string(),
    }
}

impl Network {
    fn of(py: Python<'_>, load: impl FnOnce() -> Result<runtime::Network, LoadError> + Send) -> Result<Self, LoadError> {
        Ok(Self { runtime: py.detach(load)? })
    }
}

#[pymethods]
impl Network {
    /// Number of time steps that a run takes unless it is told otherwise.
    #[getter]
    fn timesteps(&self) -> usize {
        self.runtime.spec().timesteps
    }

    /// Most time steps of a run.
    #[getter]
    fn max_timesteps(&self) -> usize {
        self.runtime.max_timesteps()
    }

    /// Shape of one image, without the batch.
    #[getter]
    fn input_shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.runtime.spec().input.shape[1..])
    }

    /// What the dimensions of an image mean: "nchw", "nhwc" or "flat".
    #[getter]
    fn layout(&self) -> &'static str {
        match self.runtime.spec().input.layout {
            runtime::Layout::Nchw => "nchw",
            runtime::Layout::Nhwc => "nhwc",
            runtime::Layout::Flat => "flat",
        }
    }

    /// Number of logits of an image.
    #[getter]
    fn classes(&self) -> usize {
        self.runtime.classes()
    }

    /// What spikes stand for: "radix" or "rate".
    #[getter]
    fn code(&self) -> &'static str {
        match self.runtime.spec().code {
            runtime::Code::Radix => "radix",
            runtime::Code::Rate => "rate",
        }
    }

    /// How images come in: "digits", "direct" or "poisson".
    #[getter]
    fn coding(&self) -> &'static str {
        match self.runtime.spec().input.coding {
            runtime::Coding::Digits => "digits",
            runtime::Coding::Direct => "direct",
            runtime::Coding::Poisson => "poisson",
        }
    }

    /// Binary digits of the numbers that the values of an image are read as.
    #[getter]
    fn digits(&self) -> u32 {
        self.runtime.spec().input.quantiser.digits
    }

    /// What the source network did to its output: "none", "relu", "softmax", "log_softmax" or "sigmoid".
    #[getter]
    fn head(&self) -> &'static str {
        match self.runtime.spec().output.head {
            runtime::Head::None => "none",
            runtime::Head::Relu => "relu",
            runtime::Head::Softmax => "softmax",
            runtime::Head::LogSoftmax => "log_softmax",
            runtime::Head::Sigmoid => "sigmoid",
        }
    }

    /// Time steps until the answer of an image is there.
    #[getter]
    fn latency(&self) -> usize {
        self.runtime.schedule().latency
    }

    /// Time steps from one image to the next in a pipeline.
    #[getter]
    fn interval(&self) -> usize {
        self.runtime.schedule().interval
    }

    /// Name and version of the compiler.
    #[getter]
    fn compiler(&self) -> &str {
        &self.runtime.spec().compiler
    }

    /// What makes spikes.
    #[getter]
    fn populations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let populations = self.runtime.populations().iter().map(|population| Population {
            name: population.name.clone(),
            kind: match population.kind {
                runtime::PopulationKind::Neurons => "neurons",
                runtime::PopulationKind::CountMaxPool => "count_max_pool",
                runtime::PopulationKind::DigitMaxPool => "digit_max_pool",
                runtime::PopulationKind::Input => "input",
            },
            size: population.size,
            digits: population.digits,
        });
        PyTuple::new(py, populations.collect::<Vec<_>>())
    }

    /// What has synapses.
    #[getter]
    fn layers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let layers = self.runtime.layers().iter().map(|layer| Layer {
            name: layer.name.clone(),
            drive: match layer.drive {
                runtime::Drive::Analog => "analog",
                runtime::Drive::Spikes => "spikes",
                runtime::Drive::Current => "current",
            },
            connections: layer.connections,
            is_input: layer.is_input,
            digits: layer.digits,
        });
        PyTuple::new(py, layers.collect::<Vec<_>>())
    }

    /// Runs images.
    #[pyo3(signature = (images, /, timesteps=None, *, first_image=0))]
    fn run(&self, py: Python<'_>, images: &Bound<'_, PyAny>, timesteps: Option<usize>, first_image: u64) -> PyResult<RunResult> {
        let network = &self.runtime;
        let images = Images::of(network, images)?;
        let steps = timesteps.unwrap_or(network.spec().timesteps);
        let pool = threads::pool()?;
        let mut all = Outcome { timesteps: steps, ..Outcome::default() };
        let (mut first, mut size) = (0, network.batch());
        loop {
            // Without images the run still says whether it could be.
            let part = first..images.count().min(first + size);
            first = part.end;
            let index = first_image.wrapping_add(part.start as u64);
            let numbers = images.numbers(network, part)?;
            let start = Instant::now();
            let outcome = py.detach(|| pool.install(|| network.run_quantised(&numbers, steps, index))).map_err(error)?;
            all.append(&outcome);
            if first == images.count() {
                return result::of_run(py, network, all);
            }
            py.check_signals()?;
            if start.elapsed() < PATIENCE {
                size *= 2;
            }
        }
    }

    /// Runs images and keeps every spike.
    #[pyo3(signature = (images, /, timesteps=None, *, first_image=0))]
    fn trace(&self, py: Python<'_>, images: &Bound<'_, PyAny>, timesteps: Option<usize>, first_image: u64) -> PyResult<Trace> {
        let network = &self.runtime;
        let images = Images::of(network, images)?;
        let steps = timesteps.unwrap_or(network.spec().timesteps);
        let pool = threads::pool()?;
        let numbers = images.numbers(network, 0..images.count())?;
        let trace = py.detach(|| pool.install(|| network.trace(&numbers, steps, first_image))).map_err(error)?;
        result::of_trace(py, network, trace)
    }

    fn __repr__(&self) -> String {
        let spec = self.runtime.spec();
        let (shape, classes, code) = (&spec.input.shape[1..], self.runtime.classes(), self.code());
        format!("<snnc.Network: {shape:?} to {classes} classes, {code} code, {} time steps>", spec.timesteps)
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        page("of_network", slf.as_any())
    }
}

/// What a notebook shows of an object.
pub(crate) fn page<'py>(function: &str, of: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    Ok(of.py().import("snnc._html")?.call_method1(function, (of,))?.cast_into()?)
}

#[pymethods]
impl Population {
    fn __repr__(&self) -> String {
        let digits = told("digits", self.digits);
        format!("<snnc.Population {}: {} {}{digits}>", self.name, self.size, self.kind)
    }
}

#[pymethods]
impl Layer {
    fn __repr__(&self) -> String {
        let digits = told("digits", self.digits);
        format!("<snnc.Layer {}: {} connections, driven by {}{digits}>", self.name, self.connections, self.drive)
    }
}

fn told(what: &str, number: Option<impl Debug>) -> String {
    number.map_or_else(String::new, |number| format!(", {number:?} {what}"))
}
