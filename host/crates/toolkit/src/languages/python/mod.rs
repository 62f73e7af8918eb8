//! Python, by componentize-py, in a virtual environment of the project.

mod immortal;

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Build;
use crate::error::BuildError;
use crate::install::Install;
use crate::toolchain::{Part, Toolchain};
use crate::tools::Tool;
use immortal::make_immortal;

/// The oldest Python that the compiler runs in: 3.10.
const OLDEST: (u32, u32) = (3, 10);

/// The Python within the component. Packages of the handler are for it.
const INSIDE: &str = "3.14";

const PYTHON: Tool = Tool {
    names: &[
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3.10",
    ],
    purpose: "compiles handlers in Python (3.10 or newer)",
    install: Install {
        any: "",
        apt: "python3 python3-venv",
        dnf: "python3",
        apk: "python3",
        brew: "python3",
        otherwise: "install Python 3.10 or newer as https://www.python.org says",
    },
};

/// Python.
pub(crate) struct Python;

impl Toolchain for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.py"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("payment"),
            Part::Template("python"),
            Part::Sdk("python", "sdk"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let sdk = sdk_of(build)?;
        let python = environment(build, &sdk)?;
        let packages = packages(build, &python)?;
        build.say("python -m tollgate_compile");
        let out = build.work.join("handler.wasm");
        let step = build
            .step(&python)
            .args(["-m", "tollgate_compile", "--out"]);
        let step = step.arg(&out).env("PYTHONPATH", &sdk);
        let step = step.env("PYTHONDONTWRITEBYTECODE", "1");
        let step = match &packages {
            Some(packages) => step.arg("--packages").arg(packages),
            None => step,
        };
        step.run(build.say)?;
        let mut component = build.read(&out)?;
        make_immortal(&mut component);
        Ok(component)
    }

    fn how_to_export(&self) -> &'static str {
        "write `@handler` or `@handler(\"payment_intent.succeeded\")` before a function in handler.py"
    }

    fn explain(&self, message: &str) -> Option<String> {
        message.contains("memory").then(|| {
            "a handler in Python needs some 20 MiB: set memory = \"64MiB\" or more".to_owned()
        })
    }
}

/// The folder of the SDK in the project.
fn sdk_of(build: &Build<'_>) -> Result<PathBuf, BuildError> {
    let sdk = build.folder.join("sdk");
    if sdk.join("tollgate_compile").is_dir() {
        return Ok(sdk);
    }
    Err(BuildError::wrong(
        "the folder sdk/ is missing",
        "make a project by `tollgate plugin new NAME --lang python`, and copy its sdk/ here",
    ))
}

/// The Python of the project's own environment, with the compiler in it.
fn environment(build: &Build<'_>, sdk: &Path) -> Result<PathBuf, BuildError> {
    let folder = build.folder.join(".venv");
    let python = folder.join("bin/python");
    if !python.exists() {
        let host = PYTHON.find_that(|python| is_new_enough(build, python))?;
        build.say("python3 -m venv .venv");
        let made = build
            .step(&host)
            .args(["-m", "venv"])
            .arg(&folder)
            .run(build.say);
        if made.is_err() || !python.exists() {
            // Debian's Python has its module `venv` in a package of its own.
            let _ = fs::remove_dir_all(&folder);
            return Err(PYTHON.missing(format!("{} cannot make an environment", host.display())));
        }
    }
    let list = sdk.join("requirements.txt");
    once(&list, &folder.join("tollgate-requirements"), || {
        build.say("pip install --require-hashes -r sdk/requirements.txt");
        let step = pip(build, &python).args(["install", "--require-hashes", "-r"]);
        step.arg(&list).run(build.say).map(drop)?;
        let packages = build.work.join("packages");
        find_in(build, &python, &[sdk, &packages])
    })?;
    Ok(python)
}

/// Lets the environment find modules in these folders, for tests and editors.
fn find_in(build: &Build<'_>, python: &Path, folders: &[&Path]) -> Result<(), BuildError> {
    let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let out = build.step(python).args(["-c", ask]).run(build.say)?;
    let place = PathBuf::from(String::from_utf8_lossy(&out).trim());
    let folders = folders
        .iter()
        .map(|folder| format!("{}\n", folder.display()));
    let file = place.join("tollgate.pth");
    fs::write(&file, folders.collect::<String>()).map_err(BuildError::file(&file))
}

/// Installs the packages that the handler imports into a folder of their own. A component takes
/// pure Python alone.
fn packages(build: &Build<'_>, python: &Path) -> Result<Option<PathBuf>, BuildError> {
    let list = build.folder.join("requirements.txt");
    let folder = build.work.join("packages");
    let text = fs::read_to_string(&list).unwrap_or_default();
    if text
        .lines()
        .all(|line| matches!(line.trim().chars().next(), None | Some('#')))
    {
        return Ok(None);
    }
    once(&list, &build.work.join("packages.requirements"), || {
        build.say("pip install --target target/tollgate/packages -r requirements.txt");
        let _ = fs::remove_dir_all(&folder);
        let pure = [
            "--only-binary=:all:",
            "--implementation=py",
            "--abi=none",
            "--platform=any",
        ];
        let step = pip(build, python).arg("install").args(pure);
        let step = step.arg(format!("--python-version={INSIDE}"));
        let step = step.arg("--target").arg(&folder).arg("-r").arg(&list);
        step.run(build.say).map(drop).map_err(|error| {
            let help = "a component takes packages in pure Python alone (`py3-none-any`); a package \
                        with code in C has none";
            error.with_help(|_| Some(help.to_owned()))
        })
    })?;
    Ok(Some(folder))
}

fn pip(build: &Build<'_>, python: &Path) -> crate::tools::Step {
    let step = build.step(python).args(["-m", "pip", "--quiet"]);
    step.arg("--disable-pip-version-check")
}

/// Does some work, unless it was done for this very text of a file. `note` keeps the text.
fn once(
    file: &Path,
    note: &Path,
    work: impl FnOnce() -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    let text = fs::read(file).map_err(BuildError::file(file))?;
    if fs::read(note).is_ok_and(|done| done == text) {
        return Ok(());
    }
    work()?;
    fs::write(note, &text).map_err(BuildError::file(note))
}

/// Whether a Python can run the compiler.
fn is_new_enough(build: &Build<'_>, python: &Path) -> bool {
    let ask = "import sys; print(*sys.version_info[:2])";
    let out = build.step(python).args(["-c", ask]).run(&|_| {});
    out.is_ok_and(|out| version(&String::from_utf8_lossy(&out)).is_some_and(|v| v >= OLDEST))
}

/// The version in a text such as `3 11`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_python_are_read() {
        assert_eq!(version("3 11\n"), Some((3, 11)));
        assert!(version("3 9").unwrap() < OLDEST);
        assert_eq!(version("Python"), None);
    }

    #[test]
    fn work_is_done_once_for_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let (file, note) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "one").unwrap();
        let times = std::cell::Cell::new(0);
        let work = || {
            times.set(times.get() + 1);
            Ok(())
        };
        once(&file, &note, work).unwrap();
        once(&file, &note, work).unwrap();
        assert_eq!(times.get(), 1);
        fs::write(&file, "two").unwrap();
        once(&file, &note, work).unwrap();
        assert_eq!(times.get(), 2);
    }
}
