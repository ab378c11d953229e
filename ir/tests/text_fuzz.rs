//! No text makes the parser panic, and what it accepts, the rest of the crate survives.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{Graph, Operator, Tensor, eval, text, verify};
use support::{FLOAT, RADIX, Random, SPIKING};

/// Pieces that are likely to reach deep into the parser.
const PIECES: &[&str] = &[
    "%",
    "@",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    "=",
    "+",
    "\"",
    "\\",
    ";",
    "\n",
    " ",
    "-",
    ".",
    "x",
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "65535",
    "2147483647",
    "2147483648",
    "99999999999999999999",
    "1e39",
    "inf",
    "NaN",
    "-0",
    "f32[1x2x3]",
    "spike",
    "f32[]",
    "%0",
    "%1",
    "@w",
    "@\"\"",
    "splat(0)",
    "ramp(0, 1)",
    "noise(1, 1)",
    "dense(",
    "{kernel=2147483647}",
    "{axis=1}",
    "output",
    "graph",
    "trained",
    "input",
    "reshape",
    "add",
    "\u{0}",
    "é",
    "\u{10ffff}",
    "\\u{110000}",
    "\r",
    "\t",
];

fn mutated(random: &mut Random, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let (a, b) = (random.below(chars.len() + 1), random.below(chars.len() + 1));
        let (from, to) = (a.min(b), a.max(b));
        let near = to.min(from + 1 + random.below(6));
        match random.below(6) {
            0 => chars.truncate(from),
            1 => drop(chars.drain(from..near)),
            2 => {
                let copy = chars[from..near].to_vec();
                let at = random.below(chars.len() + 1);
                chars.splice(at..at, copy);
            }
            3 => drop(chars.splice(from..near, PIECES[random.below(PIECES.len())].chars())),
            4 => drop(chars.splice(from..from, PIECES[random.below(PIECES.len())].chars())),
            // Another digit keeps the text well-formed, so that the mistake is one of meaning.
            _ => {
                let digits: Vec<usize> = (0..chars.len()).filter(|&i| chars[i].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    chars[digits[random.below(digits.len())]] = char::from(b'0' + random.below(10) as u8);
                }
            }
        }
    }
    chars.into_iter().collect()
}

/// Entries that an evaluation would touch, roughly; some accepted texts describe tensors that take minutes.
fn is_small(graph: &Graph) -> bool {
    graph.node_ids().into_iter().all(|id| {
        let kernel = match &graph[id].op {
            Operator::AveragePool2d { window, .. } | Operator::MaxPool2d { window } | Operator::CountMaxPool2d { window } => {
                window.kernel[0].saturating_mul(window.kernel[1])
            }
            _ => 1,
        };
        graph[id].ty.len().saturating_mul(kernel) < 100_000
    })
}

#[test]
fn mutated_texts_are_read_or_refused() {
    let mut random = Random(20);
    let (mut accepted, mut verified) = (0, 0);
    for round in 0..20_000 {
        let text = mutated(&mut random, [FLOAT, SPIKING, RADIX][round % 3]);
        match text::parse(&text) {
            Err(error) => {
                let line = text.split('\n').nth(error.line - 1).unwrap_or_else(|| panic!("{error} lies outside\n{text}"));
                assert!(error.column <= line.chars().count() + 1, "{error} lies outside\n{text}");
                assert!(!error.message.is_empty());
            }
            Ok(graph) => {
                accepted += 1;
                let printed = text::print(&graph);
                if !printed.contains("dense(") {
                    assert_eq!(text::print(&support::graph(&printed)), printed);
                }
                verified += usize::from(verify(&graph).is_ok());
                let ty = &graph[graph.node_ids()[0]].ty;
                if is_small(&graph) && !ty.is_empty() {
                    let input = Tensor::splat(ty.dims.clone(), 0.5);
                    for mode in [eval::Mode::Float, eval::Mode::Spiking { timesteps: 2 }] {
                        // A result or an error: both are fine.
                        let _ = eval::run_all(&graph, &input, mode);
                    }
                }
            }
        }
    }
    // Else the test would only look at the first lines of the parser.
    assert!(accepted > 500 && verified > 300, "{accepted} texts were accepted and {verified} verified");
}

#[test]
fn noise_is_refused() {
    let mut random = Random(21);
    for _ in 0..5_000 {
        let text: String = (0..random.below(60)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        assert!(text::parse(&text).is_err());
    }
    assert!(text::parse("").is_err());
    assert!(text::parse(&"[".repeat(100_000)).is_err());
    assert!(text::parse(&format!("graph @g imported {{ %0 = input : f32[{}] }}", "1x".repeat(100_000))).is_err());
}
