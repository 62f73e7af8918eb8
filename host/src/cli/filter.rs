//! Filters as arguments, and lists that are gathered page by page.

use clap::Args;
use serde::de::DeserializeOwned;

use super::client::{Client, ClientError, GatewayArgs};
use crate::api::filter::{MAX_LIMIT, set, write};
use tollgate_base::quantity::parse_duration;
use tollgate_base::rfc3339;
use tollgate_base::time::{Clock, SystemClock, WallTime};
use tollgate_ledger::{Listed, Order, Page, RecordFilter};

/// What a list of events or deliveries is asked for with.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    pub(super) limit: usize,
    /// Print a JSON array.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which events or deliveries are meant.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct FilterArgs {
    /// Only of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only of this type; `*` stands for any characters.
    #[arg(long)]
    kind: Option<String>,
    /// Only of this handler.
    #[arg(long)]
    handler: Option<String>,
    /// Only in this state: pending, running, retrying, held, done, ignored, dead; blocked
    /// (behind another delivery of its key); for events also unrouted.
    #[arg(long)]
    pub(super) state: Option<String>,
    /// Received then or later: a time such as 2026-05-28T20:26:40Z, or how long ago, such
    /// as 2h.
    #[arg(long, value_parser = moment)]
    from: Option<WallTime>,
    /// Received before then.
    #[arg(long, value_parser = moment)]
    to: Option<WallTime>,
}

impl FilterArgs {
    /// The filter that is meant.
    pub(super) fn filter(&self) -> anyhow::Result<RecordFilter> {
        let mut filter = RecordFilter {
            from: self.from,
            to: self.to,
            ..RecordFilter::default()
        };
        let texts = [
            ("source", &self.source),
            ("kind", &self.kind),
            ("handler", &self.handler),
            ("state", &self.state),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                set(&mut filter, name, value).map_err(anyhow::Error::msg)?;
            }
        }
        Ok(filter)
    }
}

/// A page of a list of the gateway's.
pub(super) fn ask<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    filter: &RecordFilter,
    page: Page,
) -> Result<Listed<T>, ClientError> {
    client.page(path, write(filter), page)
}

impl Client {
    /// A page of a list of the gateway's, of what `filter` means.
    pub(super) fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: Vec<(&str, String)>,
        page: Page,
    ) -> Result<Listed<T>, ClientError> {
        let mut query = filter;
        query.push(("limit", page.limit.to_string()));
        query.extend(page.after.map(|after| ("after", after.to_string())));
        if page.order == Order::Oldest {
            query.push(("order", "oldest".to_owned()));
        }
        self.get(path, &query)
    }
}

/// The first `limit` of a list whose pages `fetch` gets.
pub(super) fn gather<T>(
    limit: usize,
    order: Order,
    mut fetch: impl FnMut(Page) -> anyhow::Result<Listed<T>>,
) -> anyhow::Result<Vec<T>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let left = limit - found.len();
        let page = Page {
            after,
            limit: left.min(MAX_LIMIT),
            order,
        };
        let listed = fetch(page)?;
        found.extend(listed.items.into_iter().take(left));
        after = listed.next;
        if after.is_none() || found.len() >= limit {
            return Ok(found);
        }
    }
}

/// A time, or how long ago.
pub(super) fn moment(text: &str) -> Result<WallTime, String> {
    if let Some(time) = rfc3339::parse(text) {
        return Ok(time);
    }
    let ago = parse_duration(text)
        .ok_or("write a time such as 2026-05-28T20:26:40Z, or how long ago, such as 2h")?;
    Ok(SystemClock.now() - ago)
}
