//! Profiles are read, those that come with the compiler have sources, and mistakes have lines.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use snnc_targets::{NAMES, Profile};

#[test]
fn every_limit_that_is_shipped_has_a_source() {
    for name in NAMES {
        let profile = Profile::named(name).unwrap();
        assert!(!profile.options.is_empty() && !profile.about.is_empty() && !profile.notes.is_empty(), "{name}");
        let text: toml::Table = Profile::text(name).unwrap().parse().unwrap();
        let limits = text["limits"].as_table().unwrap();
        assert!(limits.len() > 3, "{name}");
        for (key, limit) in limits {
            let source = limit.get("source").and_then(toml::Value::as_str);
            assert!(source.is_some_and(|source| source.len() > 10), "{name}: {key}");
        }
    }
    assert_eq!(Profile::named("pizza"), None);
}

#[test]
fn options_are_words_of_the_command_line() {
    let profile = Profile::parse("mine", "about = 'x'\n[options]\ntimesteps = 4\nmean = [0.5, 1]\nthreshold = 'max'").unwrap();
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(profile.options, [option("mean", "0.5,1"), option("threshold", "max"), option("timesteps", "4")]);
}

#[test]
fn mistakes_are_named() {
    for (text, said) in [
        ("", "about"),
        ("about = 'x'\n[limit]", "limit"),
        ("about = 'x'\n[limits]\nneuron = { is = 3 }", "unknown field `neuron`"),
        ("about = 'x'\n[limits]\nneurons = 3", "neurons"),
        ("about = 'x'\n[limits]\nneurons = { is = -3 }", "line 3"),
        ("about = 'x'\n[limits]\noperators = { is = ['pizza'] }", "unknown variant `pizza`"),
        ("about = 'x'\n[options]\nkeep-names = true", "option `keep-names` is neither a text, a number nor a list of these"),
    ] {
        let error = Profile::parse("mine", text).unwrap_err().to_string();
        assert!(error.starts_with("is no profile of a target: ") && error.contains(said), "{text}: {error}");
    }
}
