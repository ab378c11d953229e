//! What functions return, and the way out for errors and panics.

use snnc_runtime::{KeyError, LoadError, RunError};
use std::{
    any::Any,
    ffi::c_char,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What a call came to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer is NULL or not aligned, or a length or index does not fit.
    Argument = 1,
    /// The file cannot be read.
    File = 2,
    /// The bytes are no artifact that this version can run.
    Artifact = 3,
    /// The network does not run on these images, or for so many time steps.
    Run = 4,
    /// Threads cannot be started.
    Threads = 5,
    /// A bug of the library.
    Bug = 6,
    /// The file is encrypted or not signed as required, and the keys do not open it; or a key is none.
    Keys = 7,
}

/// Size of snnc_error.message.
pub const SNNC_MESSAGE_SIZE: usize = 1024;

/// What went wrong. Memory of the caller, which needs no preparation and nothing freed.
#[repr(C)]
pub struct Error {
    /// What the function returned.
    pub status: Status,
    /// One line of UTF-8 that ends with a zero byte: "" if all went well. What is longer is cut and ends with "...".
    pub message: [c_char; SNNC_MESSAGE_SIZE],
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Display) -> Self {
        Self { status, message: message.to_string() }
    }

    /// A mistake in how a function was called.
    pub(crate) fn argument(message: impl Display) -> Self {
        Self::new(Status::Argument, message)
    }

    fn panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
        Self::new(Status::Bug, format_args!("this is a bug in libsnnc: {}", text.unwrap_or("(no message)")))
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Encrypted => Self::new(Status::Keys, error),
            LoadError::Keys(error) => error.into(),
            error => Self::new(Status::Artifact, error),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::new(Status::Keys, error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new(Status::Run, error)
    }
}

/// Does the work of a function: what goes wrong, panics included, is told to the caller.
///
/// # Safety
/// `error` is null or points to memory for an [`Error`], which need not hold one.
pub(crate) unsafe fn guard(error: *mut Error, work: impl FnOnce() -> Result<(), Failure>) -> Status {
    // Whatever a panic leaves half done is either dropped here or, of a network, behind a lock that knows of it.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(Failure::panic(&*payload)));
    let (status, message) = match &result {
        Ok(()) => (Status::Ok, ""),
        Err(failure) => (failure.status, failure.message.as_str()),
    };
    if !error.is_null() && error.is_aligned() {
        let error_value = Error { status, message: text(message) };
        // SAFETY: neither null nor misaligned; that it is memory of the caller is what the header asks for.
        unsafe { error.write(error_value) };
    }
    status
}

/// A message as the caller sees it. A zero byte would end it early, and a line break make two lines of it.
fn text(message: &str) -> [c_char; SNNC_MESSAGE_SIZE] {
    const CUT: &str = "...";
    let room = SNNC_MESSAGE_SIZE - 1;
    let kept = if message.len() <= room { message.len() } else { message.floor_char_boundary(room - CUT.len()) };
    let end = if kept < message.len() { CUT } else { "" };
    let mut text = [0; SNNC_MESSAGE_SIZE];
    for (target, byte) in text.iter_mut().zip(message[..kept].bytes().chain(end.bytes())) {
        *target = if byte < b' ' { b' ' } else { byte } as c_char;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn told(work: impl FnOnce() -> Result<(), Failure>) -> (Status, String) {
        let mut error = Error { status: Status::Ok, message: [1; SNNC_MESSAGE_SIZE] };
        // SAFETY: a live error.
        let status = unsafe { guard(&raw mut error, work) };
        assert_eq!(status, error.status);
        // SAFETY: `guard` ends every message with a zero byte.
        (status, unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().unwrap().to_owned())
    }

    #[test]
    fn panics_do_not_leave() {
        assert_eq!(told(|| panic!("no {}", 1)), (Status::Bug, "this is a bug in libsnnc: no 1".into()));
        assert_eq!(told(|| std::panic::panic_any(7)), (Status::Bug, "this is a bug in libsnnc: (no message)".into()));
        assert_eq!(told(|| Ok(())), (Status::Ok, String::new()));
    }

    #[test]
    fn messages_are_one_line_that_fits() {
        assert_eq!(told(|| Err(Failure::argument("a\nb\0c"))).1, "a b c");
        let (_, long) = told(|| Err(Failure::argument("ü".repeat(SNNC_MESSAGE_SIZE))));
        assert_eq!(long, "ü".repeat(510) + "...");
        let fits = "x".repeat(SNNC_MESSAGE_SIZE - 1);
        assert_eq!(told(|| Err(Failure::argument(&fits))).1, fits);
    }

    #[test]
    fn an_error_is_not_needed() {
        // SAFETY: null is allowed.
        assert_eq!(unsafe { guard(std::ptr::null_mut(), || Err(Failure::argument("a"))) }, Status::Argument);
    }
}
