//! The projects of a manifest's handlers: built before the start, and again after each change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::settings::Manifest;

/// The file that makes a folder a project.
const PROJECT: &str = "plugin.toml";
/// How many folders above a component its project is looked for.
const ABOVE: usize = 4;

/// The folders of the projects to which the components of the manifest belong, and of `more`.
pub(super) fn projects(manifest: Option<&Manifest>, more: &[PathBuf]) -> BTreeSet<PathBuf> {
    let handlers = manifest
        .into_iter()
        .flat_map(|manifest| manifest.handlers.values());
    let found = handlers.filter_map(|handler| project_of(&handler.component));
    found.chain(more.iter().cloned()).collect()
}

/// The project to which a component belongs.
fn project_of(component: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(component).ok()?;
    let mut above = absolute.ancestors().skip(1).take(ABOVE);
    let folder = above.find(|folder| folder.join(PROJECT).is_file())?;
    Some(folder.to_owned())
}

/// Builds a project once. Returns whether there is a component now. The build tells its mistakes.
pub(super) fn build(folder: &Path) -> anyhow::Result<bool> {
    Ok(command(folder)
        .status()
        .context("the build cannot be started")?
        .success())
}

/// Builds that go on after each change. They end when this is dropped.
pub(super) struct Builders(Vec<Child>);

impl Builders {
    /// Starts a build of each project.
    pub(super) fn start(folders: &BTreeSet<PathBuf>) -> anyhow::Result<Self> {
        let mut builders = Self(Vec::new());
        for folder in folders {
            let mut command = command(folder);
            command.arg("--watch");
            let child = command.spawn().context("the build cannot be started")?;
            builders.0.push(child);
        }
        Ok(builders)
    }
}

impl Drop for Builders {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // A child that has ended needs no end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["plugin", "build"])
        .arg(folder)
        .stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_component_belongs_to_the_project_around_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("orders/target")).unwrap();
        fs::write(root.join("orders/plugin.toml"), "").unwrap();
        let of = |path: &str| project_of(&root.join(path));
        assert_eq!(of("orders/target/orders.wasm"), Some(root.join("orders")));
        assert_eq!(of("orders.wasm"), None);
    }
}
