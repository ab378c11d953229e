//! The runtime for WebAssembly: a few functions over numbers and memory, which `snnc.js` makes classes of.
//!
//! A host takes memory with [`snnc_alloc`], writes a file into it, and gets a network from [`snnc_load`]. Functions that may fail return 0 where
//! they did. What a function has to say besides, a result or the words of an error, lies from [`snnc_result`] on, [`snnc_result_len`] bytes, until
//! the next call. Numbers are little endian. Neither a file nor an image makes these functions panic; a pointer that did not come from them may.

use serde_json::json;
use snnc_runtime::{Code, Coding, Layout, Network, Pixels, PopulationKind, Trace};
use std::cell::RefCell;

thread_local! {
    static RESULT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn say(bytes: Vec<u8>) {
    RESULT.with_borrow_mut(|result| *result = bytes);
}

/// What there is to say, or, with 0, why there is nothing.
fn answer(said: Result<Vec<u8>, String>) -> u32 {
    let is_good = said.is_ok();
    say(said.unwrap_or_else(String::into_bytes));
    u32::from(is_good)
}

/// Where the last result begins.
#[unsafe(no_mangle)]
pub extern "C" fn snnc_result() -> *const u8 {
    RESULT.with_borrow(|result| result.as_ptr())
}

/// Its length in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn snnc_result_len() -> usize {
    RESULT.with_borrow(Vec::len)
}

/// Memory for so many bytes; null for none.
#[unsafe(no_mangle)]
pub extern "C" fn snnc_alloc(len: usize) -> *mut u8 {
    if len == 0 {
        return std::ptr::null_mut();
    }
    Box::into_raw(vec![0u8; len].into_boxed_slice()).cast()
}

/// Gives memory back.
///
/// # Safety
/// It came from [`snnc_alloc`] with this length, and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_free(memory: *mut u8, len: usize) {
    if !memory.is_null() {
        // SAFETY: the caller's promise; this is the box that `snnc_alloc` made.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(memory, len)) });
    }
}

/// The bytes at a place; none at null.
///
/// # Safety
/// So many bytes lie there, and stay while they are looked at.
unsafe fn bytes<'a>(at: *const u8, len: usize) -> &'a [u8] {
    if at.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(at, len) }
}

/// Reads a `.snn` file. The network stays until [`snnc_unload`]; null where the file is refused, and the result says why. Otherwise the result is
/// a description, in JSON.
///
/// # Safety
/// `file` is null, or so many bytes lie there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_load(file: *const u8, len: usize) -> *mut Network {
    // SAFETY: the caller's promise.
    match Network::load(unsafe { bytes(file, len) }) {
        Ok(network) => {
            say(description(&network).to_string().into_bytes());
            Box::into_raw(Box::new(network))
        }
        Err(error) => {
            say(error.to_string().into_bytes());
            std::ptr::null_mut()
        }
    }
}

/// Gives a network's memory back.
///
/// # Safety
/// It is null, or came from [`snnc_load`] and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_unload(network: *mut Network) {
    if !network.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(network) });
    }
}

/// Runs images of 8 bits, channels of a pixel side by side, and keeps of each of them the read-outs, as `f32`.
///
/// # Safety
/// `network` came from [`snnc_load`] and is still there; `count · height · width · channels` bytes lie at `pixels`.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "a boundary of numbers")]
pub unsafe extern "C" fn snnc_run(
    network: *const Network,
    pixels: *const u8,
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
    timesteps: usize,
    first_image_index: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    let (network, data) = unsafe { (&*network, bytes(pixels, count * height * width * channels)) };
    let image = network.quantise_pixels(&Pixels { data, count, height, width, channels });
    let outcome = image.and_then(|image| network.run_quantised(&image, timesteps, first_image_index));
    answer(outcome.map(|outcome| outcome.logits.iter().flat_map(|v| v.to_le_bytes()).collect()).map_err(|e| e.to_string()))
}

/// Runs one image as [`snnc_run`] and keeps everything: the read-outs, as `f32`, and behind them the spikes of each population in the order of the
/// description, `[steps, entries]`, a byte each: 0, 1, or 255 for -1.
///
/// # Safety
/// As [`snnc_run`], with one image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_trace(
    network: *const Network,
    pixels: *const u8,
    height: usize,
    width: usize,
    channels: usize,
    timesteps: usize,
    image_index: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    let (network, data) = unsafe { (&*network, bytes(pixels, height * width * channels)) };
    let image = network.quantise_pixels(&Pixels { data, count: 1, height, width, channels });
    let trace = image.and_then(|image| network.trace(&image, timesteps, image_index));
    let packed = |trace: Trace| {
        let logits = trace.outcome.logits.iter().flat_map(|v| v.to_le_bytes());
        logits.chain(trace.spikes.iter().flatten().map(|&spike| spike as u8)).collect()
    };
    answer(trace.map(packed).map_err(|e| e.to_string()))
}

/// What a host wants to know of a network.
fn description(network: &Network) -> serde_json::Value {
    let spec = network.spec();
    let schedule = network.schedule();
    let window =
        |name: &str| schedule.windows.iter().find(|window| window.name == name).map_or((1, 1), |window| (window.first, window.last));
    let populations: Vec<_> = network
        .populations()
        .iter()
        .map(|population| {
            let (first, last) = window(&population.name);
            let kind = match population.kind {
                PopulationKind::Neurons => "neurons",
                PopulationKind::CountMaxPool | PopulationKind::DigitMaxPool => "max-pool",
                PopulationKind::Input => "input",
            };
            json!({"name": population.name, "kind": kind, "size": population.size, "digits": population.digits, "first": first, "last": last})
        })
        .collect();
    json!({
        "code": match spec.code { Code::Radix => "radix", Code::Rate => "rate" },
        "coding": match spec.input.coding { Coding::Digits => "digits", Coding::Direct => "direct", Coding::Poisson => "poisson" },
        "layout": match spec.input.layout { Layout::Nchw => "nchw", Layout::Nhwc => "nhwc", Layout::Flat => "flat" },
        "shape": spec.input.shape,
        "classes": network.classes(),
        "timesteps": spec.timesteps,
        "maxTimesteps": network.max_timesteps(),
        "latency": schedule.latency,
        "interval": schedule.interval,
        "populations": populations,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn result() -> Vec<u8> {
        // SAFETY: what the two functions promise each other.
        unsafe { bytes(snnc_result(), snnc_result_len()) }.to_vec()
    }

    fn load(file: &[u8]) -> *mut Network {
        // SAFETY: a slice.
        unsafe { snnc_load(file.as_ptr(), file.len()) }
    }

    #[test]
    fn what_the_host_gets_is_what_the_runtime_says() {
        for name in ["conv-if", "radix-conv", "signal"] {
            let file = std::fs::read(format!("{}/../fixtures/vectors/{name}.snn", env!("CARGO_MANIFEST_DIR"))).unwrap();
            let network = Network::load(&file).unwrap();
            let handle = load(&file);
            let described: serde_json::Value = serde_json::from_slice(&result()).unwrap();
            let populations = described["populations"].as_array().unwrap();
            assert_eq!(populations.len(), network.populations().len());
            let [height, width, channels] = match network.spec().input.shape[..] {
                [_, c, h, w] => [h, w, c],
                [_, l, c] if described["layout"] == "nhwc" => [1, l, c],
                [_, c, l] => [1, l, c],
                _ => panic!("{name}"),
            };
            let pixels: Vec<u8> = (0..height * width * channels).map(|k| (k * 37 % 256) as u8).collect();
            let steps = network.spec().timesteps;
            let image = network.quantise_pixels(&Pixels { data: &pixels, count: 1, height, width, channels }).unwrap();
            let trace = network.trace(&image, steps, 5).unwrap();
            let floats = |bytes: &[u8]| -> Vec<f32> { bytes.as_chunks().0.iter().map(|&v| f32::from_le_bytes(v)).collect() };
            // SAFETY: the network is loaded, and the pixels are so many.
            assert_eq!(unsafe { snnc_run(handle, pixels.as_ptr(), 1, height, width, channels, steps, 5) }, 1);
            assert_eq!(floats(&result()), trace.outcome.logits);
            // SAFETY: as before.
            assert_eq!(unsafe { snnc_trace(handle, pixels.as_ptr(), height, width, channels, steps, 5) }, 1);
            let said = result();
            let (logits, spikes) = said.split_at(4 * network.classes());
            assert_eq!(floats(logits), trace.outcome.logits);
            assert_eq!(spikes.iter().map(|&spike| spike as i8).collect::<Vec<_>>(), trace.spikes.concat());
            let len: u64 = populations.iter().map(|p| p["size"].as_u64().unwrap() * p["digits"].as_u64().unwrap_or(steps as u64)).sum();
            assert_eq!(len, spikes.len() as u64);
            // Wrong shapes and steps are answered with words.
            // SAFETY: fewer pixels than there are.
            assert_eq!(unsafe { snnc_run(handle, pixels.as_ptr(), 1, 1, 1, 1, steps, 0) }, 0);
            assert!(String::from_utf8(result()).unwrap().contains("the network reads"));
            // SAFETY: as before.
            assert_eq!(unsafe { snnc_trace(handle, pixels.as_ptr(), height, width, channels, 0, 0) }, 0);
            assert!(String::from_utf8(result()).unwrap().contains("time steps"));
            // SAFETY: it was loaded above.
            unsafe { snnc_unload(handle) };
        }
        assert!(load(b"no network").is_null());
        assert!(String::from_utf8(result()).unwrap().contains("safetensors"));
        // SAFETY: null is nothing.
        unsafe {
            assert!(snnc_load(std::ptr::null(), 0).is_null());
            snnc_unload(std::ptr::null_mut());
            snnc_free(snnc_alloc(0), 0);
            snnc_free(snnc_alloc(9), 9);
        }
    }
}
