//! What several tests share.
#![allow(dead_code, clippy::unwrap_used, reason = "not every test uses all of it, and a test may fail where it stands")]

use snnc_ir::{Graph, Tensor, eval, text};

/// Every operator of the float network, with and without what is optional, in a graph that verifies.
pub const FLOAT: &str = r#"graph @float imported {
  %0 = input : f32[1x4x6x6] "x"
  %1 = conv2d %0, @w, @b {dilation=[1, 2], groups=2, pads=[0, 1, 2, 3], stride=[2, 1]} : f32[1x4x3x8] "/conv" + "/bn"
  %2 = conv2d %0, @w.1 {pads=1} : f32[1x2x6x6]
  %3 = batch_norm %2, @gamma, @beta, @mean, @"running::var" {epsilon=0.001} : f32[1x2x6x6] "/bn2"
  %4 = batch_norm %3, @gamma, @beta, @mean, @"running::var" : f32[1x2x6x6] "/bn3"
  %5 = leaky_relu %4 {slope=0.1} : f32[1x2x6x6] "/leaky"
  %6 = prelu %5, @slope : f32[1x2x6x6] "/prelu"
  %7 = clip %6 {max=6, min=0} : f32[1x2x6x6] "/relu6"
  %8 = clip %7 : f32[1x2x6x6] "/clip"
  %9 = clip %8 {min=-1.5} : f32[1x2x6x6] "/low"
  %10 = max_pool2d %9 {ceil=true, kernel=[3, 2], pads=[1, 0, 1, 0], stride=2} : f32[1x2x4x3] "/max"
  %11 = average_pool2d %10 {ceil=true, count_include_pad=true, kernel=2, pads=1, stride=[2, 1]} : f32[1x2x3x4] "/avg"
  %12 = average_pool2d %11 {kernel=2} : f32[1x2x2x3]
  %13 = pad %12 {pads=[0:0, 1:0, 0:2, 0:0], value=-1} : f32[1x3x4x3] "/pad"
  %14 = slice %13 {ranges=[0:1:1, 2:-1:3, 0:2:2, 0:1:3]} : f32[1x3x2x3] "/slice"
  %15 = transpose %14 {permutation=[0, 2, 3, 1]} : f32[1x2x3x3] "/nhwc"
  %16 = concat %15, %15, %15 {axis=2} : f32[1x2x9x3] "/concat"
  %17 = add %16, %16 : f32[1x2x9x3] "/add"
  %18 = scale %17, @factor : f32[1x2x9x3] "/mul"
  %19 = shift %18, @offset : f32[1x2x9x3] "/sub"
  %20 = mean %19 {axes=[2, 3]} : f32[1x2x1x1] "/gap"
  %21 = reshape %20 : f32[1x2] "/flatten"
  %22 = floor %21 : f32[1x2] "/floor"
  %23 = round %22 : f32[1x2] "/round"
  %24 = clip_floor_shift %23 {levels=4, max=1.5} : f32[1x2] "/levels"
  %25 = relu %24 : f32[1x2] "a \"quoted\" name\n\\ \u{7}"
  %26 = linear %25, @fc, @fc.bias : f32[1x3] "/fc"
  %27 = linear %26, @fc2 : f32[1x3] ""
  %28 = softmax %27 {axis=1} : f32[1x3] "/softmax"
  %29 = log_softmax %28 {axis=1} : f32[1x3] "/log"
  %30 = sigmoid %29 : f32[1x3] "/sigmoid"
  output %30 "classes" {head=sigmoid}
  @b : f32[4] = [0.1, -0, 1e-7, 3.4028235e38] source
  @beta : f32[2] = splat(0) derived
  @factor : f32[1x2x1x1] = [2, 0.5] source
  @fc : f32[3x2] = [1, 2, 3, 4, 5, 6] source
  @fc.bias : f32[3] = splat(0.25) trained
  @fc2 : f32[3x3] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] source
  @gamma : f32[2] = [1, 2] source
  @mean : f32[2] = [0.5, -0.5] source
  @offset : f32[] = splat(1) fixed
  @"running::var" : f32[2] = splat(1) source
  @slope : f32[2x1x1] = splat(0.2) source
  @w : f32[4x2x3x2] = splat(0.5) source
  @w.1 : f32[2x4x3x3] = splat(-0.25) source
}
"#;

/// Every operator of the spiking network.
pub const SPIKING: &str = r#"graph @"spiking net" spiking {
  %0 = input : f32[1x1x4x4] "x"
  %1 = if_neuron %0, @theta, @v0 : spike[1x1x4x4] "/relu"
  %2 = lif_neuron %1, @theta, @v0, @leak {cap=6, reset=hard} : spike[1x1x4x4] "/relu6"
  %3 = if_neuron %2, @theta, @v0 {cap=1.5, levels=8} : spike[1x1x4x4]
  %4 = if_neuron %3, @theta, @v0 {reset=signed} : spike[1x1x4x4]
  %5 = count_max_pool2d %4 {kernel=2, stride=2} : spike[1x1x2x2] "/max"
  %6 = pad %5 {pads=[0:0, 0:0, 1:1, 1:1]} : spike[1x1x4x4]
  %7 = concat %6, %1 {axis=1} : spike[1x2x4x4]
  %8 = slice %7 {ranges=[0:1:1, 1:1:1, 0:2:2, 3:-3:2]} : spike[1x1x2x2]
  %9 = transpose %8 {permutation=[0, 1, 3, 2]} : spike[1x1x2x2]
  %10 = reshape %9 : spike[1x4]
  %11 = linear %10, @fc : f32[1x2] "/fc"
  output %11 "y"
  @fc : f32[2x4] = [1, 2, 3, 4, 5, 6, 7, 8] trained
  @leak : f32[1x1x1x1] = splat(0.9) fixed
  @theta : f32[1x1x1x1] = splat(1) fixed
  @v0 : f32[1x1x1x1] = splat(0.5) fixed
}
"#;

/// Every operator that only the radix code or whole numbers have, in whole numbers.
pub const RADIX: &str = r#"graph @radix whole {
  %0 = input : spike[1x1x4x4] "x"
  %1 = conv2d %0, @w, @b {pads=[1, 1, 0, 0]} : f32[1x2x4x4] "/conv"
  %2 = radix_neuron %1, @theta, @v0 {cap=6, digits=4} : spike[1x2x4x4] "/relu"
  %3 = radix_neuron %1, @theta, @v0 {digits=3, given=true, levels=5} : spike[1x2x4x4] "/levels"
  %4 = digit_max_pool2d %2 {kernel=2, pads=1, stride=2} : spike[1x2x3x3] "/max"
  %5 = sum_pool2d %3 {ceil=true, kernel=2, stride=2} : f32[1x2x2x2] "/average"
  %6 = sum %4 {axes=[2, 3]} : f32[1x2x1x1] "/gap"
  %7 = reshape %6 : f32[1x2]
  %8 = sum %5 {axes=[2, 3]} : f32[1x2x1x1]
  %9 = reshape %8 : f32[1x2]
  %10 = shift %9, @offset : f32[1x2]
  %11 = add %7, %10 : f32[1x2]
  output %11 "y"
  @b : f32[2] = [3, -40] derived
  @offset : f32[1x2] = [-7, 1] derived
  @theta : f32[1x2x1x1] = [20, 7] derived
  @v0 : f32[1x2x1x1] = [10, 3] derived
  @w : f32[2x1x2x2] = [1, -2, 3, -1, 2, -3, 4, 5] derived
}
"#;

/// The graph of a text that is valid.
pub fn graph(text: &str) -> Graph {
    text::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// `[N, ..]` results of a graph that is valid.
pub fn run(graph: &Graph, dims: impl Into<Vec<usize>>, input: &[f32], mode: eval::Mode) -> Tensor {
    eval::run(graph, &Tensor::new(dims, input.to_vec()), mode).unwrap_or_else(|error| panic!("{error}"))
}

/// `splitmix64`: the tests' random numbers are the same every time.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
