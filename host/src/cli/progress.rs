//! How far a command is that lasts: a bar on standard error, if people read it.
//!
//! The bar goes when the command ends: what came of it is in the output.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The time between two looks of a bar whose end is not known.
const TICK: Duration = Duration::from_millis(200);
/// The form of a bar whose end is known.
const COUNTED: &str = "{msg} [{wide_bar}] {human_pos} of {human_len}, {eta} left";
/// The form of a bar whose end is not known.
const WAITING: &str = "{msg} {spinner} {elapsed}";
/// The form of a bar that counts towards no known end.
const COUNTING: &str = "{msg} {spinner} {human_pos}, {elapsed}";

/// How far a command is. Dropping it removes the bar.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar that counts to a known end. `what` says what is under way, such as `replaying`.
    pub(super) fn of(what: &'static str, end: u64) -> Self {
        Self::shown(what, Some(end), COUNTED)
    }

    /// A bar that counts without a known end.
    pub(super) fn counting(what: &'static str) -> Self {
        Self::shown(what, None, COUNTING)
    }

    /// A bar that shows how long something has been under way.
    pub(super) fn waiting(what: &'static str) -> Self {
        Self::shown(what, None, WAITING)
    }

    /// Counts further items.
    pub(super) fn add(&self, items: u64) {
        self.0.inc(items);
    }

    fn shown(what: &'static str, end: Option<u64>, form: &str) -> Self {
        // Draws nothing unless standard error is a terminal.
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(end, target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("=> "));
        }
        if end.is_none() && !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
