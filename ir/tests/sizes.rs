//! Sizes of results, at the edges where exporters and frameworks disagree or an ONNX file is hostile.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use snnc_ir::{Conv2d, Graph, Head, Operator, Origin, Phase, TensorType, Window, verify};

fn window(kernel: usize, stride: usize, before: usize, after: usize, ceil: bool) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], pads: [before, before, after, after], ceil }
}

#[test]
fn floor_and_ceil() {
    for (size, kernel, stride, before, after, floor, ceil) in [
        (4, 2, 2, 0, 0, 2, 2),
        (5, 2, 2, 0, 0, 2, 3),
        (6, 3, 2, 0, 0, 2, 3),
        (7, 3, 2, 0, 0, 3, 3),
        (3, 3, 1, 1, 1, 3, 3),
        // The last window would start in the padding behind the operand: dropped.
        (4, 2, 2, 1, 1, 3, 3),
        (5, 1, 2, 0, 1, 3, 3),
        (1, 1, 2, 0, 1, 1, 1),
        // It would start behind everything: a stride larger than the kernel.
        (4, 1, 3, 0, 0, 2, 2),
        (3, 1, 4, 0, 0, 1, 1),
        // It overhangs, but starts inside.
        (6, 3, 2, 1, 0, 3, 3),
        (6, 2, 3, 1, 1, 3, 3),
        (2, 2, 1, 0, 0, 1, 1),
    ] {
        let of = |ceil| window(kernel, stride, before, after, ceil).output_size([size, size]);
        assert_eq!(
            (of(false), of(true)),
            (Some([floor; 2]), Some([ceil; 2])),
            "size {size} kernel {kernel} stride {stride} pads {before} {after}"
        );
    }
}

/// Against the definition: windows start every `stride` places, and one counts if it fits into the padded operand or, with
/// `ceil`, if the one before it did not reach the end and it starts before the padding that comes last.
#[test]
fn sizes_are_those_of_the_definition() {
    for size in 1..9_usize {
        for kernel in 1..5 {
            for stride in 1..5 {
                for before in 0..kernel {
                    for after in 0..kernel {
                        let padded = size + before + after;
                        let fits = |i: usize| i * stride + kernel <= padded;
                        let floor = (0..padded).take_while(|&i| fits(i)).count();
                        let counts =
                            |i: &usize| fits(*i) || ((*i == 0 || (*i - 1) * stride + kernel < padded) && *i * stride < size + before);
                        let ceil = (0..padded).take_while(counts).count();
                        let of = |ceil| window(kernel, stride, before, after, ceil).output_size([size; 2]).map(|[h, _]| h);
                        let case = format!("size {size} kernel {kernel} stride {stride} pads {before} {after}");
                        if kernel > padded {
                            assert_eq!((of(false), of(true)), (None, None), "{case}");
                        } else {
                            assert_eq!((of(false), of(true)), (Some(floor), Some(ceil)), "{case}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn height_and_width_are_told_apart() {
    let window = Window { kernel: [2, 3], stride: [2, 1], pads: [0, 1, 1, 2], ceil: false };
    assert_eq!(window.output_size([5, 4]), Some([3, 5]));
    let conv = Conv2d { stride: [2, 1], dilation: [1, 2], pads: [0, 1, 1, 2], groups: 1 };
    assert_eq!(conv.output_size([5, 4], [2, 3]), Some([3, 3]));
}

#[test]
fn what_does_not_fit_has_no_size() {
    assert_eq!(window(4, 1, 0, 0, false).output_size([3, 3]), None);
    assert_eq!(window(2, 0, 0, 0, false).output_size([3, 3]), None);
    assert_eq!(Conv2d::unit().output_size([3, 3], [4, 1]), None);
    assert_eq!(Conv2d::unit().output_size([3, 3], [0, 1]), None);
    assert_eq!(Conv2d { stride: [0, 1], ..Conv2d::unit() }.output_size([3, 3], [1, 1]), None);
    assert_eq!(Conv2d { dilation: [3, 1], ..Conv2d::unit() }.output_size([3, 3], [2, 1]), None);
}

/// Numbers of a hostile file are errors, not overflows.
#[test]
fn huge_numbers_are_refused() {
    const HUGE: usize = usize::MAX / 2;
    let mut graph = Graph::new("g", Phase::Imported);
    let x = graph.add_input(TensorType::f32([1, 2, 4, 4]), Origin::one("x"));
    let refused = |graph: &mut Graph, op: Operator| {
        let error = graph.add_node(op.clone(), &[x], Origin::default()).expect_err("it cannot be computed");
        assert!(!error.to_string().is_empty(), "{op:?}");
    };
    for pads in [[HUGE, 0, HUGE, 0], [HUGE; 4], [usize::MAX; 4]] {
        for stride in [1, 7, HUGE] {
            for ceil in [false, true] {
                let window = Window { kernel: [2; 2], stride: [stride; 2], pads, ceil };
                refused(&mut graph, Operator::MaxPool2d { window });
            }
        }
    }
    for pads in [(HUGE, HUGE), (usize::MAX, 1)] {
        refused(&mut graph, Operator::Pad { pads: vec![(0, 0), (0, 0), pads, pads], value: 0.0 });
    }
    refused(&mut graph, Operator::Reshape { dims: vec![1, 4, HUGE, 8] });
    refused(&mut graph, Operator::Reshape { dims: vec![1, 1 << 40, 1 << 40] });
    refused(&mut graph, Operator::Slice { ranges: vec![(0, 1, 1), (0, 1, 2), (0, isize::MIN, 2), (0, 1, HUGE)] });
    refused(&mut graph, Operator::Transpose { permutation: vec![0, 1, 2, HUGE] });
    refused(&mut graph, Operator::Softmax { axis: HUGE });
    refused(&mut graph, Operator::Mean { axes: vec![3, 2] });
    refused(&mut graph, Operator::Mean { axes: vec![2, 2] });

    let weight = graph.add_param("w", snnc_ir::Tensor::splat([2, 2, 1, 1], 1.0), snnc_ir::Provenance::Source);
    for geometry in [
        Conv2d { pads: [HUGE; 4], ..Conv2d::unit() },
        Conv2d { groups: HUGE, ..Conv2d::unit() },
        Conv2d { groups: 0, ..Conv2d::unit() },
        Conv2d { stride: [0, 0], ..Conv2d::unit() },
    ] {
        refused(&mut graph, Operator::Conv2d { weight, bias: None, geometry });
    }

    let mut graph = Graph::new("g", Phase::Imported);
    let x = graph.add_input(TensorType::f32([1, HUGE, 8]), Origin::one("x"));
    graph.set_output(x, "y", Head::None);
    assert!(graph.add_node(Operator::Concat { axis: 1 }, &[x, x, x], Origin::default()).is_err());
    assert!(graph.add_node(Operator::Reshape { dims: vec![1, HUGE, 16] }, &[x], Origin::default()).is_err());
    let _ = verify(&graph);
}
