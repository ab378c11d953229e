//! What rules see and what they write to: values, calls, and the graph under construction.

use super::{
    batch::BatchKind,
    constant::{Constant, Data},
    problem::{Outcome, Problem, batch_lost, malformed, no_counterpart, unsupported_use},
    proto::Node,
    sparse,
    tensor::{self, DataFiles, Loaded},
};
use snnc_ir::{
    Graph, NodeId, Operator, Origin, ParamId, Phase, Provenance, Tensor,
    types::{Dims, broadcasts},
};
use std::{collections::HashMap, rc::Rc};
use tract_onnx::pb;

/// Largest number of entries of an activation of one image. Far above any classifier; keeps sizes from overflowing.
pub(super) const MAX_ENTRIES: usize = 1 << 30;

/// Largest number of operators in the IR.
const MAX_IR_NODES: usize = 200_000;

/// Entries that the evaluation of constants may make in all.
const MAX_CONSTANT_ENTRIES: usize = 1 << 27;

/// What a tensor of the file is known to be.
#[derive(Clone)]
pub(super) enum Value {
    /// Depends on the image.
    Node(NodeId),
    /// Depends on the image, and has no axis for the batch alone in the file: either the batch is 1 for good and its axis has
    /// gone, or it is a factor of the first axis, as behind `x.reshape(-1, features)`. The IR keeps the batch as axis 0, and the
    /// rest of the first axis as axis 1.
    Bare(NodeId),
    /// Does not.
    Const(Rc<Constant>),
    /// The result of something unsupported, of unknown shape.
    Unknown,
    /// Arithmetic on the shape of such a result.
    UnknownConst,
}

/// A node and its inputs, as a rule sees them.
pub(super) struct Call<'a> {
    pub node: &'a Node,
    pub inputs: &'a [Option<Value>],
    /// Whether every way from this node to the graph's output leads through operators of a head alone.
    pub at_output: bool,
}

impl Call<'_> {
    /// The activation at `index`.
    pub fn activation(&self, index: usize) -> Outcome<NodeId> {
        match self.input(index) {
            Some(Value::Node(id)) => Ok(*id),
            Some(Value::Const(c)) => {
                Err(unsupported_use(format!("operator `{}` reads the constant `{}` in the place of an activation", self.node.op, c.name))
                    .into())
            }
            _ => Err(self.missing(index)),
        }
    }

    /// The activation at `index` and its shape in the file.
    pub fn in_file(&self, cx: &Cx, index: usize) -> Outcome<(NodeId, Vec<usize>)> {
        match self.input(index) {
            Some(Value::Bare(id)) => Ok((*id, cx.bare_dims(*id))),
            _ => self.activation(index).map(|id| (id, cx.file_dims(id))),
        }
    }

    /// The input at `index`, which may be left out but must be constant where it is given.
    pub fn optional_constant(&self, index: usize) -> Outcome<Option<&Rc<Constant>>> {
        match self.input(index) {
            None => Ok(None),
            Some(Value::Const(c)) => Ok(Some(c)),
            Some(_) => Err(no_counterpart(format!("operator `{}` with computed operands has no spiking counterpart", self.node.op))
                .note(format!("`{}` depends on the image and should be a constant", self.node.inputs[index]))
                .help("let weights and settings be constants, or convert the part before it with `--output NAME`")
                .into()),
        }
    }

    /// The constant at `index`.
    pub fn constant(&self, index: usize) -> Outcome<&Rc<Constant>> {
        self.optional_constant(index)?.ok_or_else(|| self.missing(index))
    }

    /// The integers at `index`.
    pub fn optional_ints(&self, index: usize) -> Outcome<Option<&[i64]>> {
        let Some(constant) = self.optional_constant(index)? else { return Ok(None) };
        match &constant.data {
            Data::Int(values) if constant.dims.len() <= 1 => Ok(Some(values)),
            _ => Err(malformed(format!("operator `{}` wants a list of integers in `{}`", self.node.op, constant.name)).into()),
        }
    }

    /// Integers that older operator sets write as an attribute and newer ones as an input.
    pub fn attribute_or_input(&self, name: &str, index: usize) -> Outcome<Option<&[i64]>> {
        Ok(self.node.ints(name)?.or(self.optional_ints(index)?))
    }

    /// The one float at `index`.
    pub fn optional_float(&self, index: usize) -> Outcome<Option<f32>> {
        let Some(constant) = self.optional_constant(index)? else { return Ok(None) };
        match constant.data.to_float()[..] {
            [one] => Ok(Some(one)),
            _ => Err(malformed(format!("operator `{}` wants one number in `{}`", self.node.op, constant.name)).into()),
        }
    }

    /// The input, if it is given.
    pub fn input(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// Fails if a node has more inputs or more outputs in use than the rule reads and makes.
    pub fn check_counts(&self, inputs: usize, outputs: usize) -> Outcome<()> {
        if self.inputs.iter().skip(inputs).any(Option::is_some) {
            return Err(malformed(format!("operator `{}` has more than {inputs} inputs", self.node.op)).into());
        }
        match self.node.outputs.iter().skip(outputs).find(|o| !o.is_empty()) {
            Some(extra) => Err(malformed(format!("operator `{}` has no output `{extra}`", self.node.op)).into()),
            None => Ok(()),
        }
    }

    fn missing(&self, index: usize) -> Problem {
        malformed(format!("input {index} of operator `{}` is missing", self.node.op)).into()
    }
}

/// The graph under construction.
pub(super) struct Cx {
    pub graph: Graph,
    /// Whether the batch has a fixed size in the file, and which.
    pub batch: BatchKind,
    params: HashMap<String, ParamId>,
    constant_entries: usize,
    /// What a dynamic batch counts as in the file's integer arithmetic.
    dynamic_batch: usize,
    /// What `QuantizeLinear` and `DequantizeLinear` made of an activation by a scale and a zero point.
    pub quantised: HashMap<String, NodeId>,
    /// The data files of the model.
    pub files: DataFiles,
}

impl Cx {
    /// For a network of that name.
    pub fn new(name: String, files: DataFiles, dynamic_batch: usize) -> Self {
        let graph = Graph::new(name, Phase::Imported);
        Self {
            graph,
            batch: BatchKind::Dynamic,
            params: HashMap::new(),
            constant_entries: 0,
            dynamic_batch,
            quantised: HashMap::new(),
            files,
        }
    }

    /// Size of the batch in the file's integer arithmetic.
    pub fn batch_size(&self) -> usize {
        match self.batch {
            BatchKind::Dynamic => self.dynamic_batch,
            BatchKind::Fixed(n) => n,
        }
    }

    /// Shape of an activation in the IR, where the batch is 1.
    pub fn dims(&self, id: NodeId) -> &[usize] {
        &self.graph[id].ty.dims
    }

    /// Shape of an activation in the file, where the batch may have another fixed size.
    pub fn file_dims(&self, id: NodeId) -> Vec<usize> {
        let mut dims = self.dims(id).to_vec();
        dims[0] = self.batch_size();
        dims
    }

    /// Shape in the file of an activation without an axis for the batch alone.
    pub fn bare_dims(&self, id: NodeId) -> Vec<usize> {
        let mut dims = self.dims(id)[1..].to_vec();
        if let Some(first) = dims.first_mut() {
            *first *= self.batch_size();
        }
        dims
    }

    /// Adds an operator of the ONNX node `node`.
    pub fn add(&mut self, node: &Node, op: Operator, operands: &[NodeId]) -> Outcome<NodeId> {
        if self.graph.len() >= MAX_IR_NODES {
            return Err(malformed("the network has more operators than any classifier")
                .note(format!("the limit is {MAX_IR_NODES}"))
                .into());
        }
        let id = self.graph.add_node(op, operands, Origin::one(&node.name)).map_err(|error| {
            malformed(format!("operands of operator `{}` do not fit", node.op))
                .note(error.0)
                .help("check the model with `onnx.checker.check_model(model, full_check=True)`")
        })?;
        let dims = self.dims(id);
        if dims.contains(&0) {
            return Err(malformed(format!("operator `{}` makes an empty tensor", node.op))
                .note(format!("its shape is {}", Dims(dims)))
                .into());
        }
        check_entries(node, dims)?;
        Ok(id)
    }

    /// Gives an activation another shape, batch first; nothing where it has that shape.
    pub fn reshape(&mut self, node: &Node, operand: NodeId, dims: Vec<usize>) -> Outcome<NodeId> {
        check_entries(node, &dims)?;
        if self.dims(operand) == dims { Ok(operand) } else { self.add(node, Operator::Reshape { dims }, &[operand]) }
    }

    /// Puts a constant into the parameter table, after `transform`, which `how` names; each once.
    pub fn param(&mut self, constant: &Constant, how: &str, transform: impl FnOnce(Tensor) -> Outcome<Tensor>) -> Outcome<ParamId> {
        let key = format!("{how}\n{}", constant.name);
        if let Some(&id) = self.params.get(&key) {
            return Ok(id);
        }
        let Data::Float(data) = &constant.data else {
            return Err(malformed(format!("tensor `{}` holds integers where numbers are wanted", constant.name)).into());
        };
        let tensor = transform(Tensor::new(constant.dims.clone(), data.clone()))?;
        if let Some(bad) = tensor.data.iter().find(|v| !v.is_finite()) {
            let kind = if bad.is_nan() { "a value that is not a number" } else { "an infinite value" };
            return Err(malformed(format!("tensor `{}` holds {kind}", constant.name))
                .note("every weight must be finite")
                .help("the training diverged or the export overflowed (float16?): check the weights")
                .into());
        }
        let provenance = if how.is_empty() { constant.provenance } else { constant.provenance.join(Provenance::Fixed) };
        let id = self.graph.add_param(&constant.name, tensor, provenance);
        self.params.insert(key, id);
        Ok(id)
    }

    /// A constant of the compiler.
    pub fn fixed_param(&mut self, name: String, tensor: Tensor) -> ParamId {
        self.graph.add_param(name, tensor, Provenance::Fixed)
    }

    /// A constant that broadcasts over the activation `over`, in the shape that it has in the file, after `map`.
    pub fn broadcast_param(
        &mut self,
        node: &Node,
        constant: &Constant,
        over: NodeId,
        how: &str,
        map: impl FnMut(f32) -> f32,
    ) -> Outcome<ParamId> {
        let dims = self.dims(over).to_vec();
        let batch = self.batch_size();
        // A constant with the file's fixed batch says the same for every image, or it cannot be converted.
        if batch > 1
            && let [first, rest @ ..] = &constant.dims[..]
            && let Data::Float(data) = &constant.data
            && *first == batch
            && rest.len() + 1 == dims.len()
            && broadcasts(rest, &dims)
            && data.chunks(data.len() / batch).all(|row| *row == data[..data.len() / batch])
        {
            let row = data[..data.len() / batch].to_vec();
            let single: Vec<usize> = std::iter::once(1).chain(rest.iter().copied()).collect();
            return self.param(constant, &format!("{how} row"), |_| Ok(Tensor::new(single, row).map(map)));
        }
        self.check_broadcast(node, constant, over)?;
        self.param(constant, how, |t| Ok(t.map(map)))
    }

    /// Fails if a constant does not broadcast over an activation.
    pub fn check_broadcast(&self, node: &Node, constant: &Constant, over: NodeId) -> Outcome<()> {
        let dims = self.dims(over);
        if broadcasts(&constant.dims, dims) {
            return Ok(());
        }
        let note = format!("`{}` has the shape {}, the activation {}", constant.name, Dims(&constant.dims), Dims(&self.file_dims(over)));
        let longer = constant.dims.len() > dims.len();
        if longer || (constant.dims.len() == dims.len() && constant.dims[0] > 1) {
            return Err(batch_lost(format!("the constant of operator `{}` changes the batch axis", node.op)).note(note).into());
        }
        Err(unsupported_use(format!("the constant of operator `{}` would change the activation's shape", node.op))
            .note(note)
            .help("let the constant broadcast over the activation, not the activation over the constant")
            .into())
    }

    /// Reads a tensor of the file: shape, values and element type.
    pub fn load(&mut self, tensor: &pb::TensorProto) -> Outcome<Loaded> {
        tensor::load(tensor, &mut self.files)
    }

    /// Reads a sparse tensor of the file, and makes it dense.
    pub fn load_sparse(&mut self, tensor: &pb::SparseTensorProto) -> Outcome<Loaded> {
        let entries = sparse::entries(tensor)?;
        self.book(entries)?;
        sparse::load(tensor, &mut self.files)
    }

    /// Books entries that the evaluation of constants is about to make.
    pub fn book(&mut self, entries: usize) -> Outcome<()> {
        self.constant_entries = self.constant_entries.saturating_add(entries);
        if self.constant_entries > MAX_CONSTANT_ENTRIES {
            return Err(malformed("the model's constant arithmetic makes more values than any network has")
                .note(format!("the limit is {MAX_CONSTANT_ENTRIES} values"))
                .into());
        }
        Ok(())
    }
}

/// Fails if a tensor is absurdly large.
pub(super) fn check_entries(node: &Node, dims: &[usize]) -> Outcome<()> {
    match dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1))).filter(|&n| n <= MAX_ENTRIES) {
        Some(_) => Ok(()),
        None => Err(malformed(format!("operator `{}` makes a tensor that is too large", node.op))
            .note(format!("its shape is {}", Dims(dims)))
            .into()),
    }
}
