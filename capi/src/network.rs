//! Loading, freeing, and what runs on what.

use crate::{
    memory::{Target, array, borrow, free, target},
    pool::{self, Threads},
    status::{Error, Failure, Status, guard},
};
use snnc_runtime::Network as Runtime;
use std::{
    ffi::{CStr, CString, c_char},
    path::PathBuf,
    sync::Mutex,
};

/// A network that is ready to run.
pub struct Network {
    pub(crate) runtime: Runtime,
    pub(crate) threads: Mutex<Threads>,
    pub(crate) texts: Texts,
}

/// Names that callers get pointers to.
pub(crate) struct Texts {
    pub(crate) compiler: CString,
    pub(crate) populations: Vec<CString>,
    pub(crate) layers: Vec<CString>,
}

impl Texts {
    fn of(runtime: &Runtime) -> Self {
        Self {
            compiler: text(&runtime.spec().compiler),
            populations: runtime.populations().iter().map(|population| text(&population.name)).collect(),
            layers: runtime.layers().iter().map(|layer| text(&layer.name)).collect(),
        }
    }
}

/// A name as C has it: a zero byte, which would end it early, becomes the sign for what cannot be shown.
fn text(name: &str) -> CString {
    CString::new(name.replace('\0', "\u{fffd}")).expect("no zero byte is left")
}

/// Loads a network from a file.
///
/// `path`: where it is, in the encoding of the system (UTF-8 on Windows).
/// `network`: receives the network, to be freed with snnc_network_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_load(path: *const c_char, network: *mut *mut Network, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        let network = unsafe { target(network, "network") }?;
        unsafe { borrow(path, "path") }?;
        let path = path_of(unsafe { CStr::from_ptr(path) })?;
        let bytes = std::fs::read(&path).map_err(|e| Failure::new(Status::File, format_args!("{}: {e}", path.display())))?;
        load(&bytes, network)
    };
    unsafe { guard(error, work) }
}

/// Loads a network from the bytes of a file, which are not needed afterwards.
///
/// `bytes`, `len`: the bytes and their number.
/// `network`: receives the network, to be freed with snnc_network_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_load_bytes(bytes: *const u8, len: usize, network: *mut *mut Network, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let network = unsafe { target(network, "network") }?;
        load(unsafe { array(bytes, len, "bytes") }?, network)
    };
    unsafe { guard(error, work) }
}

fn load(bytes: &[u8], network: Target<Network>) -> Result<(), Failure> {
    give(Runtime::load(bytes)?, network);
    Ok(())
}

pub(crate) fn give(runtime: Runtime, network: Target<Network>) {
    network.give(Network { texts: Texts::of(&runtime), runtime, threads: Threads::new() });
}

/// A text of the caller, which is UTF-8.
pub(crate) fn read_text<'a>(text: &'a CStr, name: &str) -> Result<&'a str, Failure> {
    text.to_str().map_err(|e| Failure::argument(format_args!("`{name}`: {e}")))
}

#[cfg(unix)]
pub(crate) fn path_of(path: &CStr) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
}

#[cfg(not(unix))]
pub(crate) fn path_of(path: &CStr) -> Result<PathBuf, Failure> {
    read_text(path, "path").map(PathBuf::from)
}

/// Ends the threads of a network and frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_network_free(network: *mut Network) {
    // SAFETY: the pointer is what the header asks for.
    let work = || {
        unsafe { free(network) };
        Ok(())
    };
    unsafe { guard(std::ptr::null_mut(), work) };
}

/// Sets how many threads the network runs on: 0 for as many as the process may use processors, which is the case at
/// first. Results do not depend on it. Runs that have begun end as they began.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_set_threads(network: *const Network, threads: usize, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        pool::set(&unsafe { borrow(network, "network") }?.threads, threads);
        Ok(())
    };
    unsafe { guard(error, work) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_may_be_shared() {
        fn shared<T: Send + Sync>() {}
        shared::<Network>();
    }

    #[test]
    fn names_have_no_zero_byte() {
        assert_eq!(text("a\0b").to_str().unwrap(), "a\u{fffd}b");
    }
}
