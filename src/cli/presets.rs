//! `--recipe NAME`: options that belong together, under one name.
//!
//! A recipe is spelled out as if its options had been typed, before anything is parsed; what is typed beside it goes before it. So the artifact
//! records the options themselves, and a build does not depend on what a later version takes a name to mean.

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
        ("--code", "rate"),
        ("--timesteps", "150"),
        ("--coding", "poisson"),
        ("--spikes", "binary"),
        ("--reset", "soft"),
        ("--v-init", "zero"),
        ("--threshold", "max"),
        ("--threshold-per", "layer"),
        ("--synthesis", "paper"),
        ("--train", "temporal"),
        ("--train-samples", "5000"),
        ("--surrogate", "triangle=0.3"),
        ("--temperature", "20"),
        ("--cross-entropy", "0.3"),
        ("--freeze", "thresholds,initial"),
    ],
};

const RECIPES: [Recipe; 1] = [PRIVATESNN];

/// The option.
const OPTION: &str = "--recipe";

/// The names that `--recipe` takes.
pub(super) fn names() -> Vec<&'static str> {
    RECIPES.iter().map(|recipe| recipe.name).collect()
}

/// What was typed, with the options of a recipe that was named and that were not typed by themselves.
pub(super) fn spelled_out(mut words: Vec<OsString>) -> Vec<OsString> {
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    // Behind `--` nothing is an option.
    let options = texts.iter().position(|word| word == "--").map_or(&texts[..], |end| &texts[..end]);
    let inline = || options.iter().find_map(|word| word.strip_prefix(OPTION)?.strip_prefix('='));
    let apart = || options.iter().position(|word| word == OPTION).and_then(|at| options.get(at + 1)).map(String::as_str);
    let Some(recipe) = inline().or_else(apart).and_then(|name| RECIPES.iter().find(|recipe| recipe.name == name)) else { return words };
    let is_typed =
        |option: &str| options.iter().any(|word| word == option || word.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')));
    let at = options.len();
    let added = recipe.options.iter().filter(|(option, _)| !is_typed(option)).map(|(option, value)| format!("{option}={value}").into());
    words.splice(at..at, added.collect::<Vec<OsString>>());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let words = text.split(' ').map(OsString::from).collect();
        spelled_out(words).iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
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
    fn what_names_no_recipe_stays() {
        for text in ["snnc m.onnx -o m.snn", "snnc m.onnx --recipe pizza", "snnc m.onnx --recipe", "snnc -- --recipe privatesnn"] {
            assert_eq!(of(text), text);
        }
    }
}
