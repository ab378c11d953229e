//! What is measured, with intervals.
//!
//! | file | metric |
//! |---|---|
//! | [`interval`] | shares with Wilson's interval; whether two shares differ; percentiles of a bootstrap |
//! | [`distance`] | distances of sets of features: Fréchet, kernel; to the nearest reference; diversity |
//! | [`roc`] | telling members from others: area under the curve, true positives at few false ones |

pub mod distance;
pub mod interval;
pub mod roc;

use serde::{Deserialize, Serialize};

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Of 1.
    Share,
    /// Area under a curve; 0.5 is chance.
    Auc,
    /// Of features, no upper bound.
    Distance,
    /// 1 is as far as two references are.
    Ratio,
    /// From -1 to 1.
    Cosine,
}

/// A number with what there is to know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Which.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Where it lies with a probability of 95 %.
    pub interval_95: Option<[f64; 2]>,
    /// What an attacker who knows nothing gets.
    pub chance: Option<f64>,
    /// Of how many things.
    pub of: usize,
    /// What it is.
    pub unit: Unit,
}

impl Metric {
    /// A share of things with Wilson's interval.
    #[must_use]
    pub fn share(name: &str, hits: usize, of: usize, chance: Option<f64>) -> Self {
        let [low, high] = interval::wilson(hits, of);
        let value = hits as f64 / of.max(1) as f64;
        Self { name: name.to_owned(), value, interval_95: Some([low, high]), chance, of, unit: Unit::Share }
    }

    /// A share of things in groups that are alike inside, each given by its hits and its size.
    #[must_use]
    pub fn clustered(name: &str, groups: &[(usize, usize)], chance: Option<f64>) -> Self {
        let (hits, of) = groups.iter().fold((0, 0), |(hits, of), group| (hits + group.0, of + group.1));
        Self { interval_95: Some(interval::clustered(groups)), ..Self::share(name, hits, of, chance) }
    }

    /// A number without an interval.
    #[must_use]
    pub fn plain(name: &str, value: f64, of: usize, unit: Unit) -> Self {
        Self { name: name.to_owned(), value, interval_95: None, chance: None, of, unit }
    }
}
