//! The layering of `src/`: who may use whom stands in the table of docs/architecture.md, and the sources keep to it. Inside of a folder no
//! files form a circle; what a folder's own file declares or hands on is no arrow of it, what it defines and uses is.
//!
//! | file | content |
//! |---|---|
//! | `tokens` | a source without comments and texts |
//! | `paths` | the modules that a source names |
//! | `tree` | all sources, and who names whom in a folder |
//! | `table` | what is allowed |
//! | `circles` | ways that lead back |
//! | `check` | what is wrong |
//! | `cases` | sources in which something is |

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod cases;
mod check;
mod circles;
mod paths;
mod table;
mod tokens;
mod tree;

use std::{fs, path::Path};

#[test]
fn the_sources_keep_to_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = table::table(&fs::read_to_string(root.join(check::PAGE)).unwrap()).unwrap();
    let complaints = check::complaints(&tree::Tree::read(&root.join("src")), &table);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Other crates have no table: Cargo keeps the order among them. Inside of these, files form no circles either.
#[test]
fn other_crates_have_no_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let complaints: Vec<String> = ["passes", "kernels", "engine", "vault", "lock", "project", "data", "golden", "nir", "targets", "cargo"]
        .iter()
        .flat_map(|name| check::circles_inside(&tree::Tree::read(&root.join(name).join("src")), name))
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
