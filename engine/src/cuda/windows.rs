//! Windows of planes on a graphics card: convolutions, sums of windows, and the place of a window's maximum.
//!
//! candle's gradient for the operand of a convolution is a plain kernel, which took more than half of a training step, and its `argmax`
//! takes another of equal values than the processor does, to whom their gradient then goes. The kernels here are `windows.cu`, which says
//! how they go about it; products are cuBLAS's.

use super::{over, values};
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, DType, Layout, Shape, Tensor,
    backend::BackendStorage,
    bail,
    cuda::{
        CudaDType, WrapErr,
        cudarc::driver::{DeviceRepr, PushKernelArg},
    },
};
use half::bf16;
use snnc_kernels::{Conv2d, Pool2d};

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
    has_bias: bool,
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
        Some(Self { conv: conv.clone(), rows, size, output: conv.output_size(size)?, has_bias: false })
    }

    /// Whether there are kernels for operands of a format.
    pub(crate) fn has(format: DType) -> bool {
        matches!(format, DType::F32 | DType::BF16)
    }

    /// The result `[rows, out_channels · height · width]` in 32 bits, of `[rows, in_channels · height · width]` and weights
    /// `[out_channels, in_channels / groups, kernel]`, both of 32 bits or both of bfloat16, and a bias `[out_channels]` of 32 bits. All
    /// of them are differentiated.
    ///
    /// # Errors
    /// If the shapes are others, or the device is no graphics card, or fails.
    pub(crate) fn apply(self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let whole = Self { has_bias: bias.is_some(), ..self };
        let bias = match bias {
            Some(bias) => bias.clone(),
            None => Tensor::zeros(whole.conv.out_channels, DType::F32, x.device())?,
        };
        x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, whole)
    }

    /// Values of a channel of the result in a row.
    fn plane(&self) -> usize {
        self.output[0] * self.output[1]
    }

    fn places(&self) -> usize {
        self.rows * self.plane()
    }

    /// Groups, and of each the weights: outputs, and what each of them weighs at a place.
    fn weights(&self) -> (usize, usize, usize) {
        let Conv2d { in_channels, out_channels, groups, kernel, .. } = self.conv;
        (groups, out_channels / groups, in_channels / groups * kernel[0] * kernel[1])
    }

    /// The product of a group's weights and its unfolded operand.
    fn product(&self) -> (usize, usize, usize) {
        (self.conv.groups, self.conv.out_channels / self.conv.groups, self.places())
    }

    fn unfolded(&self) -> (usize, usize, usize) {
        (self.conv.groups, self.weights().2, self.places())
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

    /// The product `[out_channels, rows, plane]` as rows, with the bias.
    fn by_rows<T: CudaDType + DeviceRepr>(
        &self,
        product: &CudaStorage,
        bias: (&CudaStorage, &Layout),
        format: &str,
    ) -> candle_core::Result<CudaStorage> {
        let (channels, plane, device) = (self.conv.out_channels, self.plane(), &product.device);
        let (product, bias) = (product.as_cuda_slice::<T>()?, values::<f32>(bias.0, bias.1)?);
        let count = self.rows * channels * plane;
        // SAFETY: the kernel writes all of it.
        let mut result = unsafe { device.alloc::<f32>(count)? };
        let kernel = device.get_or_load_custom_func(&format!("by_rows_{format}"), MODULE, PTX)?;
        let mut call = kernel.builder();
        call.arg(product).arg(&bias).arg(&mut result).arg(&self.rows).arg(&channels).arg(&plane);
        // SAFETY: these are the arguments of `by_rows_..` in windows.cu, and the slices are as long as it says.
        unsafe { call.launch(over(count)?) }.w()?;
        Ok(CudaStorage::wrap_cuda_slice(result, device.clone()))
    }
}

impl CustomOp3 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
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
        bail!("this convolution is one of graphics cards")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        let (groups, outputs, fan_in) = self.weights();
        let channels = self.conv.out_channels;
        if weight_layout.shape().elem_count() != channels * fan_in || !weight_layout.is_contiguous() || bias_layout.dims() != [channels] {
            bail!("convolution: weights {:?} and bias {:?} for {:?}", weight_layout.dims(), bias_layout.dims(), self.conv);
        }
        let (unfolded, _) = Unfold(self).cuda_fwd(x, x_layout)?;
        let weights = Layout::contiguous_with_offset(self.weights(), weight_layout.start_offset());
        let sizes = (groups, outputs, self.places(), fan_in);
        let product = weight.matmul(&unfolded, sizes, &weights, &Layout::contiguous(self.unfolded()))?;
        let bias = (bias, bias_layout);
        let result = match product.dtype() {
            DType::F32 => self.by_rows::<f32>(&product, bias, "f32")?,
            DType::BF16 => self.by_rows::<bf16>(&product, bias, "bf16")?,
            other => bail!("convolution: there is no kernel for {other:?}"),
        };
        Ok((result, (self.rows, channels * self.plane()).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        // Nothing here is differentiated again, so nothing of it need be kept; and of the two that are unfolded there is one at a time.
        let gradient = gradient.contiguous()?.apply_op1_no_bwd(&ByChannels { convolution: self, format: weight.dtype() })?;
        let of_bias = if self.has_bias {
            Some(gradient.to_dtype(DType::F32)?.reshape((self.conv.out_channels, self.places()))?.sum(1)?.reshape(bias.shape())?)
        } else {
            None
        };
        let of_weight = {
            let unfolded = x.detach().apply_op1_no_bwd(&Unfold(self))?;
            gradient.matmul(&unfolded.t()?)?.reshape(weight.shape())?
        };
        let unfolded = weight.detach().reshape(self.weights())?.t()?.matmul(&gradient)?;
        let of_x = unfolded.apply_op1_no_bwd(&Fold(self))?.reshape(x.shape())?;
        Ok((Some(of_x), Some(of_weight), of_bias))
    }
}

/// One of the two kernels that go through windows, which makes `gives` values out of `takes`.
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
        match x.dtype() {
            DType::F32 => self.launch::<f32>(convolution, x, layout, "f32"),
            DType::BF16 => self.launch::<bf16>(convolution, x, layout, "bf16"),
            other => bail!("{}: there is no kernel for {other:?}", self.name),
        }
    }

    fn launch<T: CudaDType + DeviceRepr>(
        &self,
        convolution: &Convolution,
        x: &CudaStorage,
        layout: &Layout,
        format: &str,
    ) -> candle_core::Result<CudaStorage> {
        let (x, device) = (values::<T>(x, layout)?, &x.device);
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

/// The gradient of rows as that of the product, in the format of its operands.
struct ByChannels<'a> {
    convolution: &'a Convolution,
    format: DType,
}

impl ByChannels<'_> {
    fn launch<T: DeviceRepr + CudaDType>(&self, x: &CudaStorage, layout: &Layout, format: &str) -> candle_core::Result<CudaStorage> {
        let (convolution, device) = (self.convolution, &x.device);
        let (channels, plane) = (convolution.conv.out_channels, convolution.plane());
        let x = values::<f32>(x, layout)?;
        let count = convolution.rows * channels * plane;
        // SAFETY: the kernel writes all of it.
        let mut result = unsafe { device.alloc::<T>(count)? };
        let kernel = device.get_or_load_custom_func(&format!("by_channels_{format}"), MODULE, PTX)?;
        let mut call = kernel.builder();
        call.arg(&x).arg(&mut result).arg(&convolution.rows).arg(&channels).arg(&plane);
        // SAFETY: these are the arguments of `by_channels_..` in windows.cu, and the slices are as long as it says.
        unsafe { call.launch(over(count)?) }.w()?;
        Ok(CudaStorage::wrap_cuda_slice(result, device.clone()))
    }
}

impl CustomOp1 for ByChannels<'_> {
    fn name(&self) -> &'static str {
        "by channels"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        let shape = Shape::from(self.convolution.product());
        if layout.shape().elem_count() != shape.elem_count() {
            bail!("convolution: gradients {:?} for {:?}", layout.dims(), self.convolution);
        }
        let result = match self.format {
            DType::F32 => self.launch::<f32>(x, layout, "f32")?,
            DType::BF16 => self.launch::<bf16>(x, layout, "bf16")?,
            other => bail!("convolution: there is no kernel for {other:?}"),
        };
        Ok((result, shape))
    }
}

/// Sums of windows of rows of planes, each times its share.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pool: Pool2d,
    rows: usize,
    /// Planes of a row.
    channels: usize,
    size: [usize; 2],
}

impl Sums {
    /// For so many rows of so many planes of this size.
    pub(crate) fn new(pool: &Pool2d, rows: usize, channels: usize, size: [usize; 2]) -> Self {
        Self { pool: pool.clone(), rows, channels, size }
    }

    /// The sums `[rows, channels · output]` of `[rows, channels · size]`, and shares `[output]`, which are not differentiated; all of 32 bits.
    ///
    /// # Errors
    /// If the shapes are others, or the device is no graphics card, or fails.
    pub(crate) fn apply(self, x: &Tensor, share: &Tensor) -> candle_core::Result<Tensor> {
        x.contiguous()?.apply_op2(share, self)
    }

    fn windows(&self) -> Windows {
        let numbers = |pair: [usize; 2]| pair.map(|number| number as u32);
        let Pool2d { kernel, stride, pads, output, .. } = self.pool;
        Windows {
            channels: 1,
            size: numbers(self.size),
            output: numbers(output),
            kernel: numbers(kernel),
            stride: numbers(stride),
            dilation: [1, 1],
            pads: numbers([pads[0], pads[1]]),
        }
    }

    /// Runs `pool` or `spread`, which make planes of `to` values out of planes of `from`.
    fn run(
        &self,
        name: &str,
        [from, to]: [usize; 2],
        x: (&CudaStorage, &Layout),
        share: (&CudaStorage, &Layout),
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        let planes = self.rows * self.channels;
        let count = planes * to;
        let outputs = self.pool.output[0] * self.pool.output[1];
        if x.1.shape().elem_count() != planes * from || share.1.dims() != [outputs] || count == 0 {
            bail!("{name}: {:?} and shares {:?} for {self:?}", x.1.dims(), share.1.dims());
        }
        let (device, x, share) = (&x.0.device, values::<f32>(x.0, x.1)?, values::<f32>(share.0, share.1)?);
        // SAFETY: the kernel writes all of it.
        let mut result = unsafe { device.alloc::<f32>(count)? };
        let kernel = device.get_or_load_custom_func(name, MODULE, PTX)?;
        let windows = self.windows();
        let mut call = kernel.builder();
        call.arg(&x).arg(&share).arg(&mut result).arg(&planes).arg(&windows);
        // SAFETY: these are the arguments of `pool` and `spread` in windows.cu, and the slices are as long as it says.
        unsafe { call.launch(over(count)?) }.w()?;
        Ok((CudaStorage::wrap_cuda_slice(result, device.clone()), (self.rows, self.channels * to).into()))
    }

    /// Values of a plane, and of its sums.
    fn lens(&self) -> [usize; 2] {
        [self.size[0] * self.size[1], self.pool.output[0] * self.pool.output[1]]
    }
}

impl CustomOp2 for Sums {
    fn name(&self) -> &'static str {
        "sums of windows"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        share: &CudaStorage,
        share_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        self.run("pool", self.lens(), (x, x_layout), (share, share_layout))
    }

    fn bwd(&self, x: &Tensor, share: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let of_x = gradient.contiguous()?.apply_op2_no_bwd(share, &Spread(self))?;
        Ok((Some(of_x.reshape(x.shape())?), None))
    }
}

/// The gradient of sums as that of what they are sums of.
struct Spread<'a>(&'a Sums);

impl CustomOp2 for Spread<'_> {
    fn name(&self) -> &'static str {
        "spread over windows"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        bail!("this kernel is one of graphics cards")
    }

    fn cuda_fwd(
        &self,
        gradient: &CudaStorage,
        gradient_layout: &Layout,
        share: &CudaStorage,
        share_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        let [size, outputs] = self.0.lens();
        self.0.run("spread", [outputs, size], (gradient, gradient_layout), (share, share_layout))
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
        let ways = ["unfold", "fold", "by_rows", "by_channels"];
        let names = ways.into_iter().flat_map(|way| ["f32", "bf16"].map(|format| format!("{way}_{format}")));
        for name in names.chain(["pool", "spread", "first_largest"].map(str::to_owned)) {
            assert!(PTX.contains(&format!(".entry {name}(")), "{name}");
        }
    }
}
