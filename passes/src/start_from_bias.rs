//! `start-from-bias`: neurons of the radix code start from the bias of the layer before them.
//!
//! A constant counts once in a window, with the last digit, and so does the start potential: `W q + b + v0`. One of both is enough, which
//! leaves less to store and, on a chip, one addition less. In the rate code a bias counts at every step.
//!
//! Requires: whole numbers.
//! Leaves: no bias in a layer that one layer of neurons alone reads, unless the sum were too large for the 24 bits of a float.
//! Keeps: the function exactly.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::affine::{broadcast, per_channel},
};
use snnc_ir::{Graph, NodeId, Operator, ParamId, Phase, Tensor};

pub struct StartFromBias;

impl Pass for StartFromBias {
    fn about(&self) -> About {
        About { name: "start-from-bias", accepts: Phase::Calibrated..=Phase::Trained, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            changed |= start(graph, node)?.is_some();
        }
        graph.prune();
        Ok(changed.into())
    }
}

/// Moves the bias that a neuron reads into its start potential; `None` where there is none, or others read it too.
fn start(graph: &mut Graph, neuron: NodeId) -> Result<Option<()>, PassError> {
    if !matches!(graph[neuron].op, Operator::RadixNeuron { .. }) {
        return Ok(None);
    }
    let Some((layer, bias)) = graph.operand(neuron).and_then(|layer| Some((layer, bias(&graph[layer].op)?))) else { return Ok(None) };
    if graph.only_user(layer) != Some(neuron) {
        return Ok(None);
    }
    let dims = graph[layer].ty.dims.clone();
    let initial = graph.own_param(neuron, "initial");
    let Some(sum) = sum(&graph.param(initial).tensor, &graph.param(bias).tensor, &dims) else { return Ok(None) };
    let provenance = graph.param(initial).provenance.join(graph.param(bias).provenance);
    graph.set_param(initial, sum, provenance);
    let op = without_bias(graph[layer].op.clone());
    graph.set_op(layer, op)?;
    Ok(Some(()))
}

fn bias(op: &Operator) -> Option<ParamId> {
    match op {
        Operator::Conv2d { bias, .. } | Operator::Linear { bias, .. } => *bias,
        _ => None,
    }
}

fn without_bias(op: Operator) -> Operator {
    match op {
        Operator::Conv2d { weight, geometry, .. } => Operator::Conv2d { weight, bias: None, geometry },
        Operator::Linear { weight, .. } => Operator::Linear { weight, bias: None },
        op => op,
    }
}

/// What neurons over `dims` start from and the biases of their channels, if every sum is a float: one a channel, unless the start differs
/// within one.
fn sum(initial: &Tensor, bias: &Tensor, dims: &[usize]) -> Option<Tensor> {
    let mut shape = vec![1; dims.len()];
    shape[1] = bias.data.len();
    let by_channel = Tensor::new(shape.clone(), bias.data.clone());
    let (shape, starts) = match per_channel(initial, dims) {
        Some(starts) => (shape, starts),
        None => (dims.to_vec(), broadcast(initial, dims)),
    };
    let is_exact = |(a, b): (f32, f32)| Some(a + b).filter(|sum| f64::from(*sum) == f64::from(a) + f64::from(b));
    let data = starts.into_iter().zip(broadcast(&by_channel, &shape)).map(is_exact).collect::<Option<Vec<f32>>>()?;
    Some(Tensor::new(shape, data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, manager};
    use snnc_ir::{
        eval::{self, Mode},
        text,
    };

    /// A bias that two layers of neurons read, one that is too large to be added to, and one that goes.
    const NETWORK: &str = r#"
graph @g calibrated {
  %0 = input : spike[1x2] "x"
  %1 = linear %0, @w, @shared : f32[1x2] "/fc1"
  %2 = radix_neuron %1, @t, @h {digits=4} : spike[1x2] "/relu1"
  %3 = radix_neuron %1, @t, @h {digits=4} : spike[1x2] "/relu2"
  %4 = add %2, %3 : f32[1x2] "/add"
  %5 = linear %4, @w, @large : f32[1x2] "/fc2"
  %6 = radix_neuron %5, @t, @h {digits=4} : spike[1x2] "/relu3"
  %7 = linear %6, @w, @goes : f32[1x2] "/fc3"
  %8 = radix_neuron %7, @t, @h {digits=4} : spike[1x2] "/relu4"
  %9 = linear %8, @w, @output : f32[1x2] "/fc4"
  output %9 "y"
  @goes : f32[2] = [3, -40] derived
  @h : f32[1x2] = [7, 8] derived
  @large : f32[2] = [16777216, 2] derived
  @output : f32[2] = [5, 6] derived
  @shared : f32[2] = [1, 2] derived
  @t : f32[1x2] = [14, 16] derived
  @w : f32[2x2] = [9, -4, 3, 7] derived
}
"#;

    #[test]
    fn biases_go_where_neurons_alone_read_them_and_nothing_else_changes() {
        let before = text::parse(NETWORK).expect("the graph is well formed");
        let mut after = before.clone();
        let settings = Settings::default();
        manager::run(&StartFromBias, &mut after, &mut PassCx::new(&settings), &mut |_, _, _, _| ()).expect("the pass runs");
        let biases = |graph: &Graph| graph.topological().into_iter().filter_map(|node| bias(&graph[node].op)).count();
        assert_eq!((biases(&before), biases(&after)), (4, 3));
        let images = Tensor::new([3, 2], [0.0, 5.0, 255.0, 1.0, 17.0, 90.0].to_vec());
        let run = |graph: &Graph| eval::run(graph, &images, Mode::Radix).expect("it can be evaluated").data;
        assert_eq!(run(&before), run(&after));
    }
}
