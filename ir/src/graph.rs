//! The graph and the edits that passes are made of.

use crate::{
    infer::{self, TypeError},
    op::Operator,
    param::{Param, ParamId, Provenance, Tensor},
    phase::Phase,
    types::TensorType,
};
use petgraph::{
    Direction,
    stable_graph::{NodeIndex, StableDiGraph},
    visit::EdgeRef,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet},
    fmt,
};

/// Key of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(NodeIndex<u32>);

impl NodeId {
    /// A number that is unique among the nodes there are; that of a removed node may be given to a new one. For messages
    /// about bugs and for maps; users are shown the node's [`Origin`].
    #[must_use]
    pub fn number(self) -> usize {
        self.0.index()
    }
}

/// The ONNX nodes that a node came from; several after fusion, none for what the compiler added.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(pub Vec<String>);

impl Origin {
    /// From one ONNX node.
    #[must_use]
    pub fn one(name: impl Into<String>) -> Self {
        Self(vec![name.into()])
    }

    /// Both, in order, each name once.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        let mut names = self.0.clone();
        for name in &other.0 {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Self(names)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" + "))
    }
}

/// One operator and the tensor it makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operator.
    pub op: Operator,
    /// Type of its result, kept by the graph.
    pub ty: TensorType,
    /// Where it came from.
    pub origin: Origin,
}

/// What the float network did after the tensor that the graph ends in. A spiking network cannot do it on spikes and need
/// not: a reader applies it to the mean output potential, or ranks classes without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Head {
    /// Nothing: logits.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// Softmax over the last axis.
    Softmax,
    /// Logarithm of the softmax over the last axis.
    LogSoftmax,
    /// `1 / (1 + exp(-x))` of every score by itself, as where an image may belong to several classes.
    Sigmoid,
}

impl Head {
    /// All heads.
    pub const ALL: [Self; 5] = [Self::None, Self::Relu, Self::Softmax, Self::LogSoftmax, Self::Sigmoid];

    /// Name in the text form and in the artifact.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Relu => "relu",
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log_softmax",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// The class output of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The node that makes it.
    pub node: NodeId,
    /// Its name in the ONNX file.
    pub name: String,
    /// What the float network did after it.
    pub head: Head,
    /// What 1 in the result stands for; 1 but in whole numbers.
    pub scale: f32,
}

/// A network: operators, their types and origins, parameters, one input, one output.
#[derive(Clone, Debug)]
pub struct Graph {
    /// A name for messages and for the text form.
    pub name: String,
    /// How far the compilation has come; moved by [`Phase::enter`].
    pub phase: Phase,
    nodes: StableDiGraph<Node, usize, u32>,
    params: BTreeMap<ParamId, Param>,
    next_param: u32,
    output: Option<Output>,
}

impl Graph {
    /// A graph without nodes.
    #[must_use]
    pub fn new(name: impl Into<String>, phase: Phase) -> Self {
        Self { name: name.into(), phase, nodes: StableDiGraph::default(), params: BTreeMap::new(), next_param: 0, output: None }
    }

    // ---- nodes ----

    /// Adds the input node, whose type no operand can tell.
    pub fn add_input(&mut self, ty: TensorType, origin: Origin) -> NodeId {
        NodeId(self.nodes.add_node(Node { op: Operator::Input, ty, origin }))
    }

    /// Adds an operator over `operands` and infers its type.
    ///
    /// # Errors
    /// If the operands or parameters do not fit the operator; the graph is then unchanged.
    pub fn add_node(&mut self, op: Operator, operands: &[NodeId], origin: Origin) -> Result<NodeId, TypeError> {
        let types: Vec<&TensorType> = operands.iter().map(|&id| &self[id].ty).collect();
        let ty = infer::result_type(self, &op, &types)?;
        let id = self.nodes.add_node(Node { op, ty, origin });
        for (slot, operand) in operands.iter().enumerate() {
            self.nodes.add_edge(operand.0, id, slot);
        }
        Ok(NodeId(id))
    }

    /// The node, if it is still in the graph.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.node_weight(id.0)
    }

    /// Replaces the operator of a node, which keeps its operands, and infers its type anew. Types further down are
    /// brought up to date by [`Graph::refresh_types`].
    ///
    /// # Errors
    /// If the operands do not fit; the node is then unchanged.
    pub fn set_op(&mut self, id: NodeId, op: Operator) -> Result<(), TypeError> {
        let operands = self.operands(id);
        let types: Vec<&TensorType> = operands.iter().map(|&o| &self[o].ty).collect();
        let ty = infer::result_type(self, &op, &types)?;
        let node = &mut self.nodes[id.0];
        node.op = op;
        node.ty = ty;
        Ok(())
    }

    /// Replaces the shape of the input.
    pub fn set_input_type(&mut self, id: NodeId, ty: TensorType) {
        self.nodes[id.0].ty = ty;
    }

    /// The origin of a node, to change it.
    pub fn origin_mut(&mut self, id: NodeId) -> &mut Origin {
        &mut self.nodes[id.0].origin
    }

    /// Infers every type again, in topological order.
    ///
    /// # Errors
    /// If some operands no longer fit.
    pub fn refresh_types(&mut self) -> Result<(), TypeError> {
        for id in self.topological() {
            if !matches!(self[id].op, Operator::Input) {
                let op = self[id].op.clone();
                self.set_op(id, op)?;
            }
        }
        Ok(())
    }

    /// All node ids, ascending.
    #[must_use]
    pub fn node_ids(&self) -> Vec<NodeId> {
        self.nodes.node_indices().map(NodeId).collect()
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.node_count()
    }

    /// Whether the graph has no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The nodes in an order in which operands come before their users, ties broken by id. In a graph with a cycle, which
    /// only a broken importer could make and the verifier reports, the nodes on it are missing.
    #[must_use]
    pub fn topological(&self) -> Vec<NodeId> {
        let mut missing: BTreeMap<NodeIndex<u32>, usize> =
            self.nodes.node_indices().map(|n| (n, self.nodes.edges_directed(n, Direction::Incoming).count())).collect();
        let mut ready: BinaryHeap<Reverse<NodeIndex<u32>>> = missing.iter().filter(|&(_, &k)| k == 0).map(|(&n, _)| Reverse(n)).collect();
        let mut order = Vec::with_capacity(missing.len());
        while let Some(Reverse(node)) = ready.pop() {
            order.push(NodeId(node));
            for edge in self.nodes.edges_directed(node, Direction::Outgoing) {
                let left = missing.get_mut(&edge.target()).expect("every node was entered above");
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(edge.target()));
                }
            }
        }
        order
    }

    /// The input node, if there is one.
    #[must_use]
    pub fn input(&self) -> Option<NodeId> {
        self.nodes.node_indices().map(NodeId).find(|&n| matches!(self[n].op, Operator::Input))
    }

    // ---- edges ----

    /// The operands of a node in order.
    #[must_use]
    pub fn operands(&self, id: NodeId) -> Vec<NodeId> {
        let mut slots: Vec<(usize, NodeId)> =
            self.nodes.edges_directed(id.0, Direction::Incoming).map(|e| (*e.weight(), NodeId(e.source()))).collect();
        slots.sort_unstable();
        slots.into_iter().map(|(_, n)| n).collect()
    }

    /// The operand of a node that has exactly one.
    #[must_use]
    pub fn operand(&self, id: NodeId) -> Option<NodeId> {
        match self.operands(id)[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Where the result of a node is used, as (user, operand slot), ascending.
    #[must_use]
    pub fn uses(&self, id: NodeId) -> Vec<(NodeId, usize)> {
        let mut uses: Vec<(NodeId, usize)> =
            self.nodes.edges_directed(id.0, Direction::Outgoing).map(|e| (NodeId(e.target()), *e.weight())).collect();
        uses.sort_unstable();
        uses
    }

    /// The one node that uses the result, if there is exactly one use and the result is not the graph's output.
    #[must_use]
    pub fn only_user(&self, id: NodeId) -> Option<NodeId> {
        let is_output = self.output.as_ref().is_some_and(|o| o.node == id);
        match self.uses(id)[..] {
            [(user, _)] if !is_output => Some(user),
            _ => None,
        }
    }

    /// Whether the result is read in exactly one place, the graph's output counting as one.
    #[must_use]
    pub fn is_read_once(&self, id: NodeId) -> bool {
        let is_output = self.output.as_ref().is_some_and(|o| o.node == id);
        self.uses(id).len() + usize::from(is_output) == 1
    }

    /// Lets the operand `slot` of `user` be `operand` instead.
    pub fn set_operand(&mut self, user: NodeId, slot: usize, operand: NodeId) {
        let old = self.nodes.edges_directed(user.0, Direction::Incoming).find(|e| *e.weight() == slot).map(|e| e.id());
        if let Some(edge) = old {
            self.nodes.remove_edge(edge);
        }
        self.nodes.add_edge(operand.0, user.0, slot);
    }

    /// Lets everything that used `old`, the graph's output included, use `new`, except `new` itself.
    pub fn replace_uses(&mut self, old: NodeId, new: NodeId) {
        for (user, slot) in self.uses(old) {
            if user != new {
                self.set_operand(user, slot, new);
            }
        }
        if let Some(output) = &mut self.output
            && output.node == old
        {
            output.node = new;
        }
    }

    /// Adds a one-operand operator over `id` and lets all who used `id` use it.
    ///
    /// # Errors
    /// If the operator does not fit the tensor.
    pub fn insert_after(&mut self, id: NodeId, op: Operator, origin: Origin) -> Result<NodeId, TypeError> {
        let new = self.add_node(op, &[id], origin)?;
        self.replace_uses(id, new);
        Ok(new)
    }

    /// Adds a one-operand operator between `user` and its operand `slot`.
    ///
    /// # Errors
    /// If the operator does not fit the tensor.
    ///
    /// # Panics
    /// If `user` has no such operand.
    pub fn insert_before(&mut self, user: NodeId, slot: usize, op: Operator, origin: Origin) -> Result<NodeId, TypeError> {
        let operand = self.operands(user)[slot];
        let new = self.add_node(op, &[operand], origin)?;
        self.set_operand(user, slot, new);
        Ok(new)
    }

    /// Takes a one-operand node out: its users use its operand, which takes over its origin.
    ///
    /// # Panics
    /// If the node does not have exactly one operand.
    pub fn bypass(&mut self, id: NodeId) {
        let operand = self.operand(id).expect("only a node with one operand can be bypassed");
        let origin = self[operand].origin.join(&self[id].origin);
        self.nodes[operand.0].origin = origin;
        self.replace_uses(id, operand);
        self.nodes.remove_node(id.0);
    }

    /// Removes every node that does not lead to the output, and every parameter that no node uses.
    pub fn prune(&mut self) {
        let mut live: BTreeSet<NodeId> = BTreeSet::new();
        let mut stack: Vec<NodeId> = self.output.iter().map(|o| o.node).collect();
        while let Some(id) = stack.pop() {
            if live.insert(id) {
                stack.extend(self.operands(id));
            }
        }
        // The input stays even where nothing reads it: the verifier reports that.
        self.nodes.retain_nodes(|g, n| live.contains(&NodeId(n)) || matches!(g[n].op, Operator::Input));
        let used: BTreeSet<ParamId> = self.nodes.node_weights().flat_map(|n| n.op.params()).map(|(_, p)| p).collect();
        self.params.retain(|id, _| used.contains(id));
    }

    // ---- output ----

    /// The output, once it is set.
    #[must_use]
    pub fn output(&self) -> Option<&Output> {
        self.output.as_ref()
    }

    /// Sets the output.
    pub fn set_output(&mut self, node: NodeId, name: impl Into<String>, head: Head) {
        self.output = Some(Output { node, name: name.into(), head, scale: 1.0 });
    }

    /// Says what 1 in the output's result stands for.
    ///
    /// # Panics
    /// If there is no output.
    pub fn set_output_scale(&mut self, scale: f32) {
        self.output.as_mut().expect("the caller has set an output").scale = scale;
    }

    // ---- parameters ----

    /// Adds a parameter; a taken name gets a number behind it.
    pub fn add_param(&mut self, name: impl Into<String>, tensor: Tensor, provenance: Provenance) -> ParamId {
        let mut name = name.into();
        let taken: HashSet<&str> = self.params.values().map(|p| p.name.as_str()).filter(|n| n.starts_with(&name)).collect();
        if taken.contains(name.as_str()) {
            let free = (1..).map(|k| format!("{name}.{k}")).find(|n| !taken.contains(n.as_str()));
            name = free.expect("some number is free");
        }
        let id = ParamId(self.next_param);
        self.next_param += 1;
        self.params.insert(id, Param { name, tensor, provenance });
        id
    }

    /// The parameter.
    ///
    /// # Panics
    /// If it was pruned.
    #[must_use]
    pub fn param(&self, id: ParamId) -> &Param {
        self.params.get(&id).expect("a pass only holds ids of live parameters")
    }

    /// The parameter, if it is still in the table.
    #[must_use]
    pub fn get_param(&self, id: ParamId) -> Option<&Param> {
        self.params.get(&id)
    }

    /// All parameters, ascending by id.
    pub fn params(&self) -> impl Iterator<Item = (ParamId, &Param)> {
        self.params.iter().map(|(&id, p)| (id, p))
    }

    /// Puts other values into a parameter.
    ///
    /// # Panics
    /// If it was pruned.
    pub fn set_param(&mut self, id: ParamId, tensor: Tensor, provenance: Provenance) {
        let param = self.params.get_mut(&id).expect("a pass only holds ids of live parameters");
        param.tensor = tensor;
        param.provenance = provenance;
    }

    /// Makes sure that `node` alone uses its parameter of that role, copying it if others do, so that it can be changed.
    ///
    /// # Panics
    /// If the node has no such parameter.
    pub fn own_param(&mut self, node: NodeId, role: &str) -> ParamId {
        let id = self.nodes[node.0].op.params().into_iter().find(|(r, _)| *r == role).expect("the caller knows the operator").1;
        let users = self.nodes.node_weights().flat_map(|n| n.op.params()).filter(|&(_, p)| p == id).count();
        if users == 1 {
            return id;
        }
        let Param { name, tensor, provenance } = self.param(id).clone();
        let copy = self.add_param(name, tensor, provenance);
        for (r, slot) in self.nodes[node.0].op.params_mut() {
            if r == role {
                *slot = copy;
            }
        }
        copy
    }

    // ---- for the verifier ----

    /// Incoming edges of a node as (slot, operand), unsorted.
    pub(crate) fn incoming(&self, id: NodeId) -> impl Iterator<Item = (usize, NodeId)> {
        self.nodes.edges_directed(id.0, Direction::Incoming).map(|e| (*e.weight(), NodeId(e.source())))
    }

    /// The parameter table, for tests to break: no edit above can make two names equal or lose a parameter that is used.
    #[cfg(test)]
    pub(crate) fn table_mut(&mut self) -> &mut BTreeMap<ParamId, Param> {
        &mut self.params
    }
}

impl std::ops::Index<NodeId> for Graph {
    type Output = Node;

    /// # Panics
    /// If the node was removed.
    fn index(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
}
