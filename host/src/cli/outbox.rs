//! `tollgate outbox`: the requests of handlers, and operations on them.
//!
//! The output contains no bodies, no headers and no queries of URLs, because handlers may put
//! credentials there.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tollgate_ledger::{RequestDetail, RequestFilter, RequestId, RequestSummary, TryView};

use super::exit::found;
use super::gateway::{
    FilterArgs, GatewayArgs, ItemsArgs, List, ListArgs, Operation, TimeRangeArgs, set_texts,
};
use super::history::tries;
use super::output::{or_dash, print, printable, time};
use crate::api::QueryFilter;

const RETRY: Operation = Operation {
    resource: "outbox",
    verb: "retry",
    items: "requests",
    done: "go out again",
    would: "would go out again",
};

const CANCEL: Operation = Operation {
    resource: "outbox",
    verb: "cancel",
    items: "requests",
    done: "were cancelled",
    would: "would be cancelled",
};

const REQUESTS: List<RequestSummary, RequestFilter, 8> = List {
    path: "/api/outbox",
    from_ledger: |ledger, filter, page| ledger.requests(filter, page),
    empty: "no requests",
    head: [
        "seq", "handler", "state", "tries", "status", "request", "event", "error",
    ],
    row,
};

#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List requests, the newest first. `--state dead` lists the requests that failed for ever.
    List(ListArgs<RequestFilterArgs>),
    /// Show one request with its tries.
    Show(ShowArgs),
    /// Send dead requests again, with the same idempotency keys and after all waiting requests; or
    /// try waiting requests now.
    Retry(ChangeArgs),
    /// Cancel waiting requests. A cancelled request is dead and stays listed.
    Cancel(ChangeArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The number of the request, as lists show it.
    seq: i64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    items: ItemsArgs,
    #[command(flatten)]
    filter: RequestFilterArgs,
}

/// Which requests a command means.
#[derive(Debug, Args)]
struct RequestFilterArgs {
    /// Only requests of this handler.
    #[arg(long)]
    handler: Option<String>,
    /// Only requests in this state: waiting, sent, dead.
    #[arg(long)]
    state: Option<String>,
    /// Only requests to this URL, without its query. `*` stands for any characters.
    #[arg(long = "to-url", value_name = "URL")]
    to_url: Option<String>,
    #[command(flatten)]
    queued: TimeRangeArgs,
}

impl FilterArgs for RequestFilterArgs {
    type Filter = RequestFilter;

    fn filter(&self) -> anyhow::Result<RequestFilter> {
        let mut filter = RequestFilter {
            from: self.queued.from,
            to: self.queued.to,
            ..RequestFilter::default()
        };
        let texts = [
            ("handler", &self.handler),
            ("state", &self.state),
            ("url", &self.to_url),
        ];
        set_texts(texts, |name, value| filter.set_part(name, value))?;
        Ok(filter)
    }

    fn query(filter: &RequestFilter) -> Vec<(&'static str, String)> {
        filter.to_query()
    }
}

pub(super) fn run(args: &OutboxArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        OutboxCommand::List(args) => args.print(&REQUESTS),
        OutboxCommand::Show(args) => show(args),
        OutboxCommand::Retry(args) => change(args, &RETRY),
        OutboxCommand::Cancel(args) => change(args, &CANCEL),
    }
}

fn change(args: &ChangeArgs, operation: &Operation) -> anyhow::Result<ExitCode> {
    args.items
        .change(operation, args.filter.filter()?.to_query())
}

fn row(summary: &RequestSummary) -> [String; 8] {
    let request = &summary.request;
    [
        request.seq.to_string(),
        summary.handler.clone(),
        request.state.clone(),
        request.tries.to_string(),
        or_dash(request.status),
        format!("{} {}", request.method, request.url),
        summary.event.clone(),
        request.error.clone().unwrap_or_default(),
    ]
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let path = format!("/api/outbox/{}", args.seq);
    let request: RequestDetail = args.gateway.fetch(&path, |ledger| {
        let request = ledger.request(RequestId(args.seq))?;
        found(request, || format!("there is no request {}", args.seq))
    })?;
    print(args.json, &request, |out| write_request(out, &request))
}

fn write_request(out: &mut dyn Write, detail: &RequestDetail) -> io::Result<()> {
    let RequestDetail {
        request: summary,
        first_id,
        tried,
    } = detail;
    let request = &summary.request;
    let mut line = format!(
        "request {} of {}: {} {}: {} after {}",
        request.seq,
        summary.handler,
        request.method,
        request.url,
        request.state,
        tries(request.tries)
    );
    if let Some(due) = summary.due_ms {
        line.push_str(&format!(", due {}", time(due)));
    }
    writeln!(out, "{}", printable(&line))?;
    let queued = time(request.queued_ms);
    writeln!(
        out,
        "  queued at {queued} by delivery {} of event {}",
        summary.delivery, summary.event
    )?;
    if let Some(first_id) = first_id {
        writeln!(
            out,
            "  first queued as request {first_id}, and sent again later"
        )?;
    }
    writeln!(out, "  idempotency key {}", request.idempotency_key)?;
    if let Some(key) = &request.order_key {
        writeln!(out, "  order key {}", printable(key))?;
    }
    for TryView {
        number,
        ended_ms,
        status,
        error,
    } in tried
    {
        let mut line = format!("try {number} at {}", time(*ended_ms));
        if let Some(status) = status {
            line.push_str(&format!(": {status}"));
        }
        if let Some(error) = error {
            line.push_str(&format!(", {error}"));
        }
        writeln!(out, "  {}", printable(&line))?;
    }
    // The ledger keeps the tries that failed; the one that succeeded is the request's end.
    match (request.state.as_str(), summary.finished_ms, request.status) {
        ("sent", Some(sent), Some(status)) => {
            writeln!(
                out,
                "  try {} at {}: {status}, sent",
                request.tries,
                time(sent)
            )
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::write_list;
    use tollgate_base::time::WallTime;
    use tollgate_ledger::RequestView;

    fn summary() -> RequestSummary {
        RequestSummary {
            request: RequestView {
                seq: 7,
                state: "dead".to_owned(),
                tries: 3,
                status: Some(422),
                error: Some("answered 422\u{1b}[2J".to_owned()),
                method: "POST".to_owned(),
                url: "https://crm.example.com/orders?…".to_owned(),
                idempotency_key: "key-1".to_owned(),
                order_key: None,
                queued_ms: WallTime::from_millis(1000),
            },
            handler: "fulfillment".to_owned(),
            event: "0193".to_owned(),
            delivery: 5,
            due_ms: None,
            finished_ms: None,
        }
    }

    #[test]
    fn a_table_shows_what_matters() {
        let mut out = Vec::new();
        write_list(&mut out, &[summary()], REQUESTS.empty, REQUESTS.head, row).unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<&str>> = out
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        let url = "POST https://crm.example.com/orders?…";
        let error = "answered 422\u{fffd}[2J";
        assert_eq!(
            lines,
            [
                [
                    "seq", "handler", "state", "tries", "status", "request", "event", "error"
                ],
                ["7", "fulfillment", "dead", "3", "422", url, "0193", error],
            ]
        );
    }

    #[test]
    fn the_try_that_succeeded_is_shown_last() {
        let mut request = summary();
        request.request.state = "sent".to_owned();
        request.request.status = Some(201);
        request.finished_ms = Some(WallTime::from_millis(5000));
        let detail = RequestDetail {
            request,
            first_id: None,
            tried: Vec::new(),
        };
        let mut out = Vec::new();
        write_request(&mut out, &detail).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.ends_with("  try 3 at 1970-01-01T00:00:05Z: 201, sent\n"),
            "{out}"
        );
    }

    #[test]
    fn a_request_is_shown_with_its_tries() {
        let mut out = Vec::new();
        let detail = RequestDetail {
            request: summary(),
            first_id: Some(2),
            tried: vec![TryView {
                number: 1,
                ended_ms: WallTime::from_millis(2000),
                status: Some(500),
                error: Some("answered 500".to_owned()),
            }],
        };
        write_request(&mut out, &detail).unwrap();
        let out = String::from_utf8(out).unwrap();
        for part in [
            "request 7 of fulfillment: POST https://crm.example.com/orders?…: dead after 3 tries",
            "first queued as request 2, and sent again later",
            "idempotency key key-1",
            "try 1 at 1970-01-01T00:00:02Z: 500, answered 500",
        ] {
            assert!(out.contains(part), "{part}: {out}");
        }
    }
}
