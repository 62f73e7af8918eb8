//! The languages that handlers can be written in.

use std::fmt;
use std::str::FromStr;

use crate::languages;
use crate::toolchain::Toolchain;

/// A language that handlers can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Rust, by cargo.
    Rust,
    /// JavaScript, by componentize-qjs.
    JavaScript,
    /// TypeScript, by esbuild and componentize-qjs.
    TypeScript,
    /// Python, by componentize-py.
    Python,
    /// Go, by its own compiler.
    Go,
    /// C, by clang.
    C,
    /// Zig, by its own compiler.
    Zig,
    /// AssemblyScript, by asc from npm.
    AssemblyScript,
    /// D, by LDC.
    D,
    /// Nim, by way of C.
    Nim,
    /// WebAssembly's text format.
    Wat,
}

impl Language {
    /// All languages, in the order in which they are listed.
    pub const ALL: [Self; 11] = [
        Self::Rust,
        Self::JavaScript,
        Self::TypeScript,
        Self::Python,
        Self::Go,
        Self::C,
        Self::Zig,
        Self::AssemblyScript,
        Self::D,
        Self::Nim,
        Self::Wat,
    ];

    /// What the language needs.
    pub fn toolchain(self) -> &'static dyn Toolchain {
        match self {
            Self::Rust => &languages::Rust,
            Self::JavaScript => &languages::JavaScript,
            Self::TypeScript => &languages::TypeScript,
            Self::Python => &languages::Python,
            Self::Go => &languages::Go,
            Self::C => &languages::C,
            Self::Zig => &languages::Zig,
            Self::AssemblyScript => &languages::AssemblyScript,
            Self::D => &languages::D,
            Self::Nim => &languages::Nim,
            Self::Wat => &languages::Wat,
        }
    }

    /// The name, as `--lang` and `plugin.toml` have it.
    pub fn name(self) -> &'static str {
        self.toolchain().name()
    }

    /// The names of all languages, for messages.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).to_vec()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no language of this name. The text lists those that are there.
#[derive(Debug, thiserror::Error)]
#[error("there is no language `{name}`; the languages are: {}", Language::names().join(", "))]
pub struct UnknownLanguage {
    name: String,
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|language| language.name() == name)
            .ok_or_else(|| UnknownLanguage {
                name: name.to_owned(),
            })
    }
}
