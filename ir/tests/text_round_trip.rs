//! Print and parse are inverse.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{Graph, Head, Operator, Origin, Phase, Provenance, Tensor, TensorType, text, verify};
use std::collections::BTreeSet;
use support::{FLOAT, RADIX, SPIKING, graph};

/// The names of all operators. The match breaks the build when one is added; then `FLOAT`, `SPIKING` or `RADIX` must show it.
fn all_operators() -> BTreeSet<&'static str> {
    fn known(op: &Operator) -> bool {
        match op {
            Operator::Input
            | Operator::Conv2d { .. }
            | Operator::Linear { .. }
            | Operator::Scale { .. }
            | Operator::Shift { .. }
            | Operator::Add
            | Operator::AveragePool2d { .. }
            | Operator::Mean { .. }
            | Operator::SumPool2d { .. }
            | Operator::Sum { .. }
            | Operator::Concat { .. }
            | Operator::Pad { .. }
            | Operator::Slice { .. }
            | Operator::Reshape { .. }
            | Operator::Transpose { .. }
            | Operator::BatchNorm { .. }
            | Operator::Relu
            | Operator::Clip { .. }
            | Operator::Floor
            | Operator::Round
            | Operator::ClipFloorShift { .. }
            | Operator::LeakyRelu { .. }
            | Operator::PRelu { .. }
            | Operator::MaxPool2d { .. }
            | Operator::Softmax { .. }
            | Operator::LogSoftmax { .. }
            | Operator::Sigmoid
            | Operator::Neuron { .. }
            | Operator::CountMaxPool2d { .. }
            | Operator::RadixNeuron { .. }
            | Operator::DigitMaxPool2d { .. } => true,
        }
    }
    assert!(known(&Operator::Input));
    "input conv2d linear scale shift add average_pool2d mean concat pad slice reshape transpose batch_norm relu clip floor round \
     clip_floor_shift leaky_relu prelu max_pool2d softmax log_softmax sigmoid if_neuron lif_neuron count_max_pool2d \
     sum_pool2d sum radix_neuron digit_max_pool2d"
        .split_whitespace()
        .collect()
}

#[test]
fn every_operator_prints_as_it_was_written() {
    let mut seen = BTreeSet::new();
    for written in [FLOAT, SPIKING, RADIX] {
        let graph = graph(written);
        verify(&graph).unwrap();
        assert_eq!(text::print(&graph), written);
        seen.extend(graph.node_ids().into_iter().map(|id| graph[id].op.name()));
    }
    assert_eq!(seen, all_operators());
}

#[test]
fn a_built_graph_reads_back_as_it_is() {
    let built = graph(FLOAT);
    let read = graph(&text::print(&built));
    let nodes = |graph: &Graph| {
        let describe = |id| {
            let node = &graph[id];
            let params: Vec<_> = node.op.params().into_iter().map(|(role, p)| (role, graph.param(p).clone())).collect();
            (params, graph.operands(id), node.ty.clone(), node.origin.clone())
        };
        graph.topological().into_iter().map(describe).collect::<Vec<_>>()
    };
    assert_eq!(nodes(&built), nodes(&read));
    assert_eq!(built.output(), read.output());
}

#[test]
fn the_example_of_the_documentation() {
    let text = r#"
; passes = "fold-batch-norm"
graph @conv_bn imported {
  %0 = input : f32[1x1x4x4] "x"
  %1 = conv2d %0, @w, @b {pads=1} : f32[1x2x4x4] "/conv" ; a comment
  %2 = batch_norm %1, @scale, @shift, @mean, @var {epsilon=0.001} : f32[1x2x4x4] "/bn"
  output %2 "y" {head=log_softmax}

  @w : f32[2x1x3x3] = noise(7, 0.5) source
  @b : f32[2] = [
    1,
    2
  ] source
  @mean : f32[2] = ramp(1, 0.5) source
  @scale : f32[2] = splat(1) source
  @shift : f32[2] = splat(0) source
  @var : f32[2] = splat(1) source
}
"#;
    let graph = graph(text);
    assert_eq!(graph.output().unwrap().head, Head::LogSoftmax);
    assert_eq!(graph.phase, Phase::Imported);
    let values = |name: &str| graph.params().find(|(_, p)| p.name == name).unwrap().1.tensor.data.clone();
    assert_eq!(values("b"), [1.0, 2.0]);
    assert_eq!(values("mean"), [1.0, 1.5]);
    assert_eq!(values("w"), text::noise(18, 7, 0.5));
    let printed = text::print(&graph);
    assert!(printed.contains("  @w : f32[2x1x3x3] = dense("), "{printed}");
}

#[test]
fn noise_is_uniform_and_fixed() {
    let noise = text::noise(10_000, 1, 2.0);
    assert_eq!(noise, text::noise(10_000, 1, 2.0));
    assert_ne!(noise, text::noise(10_000, 2, 2.0));
    assert!(noise.iter().all(|v| (-2.0..2.0).contains(v)));
    let mean = noise.iter().sum::<f32>() / 10_000.0;
    let variance = noise.iter().map(|v| v * v).sum::<f32>() / 10_000.0;
    assert!(mean.abs() < 0.05 && (variance - 4.0 / 3.0).abs() < 0.05, "{mean} {variance}");
    // Written down, so that golden files keep their meaning: splitmix64 of seed 0 starts with e220a8397b1dcdaf.
    assert_eq!(text::noise(1, 0, 1.0), [((0xe220a8397b1dcdaf_u64 >> 40) as i32 - (1 << 23)) as f32 / (1 << 23) as f32]);
}

fn with_param(dims: &[usize], data: Vec<f32>) -> Graph {
    let mut graph = Graph::new("g", Phase::Imported);
    graph.add_param("p", Tensor::new(dims, data), Provenance::Source);
    graph
}

fn printed_value(data: Vec<f32>) -> String {
    let text = text::print(&with_param(&[data.len()], data));
    let line = text.lines().nth(1).unwrap();
    line.split_once(" = ").unwrap().1.trim_end_matches(" source").to_owned()
}

#[test]
fn values_print_by_size() {
    assert_eq!(printed_value(vec![1.0; 100]), "splat(1)");
    assert_eq!(printed_value(vec![]), "[]");
    assert_eq!(printed_value(vec![0.0, -0.0]), "[0, -0]");
    assert_eq!(printed_value((0..16).map(|i| i as f32).collect()), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]");
    // The hash was computed with an independent implementation of FNV-1a.
    assert_eq!(printed_value((0..17).map(|i| i as f32).collect()), "dense(b2fbe31f116c14fb, min=0, max=16, mean=8)");
}

#[test]
fn every_float_reads_back_bit_for_bit() {
    let mut random = support::Random(3);
    let special =
        [0.0, -0.0, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1e-45, f32::INFINITY, f32::NEG_INFINITY, 1e16, 1e-5, 0.1, f32::EPSILON];
    let random = (0..2000).map(|_| f32::from_bits(random.next() as u32)).filter(|v| !v.is_nan());
    for value in special.into_iter().chain(random) {
        let read = graph(&text::print(&with_param(&[1], vec![value])));
        assert_eq!(read.params().next().unwrap().1.tensor.data[0].to_bits(), value.to_bits(), "{value:e}");
    }
    assert_eq!(printed_value(vec![f32::NAN]), "splat(NaN)");
}

#[test]
fn names_with_anything_in_them_read_back() {
    for name in ["onnx::Conv_12", "", "a b", "ümlaut", "a\"b\\c", "tab\tnewline\nreturn\r", "\u{0}\u{85}\u{2028}", "-1", "w.1", "%0"] {
        let mut graph = Graph::new(name, Phase::Canonical);
        let x = graph.add_input(TensorType::f32([1, 2]), Origin(vec![name.to_owned(), "other".to_owned()]));
        let factor = graph.add_param(name, Tensor::splat([2], 1.0), Provenance::Fixed);
        let y = graph.add_node(Operator::Scale { factor }, &[x], Origin::default()).unwrap();
        graph.set_output(y, name, Head::Relu);
        let text = text::print(&graph);
        let read = support::graph(&text);
        assert_eq!(read.name, name);
        assert_eq!(read[read.input().unwrap()].origin, graph[x].origin);
        assert_eq!(read.param(read.params().next().unwrap().0).name, name);
        assert_eq!(read.output().unwrap().name, name);
        assert_eq!(text::print(&read), text);
    }
}

#[test]
fn numbers_follow_the_topological_order_whatever_the_ids() {
    let mut graph = graph(FLOAT);
    // The new node has the highest id and stands first behind the input.
    let input = graph.input().unwrap();
    graph.insert_after(input, Operator::Relu, Origin::one("new")).unwrap();
    let text = text::print(&graph);
    assert!(text.contains("  %1 = relu %0 : f32[1x4x6x6] \"new\"\n"), "{text}");
    assert_eq!(text::print(&support::graph(&text)), text);
}

#[test]
fn broken_graphs_print_too() {
    let mut graph = Graph::new("broken", Phase::Imported);
    let x = graph.add_input(TensorType::f32([1, 2]), Origin::one("x"));
    let a = graph.add_node(Operator::Relu, &[x], Origin::one("a")).unwrap();
    let b = graph.add_node(Operator::Relu, &[a], Origin::one("b")).unwrap();
    let gone = graph.add_node(Operator::Relu, &[b], Origin::one("gone")).unwrap();
    graph.set_operand(a, 0, b);
    graph.bypass(gone);
    graph.set_output(gone, "y", Head::None);
    let text = text::print(&graph);
    assert!(text.contains("%1 = relu %2") && text.contains("%2 = relu %1") && text.contains("output %missing \"y\""), "{text}");
    assert!(text::parse(&text).is_err());
}
