//! A project in a folder of its own, made by `tollgate plugin new`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::{SECRET, skip};

/// Whether a program is in a folder of [`path`]. If not, the test is skipped, with a word about it.
pub(crate) fn has(program: &str, what: &str) -> bool {
    let found = std::env::split_paths(&path()).any(|folder| folder.join(program).is_file());
    if !found {
        skip(&format!(
            "{what}: there is no {program}; `.ci/prepare languages` installs it"
        ));
    }
    found
}

/// Whether all languages are asked for, as `make test-languages` does.
pub(crate) fn all_languages() -> bool {
    std::env::var_os("TOLLGATE_LANGUAGES").is_some()
}

/// The same as [`has`], for a language that `make test-languages` alone builds.
pub(crate) fn has_extra(program: &str, what: &str) -> bool {
    all_languages() && has(program, what)
}

/// The folders of programs, with those that `.ci/prepare languages` has installed.
pub(super) fn path() -> OsString {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/languages/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [own].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap()
}

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

    /// Makes a project whose handler is this text, with one fixture.
    #[track_caller]
    pub(crate) fn mistaken(language: &str, file: &str, handler: &str) -> Self {
        let project = Self::new("mistaken", language, &[]);
        project.write(file, handler);
        for fixture in ["again", "damaged", "other"] {
            fs::remove_file(project.path(format!("fixtures/{fixture}.json"))).unwrap();
        }
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

    /// Like `plugin`, with another `PATH`.
    pub(crate) fn plugin_with_path(&self, path: &str, arguments: &[&str]) -> Ended {
        let all = [&["plugin"], arguments].concat();
        ended(self.command(&self.path(""), &all).env("PATH", path))
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

    /// Lets the fixtures compute for long: a test of messages is not one of speed, and a debug
    /// build beside other tests is slow.
    #[track_caller]
    pub(crate) fn give_time(&self) {
        let patient = "[handler]\ntimeout = \"30s\"\n";
        self.change("plugin.toml", "[handler]\n", patient);
    }

    /// Builds and tests the project, which must succeed. Returns what the test shows.
    #[track_caller]
    pub(crate) fn tests_well(&self) -> String {
        let ended = self.plugin(&["test"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout
    }

    /// Builds, which must fail. Returns what the user is told.
    #[track_caller]
    pub(crate) fn build_fails(&self) -> String {
        let ended = self.plugin(&["build"]);
        assert_eq!(ended.code, 1, "{ended:?}");
        ended.stderr
    }

    /// Builds with each of these texts in a file. Each build must fail, and tell what stands beside
    /// the text.
    #[track_caller]
    pub(crate) fn builds_none(&self, file: &str, mistakes: &[(&str, &str)]) {
        for (source, told) in mistakes {
            self.write(file, source);
            let said = self.build_fails();
            assert!(said.contains(told), "{source}\n{said}");
            assert!(!self.component().exists(), "{source}");
        }
    }

    fn run_in(&self, folder: &Path, arguments: &[&str]) -> Ended {
        ended(&mut self.command(folder, arguments))
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        // The projects of all tests share what cargo has compiled of their dependencies.
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugin-tests");
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("PATH", path())
            .env("CARGO_TARGET_DIR", shared)
            .env("TOLLGATE_TEST_SECRET", SECRET);
        command
    }
}

fn ended(command: &mut Command) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ended {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
