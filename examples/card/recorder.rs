//! Time on the card by kind of operation, of a step as it is: nothing is taken apart for it.
//!
//! Everything that runs on the card goes through a few functions of the driver and of cuBLAS. This program defines functions of the
//! same names, so candle calls these; they pass on what they are asked, between two events of the card while a recorder runs. A
//! launch's name tells its kind, together with what came before: the product that follows an unfolding is a convolution's, and after
//! the logits have arrived (the loss says so) all is backward.

use candle_core::{
    Device,
    cuda::cudarc::driver::{
        result::event,
        sys::{CUevent, CUevent_flags, CUstream},
    },
};
use serde_json::{Map, Value, json};
use snnc_engine::{Error, Result};
use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Kernels that are listed one by one.
const LISTED: usize = 16;
/// Bytes of the shape of a tensor at most, with its strides: nine axes.
const SHAPE: usize = 144;

/// One launch.
struct Launch {
    name: String,
    is_backward: bool,
    events: [CUevent; 2],
}

/// What is recorded now.
#[derive(Default)]
pub struct Recorder {
    runs: bool,
    is_backward: bool,
    launches: Vec<Launch>,
    /// Of kernels, by their handle.
    names: BTreeMap<usize, String>,
    /// cuBLAS runs on the stream that it was given.
    stream: usize,
}

// SAFETY: events are handles, which any thread may use.
unsafe impl Send for Recorder {}

static RECORDER: Mutex<Recorder> =
    Mutex::new(Recorder { runs: false, is_backward: false, launches: Vec::new(), names: BTreeMap::new(), stream: 0 });

fn recorder() -> MutexGuard<'static, Recorder> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a recorder has seen.
pub struct Account {
    pub launches: usize,
    /// Milliseconds of all of them.
    pub total: f64,
    /// Milliseconds and launches by kind.
    pub kinds: Value,
    /// The same for the kernels that took longest, forward and backward.
    pub kernels: Value,
}

impl Recorder {
    pub fn start() {
        recorder().runs = true;
    }

    /// Says whether launches from here on are of the backward pass.
    pub fn turn(is_backward: bool) {
        recorder().is_backward = is_backward;
    }

    /// Stops, and says where the time went.
    pub fn stop(device: &Device) -> Result<Account> {
        device.synchronize()?;
        let mut recorder = recorder();
        recorder.runs = false;
        let (mut kinds, mut kernels): (Totals, Totals) = (BTreeMap::new(), BTreeMap::new());
        let (mut sorter, mut total) = (Sorter::default(), 0.0);
        let launches = std::mem::take(&mut recorder.launches);
        drop(recorder);
        for launch in &launches {
            let [start, end] = launch.events;
            // SAFETY: both were recorded, the card is done with them, and nobody else knows them.
            let spent = unsafe { event::elapsed(start, end) };
            let spent = f64::from(spent.map_err(|e| Error::from(candle_core::Error::wrap(e)))?);
            for event in launch.events {
                // SAFETY: as above.
                unsafe { event::destroy(event) }.map_err(|e| Error::from(candle_core::Error::wrap(e)))?;
            }
            total += spent;
            add(&mut kinds, sorter.kind(launch), spent);
            let way = if launch.is_backward { "backward" } else { "forward" };
            add(&mut kernels, &format!("{}, {way}", launch.name), spent);
        }
        Ok(Account {
            launches: launches.len(),
            total: rounded(total),
            kinds: longest(kinds, usize::MAX),
            kernels: longest(kernels, LISTED),
        })
    }
}

/// Milliseconds and launches by name.
type Totals = BTreeMap<String, (f64, usize)>;

fn add(totals: &mut Totals, name: &str, spent: f64) {
    let entry = totals.entry(name.to_owned()).or_default();
    entry.0 += spent;
    entry.1 += 1;
}

fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

fn longest(totals: Totals, count: usize) -> Value {
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0));
    let entries =
        totals.into_iter().take(count).map(|(name, (spent, launches))| (name, json!({"ms": rounded(spent), "launches": launches})));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// Says what launches are of, in order.
#[derive(Default)]
struct Sorter {
    /// An operand was unfolded, and its product has not come yet.
    is_unfolded: bool,
    /// The product for the gradient of the weight has come, but not the one for that of the operand.
    is_owed: bool,
}

impl Sorter {
    fn kind(&mut self, launch: &Launch) -> &'static str {
        let name = launch.name.as_str();
        let is = |prefix: &str| name.starts_with(prefix);
        let of_operand = "convolution: gradient of the input";
        let convolution = if launch.is_backward { "convolution: gradient of the weight" } else { "convolution: forward" };
        match name {
            _ if is("unfold") => {
                self.is_unfolded = true;
                convolution
            }
            "product" if self.is_unfolded => {
                (self.is_unfolded, self.is_owed) = (false, launch.is_backward);
                convolution
            }
            "product" if self.is_owed => {
                self.is_owed = false;
                of_operand
            }
            _ if is("fold") => of_operand,
            _ if is("by_rows") => convolution,
            _ if is("by_channels") => "convolution: axes of the gradient",
            "product" if launch.is_backward => "linear: backward",
            "product" => "linear: forward",
            _ if is("ucopy") || is("copy2d") || name == "copy on the card" => "copies on the card",
            _ if is("forward_") => "neurons: forward",
            _ if is("backward_") || name == "add_parts" => "neurons: backward",
            _ if is("is_") => "gathers (pools, spreading of parameters): forward",
            _ if is("ia_") || is("sa_") => "gathers (pools, spreading of parameters): backward",
            "pool" => "sums of windows: forward",
            "spread" => "sums of windows: backward",
            "first_largest" => "places of maxima",
            _ if is("fast_sum") => "sums (pools, gradients of biases)",
            _ if is("cast_") => "casts",
            "shape to the card" => "shapes to the card",
            "to the card" | "from the card" => "copies to and from the card",
            _ if is("const_set") || is("fill") || name == "zeros" => "fills",
            _ => "element by element",
        }
    }
}

/// Calls between two events, if a recorder runs.
fn around<R>(name: impl FnOnce(&Recorder) -> String, stream: Option<CUstream>, call: impl FnOnce() -> R) -> R {
    let (on, name) = {
        let mut recorder = recorder();
        if let Some(stream) = stream {
            recorder.stream = stream as usize;
        }
        if !recorder.runs {
            drop(recorder);
            return call();
        }
        (recorder.stream as CUstream, name(&recorder))
    };
    let events = [(); 2].map(|()| event::create(CUevent_flags::CU_EVENT_DEFAULT));
    let [Ok(start), Ok(end)] = events else { return call() };
    // SAFETY: the events are new, and the stream is the one that the call is about.
    let begun = unsafe { event::record(start, on) };
    let result = call();
    // SAFETY: as above.
    let ended = unsafe { event::record(end, on) };
    if begun.is_ok() && ended.is_ok() {
        let mut recorder = recorder();
        let is_backward = recorder.is_backward;
        recorder.launches.push(Launch { name, is_backward, events: [start, end] });
    }
    result
}

/// The function of this name in the libraries.
fn next(name: &CStr) -> *mut c_void {
    unsafe extern "C" {
        fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    // What the C library's header calls RTLD_NEXT: behind this program in the order of search.
    const NEXT: *mut c_void = -1isize as *mut c_void;
    // SAFETY: `dlsym` has this signature, and the name ends in a zero.
    let found = unsafe { dlsym(NEXT, name.as_ptr()) };
    assert!(!found.is_null(), "the program is linked with the library that has {name:?}");
    found
}

macro_rules! passed_on {
    ($name:ident($($argument:ident: $ty:ty),*), $stream:expr, $called:expr) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $ty),*) -> c_int {
            type Function = unsafe extern "C" fn($($ty),*) -> c_int;
            // SAFETY: the library's function of this name has this signature.
            let function: Function = unsafe { std::mem::transmute(next(c_name(concat!(stringify!($name), "\0")))) };
            // SAFETY: the caller's promises are passed on.
            around($called, $stream, || unsafe { function($($argument),*) })
        }
    };
}

fn c_name(name: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(name.as_bytes()).expect("a zero was put behind it")
}

passed_on!(
    cuLaunchKernel(
        kernel: *mut c_void, gx: c_uint, gy: c_uint, gz: c_uint, bx: c_uint, by: c_uint, bz: c_uint, shared: c_uint, stream: CUstream,
        arguments: *mut *mut c_void, extra: *mut *mut c_void
    ),
    Some(stream),
    |recorder: &Recorder| recorder.names.get(&(kernel as usize)).cloned().unwrap_or_else(|| "unknown".into())
);
passed_on!(cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, bytes: usize, stream: CUstream), Some(stream), |_: &Recorder| {
    // candle sends the shape of what a kernel works on, where it does not lie in order.
    if bytes <= SHAPE { "shape to the card" } else { "to the card" }.into()
});
passed_on!(cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, bytes: usize, stream: CUstream), Some(stream), |_: &Recorder| "from the card".into());
passed_on!(cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: CUstream), Some(stream), |_: &Recorder| "copy on the card".into());
passed_on!(cuMemsetD8Async(to: u64, value: u8, bytes: usize, stream: CUstream), Some(stream), |_: &Recorder| "zeros".into());
passed_on!(
    cublasGemmStridedBatchedEx(
        handle: *mut c_void, transa: c_int, transb: c_int, m: c_int, n: c_int, k: c_int, alpha: *const c_void, a: *const c_void, a_type: c_int,
        lda: c_int, stride_a: c_longlong, b: *const c_void, b_type: c_int, ldb: c_int, stride_b: c_longlong, beta: *const c_void, c: *mut c_void,
        c_type: c_int, ldc: c_int, stride_c: c_longlong, count: c_int, compute: c_int, algorithm: c_int
    ),
    None,
    |_: &Recorder| "product".into()
);

/// Names a kernel.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleGetFunction(kernel: *mut *mut c_void, module: *mut c_void, name: *const c_char) -> c_int {
    type Function = unsafe extern "C" fn(*mut *mut c_void, *mut c_void, *const c_char) -> c_int;
    // SAFETY: the driver's function of this name has this signature.
    let function: Function = unsafe { std::mem::transmute(next(c"cuModuleGetFunction")) };
    // SAFETY: the caller's promises are passed on.
    let result = unsafe { function(kernel, module, name) };
    if result == 0 {
        // SAFETY: the name ends in a zero, and the driver has just set the handle.
        let (name, kernel) = unsafe { (CStr::from_ptr(name), *kernel) };
        recorder().names.insert(kernel as usize, name.to_string_lossy().into_owned());
    }
    result
}
