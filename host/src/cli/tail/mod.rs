//! `tollgate tail`: events and what becomes of them, as it happens.
//!
//! The command asks the admin API twice a second. New events come from the list of events by their
//! time; the deliveries of events that have not ended are asked for event by event.

mod followed;
mod line;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use tollgate_base::time::{Clock as _, SystemClock, WallTime};
use tollgate_ledger::{EventDetail, EventSummary, ListOrder, Listed, Page, RecordFilter};

use self::followed::Followed;
use self::line::{Change, write_change};
use super::arguments;
use super::gateway::{Client, ClientError, FilterArgs as _, GatewayArgs, RecordFilterArgs, encode};
use super::output::print_error;
use super::terminal;
use crate::api::{MAX_LIMIT, QueryFilter as _};

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// The most events that are asked for at a look.
const ASKED: usize = 20;
/// The most events that are followed to their end. Beyond it the oldest is left.
const FOLLOWED: usize = 1000;

#[derive(Debug, Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Only events of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only events of this type. `*` stands for any characters.
    #[arg(long)]
    kind: Option<String>,
    /// Only events that go to this handler.
    #[arg(long)]
    handler: Option<String>,
    /// Begin with the events since this time: a time such as 2026-05-28T20:26:40Z, or how long
    /// ago, such as 2h. Default: now.
    #[arg(long, value_parser = arguments::time)]
    from: Option<WallTime>,
    /// End once every event that was shown has ended, and nothing new has come.
    #[arg(long)]
    once: bool,
    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let client = args.gateway.running_gateway()?;
    let tail = Tail::new(&client, args.filter()?, args.json);
    tail.go_on(args.once)?;
    Ok(ExitCode::SUCCESS)
}

/// Shows all events of a gateway from now on. Returns if the gateway refuses to tell.
pub(super) fn follow(client: &Client) -> anyhow::Result<()> {
    let filter = RecordFilter {
        from: Some(SystemClock.now()),
        ..RecordFilter::default()
    };
    Tail::new(client, filter, false).go_on(false)
}
impl TailArgs {
    fn filter(&self) -> anyhow::Result<RecordFilter> {
        let mut filter = RecordFilter::default();
        for (name, value) in [
            ("source", &self.source),
            ("kind", &self.kind),
            ("handler", &self.handler),
        ] {
            if let Some(value) = value {
                filter.set_part(name, value).map_err(anyhow::Error::msg)?;
            }
        }
        filter.from = Some(self.from.unwrap_or_else(|| SystemClock.now()));
        Ok(filter)
    }
}

/// Whether the gateway does not answer now: it may start again.
fn is_away(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ClientError>();
    error.is_some_and(|error| {
        matches!(
            error,
            ClientError::Unreachable { .. }
                | ClientError::InvalidAnswer { .. }
                | ClientError::Refused { status: 503, .. }
        )
    })
}

/// What was shown so far.
struct Tail<'a> {
    client: &'a Client,
    filter: RecordFilter,
    json: bool,
    coloured: bool,
    /// The ids of events that were shown and may be listed again.
    shown: VecDeque<(WallTime, String)>,
    /// The events that have not ended, those that were asked for last at the end.
    followed: VecDeque<Followed>,
}

impl<'a> Tail<'a> {
    fn new(client: &'a Client, filter: RecordFilter, json: bool) -> Self {
        let coloured = terminal::is_coloured();
        Self {
            client,
            filter,
            json,
            coloured,
            shown: VecDeque::new(),
            followed: VecDeque::new(),
        }
    }

    /// Shows what is new again and again; with `once` until everything has ended.
    fn go_on(mut self, once: bool) -> anyhow::Result<()> {
        let mut reachable = true;
        loop {
            let news = match self.look() {
                Ok(news) => news,
                Err(error) if is_away(&error) => {
                    if std::mem::take(&mut reachable) {
                        print_error(format!("{error:#}: waiting for it"));
                    }
                    thread::sleep(LOOK);
                    continue;
                }
                Err(error) => return Err(error),
            };
            reachable = true;
            if once && news == 0 && self.followed.is_empty() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
    }

    /// Shows what is new. Returns how many events are.
    fn look(&mut self) -> anyhow::Result<usize> {
        let new = self.new_events()?;
        let count = new.len();
        for event in new {
            self.show(&Change::Recorded(&event))?;
            self.followed.push_back(Followed::new(event));
        }
        while self.followed.len() > FOLLOWED {
            self.followed.pop_front();
        }
        for _ in 0..self.followed.len().min(ASKED) {
            let Some(mut followed) = self.followed.pop_front() else {
                break;
            };
            let path = format!("/api/events/{}", encode(followed.id()));
            let now: EventDetail = match self.client.get(&path, &[]) {
                Ok(now) => now,
                // It was pruned meanwhile.
                Err(ClientError::Refused { status: 404, .. }) => continue,
                Err(error) => {
                    self.followed.push_front(followed);
                    return Err(error.into());
                }
            };
            for change in followed.changes(&now) {
                self.show(&change)?;
            }
            if !followed.has_ended() {
                self.followed.push_back(followed);
            }
        }
        io::stdout().flush()?;
        Ok(count)
    }

    /// The events that were not shown yet, in the order of their arrival.
    fn new_events(&mut self) -> anyhow::Result<Vec<EventSummary>> {
        let mut new = Vec::new();
        let mut after = None;
        loop {
            let page = Page {
                after,
                until: None,
                limit: MAX_LIMIT,
                order: ListOrder::Oldest,
            };
            let query = RecordFilterArgs::query(&self.filter);
            let listed: Listed<EventSummary> = self.client.page("/api/events", query, &page)?;
            for event in listed.items {
                if !self.shown.iter().any(|(_, id)| *id == event.id) {
                    self.shown.push_back((event.received_ms, event.id.clone()));
                    new.push(event);
                }
            }
            after = listed.next;
            if after.is_none() {
                break;
            }
        }
        self.forget();
        Ok(new)
    }

    /// Moves the beginning of the list, and forgets the events before it. Events that are received
    /// at one time may be committed one after another, so the last seconds are read again.
    fn forget(&mut self) {
        const AGAIN: Duration = Duration::from_secs(10);
        let newest = self.shown.iter().map(|(received, _)| *received).max();
        let Some(newest) = newest else {
            return;
        };
        let begin = newest - AGAIN;
        if self.filter.from.is_none_or(|from| from < begin) {
            self.filter.from = Some(begin);
            self.shown.retain(|(received, _)| *received >= begin);
        }
    }

    fn show(&self, change: &Change<'_>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.json {
            true => writeln!(out, "{}", change.json()),
            false => write_change(&mut out, change, self.coloured),
        }
    }
}
