//! The projects of the handlers that are compared: one in each language, made by `plugin new`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::gateway::PROGRAM;
use crate::options::Options;

/// A language: its name for `plugin new`, and the file of its handler with our handler's text. The
/// handler in WAT is the one of `plugin new`: it counts events and reads no payload.
pub(super) struct Language {
    pub(super) name: &'static str,
    handler: Option<(&'static str, &'static str)>,
    /// A change of the handler.
    change: (&'static str, &'static str),
}

/// Our handler's reason, and another one.
const REASON: (&str, &str) = ("there is nothing to pay", "there is nothing to be paid");

const fn ours(name: &'static str, file: &'static str, text: &'static str) -> Language {
    Language {
        name,
        handler: Some((file, text)),
        change: REASON,
    }
}

pub(super) const LANGUAGES: [Language; 11] = [
    ours("rust", "src/lib.rs", include_str!("handlers/handler.rs")),
    ours(
        "javascript",
        "src/handler.js",
        include_str!("handlers/handler.js"),
    ),
    ours(
        "typescript",
        "src/handler.ts",
        include_str!("handlers/handler.ts"),
    ),
    ours("python", "handler.py", include_str!("handlers/handler.py")),
    ours("go", "handler.go", include_str!("handlers/handler.go")),
    ours("c", "handler.c", include_str!("handlers/handler.c")),
    ours("zig", "handler.zig", include_str!("handlers/handler.zig")),
    ours("d", "handler.d", include_str!("handlers/handler.d")),
    ours(
        "assemblyscript",
        "handler.ts",
        include_str!("handlers/handler.as.ts"),
    ),
    ours("nim", "handler.nim", include_str!("handlers/handler.nim")),
    Language {
        name: "wat",
        handler: None,
        change: ("\"counted\"", "\"COUNTED\""),
    },
];

/// The components that the builds of a project left.
pub(super) struct Built {
    pub(super) name: &'static str,
    /// The component as `plugin build` makes it.
    pub(super) component: PathBuf,
    /// The same with `merge = false`.
    pub(super) unmerged: PathBuf,
    /// The component after a change of the handler.
    pub(super) changed: PathBuf,
    /// The seconds of a build after a change: the toolchain, the load and the fixtures.
    pub(super) seconds: f64,
}

impl Built {
    /// Makes the project of a language and builds it.
    pub(super) fn make(options: &Options, language: &Language) -> Result<Self> {
        let folder = options.scratch.join("languages").join(language.name);
        if !folder.join("plugin.toml").is_file() {
            let parent = folder.parent().context("a folder in a folder")?;
            fs::create_dir_all(parent)?;
            plugin(
                options,
                parent,
                &["new", language.name, "--lang", language.name],
            )?;
        }
        let settings = format!("name = \"{0}\"\nlanguage = \"{0}\"\n", language.name);
        write_project(&folder, language, &settings)?;
        // The first build installs the tools and packages of the language.
        plugin(options, &folder, &["build"])?;
        let artifact = folder.join(format!("target/{}.wasm", language.name));
        let copy = |to: &str| -> Result<PathBuf> {
            let place = folder.join(format!("target/{to}"));
            fs::copy(&artifact, &place)?;
            Ok(place)
        };
        let component = copy("merged.component")?;
        fs::write(
            folder.join("plugin.toml"),
            format!("{settings}merge = false\n"),
        )?;
        plugin(options, &folder, &["build"])?;
        let unmerged = copy("unmerged.component")?;
        fs::write(folder.join("plugin.toml"), &settings)?;
        change(&folder, language)?;
        let started = Instant::now();
        plugin(options, &folder, &["build"])?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(Self {
            name: language.name,
            component,
            unmerged,
            changed: copy("changed.component")?,
            seconds,
        })
    }
}

/// Writes our handler, and one fixture: an event as the load generator sends it.
fn write_project(folder: &Path, language: &Language, settings: &str) -> Result<()> {
    fs::write(folder.join("plugin.toml"), settings)?;
    if let Some((file, text)) = language.handler {
        fs::write(folder.join(file), text)?;
    } else {
        let file = folder.join("handler.wat");
        let text = fs::read_to_string(&file)?;
        fs::write(file, text.replace(language.change.1, language.change.0))?;
    }
    let fixtures = folder.join("fixtures");
    for entry in fs::read_dir(&fixtures)? {
        fs::remove_file(entry?.path())?;
    }
    let event = r#"{"event": {"kind": "payment_intent.succeeded", "payload":
        {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1790000000, "data":
            {"object": {"id": "pi_1", "object": "payment_intent", "amount": 4200,
                "amount_received": 4200, "currency": "eur", "status": "succeeded"}}}},
        "expect": {"outcome": "done"}}"#;
    Ok(fs::write(fixtures.join("paid.json"), event)?)
}

fn change(folder: &Path, language: &Language) -> Result<()> {
    let file = folder.join(language.handler.map_or("handler.wat", |(file, _)| file));
    let text = fs::read_to_string(&file)?;
    let (from, to) = language.change;
    Ok(fs::write(file, text.replace(from, to))?)
}

/// Runs `tollgate plugin`, with the toolchains that `.ci/prepare languages` installed.
fn plugin(options: &Options, folder: &Path, arguments: &[&str]) -> Result<()> {
    let tools = options.root.join("target/languages/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let ended = Command::new(PROGRAM)
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", tools.display()))
        .stdin(Stdio::null())
        .output()?;
    if !ended.status.success() {
        bail!("{}", String::from_utf8_lossy(&ended.stderr));
    }
    Ok(())
}
