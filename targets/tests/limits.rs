//! Every limit on networks that are beyond it and at it.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use snnc_ir::{Graph, text};
use snnc_targets::{Code, Misfit, Profile, Reset, Says, Spikes, misfits, misfits_of_neurons};

/// Two convolutions, of which the second is read with the first, pooling, a linear layer; whole numbers.
const WHOLE: &str = r#"graph @g whole {
  %0 = input : spike[1x2x8x8] "x"
  %1 = conv2d %0, @w1, @b1 {pads=1} : f32[1x4x8x8] "/conv1"
  %2 = if_neuron %1, @t1, @h1 {reset=signed} : spike[1x4x8x8] "/relu1"
  %3 = conv2d %2, @w2 {stride=2, groups=2} : f32[1x4x3x3] "/conv2"
  %4 = lif_neuron %3, @t2, @h2, @l : spike[1x4x3x3] "/relu2"
  %5 = sum_pool2d %2 {kernel=4, stride=4} : f32[1x4x2x2] "/pool"
  %6 = reshape %5 : f32[1x16] "/flatten"
  %7 = linear %6, @w3 : f32[1x3] "/fc"
  %8 = sum %4 {axes=[2,3]} : f32[1x4x1x1] "/mean"
  %9 = reshape %8 : f32[1x4]
  %10 = linear %9, @w4 : f32[1x3] "/side"
  %11 = add %7, %10 : f32[1x3] "/add"
  output %11 "y"
  @b1 : f32[4] = [200, 1, 0, -3] derived
  @h1 : f32[1x4x1x1] = [100, 200, 300, 40000] derived
  @h2 : f32[1x1x1x1] = [50] derived
  @l : f32[1x1x1x1] = [0.5] derived
  @t1 : f32[1x4x1x1] = [1000, 2000, 1000, 1000] derived
  @t2 : f32[1x1x1x1] = [100] derived
  @w1 : f32[4x2x3x3] = splat(127) derived
  @w2 : f32[4x2x3x3] = splat(-128) derived
  @w3 : f32[3x16] = splat(7) derived
  @w4 : f32[3x4] = splat(1) derived
}
"#;

fn graph(text: &str) -> Graph {
    let graph = text::parse(text).unwrap();
    snnc_ir::verify(&graph).unwrap();
    graph
}

fn found(graph: &Graph, limits: &str) -> Vec<Misfit> {
    let profile = Profile::parse("chip", &format!("about = \"a chip\"\n[limits]\n{limits}\n")).unwrap();
    misfits(graph, &profile)
}

/// Node and sentence of what is beyond a limit.
fn said(graph: &Graph, limits: &str) -> Vec<String> {
    found(graph, limits).iter().map(|misfit| format!("{}: {}", misfit.node.as_deref().unwrap_or("-"), misfit.says)).collect()
}

#[test]
fn each_limit_names_what_is_beyond_it() {
    let graph = graph(WHOLE);
    // The limit, at which all fits; the limit, beyond which something is; what is said.
    let cases: [(&str, &str, &[&str]); 28] = [
        (
            "codes = { is = ['rate'] }",
            "codes = { is = ['radix'] }",
            &["/relu1: it has no neurons of the rate code", "/relu2: it has no neurons of the rate code"],
        ),
        (
            "spikes = { is = ['signed', 'binary'] }",
            "spikes = { is = ['binary'] }",
            &["/relu1: its spikes have no sign, and these are taken back by others of -1"],
        ),
        (
            "resets = { is = ['soft'] }",
            "resets = { is = ['hard'] }",
            &[
                "/relu1: a spike sets its potentials to 0, and here it takes the threshold off",
                "/relu2: a spike sets its potentials to 0, and here it takes the threshold off",
            ],
        ),
        ("leak = { is = true }", "leak = { is = false }", &["/relu2: its potentials do not leak"]),
        ("weight-bits = { is = 9 }", "weight-bits = { is = 8 }", &["/conv2: a weight has 8 bits, and one here needs 9"]),
        ("bias-bits = { is = 9 }", "bias-bits = { is = 8 }", &["/conv1: a bias has 8 bits, and one here needs 9"]),
        ("threshold-bits = { is = 12 }", "threshold-bits = { is = 11 }", &["/relu1: a threshold has 11 bits, and one here needs 12"]),
        (
            "potential-bits = { is = 17 }",
            "potential-bits = { is = 16 }",
            &["/relu1: a potential before the first step has 16 bits, and one here needs 17"],
        ),
        (
            "threshold-per = { is = 'channel' }",
            "threshold-per = { is = 'layer' }",
            &["/relu1: the neurons of a layer have one threshold, and these have several"],
        ),
        (
            "operators = { is = ['convolution', 'linear', 'sum-pool', 'add'] }",
            "operators = { is = ['convolution', 'linear', 'global-sum-pool'] }",
            &["/pool: it has no average pooling", "/add: it has no sums of layers"],
        ),
        (
            "kernels = { is = [3] }",
            "kernels = { is = [1, 5] }",
            &["/conv1: sides of kernels are 1, 5, and there is 3 by 3", "/conv2: sides of kernels are 1, 5, and there is 3 by 3"],
        ),
        (
            "largest-kernel = { is = 3 }",
            "largest-kernel = { is = 1 }",
            &[
                "/conv1: kernels have at most 1 by 1 taps, and this is 3 by 3",
                "/conv2: kernels have at most 1 by 1 taps, and this is 3 by 3",
                "/fc: kernels have at most 1 by 1 taps, and the linear layer is a convolution of 2 by 2",
            ],
        ),
        ("largest-padding = { is = 1 }", "largest-padding = { is = 0 }", &["/conv1: at most 0 places of a border, and there are 1"]),
        ("strides = { is = [1, 2] }", "strides = { is = [1] }", &["/conv2: strides are 1, and there is 2 by 2"]),
        ("pools = { is = [3, 4] }", "pools = { is = [2, 3] }", &["/pool: sides of pooling windows are 2, 3, and there is 4"]),
        ("", "groups = { is = 'none' }", &["/conv2: channels of a convolution are in one group, and here are 2"]),
        (
            "",
            "groups = { is = 'depthwise' }",
            &["/conv2: channels of a convolution are in one group or each by itself, and here are 2 groups"],
        ),
        (
            "channels = { is = 4 }",
            "channels = { is = 3 }",
            &[
                "/conv1: at most 3 channels, and there are 4",
                "/conv2: at most 3 channels, and there are 4",
                "/fc: at most 3 channels, and there are 4",
                "/side: at most 3 channels, and there are 4",
            ],
        ),
        (
            "largest-input-map = { is = 8 }",
            "largest-input-map = { is = 7 }",
            &[
                "/conv1: at most 7 places along a side of what it reads, and there are 8",
                "/conv2: at most 7 places along a side of what it reads, and there are 8",
            ],
        ),
        (
            "largest-output-map = { is = 8 }",
            "largest-output-map = { is = 4 }",
            &["/conv1: at most 4 places along a side of what it makes, and there are 8"],
        ),
        (
            "linear-inputs = { is = 16 }",
            "linear-inputs = { is = 15 }",
            &["/fc: at most 15 entries that a linear layer reads, and there are 16"],
        ),
        (
            "fan-in = { is = 18 }",
            "fan-in = { is = 17 }",
            &["/conv1: at most 17 synapses of a neuron, and there are 18", "/conv2: at most 17 synapses of a neuron, and there are 18"],
        ),
        ("readers = { is = 2 }", "readers = { is = 1 }", &["/conv1: at most 1 layers that read one, and there are 2"]),
        ("layers = { is = 4 }", "layers = { is = 3 }", &["-: at most 3 layers, and the network has 4"]),
        ("neurons = { is = 292 }", "neurons = { is = 291 }", &["-: at most 291 neurons, and the network has 292"]),
        (
            "neurons-of-layer = { is = 256 }",
            "neurons-of-layer = { is = 255 }",
            &["/relu1: a layer has at most 255 neurons, and this has 256"],
        ),
        ("weights = { is = 204 }", "weights = { is = 203 }", &["-: at most 203 weights, and the network has 204"]),
        ("synapses = { is = 5316 }", "synapses = { is = 5315 }", &["-: at most 5315 synapses, and the network has 5316"]),
    ];
    for (at, beyond, sentences) in cases {
        assert_eq!(said(&graph, at), [""; 0], "{at}");
        assert_eq!(said(&graph, beyond), sentences, "{beyond}");
    }
}

#[test]
fn squares() {
    let graph = graph(&WHOLE.replace("[4x2x3x3] = splat(127)", "[4x2x3x1] = splat(127)").replace("{pads=1}", "{pads=[1,0,1,0]}"));
    assert_eq!(said(&graph, "square-kernels = { is = true }"), ["/conv1: kernels are squares, and this is 3 by 1"]);
}

#[test]
fn windows_of_pooling() {
    let graph = graph(
        &WHOLE
            .replace("{kernel=4, stride=4}", "{kernel=4, stride=2}")
            .replace("1x4x2x2", "1x4x3x3")
            .replace("1x16", "1x36")
            .replace("3x16", "3x36"),
    );
    let pool = "/pool: pooling windows are side by side, without a border, and this moves by 2 of its 4 places";
    assert_eq!(said(&graph, "pools = { is = [4] }"), [pool]);
    // A sum over all of the map is a window of its side where windows alone are allowed.
    let windows = "pools = { is = [4] }\noperators = { is = ['convolution', 'linear', 'sum-pool', 'add'] }";
    assert_eq!(said(&graph, windows), [pool, "/mean: sides of pooling windows are 4, and there is 3"]);
    let global = "operators = { is = ['convolution', 'linear', 'add', 'global-sum-pool'] }";
    assert_eq!(said(&graph, global), ["/pool: it has no average pooling"]);
}

#[test]
fn digits_and_what_is_asked_before_there_is_a_network() {
    let text = WHOLE
        .replace("if_neuron %1, @t1, @h1 {reset=signed}", "radix_neuron %1, @t1, @h1 {digits=6}")
        .replace("lif_neuron %3, @t2, @h2, @l", "radix_neuron %3, @t2, @h2 {digits=4}");
    let text: String = text.lines().filter(|line| !line.contains("@l :")).flat_map(|line| [line, "\n"]).collect();
    let graph = graph(&text);
    assert_eq!(said(&graph, "digits = { is = 4 }"), ["/relu1: a neuron says at most 4 digits, and these say 6"]);
    let speck = Profile::named("speck").unwrap();
    let says = Says { code: Code::Rate, spikes: Spikes::Binary, reset: Reset::Soft, leaks: false, digits: None };
    assert_eq!(misfits_of_neurons(&says, &speck), []);
    for says in [Says { code: Code::Radix, ..says }, Says { spikes: Spikes::Signed, ..says }, Says { leaks: true, ..says }] {
        let found = misfits_of_neurons(&says, &speck);
        assert!(found.len() == 1 && found[0].node.is_none() && found[0].source.is_some(), "{found:?}");
    }
}

/// What cores hold: weights, neurons and biases of each.
fn cores(cores: &[[usize; 3]], powers: bool) -> String {
    let core = |[weights, neurons, biases]: &[usize; 3]| format!("{{ weights = {weights}, neurons = {neurons}, biases = {biases} }}");
    format!("memories = {{ is = {{ powers-of-two = {powers}, cores = [{}] }} }}", cores.iter().map(core).collect::<Vec<_>>().join(", "))
}

#[test]
fn each_layer_has_a_core() {
    let graph = graph(WHOLE);
    // As the four layers need them: 2 to 4 channels, 9 taps; 4 to 4, 9 taps in two groups; 4 to 3, 4 taps; 4 to 3, 1 tap.
    let exact = [[72, 256, 4], [72, 36, 0], [48, 3, 0], [12, 3, 0]];
    let powers = [[2 * 16 * 4, 4 * 64, 4], [4 * 16 * 4, 4 * 4 * 4, 0], [4 * 4 * 4, 3, 0], [4 * 4, 3, 0]];
    for (needs, counts_up) in [(exact, false), (powers, true)] {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            assert_eq!(said(&graph, &cores(&order.map(|at| needs[at]), counts_up)), [""; 0]);
        }
        for (layer, memory) in [(0, 0), (0, 1), (0, 2), (1, 0)] {
            let mut short = needs;
            short[layer][memory] -= 1;
            assert!(!said(&graph, &cores(&short, counts_up)).is_empty(), "{layer}, {memory}");
        }
    }
    let largest = "the largest memories are of 72 weights, 36 neurons and 0 biases";
    assert_eq!(
        said(&graph, &cores(&exact[1..], false)),
        [format!("/conv1: no core holds 72 weights, 256 neurons and 4 biases; {largest}")]
    );
    assert_eq!(said(&graph, &cores(&[exact[0]; 3], false)), ["-: its 3 cores hold 3 of the 4 layers at a time"]);
}

#[test]
fn of_a_model_shapes_are_compared_before_it_is_compiled() {
    let float = graph(
        r#"graph @g canonical {
  %0 = input : f32[1x3x8x8] "x"
  %1 = conv2d %0, @w, @b {pads=1} : f32[1x4x8x8] "/conv"
  %2 = relu %1 : f32[1x4x8x8] "/relu"
  %3 = max_pool2d %2 {kernel=2, stride=2} : f32[1x4x4x4] "/pool"
  %4 = mean %3 {axes=[2,3]} : f32[1x4x1x1] "/mean"
  %5 = scale %4, @s : f32[1x4x1x1] "/scale"
  %6 = reshape %5 : f32[1x4] "/flatten"
  output %6 "y"
  @b : f32[4] = splat(1000000) source
  @s : f32[1x1x1x1] = splat(3) source
  @w : f32[4x3x3x3] = noise(1, 1) source
}
"#,
    );
    // Numbers are not whole yet, there are no neurons, and a factor may go into weights.
    let early = "weight-bits = { is = 2 }\nbias-bits = { is = 2 }\ncodes = { is = [] }\noperators = { is = ['convolution', 'sum-pool'] }\nneurons = { is = 255 }";
    assert_eq!(said(&float, early), ["/pool: it has no max pooling", "-: at most 255 neurons, and the network has 256"]);
}
