//! The processes that receive events.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::options::Options;
use crate::payload::SECRET;

/// A running receiver. Dropping it kills the process.
pub(crate) struct Process {
    child: Child,
    /// The address that it receives events at.
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts this program in a role of [`crate::role`].
    pub(crate) fn role(name: &str) -> Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).args(["--role", name]))
    }

    /// Starts the Express receiver, if `.ci/prepare express` could fetch it.
    pub(crate) fn express(options: &Options) -> Result<Option<Self>> {
        let modules = options.root.join("target/express");
        if !modules.join("node_modules/express").is_dir() {
            return Ok(None);
        }
        let server = options.root.join("host/benches/express/server.js");
        let mut command = Command::new("node");
        // The settings of production: no stack traces, caches on.
        command
            .arg(server)
            .arg(modules)
            .arg(SECRET)
            .env("NODE_ENV", "production");
        Self::start(&mut command).map(Some)
    }

    /// Starts a command that prints its port.
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?} cannot be started"))?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line
            .trim()
            .parse()
            .with_context(|| format!("{line:?} is no port"))?;
        Ok(Self {
            child,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
