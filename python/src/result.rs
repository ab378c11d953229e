//! What a network made of images, as arrays: those of numpy take the memory over that the runtime filled.

use crate::network::page;
use numpy::{Element, PyArray1, PyArray2, PyArrayDyn, PyArrayMethods as _};
use pyo3::{
    prelude::*,
    types::{PyDict, PySlice, PyString},
};
use snnc_runtime as runtime;

/// What a network made of some images.
#[pyclass(frozen, name = "Result", module = "snnc")]
pub(crate) struct RunResult {
    #[pyo3(get)]
    timesteps: usize,
    images: usize,
    #[pyo3(get)]
    logits: Py<PyArray2<f32>>,
    #[pyo3(get)]
    predictions: Py<PyArray1<i64>>,
    #[pyo3(get)]
    spikes: Py<PyDict>,
    #[pyo3(get)]
    corrections: Py<PyDict>,
    #[pyo3(get)]
    synaptic_ops: Py<PyDict>,
    /// Firing rates, by population.
    #[pyo3(get)]
    rates: Py<PyDict>,
}

/// Every spike of a run.
#[pyclass(frozen, module = "snnc")]
pub(crate) struct Trace {
    #[pyo3(get)]
    result: Py<RunResult>,
    #[pyo3(get)]
    spikes: Py<PyDict>,
}

/// Of a run.
pub(crate) fn of_run(py: Python<'_>, network: &runtime::Network, outcome: runtime::Outcome) -> PyResult<RunResult> {
    let images = outcome.images;
    let cost = network.cost(&outcome);
    let rates = PyDict::new(py);
    for rate in &cost.rates {
        rates.set_item(&rate.name, rate.rate)?;
    }
    let populations = || network.populations().iter().map(|population| population.name.as_str());
    let predictions = outcome.predictions().iter().map(|&class| class as i64).collect();
    Ok(RunResult {
        timesteps: outcome.timesteps,
        images,
        predictions: PyArray1::from_vec(py, predictions).unbind(),
        logits: PyArray1::from_vec(py, outcome.logits).reshape([images, network.classes()])?.unbind(),
        spikes: columns(py, outcome.spikes, images, populations())?,
        corrections: columns(py, outcome.corrections, images, populations())?,
        synaptic_ops: columns(py, outcome.synaptic_ops, images, network.layers().iter().map(|layer| layer.name.as_str()))?,
        rates: rates.unbind(),
    })
}

/// Of a run whose every spike was kept.
pub(crate) fn of_trace(py: Python<'_>, network: &runtime::Network, trace: runtime::Trace) -> PyResult<Trace> {
    let spec = network.spec();
    let (images, timesteps) = (trace.outcome.images, trace.outcome.timesteps);
    let all = PyDict::new(py);
    for (population, spikes) in network.populations().iter().zip(trace.spikes) {
        let node = spec.nodes.iter().find(|node| node.name == population.name);
        let shape = node.map_or(&spec.input.shape, |node| &node.shape);
        let shape: Vec<usize> = [population.digits.unwrap_or(timesteps), images].iter().chain(&shape[1..]).copied().collect();
        all.set_item(&population.name, array(py, spikes, &shape)?)?;
    }
    Ok(Trace { result: Py::new(py, of_run(py, network, trace.outcome)?)?, spikes: all.unbind() })
}

fn array<'py, T: Element>(py: Python<'py>, values: Vec<T>, shape: &[usize]) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    PyArray1::from_vec(py, values).reshape(shape)
}

/// `[images, names]` as a column of it for each name.
fn columns<'a>(py: Python<'_>, table: Vec<u64>, images: usize, names: impl Iterator<Item = &'a str>) -> PyResult<Py<PyDict>> {
    let names: Vec<&str> = names.collect();
    let table = array(py, table, &[images, names.len()])?;
    let columns = PyDict::new(py);
    for (index, name) in names.into_iter().enumerate() {
        columns.set_item(name, table.get_item((PySlice::full(py), index))?)?;
    }
    Ok(columns.unbind())
}

#[pymethods]
impl RunResult {
    fn __len__(&self) -> usize {
        self.images
    }

    fn __repr__(&self) -> String {
        format!("<snnc.Result: {} images, {} time steps>", self.images, self.timesteps)
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        page("of_result", slf.as_any())
    }
}

#[pymethods]
impl Trace {
    fn __len__(&self) -> usize {
        self.result.get().images
    }

    fn __repr__(&self) -> String {
        let result = self.result.get();
        format!("<snnc.Trace: {} images, {} time steps>", result.images, result.timesteps)
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyString>> {
        page("of_trace", slf.as_any())
    }
}
