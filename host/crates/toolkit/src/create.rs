//! Writes a new project.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::embedded;
use crate::language::Language;
use crate::samples::Sample;
use crate::toolchain::Part;

/// The project that is to be written.
#[derive(Debug)]
pub struct NewProject<'a> {
    /// The folder. It must not be there, or be empty.
    pub folder: &'a Path,
    /// The handler's name.
    pub name: &'a str,
    /// The language.
    pub language: Language,
    /// The event that the handler is for.
    pub sample: &'a Sample,
}

/// A project that was written.
#[derive(Debug)]
pub struct Created {
    /// The files of the project's own, without those of the SDK and the WIT package.
    pub files: Vec<PathBuf>,
}

/// Why no project was written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is none that every toolchain takes.
    #[error(
        "`{0}` cannot be the name of a handler: write lower-case letters, digits and `-`, at most \
         40, beginning with a letter, such as `refunds`"
    )]
    Name(String),
    /// Toolchains have this name for something else.
    #[error(
        "`{0}` has a meaning of its own in some languages: choose another name, such as `refunds`"
    )]
    Reserved(String),
    /// The folder has something in it.
    #[error("{} is there and is not empty: choose another name, or remove it", .0.display())]
    NotEmpty(PathBuf),
    /// A file or a folder cannot be written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

/// Names that a toolchain keeps for itself, or that would be a package's own dependency.
const RESERVED: [&str; 24] = [
    "alloc",
    "async",
    "const",
    "core",
    "crate",
    "enum",
    "fn",
    "for",
    "handler",
    "if",
    "import",
    "let",
    "main",
    "match",
    "mod",
    "package",
    "proc-macro",
    "sdk",
    "self",
    "std",
    "struct",
    "test",
    "tollgate",
    "tollgate-handler",
];

/// Writes a new project.
///
/// Files of templates may have these placeholders, in double braces: `name`; `language`; `ident`
/// (the name with `_` for `-`); `event` (the event type), `amount` (the field of its object with
/// the amount), `payload` (the sample event, as JSON), `object_id`, `object_amount` and
/// `object_currency` (of that event); `version` (of this program).
///
/// # Errors
/// The name cannot be used, the folder is not empty, or a file cannot be written.
pub fn create(new: &NewProject<'_>) -> Result<Created, CreateError> {
    check_name(new.name)?;
    check_folder(new.folder)?;
    let mut files = Vec::new();
    for part in new.language.toolchain().parts() {
        match part {
            Part::Template(name) => {
                let from = format!("templates/{name}");
                files.extend(write_all(new, &from, Path::new(""), true)?);
            }
            Part::Sdk(name, place) => {
                write_all(new, &format!("sdk/{name}"), Path::new(place), false)?;
            }
            Part::Wit(place) => {
                write_all(new, "wit", Path::new(place), false)?;
            }
        }
    }
    Ok(Created { files })
}

fn check_name(name: &str) -> Result<(), CreateError> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(letters)
        && !name.ends_with('-')
        && name.len() <= 40;
    if !fits {
        return Err(CreateError::Name(name.to_owned()));
    }
    if RESERVED.contains(&name) {
        return Err(CreateError::Reserved(name.to_owned()));
    }
    Ok(())
}

fn check_folder(folder: &Path) -> Result<(), CreateError> {
    let at = |why| CreateError::File {
        path: folder.to_owned(),
        why,
    };
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(CreateError::NotEmpty(folder.to_owned())),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(error)),
    }
}

/// Writes the files below a folder of the list to a place in the project. Returns their places.
fn write_all(
    new: &NewProject<'_>,
    from: &str,
    place: &Path,
    filled: bool,
) -> Result<Vec<PathBuf>, CreateError> {
    let mut files = Vec::new();
    for (name, bytes) in embedded::below(from) {
        let name = place.join(if filled {
            fill(name, new)
        } else {
            name.to_owned()
        });
        let path = new.folder.join(&name);
        let at = |why| CreateError::File {
            path: path.clone(),
            why,
        };
        fs::create_dir_all(path.parent().unwrap_or(new.folder)).map_err(at)?;
        match std::str::from_utf8(bytes) {
            Ok(text) if filled => fs::write(&path, fill(text, new)).map_err(at)?,
            _ => fs::write(&path, bytes).map_err(at)?,
        }
        files.push(name);
    }
    Ok(files)
}

/// Fills the placeholders of a text.
fn fill(text: &str, new: &NewProject<'_>) -> String {
    let sample = new.sample;
    let places = [
        ("name", new.name),
        ("language", new.language.name()),
        ("ident", &new.name.replace('-', "_")),
        ("event", sample.kind),
        ("amount", sample.amount),
        ("object_id", &sample.object_id()),
        ("object_amount", &sample.object_amount()),
        ("object_currency", &sample.object_currency()),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    let fill =
        |text: String, (name, value): (&str, &str)| text.replace(&format!("{{{{{name}}}}}"), value);
    let text = places.into_iter().fold(text.to_owned(), fill);
    fill_payload(text, sample.payload.trim_end())
}

/// Fills the placeholder of the payload, as far indented as its line.
fn fill_payload(text: String, payload: &str) -> String {
    const PLACE: &str = "{{payload}}";
    let Some(at) = text.find(PLACE) else {
        return text;
    };
    let line = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..];
    let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
    text.replace(PLACE, &payload.replace('\n', &format!("\n{indent}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::samples;

    fn new(folder: &Path, name: &'static str, language: Language) -> Result<Created, CreateError> {
        create(&NewProject {
            folder,
            name,
            language,
            sample: &samples()[0],
        })
    }

    #[test]
    fn names_that_no_toolchain_takes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "", "Refunds", "re funds", "1st", "-a", "a-", "../a", "a_b", "ä",
        ] {
            let error = new(&folder.path().join("p"), name, Language::Rust).unwrap_err();
            assert!(matches!(error, CreateError::Name(_)), "{name}: {error}");
        }
        let error = new(&folder.path().join("p"), "test", Language::Rust).unwrap_err();
        assert!(matches!(error, CreateError::Reserved(_)), "{error}");
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine"), "text").unwrap();
        let error = new(folder.path(), "refunds", Language::Rust).unwrap_err();
        assert!(matches!(error, CreateError::NotEmpty(_)), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_placeholder_is_filled_in_every_language() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            let created = new(folder.path(), "my-refunds", language).unwrap();
            for needed in ["plugin.toml", "README.md", "tollgate.toml"] {
                assert!(folder.path().join(needed).exists(), "{language}: {needed}");
            }
            assert!(folder.path().join("fixtures").is_dir(), "{language}");
            for file in created.files {
                let text = fs::read(folder.path().join(&file)).unwrap();
                let text = String::from_utf8(text).unwrap();
                let left = text
                    .match_indices("{{")
                    .find(|(at, _)| text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()));
                assert_eq!(left, None, "{language}: {}", file.display());
            }
        }
    }
}
