//! Versions.

use std::ffi::{CStr, c_char};

/// Version of the library, such as "0.1.0". Never NULL; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn snnc_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version has no zero byte"),
    };
    VERSION.as_ptr()
}

/// The version of the .snn format that the library reads; it reads no other.
#[unsafe(no_mangle)]
pub extern "C" fn snnc_format_version() -> u64 {
    snnc_runtime::artifact::FORMAT_VERSION
}
