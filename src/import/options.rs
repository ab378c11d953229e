//! What the importer is asked.

/// What to take from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Name of the tensor with the class scores, any that a node makes; the model's first output if left out.
    pub output: Option<String>,
}
