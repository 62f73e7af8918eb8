//! `tollgate check`: shows every mistake in a manifest and its components, or a summary.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::time::{Clock as _, SystemClock, WallTime};

use super::compile::{code_cache, compile_in};
use super::output::{counted, json_out, text_err, text_out};
use crate::generation;
use crate::manifest::{self, Mistake, Mistakes};
use crate::settings::{AllowFrom, HostLimit, Manifest, Network, OutboxSettings, Route, Source};
use crate::telemetry;

/// The arguments of `check`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CheckArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// Print a JSON object to standard output.
    #[arg(long)]
    json: bool,
}

/// Checks a manifest with the environment of the process, and then the manifest's components.
///
/// Mistakes go to standard error, and the summary to standard output. Exit code 1 means that there
/// is a mistake.
pub(super) fn run(args: &CheckArgs) -> ExitCode {
    if !args.json {
        telemetry::start_progress();
    }
    let env = |name: &str| std::env::var(name).ok();
    let result = CheckResult::new(&args.manifest, &env, &component_mistakes, SystemClock.now());
    let written = if args.json {
        result.write_json(&mut json_out())
    } else {
        result.write_text(&mut text_out(), &mut text_err())
    };
    // A failed write is a failure, because a reader could take a part of the summary for all.
    match written {
        Ok(()) if result.is_sound() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The mistakes in the components of the manifest in a file.
fn component_mistakes(manifest: &Manifest, file: &Path) -> Option<Mistakes> {
    let checked = generation::check(manifest, compile_in(), code_cache());
    checked.err().map(|error| error.mistakes(file))
}

/// Finds the mistakes in the components of the manifest in a file.
type CheckComponents = dyn Fn(&Manifest, &Path) -> Option<Mistakes>;

/// The result of a check.
#[derive(Debug)]
struct CheckResult {
    path: PathBuf,
    manifest: Result<Manifest, Mistakes>,
    /// The mistakes in the components.
    component_mistakes: Option<Mistakes>,
    /// The time of the check.
    now: WallTime,
}

impl CheckResult {
    /// Checks the manifest in this file, and its components with `component_mistakes`.
    fn new(
        path: &Path,
        env: &dyn Fn(&str) -> Option<String>,
        component_mistakes: &CheckComponents,
        now: WallTime,
    ) -> Self {
        let mut manifest = manifest::load(path, env);
        if let Ok(manifest) = &mut manifest {
            let expiring = manifest.expiry_warnings(now);
            let addresses = manifest.allow_from_warnings(now);
            let kept_out = generation::kept_out(manifest);
            manifest
                .warnings
                .extend(expiring.into_iter().chain(addresses).chain(kept_out));
        }
        Self {
            path: path.to_owned(),
            component_mistakes: manifest
                .as_ref()
                .ok()
                .and_then(|manifest| component_mistakes(manifest, path)),
            manifest,
            now,
        }
    }

    /// Whether there is no mistake.
    fn is_sound(&self) -> bool {
        self.mistakes().is_none()
    }

    fn mistakes(&self) -> Option<&Mistakes> {
        let of_manifest = self.manifest.as_ref().err();
        of_manifest.or(self.component_mistakes.as_ref())
    }

    /// Writes the mistakes to `err`, or the summary to `out`.
    fn write_text(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        let path = self.path.display();
        if let Some(mistakes) = self.mistakes() {
            writeln!(err, "{mistakes}")?;
            return writeln!(err, "{path}: {}", counted(mistakes.iter().len(), "mistake"));
        }
        let Ok(manifest) = &self.manifest else {
            return Ok(());
        };
        write_summary(manifest, self.now, out)?;
        match manifest.warnings.len() {
            0 => writeln!(out, "{path} is fine"),
            many => writeln!(out, "{path} is fine, with {}", counted(many, "warning")),
        }
    }

    /// Writes a JSON object with `sound`, `mistakes` and `warnings`. For a manifest without
    /// mistakes the object also has `sources`, `handlers`, `routes` and `outbox`.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mistakes = self.mistakes().into_iter().flat_map(Mistakes::iter);
        let mistakes: Vec<_> = mistakes.map(mistake_json).collect();
        let report = match &self.manifest {
            Err(_) => json!({ "sound": false, "mistakes": mistakes, "warnings": [] }),
            Ok(manifest) => json!({
                "sound": self.is_sound(),
                "mistakes": mistakes,
                "warnings": manifest.warnings,
                "sources": manifest.sources.values().map(|source| json!({
                    "name": source.name.as_str(),
                    "path": source.path,
                    "scheme": source.verifier.scheme(),
                    "allow_from": allow_from_json(source, self.now),
                })).collect::<Vec<_>>(),
                "handlers": manifest.handlers.values().map(|handler| json!({
                    "name": handler.name.as_str(),
                    "component": handler.component,
                })).collect::<Vec<_>>(),
                "routes": manifest.routes.iter().map(route_json).collect::<Vec<_>>(),
                "outbox": outbox_json(&manifest.outbox),
            }),
        };
        writeln!(out, "{report:#}")
    }
}

/// The addresses that may post to a source; null for all.
fn allow_from_json(source: &Source, now: WallTime) -> Json {
    let Some(AllowFrom {
        networks,
        published,
    }) = &source.allow_from
    else {
        return Json::Null;
    };
    json!({
        "networks": networks.iter().map(Network::to_string).collect::<Vec<_>>(),
        "published": published.map(|list| json!({
            "page": list.page,
            "date": list.date,
            "days": list.days(now),
        })),
    })
}

fn mistake_json(mistake: &Mistake) -> Json {
    let position = mistake.position();
    json!({
        "file": mistake.file,
        "line": position.map(|(line, _)| line),
        "column": position.map(|(_, column)| column),
        "message": mistake.message,
        "help": mistake.help,
    })
}

fn outbox_json(outbox: &OutboxSettings) -> Json {
    let limit = |limit: &HostLimit| {
        json!({
            "concurrency": limit.concurrency,
            "rate": limit.rate.map(|rate| rate.to_string()),
        })
    };
    let named = &outbox.hosts.named;
    json!({
        "concurrency": outbox.concurrency,
        "per_host": limit(&outbox.hosts.default),
        "hosts": named.iter().map(|(host, of)| (host.clone(), limit(of))).collect::<Map<_, _>>(),
    })
}

fn route_json(route: &Route) -> Json {
    json!({
        "source": route.source.as_str(),
        "events": route.events.iter().map(|event| event.as_str()).collect::<Vec<_>>(),
        "handlers": route.handlers.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
    })
}

/// Writes a line for each source, handler, route and warning.
fn write_summary(manifest: &Manifest, now: WallTime, out: &mut dyn Write) -> io::Result<()> {
    let Manifest { server, ledger, .. } = manifest;
    writeln!(
        out,
        "listens on {}, admin on {}",
        server.listen, server.admin
    )?;
    writeln!(out, "ledger     {}", ledger.path.display())?;
    write_outbox(&manifest.outbox, out)?;
    writeln!(out, "\n{}", counted(manifest.sources.len(), "source"))?;
    let width = self::width(manifest.sources.keys().map(SourceName::as_str));
    for source in manifest.sources.values() {
        let name = source.name.as_str();
        let scheme = source.verifier.scheme();
        writeln!(out, "  {name:width$}  {}  ({scheme})", source.path)?;
        write_allow_from(source, now, width, out)?;
    }
    writeln!(out, "\n{}", counted(manifest.handlers.len(), "handler"))?;
    let width = self::width(manifest.handlers.keys().map(HandlerName::as_str));
    for handler in manifest.handlers.values() {
        let name = handler.name.as_str();
        writeln!(out, "  {name:width$}  {}", handler.component.display())?;
    }
    writeln!(out, "\n{}", counted(manifest.routes.len(), "route"))?;
    for route in &manifest.routes {
        write_route(route, out)?;
    }
    if !manifest.warnings.is_empty() {
        writeln!(out, "\n{}", counted(manifest.warnings.len(), "warning"))?;
        for warning in &manifest.warnings {
            writeln!(out, "  {warning}")?;
        }
    }
    writeln!(out)
}

/// Writes from how many networks a source takes requests, and how old the provider's list is.
fn write_allow_from(
    source: &Source,
    now: WallTime,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(allowed) = &source.allow_from else {
        return Ok(());
    };
    let networks = counted(allowed.networks.len(), "network");
    write!(out, "  {:width$}  from {networks} alone", "")?;
    if let Some(list) = allowed.published {
        let age = counted(usize::try_from(list.days(now)).unwrap_or(usize::MAX), "day");
        write!(out, "; the provider's list of {} is {age} old", list.date)?;
    }
    writeln!(out)
}

/// Writes how many requests may be under way at the same time, in all and to each host.
fn write_outbox(outbox: &OutboxSettings, out: &mut dyn Write) -> io::Result<()> {
    let limits = &outbox.hosts;
    let (all, each) = (outbox.concurrency, limits.default);
    writeln!(
        out,
        "outbox     {all} requests at once; {each} to each host"
    )?;
    for (host, limit) in &limits.named {
        writeln!(out, "           {limit} to {host}")?;
    }
    Ok(())
}

fn write_route(route: &Route, out: &mut dyn Write) -> io::Result<()> {
    let events: Vec<_> = route.events.iter().map(|event| event.as_str()).collect();
    let handlers: Vec<_> = route.handlers.iter().map(|name| name.as_str()).collect();
    write!(out, "  {}: {}", route.source, events.join(", "))?;
    if !route.filter.is_empty() {
        let tests = route.filter.iter();
        let tests: Vec<_> = tests
            .map(|(pointer, value)| format!("{pointer} = {value}"))
            .collect();
        write!(out, " where {}", tests.join(", "))?;
    }
    writeln!(out, " -> {}", handlers.join(", "))
}

/// The length of the longest name.
fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::HandlerMistake;

    const GOOD: &str = r#"version = 1
[sources.stripe]
path = "/stripe"
scheme = "stripe"
secrets = ["${SECRET}"]
[handlers.log]
component = "log.wasm"
[[routes]]
source = "stripe"
events = ["invoice.*", "charge.refunded"]
where = { "/livemode" = true }
handlers = ["log"]
"#;

    fn check(text: &str, components: &CheckComponents) -> (CheckResult, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tollgate.toml");
        std::fs::write(&path, text).expect("a file");
        let env = |name: &str| (name == "SECRET").then(|| "whsec_x".to_owned());
        (
            CheckResult::new(&path, &env, components, WallTime::EPOCH),
            folder,
        )
    }

    fn text(checked: &CheckResult, folder: &Path) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        checked.write_text(&mut out, &mut err).expect("written");
        let text = |bytes| {
            let text = String::from_utf8(bytes).expect("text");
            text.replace(&format!("{}/", folder.display()), "")
        };
        (text(out), text(err))
    }

    fn json_of(checked: &CheckResult) -> Json {
        let mut out = Vec::new();
        checked.write_json(&mut out).expect("written");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn a_sound_manifest_is_summed_up() {
        // Behind a proxy, plain HTTP is no warning.
        let server = "\n[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
        let (checked, folder) = check(&GOOD.replacen('\n', server, 1), &|_, _| None);
        assert!(checked.is_sound());
        let (out, err) = text(&checked, folder.path());
        assert_eq!(err, "");
        assert_eq!(
            out,
            "listens on 0.0.0.0:8080, admin on 127.0.0.1:8081\n\
             ledger     data/tollgate.db\n\
             outbox     64 requests at once; 32 at once to each host\n\n\
             1 source\n  stripe  /stripe  (stripe)\n\n\
             1 handler\n  log  plugins/log.wasm\n\n\
             1 route\n  stripe: invoice.*, charge.refunded where /livemode = true -> log\n\n\
             tollgate.toml is fine\n"
        );
        let json = json_of(&checked);
        assert_eq!(json["sound"], true);
        assert_eq!(json["sources"][0]["scheme"], "stripe");
        assert_eq!(json["routes"][0]["events"][1], "charge.refunded");
    }

    #[test]
    fn limits_of_hosts_are_summed_up() {
        let limits = "[outbox.hosts.\"api.example.com\"]\nconcurrency = 4\nrate = \"90/m\"\n";
        let (checked, folder) = check(&format!("{GOOD}{limits}"), &|_, _| None);
        let (out, _) = text(&checked, folder.path());
        let said = "outbox     64 requests at once; 32 at once to each host\n           \
                    4 at once, 90/m to api.example.com\n";
        assert!(out.contains(said), "{out}");
        let json = json_of(&checked);
        let limit = json!({ "concurrency": 4, "rate": "90/m" });
        assert_eq!(json["outbox"]["hosts"]["api.example.com"], limit);
        assert_eq!(json["outbox"]["per_host"]["rate"], Json::Null);
    }

    #[test]
    fn the_age_of_a_published_list_is_told() {
        let allowed = "scheme = \"stripe\"\nallow_from = [\"provider\", \"203.0.113.0/24\"]";
        let text_of = GOOD.replace("scheme = \"stripe\"", allowed);
        let (mut checked, folder) = check(&text_of, &|_, _| None);
        let time = |text| tollgate_base::rfc3339::parse(text).expect("a time");
        checked.now = time("2026-11-30T00:00:00Z");
        let (out, _) = text(&checked, folder.path());
        let said = "  stripe  /stripe  (stripe)\n          from 16 networks alone; the provider's list \
                    of 2026-05-15 is 199 days old\n";
        assert!(out.contains(said), "{out}");
        let json = &json_of(&checked)["sources"][0]["allow_from"];
        assert_eq!(json["networks"][0], "203.0.113.0/24");
        assert_eq!(json["published"]["days"], 199);
        let manifest = checked.manifest.as_ref().expect("sound");
        assert!(manifest.allow_from_warnings(checked.now).is_empty());
        let later = manifest.allow_from_warnings(time("2027-11-30T00:00:00Z"));
        assert!(
            later[0].contains("564 days old: compare it with https://"),
            "{later:?}"
        );
    }

    #[test]
    fn senders_that_a_proxy_hides_are_warned_of() {
        let source = "scheme = \"stripe\"\nallow_from = [\"203.0.113.0/24\"]";
        let warned = |server: &str| {
            let text = GOOD.replace("scheme = \"stripe\"", source);
            let text = text.replacen("\n", &format!("\n[server]\n{server}\n"), 1);
            let (checked, _folder) = check(&text, &|_, _| None);
            let warnings = &checked.manifest.expect("sound").warnings;
            warnings
                .iter()
                .any(|said| said.contains("`allow_from` refuses them all"))
        };
        assert!(warned("listen = \"127.0.0.1:8080\""));
        assert!(!warned(
            "listen = \"127.0.0.1:8080\"\ntrusted_proxies = [\"127.0.0.1\"]"
        ));
        assert!(!warned("listen = \"0.0.0.0:8080\""));
    }

    #[test]
    fn mistakes_go_to_the_other_stream() {
        let (checked, folder) = check(&GOOD.replace("component", "komponent"), &|_, _| None);
        assert!(!checked.is_sound());
        let (out, err) = text(&checked, folder.path());
        assert_eq!(out, "");
        assert!(
            err.starts_with("tollgate.toml:6:11: a handler needs `component`"),
            "{err}"
        );
        assert!(err.contains("did you mean `component`?"), "{err}");
        assert!(err.ends_with("tollgate.toml: 2 mistakes\n"), "{err}");
        let json = json_of(&checked);
        assert_eq!(json["sound"], false);
        assert_eq!(json["mistakes"][1]["line"], 7);
    }

    #[test]
    fn what_is_wrong_with_components_counts() {
        let components = |manifest: &Manifest, file: &Path| {
            let mistake = |key| HandlerMistake {
                handler: HandlerName::new("log"),
                key,
                message: "is not good".to_owned(),
            };
            assert_eq!(manifest.handlers.len(), 1);
            let found = ["component", "fixtures"].map(mistake);
            Some(manifest::at_their_places(file, found.to_vec()))
        };
        let (checked, folder) = check(GOOD, &components);
        assert!(!checked.is_sound());
        let (out, err) = text(&checked, folder.path());
        assert_eq!(out, "");
        let quoted = "tollgate.toml:7:13: handler `log`: is not good\n   |\n 7 | component = \
                      \"log.wasm\"\n   |             ^^^^^^^^^^\n";
        assert!(err.contains(quoted), "{err}");
        assert!(err.ends_with("tollgate.toml: 2 mistakes\n"), "{err}");
        let json = json_of(&checked);
        assert_eq!(json["mistakes"][1]["line"], 7, "{json}");
        assert_eq!(json["mistakes"][1]["message"], "handler `log`: is not good");
    }

    #[test]
    fn a_missing_manifest_is_a_mistake() {
        let checked = CheckResult::new(
            Path::new("/nonexistent/t.toml"),
            &|_| None,
            &|_, _| None,
            WallTime::EPOCH,
        );
        assert!(!checked.is_sound());
        let (_, err) = text(&checked, Path::new(""));
        assert!(err.contains("cannot be read"), "{err}");
    }
}
