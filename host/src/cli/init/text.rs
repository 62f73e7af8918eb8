//! The manifest that `tollgate init` writes, and what a person does next.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use tollgate_events::{Listed, events};
use tollgate_scheme::Page;

/// The name of the manifest.
pub(super) const MANIFEST: &str = "tollgate.toml";

const HEAD: &str = r#"# The manifest: the sources that Tollgate receives events from, and the handlers that it runs.
#
# Tollgate watches this file: a saved change takes effect with the next event. `tollgate check` shows
# every mistake. ${NAME} is the value of an environment variable; ${NAME:-value} has a default.

version = 1

[server]
listen = "${LISTEN:-127.0.0.1:8080}"    # for providers, behind a proxy with TLS, or see `tls`
admin = "${ADMIN:-127.0.0.1:8081}"      # status, health and the admin API: for you only

[ledger]
url = "sqlite:${DATA:-data}/tollgate.db"

[plugins]
dir = "handlers"                        # components, NAME.wasm; watched too
"#;

/// The text of a manifest for these providers, which post to paths below `url`.
pub(super) fn manifest(pages: &[Page], url: &str) -> String {
    let mut text = HEAD.to_owned();
    for page in pages {
        // Writing to a String cannot fail.
        _ = write!(text, "\n\n# {}\n", page.title());
        text.push_str(&page.snippet().replace("https://pay.example.com", url));
    }
    let page = &pages[0];
    let known = events(page.name());
    let example = known.first().map_or("*", |event| event.name.as_str());
    _ = write!(
        text,
        "\n\n# Until a route leads to a handler, events are recorded and wait for one: `tollgate \
         replay`\n# hands them to a handler that comes later.\n#\n\
         # tollgate plugin new orders --lang typescript{from}\n\
         # tollgate plugin build orders && cp orders/target/orders.wasm handlers/\n#\n\
         # [handlers.orders]\n# component = \"orders.wasm\"\n#\n# [[routes]]\n\
         # source = \"{source}\"\n# events = [\"{example}\"]\n# handlers = [\"orders\"]\n",
        from = match known.first() {
            Some(event) => format!(" --from {}:{}", page.name(), event.name),
            None => String::new(),
        },
        source = page.name(),
    );
    text
}

/// Writes what is to be done at each provider, and here.
pub(super) fn write_next(
    out: &mut dyn Write,
    folder: &Path,
    pages: &[Page],
    url: &str,
) -> io::Result<()> {
    writeln!(out, "made {}", folder.join(MANIFEST).display())?;
    for page in pages {
        writeln!(out, "\n{}", page.title())?;
        writeln!(out, "  set it up    {}", page.endpoint())?;
        writeln!(out, "  URL          {url}{}", page.path())?;
        writeln!(out, "  secret       {}", page.secret())?;
        if let Some(variable) = page.secret_variable() {
            writeln!(out, "               export {variable}=…")?;
        } else if let Some(file) = page.secret_file() {
            writeln!(out, "               into the file {file}")?;
        }
        let known = events(page.name());
        if !known.is_empty() {
            write_events(out, &known)?;
        }
    }
    writeln!(
        out,
        "\nnext:\n  cd {}\n  tollgate check\n  tollgate serve\n  tollgate trigger --list      # \
         signed events to try it with\n  tollgate tail                # in another terminal",
        folder.display()
    )
}

/// The names of the events, in lines that fit a terminal.
fn write_events(out: &mut dyn Write, known: &[Listed]) -> io::Result<()> {
    const COLUMNS: usize = 84;
    let mut line = String::new();
    let mut label = "events";
    for event in known {
        if !line.is_empty() && line.len() + event.name.len() > COLUMNS {
            writeln!(out, "  {label:12} {}", std::mem::take(&mut line))?;
            label = "";
        }
        line.push_str(&event.name);
        line.push(' ');
    }
    writeln!(out, "  {label:12} {}", line.trim_end())
}
