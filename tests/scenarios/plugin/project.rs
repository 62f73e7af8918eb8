//! A project in a folder of its own, made by `tollgate plugin new`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A project in a folder that is removed at the end of the test.
pub(crate) struct TestProject {
    around: TempDir,
    name: String,
}

/// What a command ended with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestProject {
    /// Makes a project by `tollgate plugin new`, with further arguments.
    #[track_caller]
    pub(crate) fn new(name: &str, language: &str, arguments: &[&str]) -> Self {
        let project = Self {
            around: tempfile::tempdir().unwrap(),
            name: name.to_owned(),
        };
        let new = ["plugin", "new", name, "--lang", language];
        let made = project.run_in(project.around.path(), &[&new, arguments].concat());
        assert_eq!(made.code, 0, "{made:?}");
        project
    }

    /// The project's folder, or a file in it.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.around.path().join(&self.name).join(relative)
    }

    /// The file of the component.
    pub(crate) fn component(&self) -> PathBuf {
        self.path(format!("target/{}.wasm", self.name))
    }

    /// Runs `tollgate plugin VERB` in the project's folder.
    pub(crate) fn plugin(&self, arguments: &[&str]) -> Ended {
        self.run_in(&self.path(""), &[&["plugin"], arguments].concat())
    }

    /// Replaces a text in a file of the project. The text must be there.
    #[track_caller]
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
        fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Builds, which must fail. Returns what the user is told.
    #[track_caller]
    pub(crate) fn build_fails(&self) -> String {
        let ended = self.plugin(&["build"]);
        assert_eq!(ended.code, 1, "{ended:?}");
        ended.stderr
    }

    fn run_in(&self, folder: &Path, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        let command = command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null());
        // The projects of all tests share what cargo has compiled of their dependencies.
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugin-tests");
        let Output {
            status,
            stdout,
            stderr,
        } = command.env("CARGO_TARGET_DIR", shared).output().unwrap();
        Ended {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}
