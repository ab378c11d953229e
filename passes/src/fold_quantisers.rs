//! `fold-quantisers`: of rounded activations, each is rounded once, and by no more than it takes.
//!
//! Quantised networks round wherever an integer kernel would hand on its result: behind rectifiers and before them, and again behind
//! what only moves entries. A neuron stands for every rounding, and one for every rectifier.
//!
//! Requires: a graph in phase `Imported` or `Canonical`, after `fold-floor`.
//! Leaves: no `clip_floor_shift` that changes nothing, since what it reads lies on its steps already; none with steps that its operand
//! never reaches from below; no bound right before or behind one, but for a shift, unless it is between two steps there or others read
//! what it bounds. So those that went below 0, which takes a shift before and one behind, begin at 0 where there was a rectifier. The
//! shift behind has moved on, behind the layer that reads the steps.
//! Keeps: the function up to rounding, but for values half-way between two steps. Where those come in numbers, in means of steps, they go
//! to the lower one; ONNX has them go to the even one, which no threshold can, and ONNX Runtime's means are off by a rounding error, which
//! decides. A bound `a` before the steps is one of them behind:
//! `steps(min(x, a)) = min(steps(x), steps(a))`, since both keep the order.

use crate::{
    About, Changed, Pass, PassCx, PassError,
    rewrite::{
        affine::one_number,
        bounds::{limits, lower_bounds},
        grid::{Grid, NEAR, grids},
        offset,
    },
};
use snnc_ir::{Graph, NodeId, Operator, Origin, Phase, Provenance, Tensor};

pub struct FoldQuantisers;

/// Means over more values than this are as good as continuous: 32-bit floats do not tell them apart.
const FINEST: f64 = 4096.0;

/// Relative error of a sum that was 0 before its terms were rounded.
const ROUNDING: f64 = 1e-5;

impl Pass for FoldQuantisers {
    fn about(&self) -> About {
        About { name: "fold-quantisers", accepts: Phase::Imported..=Phase::Canonical, is_required: false }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            while let Some(Quantiser { max, levels }) = Quantiser::at(graph, node) {
                let round = repeats(graph, node, max, levels)
                    || bounded_behind(graph, node)?
                    || bounded_before(graph, node)?
                    || beside_ties(graph, node)?;
                changed |= round;
                if !round {
                    break;
                }
            }
        }
        for node in graph.topological() {
            changed |= hand_on(graph, node)?;
        }
        Ok(changed.into())
    }
}

/// Lets what is added to steps, so that they go below 0, be added behind the layer that reads them.
fn hand_on(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let is_behind = |user: &NodeId| matches!(graph[*user].op, Operator::Shift { .. });
    let behind: Vec<NodeId> = match graph.get(node).map(|n| &n.op) {
        Some(Operator::ClipFloorShift { .. }) => graph.uses(node).into_iter().map(|(user, _)| user).filter(is_behind).collect(),
        _ => return Ok(false),
    };
    let mut moved = false;
    for shift in behind {
        let before = graph.uses(shift);
        offset::sink(graph, shift)?;
        moved |= graph.get(shift).is_none() || graph.uses(shift) != before;
    }
    Ok(moved)
}

/// A `clip_floor_shift`.
#[derive(Clone, Copy)]
struct Quantiser {
    max: f32,
    levels: u32,
}

impl Quantiser {
    fn at(graph: &Graph, node: NodeId) -> Option<Self> {
        match graph.get(node)?.op {
            Operator::ClipFloorShift { max, levels } => Some(Self { max, levels }),
            _ => None,
        }
    }

    fn step(self) -> f64 {
        f64::from(self.max) / f64::from(self.levels)
    }

    /// Whether steps of another, shifted, are steps of this one, had it no ends.
    fn has_steps_of(self, other: Self, offset: f64) -> bool {
        let [low, high] = [offset, offset + f64::from(other.max)];
        let endless = Grid { step: self.step(), low: low.min(0.0), high: high.max(f64::from(self.max)) };
        endless.goes_through(0.0) && endless.holds(&Grid { step: other.step(), low, high })
    }

    /// The step that an operand of `x` makes; infinite ones are fine.
    fn count(self, x: f64) -> u32 {
        (x / self.step() + 0.5).floor().clamp(0.0, f64::from(self.levels)) as u32
    }
}

/// What a shift of one number right before `node` adds, and where it takes it from.
fn shifted(graph: &Graph, node: NodeId) -> (NodeId, f64) {
    let operand = graph.operand(node).expect("a quantiser or rectifier has one operand");
    match (offset_of(graph, operand), graph.operand(operand)) {
        (Some(offset), Some(source)) => (source, offset),
        _ => (operand, 0.0),
    }
}

/// The number that `node` adds, if it is a shift of one.
fn offset_of(graph: &Graph, node: NodeId) -> Option<f64> {
    match graph[node].op {
        Operator::Shift { offset } => one_number(graph, offset).map(f64::from),
        _ => None,
    }
}

/// Whether a sum is 0 but for rounding, `term` being what went into it.
fn is_zero(sum: f64, term: f64) -> bool {
    sum.abs() <= ROUNDING * term.abs()
}

/// Takes a quantiser out whose operand lies on its steps, between its ends.
fn repeats(graph: &mut Graph, node: NodeId, max: f32, levels: u32) -> bool {
    let operand = graph.operand(node).expect("a quantiser has one operand");
    let own = Grid { step: f64::from(max) / f64::from(levels), low: 0.0, high: max.into() };
    let changes_nothing = grids(graph).get(&operand).is_some_and(|grid| own.holds(grid));
    if changes_nothing {
        // What was added before is mostly taken off behind.
        let (source, before) = shifted(graph, node);
        if let Some(behind) = graph.only_user(node)
            && let Some(offset) = offset_of(graph, behind)
            && is_zero(before + offset, before)
        {
            graph.bypass(behind);
            graph.set_operand(node, 0, source);
        }
        graph.bypass(node);
    }
    changes_nothing
}

/// Takes in the rectifier that alone reads what the quantiser makes, whose bounds are steps or beyond them.
fn bounded_behind(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let quantiser = Quantiser::at(graph, node).expect("the caller has seen it");
    let Some(mut rectifier) = graph.only_user(node) else { return Ok(false) };
    if matches!(graph[rectifier].op, Operator::Shift { .. }) {
        let Some(next) = graph.only_user(rectifier) else { return Ok(false) };
        rectifier = next;
    }
    if !graph[rectifier].op.is_rectifier() {
        return Ok(false);
    }
    let (source, offset) = shifted(graph, rectifier);
    let bounds = match Quantiser::at(graph, rectifier) {
        // One whose steps these are already only bounds them.
        Some(other) => Some((0.0, other.max)).filter(|_| other.has_steps_of(quantiser, offset)),
        None => limits(&graph[rectifier].op),
    };
    let Some((min, max)) = bounds.filter(|_| source == node) else { return Ok(false) };
    let ends = [min, max].map(|bound| (f64::from(bound) - offset) / quantiser.step());
    let top = f64::from(quantiser.levels);
    if ends.iter().any(|&end| (0.0..top).contains(&end) && (end - end.round()).abs() > NEAR) {
        return Ok(false);
    }
    let [first, last] = ends.map(|end| end.round().clamp(0.0, top) as u32);
    if first >= last {
        return Ok(false);
    }
    graph.bypass(rectifier);
    narrow(graph, node, first, last)?;
    Ok(true)
}

/// Takes in the rectifier right before the quantiser, and steps go that the operand never reaches.
fn bounded_before(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let quantiser = Quantiser::at(graph, node).expect("the caller has seen it");
    let (source, offset) = shifted(graph, node);
    let least = lower_bounds(graph)[&source];
    let (min, max) = limits(&graph[source].op).unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
    let [first, last] = [min.max(least), max].map(|bound| quantiser.count(f64::from(bound) + offset));
    let is_rectifier = limits(&graph[source].op).is_some();
    if first >= last || (!is_rectifier && first == 0) {
        return Ok(false);
    }
    if is_rectifier {
        let operand = graph.operand(source).expect("a rectifier has one operand");
        let before = graph.operand(node).expect("a quantiser has one operand");
        if before == source {
            graph.set_operand(node, 0, operand);
        } else {
            // Others may read the shift.
            let op = graph[before].op.clone();
            let shift = graph.add_node(op, &[operand], graph[before].origin.clone())?;
            graph.set_operand(node, 0, shift);
        }
        let joined = graph[source].origin.join(&graph[node].origin);
        *graph.origin_mut(node) = joined;
    }
    narrow(graph, node, first, last)?;
    Ok(true)
}

/// Where the operand takes equally spaced values, as a mean of steps does, and some lie half-way between two steps, moves the steps by half
/// of that spacing: such a value then goes down, and no rounding error decides of it.
fn beside_ties(graph: &mut Graph, node: NodeId) -> Result<bool, PassError> {
    let step = Quantiser::at(graph, node).expect("the caller has seen it").step();
    let operand = graph.operand(node).expect("a quantiser has one operand");
    let has_ties = |grid: &&Grid| {
        let ratio = step / grid.step;
        (1.5..FINEST).contains(&ratio)
            && (ratio - ratio.round()).abs() * (grid.high - grid.low) / step <= NEAR
            && grid.goes_through(step / 2.0)
    };
    let Some(spacing) = grids(graph).get(&operand).filter(has_ties).map(|grid| grid.step) else { return Ok(false) };
    let (source, before) = shifted(graph, node);
    let beside = shift(graph, source, before - spacing / 2.0, Origin::default())?;
    graph.set_operand(node, 0, beside);
    Ok(true)
}

/// Lets a quantiser have the steps from `first` to `last` alone.
fn narrow(graph: &mut Graph, node: NodeId, first: u32, last: u32) -> Result<(), PassError> {
    let quantiser = Quantiser::at(graph, node).expect("the caller has seen it");
    if (first, last) == (0, quantiser.levels) {
        return Ok(());
    }
    let step = quantiser.step();
    let levels = last - first;
    graph.set_op(node, Operator::ClipFloorShift { max: (step * f64::from(levels)) as f32, levels })?;
    if first == 0 {
        return Ok(());
    }
    let base = step * f64::from(first);
    // Both shifts meet those that were there, and mostly cancel them.
    let (source, before) = shifted(graph, node);
    let sum = before - base;
    let operand = if is_zero(sum, base) { source } else { shift(graph, source, sum, Origin::default())? };
    graph.set_operand(node, 0, operand);
    match graph.only_user(node).and_then(|user| Some((user, offset_of(graph, user)?))) {
        Some((behind, offset)) if is_zero(offset + base, base) => graph.bypass(behind),
        Some((behind, offset)) => {
            let offset = number(graph, behind, offset + base);
            graph.set_op(behind, Operator::Shift { offset })?;
        }
        None => {
            let offset = number(graph, node, base);
            graph.insert_after(node, Operator::Shift { offset }, Origin::default())?;
        }
    }
    Ok(())
}

fn shift(graph: &mut Graph, source: NodeId, by: f64, origin: Origin) -> Result<NodeId, PassError> {
    let offset = number(graph, source, by);
    Ok(graph.add_node(Operator::Shift { offset }, &[source], origin)?)
}

/// A parameter of one number that broadcasts over what `node` makes.
fn number(graph: &mut Graph, node: NodeId, value: f64) -> snnc_ir::ParamId {
    let ones = vec![1; graph[node].ty.dims.len()];
    graph.add_param("quantiser.base", Tensor::splat(ones, value as f32), Provenance::Source)
}
