//! What a project may ask of a compilation: the options of `snnc compile`, as clap knows them.

use super::args::Cli;
use clap::{ArgAction, CommandFactory};
use snnc_project::{
    Vocabulary,
    vocabulary::{About, Takes, Writes},
};

const OF_THE_BUILD: &str = "is the build's own; `snnc build --help` says what it has in its place";
const OF_MESSAGES: &str = "is about messages, and of no model";
const NOT_ALONE: &str = "makes the bytes depend on more than what the project says: on the machine, or on what lies in a folder";
const ENCRYPTED: &str = "would give other bytes every time: encrypt what was built, with `age`";
const SIGNED: &str = "needs a secret key: sign what was built, with `snnc sign`";

/// Options that a project cannot have.
const REFUSED: [(&str, &str); 16] = [
    ("budget", NOT_ALONE),
    ("checkpoint", NOT_ALONE),
    ("depfile", OF_THE_BUILD),
    ("dump-after", OF_MESSAGES),
    ("encrypt-passphrase", ENCRYPTED),
    ("encrypt-to", ENCRYPTED),
    ("encrypt-to-file", ENCRYPTED),
    ("identity", ENCRYPTED),
    ("lock", "would give other bytes every time: lock what was built, with `snnc lock`"),
    ("quiet", OF_MESSAGES),
    ("resume", NOT_ALONE),
    ("sign", SIGNED),
    ("sign-password", SIGNED),
    ("threads", OF_THE_BUILD),
    ("timings", OF_MESSAGES),
    ("verbose", OF_MESSAGES),
];

/// Options that write files.
const WRITING: [(&str, Writes); 5] = [
    ("emit", Writes::AfterEquals),
    ("html", Writes::File { is_exact: true }),
    // It names the program that compiles.
    ("provenance", Writes::File { is_exact: false }),
    ("report", Writes::File { is_exact: true }),
    ("save-samples", Writes::File { is_exact: true }),
];

/// The options.
pub(super) fn vocabulary() -> Vocabulary {
    let command = Cli::command();
    let options = command.get_subcommands().filter(|sub| sub.get_name() == "compile").flat_map(clap::Command::get_arguments);
    let options = options.filter_map(|arg| {
        let name = arg.get_long()?;
        let takes = match arg.get_action() {
            ArgAction::SetTrue => Takes::Nothing,
            ArgAction::Append if arg.get_value_delimiter().is_none() => Takes::Repeated,
            _ => Takes::Value,
        };
        let writes = WRITING.iter().find(|(known, _)| *known == name).map_or(Writes::Nothing, |(_, writes)| *writes);
        let refused = REFUSED.iter().find(|(known, _)| *known == name).map(|(_, why)| *why);
        Some((name.to_owned(), About { takes, writes, refused }))
    });
    Vocabulary::new(options.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_a_word() {
        let vocabulary = vocabulary();
        for (name, _) in REFUSED {
            assert!(vocabulary.get(name).is_some_and(|about| about.refused.is_some()), "{name}");
        }
        for (name, writes) in WRITING {
            assert_eq!(vocabulary.get(name).map(|about| about.writes), Some(writes), "{name}");
        }
        let takes = |name: &str| vocabulary.get(name).map(|about| about.takes);
        let found = ["keep-names", "emit", "freeze", "mean", "help"].map(takes);
        assert_eq!(found, [Some(Takes::Nothing), Some(Takes::Repeated), Some(Takes::Value), Some(Takes::Value), None]);
    }
}
