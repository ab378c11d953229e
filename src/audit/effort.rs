//! What the best attacker has after so much effort: an attacker keeps the best of all that was tried, and a curve says more than its end.

use super::{Attacked, Row, attack::Subject, metrics::Metric};

/// A result that no attacker on a subject had with less effort, whichever judge recognised the most.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// What is attacked.
    pub subject: Subject,
    /// Evaluations of a network for each reconstruction.
    pub effort: usize,
    /// The attack, its variant and T.
    pub attack: &'static str,
    /// Which way of it.
    pub variant: &'static str,
    /// T, where it matters.
    pub timesteps: Option<usize>,
    /// What is recognised.
    pub recognised: Metric,
}

/// The curves of all subjects: for each, the results that were better than all that took no more effort.
#[must_use]
pub fn best(attacked: &[Attacked]) -> Vec<Best> {
    let mut best: Vec<Best> = Vec::new();
    for subject in Subject::ALL {
        let mut points: Vec<Best> = attacked.iter().flat_map(|a| a.rows.iter().flat_map(move |row| points(a, row, subject))).collect();
        points.sort_by(|a, b| a.effort.cmp(&b.effort).then(b.recognised.value.total_cmp(&a.recognised.value)));
        let mut most = f64::NEG_INFINITY;
        for point in points {
            if point.recognised.value > most {
                most = point.recognised.value;
                best.push(point);
            }
        }
    }
    best
}

fn points<'a>(attacked: &'a Attacked, row: &'a Row, subject: Subject) -> impl Iterator<Item = Best> + 'a {
    let cell = &row.cell;
    let tried = row.curve.iter().filter(move |_| cell.subject == subject);
    tried.flat_map(move |tried| {
        tried.recognised.iter().filter(|share| share.name.starts_with("recognition")).map(move |recognised| Best {
            subject,
            effort: tried.effort,
            attack: attacked.attack.name(),
            variant: cell.variant,
            timesteps: cell.timesteps,
            recognised: recognised.clone(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Tried, attack::Cell, attacks::find};

    #[test]
    fn what_was_better_than_all_with_less_is_kept() {
        let row = |variant, curve: &[(usize, usize)]| Row {
            cell: Cell { variant, subject: Subject::Snn, timesteps: Some(8), work: String::new(), macs: 0.0 },
            metrics: Vec::new(),
            curve: curve
                .iter()
                .map(|&(effort, hits)| Tried { effort, recognised: vec![Metric::share("recognition", hits, 10, None)] })
                .collect(),
            pictures: None,
        };
        let attacked =
            |name, rows| Attacked { attack: find(name).unwrap(), missing: None, rows, findings: Vec::new(), skipped: Vec::new() };
        let all = [
            attacked("reconversion", vec![row("relu", &[(10, 3), (100, 7)]), row("clipped", &[(10, 4), (100, 7)])]),
            attacked("black-box", vec![row("evolution strategy", &[(5, 1), (500, 6)])]),
        ];
        let found: Vec<_> = best(&all).into_iter().map(|b| (b.effort, b.variant, (10.0 * b.recognised.value).round() as usize)).collect();
        assert_eq!(found, [(5, "evolution strategy", 1), (10, "clipped", 4), (100, "relu", 7)]);
    }
}
