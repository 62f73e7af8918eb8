//! The project of a handler.

use std::path::{Path, PathBuf};

use crate::language::Language;

/// The project of a handler: a folder with sources, and the settings in its `plugin.toml`.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// `name`: the handler's name, and that of the component's file.
    pub name: String,
    /// How the project is built.
    pub kind: ProjectKind,
    /// `merge`: whether the core modules of the component are merged, which makes each fresh
    /// instance cheaper. Default true.
    pub merge: bool,
}

/// How a project is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectKind {
    /// By the toolchain of a language that this program knows.
    Language(Language),
    /// By a command of the project.
    Custom(CustomBuild),
}

/// A command that builds the project, and the file that the command leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomBuild {
    /// `build`: the command, for `sh -c`, in the project's folder.
    pub command: String,
    /// `output`: the file that the command writes, in the project's folder.
    pub output: PathBuf,
}

impl Project {
    /// The file that a build writes: `target/NAME.wasm`.
    pub fn artifact(&self) -> PathBuf {
        let file = format!("{}.wasm", self.name);
        self.folder.join("target").join(file)
    }

    /// The folder for what a build makes on its way: `target/tollgate`.
    pub fn work(&self) -> PathBuf {
        self.folder.join("target/tollgate")
    }

    /// The language of a folder without `plugin.toml`, by its files.
    pub fn recognise(folder: &Path) -> Option<Language> {
        Language::ALL.into_iter().find(|language| {
            let marks = language.toolchain().marks();
            !marks.is_empty() && marks.iter().all(|mark| folder.join(mark).exists())
        })
    }
}
