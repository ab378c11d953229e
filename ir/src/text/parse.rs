//! Text to graph: first the statements as written, then the graph, whose parameters must stand before its nodes can.

use super::{
    ParseError,
    attributes::{self, Attributes, Value},
    cursor::Parser,
    lex::{self, Position, Token},
    values,
};
use crate::{
    graph::{Graph, Head, NodeId, Origin},
    op::Operator,
    param::{ParamId, Provenance, Tensor},
    phase::Phase,
    types::{Dims, Element, TensorType},
};
use std::collections::BTreeMap;

/// All parameters of one text together have at most this many entries: a line must not be able to ask for all memory.
const MOST_ENTRIES: usize = 1 << 26;

/// The graph that `text` describes. Every type is checked against what the operator makes of its operands; whether the
/// graph as a whole holds together is for [`crate::verify()`] to say.
///
/// # Errors
/// If the text does not follow the form of [`super`], an operator does not fit its operands, or a tensor is only summarised
/// (`dense(..)`). No text makes it panic.
pub fn parse(text: &str) -> Result<Graph, ParseError> {
    let mut parser = Parser::new(text)?;
    parser.skip_newlines();
    parser.keyword("graph")?;
    let (_, name) = parser.param_name()?;
    let phase = parser.one_of("a phase", &Phase::ALL.map(|phase| (phase.name(), phase)))?;
    parser.mark('{', "`{`")?;
    let mut graph = Graph::new(name, phase);
    let mut nodes = Vec::new();
    let mut output = None;
    let mut params = BTreeMap::new();
    loop {
        parser.skip_newlines();
        let (at, token) = parser.peek();
        match token {
            Token::Mark('%') => nodes.push(parser.node()?),
            Token::Mark('@') => {
                let (name, tensor, provenance) = parser.param()?;
                if params.contains_key(&name) {
                    return Err(at.error(format!("the parameter `@{}` is given twice", lex::name(&name))));
                }
                let id = graph.add_param(name.clone(), tensor, provenance);
                params.insert(name, id);
            }
            Token::Word(word) if word == "output" => {
                if output.is_some() {
                    return Err(at.error("the output is given twice"));
                }
                output = Some(parser.output()?);
            }
            Token::Mark('}') => break,
            other => return Err(at.error(format!("a node (`%`), `output`, a parameter (`@`) or `}}` should stand here, not {other}"))),
        }
    }
    parser.bump();
    parser.skip_newlines();
    let (at, token) = parser.peek();
    if *token != Token::End {
        return Err(at.error(format!("nothing may follow the graph, but {token} does")));
    }

    let made = add_nodes(&mut graph, nodes, &params)?;
    if let Some(OutputLine { node: (at, number), name, head, scale }) = output {
        let id = *made.get(&number).ok_or_else(|| at.error(format!("there is no node `%{number}`")))?;
        graph.set_output(id, name, head);
        graph.set_output_scale(scale);
    }
    Ok(graph)
}

/// Adds the nodes in their order; returns them by the number that the text gives them.
fn add_nodes(graph: &mut Graph, nodes: Vec<NodeLine>, params: &BTreeMap<String, ParamId>) -> Result<BTreeMap<usize, NodeId>, ParseError> {
    let mut made = BTreeMap::new();
    for mut node in nodes {
        let find = |&(at, number): &(Position, usize)| {
            made.get(&number).copied().ok_or_else(|| at.error(format!("`%{number}` is not made above this line")))
        };
        let operands = node.operands.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let find = |(at, name): &(Position, String)| {
            params.get(name).copied().ok_or_else(|| at.error(format!("there is no parameter `@{}`", lex::name(name))))
        };
        let roles = node.params.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let op = attributes::operator(&mut node.attributes, &roles, &node.ty.dims)?;
        let op_at = node.attributes.owner.0;
        let id = if matches!(op, Operator::Input) {
            if !operands.is_empty() {
                return Err(op_at.error("`input` takes no operand"));
            }
            graph.add_input(node.ty, node.origin)
        } else {
            let id = graph.add_node(op, &operands, node.origin).map_err(|error| op_at.error(error.to_string()))?;
            let ty = &graph[id].ty;
            if *ty != node.ty {
                return Err(node.ty_at.error(format!("the type is {} and should be {ty}", node.ty)));
            }
            id
        };
        if made.insert(node.number, id).is_some() {
            return Err(node.at.error(format!("`%{}` is made twice", node.number)));
        }
    }
    Ok(made)
}

/// `%1 = add %0, %0 : f32[1x4] "/add"`
struct NodeLine {
    at: Position,
    number: usize,
    operands: Vec<(Position, usize)>,
    params: Vec<(Position, String)>,
    attributes: Attributes,
    ty_at: Position,
    ty: TensorType,
    origin: Origin,
}

/// `output %1 "y" {head=softmax}`
struct OutputLine {
    node: (Position, usize),
    name: String,
    head: Head,
    scale: f32,
}

impl Parser {
    // ---- statements ----

    fn node(&mut self) -> Result<NodeLine, ParseError> {
        let (at, number) = self.node_number()?;
        self.mark('=', "`=`")?;
        let owner = self.word("the name of an operator")?;
        let (mut operands, mut params) = (Vec::new(), Vec::new());
        loop {
            match self.peek().1 {
                Token::Mark('%') if params.is_empty() => operands.push(self.node_number()?),
                Token::Mark('%') => return Err(self.unexpected("a parameter (`@`), since operands come before parameters,")),
                Token::Mark('@') => params.push(self.param_name()?),
                // Only behind a comma is something missing here.
                _ if operands.is_empty() && params.is_empty() => break,
                _ => return Err(self.unexpected("an operand (`%`) or a parameter (`@`)")),
            }
            if !self.take(',') {
                break;
            }
        }
        let attributes = self.attributes(owner)?;
        self.mark(':', "`:` and the type of the result")?;
        let (ty_at, ty) = self.ty()?;
        let mut origin = Origin::default();
        if matches!(self.peek().1, Token::Quoted(_)) {
            origin.0.push(self.quoted("the name of an ONNX node, in quotes,")?);
            while self.take('+') {
                origin.0.push(self.quoted("the name of another ONNX node, in quotes,")?);
            }
        }
        self.end_of_line()?;
        Ok(NodeLine { at, number, operands, params, attributes, ty_at, ty, origin })
    }

    fn output(&mut self) -> Result<OutputLine, ParseError> {
        let (at, word) = self.word("`output`")?;
        let node = self.node_number()?;
        let name = self.quoted("the name of the output, in quotes,")?;
        let mut attributes = self.attributes((at, word))?;
        let heads = Head::ALL.map(|head| (head.name(), head));
        let head = attributes.choice("head", &heads)?.unwrap_or_default();
        let scale = attributes.float("scale")?.unwrap_or(1.0);
        attributes.finish()?;
        self.end_of_line()?;
        Ok(OutputLine { node, name, head, scale })
    }

    fn param(&mut self) -> Result<(String, Tensor, Provenance), ParseError> {
        let (_, name) = self.param_name()?;
        self.mark(':', "`:` and the type")?;
        let (ty_at, TensorType { element, dims }) = self.ty()?;
        if element != Element::F32 {
            return Err(ty_at.error("a parameter is always f32"));
        }
        // `ty` has checked that this does not overflow.
        let len: usize = dims.iter().product();
        self.entries = self.entries.saturating_add(len);
        if self.entries > MOST_ENTRIES {
            return Err(ty_at.error(format!("the parameters have more than {MOST_ENTRIES} entries together")));
        }
        self.mark('=', "`=` and the values")?;
        let data = self.values(&name, len)?;
        use Provenance::{Derived, Fixed, Source, Trained};
        let provenance = self.one_of(
            "a provenance",
            &[Source, Derived, Trained, Fixed].map(|p| (p.to_string(), p)).each_ref().map(|(n, p)| (n.as_str(), *p)),
        )?;
        self.end_of_line()?;
        Ok((name, Tensor::new(dims, data), provenance))
    }

    fn values(&mut self, name: &str, len: usize) -> Result<Vec<f32>, ParseError> {
        let (at, token) = self.peek();
        match token {
            Token::Mark('[') => {
                let data: Vec<f32> = self
                    .list(|parser| {
                        let (at, word) = parser.word("a number")?;
                        values::parse_float(&word, at)
                    })?
                    .into_iter()
                    .collect();
                if data.len() != len {
                    return Err(at.error(format!("{} values are given for {len} entries", data.len())));
                }
                Ok(data)
            }
            Token::Word(word) => match word.as_str() {
                "splat" => self.call::<1>().and_then(|[(at, value)]| Ok(vec![values::parse_float(&value, at)?; len])),
                "ramp" => {
                    let [(start_at, start), (step_at, step)] = self.call()?;
                    Ok(values::ramp(len, values::parse_float(&start, start_at)?, values::parse_float(&step, step_at)?))
                }
                "noise" => {
                    let [(seed_at, seed), (scale_at, scale)] = self.call()?;
                    let seed = seed.parse().map_err(|_| seed_at.error(format!("the seed `{seed}` is no whole number of 64 bits")))?;
                    Ok(values::noise(len, seed, values::parse_float(&scale, scale_at)?))
                }
                "dense" => Err(at.error(format!(
                    "`dense(..)` only summarises the values of `@{}`: write them as a list, or use `splat`, `ramp` or `noise`",
                    lex::name(name)
                ))),
                _ => Err(self.unexpected("`[`, `splat`, `ramp` or `noise`")),
            },
            _ => Err(self.unexpected("`[`, `splat`, `ramp` or `noise`")),
        }
    }

    /// `name(a, b)` with `N` arguments.
    fn call<const N: usize>(&mut self) -> Result<[(Position, String); N], ParseError> {
        let (at, name) = self.word("a generator")?;
        self.mark('(', "`(`")?;
        let mut arguments = vec![self.word("a number")?];
        while self.take(',') {
            arguments.push(self.word("a number")?);
        }
        self.mark(')', "`,` or `)`")?;
        let count = arguments.len();
        arguments.try_into().map_err(|_| at.error(format!("`{name}` takes {N} arguments, not {count}")))
    }

    // ---- parts of statements ----

    fn attributes(&mut self, owner: (Position, String)) -> Result<Attributes, ParseError> {
        let mut attributes = Attributes { owner, list: BTreeMap::new() };
        if !self.take('{') {
            return Ok(attributes);
        }
        loop {
            let (at, name) = self.word("the name of an attribute")?;
            self.mark('=', "`=` and the attribute's value")?;
            let value =
                if matches!(self.peek().1, Token::Mark('[')) { Value::Many(self.list(Self::entry)?) } else { Value::One(self.entry()?) };
            if attributes.list.contains_key(&name) {
                return Err(at.error(format!("the attribute `{name}` is given twice")));
            }
            attributes.list.insert(name, (at, value));
            if !self.take(',') {
                self.mark('}', "`,` or `}`")?;
                return Ok(attributes);
            }
        }
    }

    /// `a` or `a:b:c`.
    fn entry(&mut self) -> Result<attributes::Entry, ParseError> {
        let mut entry = vec![self.word("a value")?.1];
        while self.take(':') {
            entry.push(self.word("a value")?.1);
        }
        Ok(entry)
    }

    /// `[a, b, ..]`, maybe empty.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, ParseError>) -> Result<Vec<T>, ParseError> {
        self.mark('[', "`[`")?;
        let mut items = Vec::new();
        if self.take(']') {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if !self.take(',') {
                self.mark(']', "`,` or `]`")?;
                return Ok(items);
            }
        }
    }

    /// `f32[1x2x3]`; the number of its entries is at most [`attributes::LARGEST`].
    fn ty(&mut self) -> Result<(Position, TensorType), ParseError> {
        let at = self.peek().0;
        let elements = [Element::F32, Element::Spike];
        let names = elements.map(|element| element.to_string());
        let element = self.one_of("an element type", &[(names[0].as_str(), elements[0]), (names[1].as_str(), elements[1])])?;
        self.mark('[', "`[` and the shape")?;
        let mut dims = Vec::new();
        if !self.take(']') {
            let (at, shape) = self.word("a shape such as `1x3x8x8`")?;
            for dim in shape.split('x') {
                dims.push(attributes::integer(dim, at)?);
            }
            self.mark(']', "`]`")?;
        }
        let len = dims.iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim));
        if len.is_none_or(|len| len > attributes::LARGEST) {
            return Err(at.error(format!("the shape {} has too many entries", Dims(&dims))));
        }
        Ok((at, TensorType { element, dims }))
    }

    /// `%12`
    fn node_number(&mut self) -> Result<(Position, usize), ParseError> {
        let at = self.mark('%', "a node (`%`)")?;
        let (word_at, word) = self.word("the number of a node")?;
        Ok((at, attributes::integer(&word, word_at)?))
    }

    /// `@name` or `@"name"`
    fn param_name(&mut self) -> Result<(Position, String), ParseError> {
        let at = self.mark('@', "`@` and a name")?;
        if matches!(self.peek().1, Token::Quoted(_)) {
            return Ok((at, self.quoted("a name")?));
        }
        let (word_at, name) = self.word("a name")?;
        if lex::is_plain(&name) { Ok((at, name)) } else { Err(word_at.error(format!("the name `{name}` must stand in quotes"))) }
    }
}
