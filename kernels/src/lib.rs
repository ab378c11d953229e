//! Kernels on the CPU: convolution, pooling, linear layers and neurons over time, forward and backward.
//!
//! The engine and the deployed runtime call the same functions, so a network
//! cannot behave differently in the two. Nothing here knows about graphs; only [`neuron`] and [`spikes`] know about spikes, and only the first about time steps.
//!
//! # Conventions
//!
//! Every tensor is a contiguous row-major `f32` slice; images are `NCHW`, convolution weights `[O, I / groups, kh, kw]`,
//! linear weights `[out, in]`. Sizes are `[height, width]`, pads are `[top, left, bottom, right]`. A slice must have
//! exactly the length its shape implies: a wrong length is a bug of the caller and panics, nothing else does.
//! Results are overwritten, never added to.
//!
//! # How it works
//!
//! * Convolution with 3x3 kernels, stride 1 and 16 or more channels on both sides runs
//!   [Winograd's algorithm](https://arxiv.org/abs/1509.09308) on tiles of 2x2 outputs, and so do its input gradient and,
//!   for batches of 32 or more tiles, its weight gradient. It takes 16 products where windows take 36, in matrix products
//!   of its own that read what the transforms wrote. This needs AVX-512, or AVX2 with FMA.
//! * Other convolution unrolls windows into columns ([`im2col`](https://hal.science/inria-00112631)) and multiplies with the
//!   `gemm` crate. Columns are made tile by tile, so that a tile lives in the second-level cache: a tile is a band of
//!   output rows of one image where planes are large, and several whole images side by side where planes are small.
//! * Its input gradient multiplies with the transposed weight and adds the columns back onto the image. Its weight gradient
//!   multiplies with the columns of the input.
//! * Depthwise convolution has too little work per channel for a product and runs direct row loops, as pooling does.
//! * The linear forward is a register-blocked dot product, since its weight is read once and packing it would cost more
//!   than multiplying it.
//!
//! # Reproducibility
//!
//! * Work is cut into tasks by the shapes alone, each task writes its own part of the result, and sums over images run
//!   in image order. The bytes are therefore **the same for any number of threads**.
//! * The **forward** result of an image (and its input gradient in convolution and pooling) also does not depend on the
//!   batch it came in, nor on its place there.
//! * Which algorithm runs a convolution depends on its shape, without the batch, and on the processor having AVX2. The
//!   weight gradient sums over the batch anyway, and its algorithm depends on the batch too.
//! * `gemm` picks its inner loop by the processor, so convolutions by windows differ in the last bits between, say, AVX2
//!   and AVX-512 machines. Those by tiles, pooling, depthwise convolution and the linear forward do not.
//!
//! # Threads
//!
//! Tasks run on the rayon pool of the caller (`pool.install(..)` to choose one); small problems stay on the calling
//! thread. Scratch memory is kept per thread and grows to the largest tile seen, a few MB; the calling thread also keeps
//! the largest transformed weight, 16/9 of the weight itself, and of a weight gradient several of them where the weight is
//! small, at most 14 MB.

mod conv;
mod linear;
mod matmul;
pub mod neuron;
mod pool;
mod scratch;
mod simd;
pub mod spikes;
mod tasks;

pub use conv::{Conv2d, bias_gradient};
pub use linear::{linear_forward, linear_input_gradient, linear_weight_gradient};
pub use pool::Pool2d;
