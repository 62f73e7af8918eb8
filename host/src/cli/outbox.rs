//! `tollgate outbox`: what went out for handlers, what waits, what was given up; and how that
//! is mended.
//!
//! Shows no bodies, no headers and no queries of URLs: handlers may put credentials there.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::change::{ChangeArgs, Wording};
use super::client::{GatewayArgs, Side};
use super::filter::{gather, moment};
use super::table::{or_dash, printable, utc, write_rows};
use crate::api::outbox::{set, write};
use tollgate_base::time::WallTime;
use tollgate_ledger::{Order, OutboxSeq, RequestDetail, RequestFilter, RequestSummary, TryView};

const RETRY: Wording = Wording {
    things: "requests",
    path: "/api/outbox/retry",
    done: "go out again",
    would: "would go out again",
};

const CANCEL: Wording = Wording {
    things: "requests",
    path: "/api/outbox/cancel",
    done: "were cancelled",
    would: "would be cancelled",
};

#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List requests, the newest first; `--state dead` lists those that were given up.
    List(ListArgs),
    /// Show one request with its tries.
    Show(ShowArgs),
    /// Send dead requests again, behind all that wait and with the idempotency keys that they
    /// had; or try waiting ones now.
    Retry(RequestsArgs),
    /// End waiting requests: they are dead then, and stay listed.
    Cancel(RequestsArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The request's number, as lists show it.
    seq: i64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RequestsArgs {
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Which requests are meant.
#[derive(Debug, Args)]
struct FilterArgs {
    /// Only of this handler.
    #[arg(long)]
    handler: Option<String>,
    /// Only in this state: waiting, sent, dead.
    #[arg(long)]
    state: Option<String>,
    /// Only to this URL, without its query; `*` stands for any characters.
    #[arg(long = "to-url", value_name = "URL")]
    to_url: Option<String>,
    /// Queued then or later: a time such as 2026-05-28T20:26:40Z, or how long ago, such as 2h.
    #[arg(long, value_parser = moment)]
    from: Option<WallTime>,
    /// Queued before then.
    #[arg(long, value_parser = moment)]
    to: Option<WallTime>,
}

impl FilterArgs {
    fn filter(&self) -> anyhow::Result<RequestFilter> {
        let mut filter = RequestFilter {
            from: self.from,
            to: self.to,
            ..RequestFilter::default()
        };
        let texts = [
            ("handler", &self.handler),
            ("state", &self.state),
            ("url", &self.to_url),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                set(&mut filter, name, value).map_err(anyhow::Error::msg)?;
            }
        }
        Ok(filter)
    }
}

pub(super) fn run(args: &OutboxArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        OutboxCommand::List(args) => list(args),
        OutboxCommand::Show(args) => show(args),
        OutboxCommand::Retry(args) => args.change.change(&RETRY, write(&args.filter.filter()?)),
        OutboxCommand::Cancel(args) => args.change.change(&CANCEL, write(&args.filter.filter()?)),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let filter = args.filter.filter()?;
    let requests = match args.gateway.find()? {
        Side::Gateway(client) => gather(args.limit, Order::Newest, |page| {
            Ok(client.page("/api/outbox", write(&filter), page)?)
        }),
        Side::Ledger(ledger) => gather(args.limit, Order::Newest, |page| {
            Ok(ledger.0.requests(&filter, page)?)
        }),
    }?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&requests)?)?;
    } else {
        write_table(&mut out, &requests)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_table(out: &mut impl Write, requests: &[RequestSummary]) -> io::Result<()> {
    if requests.is_empty() {
        return writeln!(out, "no requests");
    }
    let head = [
        "seq", "handler", "state", "tries", "status", "request", "event", "error",
    ];
    write_rows(out, head, requests.iter().map(row))
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
    let request: RequestDetail = match args.gateway.find()? {
        Side::Gateway(client) => client.get(&format!("/api/outbox/{}", args.seq), &[])?,
        Side::Ledger(ledger) => match ledger.0.request(OutboxSeq(args.seq))? {
            Some(request) => request,
            None => bail!("there is no request {}", args.seq),
        },
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&request)?)?;
    } else {
        write_request(&mut out, &request)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_request(out: &mut impl Write, detail: &RequestDetail) -> io::Result<()> {
    let RequestDetail {
        request: summary,
        was,
        tried,
    } = detail;
    let request = &summary.request;
    let mut line = format!(
        "request {} of {}: {} {}: {} after {} tries",
        request.seq, summary.handler, request.method, request.url, request.state, request.tries
    );
    if let Some(due) = summary.due_ms {
        line.push_str(&format!(", due {}", utc(due)));
    }
    writeln!(out, "{}", printable(&line))?;
    let queued = utc(request.queued_ms);
    writeln!(
        out,
        "  queued at {queued} by delivery {} of event {}",
        summary.delivery, summary.event
    )?;
    if let Some(was) = was {
        writeln!(out, "  as request {was}, and sent again since")?;
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
        let mut line = format!("try {number} at {}", utc(*ended_ms));
        if let Some(status) = status {
            line.push_str(&format!(": {status}"));
        }
        if let Some(error) = error {
            line.push_str(&format!(", {error}"));
        }
        writeln!(out, "  {}", printable(&line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
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
        }
    }

    #[test]
    fn a_table_shows_what_matters() {
        let mut out = Vec::new();
        write_table(&mut out, &[summary()]).unwrap();
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
    fn a_request_is_shown_with_its_tries() {
        let mut out = Vec::new();
        let detail = RequestDetail {
            request: summary(),
            was: Some(2),
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
            "as request 2, and sent again since",
            "idempotency key key-1",
            "try 1 at 1970-01-01T00:00:02Z: 500, answered 500",
        ] {
            assert!(out.contains(part), "{part}: {out}");
        }
    }
}
