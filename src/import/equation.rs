//! Labels of axes: the equation of `Einsum`, and the one that stands for `MatMul`. Serves activations and constants alike.

use super::{
    cx::Call,
    problem::{Outcome, malformed, unsupported_use},
};

/// Names an axis.
pub(super) type Label = u32;

/// The labels of axes that `...` stands for, from the last backwards.
const ELLIPSIS: Label = 1 << 24;

/// Labels of the operands and of the result, all without repetition.
pub(super) struct Equation {
    pub operands: Vec<Vec<Label>>,
    pub result: Vec<Label>,
}

/// Tensors of more dimensions than this are nonsense.
const MAX_RANK: usize = 64;

fn check_ranks(call: &Call<'_>, ranks: &[usize]) -> Outcome<()> {
    match ranks.iter().find(|&&rank| rank > MAX_RANK) {
        Some(rank) => Err(malformed(format!("operator `{}` of a tensor of {rank} dimensions", call.node.op)).into()),
        None => Ok(()),
    }
}

/// Reads the equation for operands of these ranks.
pub(super) fn equation(call: &Call<'_>, ranks: &[usize]) -> Outcome<Equation> {
    check_ranks(call, ranks)?;
    let text: String = call.node.string("equation", "")?.chars().filter(|c| !c.is_whitespace()).collect();
    let bad = |why: String| malformed(format!("the equation of operator `Einsum` {why}")).note(format!("it is `{text}`"));
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != ranks.len() {
        return Err(bad(format!("has {} operands, the node {}", terms.len(), ranks.len())).into());
    }
    let mut longest = 0;
    let mut operands = Vec::new();
    for (term, &rank) in terms.iter().zip(ranks) {
        let letters = term.chars().filter(|c| *c != '.').count();
        let hidden = if term.contains("...") { rank.checked_sub(letters) } else { (letters == rank).then_some(0) };
        let hidden = hidden.ok_or_else(|| bad(format!("names {letters} axes of a tensor of {rank}")))?;
        longest = longest.max(hidden);
        operands.push(axes(term, hidden).ok_or_else(|| bad("is not one of letters".to_owned()))?);
    }
    let result = match right {
        Some(term) => axes(term, longest).ok_or_else(|| bad("is not one of letters".to_owned()))?,
        None => {
            // What appears once, in alphabetical order behind what `...` stands for.
            let all: Vec<Label> = operands.concat();
            let mut once: Vec<Label> =
                all.iter().copied().filter(|l| *l < ELLIPSIS && all.iter().filter(|other| *other == l).count() == 1).collect();
            once.sort_unstable();
            (0..longest as Label).rev().map(|k| ELLIPSIS + k).chain(once).collect()
        }
    };
    let repeats = |labels: &[Label]| (1..labels.len()).any(|i| labels[..i].contains(&labels[i]));
    if repeats(&result) || result.iter().any(|l| !operands.iter().any(|o| o.contains(l))) {
        return Err(bad("has a result that it does not define".to_owned()).into());
    }
    if operands.iter().any(|o| repeats(o)) {
        return Err(unsupported_use("operator `Einsum` with a letter twice in one operand")
            .note(format!("its equation is `{text}`"))
            .help("traces and diagonals are not converted")
            .into());
    }
    Ok(Equation { operands, result })
}

/// The labels of one term, in which `...` stands for `hidden` axes.
fn axes(term: &str, hidden: usize) -> Option<Vec<Label>> {
    let letters = |part: &str| part.chars().map(|c| c.is_ascii_alphabetic().then_some(c as Label)).collect::<Option<Vec<_>>>();
    match term.split_once("...") {
        None => letters(term),
        Some((before, after)) => {
            let between = (0..hidden as Label).rev().map(|k| ELLIPSIS + k).collect();
            Some([letters(before)?, between, letters(after)?].concat())
        }
    }
}

/// The equation of a matrix product of tensors of these ranks.
pub(super) fn matrix_product(call: &Call<'_>, left: usize, right: usize) -> Outcome<Equation> {
    const ROW: Label = 0;
    const INNER: Label = 1;
    const COLUMN: Label = 2;
    check_ranks(call, &[left, right])?;
    if left == 0 || right == 0 {
        return Err(malformed(format!("operator `{}` of a single number", call.node.op)).into());
    }
    let outer = |rank: usize| (0..rank.saturating_sub(2) as Label).rev().map(|k| ELLIPSIS + k);
    let of_left = outer(left).chain((left > 1).then_some(ROW)).chain([INNER]).collect();
    let of_right = outer(right).chain([INNER]).chain((right > 1).then_some(COLUMN)).collect();
    let result = outer(left.max(right)).chain((left > 1).then_some(ROW)).chain((right > 1).then_some(COLUMN)).collect();
    Ok(Equation { operands: vec![of_left, of_right], result })
}
