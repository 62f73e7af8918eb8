//! Counts accepted events that an operator should know of, and logs some of them.
//!
//! Such events are recorded like all others. The log has a line a minute for each source and kind
//! of notice.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tracing::warn;

use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;

/// The time between two log lines about one kind of notice of one source.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// What an operator should know of an accepted event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    /// The signature is valid and the event cannot be read.
    Unreadable,
    /// The event is of the mode that the source does not route.
    OtherMode,
    /// Another event has the same bytes under another id.
    SameBytes,
}

impl Notice {
    /// The name in `status`. It never changes.
    fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::OtherMode => "other_mode",
            Self::SameBytes => "same_bytes",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "recorded an event that cannot be read",
            Self::OtherMode => "recorded an event of the other mode, which goes to no handler",
            Self::SameBytes => "recorded an event with the bytes of another event",
        }
    }
}

/// The notices since the start.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<HashMap<(SourceName, Notice), Counted>>);

/// The notices of one source and kind.
#[derive(Debug, Default)]
struct Counted {
    count: u64,
    /// When the log got its last line.
    logged: Option<WallTime>,
    /// The notices that the log got no line for, since then.
    suppressed: u64,
}

impl Notices {
    /// Counts a notice about the event `id`. `reason` holds no text of the event.
    pub(crate) fn count(
        &self,
        source: &SourceName,
        notice: Notice,
        id: &dyn fmt::Display,
        reason: &dyn fmt::Display,
        now: WallTime,
    ) {
        if let Some(suppressed) = self.admit(source, notice, now) {
            let (source, text) = (source.as_str(), notice.text());
            warn!(source, event = %id, %reason, suppressed, "{text}");
        }
    }

    /// Counts a notice. If the log has room, returns the number of lines left out before.
    fn admit(&self, source: &SourceName, notice: Notice, now: WallTime) -> Option<u64> {
        let mut all = self.0.lock();
        let counted = all.entry((source.clone(), notice)).or_default();
        counted.count += 1;
        let recent = |at: WallTime| now >= at && now.since(at) < BETWEEN_LINES;
        if counted.logged.is_some_and(recent) {
            counted.suppressed += 1;
            return None;
        }
        counted.logged = Some(now);
        Some(std::mem::take(&mut counted.suppressed))
    }

    /// The counts by source and the notice's name.
    pub(crate) fn counts(&self) -> Vec<(String, &'static str, u64)> {
        let all = self.0.lock();
        all.iter()
            .map(|((source, notice), counted)| (source.to_string(), notice.name(), counted.count))
            .collect()
    }

    /// The counts of one source by kind.
    pub(crate) fn of(&self, source: &SourceName) -> BTreeMap<&'static str, u64> {
        let all = self.0.lock();
        let of_source = all.iter().filter(|((of, _), _)| of == source);
        of_source
            .map(|((_, notice), counted)| (notice.name(), counted.count))
            .collect()
    }

    /// The counts by source and kind, as `status` shows them.
    pub(crate) fn json(&self) -> Value {
        let mut sources = serde_json::Map::new();
        for ((source, notice), counted) in &*self.0.lock() {
            let counts = sources
                .entry(source.to_string())
                .or_insert_with(|| json!({}));
            counts[notice.name()] = counted.count.into();
        }
        Value::Object(sources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_is_counted_and_one_a_minute_is_logged() {
        let notices = Notices::default();
        let source = SourceName::new("stripe");
        let admit =
            |second| notices.admit(&source, Notice::Unreadable, WallTime::from_secs(second));
        assert_eq!(admit(1000), Some(0));
        assert_eq!(admit(1001), None);
        assert_eq!(admit(1059), None);
        assert_eq!(admit(1060), Some(2));
        // The clock was set back.
        assert_eq!(admit(500), Some(0));
        assert_eq!(notices.json(), json!({ "stripe": { "unreadable": 5 } }));
    }
}
