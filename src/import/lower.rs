//! Walks the nodes in topological order: constants are evaluated, the rest becomes IR.
//!
//! Every node that leads to the chosen output is visited, those behind an unsupported one too, so that all problems are
//! reported at once. A value behind a problem is *tainted*: of its users only unsupported operators and modes are
//! reported, since a wrong shape may be a consequence of the first problem.

use super::{
    batch::BatchKind,
    constant::{Constant, Data, Made},
    cx::{Call, Cx, MAX_ENTRIES, Value, check_entries},
    folding, head,
    integers::Integers,
    label, ops,
    options::ImportOptions,
    order::{reachable, reads, tail, topological},
    problem::{Outcome, batch_lost, dynamic_size, interface, malformed, unsupported_use},
    proto::{Model, Node, Stored},
    shapes,
    tensor::DataFiles,
    unsupported,
};
use snnc_ir::{Diagnostic, Graph, Head, NodeId, Operator, Origin, TensorType, types::Dims};
use snnc_passes::unbounded_floors;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};
use tract_onnx::pb::{self, tensor_proto::DataType, tensor_shape_proto::dimension, type_proto};

/// Branches may decide on shapes that other branches make, but not in longer chains.
const MAX_ROUNDS: usize = 64;

/// What came of a model.
pub(super) struct Lowered {
    pub graph: Graph,
    pub batch: BatchKind,
    /// The integers that the file takes images of.
    pub input_integers: Option<Integers>,
    pub warnings: Vec<Diagnostic>,
    /// The data files that were read.
    pub files: DataFiles,
}

/// Makes IR of a model, in which branches take the place of `If` nodes whose condition is known.
///
/// # Errors
/// All problems, in the order of the nodes. Places name nodes but not the file.
pub(super) fn lower(model: &mut Model, files: DataFiles, options: &ImportOptions) -> Result<Lowered, Vec<Diagnostic>> {
    settle(model, &files, options).map_err(|p| vec![*p])?;
    let (mut walk, output, mut problems) = walk(model, files, options, 1).map_err(|p| vec![*p])?;
    problems.extend(unbounded_floors(&walk.cx.graph));
    let made = walk.value(&output);
    if problems.is_empty() {
        let finished = made.and_then(|(value, _)| finish(&mut walk.cx, model, value, &output));
        problems.extend(finished.err().map(|problem| *problem));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let input_integers = walk.input_integers;
    let Cx { mut graph, batch, files, .. } = walk.cx;
    graph.prune();
    let warnings = warn_of_other_outputs(model, options).into_iter().chain(warn_without_rectifier(&graph)).collect();
    Ok(Lowered { graph, batch, input_integers, warnings, files })
}

/// Puts branches in the place of all `If` nodes whose condition follows from shapes and constants.
fn settle(model: &mut Model, files: &DataFiles, options: &ImportOptions) -> Outcome<()> {
    for _ in 0..MAX_ROUNDS {
        let taken = decisions(model, files, options)?;
        if taken.is_empty() {
            return Ok(());
        }
        model.take_branches(&taken);
    }
    Err(malformed("conditions of `If` nodes depend on each other in too long a chain").note(format!("the limit is {MAX_ROUNDS}")).into())
}

/// Every tensor that is made of the image alone and might be a row of scores, those nearest to the end of the network first: names for
/// `--output` that are worth a try.
pub(super) fn rows(model: &Model, files: DataFiles) -> Vec<String> {
    let all: BTreeSet<usize> = (0..model.nodes.len()).collect();
    let (order, _) = topological(model, &all);
    let mut walk = Walk::new(model, order, files, 1);
    walk.inputs("", &mut Vec::new());
    for index in walk.order.clone() {
        walk.node(&model.nodes[index], false, &mut Vec::new());
    }
    let is_row = |name: &&String| match walk.values.get(*name) {
        Some((Value::Node(id), false)) => is_row(walk.cx.dims(*id)) && has_layer(&walk.cx.graph, *id),
        _ => false,
    };
    walk.order.iter().rev().flat_map(|&index| &model.nodes[index].outputs).filter(is_row).cloned().collect()
}

/// Whether one axis at most is longer than 1.
fn is_row(dims: &[usize]) -> bool {
    dims.iter().filter(|&&d| d > 1).count() <= 1
}

/// Whether something was learned on the way from the image to `node`.
fn has_layer(graph: &Graph, node: NodeId) -> bool {
    let (mut stack, mut seen) = (vec![node], BTreeSet::new());
    while let Some(node) = stack.pop() {
        if matches!(graph[node].op, Operator::Conv2d { .. } | Operator::Linear { .. }) {
            return true;
        }
        if seen.insert(node) {
            stack.extend(graph.operands(node));
        }
    }
    false
}

/// Which way the `If` nodes take whose condition follows from shapes and constants, by index.
fn decisions(model: &Model, files: &DataFiles, options: &ImportOptions) -> Outcome<BTreeMap<usize, bool>> {
    if model.nodes.iter().all(|n| n.branches.is_empty()) {
        return Ok(BTreeMap::new());
    }
    let (seen, ..) = walk(model, files.clone(), options, 1)?;
    if seen.cx.batch != BatchKind::Dynamic || seen.taken.is_empty() {
        return Ok(seen.taken);
    }
    // Where the batch is dynamic, a condition must hold for every size of it.
    let (other, ..) = walk(model, files.clone(), options, 2)?;
    match seen.taken.iter().find(|&(index, holds)| other.taken.get(index).is_some_and(|h| h != holds)) {
        Some((&index, _)) => Err(batch_lost("operator `If` decides by the number of images")
            .at(&model.nodes[index].name)
            .help("export with a fixed batch of 1")
            .into()),
        None => Ok(seen.taken),
    }
}

/// Visits all nodes that lead to the output, whose name comes back with all problems. A dynamic batch counts as
/// `dynamic_batch` images in the file's integer arithmetic.
fn walk<'m>(
    model: &'m Model,
    files: DataFiles,
    options: &ImportOptions,
    dynamic_batch: usize,
) -> Outcome<(Walk<'m>, String, Vec<Diagnostic>)> {
    let mut output = choose_output(model, options)?;
    let label = label::label(model, &output);
    // Behind a label, what is to be said of the network is said all the same.
    if let Some(label) = &label {
        output = label.scores.to_owned();
    }
    let reachable = reachable(model, &output);
    let (order, cyclic) = topological(model, &reachable);
    let mut problems: Vec<Diagnostic> =
        cyclic.iter().map(|&i| malformed("the nodes form a cycle").at(&model.nodes[i].name).note("a tensor depends on itself")).collect();
    let mut walk = Walk::new(model, order, files, dynamic_batch);
    walk.inputs(&output, &mut problems);
    let tail = tail(model, &walk.order, &output);
    let mut found = Vec::new();
    for index in walk.order.clone() {
        let mut here = Vec::new();
        if let Some(holds) = walk.decision(&model.nodes[index]) {
            walk.taken.insert(index, holds);
        }
        walk.node(&model.nodes[index], tail.contains(&index), &mut here);
        found.extend(here.into_iter().map(|problem| (index, problem)));
    }
    found.sort_by_key(|(index, _)| *index);
    problems.extend(found.into_iter().map(|(_, problem)| problem));
    problems.extend(label.map(|label| label.problem));
    Ok((walk, output, problems))
}

fn graph_name(name: &str) -> String {
    let clean: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' }).collect();
    if clean.is_empty() { "network".to_owned() } else { clean }
}

fn choose_output(model: &Model, options: &ImportOptions) -> Outcome<String> {
    let list = || format!("the outputs are {}", quoted(&model.outputs));
    let is_made = |name: &String| !name.is_empty() && model.nodes.iter().any(|node| node.outputs.contains(name));
    match (&options.output, &model.outputs[..]) {
        (Some(name), outputs) if outputs.contains(name) || is_made(name) => Ok(name.clone()),
        (Some(name), _) => Err(interface(format!("the model has no tensor `{name}`"))
            .note(list())
            .help("`--output NAME` takes one of them, or any tensor that a node of the model makes")
            .into()),
        (None, []) => Err(malformed("the model has no output").into()),
        // The first is what a caller who asks for no name gets from every other tool; a warning says so.
        (None, [first, ..]) => Ok(first.clone()),
    }
}

fn warn_of_other_outputs(model: &Model, options: &ImportOptions) -> Option<Diagnostic> {
    match (&options.output, &model.outputs[..]) {
        (None, [first, others @ ..]) if !others.is_empty() => Some(
            Diagnostic::warning("W0202", format!("the model has several outputs; `{first}` is compiled"))
                .note(format!("left out: {}", quoted(others)))
                .help("name the one with the class scores with `--output NAME`"),
        ),
        _ => None,
    }
}

fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ")
}

fn warn_without_rectifier(graph: &Graph) -> Option<Diagnostic> {
    let spikes = |op: &Operator| {
        op.is_rectifier() || matches!(op, Operator::Floor | Operator::Round | Operator::LeakyRelu { .. } | Operator::PRelu { .. })
    };
    if graph.node_ids().into_iter().any(|id| spikes(&graph[id].op)) {
        return None;
    }
    Some(
        Diagnostic::warning("W0201", "the network has no rectifier, so nothing in it would spike")
            .note("neurons stand in the place of `Relu` and its like; without them the network is one linear map")
            .help("check that the right output was chosen"),
    )
}

fn not_converted(tensor: &str) -> Diagnostic {
    unsupported_use(format!("tensor `{tensor}` is a second output that is not converted")).help("export the model without it")
}

/// Makes a row of class scores the output.
fn finish(cx: &mut Cx, model: &Model, value: Value, output: &str) -> Outcome<()> {
    if matches!(value, Value::Unknown) {
        return Err(not_converted(output).into());
    }
    if let Value::Bare(id) = value
        && cx.batch != BatchKind::Fixed(1)
    {
        return Err(batch_lost(format!("output `{output}` has several rows for every image"))
            .note(format!("its shape is {}", Dims(&cx.bare_dims(id))))
            .into());
    }
    let (Value::Node(mut id) | Value::Bare(mut id)) = value else {
        return Err(malformed(format!("output `{output}` does not depend on the image")).into());
    };
    let dims = cx.dims(id).to_vec();
    let classes = dims.iter().copied().max().unwrap_or(1);
    if !is_row(&dims) {
        return Err(interface(format!("output `{output}` is not a row of class scores"))
            .note(format!("its shape is {}", Dims(&cx.file_dims(id))))
            .help("only classifiers can be converted: one score per class and image")
            .into());
    }
    id = head::settle(cx, model, id)?;
    if cx.dims(id) != [1, classes] {
        let origin = cx.graph[id].origin.clone();
        let reshaped = cx.graph.add_node(Operator::Reshape { dims: vec![1, classes] }, &[id], origin);
        id = reshaped.map_err(|error| malformed(error.0))?;
    }
    cx.graph.set_output(id, output, Head::None);
    Ok(())
}

struct Walk<'m> {
    model: &'m Model,
    /// The nodes that lead to the output, operands first.
    order: Vec<usize>,
    /// By name: what it is, and whether it lies behind a problem.
    values: HashMap<String, (Value, bool)>,
    /// Shapes behind problems, for messages.
    told: BTreeMap<String, Vec<usize>>,
    /// Which way `If` nodes take whose condition is known, by index.
    taken: BTreeMap<usize, bool>,
    /// The integers that the image is of.
    input_integers: Option<Integers>,
    /// The tensors that hold the integers of quantised activations.
    integers: BTreeSet<String>,
    cx: Cx,
}

impl<'m> Walk<'m> {
    fn new(model: &'m Model, order: Vec<usize>, files: DataFiles, dynamic_batch: usize) -> Self {
        let cx = Cx::new(graph_name(&model.graph_name), files, dynamic_batch);
        Self {
            model,
            order,
            values: HashMap::new(),
            told: BTreeMap::new(),
            taken: BTreeMap::new(),
            input_integers: None,
            integers: BTreeSet::new(),
            cx,
        }
    }

    /// Enters the image; other inputs that are in use are problems.
    fn inputs(&mut self, output: &str, problems: &mut Vec<Diagnostic>) {
        let used: BTreeSet<&str> = self.order.iter().flat_map(|&i| reads(&self.model.nodes[i])).chain([output]).collect();
        let inputs: Vec<&pb::ValueInfoProto> = self.model.inputs.iter().filter(|i| used.contains(i.name.as_str())).collect();
        if let [first, .., last] = inputs[..] {
            let names: Vec<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
            problems.push(
                interface("the model has several inputs")
                    .note(format!("the inputs are {}", quoted(&names)))
                    .help(format!("only one image can go in: make the others constants, as `{}` beside `{}`", last.name, first.name)),
            );
        }
        if inputs.is_empty() && problems.is_empty() {
            let made = self.order.iter().any(|&i| self.model.nodes[i].outputs.iter().any(|o| o == output));
            let why = if made { "does not depend on any input" } else { "is made by no node" };
            problems.push(malformed(format!("output `{output}` {why}")));
        }
        for (index, input) in inputs.into_iter().enumerate() {
            let value = match self.image_type(input) {
                Ok((ty, batch)) => {
                    if index == 0 {
                        self.cx.batch = batch;
                        self.input_integers = Integers::of(input);
                    }
                    Value::Node(self.cx.graph.add_input(ty, Origin::one(&input.name)))
                }
                Err(problem) => {
                    problems.push(*problem);
                    Value::Unknown
                }
            };
            let tainted = !problems.is_empty();
            self.values.insert(input.name.clone(), (value, tainted));
        }
    }

    fn image_type(&self, input: &pb::ValueInfoProto) -> Outcome<(TensorType, BatchKind)> {
        let name = &input.name;
        let Some(type_proto::Value::TensorType(ty)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
            return Err(interface(format!("input `{name}` is not a tensor")).help("only one image tensor can go in").into());
        };
        self.check_element(input, ty.elem_type)?;
        let fix = format!(
            "export with a fixed image size, or fix it with `python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name {name} --input_shape 1,3,224,224 model.onnx fixed.onnx`"
        );
        let Some(shape) = &ty.shape else {
            return Err(dynamic_size(format!("input `{name}` has no shape")).help(fix).into());
        };
        let as_text = |d: &pb::tensor_shape_proto::Dimension| match &d.value {
            Some(dimension::Value::DimValue(v)) => v.to_string(),
            Some(dimension::Value::DimParam(p)) => format!("`{p}`"),
            None => "?".to_owned(),
        };
        let shown = format!("its shape is [{}]", shape.dim.iter().map(as_text).collect::<Vec<_>>().join(", "));
        let [batch, rest @ ..] = &shape.dim[..] else {
            return Err(interface(format!("input `{name}` is a single number")).into());
        };
        if rest.is_empty() {
            return Err(batch_lost(format!("input `{name}` has no batch axis"))
                .note(shown)
                .help("export with inputs of shape [1, features] or [1, channels, height, width]")
                .into());
        }
        let batch = match batch.value {
            Some(dimension::Value::DimValue(n)) if n > 0 && n < 1 << 20 => BatchKind::Fixed(n as usize),
            Some(dimension::Value::DimValue(n)) if n > 0 => return Err(malformed(format!("input `{name}` has a batch of {n}")).into()),
            _ => BatchKind::Dynamic,
        };
        let mut dims = vec![1];
        for d in rest {
            match d.value {
                Some(dimension::Value::DimValue(0)) => return Err(malformed(format!("input `{name}` is empty")).note(shown).into()),
                Some(dimension::Value::DimValue(n)) if n > 0 && n as u64 <= MAX_ENTRIES as u64 => dims.push(n as usize),
                Some(dimension::Value::DimValue(n)) if n > 0 => {
                    return Err(malformed(format!("input `{name}` is too large")).note(shown).into());
                }
                _ => {
                    return Err(dynamic_size(format!("input `{name}` has a size that is only known at run time"))
                        .note(shown)
                        .note("only the batch may be dynamic: neurons are laid out for one image size")
                        .help(fix)
                        .into());
                }
            }
        }
        if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_none_or(|n| n > MAX_ENTRIES) {
            return Err(malformed(format!("input `{name}` is too large")).note(shown).into());
        }
        Ok((TensorType::f32(dims), batch))
    }

    /// Integers may come in where nothing happens to them before they become floats but that they are moved.
    fn check_element(&self, input: &pb::ValueInfoProto, element: i32) -> Outcome<()> {
        let element = DataType::try_from(element).unwrap_or(DataType::Undefined);
        match element {
            DataType::Float | DataType::Float16 | DataType::Bfloat16 | DataType::Double => Ok(()),
            _ if Integers::of(input).is_some() && self.is_cast_first(&input.name) => Ok(()),
            other => Err(unsupported_use(format!("input `{}` holds {}", input.name, other.as_str_name().to_lowercase()))
                .note("of integers only those are converted that are cast to floats or dequantised before anything is computed")
                .help("export a model that takes float32 images, or that casts them to floats first of all")
                .into()),
        }
    }

    /// Whether all ways from a tensor lead through nothing but moves of its entries to where they become floats.
    fn is_cast_first(&self, name: &str) -> bool {
        let mut readers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in self.order.iter().map(|&i| &self.model.nodes[i]) {
            for tensor in reads(node) {
                readers.entry(tensor).or_default().push(node);
            }
        }
        let (mut open, mut met) = (vec![name], BTreeSet::from([name]));
        while let Some(tensor) = open.pop() {
            for node in readers.get(tensor).into_iter().flatten() {
                match node.op.as_str() {
                    "Shape" | "Size" if node.is_standard() => {}
                    _ if ops::ends_integers(node) => {}
                    op if node.is_standard() && ops::only_moves(op) && node.inputs.iter().skip(1).all(|i| i != tensor) => {
                        open.extend(node.outputs.iter().map(String::as_str).filter(|o| met.insert(o)));
                    }
                    _ => return false,
                }
            }
        }
        true
    }

    /// Whether the condition of an `If` holds, if that is known.
    fn decision(&mut self, node: &Node) -> Option<bool> {
        node.branches.first()?;
        let (Value::Const(condition), _) = self.value(node.inputs.first()?).ok()? else { return None };
        let holds = match condition.data.to_bool()[..] {
            [holds] => holds,
            _ => return None,
        };
        node.branch(holds).map(|_| holds)
    }

    /// The value of a tensor; initialisers are read when they are first asked for.
    fn value(&mut self, name: &str) -> Outcome<(Value, bool)> {
        if let Some(found) = self.values.get(name) {
            return Ok(found.clone());
        }
        let value = if let Some(stored) = self.model.initializers.get(name) {
            let (dims, data, element) = match stored {
                Stored::Dense(tensor) => self.cx.load(tensor)?,
                Stored::Sparse(tensor) => self.cx.load_sparse(tensor)?,
            };
            Value::Const(Made::FromFile(dims, data, element).named(name))
        } else {
            return Err(malformed(format!("tensor `{name}` does not exist"))
                .note("no node makes it, and it is neither an input nor an initialiser")
                .into());
        };
        self.values.insert(name.to_owned(), (value.clone(), false));
        Ok((value, false))
    }

    fn node(&mut self, node: &Node, at_output: bool, problems: &mut Vec<Diagnostic>) {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        let mut tainted = false;
        for name in &node.inputs {
            if name.is_empty() {
                inputs.push(None);
                continue;
            }
            match self.value(name) {
                Ok((value, t)) => {
                    if !t && matches!(value, Value::Unknown) {
                        problems.push(self.placed(node, &[], not_converted(name)));
                    }
                    tainted |= t || matches!(value, Value::Unknown);
                    inputs.push(Some(value));
                }
                Err(problem) => {
                    problems.push(self.placed(node, &[], *problem));
                    // Reported once: whoever else reads it lies behind a problem.
                    self.values.insert(name.clone(), (Value::Unknown, true));
                    tainted = true;
                    inputs.push(Some(Value::Unknown));
                }
            }
        }
        let call = Call { node, inputs: &inputs, at_output };
        let outcome = self.outputs(&call);
        let wanted = node.outputs.len();
        let (mut outputs, failed) = match outcome {
            Ok(outputs) => (outputs, false),
            Err(problem) => {
                // A batch that only goes astray on the way into an unsupported operator is that operator's affair.
                let hidden =
                    if tainted { !matches!(problem.code, "E0102" | "E0103") } else { problem.code == "E0104" && self.leads_astray(node) };
                // tract is only asked about nodes that are sound in themselves.
                let ask = matches!(problem.code, "E0102" | "E0103" | "E0104");
                if !hidden {
                    problems.push(self.placed(node, &inputs, *problem));
                }
                (self.stand_ins(node, &inputs, ask), true)
            }
        };
        outputs.resize(wanted, Value::Unknown);
        for (name, value) in node.outputs.iter().zip(outputs).filter(|(n, _)| !n.is_empty()) {
            self.values.insert(name.clone(), (value, tainted || failed));
        }
    }

    fn outputs(&mut self, call: &Call<'_>) -> Outcome<Vec<Value>> {
        let node = call.node;
        let rule = ops::entry_of_node(node).filter(|_| call.at_output || !matches!(node.op.as_str(), "Sigmoid" | "Log"));
        let fold = Some(node).filter(|n| n.is_standard() || n.is_contributed()).and_then(|n| folding::rule(&n.op));
        if !node.branches.is_empty() && matches!(call.input(0), Some(Value::Const(_) | Value::UnknownConst)) {
            // Where the condition is known, one of the branches takes this node's place in the next round.
            return match call.input(0) {
                Some(Value::Const(c)) if c.data.len() != 1 || node.branch(c.data.to_bool()[0]).is_none() => {
                    Err(malformed("operator `If` has no branch that makes its outputs").into())
                }
                _ => Ok(vec![Value::Unknown; node.outputs.len()]),
            };
        }
        if rule.is_none() && fold.is_none() {
            return Err(unsupported::operator(node).into());
        }
        let known = call.inputs.iter().flatten();
        if known.clone().any(|v| matches!(v, Value::Unknown | Value::UnknownConst)) {
            // Rules want shapes, so modes go unchecked here.
            let constant = known.clone().all(|v| matches!(v, Value::Const(_) | Value::UnknownConst));
            return match (rule, fold) {
                (_, Some(_)) if constant || matches!(node.op.as_str(), "Shape" | "Size") => {
                    Ok(vec![Value::UnknownConst; node.outputs.len()])
                }
                (Some(_), _) => {
                    ops::check_without_shapes(call)?;
                    Ok(self.stand_ins(node, call.inputs, false))
                }
                (None, _) => Err(unsupported::operator(node).into()),
            };
        }
        let constants: Option<Vec<Option<Rc<Constant>>>> = call
            .inputs
            .iter()
            .map(|v| match v {
                None => Some(None),
                Some(Value::Const(c)) => Some(Some(c.clone())),
                Some(_) => None,
            })
            .collect();
        let outputs = match (constants, fold, rule) {
            (Some(constants), Some(fold), _) => {
                let made = fold(&mut self.cx, call, &constants)?;
                let names = node.outputs.iter().chain(std::iter::repeat(&node.name));
                let integer = folding::integers_of(&constants);
                made.into_iter().zip(names).map(|(made, name)| Value::Const(made.typed(name, integer))).collect()
            }
            (Some(_), None, _) => {
                return Err(unsupported_use(format!("operator `{}` on constants cannot be evaluated", node.op))
                    .help("fold the constants before: `python -m onnxsim model.onnx simplified.onnx`")
                    .into());
            }
            (None, _, Some(_)) if self.reads_integers(node) && !ops::of_integers(node) => {
                return Err(unsupported_use(format!("operator `{}` of quantised activations computes with integers", node.op))
                    .note("integers are moved, compared and dequantised; what is computed, floats compute")
                    .help("put a `DequantizeLinear` before it, as the QDQ format has it")
                    .into());
            }
            (None, _, Some(entry)) => ops::apply(&mut self.cx, call, entry)?,
            (None, _, None) => return Err(unsupported::operator(node).into()),
        };
        node.check_all_seen()?;
        if node.op == "QuantizeLinear" || (self.reads_integers(node) && !ops::ends_integers(node)) {
            self.integers.extend(node.outputs.iter().cloned());
        }
        Ok(outputs)
    }

    /// Whether a node reads the integers of quantised activations.
    fn reads_integers(&self, node: &Node) -> bool {
        node.inputs.iter().any(|input| self.integers.contains(input))
    }

    /// What to go on with behind a node that is not converted: something of its shape, if that can be told. Nothing of it
    /// is kept.
    fn stand_ins(&mut self, node: &Node, inputs: &[Option<Value>], ask: bool) -> Vec<Value> {
        let count = node.outputs.len();
        match inputs.first() {
            Some(Some(Value::Node(id))) if unsupported::keeps_shape(&node.op) => return vec![Value::Node(*id)],
            Some(Some(Value::Const(c))) if unsupported::keeps_shape(&node.op) && self.cx.book(c.data.len()).is_ok() => {
                let made = Made::New(c.dims.clone(), Data::Float(vec![0.0; c.data.len()]));
                return vec![Value::Const(made.named(&node.name))];
            }
            _ => {}
        }
        let mut given = inputs.iter().flatten().peekable();
        if given.peek().is_some() && given.all(|v| matches!(v, Value::Const(_) | Value::UnknownConst)) {
            return vec![Value::UnknownConst; count];
        }
        let told = match self.operands(inputs).filter(|_| ask) {
            Some(operands) => shapes::second_opinion(node, &operands),
            None => vec![None; count],
        };
        let batch = self.cx.batch_size();
        let mut values = Vec::new();
        for (name, told) in node.outputs.iter().zip(told) {
            let noted =
                || self.model.value_info.get(name)?.iter().enumerate().map(|(axis, d)| d.or((axis == 0).then_some(batch))).collect();
            let shape: Option<Vec<usize>> = told.or_else(noted);
            values.push(match shape.as_deref() {
                Some([first, rest @ ..])
                    if *first == batch && !rest.is_empty() && !rest.contains(&0) && check_entries(node, rest).is_ok() =>
                {
                    let dims: Vec<usize> = std::iter::once(1).chain(rest.iter().copied()).collect();
                    Value::Node(self.cx.graph.add_input(TensorType::f32(dims), Origin::one(&node.name)))
                }
                _ => Value::Unknown,
            });
            if let Some(shape) = shape {
                self.told.insert(name.clone(), shape);
            }
        }
        values
    }

    /// The operands as tract sees them, if something is known of all of them.
    fn operands(&self, inputs: &[Option<Value>]) -> Option<Vec<shapes::Operand>> {
        let operand = |value: &Option<Value>| match value {
            None => Some(shapes::Operand::Absent),
            Some(Value::Node(id)) => Some(shapes::Operand::Activation(self.cx.file_dims(*id))),
            Some(Value::Bare(id)) => Some(shapes::Operand::Activation(self.cx.bare_dims(*id))),
            Some(Value::Const(c)) => Some(shapes::Operand::Const(c.clone())),
            Some(Value::Unknown | Value::UnknownConst) => None,
        };
        inputs.iter().map(operand).collect()
    }

    /// Whether all readers of a node are unsupported operators.
    fn leads_astray(&self, node: &Node) -> bool {
        let mut readers =
            self.order.iter().map(|&i| &self.model.nodes[i]).filter(|n| reads(n).any(|t| node.outputs.iter().any(|o| o == t))).peekable();
        readers.peek().is_some() && readers.all(|n| ops::entry_of_node(n).is_none())
    }

    /// Adds the place and what goes in.
    fn placed(&self, node: &Node, inputs: &[Option<Value>], mut problem: Diagnostic) -> Diagnostic {
        let mut notes = Vec::new();
        for (index, (name, value)) in node.inputs.iter().zip(inputs).enumerate() {
            match value {
                _ if node.inputs[..index].contains(name) => {}
                Some(Value::Node(id)) => notes.push(format!("input: `{name}`, f32[{}]", Dims(&self.cx.file_dims(*id)))),
                Some(Value::Bare(id)) => notes.push(format!("input: `{name}`, f32[{}]", Dims(&self.cx.bare_dims(*id)))),
                Some(Value::Unknown) => notes.push(match self.told.get(name) {
                    Some(dims) => format!("input: `{name}`, f32[{}]", Dims(dims)),
                    None => format!("input: `{name}`"),
                }),
                _ => {}
            }
        }
        notes.truncate(3);
        notes.append(&mut problem.notes);
        let name = problem.place.node.take().unwrap_or_else(|| node.name.clone());
        problem.notes = notes;
        problem.at(name).detail(format!("opset {}", node.opset))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that fails may panic, and says what it skips")]
mod tests {
    use super::*;
    use crate::import::proto;
    use std::path::Path;

    /// For every activation that a node makes: its name, its shape as in the file, and what tract makes of it.
    fn shapes_twice(model: &mut Model, files: DataFiles, options: &ImportOptions) -> Vec<(String, Vec<usize>, Option<Vec<usize>>)> {
        settle(model, &files, options).expect("the branches are clear");
        let model = &*model;
        let (walk, _, problems) = walk(model, files, options, 1).expect("the outputs are clear");
        assert!(problems.is_empty(), "{problems:?}");
        let mut shapes = Vec::new();
        for node in walk.order.iter().map(|&index| &model.nodes[index]) {
            let inputs: Vec<Option<Value>> = node.inputs.iter().map(|n| walk.values.get(n).map(|(value, _)| value.clone())).collect();
            let Some(operands) = walk.operands(&inputs) else { continue };
            for (name, theirs) in node.outputs.iter().zip(shapes::second_opinion(node, &operands)) {
                match walk.values.get(name) {
                    Some((Value::Node(id), _)) => shapes.push((name.clone(), walk.cx.file_dims(*id), theirs)),
                    Some((Value::Bare(id), _)) => shapes.push((name.clone(), walk.cx.bare_dims(*id), theirs)),
                    _ => {}
                }
            }
        }
        shapes
    }

    /// How many shapes of a model tract knows; it must agree on all of them.
    fn agreeing(path: &Path) -> (usize, usize) {
        let mut model = proto::open(&std::fs::read(path).unwrap()).unwrap();
        let options = ImportOptions { output: model.outputs.iter().find(|o| *o == "logits" || *o == "output").cloned() };
        let shapes = shapes_twice(&mut model, DataFiles::beside(path), &options);
        for (name, ours, theirs) in &shapes {
            assert!(theirs.as_ref().is_none_or(|theirs| theirs == ours), "{}: `{name}` {ours:?} {theirs:?}", path.display());
        }
        (shapes.iter().filter(|(_, _, theirs)| theirs.is_some()).count(), shapes.len())
    }

    #[test]
    fn tract_infers_the_same_shapes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths: Vec<_> = Vec::new();
        for folder in ["fixtures/onnx", "../shared/models"] {
            let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
                eprintln!("skipped: no {folder}");
                continue;
            };
            paths.extend(entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "onnx")));
        }
        paths.sort();
        // Two that are refused as they are, and one with an ellipsis in an `Einsum`, of which tract loses axes.
        let unconvertible = ["vnn21_ffnnSIGMOID_6x200", "output_inside", "einsum_forms"];
        let (mut known, mut all) = (0, 0);
        for path in paths.iter().filter(|p| !unconvertible.iter().any(|u| p.ends_with(format!("{u}.onnx")))) {
            let (theirs, ours) = agreeing(path);
            if theirs < ours {
                eprintln!("{}: tract knows {theirs} of {ours}", path.display());
            }
            known += theirs;
            all += ours;
        }
        assert!(all > 300 && known * 20 > all * 19, "tract knows only {known} of {all} shapes");
    }
}
