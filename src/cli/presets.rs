//! `--recipe NAME` and `--target NAME`: options that belong together, under one name.
//!
//! They are spelled out as if they had been typed, before anything is parsed; what is typed beside them goes before them. So the artifact
//! records the options themselves, and a build does not depend on what a later version takes a name to mean.

use super::profiles;
use std::ffi::OsString;

/// A name and its options.
struct Recipe {
    name: &'static str,
    options: &'static [(&'static str, &'static str)],
}

/// The pipeline of PrivateSNN (Kim, Venkatesha and Panda, AAAI 2022), as far as paper and released code tell: images towards Dirichlet targets at
/// temperature 20, a threshold a layer at the largest current, Poisson input, binary spikes with soft reset from a potential of 0, then training through
/// time with the piecewise linear surrogate, thresholds fixed, by distillation and cross-entropy. docs/privatesnn.md says what differs.
const PRIVATESNN: Recipe = Recipe {
    name: "privatesnn",
    options: &[
        ("code", "rate"),
        ("timesteps", "150"),
        ("coding", "poisson"),
        ("spikes", "binary"),
        ("reset", "soft"),
        ("v-init", "zero"),
        ("threshold", "max"),
        ("threshold-per", "layer"),
        ("synthesis", "paper"),
        ("train", "temporal"),
        ("train-samples", "5000"),
        ("surrogate", "triangle=0.3"),
        ("temperature", "20"),
        ("cross-entropy", "0.3"),
        ("freeze", "thresholds,initial"),
    ],
};

const RECIPES: [Recipe; 1] = [PRIVATESNN];

/// Names of the options that stand for others.
pub(super) const NAMES: [&str; 2] = ["target", "recipe"];

/// The names that `--recipe` takes.
pub(super) fn recipes() -> Vec<&'static str> {
    RECIPES.iter().map(|recipe| recipe.name).collect()
}

/// What was typed, with the options of a target and a recipe that were named and that were not typed by themselves. What a target asks for goes
/// before what a recipe does. What is no option of a compilation, as `is_option` says, is left for others to complain of.
pub(super) fn spelled_out(mut words: Vec<OsString>, is_option: impl Fn(&str) -> bool) -> Vec<OsString> {
    // There it says what to compare with.
    if words.get(1).is_some_and(|word| word == "inspect") {
        return words;
    }
    for name in NAMES {
        let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        // Behind `--` nothing is an option.
        let typed = texts.iter().position(|word| word == "--").map_or(&texts[..], |end| &texts[..end]);
        let Some(value) = value(typed, &format!("--{name}")) else { continue };
        let is_typed =
            |option: &str| typed.iter().any(|word| word == option || word.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')));
        let added = of_name(name, value).into_iter().filter(|(option, _)| is_option(option) && !is_typed(&format!("--{option}")));
        let added: Vec<OsString> = added.map(|(option, value)| format!("--{option}={value}").into()).collect();
        let at = typed.len();
        words.splice(at..at, added);
    }
    words
}

/// The value that an option was given.
fn value<'w>(words: &'w [String], option: &str) -> Option<&'w str> {
    let inline = || words.iter().find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    let apart = || words.iter().position(|word| word == option).and_then(|at| words.get(at + 1)).map(String::as_str);
    inline().or_else(apart)
}

/// The options of a target or a recipe; none of what is no such thing, which is said when the command runs.
fn of_name(name: &str, value: &str) -> Vec<(String, String)> {
    if name == "recipe" {
        let found = RECIPES.iter().find(|recipe| recipe.name == value).map_or(&[][..], |recipe| recipe.options);
        return found.iter().map(|(option, value)| ((*option).to_owned(), (*value).to_owned())).collect();
    }
    profiles::read(value).map(|profile| profile.options).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let words = text.split(' ').map(OsString::from).collect();
        spelled_out(words, |_| true).iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_recipe_gives_what_was_not_typed() {
        let said = of("snnc m.onnx --recipe privatesnn -o m.snn --timesteps 16 --surrogate=atan=2");
        assert!(
            said.starts_with("snnc m.onnx --recipe privatesnn -o m.snn --timesteps 16 --surrogate=atan=2 --code=rate --coding=poisson"),
            "{said}"
        );
        assert!(!said.contains("150") && !said.contains("triangle") && said.contains("--threshold=max --threshold-per=layer"), "{said}");
        assert!(of("snnc --recipe=privatesnn -o m.snn -- m.onnx").ends_with("--freeze=thresholds,initial -- m.onnx"));
    }

    #[test]
    fn a_target_goes_before_a_recipe() {
        let said = of("snnc m.onnx --target=loihi2 --recipe privatesnn -o m.snn --weights 16");
        assert!(said.contains("--reset=hard") && !said.contains("--reset=soft") && !said.contains("--weights=8"), "{said}");
        assert!(said.contains("--coding=poisson") && said.contains("--threshold=max"), "{said}");
    }

    #[test]
    fn what_names_none_stays() {
        for text in [
            "snnc m.onnx -o m.snn",
            "snnc m.onnx --recipe pizza",
            "snnc m.onnx --recipe",
            "snnc -- --recipe privatesnn",
            "snnc inspect m.snn --target speck",
            "snnc m.onnx --target nowhere",
        ] {
            assert_eq!(of(text), text);
        }
    }
}
