//! What is wrong between the sources and the table.

use crate::{
    circles::{circles, told},
    table::Table,
    tree::Tree,
};

/// Where the table stands.
pub const PAGE: &str = "docs/architecture.md";

/// One sentence for everything that is wrong.
pub fn complaints(tree: &Tree, table: &Table) -> Vec<String> {
    let mut found = against_table(tree, table);
    found.extend(of_table(table));
    found.extend(inside(tree, table));
    found
}

/// Arrows that are not allowed, rooms without a row, rows without a room, arrows that are allowed for nothing.
fn against_table(tree: &Tree, table: &Table) -> Vec<String> {
    let (arrows, rooms) = (tree.arrows(&[]), tree.inside(&[]));
    let mut found = Vec::new();
    for ((from, to), places) in &arrows {
        if !table.get(from).is_some_and(|row| row.may_use.contains_key(to)) {
            found.extend(places.iter().map(|place| format!("{place}: `{from}` uses `{to}`, which the table of {PAGE} does not allow")));
        }
    }
    found.extend(rooms.iter().filter(|room| !table.contains_key(**room)).map(|room| format!("`{room}` has no row in the table of {PAGE}")));
    for (name, row) in table {
        if !rooms.contains(name.as_str()) {
            found.push(format!("the table of {PAGE} has a row for `{name}`, which is not in src/"));
            continue;
        }
        let unused = row.may_use.keys().filter(|to| !arrows.contains_key(&(name.clone(), (*to).clone())));
        found.extend(unused.map(|to| format!("the table of {PAGE} lets `{name}` use `{to}`, which nothing there does")));
    }
    found
}

/// Circles of what is allowed for good.
fn of_table(table: &Table) -> Vec<String> {
    let allowed = table.iter().flat_map(|(from, row)| {
        row.may_use.iter().filter(|(_, is_for_now)| !**is_for_now).map(move |(to, _)| (from.as_str(), to.as_str()))
    });
    circles(allowed).iter().map(|circle| format!("the table of {PAGE} allows a circle: {}", told(circle))).collect()
}

/// Circles among the files and folders of a folder.
fn inside(tree: &Tree, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for folder in tree.folders().iter().filter(|folder| !folder.is_empty()) {
        let circles = of_folder(tree, folder, "src");
        let is_excused = folder.len() == 1 && table.get(&folder[0]).is_some_and(|row| row.has_circles);
        if !is_excused {
            found.extend(circles);
        } else if circles.is_empty() {
            found.push(format!("the table of {PAGE} excuses circles inside of `{}`, where there are none", folder[0]));
        }
    }
    found
}

/// Circles among the files and folders of all folders of a crate, whose sources stand in its folder `src`.
pub fn circles_inside(tree: &Tree, name: &str) -> Vec<String> {
    tree.folders().iter().flat_map(|folder| of_folder(tree, folder, &format!("{name}/src"))).collect()
}

fn of_folder(tree: &Tree, folder: &[String], root: &str) -> Vec<String> {
    let arrows = tree.arrows(folder);
    let sentence = |circle: &Vec<&str>| {
        let next = circle.iter().cycle().skip(1);
        let first = |(from, to): (&&str, &&str)| arrows[&((*from).to_owned(), (*to).to_owned())].first().map(ToString::to_string);
        let places: Vec<String> = circle.iter().zip(next).filter_map(first).collect();
        let at: Vec<&str> = std::iter::once(root).chain(folder.iter().map(String::as_str)).collect();
        format!("{}: a circle, {}: {}", at.join("/"), told(circle), places.join(", "))
    };
    circles(arrows.keys().map(|(from, to)| (from.as_str(), to.as_str()))).iter().map(sentence).collect()
}
