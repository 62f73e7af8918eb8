//! The tools of toolchains: how they are found, and how they are run in a clean environment.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::error::BuildError;
use crate::install::Install;
use crate::program::find;

/// The variables that every tool gets. All others are left out, so that a build does not depend on
/// the shell that it was started from.
const PASSED: [&str; 31] = [
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "GOPROXY",
    "GOPRIVATE",
    "GOSUMDB",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
];

/// The beginnings of further variables that are passed: where packages come from.
const PASSED_PREFIXES: [&str; 8] = [
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
    "npm_config_",
    "NPM_CONFIG_",
    "PIP_",
    "NODE_EXTRA_CA_",
];

/// The most lines of a failed tool's output that are kept.
const MAX_LINES: usize = 200;

/// A tool of a toolchain.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The names of its program, the best first.
    pub names: &'static [&'static str],
    /// What it is for, such as `compiles the handler`.
    pub purpose: &'static str,
    /// How it is installed.
    pub install: Install,
}

impl Tool {
    /// The path of the program.
    ///
    /// # Errors
    /// [`BuildError::Missing`]
    pub fn find(&self) -> Result<PathBuf, BuildError> {
        self.find_that(|_| true)
    }

    /// The path of the first program that `will_do`.
    ///
    /// # Errors
    /// [`BuildError::Missing`]
    pub fn find_that(&self, will_do: impl Fn(&Path) -> bool) -> Result<PathBuf, BuildError> {
        let mut found = self.names.iter().filter_map(|name| find(&[name]));
        found
            .find(|path| will_do(path))
            .ok_or_else(|| self.missing(format!("it {}", self.purpose)))
    }

    /// The error for a tool that is missing, or does not do.
    pub fn missing(&self, why: impl Into<String>) -> BuildError {
        BuildError::Missing {
            tool: self.names[0].to_owned(),
            why: why.into(),
            install: self.install.here(),
        }
    }
}

/// One call of a tool: in a clean environment, without input.
#[derive(Debug)]
pub struct Step {
    command: Command,
    /// As messages name it.
    shown: String,
}

impl Step {
    /// A call of a program in a folder.
    pub fn new(program: &Path, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder).stdin(Stdio::null());
        command.envs(std::env::vars_os().filter(|(name, _)| is_passed(name)));
        let name = program.file_name().unwrap_or(program.as_os_str());
        let shown = name.to_string_lossy().into_owned();
        Self { command, shown }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, |step, one| step.arg(one))
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs the tool to its end, and returns its standard output. Each line of its standard error
    /// goes to `say` at once.
    ///
    /// # Errors
    /// The tool cannot be started, or ends with an error.
    pub fn run(mut self, say: &(dyn Fn(&str) + Sync)) -> Result<Vec<u8>, BuildError> {
        let program = PathBuf::from(self.command.get_program());
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(BuildError::file(&program))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (out, said) = thread::scope(|scope| {
            let said = scope.spawn(move || stderr.map_or_else(Vec::new, |err| pass_on(err, say)));
            let mut out = Vec::new();
            let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut out));
            (read.map(|_| out), said.join().unwrap_or_default())
        });
        let status = child.wait().map_err(BuildError::file(&program))?;
        let out = out.map_err(BuildError::file(&program))?;
        if status.success() {
            return Ok(out);
        }
        let said = match said.is_empty() {
            true => String::from_utf8_lossy(&out).into_owned(),
            false => said.join("\n"),
        };
        Err(BuildError::Failed {
            command: self.shown,
            status: status.to_string(),
            said,
            help: None,
        })
    }
}

/// Passes lines on, and keeps the last of them.
fn pass_on(from: impl Read, say: &dyn Fn(&str)) -> Vec<String> {
    let mut kept = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        say(&line);
        if kept.len() == MAX_LINES {
            kept.remove(0);
        }
        kept.push(line);
    }
    kept
}

fn is_passed(name: &OsString) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    PASSED.contains(&name)
        || PASSED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_step_has_a_clean_environment_and_its_lines_are_passed_on() {
        let shell = find(&["sh"]).unwrap();
        let said = Mutex::new(Vec::new());
        let say = |line: &str| said.lock().unwrap().push(line.to_owned());
        let step = Step::new(&shell, Path::new("/")).arg("-c");
        // Cargo sets this variable for its tests.
        let out = step
            .arg("echo one >&2; echo $CARGO_PKG_NAME$X")
            .env("X", "1");
        assert_eq!(out.run(&say).unwrap(), b"1\n");
        assert_eq!(*said.lock().unwrap(), ["one"]);
    }

    #[test]
    fn a_failed_step_tells_what_was_said() {
        let shell = find(&["sh"]).unwrap();
        let step = Step::new(&shell, Path::new("/")).args(["-c", "echo no >&2; exit 3"]);
        match step.run(&|_| {}).unwrap_err() {
            BuildError::Failed { said, status, .. } => {
                assert_eq!(said, "no");
                assert!(status.contains('3'), "{status}");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_missing_tool_is_named() {
        let tool = Tool {
            names: &["no-such-compiler"],
            purpose: "compiles the handler",
            install: Install {
                otherwise: "install it",
                ..Install::default()
            },
        };
        let error = tool.find().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-compiler is missing: it compiles the handler"
        );
        assert_eq!(error.help().unwrap(), "install it");
    }
}
