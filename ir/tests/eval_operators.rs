//! The evaluator against values computed by hand, operator by operator.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{
    Head, Tensor,
    eval::{self, EvalError, Mode},
    text,
};
use support::{graph, run};

/// The result of one line `op`, whose operand is `%0` of shape `input`, with the given parameter lines.
#[track_caller]
fn one(input: &str, x: &[f32], op: &str, params: &[&str]) -> Vec<f32> {
    let params: String = params.iter().map(|param| format!("  {param} source\n")).collect();
    let text = format!("graph @g imported {{\n  %0 = input : f32[{input}]\n  %1 = {op}\n  output %1 \"y\"\n{params}}}\n");
    let graph = text::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let dims: Vec<usize> = input.split('x').map(|d| d.parse().unwrap()).collect();
    run(&graph, dims, x, Mode::Float).data
}

fn counting(len: usize) -> Vec<f32> {
    (1..=len).map(|i| i as f32).collect()
}

#[test]
fn conv2d() {
    let x = counting(9);
    let params = &["@w : f32[1x1x2x2] = [1, 10, 100, 1000] ", "@b : f32[1] = [0.5]"];
    assert_eq!(one("1x1x3x3", &x, "conv2d %0, @w, @b : f32[1x1x2x2]", params), [5421.5, 6532.5, 8754.5, 9865.5]);
    // Padding at the top and at the right: the first windows see only the kernel's second row, the last only its first column.
    let y = one("1x1x3x3", &x, "conv2d %0, @w {pads=[1, 0, 0, 1], stride=[2, 1]} : f32[1x1x2x3]", &params[..1]);
    assert_eq!(y, [2100.0, 3200.0, 300.0, 8754.0, 9865.0, 906.0]);
    // Taps two apart: the four corners.
    assert_eq!(one("1x1x3x3", &x, "conv2d %0, @w {dilation=2} : f32[1x1x1x1]", &params[..1]), [1.0 + 30.0 + 700.0 + 9000.0]);
    // Two groups of two channels: outputs 0, 1 see channels 0, 1; outputs 2, 3 see channels 2, 3.
    let grouped = one(
        "1x4x1x1",
        &[1.0, 2.0, 3.0, 4.0],
        "conv2d %0, @w {groups=2} : f32[1x4x1x1]",
        &["@w : f32[4x2x1x1] = [1, 10, 2, 20, 3, 30, 4, 40]"],
    );
    assert_eq!(grouped, [21.0, 42.0, 129.0, 172.0]);
    // Over two channels ungrouped: the sum of both.
    assert_eq!(one("1x2x1x1", &[1.0, 2.0], "conv2d %0, @w : f32[1x1x1x1]", &["@w : f32[1x2x1x1] = [3, 4]"]), [11.0]);
}

#[test]
fn linear() {
    let params = &["@w : f32[2x3] = [1, 2, 3, 4, 5, 6]", "@b : f32[2] = [0.5, -0.5]"];
    assert_eq!(one("1x3", &[1.0, 0.0, -1.0], "linear %0, @w, @b : f32[1x2]", params), [-1.5, -2.5]);
    assert_eq!(one("1x3", &[1.0, 0.0, -1.0], "linear %0, @w : f32[1x2]", &params[..1]), [-2.0, -2.0]);
}

#[test]
fn scale_and_shift_broadcast() {
    let x = counting(4);
    assert_eq!(one("1x2x2x1", &x, "scale %0, @p : f32[1x2x2x1]", &["@p : f32[1x2x1x1] = [10, 100]"]), [10.0, 20.0, 300.0, 400.0]);
    assert_eq!(one("1x2x2x1", &x, "shift %0, @p : f32[1x2x2x1]", &["@p : f32[2x1] = [10, 100]"]), [11.0, 102.0, 13.0, 104.0]);
    assert_eq!(one("1x2x2x1", &x, "shift %0, @p : f32[1x2x2x1]", &["@p : f32[] = splat(-1)"]), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn add_concat_and_reshape() {
    assert_eq!(one("1x2", &[1.0, 2.0], "add %0, %0, %0 : f32[1x2]", &[]), [3.0, 6.0]);
    let x = counting(4);
    assert_eq!(one("1x2x2", &x, "concat %0, %0 {axis=1} : f32[1x4x2]", &[]), [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(one("1x2x2", &x, "concat %0, %0 {axis=2} : f32[1x2x4]", &[]), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
    assert_eq!(one("1x2x2", &x, "reshape %0 : f32[1x4x1]", &[]), x);
}

#[test]
fn average_pool() {
    let x = counting(9);
    assert_eq!(one("1x1x3x3", &x, "average_pool2d %0 {kernel=2} : f32[1x1x2x2]", &[]), [3.0, 4.0, 6.0, 7.0]);
    assert_eq!(one("1x1x3x3", &x, "average_pool2d %0 {kernel=2, pads=1, stride=2} : f32[1x1x2x2]", &[]), [1.0, 2.5, 5.5, 7.0]);
    assert_eq!(
        one("1x1x3x3", &x, "average_pool2d %0 {count_include_pad=true, kernel=2, pads=1, stride=2} : f32[1x1x2x2]", &[]),
        [0.25, 1.25, 2.75, 7.0]
    );
    // What overhangs divides by what is there, padding counted or not.
    for include in ["", "count_include_pad=true, "] {
        let op = format!("average_pool2d %0 {{{include}ceil=true, kernel=2, stride=2}} : f32[1x1x2x2]");
        assert_eq!(one("1x1x3x3", &x, &op, &[]), [3.0, 4.5, 7.5, 9.0]);
    }
}

#[test]
fn max_pool() {
    let x = counting(9);
    assert_eq!(one("1x1x3x3", &x, "max_pool2d %0 {kernel=2} : f32[1x1x2x2]", &[]), [5.0, 6.0, 8.0, 9.0]);
    let negative: Vec<f32> = x.iter().map(|v| -v).collect();
    // Zeros of the padding would win.
    assert_eq!(one("1x1x3x3", &negative, "max_pool2d %0 {kernel=3, pads=1, stride=2} : f32[1x1x2x2]", &[]), [-1.0, -2.0, -4.0, -5.0]);
    assert_eq!(one("1x1x3x3", &x, "max_pool2d %0 {ceil=true, kernel=2, stride=2} : f32[1x1x2x2]", &[]), [5.0, 6.0, 8.0, 9.0]);
    assert_eq!(one("1x1x3x3", &x, "count_max_pool2d %0 {kernel=[1, 3]} : f32[1x1x3x1]", &[]), [3.0, 6.0, 9.0]);
}

#[test]
fn mean() {
    let x = counting(8);
    assert_eq!(one("1x2x2x2", &x, "mean %0 {axes=[2, 3]} : f32[1x2x1x1]", &[]), [2.5, 6.5]);
    assert_eq!(one("1x2x2x2", &x, "mean %0 {axes=[1]} : f32[1x1x2x2]", &[]), [3.0, 4.0, 5.0, 6.0]);
    assert_eq!(one("1x2x2x2", &x, "mean %0 {axes=[]} : f32[1x2x2x2]", &[]), x);
}

#[test]
fn pad_slice_and_transpose() {
    let x = counting(4);
    assert_eq!(one("1x2x2", &x, "pad %0 {pads=[0:0, 1:0, 0:1], value=9} : f32[1x3x3]", &[]), [9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 3.0, 4.0, 9.0]);
    assert_eq!(one("1x6", &counting(6), "slice %0 {ranges=[0:1:1, 1:2:3]} : f32[1x3]", &[]), [2.0, 4.0, 6.0]);
    assert_eq!(one("1x6", &counting(6), "slice %0 {ranges=[0:1:1, 5:-2:3]} : f32[1x3]", &[]), [6.0, 4.0, 2.0]);
    assert_eq!(one("1x2x3", &counting(6), "slice %0 {ranges=[0:1:1, 1:1:1, 0:2:2]} : f32[1x1x2]", &[]), [4.0, 6.0]);
    assert_eq!(one("1x2x3", &counting(6), "transpose %0 {permutation=[0, 2, 1]} : f32[1x3x2]", &[]), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    // A permutation that is not its own inverse: channels first to channels last.
    let y = one("1x2x1x3", &counting(6), "transpose %0 {permutation=[0, 2, 3, 1]} : f32[1x1x3x2]", &[]);
    assert_eq!(y, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
}

#[test]
fn batch_norm() {
    let params = &[
        "@g : f32[2] = [2, 3]", //
        "@s : f32[2] = [0.5, -0.5]",
        "@m : f32[2] = [1, 2]",
        "@v : f32[2] = [3, 8]",
    ];
    let y = one("1x2x1x2", &counting(4), "batch_norm %0, @g, @s, @m, @v {epsilon=1} : f32[1x2x1x2]", params);
    assert_eq!(y, [0.5, 1.5, 0.5, 1.5]);
}

#[test]
fn rectifiers() {
    let x = [-2.0, -0.5, 0.0, 0.5, 7.0];
    assert_eq!(one("1x5", &x, "relu %0 : f32[1x5]", &[]), [0.0, 0.0, 0.0, 0.5, 7.0]);
    assert_eq!(one("1x5", &x, "clip %0 {max=6, min=0} : f32[1x5]", &[]), [0.0, 0.0, 0.0, 0.5, 6.0]);
    assert_eq!(one("1x5", &x, "clip %0 {min=-1} : f32[1x5]", &[]), [-1.0, -0.5, 0.0, 0.5, 7.0]);
    assert_eq!(one("1x5", &x, "clip %0 : f32[1x5]", &[]), x);
    assert_eq!(one("1x5", &x, "leaky_relu %0 {slope=0.5} : f32[1x5]", &[]), [-1.0, -0.25, 0.0, 0.5, 7.0]);
    assert_eq!(one("1x2x1", &[-1.0, -1.0], "prelu %0, @s : f32[1x2x1]", &["@s : f32[2x1] = [0.5, -3]"]), [-0.5, 3.0]);
}

#[test]
fn softmax_along_any_axis() {
    let quarter = 0.25_f32.ln();
    let x = [0.0, 3.0_f32.ln(), 1000.0, 1000.0 + 3.0_f32.ln()];
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close(&one("1x2x2", &x, "softmax %0 {axis=2} : f32[1x2x2]", &[]), &[0.25, 0.75, 0.25, 0.75]));
    let log = one("1x2x2", &x, "log_softmax %0 {axis=2} : f32[1x2x2]", &[]);
    assert!(close(&log, &[quarter, 0.75_f32.ln(), quarter, 0.75_f32.ln()]), "{log:?}");
    assert_eq!(one("1x2x2", &x, "softmax %0 {axis=1} : f32[1x2x2]", &[]), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn sigmoid_of_each_entry() {
    let y = one("1x5", &[-1000.0, -3.0_f32.ln(), 0.0, 3.0_f32.ln(), 1000.0], "sigmoid %0 : f32[1x5]", &[]);
    assert!(y.iter().zip([0.0, 0.25, 0.5, 0.75, 1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{y:?}");
}

#[test]
fn neurons_as_rate_twin() {
    let x = [-2.0, 1.0, 3.0];
    let params = &["@t : f32[] = splat(2)", "@v : f32[] = splat(1)", "@l : f32[] = splat(0.5)"];
    assert_eq!(one("1x3", &x, "if_neuron %0, @t, @v : spike[1x3]", &params[..2]), [0.0, 0.5, 1.5]);
    assert_eq!(one("1x3", &x, "lif_neuron %0, @t, @v, @l {cap=2, reset=hard} : spike[1x3]", params), [0.0, 0.5, 1.0]);
}

#[test]
fn steps() {
    let x = [-1.5, -0.5, 0.5, 1.5, 2.5, 0.49];
    assert_eq!(one("1x6", &x, "floor %0 : f32[1x6]", &[]), [-2.0, -1.0, 0.0, 1.0, 2.0, 0.0]);
    assert_eq!(one("1x6", &x, "round %0 : f32[1x6]", &[]), [-2.0, 0.0, 0.0, 2.0, 2.0, 0.0]);
    assert_eq!(one("1x6", &x, "clip_floor_shift %0 {levels=2, max=2} : f32[1x6]", &[]), [0.0, 0.0, 1.0, 2.0, 2.0, 0.0]);
    // What a neuron with that threshold makes of a constant current in as many steps, and its rate twin.
    let text = "graph @g spiking {\n  %0 = input : f32[1x6] \"x\"\n  %1 = if_neuron %0, @t, @v {cap=2, levels=2} : spike[1x6]\n  \
                output %1 \"y\"\n  @t : f32[] = splat(2) fixed\n  @v : f32[] = splat(1) fixed\n}\n";
    let neuron = support::graph(text);
    let spiking = eval::run(&neuron, &Tensor::new([1, 6], x.to_vec()), Mode::Spiking { timesteps: 2 }).unwrap();
    let twin = eval::run(&neuron, &Tensor::new([1, 6], x.to_vec()), Mode::Float).unwrap();
    assert_eq!(spiking.data, [0.0, 0.0, 0.5, 1.0, 1.0, 0.0]);
    assert_eq!(twin, spiking);
}

#[test]
fn heads() {
    let logits = Tensor::new([2, 2], vec![0.0, 3.0_f32.ln(), -1.0, -1.0]);
    assert_eq!(eval::apply_head(Head::None, &logits), logits);
    assert_eq!(eval::apply_head(Head::Relu, &logits).data, [0.0, 3.0_f32.ln(), 0.0, 0.0]);
    let softmax = eval::apply_head(Head::Softmax, &logits);
    let expected = [0.25, 0.75, 0.5, 0.5];
    assert!(softmax.dims == [2, 2] && softmax.data.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{softmax:?}");
    let log = eval::apply_head(Head::LogSoftmax, &logits);
    assert!(log.data.iter().zip(expected).all(|(a, b)| (a.exp() - b).abs() < 1e-6), "{log:?}");
    let sigmoid = eval::apply_head(Head::Sigmoid, &logits);
    assert!(sigmoid.data[..2].iter().zip([0.5, 0.75]).all(|(a, b)| (a - b).abs() < 1e-6), "{sigmoid:?}");
}

#[test]
fn every_image_of_a_batch_is_computed_alone() {
    let graph = graph(support::FLOAT);
    let ty = graph[graph.input().unwrap()].ty.clone();
    let batch = text::noise(3 * ty.len(), 1, 1.0);
    let all = run(&graph, [3, 4, 6, 6], &batch, Mode::Float);
    assert_eq!(all.dims, [3, 3]);
    for (image, result) in batch.chunks(ty.len()).zip(all.data.chunks(3)) {
        assert_eq!(run(&graph, [1, 4, 6, 6], image, Mode::Float).data, result);
    }
    assert_eq!(run(&graph, [0, 4, 6, 6], &[], Mode::Float), Tensor::new([0, 3], vec![]));
    let nodes = eval::run_all(&graph, &Tensor::new([3, 4, 6, 6], batch), Mode::Float).unwrap();
    assert_eq!(nodes.len(), graph.len());
    for (id, tensor) in nodes {
        assert_eq!(tensor.dims[0], 3);
        assert_eq!(tensor.dims[1..], graph[id].ty.dims[1..]);
        assert_eq!(tensor.data.len(), 3 * graph[id].ty.len());
    }
}

#[test]
fn what_cannot_be_evaluated() {
    let graph = graph(support::FLOAT);
    let input = Tensor::splat([1, 4, 6, 6], 1.0);
    let error = |input: &Tensor, mode| eval::run(&graph, input, mode).unwrap_err();
    assert_eq!(
        error(&Tensor::splat([1, 4, 6, 5], 1.0), Mode::Float).to_string(),
        "a tensor of shape [1x4x6x5] and 120 entries is no batch of f32[1x4x6x6]"
    );
    assert!(matches!(error(&Tensor::splat([], 1.0), Mode::Float), EvalError::Input(_)));
    assert!(matches!(error(&Tensor { dims: vec![2, 4, 6, 6], data: vec![0.0; 3] }, Mode::Float), EvalError::Input(_)));
    assert_eq!(error(&input, Mode::Spiking { timesteps: 0 }), EvalError::NoTimesteps);
    assert_eq!(error(&input, Mode::Spiking { timesteps: 1 }).to_string(), "`leaky_relu` (\"/leaky\") has no meaning on spikes");

    let mut cyclic = graph.clone();
    let order = cyclic.topological();
    cyclic.set_operand(order[2], 0, order[20]);
    assert_eq!(eval::run(&cyclic, &input, Mode::Float), Err(EvalError::Graph("the graph has a cycle".to_owned())));

    let mut stale = graph.clone();
    let id = stale.input().unwrap();
    stale.set_input_type(id, snnc_ir::TensorType::f32([1, 4, 8, 8]));
    assert!(matches!(eval::run(&stale, &Tensor::splat([1, 4, 8, 8], 1.0), Mode::Float), Err(EvalError::Graph(_))));
}
