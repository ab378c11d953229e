//! Numbers as reports write them.

/// Four decimals: what lies behind them is noise of the samples.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
