//! Lists the files that travel inside the program: the WIT package, the SDKs and the
//! templates.
//!
//! The list is Rust source with one `include_bytes!` a file. What builds leave in the folders of
//! the SDKs is left out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders, by their place in the list.
const ROOTS: [(&str, &str); 3] = [
    ("wit", "../../../wit"),
    ("sdk", "../../../plugins/sdk"),
    ("templates", "../../../plugins/templates"),
];

/// The names of files and folders that builds and tests leave.
const LEFT_OUT: [&str; 11] = [
    "sdk_tests",
    "target",
    "node_modules",
    ".venv",
    "__pycache__",
    ".pytest_cache",
    "build",
    "dist",
    ".zig-cache",
    "zig-out",
    "nimcache",
];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut list = String::from("&[\n");
    for (name, folder) in ROOTS {
        let folder = here.join(folder).canonicalize()?;
        println!("cargo::rerun-if-changed={}", folder.display());
        add(&mut list, name, &folder)?;
    }
    list.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("files.rs"), list)
}

/// Adds the files of a folder and below it, in the order of their names. Follows links.
fn add(list: &mut String, name: &str, folder: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file = entry.file_name();
        let file = file.to_str().expect("the names of files are UTF-8");
        if LEFT_OUT.contains(&file) {
            continue;
        }
        let (name, path) = (format!("{name}/{file}"), entry.path());
        if path.is_dir() {
            add(list, &name, &path)?;
        } else {
            let path = path.canonicalize()?;
            writeln!(list, "    ({name:?}, include_bytes!({path:?})),").expect("a string grows");
        }
    }
    Ok(())
}
