//! The head: what a classifier does to its scores at the very end.
//!
//! Rules make nodes of a softmax or sigmoid wherever only head operators lead from it to the output (`order::tail`). Here
//! all of that is read as one thing: every entry of the output must be `factor · p + offset` for an entry `p` of a softmax,
//! its logarithm, or a sigmoid. What that makes of the scores decides:
//!
//! | output | is |
//! |---|---|
//! | all entries of a softmax, in any order | that softmax, or its logarithm |
//! | entries of sigmoids | these sigmoids |
//! | one entry of a softmax over two scores | the sigmoid of their difference |
//! | `1 - p` and `p`, in any order | the softmax over 0 and the score of `p` |
//!
//! each times a positive factor, which is left out: it changes no class. So is a bound that only keeps logarithms from
//! infinity, and a rounding to small steps, as quantised networks have it. Whatever else there is would change classes, and is refused: no softmax or sigmoid stays inside of a network.

use super::{
    cx::Cx,
    problem::{Outcome, Problem, malformed, unsupported_use},
    proto::Model,
};
use snnc_ir::{NodeId, Operator, Origin, Tensor, types::broadcast_index};
use std::collections::{BTreeMap, BTreeSet};

/// Bounds this near to the ends of the range of probabilities are guards, as before a logarithm.
const GUARD: f64 = 1e-3;

/// Probabilities that are rounded to steps up to this are still probabilities: those of 4-bit integers.
const COARSEST: f64 = 1.0 / 15.0;

/// Relative difference of factors and offsets that are the same up to rounding.
const ROUNDING: f64 = 1e-5;

/// No classifier has more scores than this.
const MAX_SCORES: usize = 1 << 20;

/// Scores that are picked or subtracted by a matrix of more entries than this are not those of a classifier.
const MAX_MATRIX: usize = 1 << 22;

/// `factor · p + offset`, with `p` an entry of what a softmax or sigmoid makes.
#[derive(Clone, Copy, Debug)]
struct Term {
    source: NodeId,
    entry: usize,
    factor: f64,
    offset: f64,
    /// The largest step to which it was rounded, in units of `p`.
    step: f64,
}

impl Term {
    fn map(self, factor: f64, offset: f64) -> Self {
        Self { factor: self.factor * factor, offset: self.offset * factor + offset, ..self }
    }

    /// Rounded to whole numbers, if these are near to each other.
    fn rounded(self) -> Option<Self> {
        let step = 1.0 / self.factor.abs();
        (step <= COARSEST).then_some(Self { step: self.step.max(step), ..self })
    }
}

/// One score of the head: entries of operands of the sources, each times a number.
type Score = Vec<(NodeId, usize, f32)>;

/// A head that was recognised.
struct Recognised {
    op: Operator,
    scores: Vec<Score>,
    /// What is added to every entry of the head, in units of its factor.
    offset: f64,
}

/// Lets the graph end in the head over a row of scores, where there is a head; else gives `output` back.
///
/// # Errors
/// If the network ends in something that is no head. `model` knows the tensors' names.
pub(super) fn settle(cx: &mut Cx, model: &Model, output: NodeId) -> Outcome<NodeId> {
    let Some(terms) = terms(cx, output).map_err(|problem| advised(problem, cx, model, output))? else { return Ok(output) };
    let source = terms[0].source;
    let recognised = recognise(cx, &terms).ok_or_else(|| advised(not_a_head(cx, source, output), cx, model, output))?;
    let count = recognised.scores.len();
    let mut sources: Vec<NodeId> = Vec::new();
    for (source, ..) in recognised.scores.iter().flatten() {
        if !sources.contains(source) {
            sources.push(*source);
        }
    }
    let origin = sources.iter().fold(Origin::default(), |origin, &s| origin.join(&cx.graph[s].origin));
    let is_whole =
        recognised.scores.iter().enumerate().all(|(k, score)| matches!(score[..], [(s, e, f)] if s == sources[0] && e == k && f == 1.0))
            && cx.graph[sources[0]].ty.len() == count;
    if is_whole && cx.dims(sources[0]) == [1, count] && cx.graph[sources[0]].op == recognised.op {
        return Ok(sources[0]);
    }
    let mut rows = Vec::new();
    let mut starts = BTreeMap::new();
    let mut width = 0;
    for &source in &sources {
        let operand = cx.graph.operand(source).expect("a softmax or sigmoid has one operand");
        let len = cx.graph[operand].ty.len();
        rows.push(if cx.dims(operand) == [1, len] {
            operand
        } else {
            add(cx, Operator::Reshape { dims: vec![1, len] }, &[operand], &origin)?
        });
        starts.insert(source, width);
        width += len;
    }
    let mut scores = match rows[..] {
        [one] => one,
        _ => add(cx, Operator::Concat { axis: 1 }, &rows, &origin)?,
    };
    if !is_whole {
        if count.saturating_mul(width) > MAX_MATRIX {
            return Err(advised(not_a_head(cx, source, output), cx, model, output));
        }
        let mut matrix = vec![0.0; count * width];
        for (row, score) in matrix.chunks_mut(width).zip(&recognised.scores) {
            score.iter().for_each(|(source, entry, factor)| row[starts[source] + entry] += factor);
        }
        let weight = cx.fixed_param(format!("{origin}.scores"), Tensor::new([count, width], matrix));
        scores = add(cx, Operator::Linear { weight, bias: None }, &[scores], &origin)?;
    }
    add(cx, recognised.op, &[scores], &origin)
}

/// Whether the entries of an activation are probabilities of classes, which sum to 1 up to a factor.
pub(super) fn is_distribution(cx: &Cx, id: NodeId) -> Outcome<bool> {
    let Some(terms) = terms(cx, id)? else { return Ok(false) };
    Ok(recognise(cx, &terms).is_some_and(|head| matches!(head.op, Operator::Softmax { .. }) && same(head.offset, 0.0)))
}

fn add(cx: &mut Cx, op: Operator, operands: &[NodeId], origin: &Origin) -> Outcome<NodeId> {
    Ok(cx.graph.add_node(op, operands, origin.clone()).map_err(|error| malformed(error.0))?)
}

fn is_source(op: &Operator) -> bool {
    matches!(op, Operator::Softmax { .. } | Operator::LogSoftmax { .. } | Operator::Sigmoid)
}

/// The entries of `output` as terms; nothing where no softmax or sigmoid leads to it.
fn terms(cx: &Cx, output: NodeId) -> Outcome<Option<Vec<Term>>> {
    let graph = &cx.graph;
    let mut live = BTreeSet::new();
    let mut stack = vec![output];
    while let Some(id) = stack.pop() {
        if live.insert(id) {
            stack.extend(graph.operands(id));
        }
    }
    if live.iter().all(|&id| !is_source(&graph[id].op)) {
        return Ok(None);
    }
    let mut known: BTreeMap<NodeId, Vec<Term>> = BTreeMap::new();
    for id in graph.topological().into_iter().filter(|id| live.contains(id)) {
        let operands = graph.operands(id);
        let of_operands: Vec<&Vec<Term>> = operands.iter().filter_map(|o| known.get(o)).collect();
        let result = match (&of_operands[..], is_source(&graph[id].op)) {
            ([], false) => continue,
            _ if graph[id].ty.len() > MAX_SCORES => {
                return Err(not_a_head(cx, of_operands.first().map_or(id, |terms| terms[0].source), id));
            }
            ([], true) => (0..graph[id].ty.len()).map(|entry| Term { source: id, entry, factor: 1.0, offset: 0.0, step: 0.0 }).collect(),
            ([first, ..], _) => {
                let result = if of_operands.len() == operands.len() { behind(cx, id, &of_operands) } else { None };
                result.ok_or_else(|| not_a_head(cx, first[0].source, id))?
            }
        };
        known.insert(id, result);
    }
    Ok(known.remove(&output))
}

/// What an operator makes of terms, if it makes terms of them.
fn behind(cx: &Cx, id: NodeId, operands: &[&Vec<Term>]) -> Option<Vec<Term>> {
    let graph = &cx.graph;
    let x = operands[0];
    let dims = || &graph[graph.operands(id)[0]].ty.dims;
    let entries = |param| {
        let tensor = &graph.param(param).tensor;
        broadcast_index(&tensor.dims, &graph[id].ty.dims).into_iter().map(|i| f64::from(tensor.data[i])).collect::<Vec<_>>()
    };
    let bounded = |min: f64, max: f64| x.iter().all(|term| is_guard(graph, term, min, max)).then(|| x.clone());
    match &graph[id].op {
        Operator::Reshape { .. } => Some(x.clone()),
        Operator::Slice { ranges } => {
            let axes =
                ranges.iter().zip(strides(dims())).map(|(&(start, step, len), stride)| (start * stride, step * stride as isize, len));
            Some(places(axes).into_iter().map(|i| x[i]).collect())
        }
        Operator::Transpose { permutation } => {
            let strides = strides(dims());
            let axes = permutation.iter().map(|&axis| (0, strides[axis] as isize, dims()[axis]));
            Some(places(axes).into_iter().map(|i| x[i]).collect())
        }
        Operator::Concat { axis } => {
            let lines: usize = dims()[..*axis].iter().product();
            let part = |terms: &Vec<Term>, line: usize| terms[line * (terms.len() / lines)..][..terms.len() / lines].to_vec();
            Some((0..lines).flat_map(|line| operands.iter().flat_map(move |terms| part(terms, line))).collect())
        }
        Operator::Scale { factor } => Some(x.iter().zip(entries(*factor)).map(|(term, f)| term.map(f, 0.0)).collect()),
        Operator::Shift { offset } => Some(x.iter().zip(entries(*offset)).map(|(term, b)| term.map(1.0, b)).collect()),
        Operator::Round => x.iter().map(|term| term.rounded()).collect(),
        Operator::Relu => bounded(0.0, f64::INFINITY),
        Operator::Clip { min, max } => bounded(f64::from(*min), f64::from(*max)),
        _ => None,
    }
}

fn strides(dims: &[usize]) -> Vec<usize> {
    (0..dims.len()).map(|axis| dims[axis + 1..].iter().product()).collect()
}

/// Places in row-major order, given by axis: the first, the way from one to the next, how many.
fn places(axes: impl Iterator<Item = (usize, isize, usize)>) -> Vec<usize> {
    axes.fold(vec![0], |places, (start, step, len)| {
        let along = |base: usize| (0..len as isize).map(move |k| (base as isize + start as isize + k * step) as usize);
        places.into_iter().flat_map(along).collect()
    })
}

/// Whether bounds leave a term as it is, but for probabilities next to 0 and 1, or less than a step away from them.
fn is_guard(graph: &snnc_ir::Graph, term: &Term, min: f64, max: f64) -> bool {
    let guard = GUARD.max(term.step);
    let range = match graph[term.source].op {
        Operator::LogSoftmax { .. } => [guard.ln(), -term.step],
        _ => [guard, 1.0 - guard],
    };
    range.into_iter().map(|p| term.factor * p + term.offset).all(|v| min <= v && v <= max)
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs()).max(1.0)
}

/// The head whose entries these are.
fn recognise(cx: &Cx, terms: &[Term]) -> Option<Recognised> {
    whole_softmax(cx, terms).or_else(|| sigmoids(cx, terms))
}

/// All entries of one softmax, in any order.
fn whole_softmax(cx: &Cx, terms: &[Term]) -> Option<Recognised> {
    let first = terms[0];
    let source = &cx.graph[first.source];
    let (op, axis) = match source.op {
        Operator::Softmax { axis } => (Operator::Softmax { axis: 1 }, axis),
        Operator::LogSoftmax { axis } => (Operator::LogSoftmax { axis: 1 }, axis),
        _ => return None,
    };
    let entries: BTreeSet<usize> = terms.iter().map(|t| t.entry).collect();
    let alike = |t: &Term| {
        t.source == first.source && same(t.factor / first.factor, 1.0) && same(t.offset / first.factor, first.offset / first.factor)
    };
    let is_whole = source.ty.dims[axis] == source.ty.len() && entries.len() == source.ty.len() && terms.len() == entries.len();
    // A softmax over one score is 1 whatever the image.
    (is_whole && terms.len() > 1 && first.factor > 0.0 && terms.iter().all(alike)).then(|| Recognised {
        op,
        scores: terms.iter().map(|t| vec![(t.source, t.entry, 1.0)]).collect(),
        offset: first.offset / first.factor,
    })
}

/// Sigmoids, each of an entry or, from a softmax over two, of a difference; `1 - p` being the sigmoid of the score turned round.
fn sigmoids(cx: &Cx, terms: &[Term]) -> Option<Recognised> {
    let mut scores = Vec::new();
    let mut first = None;
    for term in terms {
        let sign = if term.factor > 0.0 { 1.0 } else { -1.0 };
        let source = &cx.graph[term.source];
        scores.push(match source.op {
            Operator::Sigmoid => vec![(term.source, term.entry, sign)],
            Operator::Softmax { axis } if source.ty.dims[axis] == 2 => {
                let stride = strides(&source.ty.dims)[axis];
                let other = if (term.entry / stride).is_multiple_of(2) { term.entry + stride } else { term.entry - stride };
                // In the order of the file, so that one score turned round is the same with other signs.
                let mut pair = vec![(term.source, term.entry, sign), (term.source, other, -sign)];
                pair.sort_by_key(|(_, entry, _)| *entry);
                pair
            }
            _ => return None,
        });
        let (factor, offset) = (term.factor.abs(), term.offset + term.factor.min(0.0));
        let (f, b) = *first.get_or_insert((factor, offset / factor));
        if factor == 0.0 || !same(factor / f, 1.0) || !same(offset / f, b) {
            return None;
        }
    }
    let (_, offset) = first?;
    let turned = |score: &Score| score.iter().map(|&(s, e, f)| (s, e, -f)).collect::<Score>();
    match &scores[..] {
        // One probability says the class by where it stands to a half, one from -1 to 1 by its sign: not one to another offset.
        [_] if !same(offset, 0.0) && !same(offset, -0.5) => None,
        [first, second] if turned(first) == *second => {
            Some(Recognised { op: Operator::Softmax { axis: 1 }, scores: vec![Vec::new(), second.clone()], offset })
        }
        _ => Some(Recognised { op: Operator::Sigmoid, scores, offset }),
    }
}

/// The problem with what stands at `node` behind a softmax or sigmoid.
fn not_a_head(cx: &Cx, source: NodeId, node: NodeId) -> Problem {
    let graph = &cx.graph;
    let operator = match graph[source].op {
        Operator::Sigmoid => "Sigmoid",
        Operator::LogSoftmax { .. } => "LogSoftmax",
        _ => "Softmax",
    };
    let problem = match graph[source].op {
        Operator::Softmax { axis } | Operator::LogSoftmax { axis } if graph[source].ty.dims[axis] == 1 => {
            unsupported_use(format!("operator `{operator}` over one score")).note("its result is the same for every image")
        }
        _ => unsupported_use(format!("what follows operator `{operator}` cannot be left to the reader of the spikes"))
            .note("at the end of a network, probabilities may be scaled, put in another order, or be those of one class of two"),
    };
    problem.at(graph[node].origin.to_string()).into()
}

/// Adds how the scores before the head can be had.
fn advised(problem: Problem, cx: &Cx, model: &Model, output: NodeId) -> Problem {
    let mut stack = vec![output];
    let mut source = None;
    let mut seen = BTreeSet::new();
    while let Some(id) = stack.pop() {
        if is_source(&cx.graph[id].op) {
            source = Some(id);
            break;
        }
        if seen.insert(id) {
            stack.extend(cx.graph.operands(id));
        }
    }
    let origin = source.and_then(|id| cx.graph[id].origin.0.first());
    let scores = origin.and_then(|name| model.nodes.iter().find(|n| n.name == *name)).and_then(|n| n.inputs.first());
    match scores {
        Some(scores) => Box::new(problem.help(format!("convert up to the scores before it with `--output {scores}`"))),
        None => problem,
    }
}
