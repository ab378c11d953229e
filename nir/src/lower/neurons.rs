//! Neurons.
//!
//! NIR fires where a potential is greater than the threshold, an artifact where it is not less; simulators do either. Potentials are whole
//! numbers, so half a unit tells both apart: neurons whose potential is set to 0 get a threshold that is half a unit lower, those that take the
//! threshold from it, which must be exact, a start potential that is half a unit higher. Both are exact in `f32`.

use super::{Lowering, Place, Site, Step, Sum, place::*, reset};
use crate::node::{Array, Node, Value};
use snnc_runtime::{NodeSpec, OpSpec, Reset};

impl Lowering<'_> {
    pub(super) fn neurons(&mut self, node: &NodeSpec, x: &Sum) -> Step<Sum> {
        self.reserve(&[4, x.shape.iter().product()])?;
        let name = self.names.take(&node.name);
        let is_leaky = matches!(node.op, OpSpec::LifNeuron { .. });
        let (word, higher, lower) = match reset(&node.op) {
            Some(Reset::Hard) => ("zero", 0.0, 0.5),
            // Half a unit would leak.
            Some(Reset::Soft) => ("subtract", if is_leaky { 0.0 } else { 0.5 }, 0.0),
            Some(Reset::Signed) => ("signed", if is_leaky { 0.0 } else { 0.5 }, 0.0),
            None => ("radix", 0.0, 0.0),
        };
        let threshold = self.spread(node, "threshold", Site::Field(name.clone(), "v_threshold"), Form::Plus(-lower));
        let start = self.spread(node, "initial", Site::Metadata(format!("v_init.{name}")), Form::Plus(higher));
        self.note("v_init", &name, Value::Reals(start));
        self.note("reset", &name, Value::Text(word.to_owned()));
        if let OpSpec::RadixNeuron { digits, levels } = node.op {
            self.note("digits", &name, Value::Whole(digits.into()));
            self.note("levels", &name, Value::Whole(levels.into()));
        }
        let neurons = if is_leaky {
            let site = Site::Field(name.clone(), "tau");
            Node::Lif { tau: self.spread(node, "leak", site, Form::Leak), threshold }
        } else {
            Node::If { threshold }
        };
        Ok(self.put(name, x, neurons, x.shape.clone()))
    }

    /// A parameter, for every neuron.
    fn spread(&mut self, node: &NodeSpec, role: &str, site: Site, form: Form) -> Array {
        let dims = self.dims(node, role);
        let slot = Slot::Spread { small: dims.clone(), large: node.shape.clone() };
        let values = self.parameter(node, role, Place { site, slot, form });
        Array { dims: node.shape[1..].to_vec(), data: spread(&dims, &values, &node.shape) }
    }
}
