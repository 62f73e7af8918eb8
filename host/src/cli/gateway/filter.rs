//! Filters of lists, as arguments.

use std::fmt;

use clap::Args;
use tollgate_base::time::WallTime;
use tollgate_ledger::RecordFilter;

use crate::api::QueryFilter;
use crate::cli::arguments;

/// The arguments of a list's filter.
pub(in crate::cli) trait FilterArgs: Args {
    /// The filter.
    type Filter;

    /// The filter that the arguments mean.
    fn filter(&self) -> anyhow::Result<Self::Filter>;

    /// The filter as a query of the admin API.
    fn query(filter: &Self::Filter) -> Vec<(&'static str, String)>;
}

/// A range of times.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct TimeRangeArgs {
    /// Only events received, or requests queued, at this time or later: a time such as
    /// 2026-05-28T20:26:40Z, or how long ago, such as 2h.
    #[arg(long, value_parser = arguments::time)]
    pub(in crate::cli) from: Option<WallTime>,
    /// Only events received, or requests queued, before this time.
    #[arg(long, value_parser = arguments::time)]
    pub(in crate::cli) to: Option<WallTime>,
}

/// Which events or deliveries a command means.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct RecordFilterArgs {
    /// Only entries of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only the event with this id of the provider, such as evt_1A2b3C.
    #[arg(long, value_name = "ID")]
    provider_id: Option<String>,
    /// Only entries about this object, such as pi_1A2b3C.
    #[arg(long)]
    subject: Option<String>,
    /// Only entries of this connected account or merchant.
    #[arg(long)]
    account: Option<String>,
    /// A JSON pointer into the payload, such as /data/object/id, where --value must be. Narrow the
    /// list down by --from.
    #[arg(long, requires = "value")]
    pointer: Option<String>,
    /// The value at --pointer.
    #[arg(long, requires = "pointer", allow_hyphen_values = true)]
    value: Option<String>,
    /// Only entries of this event type. `*` stands for any characters.
    #[arg(long)]
    kind: Option<String>,
    /// Only entries of this handler.
    #[arg(long)]
    handler: Option<String>,
    /// Only entries in this state: pending, running, retrying, held, done, ignored, dead, or
    /// blocked (by another delivery of the same order key). For events also unrouted.
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    received: TimeRangeArgs,
}

impl FilterArgs for RecordFilterArgs {
    type Filter = RecordFilter;

    fn filter(&self) -> anyhow::Result<RecordFilter> {
        let mut filter = RecordFilter {
            from: self.received.from,
            to: self.received.to,
            ..RecordFilter::default()
        };
        let texts = [
            ("source", &self.source),
            ("provider_id", &self.provider_id),
            ("subject", &self.subject),
            ("account", &self.account),
            ("pointer", &self.pointer),
            ("value", &self.value),
            ("kind", &self.kind),
            ("handler", &self.handler),
            ("state", &self.state),
        ];
        set_texts(texts, |name, value| filter.set_part(name, value))?;
        Ok(filter)
    }

    fn query(filter: &RecordFilter) -> Vec<(&'static str, String)> {
        filter.to_query()
    }
}

/// Sets the parts of a filter that the arguments have. `set` sets one part.
pub(in crate::cli) fn set_texts<E, const N: usize>(
    texts: [(&str, &Option<String>); N],
    mut set: impl FnMut(&str, &str) -> Result<bool, E>,
) -> anyhow::Result<()>
where
    E: fmt::Display + fmt::Debug + Send + Sync + 'static,
{
    for (name, value) in texts {
        if let Some(value) = value {
            set(name, value).map_err(anyhow::Error::msg)?;
        }
    }
    Ok(())
}
