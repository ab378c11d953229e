//! The neurons of a layer, over all time steps, as one kernel on a graphics card: forward, and backward through time.
//!
//! The kernel is `neuron.cu`, which says how it goes about it; build.rs has made PTX of it. What it computes is what
//! [`snnc_kernels::neuron`] computes, which `tests/cuda_neuron.rs` checks where there is no card: the text of the kernel, compiled for
//! the processor.

use super::{over, values};
use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, CustomOp3, Layout, Shape, Tensor, bail,
    cuda::{WrapErr, cudarc::driver::PushKernelArg},
};
use snnc_kernels::neuron::{Derivation, Reset, Surrogate};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/neuron.ptx"));
/// Under which the card keeps the kernels.
const MODULE: &str = "snnc_neuron";
/// Steps that a kernel of the backward pass keeps in registers: there is one for few steps and one for more.
const ROOMS: [usize; 2] = [8, 16];
/// Threads of a backward pass, about: what a large card holds at once. Not asked of the card, so that sums are the same on every card.
const THREADS: usize = 1 << 18;

/// A layer of neurons, and how to differentiate it.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// What a spike does.
    pub reset: Reset,
    /// How to differentiate.
    pub derivation: Derivation,
    /// T.
    pub timesteps: usize,
    /// N.
    pub images: usize,
}

impl Layer {
    /// The spikes `[T·N, len]` under the currents `[T·N, len]`, or `[N, len]` where they are the same at every step. The parameters
    /// are `[len]`. All of them are differentiated.
    ///
    /// # Errors
    /// If the shapes are others, or the device is no graphics card, or fails.
    pub fn spikes(self, x: &Tensor, threshold: &Tensor, initial: &Tensor, leak: &Tensor) -> candle_core::Result<Tensor> {
        let parameters = Tensor::stack(&[threshold, initial, leak], 0)?;
        x.contiguous()?.apply_op2(&parameters, self)
    }

    /// Neurons of an image, and whether the currents differ from step to step.
    fn check(&self, x: &Layout, parameters: &Layout) -> candle_core::Result<(usize, bool)> {
        let (rows, len) = x.shape().dims2()?;
        if parameters.dims() != [3, len] || len == 0 || self.images == 0 || self.timesteps == 0 {
            bail!("neurons: {:?} parameters for currents {:?}", parameters.dims(), x.dims());
        }
        if rows != self.images && rows != self.images * self.timesteps {
            bail!("neurons: {rows} rows of currents for {} images and {} steps", self.images, self.timesteps);
        }
        Ok((len, rows != self.images))
    }

    fn reset_name(&self) -> &'static str {
        match self.reset {
            Reset::Soft => "soft",
            Reset::Hard => "hard",
            Reset::Signed => "signed",
        }
    }
}

impl CustomOp2 for Layer {
    fn name(&self) -> &'static str {
        "neurons"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        parameters: &CudaStorage,
        parameters_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        let (len, varies) = self.check(x_layout, parameters_layout)?;
        let (x, parameters, device) = (values::<f32>(x, x_layout)?, values::<f32>(parameters, parameters_layout)?, &x.device);
        let count = self.timesteps * self.images * len;
        // SAFETY: the kernel writes all of it.
        let mut spikes = unsafe { device.alloc::<f32>(count)? };
        let kernel = device.get_or_load_custom_func(&format!("forward_{}", self.reset_name()), MODULE, PTX)?;
        let mut call = kernel.builder();
        let (steps, varies) = (self.timesteps as i32, i32::from(varies));
        call.arg(&x).arg(&parameters).arg(&mut spikes).arg(&self.images).arg(&len).arg(&steps).arg(&varies);
        // SAFETY: these are the arguments of `forward_..` in neuron.cu, and the slices are as long as it says.
        unsafe { call.launch(over(self.images * len)?) }.w()?;
        Ok((CudaStorage::wrap_cuda_slice(spikes, device.clone()), (self.timesteps * self.images, len).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        parameters: &Tensor,
        _spikes: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let both = x.contiguous()?.apply_op3_no_bwd(parameters, &gradient.contiguous()?, &Backward(*self))?;
        let of_x = both.narrow(0, 0, x.elem_count())?.reshape(x.shape())?;
        let of_parameters = both.narrow(0, x.elem_count(), parameters.elem_count())?.reshape(parameters.shape())?;
        Ok((Some(of_x), Some(of_parameters)))
    }
}

/// The gradients of currents and parameters, one after the other: an operation of candle has one result.
struct Backward(Layer);

impl CustomOp3 for Backward {
    fn name(&self) -> &'static str {
        "neurons backward"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        parameters: &CudaStorage,
        parameters_layout: &Layout,
        gradient: &CudaStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        let Layer { derivation, timesteps, images, .. } = self.0;
        let (len, varies) = self.0.check(x_layout, parameters_layout)?;
        if gradient_layout.dims() != [timesteps * images, len] {
            bail!("neurons: {:?} gradients for {images} images and {timesteps} steps", gradient_layout.dims());
        }
        let currents = x_layout.shape().elem_count();
        let (x, device) = (values::<f32>(x, x_layout)?, &x.device);
        let (parameters, gradient) = (values::<f32>(parameters, parameters_layout)?, values::<f32>(gradient, gradient_layout)?);
        let room = if timesteps <= ROOMS[0] { ROOMS[0] } else { ROOMS[1] };
        let parts = THREADS.div_ceil(len).min(images);
        let threads = parts * len;
        // Of all blocks of steps but the first; a slice of nothing has no address.
        let marks = 2 * ((timesteps - 1) / room) * threads;
        // SAFETY: the kernels write all of the results before anything reads them, and of the marks those that they read.
        let (mut result, mut sums, mut marks) =
            unsafe { (device.alloc::<f32>(currents + 3 * len)?, device.alloc::<f32>(3 * threads)?, device.alloc::<f32>(marks.max(1))?) };
        let (surrogate, strength): (i32, f32) = match derivation.surrogate {
            Surrogate::Triangle { height } => (0, height),
            Surrogate::Atan { slope } => (1, slope),
            Surrogate::Sigmoid { slope } => (2, slope),
        };
        let through = if derivation.through_reset { 1.0f32 } else { 0.0 };
        {
            let kernel = device.get_or_load_custom_func(&format!("backward_{}_{room}", self.0.reset_name()), MODULE, PTX)?;
            let mut of_x = result.slice_mut(..currents);
            let (steps, varies) = (timesteps as i32, i32::from(varies));
            let mut call = kernel.builder();
            call.arg(&x).arg(&parameters).arg(&gradient).arg(&mut of_x).arg(&mut marks).arg(&mut sums);
            call.arg(&images).arg(&len).arg(&parts).arg(&steps).arg(&varies).arg(&surrogate).arg(&strength).arg(&through);
            // SAFETY: these are the arguments of `backward_..` in neuron.cu, and the slices are as long as it says.
            unsafe { call.launch(over(threads)?) }.w()?;
        }
        {
            let kernel = device.get_or_load_custom_func("add_parts", MODULE, PTX)?;
            let mut of_parameters = result.slice_mut(currents..);
            let width = 3 * len;
            let mut call = kernel.builder();
            call.arg(&sums).arg(&mut of_parameters).arg(&parts).arg(&width);
            // SAFETY: these are the arguments of `add_parts` in neuron.cu, and the slices are as long as it says.
            unsafe { call.launch(over(width)?) }.w()?;
        }
        Ok((CudaStorage::wrap_cuda_slice(result, device.clone()), (currents + 3 * len).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ptx_has_all_that_is_asked_for() {
        let layer = |reset| {
            let derivation = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
            Layer { reset, derivation, timesteps: 1, images: 1 }
        };
        let mut names = vec!["add_parts".to_owned()];
        for name in [Reset::Soft, Reset::Hard, Reset::Signed].map(|reset| layer(reset).reset_name()) {
            names.push(format!("forward_{name}"));
            names.extend(ROOMS.map(|room| format!("backward_{name}_{room}")));
        }
        for name in names {
            assert!(PTX.contains(&format!(".entry {name}(")), "{name}");
        }
    }
}
