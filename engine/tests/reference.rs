//! The processor against candle tensors in 64 bits: gradients with respect to the input and to every parameter, of spiking networks, float
//! networks and twins.

mod common;

use candle_core::{DType, Device};
use common::{distance, float, radix, spiking, whole};
use snnc_engine::{
    Buffers, Gradients, Inside, Losses, Network, Plan, TensorNetwork, Wanted,
    loss::{Hint, Statistics},
    plan::{Kind, Op, Tail, Twin},
};
use snnc_ir::Graph;
use snnc_kernels::neuron::{Derivation, Surrogate};
use snnc_passes::threshold::Recorded;

const TIMESTEPS: usize = 6;
const IMAGES: usize = 3;

fn squares(z: &[f32]) -> (f64, Vec<f32>) {
    (z.iter().map(|&z| f64::from(z).powi(2)).sum(), z.iter().map(|z| 2.0 * z).collect())
}

/// Images of the spiking network at all time steps, and of the float one.
fn input() -> Vec<f32> {
    (0..IMAGES * TIMESTEPS * 128).map(|i| ((i * 37 + i * i % 11) % 19) as f32 / 19.0).collect()
}

/// Runs a plan in both ways, twice, since buffers are used again, and compares all that comes of it.
fn compare(graph: &Graph, plan: &Plan, input: &[f32], how: Derivation, losses: &Losses<'_>, what: &str) -> Gradients {
    let values = plan.values(graph);
    let wanted = Wanted { parameters: plan.parameters.iter().map(|p| !p.is_fixed).collect(), input: true };
    let reference = TensorNetwork::new(plan, &Device::Cpu, DType::F64, how).expect("candle has all operators");
    let reference = reference.gradients(&values, input, IMAGES, &wanted, losses).expect("the graph runs");
    let network = Network::new(plan, &values);
    let mut buffers = Buffers::default();
    for _ in 0..2 {
        let ours = network.gradients(input, IMAGES, &wanted, how, losses, &mut buffers);
        assert!(distance(&ours.logits, &reference.logits) < 1e-5, "logits: {what}");
        assert!((ours.loss - reference.loss).abs() < 1e-4 * reference.loss.abs(), "{what}: {} {}", ours.loss, reference.loss);
        assert!(distance(&ours.input, &reference.input) < 1e-4, "input: {} ({what})", distance(&ours.input, &reference.input));
        for (k, (a, b)) in ours.parameters.iter().zip(&reference.parameters).enumerate() {
            let name = &graph.param(plan.parameters[k].id).name;
            assert!(distance(a, b) < 1e-4, "`{name}`: {} ({what})", distance(a, b));
        }
    }
    reference
}

const HOW: Derivation = Derivation { surrogate: Surrogate::Atan { slope: 2.0 }, through_reset: false };

#[test]
fn spiking_networks() {
    let surrogates = [Surrogate::Triangle { height: 0.5 }, Surrogate::Atan { slope: 2.0 }, Surrogate::Sigmoid { slope: 4.0 }];
    let images = input();
    for (case, surrogate) in surrogates.into_iter().enumerate() {
        for reset in ["soft", "hard", "signed"] {
            for (leak, through_reset, is_static) in [(false, false, true), (true, true, true), (false, true, false), (true, false, false)] {
                let graph = spiking(reset, leak);
                let input = &images[..IMAGES * 96 * if is_static { 1 } else { TIMESTEPS }];
                let how = Derivation { surrogate, through_reset };
                let what = format!("{surrogate:?}, {reset}, leak {leak}, through the reset {through_reset}, static {is_static}");
                for tail in [Tail::OnMean, Tail::EveryStep] {
                    let plan = Plan::spiking(&graph, TIMESTEPS, is_static, tail).expect("the graph can be planned");
                    let found = compare(&graph, &plan, input, how, &Losses { output: &squares, inside: &[] }, &what);
                    for (k, gradient) in found.parameters.iter().enumerate() {
                        let name = &graph.param(plan.parameters[k].id).name;
                        assert!(gradient.iter().any(|&g| g != 0.0) || case == 0, "`{name}` has no gradient: {what}");
                    }
                }
            }
        }
    }
}

#[test]
fn float_networks() {
    let graph = float();
    let plan = Plan::float(&graph, &[]).expect("the graph can be planned");
    let found = compare(&graph, &plan, &input()[..IMAGES * 128], HOW, &Losses { output: &squares, inside: &[] }, "float");
    for (parameter, gradient) in plan.parameters.iter().zip(&found.parameters).filter(|(p, _)| !p.is_fixed) {
        assert!(gradient.iter().any(|&g| g != 0.0), "`{}` has no gradient", graph.param(parameter.id).name);
    }
}

#[test]
fn twins() {
    let graph = spiking("signed", true);
    let plan = Plan::spiking(&graph, TIMESTEPS, true, Tail::OnMean).expect("the graph can be planned");
    for twin in Twin::ATTACKS.into_iter().chain([Twin::Limit]) {
        // θ, v(0) and λ of a twin are no parameters to be trained.
        let mut twin_plan = plan.twin(twin);
        for step in &plan.steps {
            if let Op::Neuron(slots) = &step.op {
                let spreads = [&slots.threshold, &slots.initial].into_iter().chain(&slots.leak);
                spreads.for_each(|spread| twin_plan.parameters[spread.slot].is_fixed = true);
            }
        }
        compare(&graph, &twin_plan, &input()[..IMAGES * 96], HOW, &Losses { output: &squares, inside: &[] }, twin.name());
    }
}

/// Counts and what stands in for them, with sums of windows and maxima of counts between: through the steps and past their ends.
#[test]
fn networks_of_the_radix_code() {
    // Not whole: at an end of the line, to which whole numbers come often, either slope is right.
    for (graph, scale) in [(radix(), 2.0), (whole(), 14.9)] {
        let plan = Plan::spiking(&graph, TIMESTEPS, true, Tail::OnMean).expect("the graph can be planned");
        let images: Vec<f32> = input()[..IMAGES * 128].iter().map(|v| v * scale - 0.97).collect();
        let found =
            compare(&graph, &plan, &images, HOW, &Losses { output: &squares, inside: &[] }, &format!("radix, images times {scale}"));
        for (k, gradient) in found.parameters.iter().enumerate() {
            let name = &graph.param(plan.parameters[k].id).name;
            assert!(gradient.iter().any(|&g| g != 0.0), "`{name}` has no gradient");
        }
        assert!(found.input.iter().any(|&g| g != 0.0));
        for twin in Twin::ATTACKS.into_iter().chain([Twin::Limit]) {
            compare(&graph, &plan.twin(twin), &images, HOW, &Losses { output: &squares, inside: &[] }, twin.name());
        }
    }
}

#[test]
fn losses_inside_of_the_network() {
    let graph = spiking("soft", false);
    let plan = Plan::spiking(&graph, TIMESTEPS, false, Tail::OnMean).expect("the graph can be planned");
    let at = plan.steps.iter().position(|step| matches!(step.op, Op::Neuron(_))).expect("there are neurons");
    let len = plan.steps[at].len;
    let target = (0..IMAGES * len).map(|i| (i % 7) as f32 / 3.0).collect();
    let hint = Hint { weight: 0.7, layers: 2, target, size: (0..len).map(|i| 0.5 + (i % 3) as f32).collect() };
    let inside: [(usize, &dyn Inside); 1] = [(at, &hint)];
    compare(&graph, &plan, &input()[..IMAGES * TIMESTEPS * 96], HOW, &Losses { output: &squares, inside: &inside }, "hint");

    let graph = float();
    let node = graph.node_ids().into_iter().find(|&n| graph[n].origin.to_string() == "/conv1").expect("there is one");
    let plan = Plan::float(&graph, &[node]).expect("the graph can be planned");
    let recorded = Recorded { mean: vec![0.3, -0.2, 0.0, 1.0], deviation: vec![0.5, 1.0, 0.0, 0.7] };
    let statistics = Statistics { recorded: &recorded, weight: 3.0 };
    let inside: [(usize, &dyn Inside); 1] = [(plan.at(node).expect("it was asked for"), &statistics)];
    compare(&graph, &plan, &input()[..IMAGES * 128], HOW, &Losses { output: &squares, inside: &inside }, "statistics");
}

/// Weights and images of 0, 1 and -1, whose products 16 bits hold: spikes are those of 32 bits, and gradients nearly.
#[test]
fn products_may_be_in_16_bits() {
    let graph = spiking("soft", false);
    let plan = Plan::spiking(&graph, TIMESTEPS, true, Tail::OnMean).expect("the graph can be planned");
    let whole = |values: Vec<f32>| values.iter().map(|v| (2.0 * v).round().clamp(-1.0, 1.0)).collect::<Vec<f32>>();
    let is_weight = |k: usize| plan.parameters[k].kind == Kind::Weight;
    let values = plan.values(&graph).into_iter().enumerate().map(|(k, values)| if is_weight(k) { whole(values) } else { values });
    let values: Vec<Vec<f32>> = values.collect();
    let input = whole(snnc_ir::text::noise(IMAGES * 96, 5, 1.0));
    let slopes = |z: &[f32]| (f64::from(z.iter().sum::<f32>()), (0..z.len()).map(|k| 64.0 + 20.0 * k as f32).collect());
    let wanted = Wanted { parameters: vec![true; values.len()], input: true };
    let gradients = |products| {
        let network = TensorNetwork::new(&plan, &Device::Cpu, DType::F32, HOW).expect("candle has all operators").with_products(products);
        network.gradients(&values, &input, IMAGES, &wanted, &Losses { output: &slopes, inside: &[] }).expect("the graph runs")
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
    let graph = spiking("soft", false);
    let images = |timesteps: usize, bytes: usize| {
        Plan::spiking(&graph, timesteps, true, Tail::OnMean).expect("it can be planned").images_within(bytes)
    };
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
    let plan = Plan::spiking(&graph, TIMESTEPS, true, Tail::OnMean).expect("the graph can be planned");
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
