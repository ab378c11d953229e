//! What spikes compute: nothing is lost, counts are exact, rates tend to activations.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{
    Graph, NodeId, Reset, Tensor, Window,
    eval::{self, Mode, NeuronState, neuron_step},
};
use support::{Random, graph, run};

/// The spikes of one neuron, and its last potential.
fn train(currents: &[f64], threshold: f64, leak: f64, reset: Reset, initial: f64) -> (Vec<f64>, f64) {
    let mut state = NeuronState { potential: initial, net: 0.0 };
    let step = |&current: &f64| {
        let (next, spike) = neuron_step(state, current, threshold, leak, reset);
        state = next;
        spike
    };
    let spikes: Vec<f64> = currents.iter().map(step).collect();
    assert_eq!(state.net, spikes.iter().sum::<f64>());
    (spikes, state.potential)
}

/// As [`train`], of a neuron that makes no corrections.
fn spikes(currents: &[f64], threshold: f64, leak: f64, reset: Reset, initial: f64) -> (Vec<bool>, f64) {
    let (spikes, potential) = train(currents, threshold, leak, reset, initial);
    assert!(spikes.iter().all(|&spike| spike == 0.0 || spike == 1.0), "{spikes:?}");
    (spikes.iter().map(|&spike| spike == 1.0).collect(), potential)
}

#[test]
fn neuron_by_hand() {
    // Potential before the reset: 0.75, 1.25, 0.75, 1.25.
    assert_eq!(spikes(&[0.25, 0.5, 0.5, 0.5], 1.0, 1.0, Reset::Soft, 0.5), (vec![false, true, false, true], 0.25));
    // The surplus is thrown away: 0.75, 1.25 -> 0, 0.5, 1.0 (which is enough) -> 0.
    assert_eq!(spikes(&[0.25, 0.5, 0.5, 0.5], 1.0, 1.0, Reset::Hard, 0.5), (vec![false, true, false, true], 0.0));
    // With leak 1/2: 1, 1.5, 1.75, 1.875, 1.9375: never 2.
    assert_eq!(spikes(&[1.0; 5], 2.0, 0.5, Reset::Soft, 0.0), (vec![false; 5], 1.9375));
    // The leak acts before the current arrives, on the initial potential too.
    assert_eq!(spikes(&[1.0], 2.0, 0.5, Reset::Soft, 2.0), (vec![true], 0.0));
    // One spike a step, however large the current; a negative one never fires.
    assert_eq!(spikes(&[5.0, 0.0], 1.0, 1.0, Reset::Soft, 0.0), (vec![true, true], 3.0));
    assert_eq!(spikes(&[-1.0, 0.5], 1.0, 1.0, Reset::Soft, 0.0), (vec![false, false], -0.5));
}

#[test]
fn signed_neuron_by_hand() {
    // Potential before the reset: 1.5, 0.5 | -0.5: one spike to take back | 0.5 - 1.5 = -1: none left | -0.75 | 1.25.
    let currents = [1.5, 0.0, -1.0, -1.5, 0.25, 2.0];
    assert_eq!(train(&currents, 1.0, 1.0, Reset::Signed, 0.0), (vec![1.0, 0.0, -1.0, 0.0, 0.0, 1.0], 0.25));
    // One correction a step: 3 spikes, then -4.5 + 1, + 1, + 1, and no more.
    let currents = [1.0, 1.0, 1.0, -4.5, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(train(&currents, 1.0, 1.0, Reset::Signed, 0.0), (vec![1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 0.0, 0.0], -1.5));
    // A potential of 0 is not below 0: the spike stands.
    assert_eq!(train(&[2.0, -2.0, 0.0], 2.0, 1.0, Reset::Signed, 2.0), (vec![1.0, 0.0, 0.0], 0.0));
    // The leak acts first: 3 - 2 = 1, 0.5 - 0.75 = -0.25 + 2.
    assert_eq!(train(&[3.0, -0.75], 2.0, 0.5, Reset::Signed, 0.0), (vec![1.0, -1.0], 1.75));
    // Where nothing negative comes, it is a soft reset.
    let currents = [0.25, 0.5, 0.5, 3.0, 0.0, 0.5];
    assert_eq!(train(&currents, 1.0, 1.0, Reset::Signed, 0.5), train(&currents, 1.0, 1.0, Reset::Soft, 0.5));
}

/// Nothing is lost, the net count never goes below zero, and once the current is silent it settles at the rectifier's:
/// the number of thresholds that have arrived, whatever came first.
#[test]
fn signed_spikes_settle_at_the_rectifier() {
    let mut random = Random(6);
    for _ in 0..200 {
        let threshold = 0.1 + random.unit();
        let mut currents: Vec<f64> = (0..50).map(|_| 3.0 * random.unit() - 1.5).collect();
        let arrived: f64 = currents.iter().sum();
        currents.resize(600, 0.0);
        let (spikes, residual) = train(&currents, threshold, 1.0, Reset::Signed, 0.0);
        let mut net = 0.0;
        for spike in &spikes {
            net += spike;
            assert!(net >= 0.0);
        }
        assert!((arrived - threshold * net - residual).abs() < 1e-9, "{arrived} {net} {residual}");
        assert_eq!(net, (arrived / threshold).floor().max(0.0));
    }
}

#[test]
fn soft_reset_loses_nothing() {
    let mut random = Random(1);
    for _ in 0..200 {
        let threshold = 0.1 + random.unit();
        let initial = threshold * random.unit();
        let currents: Vec<f64> = (0..50).map(|_| 3.0 * random.unit() - 1.0).collect();
        let (spikes, residual) = spikes(&currents, threshold, 1.0, Reset::Soft, initial);
        let fired = spikes.iter().filter(|&&s| s).count() as f64;
        let arrived: f64 = initial + currents.iter().sum::<f64>();
        assert!((arrived - threshold * fired - residual).abs() < 1e-9, "{arrived} {fired} {residual}");
    }
}

const NEURONS: &str = r#"graph @g spiking {
  %0 = input : f32[1x2x1x2] "x"
  %1 = if_neuron %0, @theta, @v0 : spike[1x2x1x2] "/relu"
  %2 = scale %1, @theta : f32[1x2x1x2]
  %3 = shift %2, @bias : f32[1x2x1x2]
  output %3 "y"
  @bias : f32[] = splat(10) fixed
  @theta : f32[1x2x1x1] = [1, 2] fixed
  @v0 : f32[1x2x1x1] = [0.5, 0] fixed
}
"#;

#[test]
fn means_over_time() {
    let graph = graph(NEURONS);
    let x = Tensor::new([1, 2, 1, 2], vec![0.25, -1.0, 0.5, 3.0]);
    let nodes = eval::run_all(&graph, &x, Mode::Spiking { timesteps: 4 }).unwrap();
    let order = graph.topological();
    assert_eq!(nodes[&order[0]], x);
    // 0.75, 1.0 -> 0, 0.25, 0.5 | silent | 0.5, 1, 1.5, 2 -> 0 | 3, 4, 5, 6: at every step
    assert_eq!(nodes[&order[1]].data, [0.25, 0.0, 0.25, 1.0]);
    // A bias is a constant current: its mean is itself.
    assert_eq!(nodes[&order[3]].data, [10.25, 10.0, 10.5, 12.0]);
}

#[test]
fn every_image_starts_afresh() {
    let graph = graph(NEURONS);
    let image = [0.3, 0.7, 0.3, 0.7];
    let alone = run(&graph, [1, 2, 1, 2], &image, Mode::Spiking { timesteps: 3 }).data;
    let twice = run(&graph, [2, 2, 1, 2], &[image, image].concat(), Mode::Spiking { timesteps: 3 }).data;
    assert_eq!(twice, [alone.clone(), alone].concat());
}

#[test]
fn leak_and_hard_reset_reach_the_graph() {
    let text = |op: &str| {
        format!(
            "graph @g spiking {{\n %0 = input : f32[1x1]\n %1 = {op} : spike[1x1]\n output %1 \"y\"\n @t : f32[] = splat(2) fixed\n \
             @v : f32[] = splat(0) fixed\n @l : f32[] = splat(0.5) fixed\n}}"
        )
    };
    let rate = |op: &str, x: f32, timesteps| run(&graph(&text(op)), [1, 1], &[x], Mode::Spiking { timesteps }).data[0];
    assert_eq!(rate("if_neuron %0, @t, @v", 1.5, 8), 0.75);
    // 1.5, 3 -> 0: every second step.
    assert_eq!(rate("if_neuron %0, @t, @v {reset=hard}", 1.5, 8), 0.5);
    assert_eq!(rate("lif_neuron %0, @t, @v, @l {reset=signed}", 1.5, 8), 0.5);
    assert_eq!(rate("lif_neuron %0, @t, @v, @l", 1.0, 40), 0.0);
    assert_eq!(rate("if_neuron %0, @t, @v", 1.0, 40), 0.5);
}

/// Rates of a neuron under a constant current in [0, θ], from a start potential in [0, θ): within 1/T of the activation
/// over θ, so the activation that a reader multiplies out is within θ/T.
#[test]
fn rates_tend_to_activations() {
    let text = |theta: f32, v0: f32| {
        format!(
            "graph @g spiking {{\n %0 = input : f32[1x64]\n %1 = if_neuron %0, @t, @v : spike[1x64]\n %2 = scale %1, @t : f32[1x64]\n \
             output %2 \"y\"\n @t : f32[] = splat({theta}) fixed\n @v : f32[] = splat({v0}) fixed\n}}"
        )
    };
    let mut random = Random(4);
    for timesteps in [1, 2, 7, 32, 301] {
        let theta = 0.25 + 4.0 * random.unit() as f32;
        let graph = graph(&text(theta, theta * random.unit() as f32));
        let x: Vec<f32> = (0..64).map(|_| theta * (2.0 * random.unit() as f32 - 1.0)).collect();
        let activation = run(&graph, [1, 64], &x, Mode::Float).data;
        let spiking = run(&graph, [1, 64], &x, Mode::Spiking { timesteps }).data;
        for ((x, a), s) in x.iter().zip(&activation).zip(&spiking) {
            assert!((a - x.max(0.0)).abs() < 1e-6);
            let error = (a - s).abs();
            assert!(error <= theta / timesteps as f32 + 1e-5, "T = {timesteps}, θ = {theta}: {a} against {s}");
        }
    }
}

/// Two neurons deep, the mean still tends to the twin's: nothing is lost in between.
#[test]
fn deep_rates_tend_to_the_twin() {
    let graph = graph(
        r#"graph @g spiking {
  %0 = input : f32[1x8]
  %1 = linear %0, @w1 : f32[1x8]
  %2 = if_neuron %1, @theta, @v0 : spike[1x8]
  %3 = linear %2, @w2 : f32[1x8]
  %4 = if_neuron %3, @theta, @v0 : spike[1x8]
  %5 = linear %4, @w3 : f32[1x3]
  output %5 "y"
  @theta : f32[] = splat(2) fixed
  @v0 : f32[] = splat(1) fixed
  @w1 : f32[8x8] = noise(1, 0.5) source
  @w2 : f32[8x8] = noise(2, 0.5) source
  @w3 : f32[3x8] = noise(3, 1) source
}"#,
    );
    let x = snnc_ir::text::noise(8, 9, 1.0);
    let twin = run(&graph, [1, 8], &x, Mode::Float).data;
    let error = |timesteps| {
        let spiking = run(&graph, [1, 8], &x, Mode::Spiking { timesteps }).data;
        spiking.iter().zip(&twin).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(error(2000) < 0.01, "{}", error(2000));
    assert!(error(2000) < error(20), "{} {}", error(2000), error(20));
}

/// Random trains come from neurons with random currents; the pool is looked at step by step, as differences of `T · mean`.
#[test]
fn count_max_pool_is_exact_and_binary() {
    let pools = ["kernel=2, stride=2", "kernel=3, pads=1, stride=2", "ceil=true, kernel=3, stride=2", "kernel=3"];
    let sizes = ["3x3", "3x3", "3x3", "4x4"];
    for (seed, (pool, size)) in pools.into_iter().zip(sizes).enumerate() {
        let graph = graph(&format!(
            r#"graph @g spiking {{
  %0 = input : f32[1x2x6x6] "x"
  %1 = if_neuron %0, @theta, @v0 : spike[1x2x6x6] "/relu"
  %2 = count_max_pool2d %1 {{{pool}}} : spike[1x2x{size}] "/pool"
  output %2 "y"
  @theta : f32[] = splat(1) fixed
  @v0 : f32[1x2x6x6] = noise({seed}, 1) fixed
}}"#
        ));
        let x: Vec<f32> = snnc_ir::text::noise(72, 100 + seed as u64, 0.6).iter().map(|v| v + 0.4).collect();
        let order = graph.topological();
        let mut before = vec![0.0; graph[order[2]].ty.len()];
        for timesteps in 1..40 {
            let count = counts(&graph, &x, timesteps);
            let (spikes, pooled) = (count(order[1]), count(order[2]));
            let snnc_ir::Operator::CountMaxPool2d { window } = &graph[order[2]].op else { panic!("the pool is node 2") };
            assert_eq!(pooled, max_of_counts(window, &spikes), "the count is the largest of the counts");
            let grown: Vec<f32> = pooled.iter().zip(&before).map(|(now, before)| now - before).collect();
            assert!(grown.iter().all(|&g| g == 0.0 || g == 1.0), "{grown:?}");
            before = pooled;
        }
    }
}

/// Signed spikes, from neurons whose current falls: the largest count is exact, and changes by at most one a step.
#[test]
fn count_max_pool_of_signed_spikes() {
    let mut corrections = 0;
    for seed in 0..4 {
        // The signed neurons hear the early ones first and then, weighted with what may be negative, the late ones.
        let graph = graph(&format!(
            r#"graph @g spiking {{
  %0 = input : f32[1x2x6x6] "x"
  %1 = if_neuron %0, @one, @early : spike[1x2x6x6] "/early"
  %2 = if_neuron %0, @one, @late : spike[1x2x6x6] "/late"
  %3 = scale %2, @less : f32[1x2x6x6]
  %4 = add %1, %3 : f32[1x2x6x6]
  %5 = if_neuron %4, @one, @v0 {{reset=signed}} : spike[1x2x6x6] "/relu"
  %6 = count_max_pool2d %5 {{kernel=3, pads=1, stride=2}} : spike[1x2x3x3] "/pool"
  output %6 "y"
  @early : f32[] = splat(0.5) fixed
  @late : f32[] = splat(-3) fixed
  @less : f32[1x2x6x6] = noise({seed}, 2) fixed
  @one : f32[] = splat(1) fixed
  @v0 : f32[] = splat(0) fixed
}}"#
        ));
        let x: Vec<f32> = snnc_ir::text::noise(72, 200 + seed, 0.6).iter().map(|v| v + 0.4).collect();
        let order = graph.topological();
        let window = Window { kernel: [3, 3], stride: [2, 2], pads: [1; 4], ceil: false };
        let mut before = vec![0.0; graph[order[6]].ty.len()];
        for timesteps in 1..40 {
            let count = counts(&graph, &x, timesteps);
            let (spikes, pooled) = (count(order[5]), count(order[6]));
            assert!(spikes.iter().all(|&net| net >= 0.0), "{spikes:?}");
            assert_eq!(pooled, max_of_counts(&window, &spikes), "the count is the largest of the net counts");
            let grown: Vec<f32> = pooled.iter().zip(&before).map(|(now, before)| now - before).collect();
            assert!(grown.iter().all(|g| [-1.0, 0.0, 1.0].contains(g)), "{grown:?}");
            corrections += grown.iter().filter(|&&g| g == -1.0).count();
            before = pooled;
        }
    }
    assert!(corrections > 0, "a maximum is taken back");
}

/// Spike counts of every node after `timesteps`, corrections subtracted.
fn counts(graph: &Graph, x: &[f32], timesteps: usize) -> impl Fn(NodeId) -> Vec<f32> {
    let means = eval::run_all(graph, &Tensor::new([1, 2, 6, 6], x.to_vec()), Mode::Spiking { timesteps }).unwrap();
    // A count below 2^24 over T, times T, is within half a unit of the count.
    move |id| means[&id].data.iter().map(|mean| (mean * timesteps as f32).round()).collect()
}

/// The max pool that the float network computes, of the counts.
fn max_of_counts(window: &Window, counts: &[f32]) -> Vec<f32> {
    let mut pool = Graph::new("pool", snnc_ir::Phase::Imported);
    let x = pool.add_input(snnc_ir::TensorType::f32([1, 2, 6, 6]), snnc_ir::Origin::default());
    let y = pool.add_node(snnc_ir::Operator::MaxPool2d { window: window.clone() }, &[x], snnc_ir::Origin::default()).unwrap();
    pool.set_output(y, "y", snnc_ir::Head::None);
    run(&pool, [1, 2, 6, 6], counts, Mode::Float).data
}

/// Of currents, which may be negative, the mean is the maximum of the means too.
#[test]
fn count_max_pool_of_currents() {
    let graph = graph(
        r#"graph @g spiking {
  %0 = input : f32[1x1x2x2]
  %1 = count_max_pool2d %0 {kernel=2} : f32[1x1x1x1]
  output %1 "y"
}"#,
    );
    assert_eq!(run(&graph, [1, 1, 2, 2], &[-3.0, -1.0, -2.0, -4.0], Mode::Spiking { timesteps: 5 }).data, [-1.0]);
}

/// A neuron's spikes may be pooled, concatenated, moved: the whole vocabulary of the spiking phase runs.
#[test]
fn every_spiking_operator_runs() {
    let graph = graph(support::SPIKING);
    let x: Vec<f32> = (0..16).map(|i| i as f32 / 8.0).collect();
    let nodes = eval::run_all(&graph, &Tensor::new([1, 1, 4, 4], x), Mode::Spiking { timesteps: 8 }).unwrap();
    for (id, tensor) in &nodes {
        let spikes = graph[*id].ty.element == snnc_ir::Element::Spike;
        assert!(!spikes || tensor.data.iter().all(|&rate| (rate * 8.0).fract() == 0.0 && (0.0..=1.0).contains(&rate)), "{tensor:?}");
    }
}
