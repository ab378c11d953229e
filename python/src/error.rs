//! Exceptions.

use pyo3::{PyErr, create_exception, exceptions::PyValueError};
use std::fmt::Display;

create_exception!(snnc, Error, PyValueError, "What was given is no artifact, or does not fit the network, or does not compile.");

/// An error that says what the runtime says.
pub(crate) fn error(message: impl Display) -> PyErr {
    Error::new_err(message.to_string())
}
