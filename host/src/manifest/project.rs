//! The project of a handler: reads and checks `plugin.toml`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_base::event::HandlerName;
use tollgate_base::files::read_regular_text;
use tollgate_base::suggest::nearest;
use tollgate_toolkit::{CustomBuild, Language, Project, ProjectKind};

use super::mistakes::Mistakes;
use super::parse::{MAX_SIZE, first_key};
use super::sections::handlers;
use super::table::{Context, Fields, TableSchema, check_name};
use super::text::tree::{self, Key, Node};
use crate::settings::{Handler, ProjectSettings};

/// The file of a project's settings.
const FILE: &str = "plugin.toml";

const PROJECT: TableSchema = TableSchema {
    name: "plugin.toml",
    keys: &[
        "name", "language", "build", "output", "merge", "fixtures", "handler",
    ],
    unsupported: &[],
    instead: &[
        ("lang", "did you mean `language`?"),
        ("command", "did you mean `build`?"),
        ("config", "write `config` into `[handler]`"),
        ("allow", "write `[[handler.allow]]`"),
    ],
};

/// The project in a folder. Without a `plugin.toml`, the project has the name of the folder and the
/// language of its files.
///
/// Environment variables that are not set are no mistake: a fixture sends nothing, so no secret is
/// needed.
///
/// # Errors
/// Every mistake in `plugin.toml`, or the reason why the folder is no project.
pub(crate) fn project(folder: &Path) -> Result<ProjectSettings, Mistakes> {
    let file = folder.join(FILE);
    let text = match read_regular_text(&file, MAX_SIZE) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Mistakes::of_file(&file, format!("cannot be read: {error}"))),
    };
    let env = |name: &str| Some(std::env::var(name).unwrap_or_else(|_| format!("no-{name}")));
    let (root, syntax_errors) = tree::parse(&text);
    let mut cx = Context::new(&file, &env);
    let fields = Fields::read(&mut cx, &root, &first_key(&root), &PROJECT);
    let fields = fields.expect("the root of a TOML text is a table");
    let name = name(&mut cx, &fields, folder);
    let kind = kind(&mut cx, &fields, folder);
    let fixtures = handlers::fixtures(&mut cx, &fields);
    let fixtures = fixtures.unwrap_or_else(|| folder.join("fixtures/*.json"));
    let project = Project {
        folder: folder.to_owned(),
        name: name.clone(),
        // The mistake is told below.
        kind: kind
            .clone()
            .unwrap_or(ProjectKind::Language(Language::Rust)),
        merge: fields.flag(&mut cx, "merge", true),
    };
    let handler = handlers::of_project(
        &mut cx,
        fields.get("handler"),
        HandlerName::new(name),
        project.artifact(),
        fixtures,
    );
    let warnings = cx.diagnostics.finish(&text, &file, &root, syntax_errors)?;
    if kind.is_none() {
        return Err(Mistakes::of_file(folder, unknown_language()));
    }
    Ok(ProjectSettings {
        project,
        handler: Arc::new(handler),
        warnings,
    })
}

/// A handler with the limits of a manifest that says nothing of them, without fixtures.
pub(crate) fn default_handler(name: &str) -> Handler {
    let mut cx = Context::new(Path::new(FILE), &|_| None);
    let name = HandlerName::new(name);
    let mut handler = handlers::of_project(&mut cx, None, name, PathBuf::new(), PathBuf::new());
    handler.fixtures = None;
    handler
}

fn unknown_language() -> String {
    format!(
        "this folder is no project of a handler: write a plugin.toml with `language` ({}), or with \
         `build` and `output`; `tollgate plugin new NAME --lang LANGUAGE` makes a new project",
        Language::names().join(", ")
    )
}

/// `name`, or the name of the folder.
fn name(cx: &mut Context<'_>, fields: &Fields<'_>, folder: &Path) -> String {
    if let Some((text, node)) = fields.text(cx, "name") {
        let key = Key {
            name: text.to_owned(),
            span: node.span.clone(),
        };
        check_name(cx, &key, "a handler");
        return text.to_owned();
    }
    let whole = folder.canonicalize().unwrap_or_default();
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.to_lowercase().chars().map(kept).collect();
    match name.trim_matches('-') {
        "" => "handler".to_owned(),
        name => name.to_owned(),
    }
}

/// `language`, or `build` with `output`, or the language of the folder's files. `None` if there is
/// none of them, or a mistake that is told.
fn kind(cx: &mut Context<'_>, fields: &Fields<'_>, folder: &Path) -> Option<ProjectKind> {
    let language = fields.text(cx, "language");
    let build = fields.text(cx, "build");
    let output = fields.path(cx, "output");
    if let (None, Some((_, node))) = (build, fields.text(cx, "output")) {
        let message = "`output` is for a project with `build`";
        let help = "write the command that makes the file: build = \"make handler.wasm\"";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
    match (language, build) {
        (Some(_), Some((_, node))) => {
            let message = "a project has `language` or `build`, not both";
            let help = "remove `language` if your own command builds the project";
            cx.diagnostics.wrong_context(&node.span, message, help);
            None
        }
        (None, Some((command, _))) => {
            let help = "for example: output = \"handler.wasm\", the file that `build` writes";
            fields.need(cx, "output", help)?;
            let (_, node) = output?;
            let output = fields
                .text(cx, "output")
                .map(|(text, _)| PathBuf::from(text))?;
            if output.is_absolute() {
                let message = "`output` is in the project's folder: write a relative path";
                cx.diagnostics.wrong_value(&node.span, message, ());
            }
            Some(ProjectKind::Custom(CustomBuild {
                command: command.to_owned(),
                output,
            }))
        }
        (Some((name, node)), None) => named_language(cx, name, node),
        (None, None) => Project::recognise(folder).map(ProjectKind::Language),
    }
}

fn named_language(cx: &mut Context<'_>, name: &str, node: &Node) -> Option<ProjectKind> {
    match name.parse() {
        Ok(language) => Some(ProjectKind::Language(language)),
        Err(error) => {
            let suggested = nearest(name, Language::names());
            let help = match suggested {
                Some(suggested) => format!("did you mean `{suggested}`?"),
                None => "for any other language write `build` and `output`".to_owned(),
            };
            let error: tollgate_toolkit::UnknownLanguage = error;
            cx.diagnostics
                .wrong_value(&node.span, error.to_string(), help);
            None
        }
    }
}
