//! Numbers and tables as text.

/// A count with a unit prefix: 1234 as `1.23 k`.
pub(crate) fn si(value: f64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match prefixes.into_iter().find(|(size, _)| value.abs() >= *size) {
        Some((size, prefix)) => format!("{:.2} {prefix}", value / size),
        None if value.fract() == 0.0 => format!("{value:.0}"),
        None => format!("{value:.2}"),
    }
}

/// An energy that is given in picojoules.
pub(crate) fn joules(picojoules: f64) -> String {
    let units = [(1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")];
    match units.into_iter().find(|(size, _)| picojoules.abs() >= *size) {
        Some((size, unit)) => format!("{:.2} {unit}", picojoules / size),
        None => format!("{picojoules:.2} pJ"),
    }
}

/// Rows as columns of equal width, the first column to the left and the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            line += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(["999", "1.00 k", "12.35 M", "0.50"], [999.0, 1000.0, 12_345_678.0, 0.5].map(si)[..]);
        assert_eq!(["1.50 pJ", "1.50 nJ", "2.00 mJ"], [1.5, 1500.0, 2e9].map(joules)[..]);
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["ccc".to_owned(), "dd".to_owned()]];
        assert_eq!(table(&rows), "a     b\nccc  dd\n");
    }
}
