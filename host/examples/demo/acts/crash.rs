//! A `kill -9` in the middle of work, and the account of everything at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::demo::{Demo, PATH};
use crate::events::{StripeEvent, checkout};
use crate::gateway::{Gateway, tollgate};

/// The number of orders that come in around the kill.
const ORDERS: usize = 40;

/// The least number of acknowledged orders before the kill.
const BEFORE_KILL: usize = 12;

/// Kills the gateway under load, starts it again, and counts.
pub(crate) async fn kill(demo: &mut Demo) -> Result<()> {
    demo.account.act("kill -9 in the middle of a burst");
    let orders: Vec<String> = (0..ORDERS).map(|n| format!("K-{:04}", 3000 + n)).collect();
    let events: Vec<_> = orders
        .iter()
        .map(|order| checkout(&format!("kill_{order}"), order, 700, "ada@example.com"))
        .collect();
    let acknowledged = burst_until_killed(demo, &events).await?;
    let pid = demo.gateway.pid();
    demo.account.note(format_args!(
        "{} of {ORDERS} acknowledged when it died",
        acknowledged.len()
    ));

    let recorded = acknowledged
        .iter()
        .filter(|id| matches!(demo.ledger.event(id), Ok(Some(_))));
    let recorded = recorded.count();
    demo.account.expect(
        "acknowledged events in the ledger",
        recorded,
        acknowledged.len(),
    );
    demo.account.note(format_args!(
        "started again as process {pid}; the unacknowledged events are sent again, as Stripe does"
    ));
    let mut refused = 0;
    for event in &events {
        if !acknowledged.contains(&event.id) {
            refused += usize::from(demo.send(event).await?.status != 200);
        }
    }
    demo.account
        .expect("events that were refused when sent again", refused, 0);
    demo.ledger.settled().await?;
    count_orders(demo, &orders, &events)
}

/// Sends all events, kills the gateway when some are acknowledged, and starts it again.
/// Returns the ids of the acknowledged events.
async fn burst_until_killed(demo: &mut Demo, events: &[StripeEvent]) -> Result<Vec<String>> {
    let mut signed = Vec::new();
    for event in events {
        signed.push((event.id.clone(), demo.sign(event)?, event.payload()));
    }
    let mut sending = JoinSet::new();
    for (n, (id, header, payload)) in signed.into_iter().enumerate() {
        let poster = demo.gateway.poster();
        sending.spawn(async move {
            // The events are spread over time, so the kill finds some that are not sent yet.
            tokio::time::sleep(Duration::from_micros(300 * n as u64)).await;
            match poster.post(PATH, Some(&header), payload).await {
                Ok(answer) if answer.status == 200 => Some(id),
                _ => None,
            }
        });
    }
    let mut acknowledged = Vec::new();
    while acknowledged.len() < BEFORE_KILL {
        match sending.join_next().await {
            Some(id) => acknowledged.extend(id?),
            None => break,
        }
    }
    demo.gateway.kill()?;
    acknowledged.extend(sending.join_all().await.into_iter().flatten());
    demo.gateway = Gateway::start(&demo.setup)?;
    Ok(acknowledged)
}

/// Checks that every order of the burst was fulfilled once.
fn count_orders(demo: &mut Demo, orders: &[String], events: &[StripeEvent]) -> Result<()> {
    let mut done = 0;
    for event in events {
        done += usize::from(demo.recorded(event)?.states == ["done"]);
    }
    let once = |path| {
        let counts = orders
            .iter()
            .map(|order| demo.requests(path, "/order", order));
        counts.filter(|&count| count == 1).count()
    };
    let (shipped, mailed) = (once("/warehouse"), once("/mail"));
    demo.account.note(format_args!(
        "{done} of {ORDERS} events done; {shipped} orders shipped once, {mailed} receipts mailed \
         once, by idempotency key"
    ));
    demo.account
        .expect("events of the burst that are done", done, ORDERS);
    demo.account
        .expect("orders that were shipped once", shipped, ORDERS);
    demo.account
        .expect("receipts that were mailed once", mailed, ORDERS);
    Ok(())
}

/// Prints and checks the totals.
pub(crate) async fn totals(demo: &mut Demo) -> Result<()> {
    demo.account.act("Totals");
    let status = demo.gateway.status().await?;
    let ledger = &status["ledger"];
    for what in ["events", "duplicates", "unrouted", "deliveries", "outbox"] {
        demo.account
            .note(format_args!("{what:<11} {}", ledger[what]));
    }
    let received = demo.shop.received();
    let mut by_path = BTreeMap::<&str, usize>::new();
    received
        .values()
        .for_each(|r| *by_path.entry(&r.path).or_default() += 1);
    let again = received.values().filter(|r| r.accepted > 1).count();
    demo.account.note(format_args!(
        "the shop received {} different keys: {by_path:?}; {again} of them more than once, after \
         the kill",
        received.len(),
    ));
    demo.account.expect(
        "keys that arrived with other content",
        received.values().filter(|r| r.changed).count(),
        0,
    );
    let bare = received
        .values()
        .filter(|r| r.path == "/warehouse" && !r.authorized)
        .count();
    demo.account
        .expect("shipments without the manifest's credential", bare, 0);
    let queued = demo.ledger.total("SELECT COUNT(*) FROM outbox")?;
    demo.account.expect(
        "keys received, of those queued",
        received.len() as i64,
        queued,
    );
    let sent = demo
        .ledger
        .total("SELECT COUNT(*) FROM outbox WHERE state = 'sent'")?;
    demo.account
        .expect("queued requests that were sent", sent, queued);
    let dead = demo
        .ledger
        .total("SELECT COUNT(*) FROM deliveries WHERE state = 'dead'")?;
    demo.account.expect("dead deliveries", dead, 0);
    let twice = demo.ledger.total(
        "SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE provider_id IS NOT NULL
         GROUP BY source, provider_id HAVING COUNT(*) > 1)",
    )?;
    demo.account.expect("events recorded twice", twice, 0);
    let secret = demo.ledger.total(
        "SELECT COUNT(*) FROM outbox_bodies WHERE headers LIKE '%a-token-for-the-quickstart%'",
    )?;
    demo.account.expect("credentials in the ledger", secret, 0);
    let listed = tollgate(&demo.setup, &["outbox", "list", "--limit", "3"])?;
    demo.account.note("`tollgate outbox list --limit 3` says:");
    listed
        .lines()
        .for_each(|line| demo.account.note(format_args!("  {line}")));
    Ok(())
}
