//! What is looked for.

/// What must not stand in the file.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Names of users, hosts, folders, labels; those of fewer than four characters are passed over.
    pub forbidden: &'a [String],
}

/// A tensor of the source network.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub dims: &'a [usize],
    /// Row-major entries.
    pub values: &'a [f32],
}

/// An image that must not be in the file.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// What it is called in a finding.
    pub name: String,
    /// 8-bit pixels, where there are some.
    pub pixels: Option<&'a [u8]>,
    /// As the model reads it.
    pub values: &'a [f32],
}
