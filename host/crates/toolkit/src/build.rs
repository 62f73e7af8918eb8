//! Builds a project: runs its toolchain, and makes a component of the result.

use std::fs;
use std::path::{self, Path, PathBuf};
use std::time::{Duration, Instant};

use tollgate_base::files::{remove_leftovers, write_atomically};
use tollgate_component::{Facts, merge_modules, to_component};

use crate::checks::check;
use crate::context::Build;
use crate::error::BuildError;
use crate::program::find;
use crate::project::{CustomBuild, Project, ProjectKind};
use crate::toolchain::Toolchain;
use crate::world;

/// The result of a build.
#[derive(Debug)]
pub struct Built {
    /// The file of the component, [`Project::artifact`]. [`Built::install`] writes it.
    pub file: PathBuf,
    /// The bytes of the component.
    pub component: Vec<u8>,
    /// How long the build took.
    pub took: Duration,
}

impl Built {
    /// Writes the component to its file, whole or not at all. A gateway may watch the folder, so
    /// this comes after all checks.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn install(&self) -> Result<(), BuildError> {
        write_whole(&self.file, &self.component)
    }
}

/// Builds a project: runs its toolchain, makes a component of a core module, and checks what can
/// be told without running it.
///
/// # Errors
/// What is missing or wrong, and what to write instead.
pub fn build(project: &Project, say: &(dyn Fn(&str) + Sync)) -> Result<Built, BuildError> {
    let started = Instant::now();
    // Tools run in the folder, so a path that is relative to another one would mislead them.
    let folder = path::absolute(&project.folder).map_err(BuildError::file(&project.folder))?;
    let project = Project {
        folder,
        ..project.clone()
    };
    let work = project.work();
    fs::create_dir_all(&work).map_err(BuildError::file(&work))?;
    let build = Build {
        folder: &project.folder,
        name: &project.name,
        work,
        say,
    };
    let (bytes, toolchain) = match &project.kind {
        ProjectKind::Language(language) => {
            let toolchain = language.toolchain();
            (toolchain.build(&build)?, Some(toolchain))
        }
        ProjectKind::Custom(custom) => (run_custom(&build, custom)?, None),
    };
    let component = finish(bytes, toolchain)?;
    let component = match project.merge {
        true => merge(component, say),
        false => component,
    };
    Ok(Built {
        file: project.artifact(),
        component,
        took: started.elapsed(),
    })
}

fn run_custom(build: &Build<'_>, custom: &CustomBuild) -> Result<Vec<u8>, BuildError> {
    build.say(&custom.command);
    let shell = find(&["sh"]).unwrap_or_else(|| "/bin/sh".into());
    let out = build
        .step(&shell)
        .args(["-c", &custom.command])
        .run(build.say)?;
    for line in String::from_utf8_lossy(&out).lines() {
        build.say(line);
    }
    let output = build.folder.join(&custom.output);
    if !output.exists() {
        let what = format!("`{}` left no {}", custom.command, custom.output.display());
        let help = "let `output` in plugin.toml name the file that `build` writes";
        return Err(BuildError::wrong(what, help));
    }
    build.read(&output)
}

/// Makes a component of a toolchain's result, and checks both.
fn finish(mut bytes: Vec<u8>, toolchain: Option<&dyn Toolchain>) -> Result<Vec<u8>, BuildError> {
    let facts = Facts::read(&bytes)
        .map_err(|error| BuildError::wrong(format!("the result {error}"), ""))?;
    check(&facts, toolchain)?;
    if !facts.component && !facts.has_world {
        let mut imports = facts.imports.iter();
        let asks = imports.any(|import| import.module.starts_with("tollgate:ask/"));
        world::embed(&mut bytes, asks)?;
    }
    let component = to_component(&bytes).map_err(|error| {
        let help = "the module must export `handle`, `memory` and `cabi_realloc`, with the types \
                    that the canonical ABI gives to `tollgate:handler/handler`; docs/languages.md \
                    has a table of them";
        BuildError::wrong(format!("the core module {error}"), help)
    })?;
    Ok(component.into_owned())
}

/// Merges the core modules of a component. A component that cannot be merged is as good, only
/// slower.
fn merge(component: Vec<u8>, say: &(dyn Fn(&str) + Sync)) -> Vec<u8> {
    match merge_modules(&component) {
        Ok(Some(merged)) => merged,
        Ok(None) => component,
        Err(error) => {
            say(&format!(
                "warning: the core modules are not merged: the component {error}"
            ));
            component
        }
    }
}

/// Writes a file by a rename, since a gateway may watch the folder. Everybody may read the file:
/// the gateway may have an account of its own. Removes what builds that were killed have left.
fn write_whole(file: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    remove_leftovers(file).map_err(BuildError::file(file))?;
    write_atomically(file, bytes).map_err(BuildError::file(file))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_gateway_of_another_account_may_read_the_component() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("refunds.wasm");
        write_whole(&file, b"bytes").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"bytes");
        // The umask of whoever builds may take rights away, but not from the owner.
        let open = folder.path().join("open");
        fs::write(&open, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), mode(&open));
    }
}
