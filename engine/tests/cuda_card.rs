//! The neuron kernel on a graphics card, and the network around it, against the processor. Skipped where there is no card.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

#[path = "common/convolutions.rs"]
mod convolutions;

use candle_core::{DType, Device, Tensor, Var};
use convolutions::{convolution, convolutions};
use snnc_engine::{
    Buffers, Losses, Network, Plan, TensorNetwork, Wanted,
    cuda::{self, Layer},
    plan::Tail,
};
use snnc_ir::text::noise;
use snnc_kernels::{
    Conv2d,
    neuron::{Derivation, NeuronGradients, Neurons, Reset, Surrogate},
};

fn card() -> Option<Device> {
    let card = Device::new_cuda(0).ok();
    assert!(card.is_some() || std::env::var_os("SNNC_CARD").is_none(), "SNNC_CARD is set, and there is no card");
    if card.is_none() {
        eprintln!("skipped: there is no graphics card");
    }
    card
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
}

/// How many values differ by more than the tolerance, relative to the largest, and which does most; none where none does.
fn difference(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) -> Option<String> {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let size = theirs.iter().fold(1.0f32, |size, v| size.max(v.abs()));
    // What is no number is the worst.
    let off = |k: usize| if ours[k].is_nan() { f32::INFINITY } else { (ours[k] - theirs[k]).abs() };
    let wrong: Vec<usize> = (0..ours.len()).filter(|&k| off(k) > tolerance * size).collect();
    let worst = wrong.iter().copied().max_by(|&a, &b| off(a).total_cmp(&off(b)))?;
    let (a, b) = (ours[worst], theirs[worst]);
    Some(format!("{what}: {} of {} values, most of all number {worst}: {a} instead of {b} (largest {size})", wrong.len(), ours.len()))
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_all_same(difference(what, ours, theirs, tolerance).into_iter().collect());
}

fn assert_all_same(differences: Vec<String>) {
    assert!(differences.is_empty(), "{}", differences.join("; "));
}

#[test]
fn neurons_are_those_of_the_processor() {
    let Some(card) = card() else { return };
    let surrogates = [Surrogate::Triangle { height: 0.3 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    for (k, reset) in [Reset::Soft, Reset::Hard, Reset::Signed].into_iter().enumerate() {
        for (surrogate, through_reset) in surrogates.into_iter().flat_map(|s| [(s, false), (s, true)]) {
            // The last has more images than there are parts of a backward pass for so many neurons.
            for (steps, images, len) in [(1, 2, 3), (8, 3, 300), (9, 5, 70), (37, 4, 129), (4, 9, 70_000)] {
                for varies in [false, true] {
                    let what = format!("{reset:?} {surrogate:?} {through_reset} T={steps} N={images} len={len} varies={varies}");
                    let (layer, seed) = (images * len, k as u64);
                    let x: Vec<f32> = noise(if varies { steps * layer } else { layer }, seed, 1.0).iter().map(|x| x + 0.3).collect();
                    let threshold: Vec<f32> = noise(len, seed + 1, 0.4).iter().map(|x| x + 0.9).collect();
                    let initial = noise(len, seed + 2, 0.5);
                    let leak: Vec<f32> = noise(len, seed + 3, 0.3).iter().map(|x| x + 0.7).collect();
                    let gradient = noise(steps * layer, seed + 4, 1.0);

                    let derivation = Derivation { surrogate, through_reset };
                    let neurons = Neurons { threshold: &threshold, initial: &initial, leak: &leak, reset, is_whole: false };
                    let mut spikes = vec![0i8; steps * layer];
                    neurons.forward(&x, images, &mut spikes);
                    let mut dx = gradient.clone();
                    let mut sums = [(); 3].map(|()| vec![0.0; len]);
                    let [of_threshold, of_initial, of_leak] = &mut sums;
                    let of = NeuronGradients { threshold: of_threshold, initial: of_initial, leak: of_leak };
                    neurons.backward(&x, images, derivation, &mut dx, of);
                    if !varies {
                        dx = (0..layer).map(|i| (0..steps).map(|t| dx[t * layer + i]).sum()).collect();
                    }

                    let upload = |values: &[f32], dims: &[usize]| Var::from_slice(values, dims, &card).unwrap();
                    let x = upload(&x, &[x.len() / len, len]);
                    let parameters = [&threshold, &initial, &leak].map(|values| upload(values, &[len]));
                    let layer = Layer { reset, derivation, timesteps: steps, images };
                    let found = layer.spikes(&x, &parameters[0], &parameters[1], &parameters[2]).unwrap();
                    assert!(values(&found).iter().zip(&spikes).all(|(a, &b)| *a == f32::from(b)), "spikes: {what}");
                    let gradient = Tensor::from_slice(&gradient, found.shape(), &card).unwrap();
                    let store = (found * gradient).unwrap().sum_all().unwrap().backward().unwrap();
                    assert_close(&format!("current: {what}"), &values(store.get(&x).unwrap()), &dx, 1e-5);
                    for (variable, sum) in parameters.iter().zip(&sums) {
                        assert_close(&format!("parameters: {what}"), &values(store.get(variable).unwrap()), sum, 1e-5);
                    }
                }
            }
        }
    }
}

/// Values so coarse that sums are exact in any order: a spike is then a spike on both sides.
fn coarse(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| (v * 64.0).round() / 64.0).collect()
}

/// Compares forward and gradients of a graph: images that stay, or an input that differs from step to step.
fn assert_same(card: &Device, what: &str, text: &str, timesteps: usize, is_static: bool, how: Derivation) {
    assert_all_same(differences(card, what, text, timesteps, is_static, how));
}

/// What differs of a graph's answers and gradients.
fn differences(card: &Device, what: &str, text: &str, timesteps: usize, is_static: bool, how: Derivation) -> Vec<String> {
    let graph = snnc_ir::text::parse(text).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
    snnc_ir::verify(&graph).unwrap_or_else(|e| panic!("{what}: {e}"));
    let images = 4;
    let plan = Plan::spiking(&graph, timesteps, is_static, Tail::OnMean).unwrap();
    let parameters: Vec<Vec<f32>> = plan.values(&graph).iter().map(|values| coarse(values)).collect();
    let values = plan.rows(0, images) * plan.steps[0].len;
    let input: Vec<f32> = if is_static {
        coarse(&noise(values, 9, 1.0))
    } else {
        noise(values, 9, 1.0)
            .iter()
            .map(|x| {
                if *x > 0.4 {
                    1.0
                } else if *x < -0.6 {
                    -1.0
                } else {
                    0.0
                }
            })
            .collect()
    };
    let squares = |z: &[f32]| (z.iter().map(|&z| f64::from(z).powi(2)).sum(), z.iter().map(|z| 2.0 * z).collect());
    let wanted = Wanted { parameters: vec![true; parameters.len()], input: true };
    let network = Network::new(&plan, &parameters);
    let expected = network.gradients(&input, images, &wanted, how, &Losses { output: &squares, inside: &[] }, &mut Buffers::default());
    assert!(expected.logits.iter().any(|&z| z != 0.0), "{what}: nothing arrives");
    let network = TensorNetwork::new(&plan, card, DType::F32, how).unwrap();
    let found = network.gradients(&parameters, &input, images, &wanted, &Losses { output: &squares, inside: &[] }).unwrap();
    let mut differences = Vec::new();
    differences.extend(difference(&format!("{what}: logits"), &found.logits, &expected.logits, 1e-5));
    differences.extend(difference(&format!("{what}: input"), &found.input, &expected.input, 1e-4));
    for ((parameter, found), expected) in plan.parameters.iter().zip(&found.parameters).zip(&expected.parameters) {
        differences.extend(difference(&format!("{what}: {}", graph.param(parameter.id).name), found, expected, 1e-4));
    }
    assert!(cuda::images_at_once(card, &plan).unwrap() > 1);
    differences
}

/// Convolutions by themselves: steps and dilations that differ by axis, groups, pads that differ by side and go beyond the window, planes
/// that are not square, windows of one place, more channels than threads of a block.
#[test]
fn convolutions_are_the_same() {
    let Some(card) = card() else { return };
    let more = [
        ([4, 4], convolution([2, 3], [4, 4], [1, 1], [1, 1], [0; 4], 1)),
        ([2, 2], convolution([300, 260], [3, 3], [1, 1], [1, 1], [1; 4], 1)),
    ];
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let mut found = Vec::new();
    for ([height, width], conv) in convolutions().into_iter().chain(more) {
        let Conv2d { in_channels, out_channels, kernel: [kh, kw], stride, dilation, pads, groups } = &conv;
        let [oh, ow] = conv.output_size([height, width]).unwrap();
        for bias in ["", ", @b"] {
            let text = format!(
                r#"graph @g calibrated {{
  %0 = input : f32[1x{in_channels}x{height}x{width}] "x"
  %1 = conv2d %0, @w{bias} {{dilation={dilation:?}, groups={groups}, pads={pads:?}, stride={stride:?}}} : f32[1x{out_channels}x{oh}x{ow}] "/conv"
  %2 = reshape %1 : f32[1x{count}] "/flatten"
  output %2 "y"
{of_bias}  @w : f32[{out_channels}x{fan}x{kh}x{kw}] = noise(1, 1) derived
}}
"#,
                count = out_channels * oh * ow,
                fan = in_channels / groups,
                of_bias = if bias.is_empty() { String::new() } else { format!("  @b : f32[{out_channels}] = noise(2, 1) derived\n") },
            );
            for is_static in [true, false] {
                found.extend(differences(&card, &format!("{conv:?}{bias}, static {is_static}"), &text, 3, is_static, how));
            }
        }
    }
    assert_all_same(found);
}

/// Of equal counts, the first has all of the gradient: windows of few spikes, where equal counts are the rule.
#[test]
fn the_first_of_equal_counts_has_the_gradient() {
    let Some(card) = card() else { return };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let mut found = Vec::new();
    for (kernel, stride, pads, output) in [(2, 2, 0, 4), (3, 2, 1, 4), (3, 1, 1, 8), (5, 3, 2, 3)] {
        let text = |neuron: &str, pool: &str| {
            format!(
                r#"graph @g calibrated {{
  %0 = input : f32[1x3x8x8] "x"
  %1 = {neuron} : spike[1x3x8x8] "/n"
  %2 = {pool} %1 {{kernel=[{kernel}, {kernel}], pads={pads}, stride={stride}}} : spike[1x3x{output}x{output}] "/max"
  %3 = reshape %2 : spike[1x{count}] "/flatten"
  %4 = linear %3, @w : f32[1x5] "/fc"
  output %4 "y"
  @t : f32[1] = splat(0.5) derived
  @v : f32[1] = splat(0.25) derived
  @w : f32[5x{count}] = noise(1, 1) derived
}}
"#,
                count = 3 * output * output,
            )
        };
        let rate = text("if_neuron %0, @t, @v {reset=soft}", "count_max_pool2d");
        found.extend(differences(&card, &format!("counts, window {kernel}, step {stride}"), &rate, 4, true, how));
        let radix = text("radix_neuron %0, @t, @v {digits=2}", "digit_max_pool2d").replace("input : f32", "input : spike");
        found.extend(differences(&card, &format!("digits, window {kernel}, step {stride}"), &radix, 1, true, how));
    }
    assert_all_same(found);
}

#[test]
fn a_network_has_the_gradients_of_the_processor() {
    let Some(card) = card() else { return };
    let text = r#"
graph @g calibrated {
  %0 = input : f32[1x2x8x8] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x8x8x8] "/conv1"
  %2 = if_neuron %1, @t, @v {reset=soft} : spike[1x8x8x8] "/relu1"
  %3 = average_pool2d %2 {kernel=[2, 2], stride=2} : f32[1x8x4x4] "/pool"
  %4 = conv2d %3, @w2 {pads=1, stride=2} : f32[1x8x2x2] "/conv2"
  %5 = if_neuron %4, @t, @v {reset=soft} : spike[1x8x2x2] "/relu2"
  %6 = reshape %5 : spike[1x32] "/flatten"
  %7 = linear %6, @w3, @b3 : f32[1x5] "/fc"
  output %7 "y"
  @b1 : f32[8] = noise(1, 0.3) derived
  @b3 : f32[5] = noise(2, 0.3) derived
  @t : f32[1] = splat(0.8) derived
  @v : f32[1] = splat(0.4) derived
  @w1 : f32[8x2x3x3] = noise(3, 1) derived
  @w2 : f32[8x8x3x3] = noise(4, 0.5) derived
  @w3 : f32[5x32] = noise(5, 0.5) derived
}
"#;
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: true };
    assert_same(&card, "soft", text, 6, true, how);
    assert_same(&card, "soft, varying input", text, 6, false, how);
}

/// Everything that a spiking network is made of: a residual sum with what is the same at every step, groups, uneven pads, planes that
/// are not square, both pools, shifts and scales, and whatever moves entries.
fn everything(reset: &str, leak: bool) -> String {
    let neurons = |k: usize, operand: &str, shape: &str| {
        let (name, leak) = if leak { ("lif_neuron", format!(", @l{k}")) } else { ("if_neuron", String::new()) };
        format!("{name} {operand}, @t{k}, @v{k}{leak} {{reset={reset}}} : spike[{shape}] \"/neurons{k}\"")
    };
    // Halves: potentials stay exact for the few steps.
    let leaks: String = if leak { (1..=4).map(|k| format!("  @l{k} : f32[1] = splat(0.5) derived\n")).collect() } else { String::new() };
    format!(
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
        n1 = neurons(1, "%1", "1x4x8x6"),
        n2 = neurons(2, "%4", "1x4x4x4"),
        n3 = neurons(3, "%8", "1x4x4x4"),
        n4 = neurons(4, "%16", "1x7"),
    )
}

#[test]
fn everything_that_networks_are_made_of_is_the_same() {
    let Some(card) = card() else { return };
    let surrogates = [Surrogate::Triangle { height: 0.5 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    let mut found = Vec::new();
    for (reset, surrogate) in ["soft", "hard", "signed"].into_iter().zip(surrogates) {
        for leak in [false, true] {
            for is_static in [true, false] {
                let how = Derivation { surrogate, through_reset: is_static };
                let what = format!("{reset}, leak {leak}, static {is_static}");
                found.extend(differences(&card, &what, &everything(reset, leak), 5, is_static, how));
            }
        }
    }
    assert_all_same(found);
}

/// The radix code: counts have no time, and digits of different length meet. All is coarse enough for both to count the same.
#[test]
fn counts_of_the_radix_code_are_the_same() {
    let Some(card) = card() else { return };
    let text = r#"
graph @g calibrated {
  %0 = input : spike[1x2x8x6] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x4x8x6] "/conv1"
  %2 = radix_neuron %1, @t1, @v1 {digits=4} : spike[1x4x8x6] "/n1"
  %3 = conv2d %2, @w2 {groups=2, pads=[1, 1, 0, 2], stride=2} : f32[1x4x4x4] "/conv2"
  %4 = digit_max_pool2d %2 {kernel=[2, 2], pads=[0, 1, 0, 1], stride=2} : spike[1x4x4x4] "/max"
  %5 = scale %4, @f : f32[1x4x4x4] "/scale"
  %6 = add %3, %5 : f32[1x4x4x4] "/sum"
  %7 = radix_neuron %6, @t2, @v2 {digits=6, levels=40} : spike[1x4x4x4] "/n2"
  %8 = sum_pool2d %7 {kernel=[2, 2], stride=2} : f32[1x4x2x2] "/pool"
  %9 = reshape %8 : f32[1x16] "/flatten"
  %10 = linear %9, @w3, @b3 : f32[1x5] "/fc"
  output %10 "y"
  @b1 : f32[4] = noise(11, 0.3) derived
  @b3 : f32[5] = noise(12, 0.3) derived
  @f : f32[1x4x1x1] = noise(14, 1) derived
  @t1 : f32[1x4x1x1] = splat(0.125) derived
  @t2 : f32[1x4x1x1] = splat(0.25) derived
  @v1 : f32[1x4x1x1] = splat(0.0625) derived
  @v2 : f32[1x4x1x1] = splat(0.125) derived
  @w1 : f32[4x2x3x3] = noise(1, 1) derived
  @w2 : f32[4x2x3x3] = noise(2, 0.5) derived
  @w3 : f32[5x16] = noise(3, 1) derived
}
"#;
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: true };
    assert_same(&card, "radix", text, 1, true, how);
}

/// Whole numbers, where what a leak leaves of a potential is rounded down: at every node the same numbers as on the processor.
#[test]
fn whole_numbers_are_the_same() {
    let Some(card) = card() else { return };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let (images, timesteps) = (4, 4);
    for reset in ["soft", "hard", "signed"] {
        // A mean of whole numbers is none; with leaks of a half, spikes are the same whether or not rounding is done.
        let text = everything(reset, true).replace("average_pool2d", "sum_pool2d").replace("splat(0.5)", "splat(0.75)");
        let mut graph = snnc_ir::text::parse(&text).unwrap_or_else(|e| panic!("{reset}: {e}\n{text}"));
        let params: Vec<_> = graph.params().map(|(id, param)| (id, param.clone())).collect();
        for (id, param) in params.into_iter().filter(|(_, param)| !param.name.starts_with('l')) {
            graph.set_param(id, param.tensor.map(|v| (8.0 * v).round()), param.provenance);
        }
        let real = graph.clone();
        snnc_ir::Phase::Whole.enter(&mut graph);
        graph.set_output_scale(1.0 / 8.0);
        snnc_ir::verify(&graph).unwrap_or_else(|e| panic!("{reset}: {e}"));
        let nodes = graph.node_ids();
        for is_static in [true, false] {
            let plan = |graph| Plan::spiking(graph, timesteps, is_static, Tail::OnMean).unwrap();
            let expected = |graph, input: &[f32]| Network::of(plan(graph), graph).results(input, images, &nodes, &mut Buffers::default()).1;
            let plan = plan(&graph);
            let input: Vec<f32> = noise(plan.rows(0, images) * plan.steps[0].len, 9, 1.4).iter().map(|x| x.round()).collect();
            let processor = expected(&graph, &input);
            assert_ne!(processor, expected(&real, &input), "{reset}, static {is_static}: nothing is rounded down");
            let network = TensorNetwork::on_card(&plan, &card, how).unwrap();
            let found = network.results(&plan.values(&graph), &input, images, &nodes).unwrap();
            for ((&node, found), expected) in nodes.iter().zip(found).zip(processor) {
                let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
                assert_eq!(found, expected, "{}: {reset}, static {is_static}", graph[node].origin);
            }
        }
    }
}

/// Two blocks of a residual network, the second with a shortcut that halves the planes: deeper than the others, with more steps than the
/// kernel keeps at once.
#[test]
fn residual_blocks_are_the_same() {
    let Some(card) = card() else { return };
    let text = r#"
graph @g calibrated {
  %0 = input : f32[1x3x8x8] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x8x8x8] "/conv1"
  %2 = if_neuron %1, @t, @v {reset=signed} : spike[1x8x8x8] "/n1"
  %3 = conv2d %2, @w2 {pads=1} : f32[1x8x8x8] "/conv2"
  %4 = if_neuron %3, @t, @v {reset=signed} : spike[1x8x8x8] "/n2"
  %5 = conv2d %4, @w3 {pads=1} : f32[1x8x8x8] "/conv3"
  %6 = add %5, %2 : f32[1x8x8x8] "/add1"
  %7 = if_neuron %6, @t, @v {reset=signed} : spike[1x8x8x8] "/n3"
  %8 = conv2d %7, @w4 {pads=1, stride=2} : f32[1x16x4x4] "/conv4"
  %9 = conv2d %7, @w5 {stride=2} : f32[1x16x4x4] "/shortcut"
  %10 = add %8, %9 : f32[1x16x4x4] "/add2"
  %11 = if_neuron %10, @t, @v {reset=signed} : spike[1x16x4x4] "/n4"
  %12 = average_pool2d %11 {kernel=[4, 4], stride=4} : f32[1x16x1x1] "/pool"
  %13 = reshape %12 : f32[1x16] "/flatten"
  %14 = linear %13, @w6, @b6 : f32[1x5] "/fc"
  output %14 "y"
  @b1 : f32[8] = noise(1, 0.3) derived
  @b6 : f32[5] = noise(2, 0.3) derived
  @t : f32[1] = splat(1) derived
  @v : f32[1] = splat(0.5) derived
  @w1 : f32[8x3x3x3] = noise(3, 1) derived
  @w2 : f32[8x8x3x3] = noise(4, 0.5) derived
  @w3 : f32[8x8x3x3] = noise(5, 0.5) derived
  @w4 : f32[16x8x3x3] = noise(6, 0.5) derived
  @w5 : f32[16x8x1x1] = noise(7, 0.5) derived
  @w6 : f32[5x16] = noise(8, 1) derived
}
"#;
    let how = Derivation { surrogate: Surrogate::Triangle { height: 1.0 }, through_reset: false };
    for timesteps in [4, 8, 20] {
        assert_same(&card, &format!("residual, T={timesteps}"), text, timesteps, true, how);
    }
}

/// Weights and inputs of 0, 1 and -1: spikes are those of 32 bits, and gradients differ by what 16 bits leave out.
#[test]
fn products_in_16_bits_are_near_those_in_32() {
    let Some(card) = card() else { return };
    let text = r#"
graph @g calibrated {
  %0 = input : f32[1x2x8x8] "x"
  %1 = conv2d %0, @w1 {pads=1} : f32[1x4x8x8] "/conv1"
  %2 = if_neuron %1, @t, @v {reset=soft} : spike[1x4x8x8] "/n1"
  %3 = conv2d %2, @w2 {pads=1} : f32[1x4x8x8] "/conv2"
  %4 = if_neuron %3, @t, @v {reset=soft} : spike[1x4x8x8] "/n2"
  %5 = reshape %4 : spike[1x256] "/flatten"
  %6 = linear %5, @w3 : f32[1x3] "/fc"
  output %6 "y"
  @t : f32[1] = splat(2) derived
  @v : f32[1] = splat(1) derived
  @w1 : f32[4x2x3x3] = noise(1, 1.4) derived
  @w2 : f32[4x4x3x3] = noise(2, 1.4) derived
  @w3 : f32[3x256] = noise(3, 1) derived
}
"#;
    let graph = snnc_ir::text::parse(text).unwrap();
    let images = 3;
    let plan = Plan::spiking(&graph, 4, true, Tail::OnMean).unwrap();
    let whole = |values: &[f32]| values.iter().map(|v| v.round()).collect::<Vec<_>>();
    let parameters: Vec<Vec<f32>> = plan.values(&graph).iter().map(|values| whole(values)).collect();
    let input = whole(&noise(images * 128, 5, 1.0));
    let slopes = |z: &[f32]| (f64::from(z.iter().sum::<f32>()), (0..z.len()).map(|k| 1.0 + 0.3 * k as f32).collect());
    let wanted = Wanted { parameters: vec![true; parameters.len()], input: true };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let gradients = |products| {
        let network = TensorNetwork::new(&plan, &card, DType::F32, how).unwrap().with_products(products);
        network.gradients(&parameters, &input, images, &wanted, &Losses { output: &slopes, inside: &[] }).unwrap()
    };
    let (whole, half) = (gradients(DType::F32), gradients(DType::BF16));
    // The last layer's result is one of 8 bits.
    assert_close("logits", &half.logits, &whole.logits, 1.0 / 256.0);
    assert_ne!(half.input, whole.input);
    assert_close("input", &half.input, &whole.input, 0.02);
    for (half, whole) in half.parameters.iter().zip(&whole.parameters) {
        assert_close("parameters", half, whole, 0.02);
    }
}

/// What runs twice gives the same bits: no sum depends on which thread is first.
#[test]
fn gradients_are_the_same_every_time() {
    let Some(card) = card() else { return };
    let graph = snnc_ir::text::parse(&everything("signed", true)).unwrap();
    let plan = Plan::spiking(&graph, 5, true, Tail::OnMean).unwrap();
    let (images, parameters) = (64, plan.values(&graph));
    let input = noise(images * plan.steps[0].len, 9, 1.0);
    let squares = |z: &[f32]| (z.iter().map(|&z| f64::from(z).powi(2)).sum(), z.iter().map(|z| 2.0 * z).collect());
    let wanted = Wanted { parameters: vec![true; parameters.len()], input: true };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let network = TensorNetwork::new(&plan, &card, DType::F32, how).unwrap();
    let first = network.gradients(&parameters, &input, images, &wanted, &Losses { output: &squares, inside: &[] }).unwrap();
    for _ in 0..3 {
        let again = network.gradients(&parameters, &input, images, &wanted, &Losses { output: &squares, inside: &[] }).unwrap();
        assert_eq!(again.logits, first.logits);
        assert_eq!(again.input, first.input);
        assert_eq!(again.parameters, first.parameters);
    }
}
