//! From the bytes of an ONNX file to a flat list of nodes.
//!
//! Leaves: model-local functions are inlined (nested ones too, attribute references resolved), every node has a name and
//! knows its operator set, every tensor is made once. The branches of an `If` are flat lists of nodes, too, in which tensors
//! from around it have their names there: whoever knows the condition puts one of them in the place of the node. Nothing
//! about shapes or operators is looked at here.
//!
//! The schema at hand is older than the newest format version. What it does not show changes nothing in what is computed (on
//! which device, notes of the exporter), but for overloads of functions, which are refused.

use super::{
    format,
    problem::{Outcome, bad_opset, malformed, unreadable, unsupported_use},
    sparse, wire,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    rc::Rc,
};
use tract_onnx::{
    pb::{self, attribute_proto::AttributeType},
    prelude::Framework,
};

/// Operator sets that the rules were written for.
pub(super) const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

/// More nodes than any sensible network has: functions may call functions, and a small file could unfold without end.
const MAX_NODES: usize = 100_000;

/// Functions nested deeper than this are taken for a recursion.
const MAX_DEPTH: usize = 64;

/// A model as the importer sees it.
pub(super) struct Model {
    pub graph_name: String,
    pub opset: i64,
    pub producer: String,
    /// Keys and values that the exporter left beside the network.
    pub metadata: Vec<(String, String)>,
    pub nodes: Vec<Node>,
    /// Graph inputs without those that are initialised.
    pub inputs: Vec<pb::ValueInfoProto>,
    pub outputs: Vec<String>,
    pub initializers: BTreeMap<String, Stored>,
    /// Shapes that the exporter noted; a dimension is absent where it is symbolic.
    pub value_info: HashMap<String, Vec<Option<usize>>>,
}

/// A tensor of the file. Functions that are called more than once share those of their branches.
#[derive(Clone)]
pub(super) enum Stored {
    Dense(Rc<pb::TensorProto>),
    Sparse(Rc<pb::SparseTensorProto>),
}

impl Stored {
    fn name(&self) -> &str {
        match self {
            Self::Dense(tensor) => &tensor.name,
            Self::Sparse(tensor) => sparse::name(tensor),
        }
    }
}

impl Model {
    /// Puts branches in the place of `If` nodes: by index of the node, whether the condition holds.
    pub fn take_branches(&mut self, taken: &BTreeMap<usize, bool>) {
        let nodes = std::mem::take(&mut self.nodes);
        for (index, mut node) in nodes.into_iter().enumerate() {
            let branch = taken.get(&index).and_then(|&holds| node.branch(holds));
            let Some(branch) = branch.map(|at| node.branches.swap_remove(at)) else {
                self.nodes.push(node);
                continue;
            };
            self.nodes.extend(branch.nodes);
            for (source, target) in branch.outputs.into_iter().zip(&node.outputs).filter(|(_, target)| !target.is_empty()) {
                self.nodes.push(identity(&node.name, node.opset, source, target.clone()));
            }
        }
    }
}

/// A node that only gives a tensor another name.
fn identity(name: &str, opset: i64, source: String, target: String) -> Node {
    Node {
        name: name.to_owned(),
        op: "Identity".to_owned(),
        domain: String::new(),
        opset,
        inputs: vec![source],
        outputs: vec![target],
        attributes: Vec::new(),
        branches: Vec::new(),
        seen: RefCell::default(),
    }
}

/// One way of an `If`.
pub(super) struct Branch {
    /// The attribute that holds it.
    name: String,
    nodes: Vec<Node>,
    outputs: Vec<String>,
}

/// One node after inlining.
pub(super) struct Node {
    /// The name in the file, with those of the function calls around it; the first output's where it has none.
    pub name: String,
    pub op: String,
    pub domain: String,
    pub opset: i64,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<Rc<pb::AttributeProto>>,
    /// Of an `If`.
    pub branches: Vec<Branch>,
    /// Which attributes a rule has looked at: one that nobody did is never dropped in silence.
    seen: RefCell<BTreeSet<usize>>,
}

impl Node {
    /// Whether the operator is one of ONNX itself.
    pub fn is_standard(&self) -> bool {
        matches!(self.domain.as_str(), "" | "ai.onnx")
    }

    /// Whether the operator is ONNX Runtime's own form of one of ONNX that quantises: with it, 16-bit and 4-bit weights were
    /// quantised before ONNX had these types.
    pub fn is_contributed(&self) -> bool {
        self.domain == "com.microsoft" && matches!(self.op.as_str(), "QuantizeLinear" | "DequantizeLinear")
    }

    /// The operator as messages name it.
    pub fn operator(&self) -> String {
        if self.is_standard() { self.op.clone() } else { format!("{}.{}", self.domain, self.op) }
    }

    fn attribute(&self, name: &str, kind: AttributeType) -> Outcome<Option<&pb::AttributeProto>> {
        let mut found = None;
        for (index, attribute) in self.attributes.iter().enumerate().filter(|(_, a)| a.name == name) {
            self.seen.borrow_mut().insert(index);
            found = found.or(Some(&**attribute));
        }
        match found {
            // Files older than ONNX's third format version leave the type out.
            Some(a) if a.r#type != kind as i32 && a.r#type != AttributeType::Undefined as i32 => {
                Err(malformed(format!("attribute `{name}` of operator `{}` has the wrong type", self.op)).into())
            }
            found => Ok(found),
        }
    }

    pub fn int(&self, name: &str, default: i64) -> Outcome<i64> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    pub fn optional_int(&self, name: &str) -> Outcome<Option<i64>> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|a| a.i))
    }

    pub fn ints(&self, name: &str) -> Outcome<Option<&[i64]>> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    pub fn float(&self, name: &str, default: f32) -> Outcome<f32> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    pub fn optional_float(&self, name: &str) -> Outcome<Option<f32>> {
        Ok(self.attribute(name, AttributeType::Float)?.map(|a| a.f))
    }

    pub fn floats(&self, name: &str) -> Outcome<Option<&[f32]>> {
        Ok(self.attribute(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    pub fn string(&self, name: &str, default: &str) -> Outcome<String> {
        let found = self.attribute(name, AttributeType::String)?;
        Ok(found.map_or_else(|| default.to_owned(), |a| String::from_utf8_lossy(&a.s).into_owned()))
    }

    pub fn tensor(&self, name: &str) -> Outcome<Option<&pb::TensorProto>> {
        Ok(self.attribute(name, AttributeType::Tensor)?.and_then(|a| a.t.as_ref()))
    }

    pub fn sparse_tensor(&self, name: &str) -> Outcome<Option<&pb::SparseTensorProto>> {
        Ok(self.attribute(name, AttributeType::SparseTensor)?.and_then(|a| a.sparse_tensor.as_ref()))
    }

    /// Where among the branches that is which an `If` takes, if it makes all outputs.
    pub fn branch(&self, holds: bool) -> Option<usize> {
        let name = if holds { "then_branch" } else { "else_branch" };
        self.branches.iter().position(|b| b.name == name && b.outputs.len() == self.outputs.len())
    }

    /// Declares attributes that do not bear on inference.
    pub fn ignore(&self, names: &[&str]) {
        let mut seen = self.seen.borrow_mut();
        seen.extend(self.attributes.iter().enumerate().filter(|(_, a)| names.contains(&a.name.as_str())).map(|(i, _)| i));
    }

    /// Fails if there is an attribute that no rule has looked at.
    pub fn check_all_seen(&self) -> Outcome<()> {
        let seen = self.seen.borrow();
        match self.attributes.iter().enumerate().find(|(index, _)| !seen.contains(index)) {
            Some((_, a)) => Err(unsupported_use(format!("attribute `{}` of operator `{}` is not known", a.name, self.op)).into()),
            None => Ok(()),
        }
    }

    /// Tensors that the bodies of control flow take from around them.
    pub fn captures(&self) -> Vec<&str> {
        let mut graphs: Vec<&pb::GraphProto> = self.attributes.iter().flat_map(|a| a.g.iter().chain(&a.graphs)).collect();
        let mut names = Vec::new();
        while let Some(graph) = graphs.pop() {
            names.extend(graph.output.iter().map(|o| o.name.as_str()));
            for node in &graph.node {
                names.extend(node.input.iter().map(String::as_str));
                graphs.extend(node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)));
            }
        }
        let mut branches: Vec<&Branch> = self.branches.iter().collect();
        while let Some(branch) = branches.pop() {
            names.extend(branch.outputs.iter().map(String::as_str));
            for node in &branch.nodes {
                names.extend(node.inputs.iter().map(String::as_str));
                branches.extend(&node.branches);
            }
        }
        names
    }
}

/// Parses the file and flattens it.
pub(super) fn open(bytes: &[u8]) -> Outcome<Model> {
    let proto = tract_onnx::onnx().proto_model_for_read(&mut &*bytes).map_err(|error| {
        let cause = error.root_cause().to_string();
        format::other(bytes).unwrap_or_else(|| {
            unreadable("the file is not an ONNX model, or is damaged")
                .note(cause)
                .help("export the model again, or fetch the file again in whole")
        })
    })?;
    let Some(graph) = proto.graph else {
        return Err(unreadable("the file holds no network").note("its graph is missing").help("export the model again").into());
    };
    let opset = opset_of(&proto.opset_import)?;
    let functions = functions(proto.functions, wire::function_defaults(bytes), opset)?;

    let mut flat =
        Flattening { functions: &functions, nodes: Vec::new(), initializers: BTreeMap::new(), prefixes: HashSet::new(), steps: 0 };
    let top = Scope { prefix: String::new(), names: Names::Graph, attributes: HashMap::new(), opset, depth: 0, top: String::new() };
    let templates: Vec<Template> = graph.node.into_iter().map(Template::from).collect();
    flat.body(&templates, &top)?;
    let dense = graph.initializer.into_iter().map(|tensor| Stored::Dense(Rc::new(tensor)));
    let sparse = graph.sparse_initializer.into_iter().map(|tensor| Stored::Sparse(Rc::new(tensor)));
    for tensor in dense.chain(sparse) {
        flat.initializer(tensor.name().to_owned(), tensor)?;
    }
    let Flattening { nodes, initializers, .. } = flat;
    let inputs: Vec<_> = graph.input.into_iter().filter(|i| !initializers.contains_key(&i.name)).collect();
    check_made_once(&nodes, &inputs, &initializers)?;
    let value_info = graph.value_info.iter().chain(&graph.output).filter_map(|v| Some((v.name.clone(), dims_of(v)?))).collect();
    Ok(Model {
        graph_name: graph.name,
        opset,
        producer: format!("{} {}", proto.producer_name, proto.producer_version).trim().to_owned(),
        metadata: proto.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect(),
        nodes,
        inputs,
        outputs: graph.output.into_iter().map(|o| o.name).collect(),
        initializers,
        value_info,
    })
}

fn opset_of(imports: &[pb::OperatorSetIdProto]) -> Outcome<i64> {
    let versions = imports.iter().filter(|i| matches!(i.domain.as_str(), "" | "ai.onnx")).map(|i| i.version);
    let range = format!("operator sets {} to {} are supported", OPSETS.start(), OPSETS.end());
    match versions.max() {
        None => Err(bad_opset("the file does not say which operator set it uses").note(range).help("export the model again").into()),
        Some(version) if !OPSETS.contains(&version) => Err(bad_opset(format!("operator set {version} is not supported"))
            .note(range)
            .help("export with `opset_version=17`, or convert the file with `onnx.version_converter.convert_version(model, 17)`")
            .into()),
        Some(version) => Ok(version),
    }
}

fn dims_of(info: &pb::ValueInfoProto) -> Option<Vec<Option<usize>>> {
    use pb::{tensor_shape_proto::dimension::Value, type_proto};
    let type_proto::Value::TensorType(ty) = info.r#type.as_ref()?.value.as_ref()?;
    let size = |d: &pb::tensor_shape_proto::Dimension| match d.value {
        Some(Value::DimValue(v)) => usize::try_from(v).ok(),
        _ => None,
    };
    Some(ty.shape.as_ref()?.dim.iter().map(size).collect())
}

fn check_made_once(nodes: &[Node], inputs: &[pb::ValueInfoProto], initializers: &BTreeMap<String, Stored>) -> Outcome<()> {
    let mut made: HashSet<&str> = inputs.iter().map(|i| i.name.as_str()).chain(initializers.keys().map(String::as_str)).collect();
    let mut bodies = vec![nodes];
    while let Some(nodes) = bodies.pop() {
        for node in nodes {
            for output in node.outputs.iter().filter(|o| !o.is_empty()) {
                if !made.insert(output) {
                    return Err(malformed(format!("tensor `{output}` is made twice"))
                        .at(&node.name)
                        .note("every tensor of an ONNX graph has one source")
                        .into());
                }
            }
            bodies.extend(node.branches.iter().map(|b| &b.nodes[..]));
        }
    }
    Ok(())
}

/// A node of a function body, of a branch or of the graph before it is renamed.
struct Template {
    proto: pb::NodeProto,
    attributes: Vec<Rc<pb::AttributeProto>>,
    branches: Vec<BranchTemplate>,
}

/// A branch of an `If` before it is renamed.
struct BranchTemplate {
    name: String,
    nodes: Vec<Template>,
    tensors: Vec<Stored>,
    outputs: Vec<String>,
}

impl From<pb::NodeProto> for Template {
    fn from(mut proto: pb::NodeProto) -> Self {
        let decides = proto.op_type == "If" && matches!(proto.domain.as_str(), "" | "ai.onnx");
        let (mut attributes, mut branches) = (Vec::new(), Vec::new());
        for mut attribute in std::mem::take(&mut proto.attribute) {
            match attribute.g.take_if(|_| decides) {
                Some(graph) => branches.push(BranchTemplate::new(attribute.name, graph)),
                None => attributes.push(Rc::new(attribute)),
            }
        }
        Self { proto, attributes, branches }
    }
}

impl BranchTemplate {
    fn new(name: String, graph: pb::GraphProto) -> Self {
        let dense = graph.initializer.into_iter().map(|tensor| Stored::Dense(Rc::new(tensor)));
        let sparse = graph.sparse_initializer.into_iter().map(|tensor| Stored::Sparse(Rc::new(tensor)));
        Self {
            name,
            nodes: graph.node.into_iter().map(Template::from).collect(),
            tensors: dense.chain(sparse).collect(),
            outputs: graph.output.into_iter().map(|o| o.name).collect(),
        }
    }

    /// The tensors that the branch itself makes or holds.
    fn own(&self) -> HashSet<&str> {
        let made = self.nodes.iter().flat_map(|n| n.proto.output.iter().map(String::as_str));
        made.chain(self.tensors.iter().map(Stored::name)).collect()
    }
}

struct Function {
    name: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    defaults: Vec<Rc<pb::AttributeProto>>,
    body: Vec<Template>,
    opset: i64,
}

type Functions = HashMap<(String, String), Function>;

fn functions(protos: Vec<pb::FunctionProto>, defaults: Vec<Vec<pb::AttributeProto>>, opset: i64) -> Outcome<Functions> {
    let mut functions = HashMap::new();
    let defaults = defaults.into_iter().chain(std::iter::repeat_with(Vec::new));
    for (proto, defaults) in protos.into_iter().zip(defaults) {
        let standard = proto.opset_import.iter().any(|i| matches!(i.domain.as_str(), "" | "ai.onnx"));
        let name = proto.name.unwrap_or_default();
        let function = Function {
            name: name.clone(),
            inputs: proto.input,
            outputs: proto.output,
            defaults: defaults.into_iter().map(Rc::new).collect(),
            body: proto.node.into_iter().map(Template::from).collect(),
            opset: if standard { opset_of(&proto.opset_import)? } else { opset },
        };
        if functions.insert((proto.domain.unwrap_or_default(), name.clone()), function).is_some() {
            return Err(unsupported_use(format!("function `{name}` is defined more than once"))
                .note("overloads of functions are not converted")
                .help("give every function a name of its own, or inline them with `onnx.inliner.inline_local_functions(model)`")
                .into());
        }
    }
    Ok(functions)
}

/// What tensors of a body that is being inlined are called outside.
enum Names<'s> {
    /// The graph itself, whose names stay.
    Graph,
    /// Inputs and outputs of a function have the names of the call; all others get the prefix.
    Function(HashMap<String, String>),
    /// The tensors of a branch's own get the prefix; all others are those of the body around it.
    Branch(HashSet<&'s str>, &'s Scope<'s>),
}

/// What surrounds a body that is being inlined.
struct Scope<'s> {
    prefix: String,
    names: Names<'s>,
    attributes: HashMap<String, Rc<pb::AttributeProto>>,
    opset: i64,
    depth: usize,
    /// The call in the graph itself that all this belongs to.
    top: String,
}

impl Scope<'_> {
    fn tensor(&self, name: &str) -> String {
        match &self.names {
            Names::Function(map) if !name.is_empty() => map.get(name).cloned().unwrap_or_else(|| format!("{}{name}", self.prefix)),
            Names::Branch(own, _) if own.contains(name) && !name.is_empty() => format!("{}{name}", self.prefix),
            Names::Branch(_, around) => around.tensor(name),
            _ => name.to_owned(),
        }
    }

    /// Resolves references to attributes of the call; one that the call leaves out is left out here too.
    fn attributes(&self, attributes: &[Rc<pb::AttributeProto>]) -> Vec<Rc<pb::AttributeProto>> {
        let resolve = |a: &Rc<pb::AttributeProto>| {
            if a.ref_attr_name.is_empty() {
                return Some(a.clone());
            }
            let mut found = self.attributes.get(&a.ref_attr_name)?.clone();
            if found.name != a.name {
                found = Rc::new(pb::AttributeProto { name: a.name.clone(), ..(*found).clone() });
            }
            Some(found)
        };
        attributes.iter().filter_map(resolve).collect()
    }
}

struct Flattening<'f> {
    functions: &'f Functions,
    nodes: Vec<Node>,
    initializers: BTreeMap<String, Stored>,
    prefixes: HashSet<String>,
    steps: usize,
}

impl Flattening<'_> {
    fn initializer(&mut self, name: String, tensor: Stored) -> Outcome<()> {
        match self.initializers.insert(name.clone(), tensor) {
            Some(_) => Err(malformed(format!("two initialisers are named `{name}`")).into()),
            None => Ok(()),
        }
    }

    /// Fails if a small file unfolds without end.
    fn count(&mut self, steps: usize) -> Outcome<()> {
        self.steps += steps;
        if self.steps > MAX_NODES {
            return Err(malformed(format!("the graph unfolds to more than {MAX_NODES} nodes"))
                .note("functions call functions that call functions")
                .into());
        }
        Ok(())
    }

    /// A prefix that nothing else has.
    fn prefix(&mut self, name: &str) -> String {
        let mut prefix = format!("{name}/");
        while !self.prefixes.insert(prefix.clone()) {
            prefix.insert(prefix.len() - 1, '\'');
        }
        prefix
    }

    /// The branch of an `If`, flat.
    fn branch(&mut self, template: &BranchTemplate, name: &str, scope: &Scope<'_>) -> Outcome<Branch> {
        if scope.depth >= MAX_DEPTH {
            return Err(malformed("branches lie inside of each other without end").at(name).into());
        }
        self.count(template.tensors.len())?;
        let inner = Scope {
            prefix: self.prefix(name),
            names: Names::Branch(template.own(), scope),
            attributes: scope.attributes.clone(),
            opset: scope.opset,
            depth: scope.depth + 1,
            top: if scope.top.is_empty() { name.to_owned() } else { scope.top.clone() },
        };
        let around = std::mem::take(&mut self.nodes);
        self.body(&template.nodes, &inner)?;
        let nodes = std::mem::replace(&mut self.nodes, around);
        for tensor in &template.tensors {
            self.initializer(inner.tensor(tensor.name()), tensor.clone())?;
        }
        let outputs = template.outputs.iter().map(|o| inner.tensor(o)).collect();
        Ok(Branch { name: template.name.clone(), nodes, outputs })
    }

    fn body(&mut self, templates: &[Template], scope: &Scope<'_>) -> Outcome<()> {
        for template in templates {
            self.count(1)?;
            let proto = &template.proto;
            let inputs: Vec<String> = proto.input.iter().map(|n| scope.tensor(n)).collect();
            let outputs: Vec<String> = proto.output.iter().map(|n| scope.tensor(n)).collect();
            let attributes = scope.attributes(&template.attributes);
            let name = match (proto.name.as_str(), outputs.iter().find(|o| !o.is_empty())) {
                ("", Some(output)) => output.clone(),
                ("", None) => format!("{}{} without a name", scope.prefix, proto.op_type),
                (name, _) => format!("{}{name}", scope.prefix),
            };
            let branches = template.branches.iter().map(|b| self.branch(b, &name, scope)).collect::<Outcome<Vec<_>>>()?;
            let functions = self.functions;
            match functions.get(&(proto.domain.clone(), proto.op_type.clone())) {
                Some(function) => self.call(function, name, &inputs, &outputs, attributes, scope)?,
                None => self.nodes.push(Node {
                    name,
                    op: proto.op_type.clone(),
                    domain: proto.domain.clone(),
                    opset: scope.opset,
                    inputs,
                    outputs,
                    attributes,
                    branches,
                    seen: RefCell::default(),
                }),
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        function: &Function,
        name: String,
        inputs: &[String],
        outputs: &[String],
        attributes: Vec<Rc<pb::AttributeProto>>,
        scope: &Scope<'_>,
    ) -> Outcome<()> {
        if scope.depth >= MAX_DEPTH {
            return Err(malformed("functions call each other without end")
                .at(&scope.top)
                .note(format!("among them `{}`", function.name))
                .into());
        }
        if inputs.len() > function.inputs.len() || outputs.len() > function.outputs.len() {
            return Err(malformed("a function is called with more tensors than it has").at(name).into());
        }
        let prefix = self.prefix(&name);
        let absent = String::new();
        let mut rename = HashMap::new();
        for (index, formal) in function.inputs.iter().enumerate() {
            rename.insert(formal.clone(), inputs.get(index).unwrap_or(&absent).clone());
        }
        let mut passed_through = Vec::new();
        for (index, formal) in function.outputs.iter().enumerate() {
            let Some(actual) = outputs.get(index).filter(|o| !o.is_empty()) else { continue };
            match rename.get(formal) {
                // An output that is an input, or the same as another output.
                Some(source) => passed_through.push((source.clone(), actual.clone())),
                None => _ = rename.insert(formal.clone(), actual.clone()),
            }
        }
        let mut values: HashMap<String, Rc<pb::AttributeProto>> = function.defaults.iter().map(|a| (a.name.clone(), a.clone())).collect();
        values.extend(attributes.into_iter().map(|a| (a.name.clone(), a)));
        let inner = Scope {
            prefix,
            names: Names::Function(rename),
            attributes: values,
            opset: function.opset,
            depth: scope.depth + 1,
            top: if scope.top.is_empty() { name.clone() } else { scope.top.clone() },
        };
        self.body(&function.body, &inner)?;
        for (source, target) in passed_through {
            self.nodes.push(identity(&name, function.opset, source, target));
        }
        Ok(())
    }
}
