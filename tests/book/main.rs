//! The book, `docs/`: every page is in its table of contents, links lead somewhere, the reference is what the program and the schema say, and
//! whatever a page says to type is something that `snnc` takes. (`scripts/book.py` types it.)
//!
//! `SNNC_BLESS=1 cargo test --test book` writes the pages of the reference.
//!
//! | file | content |
//! |---|---|
//! | `pages` | the pages: their text without code, their headings, their commands |
//! | `links` | where they lead |
//! | `reference` | pages that are generated |
//! | `schema` | the one of them that is made of a JSON schema |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
mod links;
mod pages;
mod reference;
mod schema;

use common::{Ran, command};
use pages::Page;
use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `snnc` prints, in the width that help has where there is no terminal.
fn said(args: &[&str]) -> String {
    Ran::of(command(root()).env_remove("COLUMNS").args(args).output().unwrap()).ok().stdout
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = Page::read("docs/SUMMARY.md");
    let listed: Vec<String> = links::links(&summary).into_iter().map(|link| format!("docs/{link}")).collect();
    let there: BTreeSet<String> = pages::below("docs").into_iter().filter(|page| page != "docs/SUMMARY.md").collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(listed.len(), there.len(), "a page is listed twice");
}

#[test]
fn links_lead_somewhere() {
    let broken: Vec<String> = pages::all().iter().flat_map(|name| links::broken(&Page::read(name))).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_reference_is_what_the_program_says() {
    let mut stale = Vec::new();
    for (name, text) in [
        ("docs/reference/command-line.md", reference::command_line()),
        ("docs/reference/diagnostics.md", reference::diagnostics()),
        ("docs/reference/report.md", reference::report()),
    ] {
        if std::env::var_os("SNNC_BLESS").is_some() {
            fs::write(root().join(name), text).unwrap();
        } else if fs::read_to_string(root().join(name)).ok() != Some(text) {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "{stale:?}: set SNNC_BLESS=1 to write them anew");
}

/// Whether files exist and what comes of them does not matter here: with `--help` at its end a command is read, and nothing is done.
#[test]
fn commands_of_the_pages_are_commands_of_the_program() {
    let read = |typed: &str| Ran::of(command(root()).args(typed.split_whitespace().skip(1)).arg("--help").output().unwrap());
    // Not what else the program's name begins.
    let has_options = |typed: &String| typed.contains(" -");
    let is_unknown = |ran: &Ran| ["unexpected argument", "unrecognized subcommand"].iter().any(|part| ran.stderr.contains(part));
    let mut refused = Vec::new();
    for name in pages::all() {
        let page = Page::read(&name);
        let typed = page.commands().into_iter().map(|typed| (read(&typed), typed)).filter(|(ran, _)| ran.code != 0);
        let mentioned =
            page.mentioned().into_iter().filter(has_options).map(|typed| (read(&typed), typed)).filter(|(ran, _)| is_unknown(ran));
        refused.extend(
            typed.chain(mentioned).map(|(ran, typed)| format!("{name}: `{typed}`: {}", ran.stderr.lines().next().unwrap_or_default())),
        );
    }
    assert!(refused.is_empty(), "\n{}\n", refused.join("\n"));
}
