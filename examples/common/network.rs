//! The networks that are timed: convolutions with average pooling for 32x32 images, and three linear layers.

use std::fmt::Write;

/// Channels of the convolutions of the network that `peer_training.py` times in other frameworks; 0 is a pooling.
pub const PEER: &[usize] = &[64, 64, 0, 128, 128, 0, 256, 256, 0];
/// The convolutions of VGG16.
pub const VGG16: &[usize] = &[64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0];

/// Small enough for a try on any machine.
#[allow(dead_code, reason = "for what is rehearsed without a card")]
pub const TINY: &[usize] = &[4, 0, 8, 0, 8, 0];

/// What follows a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Integrate-and-fire neurons with soft reset.
    Spikes,
    /// What a float network has in their place.
    #[allow(dead_code, reason = "not every example has a teacher")]
    Relu,
}

/// The network as text: a calibrated graph in spike units, or a float network.
pub fn text(layers: &[usize], activation: Activation) -> String {
    let (stage, origin) = if activation == Activation::Spikes { ("calibrated", "derived") } else { ("imported", "source") };
    let mut text = format!("graph @peer {stage} {{\n  %0 = input : f32[1x3x32x32] \"x\"\n");
    let mut parameters = String::new();
    let (mut at, mut width, mut side) = (0, 3, 32);
    let mut node = |line: String| {
        at += 1;
        writeln!(text, "  %{at} = {line}").expect("text grows");
        at
    };
    let mut last = 0;
    let active = |node: &mut dyn FnMut(String) -> usize, parameters: &mut String, operand: usize, shape: &str, per: &str, name: &str| {
        if activation == Activation::Relu {
            return node(format!("relu %{operand} : f32[{shape}] \"{name}\""));
        }
        writeln!(parameters, "  @{name}t : f32[{per}] = splat(1) derived\n  @{name}v : f32[{per}] = splat(0) derived").expect("text grows");
        node(format!("if_neuron %{operand}, @{name}t, @{name}v {{reset=soft}} : spike[{shape}] \"{name}\""))
    };
    for (k, &layer) in layers.iter().enumerate() {
        if layer == 0 {
            side /= 2;
            last = node(format!("average_pool2d %{last} {{kernel=[2, 2], stride=2}} : f32[1x{width}x{side}x{side}] \"/pool{k}\""));
            continue;
        }
        // Kaiming's uniform bound, as PyTorch's layers start.
        let bound = 1.0 / ((width * 9) as f32).sqrt();
        let (seed, seed_b) = (k + 1, k + 101);
        writeln!(parameters, "  @w{k} : f32[{layer}x{width}x3x3] = noise({seed}, {bound}) {origin}").expect("text grows");
        writeln!(parameters, "  @b{k} : f32[{layer}] = noise({seed_b}, {bound}) {origin}").expect("text grows");
        width = layer;
        let shape = format!("1x{width}x{side}x{side}");
        last = node(format!("conv2d %{last}, @w{k}, @b{k} {{pads=1}} : f32[{shape}] \"/conv{k}\""));
        last = active(&mut node, &mut parameters, last, &shape, &format!("1x{width}x1x1"), &format!("n{k}"));
    }
    let mut inputs = width * side * side;
    last = node(format!("reshape %{last} : f32[1x{inputs}] \"/flatten\""));
    for (k, outputs) in [512, 512, 10].into_iter().enumerate() {
        let bound = 1.0 / (inputs as f32).sqrt();
        let (seed, seed_b) = (k + 51, k + 151);
        writeln!(parameters, "  @f{k} : f32[{outputs}x{inputs}] = noise({seed}, {bound}) {origin}").expect("text grows");
        writeln!(parameters, "  @fb{k} : f32[{outputs}] = noise({seed_b}, {bound}) {origin}").expect("text grows");
        last = node(format!("linear %{last}, @f{k}, @fb{k} : f32[1x{outputs}] \"/fc{k}\""));
        inputs = outputs;
        if k < 2 {
            last = active(&mut node, &mut parameters, last, &format!("1x{outputs}"), &format!("1x{outputs}"), &format!("m{k}"));
        }
    }
    let mut lines: Vec<&str> = parameters.lines().collect();
    lines.sort_unstable();
    format!("{text}  output %{last} \"y\"\n{}\n}}\n", lines.join("\n"))
}
