//! The table of docs/architecture.md: what every folder and file at the top of `src/` may use.

use std::collections::BTreeMap;

/// Title of the column.
const TITLE: &str = "may use";
/// Marks what is to go: an arrow that is no part of the order, or a folder whose files still form circles.
const FOR_NOW: &str = "for now";

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What may be used, and whether only for now.
    pub may_use: BTreeMap<String, bool>,
    /// Whether its files may form circles, for now.
    pub has_circles: bool,
}

/// The rows, by name.
pub type Table = BTreeMap<String, Row>;

/// Reads the table out of the page; fails with a sentence.
pub fn table(page: &str) -> Result<Table, String> {
    let mut lines = page.lines().skip_while(|line| cells(line).last().is_none_or(|title| *title != TITLE)).skip(2);
    let mut table = Table::new();
    for line in lines.by_ref().take_while(|line| line.starts_with('|')) {
        let cells = cells(line);
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
        let name = name(first).ok_or_else(|| format!("no name in backticks: {line}"))?;
        let mut row = Row { has_circles: first.contains(FOR_NOW), ..Row::default() };
        for part in last.split(',').filter(|_| *last != "nothing") {
            let used = self::name(part).ok_or_else(|| format!("want `nothing`, or names in backticks with commas between: {line}"))?;
            row.may_use.insert(used, part.contains(FOR_NOW));
        }
        if table.insert(name.clone(), row).is_some() {
            return Err(format!("`{name}` has two rows"));
        }
    }
    if table.is_empty() { Err(format!("there is no table with the column \"{TITLE}\"")) } else { Ok(table) }
}

fn cells(line: &str) -> Vec<&str> {
    let inside = line.trim().strip_prefix('|').and_then(|rest| rest.strip_suffix('|'));
    inside.map(|inside| inside.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// The name in backticks, without what says that it is a folder or a file.
fn name(cell: &str) -> Option<String> {
    let name = cell.split('`').nth(1)?;
    Some(name.trim_end_matches('/').trim_end_matches(".rs").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_who_may_use_whom() {
        let page = "# A\n\n| a | b |\n|---|---|\n| `x` | y |\n\n| module | does | may use |\n|---|---|---|\n\
                    | `x/` | this | `y`, `z` (for now) |\n| `y.rs` (circles inside, for now) | that | nothing |\n\n| `z` | no row |\n";
        let table = table(page).unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(table["x"].may_use, BTreeMap::from([("y".to_owned(), false), ("z".to_owned(), true)]));
        assert_eq!((table["x"].has_circles, table["y"].has_circles), (false, true));
        assert!(table["y"].may_use.is_empty());
    }

    #[test]
    fn a_table_that_cannot_be_read_is_no_empty_one() {
        let of = |rows: &str| super::table(&format!("| module | may use |\n|---|---|\n{rows}"));
        assert!(super::table("# A page").unwrap_err().contains("no table"));
        assert!(of("| `x` | y |\n").unwrap_err().contains("names in backticks"));
        assert!(of("| x | `y` |\n").unwrap_err().contains("no name"));
        assert!(of("| `x` | `y` |\n| `x/` | nothing |\n").unwrap_err().contains("two rows"));
    }
}
