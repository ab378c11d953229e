//! Functions of every entry, or of entries along an axis.

use super::network::TensorNetwork;
use crate::plan::Activation;
use candle_core::{Tensor, Var};

impl TensorNetwork<'_> {
    /// What a function makes of rows `[rows, len]`.
    pub(super) fn activation(&self, activation: &Activation, x: &Tensor, variables: &[Var]) -> candle_core::Result<Tensor> {
        match activation {
            Activation::Clamp { low, high } => clamp(x, *low, *high),
            Activation::ClipFloorShift { max, levels } => {
                let step = f64::from(*max) / f64::from(*levels);
                let stairs = (((x.detach() / step)? + 0.5)?.floor()?.clamp(0.0, f64::from(*levels))? * step)?;
                straight_through(&clamp(x, 0.0, *max)?, &stairs)
            }
            Activation::Leaky(slope) => x.relu()? - (x.neg()?.relu()? * f64::from(*slope))?,
            Activation::PRelu(spread) => x.relu()? - x.neg()?.relu()?.broadcast_mul(&self.spread(spread, variables)?)?,
            Activation::Floor => straight_through(x, &x.detach().floor()?),
            // Half a unit is not told apart from what rounds to even here: it is a reference of gradients.
            Activation::Round => straight_through(x, &x.detach().round()?),
            Activation::Sigmoid => (x.neg()?.exp()? + 1.0)?.recip(),
            Activation::Softmax { len, inner, is_log } => {
                let (rows, count) = x.dims2()?;
                let lines = x.reshape((rows, count / (len * inner), *len, *inner))?;
                let shifted = lines.broadcast_sub(&lines.max_keepdim(2)?.detach())?;
                let sum = shifted.exp()?.sum_keepdim(2)?;
                let y = if *is_log { shifted.broadcast_sub(&sum.log()?) } else { shifted.exp()?.broadcast_div(&sum) };
                y?.reshape((rows, count))
            }
        }
    }
}

/// `min(max(x, low), high)`; bounds may be infinite.
fn clamp(x: &Tensor, low: f32, high: f32) -> candle_core::Result<Tensor> {
    let x = if low.is_finite() { ((x - f64::from(low))?.relu()? + f64::from(low))? } else { x.clone() };
    if high.is_finite() { (x.neg()? + f64::from(high))?.relu()?.neg()? + f64::from(high) } else { Ok(x) }
}

/// The value of one tensor, with the derivative of another.
fn straight_through(slope: &Tensor, value: &Tensor) -> candle_core::Result<Tensor> {
    (slope - slope.detach())? + value.detach()
}
