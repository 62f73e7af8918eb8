//! Events that come in: duplicates, forgeries, unrouted events, a burst.

use anyhow::Result;
use tokio::task::JoinSet;

use crate::demo::{Demo, PATH, now};
use crate::events::{self, StripeEvent, checkout, paid};
use crate::gateway::{Answer, SECRET};

/// The number of orders that come in at once.
const BURST: usize = 24;

/// Sends the same event again: with the same bytes and, as Stripe resends it, with other
/// bytes.
pub(crate) async fn duplicates(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("The same event four more times: acknowledged, but not handled again");
    let event = paid("order1_paid", "A-1001", 4200);
    let first = demo.recorded(&event)?;
    let resent = event.resent();
    let copies = [
        (&event, "the same bytes"),
        (&event, "the same bytes"),
        (&event, "the same bytes"),
        (
            &resent,
            "other bytes (Stripe resends it with another pending_webhooks)",
        ),
    ];
    for (copy, remark) in copies {
        let answer = demo.send_well(copy, remark).await?;
        let same = answer.event.map(|id| id.replace('-', "")) == Some(first.id.clone());
        demo.account
            .expect("the answer names the first recorded id", same, true);
    }
    demo.ledger.settled().await?;
    let after = demo.recorded(&event)?;
    demo.account.note(format_args!(
        "counted: {} duplicates, {} of them with other bytes; attempts before and after: {} and {}",
        after.duplicates.0,
        after.duplicates.1,
        first.attempts.len(),
        after.attempts.len(),
    ));
    demo.account.expect("duplicates", after.duplicates, (4, 1));
    demo.account.expect(
        "attempts after duplicates",
        after.attempts.len(),
        first.attempts.len(),
    );
    demo.account.expect(
        "shipments of A-1001 after duplicates",
        demo.requests("/warehouse", "/order", "A-1001"),
        1,
    );
    Ok(())
}

/// Sends requests that no known provider signed, or that were signed too long ago.
pub(crate) async fn strangers(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("Forged and expired requests: refused before anything reads the body");
    let event = paid("forged", "A-6666", 1);
    let forged = demo.signer.sign(&event.payload(), "whsec_guessed", now())?;
    refuse(
        demo,
        &event,
        Some(forged),
        event.payload(),
        "signed with another secret",
    )
    .await?;

    let header = demo.sign(&event)?;
    let raised = event
        .payload()
        .replace("\"amount\":1,", "\"amount\":999999,");
    refuse(
        demo,
        &event,
        Some(header),
        raised,
        "changed after it was signed",
    )
    .await?;

    let expired = demo.signer.sign(&event.payload(), SECRET, now() - 600)?;
    refuse(
        demo,
        &event,
        Some(expired),
        event.payload(),
        "signed ten minutes ago",
    )
    .await?;
    refuse(demo, &event, None, event.payload(), "not signed at all").await?;

    let recorded = demo.ledger.event(&event.id)?.is_some();
    demo.account
        .expect("a refused event is in the ledger", recorded, false);
    let status = demo.gateway.status().await?;
    let counted = &status["rejections"]["stripe"];
    demo.account.note(format_args!(
        "the sender learns no reason; `tollgate status` counts: {counted}"
    ));
    for (code, count) in [
        ("signature_mismatch", 2),
        ("timestamp_too_old", 1),
        ("missing_header", 1),
    ] {
        demo.account
            .expect(code, counted[code].as_u64(), Some(count));
    }
    Ok(())
}

async fn refuse(
    demo: &mut Demo,
    event: &StripeEvent,
    header: Option<String>,
    body: String,
    why: &str,
) -> Result<()> {
    let answer = demo.gateway.post(PATH, header.as_deref(), body).await?;
    demo.account.came_in(event, &answer, why);
    demo.account
        .expect(&format!("the answer to an event {why}"), answer.status, 400);
    Ok(())
}

/// Sends an event that no route matches.
pub(crate) async fn unrouted(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("An event that no route matches: kept and counted");
    let event = events::unrouted("product");
    demo.send_well(&event, "no route matches").await?;
    let recorded = demo.recorded(&event)?;
    demo.account
        .expect("deliveries of an unrouted event", recorded.deliveries, 0);
    let status = demo.gateway.status().await?;
    let count = status["ledger"]["unrouted"].as_u64().unwrap_or(0);
    demo.account.note(format_args!(
        "unrouted so far: {count}, including the handlers' own events"
    ));
    demo.account
        .expect("unrouted events are counted", count > 0, true);
    Ok(())
}

/// Sends many events at once. They share commits.
pub(crate) async fn burst(demo: &mut Demo) -> Result<()> {
    demo.account
        .act(&format!("A burst: {BURST} paid orders at once"));
    let orders: Vec<String> = (0..BURST).map(|n| format!("B-{:04}", 2000 + n)).collect();
    let events: Vec<_> = orders
        .iter()
        .map(|order| checkout(&format!("burst_{order}"), order, 2500, "ada@example.com"))
        .collect();
    let started = std::time::Instant::now();
    let answers = send_all(demo, &events).await?;
    let took = started.elapsed();
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    demo.account
        .expect("acknowledged events of the burst", taken, BURST);

    demo.ledger.settled().await?;
    let mut done = 0;
    for event in &events {
        done += usize::from(demo.recorded(event)?.states == ["done"]);
    }
    demo.account
        .expect("handled events of the burst", done, BURST);
    let mut shipped = 0;
    for order in &orders {
        shipped += demo.requests("/warehouse", "/order", order);
    }
    demo.account
        .expect("shipments of the burst", shipped, BURST);
    demo.account.note(format_args!(
        "in: {taken} acknowledged in {:.0} ms, each on disk by then; run: {done} done; \
         out: {shipped} shipments, as many receipts",
        took.as_secs_f64() * 1000.0,
    ));
    Ok(())
}

/// Sends all events at once, each on its own connection.
async fn send_all(demo: &mut Demo, events: &[StripeEvent]) -> Result<Vec<Answer>> {
    let mut signed = Vec::new();
    for event in events {
        signed.push((demo.sign(event)?, event.payload()));
    }
    let mut sending = JoinSet::new();
    for (header, payload) in signed {
        let poster = demo.gateway.poster();
        sending.spawn(async move { poster.post(PATH, Some(&header), payload).await });
    }
    sending.join_all().await.into_iter().collect()
}
