//! What goes over tiles entry by entry.

use super::{
    super::{
        chain::Chain,
        neuron::{Neuron, RadixNeuron},
        params::Params,
        place::{Grid, Order},
        tile::Stage,
    },
    State,
    builder::Builder,
};
use crate::artifact::{OpSpec, Reset};
use alloc::vec::Vec;

impl Builder<'_> {
    pub(super) fn stage(&mut self, node: usize, operand: usize, chain: &Chain, stages: &mut Vec<Stage>, values: &mut Vec<usize>) {
        let (spec, operands) = (&self.artifact.graph.nodes[node], &self.links.operands[node]);
        let dims = self.dims[operand];
        let order = self.orders[operand];
        let pixels = Grid::new(order, dims).pixels();
        let params = |role: &str, rest: i32| Params::new(self.needed(spec, role), order, dims, rest);
        let stage = match &spec.op {
            OpSpec::Scale => Stage::Scale(params("factor", 0)),
            OpSpec::Shift { rows: Some(rows), columns: Some(columns) } if order == Order::ChannelsLast => {
                Stage::Shift(Params::by_place(self.needed(spec, "offset"), rows, columns, dims))
            }
            OpSpec::Shift { rows: Some(rows), columns: Some(columns) } => {
                Stage::Shift(Params::by_place_natural(self.needed(spec, "offset"), rows, columns, dims))
            }
            OpSpec::Shift { .. } => Stage::Shift(params("offset", 0)),
            OpSpec::Add => {
                // All operands but one of those that the chain brings.
                let mut is_open = true;
                for &other in operands {
                    if other == operand && is_open {
                        is_open = false;
                        continue;
                    }
                    let stage = match chain.absorbed.iter().find(|node| **node + 1 == other) {
                        Some(&scale) => {
                            let stream = self.links.operands[scale][0];
                            let factor = self.needed(&self.artifact.graph.nodes[scale], "factor");
                            let factor = Params::new(factor, order, dims, 0);
                            Stage::AddScaled { place: self.read(stream, order, [0; 4]), factor, value: other }
                        }
                        None => Stage::Add(self.read(other, order, [0; 4])),
                    };
                    stages.push(stage);
                    values.push(node + 1);
                }
                return;
            }
            OpSpec::RadixNeuron { levels, .. } => {
                Stage::Radix(RadixNeuron::new(params("threshold", 1), params("initial", 0), pixels, *levels))
            }
            OpSpec::IfNeuron { reset } | OpSpec::LifNeuron { reset } => {
                let leak = matches!(spec.op, OpSpec::LifNeuron { .. }).then(|| params("leak", 0));
                let (neuron, initial) = (Neuron::new(params("threshold", 1), leak, *reset), params("initial", 0));
                let len = neuron.pitch() * pixels;
                let mut state = |initial: Option<Params>| {
                    let region = self.region(len * size_of::<i32>(), false);
                    self.states.push(State { region, len, initial, pixels });
                    region
                };
                let potentials = state(Some(initial));
                let nets = (*reset == Reset::Signed).then(|| state(None));
                Stage::Neuron { neuron, potentials, nets }
            }
            _ => unreachable!("a chain has stages behind its first node"),
        };
        stages.push(stage);
        values.push(node + 1);
    }
}
