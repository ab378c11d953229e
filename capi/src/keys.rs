//! What opens encrypted networks, and whose networks must be.

use crate::{
    memory::{array, borrow, borrow_mut, free, target},
    network::{give, path_of, read_text},
    status::{Error, Failure, Status, guard},
};
use snnc_runtime::{KeyError, Keys as Made, Network as Runtime, PublicKey};
use std::ffi::{CStr, c_char};

/// Keys: what opens encrypted networks, and whose networks must be. Nothing of them is ever in a message, and they are wiped
/// when they are freed.
pub struct Keys(Made);

/// Makes a set of keys, empty at first: it opens what is not encrypted, and requires nothing.
///
/// `keys`: receives it, to be freed with snnc_keys_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_keys_new(keys: *mut *mut Keys, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        unsafe { target(keys, "keys") }?.give(Keys(Made::default()));
        Ok(())
    };
    unsafe { guard(error, work) }
}

/// Adds the identities of age in the content of a key file, as `age-keygen` writes it, to those that open networks.
///
/// `text`: the content; the caller wipes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_keys_add_identities(keys: *mut Keys, text: *const c_char, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        let keys = unsafe { borrow_mut(keys, "keys") }?;
        unsafe { borrow(text, "text") }?;
        add_identities(&mut keys.0, read_text(unsafe { CStr::from_ptr(text) }, "text")?)
    };
    unsafe { guard(error, work) }
}

/// Adds a passphrase to what opens networks.
///
/// `text`: the passphrase; the caller wipes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_keys_add_passphrase(keys: *mut Keys, text: *const c_char, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        let keys = unsafe { borrow_mut(keys, "keys") }?;
        unsafe { borrow(text, "text") }?;
        add_passphrase(&mut keys.0, read_text(unsafe { CStr::from_ptr(text) }, "text")?)
    };
    unsafe { guard(error, work) }
}

#[cfg(feature = "encrypted")]
fn add_identities(keys: &mut Made, text: &str) -> Result<(), Failure> {
    Ok(keys.add_identities(text)?)
}

#[cfg(feature = "encrypted")]
fn add_passphrase(keys: &mut Made, text: &str) -> Result<(), Failure> {
    keys.add_passphrase(&snnc_runtime::Passphrase::new(text)?);
    Ok(())
}

#[cfg(not(feature = "encrypted"))]
use {unavailable as add_identities, unavailable as add_passphrase};

#[cfg(not(feature = "encrypted"))]
fn unavailable(_: &mut Made, _: &str) -> Result<(), Failure> {
    Err(KeyError::NoEncryption.into())
}

/// Demands that networks are signed with a key of minisign, encrypted or not.
///
/// `public_key`: the content of the file of the public key, or the line of it that begins with `RW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_keys_require_signature(keys: *mut Keys, public_key: *const c_char, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        let keys = unsafe { borrow_mut(keys, "keys") }?;
        unsafe { borrow(public_key, "public_key") }?;
        let text = read_text(unsafe { CStr::from_ptr(public_key) }, "public_key")?;
        keys.0.require_signature(PublicKey::parse(text)?);
        Ok(())
    };
    unsafe { guard(error, work) }
}

/// Loads a network from a file that is encrypted, or must be signed. It is opened in memory; its signature is read from the
/// file with `.minisig` behind its name.
///
/// `path`: where it is, in the encoding of the system (UTF-8 on Windows).
/// `keys`: what opens it, and whose it must be. Not needed afterwards.
/// `network`: receives the network, to be freed with snnc_network_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_load_with(
    path: *const c_char,
    keys: *const Keys,
    network: *mut *mut crate::network::Network,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        let network = unsafe { target(network, "network") }?;
        unsafe { borrow(path, "path") }?;
        let path = path_of(unsafe { CStr::from_ptr(path) })?;
        let keys = unsafe { borrow(keys, "keys") }?;
        let inside = keys.0.read(&path).map_err(|error| match error {
            KeyError::File(error) => Failure::new(Status::File, format_args!("{}: {error}", path.display())),
            error => error.into(),
        })?;
        give(Runtime::load(&inside)?, network);
        Ok(())
    };
    unsafe { guard(error, work) }
}

/// Loads a network from the bytes of a file that is encrypted, or must be signed.
///
/// `bytes`, `len`: the bytes and their number. Not needed afterwards.
/// `signature`: the content of the file of its signature, or NULL where none is required.
/// `keys`, `network`: as of snnc_load_with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_load_bytes_with(
    bytes: *const u8,
    len: usize,
    signature: *const c_char,
    keys: *const Keys,
    network: *mut *mut crate::network::Network,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: here and below, pointers are what the header asks for.
        let network = unsafe { target(network, "network") }?;
        let bytes = unsafe { array(bytes, len, "bytes") }?;
        let keys = unsafe { borrow(keys, "keys") }?;
        let signature = if signature.is_null() { None } else { Some(read_text(unsafe { CStr::from_ptr(signature) }, "signature")?) };
        give(Runtime::load_with(bytes, signature, &keys.0)?, network);
        Ok(())
    };
    unsafe { guard(error, work) }
}

/// Wipes and frees keys.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_keys_free(keys: *mut Keys) {
    // SAFETY: the pointer is what the header asks for.
    let work = || {
        unsafe { free(keys) };
        Ok(())
    };
    unsafe { guard(std::ptr::null_mut(), work) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_be_shared() {
        fn shared<T: Send + Sync>() {}
        shared::<Keys>();
    }
}
