//! `tollgate compile-component`: what the gateway starts itself as, to compile one component.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tollgate_base::files::is_ours_alone;
use tollgate_sandbox::{CompileIn, child_main};

/// The name of the command.
pub(super) const NAME: &str = "compile-component";

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The most bytes of memory, the most seconds, and the file of kept functions.
    arguments: Vec<OsString>,
}

/// Compiles the component of standard input to standard output.
pub(super) fn run(args: &CompileArgs) -> ExitCode {
    child_main(&args.arguments)
}

/// Compiles components in children of this program.
pub(super) fn compile_in() -> CompileIn {
    CompileIn::Child {
        // Leads to this program even if its file has been replaced by a newer one.
        program: "/proc/self/exe".into(),
        arguments: vec![NAME.into()],
    }
}

/// The folder for compiled code of commands that run without a gateway: in the user's own cache
/// folder, by the rules of freedesktop.org. `None` if the user has none.
pub(super) fn code_cache() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let folder = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    let folder = folder.join("tollgate/compiled");
    private(&folder).then_some(folder)
}

/// Makes a folder that nobody else may enter. Returns whether the folder is there and is the user's
/// alone.
fn private(folder: &Path) -> bool {
    let mut builder = DirBuilder::new();
    if builder.recursive(true).mode(0o700).create(folder).is_err() {
        return false;
    }
    fs::symlink_metadata(folder).is_ok_and(|about| about.is_dir() && is_ours_alone(&about))
}
