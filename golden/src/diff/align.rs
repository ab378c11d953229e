//! Which node of one network is which of another.
//!
//! Nodes that have the same operator and shape, in the same order, are one: a longest common subsequence. Names do not count, since the
//! compiler numbers nodes, and one more node in front renames all.

use snnc_runtime::NetworkSpec;

/// Most pairs of nodes that are tried; of longer networks, what is not alike at the ends is taken for others.
const MOST: usize = 1 << 24;

/// A place in both orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Node of A, node of B.
    Both(usize, usize),
    /// Only A has it.
    A(usize),
    /// Only B has it.
    B(usize),
}

/// All nodes of both networks, front to back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pairs(pub(super) Vec<Pair>);

impl Pairs {
    pub(super) fn of(a: &NetworkSpec, b: &NetworkSpec) -> Self {
        fn keys(spec: &NetworkSpec) -> Vec<(&str, &[usize])> {
            spec.nodes.iter().map(|node| (node.op.name(), &node.shape[..])).collect()
        }
        Self(align(&keys(a), &keys(b)))
    }

    /// Nodes that both have.
    pub(super) fn both(&self) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().filter_map(|pair| match *pair {
            Pair::Both(a, b) => Some((a, b)),
            _ => None,
        })
    }
}

fn align<T: PartialEq>(a: &[T], b: &[T]) -> Vec<Pair> {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (end_a, end_b) = (a.len() - tail, b.len() - tail);
    let mut pairs: Vec<Pair> = (0..head).map(|place| Pair::Both(place, place)).collect();
    let (rows, columns) = (end_a - head, end_b - head);
    let lengths = if rows.saturating_mul(columns) <= MOST { common(&a[head..end_a], &b[head..end_b]) } else { Vec::new() };
    let length = |row: usize, column: usize| lengths.get(row * (columns + 1) + column).copied().unwrap_or(0);
    let (mut row, mut column) = (0, 0);
    while row < rows || column < columns {
        let is_pair =
            row < rows && column < columns && length(row, column) == length(row + 1, column + 1) + 1 && a[head + row] == b[head + column];
        if is_pair {
            pairs.push(Pair::Both(head + row, head + column));
            (row, column) = (row + 1, column + 1);
        } else if row < rows && (column == columns || length(row + 1, column) >= length(row, column + 1)) {
            pairs.push(Pair::A(head + row));
            row += 1;
        } else {
            pairs.push(Pair::B(head + column));
            column += 1;
        }
    }
    pairs.extend((0..tail).map(|place| Pair::Both(end_a + place, end_b + place)));
    pairs
}

/// `[rows + 1, columns + 1]`: length of the longest common subsequence from each pair of places on.
fn common<T: PartialEq>(a: &[T], b: &[T]) -> Vec<u32> {
    let width = b.len() + 1;
    let mut lengths = vec![0; (a.len() + 1) * width];
    for row in (0..a.len()).rev() {
        for column in (0..b.len()).rev() {
            let at = row * width + column;
            lengths[at] = if a[row] == b[column] { lengths[at + width + 1] + 1 } else { lengths[at + width].max(lengths[at + 1]) };
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;
    use Pair::{A, B, Both};

    fn of(a: &str, b: &str) -> Vec<Pair> {
        align(a.as_bytes(), b.as_bytes())
    }

    #[test]
    fn nodes_in_between_are_found() {
        assert_eq!(of("abc", "abc"), [Both(0, 0), Both(1, 1), Both(2, 2)]);
        assert_eq!(of("ac", "abc"), [Both(0, 0), B(1), Both(1, 2)]);
        assert_eq!(of("abc", "axc"), [Both(0, 0), A(1), B(1), Both(2, 2)]);
        assert_eq!(of("xabcdy", "zbdw"), [A(0), A(1), B(0), Both(2, 1), A(3), Both(4, 2), A(5), B(3)]);
        assert_eq!(of("", "ab"), [B(0), B(1)]);
        assert_eq!(of("aa", "a"), [Both(0, 0), A(1)]);
    }

    #[test]
    fn what_is_too_long_to_try_is_another() {
        let (a, b) = (vec![1; 5000], vec![2; 5000]);
        let pairs = align(&a, &b);
        assert_eq!((pairs.len(), pairs[0], pairs[9999]), (10_000, A(0), B(4999)));
    }
}
