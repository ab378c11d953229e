//! The radix code: digits against counts in closed form.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{
    Graph, Operator, Tensor,
    eval::{self, EvalError, Mode},
};
use support::{Random, graph, run};

/// `⌊v / θ⌋` between 0 and the largest count.
fn count(v: i64, theta: i64, levels: i64) -> i64 {
    v.div_euclid(theta).clamp(0, levels)
}

/// One neuron over a current.
fn neuron(theta: i64, initial: i64, digits: u32, levels: i64) -> Graph {
    let text = "graph @g whole {\n  %0 = input : f32[1x1] \"x\"\n  %1 = radix_neuron %0, @theta, @v0 {digits=D, levels=L} : spike[1x1]\n  output %1 \"y\"\n  \
                @theta : f32[1x1] = splat(THETA) fixed\n  @v0 : f32[1x1] = splat(V0) fixed\n}\n";
    let text = text.replace("THETA", &theta.to_string()).replace("V0", &initial.to_string());
    graph(&text.replace("D,", &format!("{digits},")).replace('L', &levels.to_string()))
}

#[test]
fn digits_are_the_count_in_closed_form() {
    let mut random = Random(14);
    for _ in 0..500 {
        let digits = 1 + random.below(10) as u32;
        let levels = 1 + random.below((1 << digits) - 1) as i64;
        let (theta, initial) = (1 + random.below(50) as i64, random.below(60) as i64 - 20);
        let graph = neuron(theta, initial, digits, levels);
        for _ in 0..20 {
            let reach = (theta << digits) as usize;
            let x = random.below(3 * reach) as i64 - reach as i64;
            let y = run(&graph, [1, 1], &[x as f32], Mode::Radix).data[0];
            assert_eq!(y as i64, count(x + initial, theta, levels), "{x} + {initial} over {theta}, at most {levels} in {digits} digits");
        }
    }
}

/// Every operator of whole numbers: what digits say is what one pass over counts says.
#[test]
fn windows_compute_what_one_pass_over_counts_does() {
    let graph = graph(support::RADIX);
    let mut random = Random(3);
    for _ in 0..20 {
        let x: Vec<f32> = (0..16).map(|_| random.below(256) as f32).collect();
        let nodes = eval::run_all(&graph, &Tensor::new([1, 1, 4, 4], x), Mode::Radix).unwrap();
        for id in graph.topological() {
            let operands = graph.operands(id);
            let Some(&operand) = operands.first() else { continue };
            let (x, y) = (&nodes[&operand], &nodes[&id]);
            match &graph[id].op {
                Operator::RadixNeuron { threshold, initial, levels, .. } => {
                    let of = |param, entry: usize| graph.param(param).tensor.data[entry / 16] as i64;
                    for (entry, (x, y)) in x.data.iter().zip(&y.data).enumerate() {
                        assert_eq!(*y as i64, count(*x as i64 + of(*initial, entry), of(*threshold, entry), i64::from(*levels)));
                    }
                }
                // The other operators mean the same in a float network: each alone, on what its operands said.
                op => assert_eq!(*y, alone(&graph, id, &operands, &nodes), "{}", op.name()),
            }
        }
        assert!(nodes.values().flat_map(|t| &t.data).any(|&v| v > 0.0));
    }
}

/// One node on the values of its operands.
fn alone(
    graph: &Graph,
    id: snnc_ir::NodeId,
    operands: &[snnc_ir::NodeId],
    nodes: &std::collections::BTreeMap<snnc_ir::NodeId, Tensor>,
) -> Tensor {
    // The first is the input; in the place of each other, a shift by what it said.
    let (first, others) = operands.split_first().unwrap();
    let mut single = Graph::new("alone", snnc_ir::Phase::Imported);
    let input = single.add_input(snnc_ir::TensorType::f32(graph[*first].ty.dims.clone()), snnc_ir::Origin::default());
    let zero = single.add_param("zero", Tensor::splat([1; 0], 0.0), snnc_ir::Provenance::Fixed);
    let mut all = vec![input];
    for (k, other) in others.iter().enumerate() {
        let nothing = single.add_node(Operator::Scale { factor: zero }, &[input], snnc_ir::Origin::default()).unwrap();
        let offset = single.add_param(format!("said{k}"), nodes[other].clone(), snnc_ir::Provenance::Fixed);
        all.push(single.add_node(Operator::Shift { offset }, &[nothing], snnc_ir::Origin::default()).unwrap());
    }
    let mut op = match graph[id].op.clone() {
        Operator::DigitMaxPool2d { window } => Operator::MaxPool2d { window },
        op => op,
    };
    for (role, param) in op.params_mut() {
        *param = single.add_param(role, graph.param(*param).tensor.clone(), snnc_ir::Provenance::Fixed);
    }
    let node = single.add_node(op, &all, snnc_ir::Origin::default()).unwrap();
    single.set_output(node, "y", snnc_ir::Head::None);
    eval::run(&single, &nodes[first], Mode::Float).unwrap()
}

/// Streams of 2 and of 4 digits meet at their last digit, and constants come in once.
#[test]
fn streams_of_different_length_meet_at_their_last_digit() {
    let text = r#"graph @g whole {
  %0 = input : spike[1x1] "x"
  %1 = radix_neuron %0, @one, @zero {digits=2} : spike[1x1]
  %2 = radix_neuron %0, @one, @zero {digits=4} : spike[1x1]
  %3 = shift %1, @five : f32[1x1]
  %4 = add %3, %2 : f32[1x1]
  %5 = radix_neuron %4, @two, @one {digits=5} : spike[1x1]
  output %5 "y"
  @five : f32[1x1] = splat(5) fixed
  @one : f32[1x1] = splat(1) fixed
  @two : f32[1x1] = splat(2) fixed
  @zero : f32[1x1] = splat(0) fixed
}
"#;
    let graph = graph(text);
    for x in 0..20 {
        let expected = (x.min(3) + 5 + x.min(15) + 1) / 2;
        assert_eq!(run(&graph, [1, 1], &[x as f32], Mode::Radix).data, [expected as f32], "{x}");
    }
}

/// In a graph with real numbers the image is no stream: it comes in at once.
#[test]
fn real_numbers_are_divided_by_real_thresholds() {
    let text = r#"graph @g calibrated {
  %0 = input : f32[1x2] "x"
  %1 = radix_neuron %0, @theta, @start {digits=3} : spike[1x2]
  %2 = scale %1, @theta : f32[1x2]
  output %2 "y"
  @start : f32[1x2] = [0.125, 0.05] fixed
  @theta : f32[1x2] = [0.25, 0.1] fixed
}
"#;
    let graph = graph(text);
    assert_eq!(run(&graph, [1, 2], &[0.4, 0.34], Mode::Radix).data, [0.5, 0.3]);
    assert_eq!(run(&graph, [1, 2], &[-1.0, 9.0], Mode::Radix).data, [0.0, 0.7]);
    // The twin without digits.
    assert_eq!(run(&graph, [1, 2], &[0.4, -1.0], Mode::Float).data, [0.4, 0.0]);
}

#[test]
fn a_code_has_no_meaning_in_the_other() {
    let radix = graph(support::RADIX);
    let rate = graph(support::SPIKING);
    let refused = |graph: &Graph, mode| eval::run(graph, &Tensor::splat([1, 1, 4, 4], 1.0), mode);
    assert!(matches!(refused(&radix, Mode::Spiking { timesteps: 4 }), Err(EvalError::NotSpiking { op: "radix_neuron", .. })));
    assert!(matches!(refused(&rate, Mode::Radix), Err(EvalError::NotSpiking { op: "if_neuron", .. })));
}

/// `v ← ⌊λ·v⌋ + x` in whole numbers: 0.75 of 3 is 2.
#[test]
fn what_is_left_of_a_whole_potential_is_rounded_down() {
    let text = |phase: &str| {
        format!(
            "graph @g {phase} {{\n  %0 = input : f32[1x1] \"x\"\n  %1 = lif_neuron %0, @theta, @v0, @leak : spike[1x1]\n  output %1 \"y\"\n  \
             @leak : f32[1x1] = splat(0.75) fixed\n  @theta : f32[1x1] = splat(5) fixed\n  @v0 : f32[1x1] = splat(0) fixed\n}}\n"
        )
    };
    let fires = |phase: &str, x: f32, timesteps| run(&graph(&text(phase)), [1, 1], &[x], Mode::Spiking { timesteps }).data[0] > 0.0;
    // With fractions 2, 3.5, 4.625, 5.46: the fourth step. In whole numbers 2, 3, 4, 5: the same. A current of 1 stays at 1 there.
    for phase in ["calibrated", "whole"] {
        assert!(!fires(phase, 2.0, 3) && fires(phase, 2.0, 4), "{phase}");
    }
    // With fractions towards 4 · 1.3 = 5.2; in whole numbers 1, 1, 1: there is no such current.
    assert!(fires("calibrated", 1.3, 40) && !fires("whole", 1.0, 40));
}
