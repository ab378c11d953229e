//! Small sources in which something is wrong, and what is said about it.

use crate::{check::complaints, table::table, tree::Tree};

/// A tree that is in order.
const SOURCES: [(&str, &str); 8] = [
    ("lib.rs", "pub mod audit;\npub mod cli;\npub mod compile;\npub mod report;\npub mod train;"),
    ("main.rs", "fn main() { snnc::cli::main() }"),
    ("cli.rs", "use crate::compile::compile;"),
    ("compile/mod.rs", "use crate::{\n    audit::{self, attack::Attack},\n    report,\n};"),
    ("report/mod.rs", "use crate::audit::Audit;"),
    ("audit/mod.rs", "pub mod attack;\npub mod attacks;\nuse attacks::ATTACKS;\npub use attack::Attack;\npub struct Audit;"),
    ("audit/attack.rs", "//! See [`crate::compile::compile`] and [`super::attacks`].\npub trait Attack {}"),
    ("audit/attacks.rs", "use super::Attack;\npub static ATTACKS: [&dyn Attack; 0] = [];"),
];
const TABLE: [&str; 5] = [
    "| `main.rs` | `cli` |",
    "| `cli.rs` | `compile` |",
    "| `compile/` | `audit`, `report` |",
    "| `report/` | `audit` |",
    "| `audit/` | nothing |",
];

/// What is said of the tree with these files in the place of its own, or beside them, and with these rows instead of those of the same name.
fn said(files: &[(&str, &str)], rows: &[&str]) -> Vec<String> {
    let mut sources: Vec<(&str, &str)> = SOURCES.into_iter().filter(|(name, _)| files.iter().all(|(other, _)| other != name)).collect();
    sources.extend(files);
    let start = |row: &str| row.split(' ').nth(1).unwrap_or_default().to_owned();
    let kept = TABLE.into_iter().filter(|row| rows.iter().all(|other| start(other) != start(row)));
    let rows: Vec<&str> = kept.chain(rows.iter().copied()).collect();
    let page = format!("| module | may use |\n|---|---|\n{}\n", rows.join("\n"));
    complaints(&Tree::new(&sources), &table(&page).unwrap())
}

#[test]
fn nothing_is_said_of_a_tree_in_order() {
    assert_eq!(said(&[], &[]), [""; 0]);
}

#[test]
fn arrows_back_up_are_found_with_file_and_line() {
    let report = "use crate::{\n    audit::Audit,\n    compile::Diversity,\n};";
    let expected = "src/report/mod.rs:3: `report` uses `compile`, which the table of docs/architecture.md does not allow";
    assert_eq!(said(&[("report/mod.rs", report)], &[]), [expected]);

    let jury = "fn f() {\n    let graph = crate::compile::canonical();\n}";
    let expected = "src/audit/jury.rs:2: `audit` uses `compile`, which the table of docs/architecture.md does not allow";
    assert_eq!(said(&[("audit/jury.rs", jury)], &[]), [expected]);

    let files = [("synthesize/mod.rs", "mod inversion;"), ("synthesize/inversion.rs", "use super::super::train::network::Buffers;")];
    let files = [files[0], files[1], ("train/mod.rs", "use crate::synthesize;")];
    let rows = ["| `synthesize/` | nothing |", "| `train/` | `synthesize` |"];
    let expected = "src/synthesize/inversion.rs:1: `synthesize` uses `train`, which the table of docs/architecture.md does not allow";
    assert_eq!(said(&files, &rows), [expected]);
}

#[test]
fn the_table_names_what_there_is_and_no_more() {
    assert_eq!(said(&[("float.rs", "")], &[]), ["`float` has no row in the table of docs/architecture.md"]);
    assert_eq!(said(&[], &["| `float/` | nothing |"]), ["the table of docs/architecture.md has a row for `float`, which is not in src/"]);
    let expected = "the table of docs/architecture.md lets `report` use `cli`, which nothing there does";
    assert_eq!(said(&[], &["| `report/` | `audit`, `cli` (for now) |"]), [expected]);
}

#[test]
fn the_table_allows_no_circle_but_for_now() {
    let files = [("audit/jury.rs", "use crate::report;")];
    let expected = "the table of docs/architecture.md allows a circle: `audit` → `report` → `audit`";
    assert_eq!(said(&files, &["| `audit/` | `report` |"]), [expected]);
    assert_eq!(said(&files, &["| `audit/` | `report` (for now) |"]), [""; 0]);
}

#[test]
fn circles_inside_of_a_folder_are_found() {
    let attack = "use super::attacks;\npub trait Attack {}";
    let expected = "src/audit: a circle, `attack` → `attacks` → `attack`: src/audit/attack.rs:1, src/audit/attacks.rs:1";
    assert_eq!(said(&[("audit/attack.rs", attack)], &[]), [expected]);
    // What the folder's own file defines and its files use, while it uses them.
    let attacks = "use super::{Attack, Audit};\npub static ATTACKS: [&dyn Attack; 0] = [];";
    let expected = "src/audit: a circle, `attacks` → `mod.rs` → `attacks`: src/audit/attacks.rs:1, src/audit/mod.rs:3";
    assert_eq!(said(&[("audit/attacks.rs", attacks)], &[]), [expected]);
    assert_eq!(said(&[("audit/attacks.rs", attacks)], &["| `audit/` (circles inside, for now) | nothing |"]), [""; 0]);
    let expected = "the table of docs/architecture.md excuses circles inside of `audit`, where there are none";
    assert_eq!(said(&[], &["| `audit/` (circles inside, for now) | nothing |"]), [expected]);
    // Deeper down too.
    let files = [("audit/weights/a.rs", "use super::b::B;"), ("audit/weights/b.rs", "use crate::audit::weights::a::A;")];
    let expected = "src/audit/weights: a circle, `a` → `b` → `a`: src/audit/weights/a.rs:1, src/audit/weights/b.rs:1";
    assert_eq!(said(&files, &[]), [expected]);
}

#[test]
fn comments_and_texts_use_nothing() {
    let report = "//! [`crate::compile`]\nuse crate::audit::Audit;\n// use crate::compile;\n/* crate::compile::f() */\nconst T: &str = \"crate::compile::f\";";
    assert_eq!(said(&[("report/mod.rs", report)], &[]), [""; 0]);
}
