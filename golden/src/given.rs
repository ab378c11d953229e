//! The files beside the artifact.

use crate::{
    error::{Error, Result},
    file::Golden,
    paths,
};
use std::path::{Path, PathBuf};

/// The files beside the artifact.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The golden file.
    pub golden: &'a Path,
    /// The images, where they are not where the golden file says.
    pub data: Option<&'a Path>,
    /// The report that says what attacks got, where it is not where the golden file says.
    pub report: Option<&'a Path>,
}

impl Given<'_> {
    /// Where the images are.
    ///
    /// # Errors
    /// If nobody says so.
    pub fn data(&self, golden: Option<&Golden>) -> Result<PathBuf> {
        let known = golden.map(|golden| paths::resolve(self.golden, &golden.data.file));
        self.data.map(Path::to_owned).or(known).ok_or_else(|| {
            let golden = self.golden.display();
            Error::usage(format!("`{golden}` is to be made, and nothing says of which images: name an .npz file with `x` and `y`"))
        })
    }

    /// Where the report is, if one is wanted.
    pub(crate) fn report(&self, golden: Option<&Golden>) -> Option<PathBuf> {
        let known = golden.and_then(|golden| golden.leakage.as_ref()).map(|leakage| paths::resolve(self.golden, &leakage.report));
        self.report.map(Path::to_owned).or(known)
    }
}
