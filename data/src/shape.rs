//! Shapes as text.

/// The sizes with a text between them: `3x32x32`.
pub(crate) fn joined(dims: &[usize], between: &str) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
