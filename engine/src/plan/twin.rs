//! Activations that stand in for neurons where there is no time.

/// How neurons of the radix code count, or what stands in for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// In digits: `min(max(⌊(x + v(0)) / θ⌋, 0), L)`.
    Digits,
    /// Without rounding: `min(max((x + v(0)) / θ - 1/2, 0), L)`, the half being what made up for rounding down.
    Bounded,
    /// Without an end either.
    Endless,
}

/// A static activation of the mean current `x`. An attacker puts one in place of neurons to read a spiking network's weights with the tools
/// for float networks. What a potential starts with counts as a current: `x + v(0)/T` where the twin counts, and `x + (v(0) - θ/2)/T` where
/// it does not, since the half threshold only makes up for counting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Twin {
    /// `max(x, 0)/θ`: the PrivateSNN paper's attack.
    Relu,
    /// `min(max(x, 0)/θ, 1)`: a rate is at most 1.
    Clipped,
    /// `⌊min(max(x, 0)/θ, 1) T⌋/T`: and is counted in T steps.
    Quantised,
    /// What the neuron answers to a current that is `x` at every step, leak and reset included.
    Response,
    /// `max(x, 0)/θ` without regard to where a potential starts: what the rates of neurons without leak tend to over many steps.
    Limit,
}

impl Twin {
    /// Those that an attacker may put in place of neurons.
    pub const ATTACKS: [Self; 4] = [Self::Relu, Self::Clipped, Self::Quantised, Self::Response];

    /// How neurons of the radix code count in this twin: they answer a count by a count, so those that count do just that.
    pub(super) fn counting(self) -> Counting {
        match self {
            Self::Relu | Self::Limit => Counting::Endless,
            Self::Clipped => Counting::Bounded,
            Self::Quantised | Self::Response => Counting::Digits,
        }
    }

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Clipped => "clipped",
            Self::Quantised => "quantised",
            Self::Response => "response",
            Self::Limit => "limit",
        }
    }
}
