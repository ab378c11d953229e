//! Activations of a float network that take equally spaced values alone, as far as the operators tell.

use super::{affine::one_number, bounds::limits};
use snnc_ir::{Graph, NodeId, Operator};
use std::collections::BTreeMap;

/// How far from a step, in steps, what lies on it may be by rounding: over 65535 steps, 32-bit floats are off by as much.
pub const NEAR: f64 = 1e-2;

/// `low`, `low + step`, .. up to `high`.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Distance of the values.
    pub step: f64,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Grid {
    /// Whether all values of the other are values of this one.
    pub fn holds(&self, other: &Self) -> bool {
        let count = (other.high - other.low) / other.step;
        let ratio = other.step / self.step;
        let at = |value: f64| (value - self.low) / self.step;
        let is_whole = |v: f64, slack: f64| (v - v.round()).abs() <= slack;
        is_whole(ratio, NEAR / count.max(1.0))
            && ratio.round() >= 1.0
            && is_whole(at(other.low), NEAR)
            && is_whole(at(other.high), NEAR)
            && at(other.low) >= -NEAR
            && at(other.high) <= at(self.high) + NEAR
    }

    /// With values beyond the bounds at the bounds.
    fn within(self, min: f64, max: f64) -> Option<Self> {
        let (low, high) = (self.low.clamp(min, max), self.high.clamp(min, max));
        let narrowed = Self { low, high, ..self };
        (low < high && self.holds(&narrowed)).then_some(narrowed)
    }

    /// The smallest that holds both, if they have the same steps.
    fn joined(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.min(other.low), high: self.high.max(other.high), ..self };
        (both.holds(&self) && both.is_as_fine_as(other) && both.holds(&Self { step: self.step, ..other })).then_some(both)
    }

    /// That of sums of a value of each, if they have the same steps.
    fn plus(self, other: Self) -> Option<Self> {
        let sums = Self { low: self.low + other.low, high: self.high + other.high, ..self };
        sums.is_as_fine_as(other).then_some(sums)
    }

    /// That of means over so many values.
    fn mean_of(self, count: usize) -> Self {
        Self { step: self.step / count.max(1) as f64, ..self }
    }

    fn is_as_fine_as(self, other: Self) -> bool {
        (self.step / other.step - 1.0).abs() * (self.high - self.low) / self.step <= NEAR
    }

    /// Whether `value` is one of the grid's, but for its ends.
    pub fn goes_through(&self, value: f64) -> bool {
        let at = (value - self.low) / self.step;
        (at - at.round()).abs() <= NEAR
    }
}

/// The grids of all nodes that have one.
pub fn grids(graph: &Graph) -> BTreeMap<NodeId, Grid> {
    let mut known: BTreeMap<NodeId, Grid> = BTreeMap::new();
    for node in graph.topological() {
        let operands: Option<Vec<Grid>> = graph.operands(node).iter().map(|o| known.get(o).copied()).collect();
        let combine = if graph[node].op == Operator::Add { Grid::plus } else { Grid::joined };
        let of_operands = operands.and_then(|all| {
            let (first, others) = all.split_first()?;
            others.iter().try_fold(*first, |so_far, &other| combine(so_far, other))
        });
        if let Some(grid) = behind(graph, node, of_operands) {
            known.insert(node, grid);
        }
    }
    known
}

/// What an operator makes of values on a grid.
fn behind(graph: &Graph, node: NodeId, operand: Option<Grid>) -> Option<Grid> {
    let op = &graph[node].op;
    if let Operator::ClipFloorShift { max, levels } = *op {
        return Some(Grid { step: f64::from(max) / f64::from(levels), low: 0.0, high: max.into() });
    }
    let grid = operand?;
    match *op {
        Operator::Shift { offset } => {
            let offset = f64::from(one_number(graph, offset)?);
            Some(Grid { low: grid.low + offset, high: grid.high + offset, ..grid })
        }
        Operator::Scale { factor } => {
            let factor = f64::from(one_number(graph, factor).filter(|f| *f > 0.0)?);
            Some(Grid { step: grid.step * factor, low: grid.low * factor, high: grid.high * factor })
        }
        Operator::Relu | Operator::Clip { .. } => {
            let (min, max) = limits(op)?;
            grid.within(min.into(), max.into())
        }
        Operator::Pad { value, .. } => {
            let border = f64::from(value);
            let wider = Grid { low: grid.low.min(border), high: grid.high.max(border), ..grid };
            let on_it = wider.holds(&grid) && wider.holds(&Grid { low: border, high: border, ..grid });
            on_it.then_some(wider)
        }
        Operator::MaxPool2d { .. } => Some(grid),
        // Windows at a border may have fewer entries.
        Operator::AveragePool2d { ref window, .. } if window.pads == [0; 4] && !window.ceil => {
            Some(grid.mean_of(window.kernel.iter().product()))
        }
        Operator::Mean { ref axes } => {
            let dims = &graph[graph.operand(node)?].ty.dims;
            Some(grid.mean_of(axes.iter().map(|&axis| dims[axis]).product()))
        }
        Operator::Add => Some(grid),
        _ if op.is_movement() => Some(grid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Grid = Grid { step: 0.5, low: 0.0, high: 4.0 };

    #[test]
    fn a_grid_holds_coarser_ones_that_lie_on_it() {
        for (step, low, high, holds) in [
            (0.5, 0.0, 4.0, true),
            (0.5, 1.5, 3.0, true),
            (1.0, 0.5, 3.5, true),
            (0.500_001, 0.0, 4.000_008, true),
            (0.25, 0.0, 4.0, false),
            (0.75, 0.0, 3.0, false),
            (0.5, 0.25, 3.25, false),
            (0.5, -0.5, 4.0, false),
            (0.5, 0.0, 4.5, false),
            (0.51, 0.0, 4.08, false),
        ] {
            assert_eq!(OWN.holds(&Grid { step, low, high }), holds, "{step} {low} {high}");
        }
    }

    #[test]
    fn bounds_between_two_values_leave_no_grid() {
        assert!(OWN.within(1.0, f64::INFINITY).is_some_and(|grid| (grid.low, grid.high) == (1.0, 4.0)));
        assert!(OWN.within(0.2, f64::INFINITY).is_none());
        assert!(OWN.within(5.0, 6.0).is_none());
    }

    #[test]
    fn grids_of_one_step_are_joined() {
        let other = Grid { step: 0.5, low: -2.0, high: 1.0 };
        assert!(OWN.joined(other).is_some_and(|grid| (grid.low, grid.high) == (-2.0, 4.0)));
        assert!(OWN.joined(Grid { step: 1.0, ..other }).is_none());
        assert!(OWN.joined(Grid { low: -1.9, high: 1.1, ..other }).is_none());
        assert!(OWN.plus(other).is_some_and(|grid| (grid.step, grid.low, grid.high) == (0.5, -2.0, 5.0)));
        assert!(OWN.plus(Grid { step: 1.0, ..other }).is_none());
    }

    #[test]
    fn means_have_finer_grids() {
        let mean = OWN.mean_of(4);
        assert_eq!((mean.step, mean.low, mean.high), (0.125, 0.0, 4.0));
        assert!(mean.goes_through(0.25) && !OWN.goes_through(0.25));
    }
}
