//! Exceptions.

use pyo3::{
    create_exception,
    exceptions::{PyOSError, PyValueError},
    prelude::*,
};
use std::{fmt::Display, io, path::Path};

create_exception!(snnc, Error, PyValueError, "What was given is no artifact, or does not fit the network, or does not compile.");

/// An error that says what the runtime says.
pub(crate) fn error(message: impl Display) -> PyErr {
    Error::new_err(message.to_string())
}

/// The exception that Python itself raises of a file that cannot be read: which of them it is, Python finds by the number.
pub(crate) fn file_error(py: Python<'_>, path: &Path, error: &io::Error) -> PyErr {
    let Some(number) = error.raw_os_error() else { return PyOSError::new_err(format!("{}: {error}", path.display())) };
    match py.import("os").and_then(|os| os.call_method1("strerror", (number,))) {
        Ok(text) => PyOSError::new_err((number, text.unbind(), path.as_os_str().to_owned())),
        Err(error) => error,
    }
}
