//! Lists: read page by page, from the gateway or from its ledger.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_ledger::{ListError, ListOrder, Listed, Page, ReadLedger};

use super::args::{Backend, GatewayArgs};
use super::filter::FilterArgs;
use crate::api::MAX_LIMIT;
use crate::cli::output::print_list;

/// The arguments of a command that lists entries.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs<F: FilterArgs> {
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    filter: F,
    /// The greatest number of entries.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// Reads one page of a list from the ledger.
type ReadPage<T, F> = fn(&dyn ReadLedger, &F, &Page) -> Result<Listed<T>, ListError>;

/// A list: where its entries come from, and how the entries are shown.
pub(in crate::cli) struct List<T, F, const N: usize> {
    /// The path in the admin API.
    pub(in crate::cli) path: &'static str,
    /// Reads a page of the ledger.
    pub(in crate::cli) from_ledger: ReadPage<T, F>,
    /// The text for an empty list.
    pub(in crate::cli) empty: &'static str,
    /// The titles of the columns.
    pub(in crate::cli) head: [&'static str; N],
    /// The cells of an entry.
    pub(in crate::cli) row: fn(&T) -> [String; N],
}

impl<F: FilterArgs> ListArgs<F> {
    /// Prints the newest entries of a list.
    pub(in crate::cli) fn print<T, const N: usize>(
        &self,
        list: &List<T, F::Filter, N>,
    ) -> anyhow::Result<ExitCode>
    where
        T: Serialize + DeserializeOwned,
    {
        let filter = self.filter.filter()?;
        let entries = match self.gateway.backend()? {
            Backend::Gateway(client) => read_pages(self.limit, |page| {
                Ok(client.page(list.path, F::query(&filter), page)?)
            }),
            Backend::Ledger(ledger) => read_pages(self.limit, |page| {
                Ok((list.from_ledger)(&*ledger, &filter, page)?)
            }),
        }?;
        print_list(self.json, &entries, list.empty, list.head, list.row)
    }
}

/// The newest entries of a list, at most `limit`. `fetch` reads one page.
pub(in crate::cli) fn read_pages<T>(
    limit: usize,
    mut fetch: impl FnMut(&Page) -> anyhow::Result<Listed<T>>,
) -> anyhow::Result<Vec<T>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let left = limit - found.len();
        let page = Page {
            after,
            until: None,
            limit: left.min(MAX_LIMIT),
            order: ListOrder::Newest,
        };
        let listed = fetch(&page)?;
        found.extend(listed.items.into_iter().take(left));
        after = listed.next;
        if after.is_none() || found.len() >= limit {
            return Ok(found);
        }
    }
}
