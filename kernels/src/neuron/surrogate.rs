//! What stands in for the derivative of the step function, which has no useful one.

/// What stands in for the derivative of the step function at a distance `u = (m - θ)/θ` from the threshold: `ds/dm = g(u)/θ`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surrogate {
    /// `height · max(0, 1 - |u|)`: the paper's, with height 0.3.
    Triangle {
        /// Value at the threshold.
        height: f32,
    },
    /// `α/2 / (1 + (π α u/2)²)` (Fang et al., ICCV 2021).
    Atan {
        /// α.
        slope: f32,
    },
    /// `α σ(α u) (1 - σ(α u))`.
    Sigmoid {
        /// α.
        slope: f32,
    },
}

/// A derivative of the step function as a type, so that loops over it hold no branch.
pub(super) trait Derivative: Copy {
    fn at(self, u: f32) -> f32;
}

#[derive(Clone, Copy)]
pub(super) struct Triangle(pub(super) f32);
#[derive(Clone, Copy)]
pub(super) struct Atan(pub(super) f32);
#[derive(Clone, Copy)]
pub(super) struct Sigmoid(pub(super) f32);

impl Derivative for Triangle {
    #[inline(always)]
    fn at(self, u: f32) -> f32 {
        let rest = 1.0 - u.abs();
        if rest > 0.0 { self.0 * rest } else { 0.0 }
    }
}

impl Derivative for Atan {
    #[inline(always)]
    fn at(self, u: f32) -> f32 {
        let x = std::f32::consts::FRAC_PI_2 * self.0 * u;
        0.5 * self.0 / (1.0 + x * x)
    }
}

impl Derivative for Sigmoid {
    #[inline(always)]
    fn at(self, u: f32) -> f32 {
        // Even in u, so the exponential cannot overflow.
        let e = (-(self.0 * u).abs()).exp();
        self.0 * e / ((1.0 + e) * (1.0 + e))
    }
}

impl Surrogate {
    /// The derivative at a distance of `u` thresholds from the threshold.
    #[must_use]
    pub fn at(self, u: f32) -> f32 {
        match self {
            Self::Triangle { height } => Triangle(height).at(u),
            Self::Atan { slope } => Atan(slope).at(u),
            Self::Sigmoid { slope } => Sigmoid(slope).at(u),
        }
    }
}

/// How to differentiate a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Derivation {
    /// Stands in for the derivative of the step function.
    pub surrogate: Surrogate,
    /// Whether the reset is differentiated.
    pub through_reset: bool,
}
