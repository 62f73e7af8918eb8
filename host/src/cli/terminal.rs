//! The terminal that a person reads: its width, whether it shows colours, and its times.
//!
//! Programs read what a command writes into a pipe or a file. So only a terminal gets local times,
//! shortened ids, tables cut to its width and, unless somebody asks for them, colours.

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use clap::{Args, ColorChoice};
use console::Term;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

/// How commands write for people. Every command takes these options.
#[derive(Debug, Clone, Args)]
pub(super) struct TerminalArgs {
    /// When to write in colours. `auto`: on a terminal, unless NO_COLOR is set. CLICOLOR_FORCE
    /// stands for `always`.
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
    /// Show times in UTC. On a terminal they are in local time otherwise.
    #[arg(long, global = true)]
    utc: bool,
}

/// What standard output and standard error show.
#[derive(Debug, Default)]
struct Terminal {
    /// The zone of times, if people read standard output.
    zone: Option<TimeZone>,
    /// The columns of standard output, if it is a terminal.
    width: Option<usize>,
    /// Whether standard output is a terminal.
    is_read: bool,
    /// Whether standard output is in colours.
    is_coloured: bool,
}

static TERMINAL: OnceLock<Terminal> = OnceLock::new();

/// Looks at the terminal, once for the process.
pub(super) fn set(args: &TerminalArgs) {
    let is_read = io::stdout().is_terminal();
    let size = Term::stdout().size_checked();
    let terminal = Terminal {
        zone: (is_read && !args.utc).then(TimeZone::system),
        width: size.filter(|_| is_read).map(|(_, columns)| columns.into()),
        is_read,
        is_coloured: is_wanted(args.color, |name| env::var(name).ok()).unwrap_or(is_read),
    };
    // Nobody has looked before: the program sets this first.
    let _ = TERMINAL.set(terminal);
}

/// Whether the option or the environment wants colours. `None` if a terminal decides.
fn is_wanted(choice: ColorChoice, env: impl Fn(&str) -> Option<String>) -> Option<bool> {
    let is_set = |name| env(name).is_some_and(|value| !value.is_empty());
    let is_forced = env("CLICOLOR_FORCE").is_some_and(|value| !matches!(&*value, "" | "0"));
    let is_dumb = env("TERM").is_some_and(|value| value == "dumb");
    match choice {
        ColorChoice::Always => Some(true),
        ColorChoice::Never => Some(false),
        ColorChoice::Auto if is_set("NO_COLOR") => Some(false),
        ColorChoice::Auto if is_forced => Some(true),
        ColorChoice::Auto => is_dumb.then_some(false),
    }
}

/// Whether standard output is in colours.
pub(super) fn is_coloured() -> bool {
    TERMINAL.get().is_some_and(|terminal| terminal.is_coloured)
}

/// The columns of standard output, if it is a terminal.
pub(super) fn width() -> Option<usize> {
    TERMINAL.get().and_then(|terminal| terminal.width)
}

/// The time to the second: on a terminal in local time with its offset, such as
/// `2026-01-31T23:59:59+01:00`, otherwise in UTC with a `Z`. `--from` and `--to` take both.
pub(super) fn time(time: WallTime) -> String {
    let zone = TERMINAL.get().and_then(|terminal| terminal.zone.as_ref());
    let local = zone.and_then(|zone| local(time, zone));
    local.unwrap_or_else(|| rfc3339::format(time))
}

/// The time in a zone. `None` for a time that no calendar has.
fn local(time: WallTime, zone: &TimeZone) -> Option<String> {
    let millis = i64::try_from(time.as_millis()).ok()?;
    let zoned = Timestamp::from_millisecond(millis).ok()?;
    let zoned = zoned.to_zoned_datetime(zone.clone());
    Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

/// The characters of a shortened id: the milliseconds, and twelve random bits.
const SHORT_ID: usize = 18;

/// The id of an event as a table has it: on a terminal its beginning, which leads to the event as
/// well.
pub(super) fn short_id(id: &str) -> String {
    let is_read = TERMINAL.get().is_some_and(|terminal| terminal.is_read);
    match id.get(..SHORT_ID) {
        Some(short) if is_read => short.to_owned(),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn local_times_have_their_offset_and_are_read_back() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (utc, there) in [
            ("2026-01-31T23:59:59Z", "2026-02-01T00:59:59+01:00"),
            ("2026-07-01T12:00:00Z", "2026-07-01T14:00:00+02:00"),
        ] {
            let time = rfc3339::parse(utc).unwrap();
            assert_eq!(local(time, &berlin).unwrap(), there);
            assert_eq!(rfc3339::parse(there), Some(time));
        }
    }

    #[test]
    fn colours_are_by_the_option_then_by_the_environment() {
        let of = |choice, names: &[(&str, &str)]| {
            let env = |name: &str| {
                let found = names.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            is_wanted(choice, env)
        };
        let all = [("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")];
        assert_eq!(of(ColorChoice::Always, &all), Some(true));
        assert_eq!(of(ColorChoice::Never, &all[1..]), Some(false));
        assert_eq!(of(ColorChoice::Auto, &all), Some(false));
        assert_eq!(of(ColorChoice::Auto, &all[1..]), Some(true));
        let empty = [("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")];
        assert_eq!(of(ColorChoice::Auto, &empty), Some(true));
        let dumb = [("TERM", "dumb"), ("CLICOLOR_FORCE", "0")];
        assert_eq!(of(ColorChoice::Auto, &dumb), Some(false));
        assert_eq!(of(ColorChoice::Auto, &[("TERM", "xterm")]), None);
    }
}
