//! The search for a threshold rule.

use super::{
    draft::draft,
    measured::{Measured, measure},
    sampled::Sampled,
};
use crate::{
    error::{Error, Result},
    observer::Observer,
    options::{Rule, Threshold, Timesteps},
    report::{RuleTried, agreement::ENOUGH},
};

/// Rules that `--threshold auto` tries if the first is not content: it keeps the first unless another agrees better beyond chance.
const RULES: [Rule; 3] = [Rule::LeastSquares, Rule::Balance, Rule::Percentile(99.9)];

/// The spiking network for T steps by the rule that was asked for or serves best, and the rules that were tried for it.
///
/// # Errors
/// If a pass refuses the network.
pub fn best(sampled: &Sampled<'_>, timesteps: usize, observer: &mut dyn Observer) -> Result<(Measured, Vec<RuleTried>)> {
    let options = sampled.canonical.options;
    let rules = match options.threshold {
        Threshold::Rule(rule) => vec![rule],
        // One search at a time: where the number of steps is sought, the first rule it is.
        Threshold::Auto if options.timesteps == Timesteps::Auto => RULES[..1].to_vec(),
        Threshold::Auto => RULES.to_vec(),
    };
    let mut tried = Vec::new();
    let mut best: Option<Measured> = None;
    for rule in rules {
        let measured = measure(sampled, draft(sampled, rule, timesteps, observer)?, observer)?;
        tried.push(RuleTried { rule: rule.to_string(), percent: measured.percent() });
        if best.as_ref().is_none_or(|best| clearly_more(&measured.agrees, &best.agrees)) {
            best = Some(measured);
        }
        if best.as_ref().is_some_and(|best| best.percent() >= ENOUGH) {
            break;
        }
    }
    Ok((best.ok_or_else(|| Error::Internal("no rule was tried".into()))?, tried))
}

/// Whether `a` is true more often than `b` beyond chance: where just one of both is, it is `a` by more than two standard deviations
/// (the sign test).
fn clearly_more(a: &[bool], b: &[bool]) -> bool {
    let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
    let (won, lost) = (only(a, b), only(b, a));
    won > lost && (won - lost) as f64 > 2.0 * ((won + lost) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::clearly_more;

    #[test]
    fn a_few_samples_more_are_chance() {
        let first = |n: usize| (0..64).map(|k| k < n).collect::<Vec<bool>>();
        assert!(!clearly_more(&first(54), &first(50)), "4 of 4: still two standard deviations");
        assert!(clearly_more(&first(55), &first(50)), "5 of 5");
        assert!(!clearly_more(&first(50), &first(55)) && !clearly_more(&first(50), &first(50)));
        // As many more, but each is right where the other is wrong.
        let last: Vec<bool> = (0..64).map(|k| k >= 64 - 35).collect();
        assert!(!clearly_more(&last, &first(30)));
    }
}
