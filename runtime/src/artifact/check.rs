//! Everything that the specification demands of an artifact.

use super::bounds::Bounds;
use super::shape::{self, Dims, Value};
use super::{
    Artifact, Code, Coding, Data, FORMAT, FORMAT_VERSION, InputSpec, LEAK_ONE, MAX_DIGITS, MAX_NODES, MAX_RANK, MAX_TIMESTEPS,
    MAX_TOTAL_ENTRIES, NetworkSpec, NodeSpec, OpSpec, Tensor,
};
use crate::error::LoadError;
use alloc::{borrow::ToOwned, collections::BTreeMap, collections::BTreeSet, format, string::String, vec, vec::Vec};

/// The names of an artifact, looked up. Values are numbered: 0 is the input, `i + 1` the result of node `i`.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// The operands of each node.
    pub(crate) operands: Vec<Vec<usize>>,
    /// The node of the output.
    pub(crate) output: usize,
    /// How large each value can become.
    pub(crate) bounds: Bounds,
    /// The locked read-out.
    #[cfg(feature = "locked")]
    pub(crate) lock: Option<snnc_lock::LockedLayer>,
}

fn field<T>(field: &'static str, problem: impl Into<String>) -> Result<T, LoadError> {
    Err(LoadError::Field { field, problem: problem.into() })
}

impl Artifact {
    /// Checks everything that the specification demands.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self) -> Result<(), LoadError> {
        self.link().map(|_| ())
    }

    /// How large each value can become, whatever the image: the largest magnitude of the input, and behind it that of each node's result,
    /// by the bounds of the specification.
    ///
    /// # Errors
    /// As [`Artifact::check`].
    pub fn magnitudes(&self) -> Result<Vec<i32>, LoadError> {
        Ok(self.link()?.bounds.values)
    }

    /// As [`Artifact::check`]; returns the names, looked up.
    pub(crate) fn link(&self) -> Result<Links, LoadError> {
        let graph = &self.graph;
        if graph.format != FORMAT {
            return Err(LoadError::NotSnn("`format` is not \"snnc\""));
        }
        if graph.format_version != FORMAT_VERSION {
            return Err(LoadError::Version(graph.format_version));
        }
        let digest = graph.source.sha256.as_bytes();
        if digest.len() != 64 || !digest.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return field("source.sha256", "not 64 lower-case hexadecimal digits");
        }
        if !(1..=MAX_TIMESTEPS).contains(&graph.timesteps) {
            return field("timesteps", format!("{} is not in 1..={MAX_TIMESTEPS}", graph.timesteps));
        }
        check_input(&graph.input)?;
        check_code(graph)?;
        if !(graph.output.scale.is_finite() && graph.output.scale > 0.0) {
            return field("output.scale", "not a positive number");
        }
        if graph.output.lock.is_some() != self.lock.is_some() {
            return field("output.lock", "there is no tensor of bytes of this name, or one without the field");
        }
        for (name, tensor) in &self.tensors {
            if name == "__metadata__" {
                return Err(LoadError::Tensor { tensor: name.clone(), problem: "safetensors keeps this name for itself".to_owned() });
            }
            check_tensor(tensor).map_err(|problem| LoadError::Tensor { tensor: name.clone(), problem })?;
        }
        self.link_nodes()
    }

    fn link_nodes(&self) -> Result<Links, LoadError> {
        let graph = &self.graph;
        if graph.nodes.is_empty() || graph.nodes.len() > MAX_NODES {
            return field("nodes", format!("{} nodes, not 1..={MAX_NODES}", graph.nodes.len()));
        }
        let mut names = BTreeMap::from([(graph.input.name.as_str(), 0)]);
        let mut values = vec![Value { dims: &graph.input.shape, spikes: graph.code == Code::Radix }];
        let mut total = shape::entries(&graph.input.shape).unwrap_or(0);
        let mut operands = Vec::with_capacity(graph.nodes.len());
        let mut used_tensors = BTreeSet::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let fail = |problem: String| LoadError::Node { node: node.name.clone(), problem };
            if node.op.code().is_some_and(|code| code != graph.code) {
                return Err(fail(format!("`{}` is an operator of the other code", node.op.name())));
            }
            let linked: Result<Vec<usize>, LoadError> = node
                .inputs
                .iter()
                .map(|name| {
                    names.get(name.as_str()).copied().ok_or_else(|| fail(format!("operand `{name}` is no earlier node and not the input")))
                })
                .collect();
            let linked = linked?;
            self.check_parameters(node, &mut used_tensors)?;
            let inputs: Vec<Value<'_>> = linked.iter().map(|&value| values[value]).collect();
            let (dims, spikes) =
                shape::result(node, &inputs, |role| node.tensors.get(role).and_then(|name| self.tensors.get(name))).map_err(fail)?;
            if dims != node.shape {
                return Err(fail(format!("its shape is {}, not {}", Dims(&dims), Dims(&node.shape))));
            }
            if spikes != node.spikes {
                return Err(fail(format!("`spikes` is {}, but its operator says {spikes}", node.spikes)));
            }
            let Some(entries) = shape::entries(&dims) else {
                return Err(fail(format!("a tensor of shape {} is empty or too large", Dims(&dims))));
            };
            total += entries;
            if total > MAX_TOTAL_ENTRIES {
                return Err(fail(format!("the tensors up to here have more than {MAX_TOTAL_ENTRIES} entries")));
            }
            if node.name.is_empty() || names.insert(&node.name, index + 1).is_some() {
                return Err(fail("its name is empty or taken".to_owned()));
            }
            values.push(Value { dims: &node.shape, spikes });
            operands.push(linked);
        }
        if let Some(name) = self.tensors.keys().find(|name| !used_tensors.contains(name.as_str())) {
            return Err(LoadError::Tensor { tensor: name.clone(), problem: "no node uses it".to_owned() });
        }
        let Some(output) = names.get(graph.output.node.as_str()).and_then(|value| value.checked_sub(1)) else {
            return field("output.node", format!("there is no node `{}`", graph.output.node));
        };
        check_reachable(&graph.nodes, &operands, output)?;
        let bounds = Bounds::prove(self, &operands)?;
        Ok(Links {
            #[cfg(feature = "locked")]
            lock: self.check_lock(&graph.nodes[output].shape, &bounds)?,
            operands,
            output,
            bounds,
        })
    }

    fn check_parameters<'a>(&'a self, node: &'a NodeSpec, used: &mut BTreeSet<&'a str>) -> Result<(), LoadError> {
        let fail = |problem: String| Err(LoadError::Node { node: node.name.clone(), problem });
        let roles = node.op.roles();
        if let Some((role, _)) = roles.iter().find(|(role, needed)| *needed && !node.tensors.contains_key(*role)) {
            return fail(format!("`{}` lacks its tensor `{role}`", node.op.name()));
        }
        for (role, name) in &node.tensors {
            if !roles.iter().any(|(known, _)| known == role) {
                return fail(format!("`{}` has no tensor `{role}`", node.op.name()));
            }
            let Some(tensor) = self.tensors.get(name) else {
                return Err(LoadError::Tensor {
                    tensor: name.clone(),
                    problem: format!("node `{}` uses it, but it is missing", node.name),
                });
            };
            used.insert(name);
            let bad = match (role.as_str(), &tensor.data) {
                ("weight", Data::I32(_)) => Some("a weight is not of 8 or 16 bits"),
                ("weight", _) => None,
                (_, Data::I8(_) | Data::I16(_)) => Some("what is no weight has 32 bits"),
                ("threshold", Data::I32(data)) => data.iter().any(|&v| v < 1).then_some("a threshold is not positive"),
                ("leak", Data::I32(data)) => data.iter().any(|v| !(1..=LEAK_ONE).contains(v)).then_some("a leak is not in 1..=65536"),
                _ => None,
            };
            if let Some(problem) = bad {
                return Err(LoadError::Tensor { tensor: name.clone(), problem: problem.to_owned() });
            }
        }
        Ok(())
    }
}

fn check_tensor(tensor: &Tensor) -> Result<(), String> {
    let entries = tensor.dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
    if entries != Some(tensor.data.len()) || tensor.data.is_empty() || tensor.dims.len() > MAX_RANK {
        return Err(format!("{} values do not fill the shape {}, or it is empty or too long", tensor.data.len(), Dims(&tensor.dims)));
    }
    Ok(())
}

fn check_input(input: &InputSpec) -> Result<(), LoadError> {
    if input.name.is_empty() {
        return field("input.name", "empty");
    }
    if input.shape.first() != Some(&1) || !input.layout.fits(&input.shape) || shape::entries(&input.shape).is_none() {
        let problem = format!("{} does not fit the layout, has no batch of 1, is empty or too large", Dims(&input.shape));
        return field("input.shape", problem);
    }
    let channels = input.channels();
    let one_each = |values: &[f32]| values.len() == 1 || values.len() == channels;
    let preprocess = &input.preprocess;
    if !(preprocess.scale.is_finite() && preprocess.scale > 0.0) {
        return field("input.preprocess.scale", "not a positive number");
    }
    if !one_each(&preprocess.mean) || !preprocess.mean.iter().all(|v| v.is_finite()) {
        return field("input.preprocess.mean", format!("not 1 or {channels} numbers"));
    }
    if !one_each(&preprocess.std) || !preprocess.std.iter().all(|&v| v.is_finite() && v > 0.0) {
        return field("input.preprocess.std", format!("not 1 or {channels} positive numbers"));
    }
    let quantiser = &input.quantiser;
    if !(1..=MAX_DIGITS).contains(&quantiser.digits) {
        return field("input.quantiser.digits", format!("{} is not in 1..={MAX_DIGITS}", quantiser.digits));
    }
    if !one_each(&quantiser.step) || !quantiser.step.iter().all(|&v| v.is_finite() && v > 0.0) {
        return field("input.quantiser.step", format!("not 1 or {channels} positive numbers"));
    }
    if !one_each(&quantiser.zero) || !quantiser.zero.iter().all(|v| v.is_finite()) {
        return field("input.quantiser.zero", format!("not 1 or {channels} numbers"));
    }
    Ok(())
}

/// What of the description must fit the code.
fn check_code(graph: &NetworkSpec) -> Result<(), LoadError> {
    let is_radix = graph.code == Code::Radix;
    if (graph.input.coding == Coding::Digits) != is_radix {
        return field("input.coding", "digits belong to the radix code, and it to them");
    }
    let neurons = graph.nodes.iter().filter_map(|node| match node.op {
        OpSpec::RadixNeuron { digits, .. } => Some(digits),
        _ => None,
    });
    let longest = neurons.chain([graph.input.quantiser.digits]).max().unwrap_or(1);
    if is_radix && u64::from(longest) != graph.timesteps as u64 {
        return field("timesteps", format!("{}, but the longest window has {longest} digits", graph.timesteps));
    }
    Ok(())
}

/// A node that the output does not depend on has no meaning in a network, and could carry what nobody checks.
fn check_reachable(nodes: &[NodeSpec], operands: &[Vec<usize>], output: usize) -> Result<(), LoadError> {
    let mut needed = vec![false; nodes.len()];
    needed[output] = true;
    for index in (0..nodes.len()).rev() {
        if !needed[index] {
            return Err(LoadError::Node { node: nodes[index].name.clone(), problem: "the output does not depend on it".to_owned() });
        }
        for node in operands[index].iter().filter_map(|value| value.checked_sub(1)) {
            needed[node] = true;
        }
    }
    Ok(())
}
