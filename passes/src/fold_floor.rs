//! `fold-floor`: a floor between bounds and scales becomes a `clip_floor_shift`.
//!
//! Networks that are trained for conversion round their activations to a few levels: `clip(⌊x·L/λ + 1/2⌋ / L, 0, 1) · λ` in any of its
//! spellings, with `Floor` or `Round`. That is what a neuron with threshold λ computes in L time steps.
//!
//! Requires: a graph in phase `Imported`.
//! Leaves: no `floor` and no `round`: each is, with the scales, shifts and bounds around it that are one number for all entries, a
//! `clip_floor_shift`, between a scale and shifts where it does not start at 0. One that rounds without bounds is refused.
//! Keeps: the function, but for entries that lie on a step to the last bit.

use crate::{About, Changed, Pass, PassCx, PassError, rewrite::affine::one_number};
use snnc_ir::{Diagnostic, Graph, NodeId, Operator, Origin, Phase, Provenance, Tensor};

pub struct FoldFloor;

/// More steps than any training has levels.
const MOST_LEVELS: f64 = 65_535.0;

/// Relative error of a product that was 1 before it was rounded.
const ROUNDING: f64 = 1e-5;

impl Pass for FoldFloor {
    fn about(&self) -> About {
        About { name: "fold-floor", accepts: Phase::Imported..=Phase::Imported, is_required: true }
    }

    fn run(&self, graph: &mut Graph, _: &mut PassCx<'_>) -> Result<Changed, PassError> {
        let mut changed = false;
        for node in graph.topological() {
            if matches!(graph.get(node).map(|n| &n.op), Some(Operator::Floor | Operator::Round)) {
                let Some(steps) = find_steps(graph, node) else { return Err(PassError::User(unbounded(graph, node))) };
                replace(graph, node, &steps)?;
                changed = true;
            }
        }
        Ok(changed.into())
    }
}

/// A diagnostic for every floor and round of the graph that is no rectifier in steps: nothing that spikes can imitate.
#[must_use]
pub fn unbounded_floors(graph: &Graph) -> Vec<Diagnostic> {
    let is_floor = |node: &NodeId| matches!(graph[*node].op, Operator::Floor | Operator::Round);
    graph
        .topological()
        .into_iter()
        .filter(|node| is_floor(node) && find_steps(graph, *node).is_none())
        .map(|node| unbounded(graph, node))
        .collect()
}

fn unbounded(graph: &Graph, node: NodeId) -> Diagnostic {
    let name = if graph[node].op == Operator::Floor { "Floor" } else { "Round" };
    Diagnostic::error("E0102", format!("operator `{name}` has no spiking counterpart without bounds"))
        .at(graph[node].origin.to_string())
        .note("rounded activations are converted if they go from 0 to a largest value in equal steps, as in `clip(floor(x*L/a + 0.5)/L, 0, 1)*a`")
        .help("bound them by a `Clip` with numbers right before or behind the rounding, or take the rounding out of the network")
}

/// `min(max(gain · x + offset, low), high)`, the gain being positive.
#[derive(Clone, Copy, Debug)]
struct Line {
    gain: f64,
    offset: f64,
    low: f64,
    high: f64,
}

impl Line {
    const IDENTITY: Self = Self { gain: 1.0, offset: 0.0, low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// With an operator behind it, if that is one number for all entries and does not turn the order around.
    fn then(self, graph: &Graph, node: NodeId) -> Option<Self> {
        let Self { gain, offset, low, high } = self;
        match graph[node].op {
            Operator::Scale { factor } => {
                let f = f64::from(one_number(graph, factor).filter(|f| *f > 0.0)?);
                Some(Self { gain: gain * f, offset: offset * f, low: low * f, high: high * f })
            }
            Operator::Shift { offset: o } => {
                let o = f64::from(one_number(graph, o)?);
                Some(Self { gain, offset: offset + o, low: low + o, high: high + o })
            }
            Operator::Relu => Some(self.within(0.0, f64::INFINITY)),
            Operator::Clip { min, max } if min < max => Some(self.within(min.into(), max.into())),
            _ => None,
        }
    }

    fn within(self, min: f64, max: f64) -> Self {
        Self { low: self.low.clamp(min, max), high: self.high.clamp(min, max), ..self }
    }
}

/// What a floor and its surroundings compute: `base + step · min(max(⌊gain · x + offset⌋, 0), levels)`.
#[derive(Clone)]
struct Steps {
    /// Where x comes from.
    source: NodeId,
    /// The last node of it.
    end: NodeId,
    gain: f64,
    offset: f64,
    levels: u32,
    step: f64,
    base: f64,
}

fn find_steps(graph: &Graph, floor: NodeId) -> Option<Steps> {
    // Up, as long as nothing else reads what lies between.
    let mut above = Vec::new();
    let mut source = graph.operand(floor)?;
    while graph.is_read_once(source) && Line::IDENTITY.then(graph, source).is_some() {
        above.push(source);
        source = graph.operand(source)?;
    }
    let mut before = above.iter().rev().try_fold(Line::IDENTITY, |line, &node| line.then(graph, node))?;
    if graph[floor].op == Operator::Round {
        // Of numbers half-way between two, `Round` takes the even one and this the larger.
        before = Line { offset: before.offset + 0.5, low: before.low + 0.5, high: before.high + 0.5, ..before };
    }
    // Down until the result is bounded on both sides.
    let (mut behind, mut end) = (Line::IDENTITY, floor);
    loop {
        if let Some(steps) = bounded(source, end, before, behind) {
            return Some(with_scales(graph, steps));
        }
        end = graph.only_user(end)?;
        behind = behind.then(graph, end)?;
    }
}

/// With scales behind it and the shifts between them, as far as they undo the gain: the steps are then in units of x.
fn with_scales(graph: &Graph, steps: Steps) -> Steps {
    let distance = |steps: &Steps| (steps.gain * steps.step).ln().abs();
    let mut best = steps.clone();
    let mut last = steps;
    while let Some(end) = graph.only_user(last.end)
        && matches!(graph[end].op, Operator::Scale { .. } | Operator::Shift { .. })
        && let Some(Line { gain, offset, .. }) = Line::IDENTITY.then(graph, end)
    {
        last = Steps { end, step: last.step * gain, base: last.base * gain + offset, ..last };
        if distance(&last) < distance(&best) {
            best = last.clone();
        }
    }
    best
}

fn bounded(source: NodeId, end: NodeId, before: Line, behind: Line) -> Option<Steps> {
    // The whole number at which what lies behind the floor is a bound of it.
    let count = |bound: f64| {
        let n = (bound - behind.offset) / behind.gain;
        (n.is_finite() && (n - n.round()).abs() < ROUNDING * n.abs().max(1.0)).then_some(n.round())
    };
    let side = |before: f64, behind: f64, inner: fn(f64, f64) -> f64| match (before.is_finite(), behind.is_finite()) {
        (true, true) => Some(inner((before + ROUNDING).floor(), count(behind)?)),
        (true, false) => Some((before + ROUNDING).floor()),
        (false, true) => count(behind),
        (false, false) => None,
    };
    let (first, last) = (side(before.low, behind.low, f64::max)?, side(before.high, behind.high, f64::min)?);
    let levels = last - first;
    (1.0..=MOST_LEVELS).contains(&levels).then_some(Steps {
        source,
        end,
        gain: before.gain,
        offset: before.offset - first,
        levels: levels as u32,
        step: behind.gain,
        base: behind.gain * first + behind.offset,
    })
}

/// Puts a `clip_floor_shift` in the place of all that lies between the source and the end.
fn replace(graph: &mut Graph, floor: NodeId, steps: &Steps) -> Result<(), PassError> {
    let &Steps { source, end, gain, offset, levels, step, base } = steps;
    let ones = vec![1; graph[floor].ty.dims.len()];
    let name = graph[floor].origin.0.first().cloned().unwrap_or_else(|| "floor".to_owned());
    let mut origin = graph[floor].origin.clone();
    let mut at = end;
    while at != source {
        origin = graph[at].origin.join(&origin);
        at = graph.operand(at).expect("all that lies between has one operand");
    }
    let constant = |graph: &mut Graph, what: &str, value: f64| {
        graph.add_param(format!("{name}.{what}"), Tensor::splat(ones.clone(), value as f32), Provenance::Source)
    };
    let mut operand = source;
    if (gain * step - 1.0).abs() > ROUNDING {
        let factor = constant(graph, "gain", gain * step);
        operand = graph.add_node(Operator::Scale { factor }, &[operand], Origin::default())?;
    }
    let before = step * (offset - 0.5);
    if before.abs() > ROUNDING * step {
        let offset = constant(graph, "before", before);
        operand = graph.add_node(Operator::Shift { offset }, &[operand], Origin::default())?;
    }
    // The node of the floor stays: by it calibration finds the activation.
    graph.set_operand(floor, 0, operand);
    graph.set_op(floor, Operator::ClipFloorShift { max: (step * f64::from(levels)) as f32, levels })?;
    *graph.origin_mut(floor) = origin;
    if end != floor {
        graph.replace_uses(end, floor);
    }
    if base.abs() > ROUNDING * step {
        let offset = constant(graph, "base", base);
        graph.insert_after(floor, Operator::Shift { offset }, Origin::default())?;
    }
    Ok(())
}
