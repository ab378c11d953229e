//! Networks with every operator, and how far apart two lists are.

/// A network with every operator that a spiking graph may have, ready for `reset` and with or without leak.
pub fn spiking(reset: &str, leak: bool) -> snnc_ir::Graph {
    let neuron = |k: usize, operand: &str, ty: &str, origin: &str| {
        let (name, leak) = if leak { ("lif_neuron", format!(", @l{k}")) } else { ("if_neuron", String::new()) };
        format!("{name} {operand}, @t{k}, @v{k}{leak} {{reset={reset}}} : {ty} \"{origin}\"")
    };
    let leaks: String = if leak { (1..=4).map(|k| format!("  @l{k} : f32[1] = splat(0.8) derived\n")).collect() } else { String::new() };
    let text = format!(
        r#"graph @g calibrated {{
  %0 = input : f32[1x2x8x6] "x"
  %1 = conv2d %0, @w1, @b1 {{pads=1}} : f32[1x4x8x6] "/conv1"
  %2 = {n1}
  %3 = conv2d %2, @w2 {{groups=2, pads=[1, 1, 0, 2], stride=2}} : f32[1x4x4x4] "/conv2"
  %4 = shift %3, @o : f32[1x4x4x4] "/shift"
  %5 = {n2}
  %6 = scale %5, @f : f32[1x4x4x4] "/scale"
  %7 = average_pool2d %1 {{kernel=[2, 2], pads=[0, 1, 0, 1], stride=2}} : f32[1x4x4x4] "/pool"
  %8 = add %6, %7 : f32[1x4x4x4] "/sum"
  %9 = {n3}
  %10 = count_max_pool2d %9 {{kernel=[3, 3], pads=1, stride=2}} : spike[1x4x2x2] "/max"
  %11 = concat %10, %10 {{axis=1}} : spike[1x8x2x2] "/concat"
  %12 = slice %11 {{ranges=[0:1:1, 1:2:3, 0:1:2, 1:-1:2]}} : spike[1x3x2x2] "/slice"
  %13 = pad %12 {{pads=[0:0, 0:0, 1:0, 0:0]}} : spike[1x3x3x2] "/pad"
  %14 = transpose %13 {{permutation=[0, 2, 3, 1]}} : spike[1x3x2x3] "/transpose"
  %15 = reshape %14 : spike[1x18] "/flatten"
  %16 = linear %15, @w3, @b3 : f32[1x7] "/fc1"
  %17 = {n4}
  %18 = linear %17, @w4, @b4 : f32[1x3] "/fc2"
  output %18 "y"
  @b1 : f32[4] = noise(11, 0.3) derived
  @b3 : f32[7] = noise(12, 0.3) derived
  @b4 : f32[3] = noise(13, 0.3) derived
  @f : f32[1x4x1x1] = noise(14, 1) derived
{leaks}  @o : f32[1x4x1x1] = noise(15, 0.3) derived
  @t1 : f32[1x4x1x1] = splat(1.1) derived
  @t2 : f32[1x4x1x1] = splat(0.7) derived
  @t3 : f32[1x4x1x1] = splat(0.9) derived
  @t4 : f32[1x7] = splat(0.8) derived
  @v1 : f32[1x4x1x1] = noise(21, 0.5) derived
  @v2 : f32[1x4x1x1] = splat(0.35) derived
  @v3 : f32[1] = splat(0.45) derived
  @v4 : f32[1x7] = splat(0.4) derived
  @w1 : f32[4x2x3x3] = noise(1, 1) derived
  @w2 : f32[4x2x3x3] = noise(2, 1) derived
  @w3 : f32[7x18] = noise(3, 1) derived
  @w4 : f32[3x7] = noise(4, 1) derived
}}
"#,
        n1 = neuron(1, "%1", "spike[1x4x8x6]", "/relu1"),
        n2 = neuron(2, "%4", "spike[1x4x4x4]", "/relu2"),
        n3 = neuron(3, "%8", "spike[1x4x4x4]", "/relu3"),
        n4 = neuron(4, "%16", "spike[1x7]", "/relu4"),
    );
    let graph = snnc_ir::text::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    snnc_ir::verify(&graph).unwrap_or_else(|e| panic!("{e}"));
    graph
}

/// A network with every operator that a graph of the radix code may have, in real numbers.
#[allow(dead_code, reason = "not all tests want it")]
pub fn radix() -> snnc_ir::Graph {
    let text = RADIX.replace("PHASE", "calibrated");
    let graph = snnc_ir::text::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    snnc_ir::verify(&graph).unwrap_or_else(|e| panic!("{e}"));
    graph
}

/// The same in whole numbers, all of whose values stay below 2^24 on images from 0 to 15.
#[allow(dead_code, reason = "not all tests want it")]
pub fn whole() -> snnc_ir::Graph {
    let mut graph = radix();
    let params: Vec<_> = graph.params().map(|(id, param)| (id, param.clone())).collect();
    for (id, param) in params {
        // Weights become ten times as large, and all else with them; images of the first layer some more.
        let factor = if ["b1", "t1", "v1"].contains(&param.name.as_str()) { 75.0 } else { 10.0 };
        let tensor = param.tensor.map(|v| (v * factor).round() + 0.0);
        graph.set_param(id, tensor, param.provenance);
    }
    snnc_ir::Phase::Whole.enter(&mut graph);
    graph.set_output_scale(0.25);
    snnc_ir::verify(&graph).unwrap_or_else(|e| panic!("{e}"));
    graph
}

const RADIX: &str = r#"graph @g PHASE {
  %0 = input : f32[1x2x8x8] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x4x8x8] "/conv1"
  %2 = radix_neuron %1, @t1, @v1 {digits=5} : spike[1x4x8x8] "/relu1"
  %3 = conv2d %2, @w2 {groups=2, pads=[1, 1, 0, 0], stride=2} : f32[1x4x4x4] "/conv2"
  %4 = shift %3, @o : f32[1x4x4x4] "/shift"
  %5 = radix_neuron %4, @t2, @v2 {digits=4, given=true, levels=11} : spike[1x4x4x4] "/levels"
  %6 = scale %5, @f : f32[1x4x4x4] "/scale"
  %7 = sum_pool2d %2 {ceil=true, kernel=[2, 3], pads=[0, 1, 0, 0], stride=2} : f32[1x4x4x4] "/average"
  %8 = add %6, %7 : f32[1x4x4x4] "/sum"
  %9 = radix_neuron %8, @t3, @v3 {digits=3} : spike[1x4x4x4] "/relu3"
  %10 = digit_max_pool2d %9 {kernel=[3, 3], pads=1, stride=2} : spike[1x4x2x2] "/max"
  %11 = concat %10, %10 {axis=1} : spike[1x8x2x2] "/concat"
  %12 = slice %11 {ranges=[0:1:1, 1:2:3, 0:1:2, 1:-1:2]} : spike[1x3x2x2] "/slice"
  %13 = pad %12 {pads=[0:0, 0:0, 1:0, 0:0]} : spike[1x3x3x2] "/pad"
  %14 = transpose %13 {permutation=[0, 2, 3, 1]} : spike[1x3x2x3] "/transpose"
  %15 = reshape %14 : spike[1x18] "/flatten"
  %16 = linear %15, @w3, @b3 : f32[1x7] "/fc1"
  %17 = radix_neuron %16, @t4, @v4 {digits=6} : spike[1x7] "/relu4"
  %18 = linear %17, @w4, @b4 : f32[1x3] "/fc2"
  %19 = sum %9 {axes=[2, 3]} : f32[1x4x1x1] "/gap"
  %20 = reshape %19 : f32[1x4] "/flatten2"
  %21 = linear %20, @w5 : f32[1x3] "/fc3"
  %22 = add %18, %21 : f32[1x3] "/scores"
  output %22 "y"
  @b1 : f32[4] = noise(11, 0.3) derived
  @b3 : f32[7] = noise(12, 0.3) derived
  @b4 : f32[3] = noise(13, 0.3) derived
  @f : f32[1x4x1x1] = noise(14, 1) derived
  @o : f32[1x4x4x4] = noise(15, 0.5) derived
  @t1 : f32[1x4x1x1] = [0.25, 0.35, 0.3, 0.5] derived
  @t2 : f32[1x4x1x1] = [0.7, 1.1, 0.4, 0.9] derived
  @t3 : f32[1x4x1x1] = splat(2.9) derived
  @t4 : f32[1x7] = splat(0.2) derived
  @v1 : f32[1x4x1x1] = [0.11, 0.16, 0.14, 0.23] derived
  @v2 : f32[1x4x1x1] = splat(0.33) derived
  @v3 : f32[1] = splat(1.31) derived
  @v4 : f32[1x7] = splat(0.06) derived
  @w1 : f32[4x2x3x3] = noise(1, 1) derived
  @w2 : f32[4x2x3x3] = noise(2, 1) derived
  @w3 : f32[7x18] = noise(3, 1) derived
  @w4 : f32[3x7] = noise(4, 1) derived
  @w5 : f32[3x4] = noise(5, 1) derived
}
"#;

/// Largest difference over the largest entry of the reference.
pub fn distance(ours: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(ours.len(), reference.len());
    let largest = reference.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    ours.iter().zip(reference).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max) / largest.max(1e-6)
}

/// A float network with every operator that the engine runs.
#[allow(dead_code, reason = "not all tests want it")]
pub fn float() -> snnc_ir::Graph {
    let text = r#"graph @g imported {
  %0 = input : f32[1x2x8x8] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x4x8x8] "/conv1"
  %2 = relu %1 : f32[1x4x8x8] "/relu1"
  %3 = conv2d %2, @w2 {groups=2, pads=[1, 1, 0, 0], stride=2} : f32[1x4x4x4] "/conv2"
  %4 = batch_norm %3, @g, @h, @m, @v : f32[1x4x4x4] "/bn"
  %5 = clip %4 {max=1.5, min=-0.5} : f32[1x4x4x4] "/clip"
  %6 = average_pool2d %2 {kernel=[2, 2], pads=[0, 0, 0, 0], stride=2} : f32[1x4x4x4] "/average"
  %7 = clip_floor_shift %3 {levels=4, max=2} : f32[1x4x4x4] "/stairs"
  %8 = add %5, %7, %6 : f32[1x4x4x4] "/sum"
  %9 = max_pool2d %8 {kernel=[3, 3], pads=1, stride=2} : f32[1x4x2x2] "/max"
  %10 = clip %9 {max=inf, min=-0.25} : f32[1x4x2x2] "/above"
  %11 = mean %8 {axes=[2, 3]} : f32[1x4x1x1] "/mean"
  %12 = pad %11 {pads=[0:0, 0:0, 0:1, 1:0], value=0.5} : f32[1x4x2x2] "/pad"
  %13 = concat %10, %12 {axis=1} : f32[1x8x2x2] "/concat"
  %14 = slice %13 {ranges=[0:1:1, 7:-2:4, 0:1:2, 0:1:2]} : f32[1x4x2x2] "/slice"
  %15 = transpose %14 {permutation=[0, 2, 3, 1]} : f32[1x2x2x4] "/transpose"
  %16 = scale %15, @f : f32[1x2x2x4] "/scale"
  %17 = shift %16, @o : f32[1x2x2x4] "/shift"
  %18 = reshape %17 : f32[1x16] "/flatten"
  %19 = linear %18, @w3, @b3 : f32[1x6] "/fc1"
  %20 = relu %19 : f32[1x6] "/relu2"
  %21 = linear %20, @w4 : f32[1x3] "/fc2"
  output %21 "y"
  @b1 : f32[4] = noise(11, 0.3) source
  @b3 : f32[6] = noise(12, 0.3) source
  @f : f32[1x1x1x4] = noise(13, 1) source
  @g : f32[4] = noise(14, 1.5) source
  @h : f32[4] = noise(15, 0.5) source
  @m : f32[4] = noise(16, 0.5) source
  @o : f32[1x2x1x1] = noise(17, 0.5) source
  @v : f32[4] = ramp(0.5, 0.25) source
  @w1 : f32[4x2x3x3] = noise(1, 0.6) source
  @w2 : f32[4x2x3x3] = noise(2, 0.6) source
  @w3 : f32[6x16] = noise(3, 0.8) source
  @w4 : f32[3x6] = noise(4, 1) source
}
"#;
    let graph = snnc_ir::text::parse(text).unwrap_or_else(|e| panic!("{e}"));
    snnc_ir::verify(&graph).unwrap_or_else(|e| panic!("{e}"));
    graph
}
