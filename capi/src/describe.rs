//! What a network reads, and what it consists of.

use crate::{
    memory::{borrow, fill},
    network::Network,
    pool,
    status::{Error, Failure, Status, guard},
};
use snnc_runtime as runtime;
use std::ffi::c_char;

/// Most dimensions of an input.
pub const SNNC_MAX_RANK: usize = 8;

const _: () = assert!(SNNC_MAX_RANK == runtime::artifact::MAX_RANK);

/// What the dimensions of an input mean.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum Layout {
    /// Batch, channels, height, width; or batch, channels, length.
    Nchw = 0,
    /// Batch, height, width, channels; or batch, length, channels.
    Nhwc = 1,
    /// Batch, features.
    Flat = 2,
}

/// What spikes stand for.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum Code {
    /// For digits of numbers. A network runs for its own number of time steps, and no other.
    Radix = 0,
    /// For a share of a number each.
    Rate = 1,
}

/// How the numbers that an image is read as come in.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum Coding {
    /// As streams of digits, in the radix code.
    Digits = 0,
    /// As constant currents, in the rate code.
    Direct = 1,
    /// As random spikes, in the rate code.
    Poisson = 2,
}

/// What the source network did to its output. Logits have it only if it is SNNC_HEAD_RELU; no other changes what class
/// is the largest.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum Head {
    /// Nothing.
    None = 0,
    /// max(x, 0).
    Relu = 1,
    /// Softmax over the classes.
    Softmax = 2,
    /// Its logarithm.
    LogSoftmax = 3,
    /// 1 / (1 + exp(-x)) of every class by itself.
    Sigmoid = 4,
}

/// What a network reads, and its sizes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Description {
    /// Number of dimensions of the input, the batch included.
    pub rank: usize,
    /// The dimensions; the first is the batch and 1, those behind the rank are 0.
    pub shape: [usize; SNNC_MAX_RANK],
    /// What they mean.
    pub layout: Layout,
    /// Number of values of an image: the product of the dimensions.
    pub image_len: usize,
    /// Rows of an image that snnc_run_pixels takes: 1 for signals and vectors.
    pub height: usize,
    /// Its columns.
    pub width: usize,
    /// Its channels. (Of a vector, other heights, widths and channels will do that have its length for a product.)
    pub channels: usize,
    /// Number of logits of an image.
    pub classes: usize,
    /// What spikes stand for.
    pub code: Code,
    /// The network's own number of time steps; in the radix code the digits of its longest window.
    pub timesteps: usize,
    /// Most time steps that it can run.
    pub max_timesteps: usize,
    /// How images come in.
    pub coding: Coding,
    /// Binary digits of the numbers that the values of an image are read as.
    pub digits: usize,
    /// What the source network did to its output.
    pub head: Head,
    /// Number of populations: of what makes spikes.
    pub populations: usize,
    /// Number of layers: of what has synapses.
    pub layers: usize,
    /// Number of threads that it runs on.
    pub threads: usize,
    /// Name and version of the compiler.
    pub compiler: *const c_char,
}

/// What makes spikes.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum PopulationKind {
    /// Neurons.
    Neurons = 0,
    /// A max pooling of spikes in the rate code.
    CountMaxPool = 1,
    /// A max pooling of digits in the radix code.
    DigitMaxPool = 2,
    /// The input.
    Input = 3,
}

/// Something that makes spikes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Population {
    /// The node of the file, or the input.
    pub name: *const c_char,
    /// What it is.
    pub kind: PopulationKind,
    /// Number of entries for one image.
    pub size: usize,
    /// Digits of its window; 0 in the rate code, where a window is as long as the run.
    pub digits: usize,
}

/// What the operand of a layer carries.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum Drive {
    /// What follows from the constant image alone: one multiplication for a connection and image.
    Analog = 0,
    /// Spikes: one accumulation for a spike and connection.
    Spikes = 1,
    /// Currents: one multiplication for a connection and time step.
    Current = 2,
}

/// Something that has synapses.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Layer {
    /// The node of the file.
    pub name: *const c_char,
    /// What its operand carries.
    pub drive: Drive,
    /// Connections from operand to result.
    pub connections: u64,
    /// 1 if no neuron lies before it, else 0.
    pub is_input: u8,
    /// Digits of the window of its operand; 0 in the rate code.
    pub digits: usize,
}

/// Describes a network.
///
/// `description`: is filled. Its pointer is valid until the network is freed.
/// `size`: sizeof *description. Later versions of this library add fields at the end; by the size they know what to fill.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_describe(network: *const Network, description: *mut Description, size: usize, error: *mut Error) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let network = unsafe { borrow(network, "network") }?;
        unsafe { fill(description, size, Description::of(network), "description") }
    };
    unsafe { guard(error, work) }
}

/// Describes what makes spikes, by its index below snnc_description.populations; the name is valid until the network is
/// freed. `size` is sizeof *population, as of snnc_describe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_describe_population(
    network: *const Network,
    index: usize,
    population: *mut Population,
    size: usize,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let network = unsafe { borrow(network, "network") }?;
        let found = at(network.runtime.populations(), index, "populations")?;
        let value = Population {
            name: network.texts.populations[index].as_ptr(),
            kind: match found.kind {
                runtime::PopulationKind::Neurons => PopulationKind::Neurons,
                runtime::PopulationKind::CountMaxPool => PopulationKind::CountMaxPool,
                runtime::PopulationKind::DigitMaxPool => PopulationKind::DigitMaxPool,
                runtime::PopulationKind::Input => PopulationKind::Input,
            },
            size: found.size,
            digits: found.digits.unwrap_or(0),
        };
        unsafe { fill(population, size, value, "population") }
    };
    unsafe { guard(error, work) }
}

/// Describes what has synapses, by its index below snnc_description.layers; the name is valid until the network is
/// freed. `size` is sizeof *layer, as of snnc_describe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn snnc_describe_layer(
    network: *const Network,
    index: usize,
    layer: *mut Layer,
    size: usize,
    error: *mut Error,
) -> Status {
    let work = || {
        // SAFETY: pointers are what the header asks for.
        let network = unsafe { borrow(network, "network") }?;
        let found = at(network.runtime.layers(), index, "layers")?;
        let value = Layer {
            name: network.texts.layers[index].as_ptr(),
            drive: match found.drive {
                runtime::Drive::Analog => Drive::Analog,
                runtime::Drive::Spikes => Drive::Spikes,
                runtime::Drive::Current => Drive::Current,
            },
            connections: found.connections,
            is_input: u8::from(found.is_input),
            digits: found.digits.unwrap_or(0),
        };
        unsafe { fill(layer, size, value, "layer") }
    };
    unsafe { guard(error, work) }
}

fn at<'a, T>(list: &'a [T], index: usize, name: &str) -> Result<&'a T, Failure> {
    list.get(index).ok_or_else(|| Failure::argument(format_args!("there is no {index} among {} {name}", list.len())))
}

impl Description {
    fn of(network: &Network) -> Self {
        let spec = network.runtime.spec();
        let input = &spec.input;
        let mut shape = [0; SNNC_MAX_RANK];
        shape.iter_mut().zip(&input.shape).for_each(|(place, &dimension)| *place = dimension);
        let [height, width, channels] = input.image_size();
        Self {
            rank: input.shape.len(),
            shape,
            layout: match input.layout {
                runtime::Layout::Nchw => Layout::Nchw,
                runtime::Layout::Nhwc => Layout::Nhwc,
                runtime::Layout::Flat => Layout::Flat,
            },
            image_len: network.runtime.image_len(),
            height,
            width,
            channels,
            classes: network.runtime.classes(),
            code: match spec.code {
                runtime::Code::Radix => Code::Radix,
                runtime::Code::Rate => Code::Rate,
            },
            timesteps: spec.timesteps,
            max_timesteps: network.runtime.max_timesteps(),
            coding: match input.coding {
                runtime::Coding::Digits => Coding::Digits,
                runtime::Coding::Direct => Coding::Direct,
                runtime::Coding::Poisson => Coding::Poisson,
            },
            digits: input.quantiser.digits as usize,
            head: match spec.output.head {
                runtime::Head::None => Head::None,
                runtime::Head::Relu => Head::Relu,
                runtime::Head::Softmax => Head::Softmax,
                runtime::Head::LogSoftmax => Head::LogSoftmax,
                runtime::Head::Sigmoid => Head::Sigmoid,
            },
            populations: network.runtime.populations().len(),
            layers: network.runtime.layers().len(),
            threads: pool::count(&network.threads),
            compiler: network.texts.compiler.as_ptr(),
        }
    }
}
