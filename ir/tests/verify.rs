//! For every invariant of the verifier, a graph that breaks it. Those that no public edit can break are tested beside it.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{Graph, Head, NodeId, Operator, Origin, ParamId, Phase, Provenance, Tensor, TensorType, verify};
use support::graph;

/// `x → scale → relu → y`.
struct Small {
    graph: Graph,
    x: NodeId,
    scale: NodeId,
    relu: NodeId,
    factor: ParamId,
}

fn small() -> Small {
    let mut graph = Graph::new("small", Phase::Imported);
    let x = graph.add_input(TensorType::f32([1, 2]), Origin::one("x"));
    let factor = graph.add_param("f", Tensor::splat([2], 2.0), Provenance::Source);
    let scale = graph.add_node(Operator::Scale { factor }, &[x], Origin::one("/mul")).unwrap();
    let relu = graph.add_node(Operator::Relu, &[scale], Origin::one("/relu")).unwrap();
    graph.set_output(relu, "y", Head::None);
    verify(&graph).unwrap();
    Small { graph, x, scale, relu, factor }
}

#[track_caller]
fn broken(graph: &Graph, expected: &[&str]) {
    let violations = verify(graph).map(|_| ()).expect_err("the graph is broken");
    let messages: Vec<String> = violations.0.iter().map(ToString::to_string).collect();
    assert_eq!(messages, expected);
    assert_eq!(violations.to_string(), expected.join("\n"));
}

// ---- structure ----

#[test]
fn no_input_and_no_output() {
    broken(&Graph::new("empty", Phase::Imported), &["a graph has one input, not 0", "the graph has no output"]);
}

#[test]
fn two_inputs() {
    let mut s = small();
    s.graph.add_input(TensorType::f32([1, 2]), Origin::one("x2"));
    broken(&s.graph, &["a graph has one input, not 2"]);
}

#[test]
fn operand_slots_with_a_gap() {
    let mut s = small();
    s.graph.set_operand(s.relu, 2, s.x);
    broken(&s.graph, &["node 2 \"/relu\": operand slots are [0, 2]"]);
}

#[test]
fn a_cycle() {
    let mut s = small();
    let after = s.graph.insert_after(s.relu, Operator::Relu, Origin::one("/after")).unwrap();
    s.graph.set_operand(s.scale, 0, s.relu);
    broken(
        &s.graph,
        &[
            "node 1 \"/mul\": the node lies on a cycle or behind one",
            "node 2 \"/relu\": the node lies on a cycle or behind one",
            &format!("node {} \"/after\": the node lies on a cycle or behind one", after.number()),
            "the output does not depend on the input",
        ],
    );
}

#[test]
fn an_output_whose_node_is_gone() {
    let mut s = small();
    s.graph.bypass(s.relu);
    verify(&s.graph).unwrap();
    s.graph.set_output(s.relu, "y", Head::None);
    broken(&s.graph, &["the output is made by a node that is gone"]);
}

// ---- parameters ----

#[test]
fn parameters_of_wrong_size_and_value() {
    let mut s = small();
    s.graph.set_param(s.factor, Tensor { dims: vec![2], data: vec![1.0, f32::NAN, 1.0] }, Provenance::Source);
    broken(&s.graph, &["parameter `f` does not have as many entries as its shape says", "parameter `f` has entries that are not finite"]);
    s.graph.set_param(s.factor, Tensor::splat([2], f32::INFINITY), Provenance::Source);
    broken(&s.graph, &["parameter `f` has entries that are not finite"]);
}

#[test]
fn thresholds_and_leaks_out_of_range() {
    for (theta, leak, expected) in [
        ("0", "1", vec!["node 1 \"n\": a threshold is not positive"]),
        ("-1", "0.5", vec!["node 1 \"n\": a threshold is not positive"]),
        ("1", "0", vec!["node 1 \"n\": a leak lies outside (0, 1]"]),
        ("0", "1.5", vec!["node 1 \"n\": a threshold is not positive", "node 1 \"n\": a leak lies outside (0, 1]"]),
    ] {
        let graph = graph(&format!(
            "graph @g spiking {{\n %0 = input : f32[1x2]\n %1 = lif_neuron %0, @t, @v, @l : spike[1x2] \"n\"\n output %1 \"y\"\n \
             @t : f32[2] = [1, {theta}] fixed\n @v : f32[] = splat(-1) fixed\n @l : f32[2] = [1, {leak}] fixed\n}}"
        ));
        broken(&graph, &expected);
    }
}

// ---- types ----

#[test]
fn an_input_without_a_batch_of_one() {
    for (dims, shown) in [(vec![2, 3], "f32[2x3]"), (vec![1, 0], "f32[1x0]"), (vec![], "f32[]")] {
        let mut graph = Graph::new("g", Phase::Imported);
        let x = graph.add_input(TensorType::f32(dims), Origin::one("x"));
        graph.set_output(x, "y", Head::None);
        broken(&graph, &[&format!("node 0 \"x\": the input {shown} does not start with a batch of 1, or is empty")]);
    }
}

#[test]
fn types_that_are_not_up_to_date() {
    let mut s = small();
    s.graph.set_input_type(s.x, TensorType::f32([1, 3, 2]));
    // Every node is held against its operands as they claim to be: only the first is wrong so far.
    broken(&s.graph, &["node 1 \"/mul\": the type is f32[1x2] and should be f32[1x3x2]"]);
    s.graph.refresh_types().unwrap();
    verify(&s.graph).unwrap();
}

#[test]
fn parameters_that_no_longer_fit() {
    let mut s = small();
    s.graph.set_param(s.factor, Tensor::splat([5], 1.0), Provenance::Source);
    broken(&s.graph, &["node 1 \"/mul\": a parameter of shape [5] does not broadcast over f32[1x2]"]);
    assert!(s.graph.refresh_types().is_err());
}

#[test]
fn operands_of_wrong_number() {
    let mut s = small();
    s.graph.set_operand(s.relu, 1, s.x);
    broken(&s.graph, &["node 2 \"/relu\": `relu` wants one operand, not 2"]);
}

// ---- phase ----

#[test]
fn operators_that_the_phase_does_not_admit() {
    let mut s = small();
    s.graph.insert_after(s.relu, Operator::Softmax { axis: 1 }, Origin::one("/softmax")).unwrap();
    verify(&s.graph).unwrap();
    Phase::Canonical.enter(&mut s.graph);
    broken(&s.graph, &["node 3 \"/softmax\": `softmax` has no place in a graph that is canonical"]);
    Phase::Spiking.enter(&mut s.graph);
    broken(
        &s.graph,
        &[
            "node 2 \"/relu\": `relu` has no place in a graph that is spiking",
            "node 3 \"/softmax\": `softmax` has no place in a graph that is spiking",
        ],
    );
}

#[test]
fn provenances_that_a_trained_graph_does_not_admit() {
    let mut s = small();
    s.graph.bypass(s.relu);
    Phase::Calibrated.enter(&mut s.graph);
    verify(&s.graph).unwrap();
    Phase::Trained.enter(&mut s.graph);
    broken(&s.graph, &["parameter `f` is source in a graph that is trained"]);
    for (provenance, admitted) in [(Provenance::Derived, false), (Provenance::Trained, true), (Provenance::Fixed, true)] {
        s.graph.set_param(s.factor, Tensor::splat([2], 1.0), provenance);
        assert_eq!(verify(&s.graph).is_ok(), admitted, "{provenance}");
    }
}

#[test]
fn every_phase_admits_its_own_operators() {
    let admitted = |written: &str, phase: Phase| {
        let graph = graph(written);
        let names = graph.node_ids().into_iter().filter(|&id| phase.admits(&graph[id].op)).map(|id| graph[id].op.name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    for phase in Phase::ALL {
        let float = admitted(support::FLOAT, phase);
        let spiking = admitted(support::SPIKING, phase);
        let radix = admitted(support::RADIX, phase);
        let has = |name| float.contains(name) || spiking.contains(name) || radix.contains(name);
        for name in ["batch_norm", "floor", "round", "leaky_relu", "prelu", "softmax", "log_softmax", "sigmoid"] {
            assert_eq!(has(name), phase == Phase::Imported, "{name} {phase}");
        }
        for name in ["relu", "clip", "clip_floor_shift", "max_pool2d"] {
            assert_eq!(has(name), phase <= Phase::Canonical, "{name} {phase}");
        }
        for name in ["average_pool2d", "mean"] {
            assert_eq!(has(name), phase != Phase::Whole, "{name} {phase}");
        }
        for name in ["if_neuron", "lif_neuron", "count_max_pool2d", "radix_neuron", "digit_max_pool2d", "sum_pool2d", "sum"] {
            assert_eq!(has(name), phase >= Phase::Spiking, "{name} {phase}");
        }
        for name in ["input", "conv2d", "linear", "scale", "shift", "add", "concat", "pad", "slice", "reshape", "transpose"] {
            assert!(has(name), "{name} {phase}");
        }
    }
    // What depends on the attributes.
    let clip = |min, max| Operator::Clip { min, max };
    let padded = |value| Operator::Pad { pads: vec![(0, 0), (1, 1)], value };
    for (op, canonical) in [
        (clip(0.0, 6.0), true),
        (clip(-1.0, f32::INFINITY), true),
        (clip(-1.0, 1.0), true),
        (clip(0.0, 0.0), false),
        (padded(0.0), true),
        (padded(1.0), false),
    ] {
        assert!(Phase::Imported.admits(&op));
        assert_eq!(Phase::Canonical.admits(&op), canonical, "{op:?}");
    }
}

#[test]
fn codes_do_not_mix() {
    let text = support::RADIX.replace("radix_neuron %1, @theta, @v0 {cap=6, digits=4}", "if_neuron %1, @theta, @v0 {cap=6}");
    broken(&graph(&text), &["operators of both codes meet in one graph"]);
}

#[test]
fn whole_graphs_have_whole_numbers_that_fit() {
    verify(&graph(support::RADIX)).unwrap();
    let of = |from: &str, to: &str, node: &str, role: &str| {
        let text = support::RADIX.replace(from, to);
        assert_ne!(text, support::RADIX);
        broken(&graph(&text), &[&format!("{node}: parameter `{role}` is not whole, or does not fit")]);
    };
    of("[1, -2, 3,", "[1, -2.5, 3,", "node 1 \"/conv\"", "weight");
    of("[1, -2, 3,", "[1, -32768, 3,", "node 1 \"/conv\"", "weight");
    of("[3, -40]", "[3, -40.5]", "node 1 \"/conv\"", "bias");
    of("[-7, 1]", "[-7, 2147483648]", "node 10 \"\"", "offset");
    // The same numbers are welcome before that phase.
    let text = support::RADIX.replace(" whole {", " calibrated {").replace("[3, -40]", "[3, -40.5]");
    verify(&graph(&text)).unwrap();
    let leaky = |leak: &str| {
        let text = "graph @g whole {\n  %0 = input : f32[1x1] \"x\"\n  %1 = lif_neuron %0, @theta, @v0, @leak : spike[1x1] \"/relu\"\n  output %1 \"y\"\n  \
                    @leak : f32[1x1] = splat(LEAK) fixed\n  @theta : f32[1x1] = splat(3) fixed\n  @v0 : f32[1x1] = splat(1) fixed\n}\n";
        graph(&text.replace("LEAK", leak))
    };
    verify(&leaky("0.5")).unwrap();
    broken(&leaky("0.9"), &["node 1 \"/relu\": parameter `leak` is not whole, or does not fit"]);
}

// ---- tiers ----

#[test]
fn a_tier_is_collected_whole_and_hides_the_later_ones() {
    let mut s = small();
    // Wrong in every tier: a dangling output, a value, a type, an operator.
    let gone = s.graph.insert_after(s.relu, Operator::Relu, Origin::default()).unwrap();
    s.graph.bypass(gone);
    s.graph.set_output(gone, "y", Head::None);
    s.graph.set_param(s.factor, Tensor::splat([5], f32::NAN), Provenance::Source);
    Phase::Spiking.enter(&mut s.graph);
    broken(&s.graph, &["the output is made by a node that is gone"]);
    s.graph.set_output(s.relu, "y", Head::None);
    broken(&s.graph, &["parameter `f` has entries that are not finite"]);
    s.graph.set_param(s.factor, Tensor::splat([5], 1.0), Provenance::Source);
    broken(&s.graph, &["node 1 \"/mul\": a parameter of shape [5] does not broadcast over f32[1x2]"]);
    s.graph.set_param(s.factor, Tensor::splat([2], 1.0), Provenance::Source);
    broken(&s.graph, &["node 2 \"/relu\": `relu` has no place in a graph that is spiking"]);
}

#[test]
fn the_token_gives_the_graph_back() {
    let s = small();
    assert_eq!(verify(&s.graph).unwrap().graph().name, "small");
}
