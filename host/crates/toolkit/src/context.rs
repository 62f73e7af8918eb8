//! A build under way, as the toolchain of a language sees it.

use std::path::{Path, PathBuf};

use tollgate_base::files::read_regular;

use crate::error::BuildError;
use crate::tools::Step;

/// The most bytes of a toolchain's result. The largest known, of a component in Python, has 20 MB.
const MAX_SIZE: usize = 512 << 20;

/// A build under way: what a toolchain works with.
pub struct Build<'a> {
    /// The project's folder.
    pub folder: &'a Path,
    /// The handler's name.
    pub name: &'a str,
    /// The folder for what the build makes on its way. It is there.
    pub work: PathBuf,
    /// Takes lines for the user: what is under way, and what tools say.
    pub say: &'a (dyn Fn(&str) + Sync),
}

impl Build<'_> {
    /// A call of a tool in the project's folder.
    pub fn step(&self, program: &Path) -> Step {
        Step::new(program, self.folder)
    }

    /// Tells the user what is under way.
    pub fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// The bytes of a file that a tool has left.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, file: &Path) -> Result<Vec<u8>, BuildError> {
        read_regular(file, MAX_SIZE).map_err(BuildError::file(file))
    }
}
