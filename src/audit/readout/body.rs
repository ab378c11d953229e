//! A network without its read-out, and with another one.

use super::{Directions, features::Standard};
use crate::{
    audit::{attack::Subject, case::Case, models::float},
    error::{Error, Result},
};
use snnc_engine::{
    Network, Plan,
    plan::{Tail, Twin},
};
use snnc_ir::{Graph, Head, NodeId, Operator, Origin, Provenance, Tensor};

/// Images that go through together.
const BATCH: usize = 32;

/// A network that ends with what the read-out would read.
pub struct Body<'a> {
    case: &'a Case<'a>,
    graph: Graph,
    features: NodeId,
    /// T of a spiking network, whose neurons' exact static twins stand in for them.
    timesteps: Option<usize>,
}

impl<'a> Body<'a> {
    /// That of a subject; at T, if it is the artifact. None if its last layer is not linear.
    #[must_use]
    pub fn new(case: &'a Case<'a>, subject: Subject, timesteps: Option<usize>) -> Option<Self> {
        let mut graph = float(case, subject).unwrap_or(&case.spiking).clone();
        let operand = read_by_last(&graph)?;
        let dims = &graph[operand].ty.dims;
        let features = match dims.len() {
            2 => operand,
            _ => {
                let flat = Operator::Reshape { dims: vec![1, graph[operand].ty.len()] };
                graph.add_node(flat, &[operand], Origin::one("features")).ok()?
            }
        };
        graph.set_output(features, "features", Head::None);
        graph.set_output_scale(1.0);
        graph.prune();
        Some(Self { case, graph, features, timesteps })
    }

    /// Number of features.
    #[must_use]
    pub fn len(&self) -> usize {
        self.graph[self.features].ty.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is the artifact's.
    #[must_use]
    pub fn is_spiking(&self) -> bool {
        self.timesteps.is_some()
    }

    /// Features `[N, len]` of images in the model's own layout and units.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn features(&self, images: &[f32]) -> Result<Vec<f32>> {
        let run = |network: Network<'_>, images: &[f32]| {
            network.side_by_side(images, BATCH, &[]).into_iter().flat_map(|(features, _)| features).collect::<Vec<f32>>()
        };
        match self.timesteps {
            None => Ok(run(Network::float(&self.graph, &[])?, images)),
            Some(_) => {
                let (plan, values) = self.plan(&self.graph)?;
                Ok(run(Network::new(&plan, &values), &self.case.in_units(images)))
            }
        }
    }

    /// The network with a read-out that gives the parts of the features along directions.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn reading(&self, standard: &Standard, directions: &Directions) -> Result<Graph> {
        let mut graph = self.graph.clone();
        let (weights, biases) = standard.layer(directions);
        let weight = graph.add_param("directions", Tensor::new(vec![directions.len(), self.len()], weights), Provenance::Trained);
        let bias = graph.add_param("offsets", Tensor::new(vec![directions.len()], biases), Provenance::Trained);
        let read = graph
            .add_node(Operator::Linear { weight, bias: Some(bias) }, &[self.features], Origin::one("directions"))
            .map_err(|e| Error::Internal(format!("a read-out does not fit: {e}")))?;
        graph.set_output(read, "parts", Head::None);
        Ok(graph)
    }

    /// A plan of such a network, its neurons' static twins, with its values.
    ///
    /// # Errors
    /// Only on a bug.
    pub fn plan(&self, graph: &Graph) -> Result<(Plan, Vec<Vec<f32>>)> {
        let timesteps = self.timesteps.unwrap_or(1);
        let plan = Plan::spiking(graph, timesteps, self.case.units.is_none(), Tail::OnMean)?;
        let values = plan.values(graph);
        Ok((plan.twin(Twin::Quantised), values))
    }
}

/// What the last layer reads, if it is a linear one: so is a convolution that has one place.
fn read_by_last(graph: &Graph) -> Option<NodeId> {
    let mut node = graph.output()?.node;
    loop {
        let operand = graph.operand(node);
        match &graph[node].op {
            Operator::Linear { .. } => break operand,
            Operator::Conv2d { weight, geometry, .. } => {
                let (read, kernel) = (&graph[operand?].ty.dims, &graph.param(*weight).tensor.dims);
                let is_whole = read.len() == 4 && read[2..] == kernel[2..] && geometry.pads == [0; 4] && geometry.groups == 1;
                break operand.filter(|_| is_whole);
            }
            Operator::Input => return None,
            op if op.params().is_empty() || matches!(op, Operator::Shift { .. } | Operator::Scale { .. }) => node = operand?,
            _ => return None,
        }
    }
    .filter(|&operand| !matches!(graph[operand].op, Operator::Input))
}
