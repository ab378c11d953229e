//! Profiles: those that come with the compiler, and those in files.
//!
//! ```toml
//! about = "a chip of ours"
//! notes = ["what no limit says"]
//!
//! [options]                                  # of `snnc compile`, for what is not typed
//! code = "rate"
//! threshold-per = "layer"
//!
//! [limits]                                   # what is left out is not limited
//! weight-bits = { is = 8, source = "where it is written" }
//! neurons = { is = 4096 }
//! ```

use crate::limit::Limits;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Value;

/// Names of the profiles that come with the compiler.
pub const NAMES: [&str; 5] = ["generic", "speck", "loihi2", "akida-like", "fpga"];

const TEXTS: [&str; 5] = [
    include_str!("../profiles/generic.toml"),
    include_str!("../profiles/speck.toml"),
    include_str!("../profiles/loihi2.toml"),
    include_str!("../profiles/akida-like.toml"),
    include_str!("../profiles/fpga.toml"),
];

/// A target.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What it is called.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// What no limit says and who maps a network must know.
    pub notes: Vec<String>,
    /// Options of a compilation, without dashes, with their values.
    pub options: Vec<(String, String)>,
    /// What there may be.
    pub limits: Limits,
}

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no profile of a target: {0}")]
pub struct Error(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    options: BTreeMap<String, Value>,
    #[serde(default)]
    limits: Limits,
}

impl Profile {
    /// A profile that comes with the compiler.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(Self::parse(name, Self::text(name)?).expect("a test reads them all"))
    }

    /// Its text, from which a profile of one's own can be made.
    #[must_use]
    pub fn text(name: &str) -> Option<&'static str> {
        NAMES.iter().position(|known| *known == name).map(|at| TEXTS[at])
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// With the line, if it is no TOML, has a key that no profile has, or an option whose value is no word, number or list of these.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|e| Error(e.to_string().trim_end().to_owned()))?;
        let options = file.options.into_iter().map(|(option, value)| {
            let word = word(&value).ok_or_else(|| Error(format!("option `{option}` is neither a text, a number nor a list of these")))?;
            Ok((option, word))
        });
        Ok(Self {
            name: name.to_owned(),
            about: file.about,
            notes: file.notes,
            options: options.collect::<Result<_, _>>()?,
            limits: file.limits,
        })
    }
}

/// A value as it is typed.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Array(values) => values.iter().map(word).collect::<Option<Vec<_>>>().map(|words| words.join(",")),
        Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}
