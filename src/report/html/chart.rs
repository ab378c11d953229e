//! Parts of charts. Horizontal positions are percentages of the width and vertical ones pixels, so that a chart takes the width it
//! gets while its type keeps its size.

use super::measures::Subject;
use super::text::{share, trimmed};

/// Axis ticks are no more than this.
const TICKS: usize = 6;

/// Maps values to a share of the axis, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    step: f64,
    is_log: bool,
}

impl Scale {
    /// 0 to 1.
    pub(super) const UNIT: Self = Self { low: 0.0, high: 1.0, step: 0.25, is_log: false };
    /// −1 to 1.
    pub(super) const COSINE: Self = Self { low: -1.0, high: 1.0, step: 0.5, is_log: false };

    /// Holds 0 and all values, between round numbers.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>) -> Self {
        // Far beyond anything measured, and far enough from infinity that differences stay finite.
        let (low, high) = values.into_iter().map(|v| v.clamp(-1e300, 1e300)).fold((0.0, 0.0), |(low, high), v| (v.min(low), v.max(high)));
        if high - low < 1e-300 {
            return Self::UNIT;
        }
        let raw: f64 = (high - low) / 4.0;
        let size = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|s| s * size >= raw).unwrap_or(10.0) * size;
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step, is_log: false }
    }

    /// Holds all values, which are positive, with some air at both ends.
    pub(super) fn log(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values.into_iter().fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        if !(low > 0.0 && high >= low && high.is_finite()) {
            return Self { low: 0.0, high: 1.0, step: 1.0, is_log: true };
        }
        let (low, high) = (low.log10(), high.log10());
        let air = ((high - low) * 0.06).max(0.1);
        Self { low: low - air, high: high + air, step: 1.0, is_log: true }
    }

    /// Where a value stands.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.is_log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() { 100.0 * share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Round values along the axis.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.is_log {
            return self.log_ticks();
        }
        let count = ((self.high - self.low) / self.step).round().clamp(0.0, 12.0) as usize;
        (0..=count).map(|i| self.low + i as f64 * self.step).collect()
    }

    /// Decades, with 2 and 5 between them where there are few, every other one and so on where there are many.
    fn log_ticks(&self) -> Vec<f64> {
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let candidates = |mantissas: &[f64], every: usize| -> Vec<f64> {
            let decades = (first..=last).step_by(every);
            let all = decades.flat_map(|decade| mantissas.iter().map(move |m| m * 10f64.powi(decade)));
            all.filter(|tick| (self.low..=self.high).contains(&tick.log10())).collect()
        };
        for mantissas in [&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0][..], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]] {
            let ticks = candidates(mantissas, 1);
            if ticks.len() <= TICKS {
                return ticks;
            }
        }
        candidates(&[1.0], ((last - first).max(1) as usize).div_ceil(TICKS - 1))
    }
}

/// The height of a plot of shares, in pixels.
pub(super) const HEIGHT: f64 = 280.0;

/// A share, in pixels from the top.
pub(super) fn y(share: f64) -> f64 {
    HEIGHT * (1.0 - Scale::UNIT.at(share) / 100.0)
}

/// Lines at round shares, and round values along x.
pub(super) fn grid(x: Scale, show: fn(f64) -> String) -> String {
    let level = |tick: f64| {
        let (at, text) = (y(tick), trimmed(&share(tick)));
        let text = format!("<text class=\"level\" x=\"-8\" y=\"{:.1}\">{text}</text>", at + 4.0);
        format!("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>{text}")
    };
    let tick = |tick: f64| {
        let (at, text) = (percent(x.at(tick)), trimmed(&show(tick)));
        let line = format!("<line class=\"stub\" x1=\"{at}\" x2=\"{at}\" y1=\"{HEIGHT}\" y2=\"{}\"/>", HEIGHT + 5.0);
        format!("{line}<text class=\"tick\" x=\"{at}\" y=\"{}\">{text}</text>", HEIGHT + 19.0)
    };
    let levels: String = Scale::UNIT.ticks().into_iter().map(level).collect();
    levels + &x.ticks().into_iter().map(tick).collect::<String>()
}

/// A coordinate in percent.
pub(super) fn percent(at: f64) -> String {
    format!("{at:.2}%")
}

/// The shapes of series: they tell them apart where colours do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A subject of an attack.
    Of(Subject),
    /// What an attacker gets, over the trade-off.
    Attacker,
}

impl Mark {
    fn class(self) -> &'static str {
        match self {
            Self::Of(subject) => subject.key(),
            Self::Attacker => "attacker",
        }
    }

    fn shape(self) -> &'static str {
        match self {
            Self::Of(Subject::Ann) => "<circle r=\"5\"/>",
            Self::Of(Subject::Snn) => "<path d=\"M-4.5-4.5h9v9h-9z\"/>",
            Self::Of(Subject::Control) => "<path d=\"M0-6 6 0 0 6-6 0z\"/>",
            Self::Attacker => "<path d=\"M0-6.2 6 4.6H-6z\"/>",
        }
    }

    /// The mark at a point, with a tip.
    pub(super) fn at(self, x: f64, y: f64, tip: &str) -> String {
        let x = percent(x);
        format!(
            "<svg class=\"mark {}\" x=\"{x}\" y=\"{y:.1}\" width=\"1\" height=\"1\"><title>{tip}</title>{}</svg>",
            self.class(),
            self.shape()
        )
    }

    /// The mark beside a word.
    pub(super) fn inline(self) -> String {
        format!(
            "<svg class=\"key\" width=\"14\" height=\"14\" viewBox=\"-7 -7 14 14\" aria-hidden=\"true\"><g class=\"mark {}\">{}</g></svg>",
            self.class(),
            self.shape()
        )
    }

    /// A whisker along x.
    pub(super) fn whisker(self, from: f64, to: f64, y: f64) -> String {
        let class = self.class();
        let end = |at: f64| format!("<line x1=\"{0}\" x2=\"{0}\" y1=\"{1:.1}\" y2=\"{2:.1}\"/>", percent(at), y - 3.5, y + 3.5);
        let line = format!("<line x1=\"{}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", percent(from), percent(to));
        format!("<g class=\"whisker {class}\">{line}{}{}</g>", end(from), end(to))
    }

    /// A whisker along y.
    pub(super) fn riser(self, x: f64, from: f64, to: f64) -> String {
        let x = percent(x);
        format!("<g class=\"whisker {}\"><line x1=\"{x}\" x2=\"{x}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/></g>", self.class())
    }

    /// A line from each point to the next.
    pub(super) fn line(self, points: &[(f64, f64)]) -> String {
        let segment = |pair: &[(f64, f64)]| {
            let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
            format!("<line x1=\"{}\" y1=\"{y1:.1}\" x2=\"{}\" y2=\"{y2:.1}\"/>", percent(x1), percent(x2))
        };
        format!("<g class=\"line {}\">{}</g>", self.class(), points.windows(2).map(segment).collect::<String>())
    }
}

/// The keys of a chart.
pub(super) fn legend<'a>(entries: impl IntoIterator<Item = (String, &'a str)>) -> String {
    let entry = |(mark, text): (String, &str)| format!("<li>{mark}{text}</li>");
    format!("<ul class=\"legend\">{}</ul>", entries.into_iter().map(entry).collect::<String>())
}

/// The key of a dashed line.
pub(super) fn dashed() -> String {
    "<svg class=\"key\" width=\"14\" height=\"14\" aria-hidden=\"true\"><line class=\"chance\" x1=\"7\" x2=\"7\" y1=\"0\" y2=\"14\"/></svg>"
        .to_owned()
}

/// The key of a dashed line from left to right.
pub(super) fn dashed_across() -> String {
    "<svg class=\"key\" width=\"14\" height=\"14\" aria-hidden=\"true\"><line class=\"chance\" x1=\"0\" x2=\"14\" y1=\"7\" y2=\"7\"/></svg>"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_hold_their_values() {
        let scale = Scale::linear([3.0, 17.0]);
        assert_eq!(scale.ticks(), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(scale.at(10.0), 50.0);
        assert_eq!(Scale::linear([]), Scale::UNIT);
        assert_eq!(Scale::UNIT.at(7.0), 100.0);
        assert_eq!(Scale::COSINE.at(0.0), 50.0);
    }

    #[test]
    fn wild_values_stay_on_the_axis() {
        for values in
            [vec![f64::MAX, f64::MIN], vec![1e-320], vec![f64::MIN_POSITIVE, f64::MAX], vec![0.0], vec![-1.0, 5.0], vec![1.0, 1.0]]
        {
            for scale in [Scale::linear(values.clone()), Scale::log(values.clone())] {
                assert!(scale.ticks().len() <= 13, "{values:?} {:?}", scale.ticks());
                for &value in &values {
                    assert!((0.0..=100.0).contains(&scale.at(value)), "{values:?}");
                }
            }
        }
    }

    #[test]
    fn logarithmic_ticks_are_few_and_not_too_few() {
        for (low, high) in [(1e6, 2e6), (1e6, 8e6), (1e5, 2e8), (1.0, 1e12), (1.0, 1e200)] {
            let ticks = Scale::log([low, high]).ticks();
            assert!((2..=TICKS).contains(&ticks.len()), "{low} {high} {ticks:?}");
        }
    }
}
