//! Windows of planes on a graphics card: convolutions, and the place of a window's maximum.
//!
//! candle's gradient for the operand of a convolution is a plain kernel, which takes more than half of a training step, and its `argmax`
//! takes another of equal values than the processor does, to whom their gradient then goes. The kernels here are `windows.cu`, which says
//! how they go about it; products are cuBLAS's.

use super::{over, part, values};
use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp1, CustomOp2, DType, Layout, Shape, Tensor,
    backend::{BackendDevice, BackendStorage},
    bail,
    cuda::{
        CudaDType, CudaStorageSlice, WrapErr,
        cudarc::driver::{CudaSlice, DeviceRepr, PushKernelArg},
    },
};
use snnc_kernels::Conv2d;

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/windows.ptx"));
/// Under which the card keeps the kernels.
const MODULE: &str = "snnc_windows";

/// A convolution of rows of planes.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    conv: Conv2d,
    rows: usize,
    /// Height and width of the operand's planes.
    size: [usize; 2],
    /// Height and width of the result's.
    output: [usize; 2],
}

/// As `Windows` in windows.cu.
#[repr(C)]
struct Windows {
    channels: u32,
    size: [u32; 2],
    output: [u32; 2],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    pads: [u32; 2],
}

// SAFETY: thirteen numbers of 32 bits, as the kernels declare them.
unsafe impl DeviceRepr for Windows {}

impl Convolution {
    /// For so many rows of planes of this size; none where no window fits.
    pub(crate) fn new(conv: &Conv2d, rows: usize, size: [usize; 2]) -> Option<Self> {
        Some(Self { conv: conv.clone(), rows, size, output: conv.output_size(size)? })
    }

    /// The result `[rows, out_channels, height, width]` of `[rows, in_channels · height · width]` and weights
    /// `[out_channels, in_channels / groups, kernel]`, both of 32 bits or both of bfloat16. Both are differentiated.
    ///
    /// # Errors
    /// If the shapes are others, or the device is no graphics card, or fails.
    pub(crate) fn apply(self, x: &Tensor, weight: &Tensor) -> candle_core::Result<Tensor> {
        x.contiguous()?.apply_op2(&weight.contiguous()?, self)
    }

    /// Whether there are kernels for a format.
    pub(crate) fn has(format: DType) -> bool {
        matches!(format, DType::F32 | DType::BF16)
    }

    fn places(&self) -> usize {
        self.rows * self.output[0] * self.output[1]
    }

    /// Weights of an output, which are as many as values of a place.
    fn fan_in(&self) -> usize {
        self.conv.in_channels / self.conv.groups * self.conv.kernel[0] * self.conv.kernel[1]
    }

    /// Groups, and of each the weights `[outputs, fan-in]` and the result `[outputs, places]`.
    fn shapes(&self) -> [(usize, usize, usize); 2] {
        let (groups, outputs) = (self.conv.groups, self.conv.out_channels / self.conv.groups);
        [(groups, outputs, self.fan_in()), (groups, outputs, self.places())]
    }

    fn unfolded(&self) -> (usize, usize, usize) {
        (self.conv.groups, self.fan_in(), self.places())
    }

    fn operand(&self) -> usize {
        self.rows * self.conv.in_channels * self.size[0] * self.size[1]
    }

    fn windows(&self) -> Windows {
        let numbers = |pair: [usize; 2]| pair.map(|number| number as u32);
        let [top, left, ..] = self.conv.pads;
        Windows {
            channels: self.conv.in_channels as u32,
            size: numbers(self.size),
            output: numbers(self.output),
            kernel: numbers(self.conv.kernel),
            stride: numbers(self.conv.stride),
            dilation: numbers(self.conv.dilation),
            pads: numbers([top, left]),
        }
    }
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this convolution is one of graphics cards")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        let [weights, _] = self.shapes();
        let (groups, outputs, fan_in) = weights;
        if weight_layout.shape().elem_count() != groups * outputs * fan_in || !weight_layout.is_contiguous() {
            bail!("convolution: weights {:?} for {:?}", weight_layout.dims(), self.conv);
        }
        let (unfolded, _) = Unfold(self).cuda_fwd(x, x_layout)?;
        let weights = Layout::contiguous_with_offset(weights, weight_layout.start_offset());
        let places = self.places();
        let product = weight.matmul(&unfolded, (groups, outputs, places, fan_in), &weights, &Layout::contiguous(self.unfolded()))?;
        drop(unfolded);
        // Rows come first again.
        let channels = self.conv.out_channels;
        let shape = Shape::from((self.rows, channels, self.output[0], self.output[1]));
        let by_rows = Layout::contiguous((channels, self.rows, places / self.rows)).transpose(0, 1)?;
        // SAFETY: the copy writes all of it.
        let mut ordered = unsafe { x.device.alloc_uninit(&shape, product.dtype())? };
        product.copy_strided_src(&mut ordered, 0, &by_rows)?;
        Ok((ordered, shape))
    }

    fn bwd(&self, x: &Tensor, weight: &Tensor, _y: &Tensor, gradient: &Tensor) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [weights, result] = self.shapes();
        let channels = self.conv.out_channels;
        let gradient =
            gradient.reshape((self.rows, channels, self.places() / self.rows))?.transpose(0, 1)?.contiguous()?.reshape(result)?;
        // Nothing here is differentiated again, so nothing of it need be kept; and of the two that are unfolded there is one at a time.
        let of_weight = {
            let unfolded = x.detach().apply_op1_no_bwd(&Unfold(self))?;
            gradient.matmul(&unfolded.t()?)?.reshape(weight.shape())?
        };
        let unfolded = weight.detach().reshape(weights)?.t()?.matmul(&gradient)?;
        let of_x = unfolded.apply_op1_no_bwd(&Fold(self))?.reshape(x.shape())?;
        Ok((Some(of_x), Some(of_weight)))
    }
}

/// One of the two kernels, which makes `gives` values out of `takes`.
struct Way {
    name: &'static str,
    takes: usize,
    gives: usize,
    threads: usize,
}

impl Way {
    fn run(&self, convolution: &Convolution, x: &CudaStorage, layout: &Layout) -> candle_core::Result<CudaStorage> {
        if layout.shape().elem_count() != self.takes || self.threads == 0 {
            bail!("{}: {:?} for {convolution:?}", self.name, layout.dims());
        }
        match &x.slice {
            CudaStorageSlice::F32(slice) => self.launch(convolution, slice, layout, &x.device, "f32"),
            CudaStorageSlice::BF16(slice) => self.launch(convolution, slice, layout, &x.device, "bf16"),
            _ => bail!("{}: there is no kernel for {:?}", self.name, x.dtype()),
        }
    }

    fn launch<T: CudaDType + DeviceRepr>(
        &self,
        convolution: &Convolution,
        x: &CudaSlice<T>,
        layout: &Layout,
        device: &CudaDevice,
        format: &str,
    ) -> candle_core::Result<CudaStorage> {
        let x = part(x, layout)?;
        // SAFETY: the kernel writes all of it.
        let mut result = unsafe { device.alloc::<T>(self.gives)? };
        let kernel = device.get_or_load_custom_func(&format!("{}_{format}", self.name), MODULE, PTX)?;
        let windows = convolution.windows();
        let mut call = kernel.builder();
        call.arg(&x).arg(&mut result).arg(&convolution.rows).arg(&windows);
        // SAFETY: these are the arguments of `unfold_..` and `fold_..` in windows.cu, and the slices are as long as it says.
        unsafe { call.launch(over(self.threads)?) }.w()?;
        Ok(CudaStorage::wrap_cuda_slice(result, device.clone()))
    }
}

/// An operand, unfolded.
struct Unfold<'a>(&'a Convolution);

impl CustomOp1 for Unfold<'_> {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        let shape = Shape::from(self.0.unfolded());
        let threads = self.0.conv.in_channels * self.0.places();
        let way = Way { name: "unfold", takes: self.0.operand(), gives: shape.elem_count(), threads };
        Ok((way.run(self.0, x, layout)?, shape))
    }
}

/// What is owed to an unfolded operand, added up where it came from.
struct Fold<'a>(&'a Convolution);

impl CustomOp1 for Fold<'_> {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        let count = self.0.operand();
        let way = Way { name: "fold", takes: Shape::from(self.0.unfolded()).elem_count(), gives: count, threads: count };
        Ok((way.run(self.0, x, layout)?, count.into()))
    }
}

/// The place of the first largest value along the last axis, `[.., 1]`, of values of 32 bits.
///
/// # Errors
/// If the device is no graphics card, or fails.
pub(crate) fn first_largest(x: &Tensor) -> candle_core::Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&FirstLargest)
}

struct FirstLargest;

impl CustomOp1 for FirstLargest {
    fn name(&self) -> &'static str {
        "first largest"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        let mut dims = layout.dims().to_vec();
        let taps = dims.last_mut().map_or(0, |last| std::mem::replace(last, 1));
        let shape = Shape::from(dims);
        let count = shape.elem_count();
        if taps == 0 || count == 0 {
            bail!("first largest: there is none in {:?}", layout.dims());
        }
        let (x, device) = (values::<f32>(x, layout)?, &x.device);
        // SAFETY: the kernel writes all of it.
        let mut winner = unsafe { device.alloc::<u32>(count)? };
        let kernel = device.get_or_load_custom_func("first_largest", MODULE, PTX)?;
        let mut call = kernel.builder();
        call.arg(&x).arg(&mut winner).arg(&count).arg(&taps);
        // SAFETY: these are the arguments of `first_largest` in windows.cu, and the slices are as long as it says.
        unsafe { call.launch(over(count)?) }.w()?;
        Ok((CudaStorage::wrap_cuda_slice(winner, device.clone()), shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ptx_has_all_that_is_asked_for() {
        for name in ["unfold_f32", "unfold_bf16", "fold_f32", "fold_bf16", "first_largest"] {
            assert!(PTX.contains(&format!(".entry {name}(")), "{name}");
        }
    }
}
