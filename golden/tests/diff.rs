//! Comparisons of the classifier of digits with damaged ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{damaged, digits, images, patient, subject};
use serde_json::{Value, json};
use snnc_data::Images;
use snnc_golden::diff::{Change, Diff, Tolerances, diff};
use snnc_runtime::{Artifact, NodeSpec, OpSpec, Phase, Tensor};
use std::{collections::BTreeMap, path::Path};

fn compared(a: &Artifact, b: &Artifact, tolerances: &str) -> Diff {
    let images = Images::read_with_any_labels(&images()).unwrap().take(100);
    let tolerances = if tolerances.is_empty() { Tolerances::default() } else { tolerances.parse().unwrap() };
    diff([(a, &subject(a)), (b, &subject(b))], Some(&images), &tolerances, &mut patient).unwrap()
}

fn told(diff: &Diff) -> String {
    diff.to_text(Path::new("a.snn"), Path::new("b.snn"))
}

#[test]
fn a_network_is_itself() {
    let diff = compared(&digits(), &digits(), "");
    assert!(diff.same && diff.notes.is_empty(), "{diff:?}");
    let text = told(&diff);
    assert!(
        text.starts_with("A `a.snn` and B `b.snn` do the same\n") && text.contains("on 100 images, A → B\n  correct: 99 → 99"),
        "{text}"
    );
}

#[test]
fn what_the_making_left_is_no_difference() {
    let mut other = digits();
    other.graph.compiler = "snnc 9".into();
    other.graph.options.insert("timesteps".into(), json!(9));
    other.graph.phase = Phase::Trained;
    other.graph.seed = 5;
    other.graph.nodes[0].origin = vec!["conv1".into()];
    let diff = compared(&digits(), &other, "");
    assert!(diff.same, "{diff:?}");
    let fields: Vec<&str> = diff.notes.iter().map(|note| note.field.as_str()).collect();
    assert_eq!(fields, ["compiler", "options.timesteps", "phase", "seed"]);
}

#[test]
fn parameters_are_named_by_layer() {
    let diff = compared(&digits(), &damaged("n6.weight", 40, 90), "");
    assert!(!diff.same && diff.structure.is_empty());
    let [parameter] = &diff.parameters[..] else { panic!("{diff:?}") };
    let entries = parameter.entries.unwrap();
    assert_eq!((parameter.layer.as_str(), parameter.role.as_str()), ("n6", "weight"));
    assert_eq!((entries.differ, entries.of, entries.largest, entries.at, entries.b - entries.a), (1, 9216, 90, 40, 90));
    let behaviour = diff.behaviour.as_ref().unwrap();
    assert_eq!(behaviour.spikes[0].layer, "n7", "the first layer behind the weight");
    assert!(behaviour.logits.unwrap() > 0.0);
    let text = told(&diff);
    assert!(text.contains("  n6.weight: 1 of 9216 entries differ, by 90 at most: "), "{text}");
    assert!(text.contains("  spikes of n7: "), "{text}");
    let threshold = compared(&digits(), &damaged("n4.threshold", 3, 7), "");
    assert_eq!((threshold.parameters[0].layer.as_str(), threshold.parameters[0].role.as_str()), ("n4", "threshold"));
}

#[test]
fn tolerances_leave_differences_out() {
    let slight = damaged("n10.weight", 5, 3);
    assert!(!compared(&digits(), &slight, "").same);
    assert!(!compared(&digits(), &slight, "parameters=2,logits=10,spikes=0.01").same);
    assert!(!compared(&digits(), &slight, "parameters=3,spikes=0.01").same);
    let diff = compared(&digits(), &slight, "parameters=3,logits=10,spikes=0.01");
    assert!(diff.same && diff.behaviour.unwrap().correct == Some([99, 99]));
}

#[test]
fn a_node_more_shifts_no_other() {
    let mut other = digits();
    // A shift by nothing in front of the first neurons, and everything renamed as a compiler would.
    let first = other.graph.nodes[0].clone();
    let tensors = BTreeMap::from([("offset".to_owned(), "extra.offset".to_owned())]);
    other.tensors.insert("extra.offset".into(), Tensor::new([1, 1, 1, 1], [0]));
    let shift = NodeSpec { name: "extra".into(), op: OpSpec::shift(), inputs: vec![first.name.clone()], tensors, spikes: false, ..first };
    other.graph.nodes.insert(1, shift);
    other.graph.nodes[2].inputs = vec!["extra".into()];
    for node in &mut other.graph.nodes {
        node.name = format!("m{}", node.name);
        node.inputs.iter_mut().filter(|name| **name != "n0").for_each(|name| *name = format!("m{name}"));
    }
    other.graph.output.node = format!("m{}", other.graph.output.node);
    let diff = compared(&digits(), &other, "");
    let change = |field: &str, a: Value, b: Value| Change { field: field.to_owned(), a, b };
    assert_eq!(
        diff.structure,
        [change("mextra", Value::Null, json!("shift [1x16x8x8]")), change("n2.inputs", json!(["n1"]), json!(["mextra of B"]))]
    );
    assert_eq!(diff.parameters, []);
    let behaviour = diff.behaviour.as_ref().unwrap();
    assert!(behaviour.is_same(), "it does the same: {behaviour:?}");
    assert!(told(&diff).contains("  mextra: only in B: shift [1x16x8x8]\n"), "{}", told(&diff));
}

#[test]
fn digits_and_the_input_are_structure() {
    let mut other = digits();
    for node in &mut other.graph.nodes {
        if let OpSpec::RadixNeuron { digits, levels } = &mut node.op {
            (*digits, *levels) = (6, 63);
        }
    }
    other.graph.input.preprocess.mean = vec![0.1];
    let diff = compared(&digits(), &other, "");
    let text = told(&diff);
    for line in [
        "input.preprocess.mean: [0.0] → [0.1]",
        "n2.attributes.digits: 8 → 6",
        "n2.attributes.levels: 255 → 63",
        "latency: 40 → 32 time steps",
    ] {
        assert!(text.contains(&format!("  {line}\n")), "{line}: {text}");
    }
}

#[test]
fn weights_of_other_bits_are_said_to_be() {
    let mut other = digits();
    let weight = other.tensors.get_mut("n12.weight").unwrap();
    let wide: Vec<i16> = weight.data.iter().map(|v| i16::try_from(v).unwrap()).collect();
    *weight = Tensor::new(weight.dims.clone(), wide);
    let diff = compared(&digits(), &other, "");
    assert!(!diff.same && diff.parameters[0].entries.is_none() && diff.behaviour.as_ref().unwrap().is_same());
    assert!(told(&diff).contains("  n12.weight: [10x64] of 8 bits → [10x64] of 16 bits\n"), "{}", told(&diff));
}
