//! The edits that passes are made of.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use snnc_ir::{Graph, Head, NodeId, Operator, Origin, Phase, Provenance, Tensor, TensorType, text, verify};

fn start() -> (Graph, NodeId) {
    let mut graph = Graph::new("g", Phase::Imported);
    let x = graph.add_input(TensorType::f32([1, 2]), Origin::one("x"));
    (graph, x)
}

fn relu(graph: &mut Graph, operand: NodeId, origin: &str) -> NodeId {
    graph.add_node(Operator::Relu, &[operand], Origin::one(origin)).unwrap()
}

// ---- nodes and edges ----

#[test]
fn a_node_that_does_not_fit_leaves_the_graph_as_it_was() {
    let (mut graph, x) = start();
    let before = text::print(&graph);
    assert!(graph.add_node(Operator::Add, &[x], Origin::default()).is_err());
    let y = relu(&mut graph, x, "y");
    let with_relu = text::print(&graph);
    assert!(graph.set_op(y, Operator::Softmax { axis: 9 }).is_err());
    assert_eq!(text::print(&graph), with_relu);
    assert_ne!(before, with_relu);
}

#[test]
fn the_topological_order_breaks_ties_by_id() {
    let (mut graph, x) = start();
    let branches: Vec<NodeId> = (0..5).map(|i| relu(&mut graph, x, &format!("b{i}"))).collect();
    // Wired crosswise, so that ids and dependencies disagree: b0 hangs below b4.
    graph.set_operand(branches[0], 0, branches[4]);
    let sum = graph.add_node(Operator::Add, &[branches[3], branches[0], branches[1], branches[2]], Origin::default()).unwrap();
    let expected = [x, branches[1], branches[2], branches[3], branches[4], branches[0], sum];
    assert_eq!(graph.topological(), expected);
    for _ in 0..3 {
        assert_eq!(graph.clone().topological(), expected);
    }
    assert_eq!(graph.operands(sum), [branches[3], branches[0], branches[1], branches[2]]);
}

#[test]
fn uses_of_a_node() {
    let (mut graph, x) = start();
    let a = relu(&mut graph, x, "a");
    let sum = graph.add_node(Operator::Add, &[a, a], Origin::default()).unwrap();
    assert_eq!(graph.uses(a), [(sum, 0), (sum, 1)]);
    assert_eq!((graph.only_user(x), graph.only_user(a), graph.operand(a), graph.operand(sum)), (Some(a), None, Some(x), None));
    graph.set_output(x, "y", Head::None);
    assert_eq!(graph.only_user(x), None, "the output reads it too");
}

#[test]
fn replace_uses_takes_the_output_along_but_not_the_new_node() {
    let (mut graph, x) = start();
    let a = relu(&mut graph, x, "a");
    let b = relu(&mut graph, a, "b");
    graph.set_output(a, "y", Head::Softmax);
    let new = relu(&mut graph, a, "new");
    graph.replace_uses(a, new);
    assert_eq!((graph.operand(b), graph.operand(new)), (Some(new), Some(a)));
    assert_eq!((graph.output().unwrap().node, graph.output().unwrap().head), (new, Head::Softmax));
}

#[test]
fn insert_before_touches_one_operand() {
    let (mut graph, x) = start();
    let sum = graph.add_node(Operator::Add, &[x, x], Origin::default()).unwrap();
    let new = graph.insert_before(sum, 1, Operator::Relu, Origin::one("new")).unwrap();
    assert_eq!(graph.operands(sum), [x, new]);
}

#[test]
fn bypass_hands_on_uses_output_and_origin() {
    let (mut graph, x) = start();
    let a = relu(&mut graph, x, "a");
    let b = relu(&mut graph, a, "b");
    let user = relu(&mut graph, b, "user");
    graph.set_output(b, "y", Head::None);
    graph.bypass(b);
    assert_eq!(graph[a].origin, Origin(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((graph.operand(user), graph.output().unwrap().node, graph.len()), (Some(a), a, 3));
    assert!(graph.get(b).is_none());
    verify(&graph).unwrap();
}

#[test]
#[should_panic(expected = "only a node with one operand")]
fn the_input_cannot_be_bypassed() {
    let (mut graph, x) = start();
    graph.bypass(x);
}

#[test]
fn origins_join_each_name_once() {
    let names = |names: &[&str]| Origin(names.iter().map(|&n| n.to_owned()).collect());
    assert_eq!(names(&["a", "b"]).join(&names(&["b", "c"])), names(&["a", "b", "c"]));
    assert_eq!(Origin::default().join(&Origin::one("a")), Origin::one("a"));
    assert_eq!(names(&["a", "b"]).to_string(), "a + b");
}

#[test]
fn prune_keeps_what_leads_to_the_output_and_the_input() {
    let (mut graph, x) = start();
    let used = graph.add_param("used", Tensor::splat([2], 1.0), Provenance::Source);
    let unused = graph.add_param("unused", Tensor::splat([2], 1.0), Provenance::Source);
    let live = graph.add_node(Operator::Scale { factor: used }, &[x], Origin::one("live")).unwrap();
    let dead = graph.add_node(Operator::Shift { offset: unused }, &[live], Origin::one("dead")).unwrap();
    relu(&mut graph, dead, "deader");
    graph.set_output(live, "y", Head::None);
    graph.prune();
    assert_eq!(graph.node_ids(), [x, live]);
    assert!(graph.get_param(used).is_some() && graph.get_param(unused).is_none());
    verify(&graph).unwrap();

    graph.bypass(live);
    let lonely = graph.add_input(TensorType::f32([1, 1]), Origin::one("lonely"));
    graph.prune();
    assert_eq!(graph.node_ids(), [x, lonely], "an input stays for the verifier to see");
    assert!(graph.get_param(used).is_none());
}

#[test]
fn refresh_types_follows_the_input() {
    let mut graph = support::graph(support::FLOAT);
    let input = graph.input().unwrap();
    graph.set_input_type(input, TensorType::f32([1, 4, 8, 6]));
    graph.refresh_types().unwrap();
    verify(&graph).unwrap();
    graph.set_input_type(input, TensorType::f32([1, 5, 8, 6]));
    assert!(graph.refresh_types().is_err());
}

// ---- parameters ----

#[test]
fn a_taken_name_gets_a_number() {
    let (mut graph, _) = start();
    let add = |graph: &mut Graph, name: &str| {
        let id = graph.add_param(name, Tensor::splat([1], 0.0), Provenance::Fixed);
        graph.param(id).name.clone()
    };
    let names: Vec<String> = ["w", "w", "w.1", "w", "w.1"].iter().map(|name| add(&mut graph, name)).collect();
    assert_eq!(names, ["w", "w.1", "w.1.1", "w.2", "w.1.2"]);
    assert_eq!(graph.params().count(), 5);
}

#[test]
fn own_param_copies_only_what_is_shared() {
    let (mut graph, x) = start();
    let shared = graph.add_param("w", Tensor::splat([2], 1.0), Provenance::Source);
    let a = graph.add_node(Operator::Scale { factor: shared }, &[x], Origin::one("a")).unwrap();
    let b = graph.add_node(Operator::Scale { factor: shared }, &[a], Origin::one("b")).unwrap();
    let own = graph.own_param(a, "factor");
    assert_ne!(own, shared);
    assert_eq!((graph[a].op.params(), graph[b].op.params()), (vec![("factor", own)], vec![("factor", shared)]));
    assert_eq!((graph.param(own).name.as_str(), graph.param(own).provenance), ("w.1", Provenance::Source));
    graph.set_param(own, Tensor::splat([2], 5.0), Provenance::Derived);
    assert_eq!(graph.param(shared).tensor.data, [1.0, 1.0]);
    assert_eq!((graph.own_param(a, "factor"), graph.own_param(b, "factor")), (own, shared), "no one shares any more");

    // Shared within one node counts too.
    let [mean, scale, shift, variance] = [shared; 4];
    let bn = graph.add_node(Operator::BatchNorm { scale, shift, mean, variance, epsilon: 0.0 }, &[b], Origin::one("bn")).unwrap();
    let own_mean = graph.own_param(bn, "mean");
    let roles = graph[bn].op.params();
    assert_eq!(roles.iter().filter(|(_, p)| *p == own_mean).count(), 1);
    assert!(roles.contains(&("mean", own_mean)));
}

#[test]
fn provenance_of_what_is_computed() {
    use Provenance::{Derived, Fixed, Source, Trained};
    for (a, b, joined) in [
        (Source, Source, Derived),
        (Source, Fixed, Derived),
        (Trained, Source, Derived),
        (Trained, Fixed, Trained),
        (Fixed, Fixed, Fixed),
        (Derived, Trained, Derived),
    ] {
        assert_eq!((a.join(b), b.join(a)), (joined, joined));
    }
}

// ---- phases ----

#[test]
fn phases_only_advance() {
    let (mut graph, _) = start();
    for phase in Phase::ALL {
        phase.enter(&mut graph);
        // Where it is already, it may enter again.
        phase.enter(&mut graph);
        assert_eq!(graph.phase, phase);
    }
    assert!(Phase::ALL.is_sorted());
}

#[test]
#[should_panic(expected = "phases only advance: imported after canonical")]
fn phases_never_go_back() {
    let (mut graph, _) = start();
    Phase::Canonical.enter(&mut graph);
    Phase::Imported.enter(&mut graph);
}
