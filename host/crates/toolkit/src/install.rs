//! The commands that install a missing tool on this system.

use crate::program::find;

/// How a tool is installed, by package manager. An empty text: the manager does not have the tool.
#[derive(Debug, Clone, Copy, Default)]
pub struct Install {
    /// The command of any system, if there is one. It goes before the package managers.
    pub any: &'static str,
    /// Packages of Debian and Ubuntu.
    pub apt: &'static str,
    /// Packages of Fedora.
    pub dnf: &'static str,
    /// Packages of Alpine.
    pub apk: &'static str,
    /// Packages of Homebrew.
    pub brew: &'static str,
    /// What to do where none of them is there.
    pub otherwise: &'static str,
}

impl Install {
    /// The command that installs the tool on this system, or what to do instead.
    pub fn here(&self) -> String {
        self.with(&|program| find(&[program]).is_some())
    }

    fn with(&self, has: &dyn Fn(&str) -> bool) -> String {
        if !self.any.is_empty() {
            return self.any.to_owned();
        }
        let managers = [
            ("apt-get", "apt-get install", self.apt),
            ("dnf", "dnf install", self.dnf),
            ("apk", "apk add", self.apk),
            ("brew", "brew install", self.brew),
        ];
        let mut found = managers
            .into_iter()
            .filter(|(program, _, packages)| !packages.is_empty() && has(program));
        match found.next() {
            Some(("brew", command, packages)) => format!("{command} {packages}"),
            Some((_, command, packages)) => format!("{command} {packages}   (as root)"),
            None => self.otherwise.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_that_of_the_system() {
        let install = Install {
            apt: "clang-19",
            brew: "llvm",
            otherwise: "install clang",
            ..Install::default()
        };
        let on = |system: &str| install.with(&|program| program == system);
        assert_eq!(on("apt-get"), "apt-get install clang-19   (as root)");
        assert_eq!(on("brew"), "brew install llvm");
        assert_eq!(on("dnf"), "install clang");
        let any = Install {
            any: "rustup target add wasm32-unknown-unknown",
            ..install
        };
        assert!(any.with(&|_| false).starts_with("rustup"));
    }
}
