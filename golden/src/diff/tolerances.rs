//! What is no difference.

use std::str::FromStr;

/// How far two artifacts may be apart; nothing is allowed by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerances {
    /// Units by which an entry of a parameter may differ.
    pub parameters: u64,
    /// Images that may have another class.
    pub classes: usize,
    /// By which a logit may differ, in the units of the read-out.
    pub logits: f64,
    /// Share of its spikes, and of its synaptic operations, by which a layer may differ.
    pub spikes: f64,
}

impl Tolerances {
    /// Names of the tolerances.
    pub const NAMES: [&str; 4] = ["parameters", "classes", "logits", "spikes"];
}

/// A tolerance by its name: `parameters=1`, `classes=2`, `logits=0.01`, `spikes=0.05`, several with commas between.
impl FromStr for Tolerances {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut tolerances = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is no NAME=VALUE"))?;
            let whole = || value.parse::<u64>().map_err(|_| format!("`{name}` wants a whole number, not `{value}`"));
            let real = |most: f64, what: &str| {
                value.parse().ok().filter(|v| (0.0..=most).contains(v)).ok_or_else(|| format!("`{name}` wants {what}, not `{value}`"))
            };
            match name {
                "parameters" => tolerances.parameters = whole()?,
                "classes" => tolerances.classes = usize::try_from(whole()?).unwrap_or(usize::MAX),
                "logits" => tolerances.logits = real(f64::MAX, "a number from 0 on")?,
                "spikes" => tolerances.spikes = real(1.0, "a share from 0 to 1")?,
                _ => return Err(format!("there is no tolerance `{name}`; there are {}", Self::NAMES.join(", "))),
            }
        }
        Ok(tolerances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_are_read_and_refused_by_name() {
        let tolerances: Tolerances = "classes=2,spikes=0.05".parse().unwrap();
        assert_eq!(tolerances, Tolerances { classes: 2, spikes: 0.05, ..Tolerances::default() });
        for name in Tolerances::NAMES {
            assert!(format!("{name}=1").parse::<Tolerances>().is_ok(), "{name}");
        }
        for (text, part) in [
            ("classes", "NAME=VALUE"),
            ("classes=0.5", "a whole number"),
            ("spikes=2", "a share from 0 to 1"),
            ("spikes=NaN", "a share"),
            ("logits=-1", "from 0 on"),
            ("weights=1", "there are parameters, classes, logits, spikes"),
        ] {
            assert!(text.parse::<Tolerances>().unwrap_err().contains(part), "{text}");
        }
    }
}
