//! Loops in C, and the places of entries within them.

use super::text::Lines;

/// Names of the loops over the axes of a result behind the batch.
pub(super) const AXES: [&str; 7] = ["c", "i", "j", "k", "l", "m", "n"];
/// Names of the loops inside of these: over channels, rows and columns, or axes that are summed over.
pub(super) const INNER: [&str; 7] = ["d", "u", "w", "q", "r", "s", "t"];

/// Loops over the entries of a value, and the place of an entry along each axis behind the batch.
pub(super) struct Nest {
    pub(super) places: Vec<String>,
    pub(super) sizes: Vec<usize>,
    /// How many blocks were opened.
    pub(super) loops: usize,
}

impl Nest {
    /// Opens a loop over each axis that has more than one place.
    pub(super) fn open(lines: &mut Lines, dims: &[usize], names: &[&str]) -> Self {
        let mut nest = Self { places: Vec::new(), sizes: dims[1..].to_vec(), loops: 0 };
        for (&size, &name) in dims[1..].iter().zip(names) {
            nest.places.push(if size == 1 { "0".to_owned() } else { name.to_owned() });
            nest.loops += usize::from(size > 1);
            if size > 1 {
                lines.open(count(name, size));
            }
        }
        nest
    }

    /// The place of an entry of the loops' own value.
    pub(super) fn entry(&self) -> String {
        entry(&self.places, &self.sizes)
    }
}

/// A loop from 0.
pub(super) fn count(name: &str, size: usize) -> String {
    format!("for (int32_t {name} = 0; {name} < {size}; {name}++) {{")
}

/// The row-major place of an entry.
pub(super) fn entry(places: &[String], sizes: &[usize]) -> String {
    let mut stride = 1;
    let mut terms = Vec::new();
    for (place, size) in places.iter().zip(sizes).rev() {
        terms.extend(term(place, stride));
        stride *= size;
    }
    sum(terms.into_iter().rev())
}

/// A place times a stride, if that is not always 0.
pub(super) fn term(place: &str, stride: usize) -> Option<String> {
    let is_sum = place.contains(' ');
    match (place, stride) {
        ("0", _) => None,
        (_, 1) => Some(place.to_owned()),
        _ if is_sum => Some(format!("({place}) * {stride}")),
        _ => Some(format!("{place} * {stride}")),
    }
}

pub(super) fn sum(terms: impl Iterator<Item = String>) -> String {
    let text = terms.collect::<Vec<_>>().join(" + ");
    if text.is_empty() { "0".to_owned() } else { text }
}

/// `place * stride + inner * step - before`.
pub(super) fn moved(place: &str, stride: usize, inner: &str, step: usize, before: usize) -> String {
    let text = sum(term(place, stride).into_iter().chain(term(inner, step)));
    if before == 0 { text } else { format!("{text} - {before}") }
}

/// The place that a slice takes.
pub(super) fn taken(place: &str, (start, step, _): (usize, i64, usize)) -> String {
    match (place, step) {
        ("0", _) => start.to_string(),
        (_, 1) if start == 0 => place.to_owned(),
        (_, 1) => format!("{start} + {place}"),
        (_, -1) => format!("{start} - {place}"),
        _ if step < 0 => format!("{start} - {place} * {}", step.unsigned_abs()),
        _ => format!("{start} + {place} * {step}"),
    }
}

/// Opens a test whether a place of a window is inside of the operand, where it may not be; how many blocks it opened.
pub(super) fn window_check(
    lines: &mut Lines,
    place: &str,
    from: usize,
    to: usize,
    kernel: usize,
    [stride, dilation]: [usize; 2],
    before: usize,
) -> usize {
    let last = (to - 1) * stride + (kernel - 1) * dilation;
    let tests = [(before > 0).then(|| format!("{place} >= 0")), (last >= from + before).then(|| format!("{place} < {from}"))];
    let tests: Vec<String> = tests.into_iter().flatten().collect();
    if tests.is_empty() {
        return 0;
    }
    lines.open(format!("if ({}) {{", tests.join(" && ")));
    1
}

/// Loops over the window of an entry of a pooling; `of` says what to do with a place of the operand.
#[allow(clippy::too_many_arguments, reason = "what a pooling is told by")]
pub(super) fn pool(
    start: &str,
    [kernel, stride]: [[usize; 2]; 2],
    pads: [usize; 4],
    from: &[usize],
    to: &[usize],
    nest: &Nest,
    lines: &mut Lines,
    of: &dyn Fn(String) -> Vec<String>,
) {
    lines.line(format!("int32_t a = {start};"));
    let mut blocks = 0;
    let mut places = vec![nest.places[0].clone()];
    for (axis, (name, place)) in [("u", "row"), ("w", "column")].into_iter().enumerate() {
        let tap = if kernel[axis] > 1 { name } else { "0" };
        if kernel[axis] > 1 {
            lines.open(count(name, kernel[axis]));
            blocks += 1;
        }
        lines.line(format!("const int32_t {place} = {};", moved(&nest.places[1 + axis], stride[axis], tap, 1, pads[axis])));
        blocks += window_check(lines, place, from[2 + axis], to[2 + axis], kernel[axis], [stride[axis], 1], pads[axis]);
        places.push(place.to_owned());
    }
    of(entry(&places, &from[1..])).into_iter().for_each(|line| lines.line(line));
    lines.close(blocks);
}
