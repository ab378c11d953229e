//! Training through time: gradients against a reference in 64 bits.

use candle_core::{DType, Device};
use snnc::train::{
    network::{Buffers, Hints, Network, Wanted},
    plan::{Plan, Twin},
    tensor::TensorNetwork,
};
use snnc_kernels::neuron::{Derivation, Surrogate};

const TIMESTEPS: usize = 6;
const IMAGES: usize = 3;

/// A network with every operator that a spiking graph may have, ready for `reset` and with or without leak.
fn graph(reset: &str, leak: bool) -> snnc_ir::Graph {
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

/// Largest difference over the largest entry of the reference.
fn distance(ours: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(ours.len(), reference.len());
    let largest = reference.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
    ours.iter().zip(reference).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max) / largest.max(1e-6)
}

#[test]
fn gradients_agree_with_a_reference_in_64_bits() {
    let surrogates = [Surrogate::Triangle { height: 0.5 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    let image: Vec<f32> = (0..IMAGES * TIMESTEPS * 96).map(|i| ((i * 37 + i * i % 11) % 19) as f32 / 19.0).collect();
    let squares = |z: &[f32]| (z.iter().map(|&z| f64::from(z).powi(2)).sum(), z.iter().map(|z| 2.0 * z).collect());
    for (case, surrogate) in surrogates.into_iter().enumerate() {
        for reset in ["soft", "hard", "signed"] {
            for (leak, through_reset, is_static) in [(false, false, true), (true, true, true), (false, true, false), (true, false, false)] {
                let graph = graph(reset, leak);
                let plan = Plan::new(&graph, TIMESTEPS, is_static).expect("the graph can be planned");
                let values = plan.values(&graph);
                let input = &image[..IMAGES * 96 * if is_static { 1 } else { TIMESTEPS }];
                let wanted = Wanted { parameters: vec![true; values.len()], input: true };
                let how = Derivation { surrogate, through_reset };
                let reference = TensorNetwork::new(&plan, &Device::Cpu, DType::F64, how).expect("candle has all operators");
                let reference = reference.gradients(&values, input, IMAGES, &wanted, &squares).expect("the graph runs");
                let network = Network::new(&plan, &values);
                let mut buffers = Buffers::default();
                let what = format!("{surrogate:?}, {reset}, leak {leak}, through the reset {through_reset}, static {is_static}");
                // Twice, since buffers are used again.
                for _ in 0..2 {
                    let ours = network.gradients(input, IMAGES, &wanted, how, (&squares, &Hints::default()), &mut buffers);
                    assert!(distance(&ours.logits, &reference.logits) < 1e-5, "logits: {what}");
                    assert!((ours.loss - reference.loss).abs() < 1e-4 * reference.loss, "{what}");
                    assert!(distance(&ours.input, &reference.input) < 1e-4, "input: {what}");
                    for (k, (a, b)) in ours.parameters.iter().zip(&reference.parameters).enumerate() {
                        let name = &graph.param(plan.parameters[k].id).name;
                        assert!(b.iter().any(|&g| g != 0.0) || case == 0, "`{name}` has no gradient: {what}");
                        assert!(distance(a, b) < 1e-4, "`{name}`: {} ({what})", distance(a, b));
                    }
                }
            }
        }
    }
}

/// Weights and images of 0, 1 and -1, whose products 16 bits hold: spikes are those of 32 bits, and gradients nearly.
#[test]
fn products_may_be_in_16_bits() {
    let graph = graph("soft", false);
    let plan = Plan::new(&graph, TIMESTEPS, true).expect("the graph can be planned");
    let whole = |values: Vec<f32>| values.iter().map(|v| (2.0 * v).round().clamp(-1.0, 1.0)).collect::<Vec<f32>>();
    let is_weight = |k: usize| plan.parameters[k].kind == snnc::train::plan::Kind::Weight;
    let values = plan.values(&graph).into_iter().enumerate().map(|(k, values)| if is_weight(k) { whole(values) } else { values });
    let values: Vec<Vec<f32>> = values.collect();
    let input = whole(snnc_ir::text::noise(IMAGES * 96, 5, 1.0));
    let slopes = |z: &[f32]| (f64::from(z.iter().sum::<f32>()), (0..z.len()).map(|k| 64.0 + 20.0 * k as f32).collect());
    let wanted = Wanted { parameters: vec![true; values.len()], input: true };
    let how = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };
    let gradients = |products| {
        let network = TensorNetwork::new(&plan, &Device::Cpu, DType::F32, how).expect("candle has all operators").with_products(products);
        network.gradients(&values, &input, IMAGES, &wanted, &slopes).expect("the graph runs")
    };
    let (whole, half) = (gradients(DType::F32), gradients(DType::F16));
    assert!(whole.logits.iter().any(|&z| z != 0.0));
    assert!(distance(&half.logits, &whole.logits) < 1e-3);
    assert_ne!(half.input, whole.input);
    assert!(distance(&half.input, &whole.input) < 0.01, "{}", distance(&half.input, &whole.input));
    for (k, (half, whole)) in half.parameters.iter().zip(&whole.parameters).enumerate() {
        // Some sums nearly cancel.
        assert!(distance(half, whole) < 0.05, "{k}: {}", distance(half, whole));
    }
}

#[test]
fn images_are_as_many_as_memory_has_room_for() {
    let graph = graph("soft", false);
    let images = |timesteps: usize, bytes: usize| Plan::new(&graph, timesteps, true).expect("it can be planned").images_within(bytes);
    assert_eq!(images(4, 0), 1, "one is tried even where none seems to fit");
    // About proportional to memory, and the other way round to time steps.
    let (few, many) = (images(4, 1 << 20), images(4, 1 << 24));
    assert!(few > 1 && (15 * few..=17 * few + 17).contains(&many), "{few} {many}");
    let longer = images(16, 1 << 24);
    assert!(longer < many / 3 && longer > many / 5, "{longer} {many}");
    // However much memory: kernels count in 32 bits. The most that this network unfolds is 18 values for each of 48 places.
    let most = images(4, usize::MAX);
    assert!(most <= (1 << 31) / (18 * 48) && most > 1 << 16, "{most}");
}

#[test]
fn the_response_twin_of_one_layer_is_the_network() {
    let text = r#"graph @g calibrated {
  %0 = input : f32[1x6] "x"
  %1 = linear %0, @w : f32[1x8] "/fc1"
  %2 = if_neuron %1, @t, @v {reset=signed} : spike[1x8] "/relu"
  %3 = linear %2, @u : f32[1x3] "/fc2"
  output %3 "y"
  @t : f32[1x8] = splat(0.9) derived
  @u : f32[3x8] = noise(2, 1) derived
  @v : f32[1x8] = splat(0.45) derived
  @w : f32[8x6] = noise(1, 1) derived
}
"#;
    let graph = snnc_ir::text::parse(text).expect("the graph is well formed");
    let plan = Plan::new(&graph, TIMESTEPS, true).expect("the graph can be planned");
    let values = plan.values(&graph);
    let input: Vec<f32> = (0..60).map(|i| ((i * 37) % 19) as f32 / 19.0).collect();
    let mut buffers = Buffers::default();
    let logits = Network::new(&plan, &values).logits(&input, 10, &mut buffers);
    // Currents do not vary, so what a neuron answers to their mean is what it answers, and counting them is all that it does.
    for twin in [Twin::Response, Twin::Quantised] {
        let twin_plan = plan.twin(twin);
        let read = Network::new(&twin_plan, &values).logits(&input, 10, &mut buffers);
        assert!(distance(&read, &logits) < 1e-5, "{twin:?}: {read:?} {logits:?}");
    }
    // A twin that does not count is near, but not there.
    let twin_plan = plan.twin(Twin::Relu);
    let read = Network::new(&twin_plan, &values).logits(&input, 10, &mut buffers);
    let off = distance(&read, &logits);
    assert!(off > 1e-3 && off < 1.0, "{off}");
}
