//! The work of handlers: one order from two events, the story of a subscription, repeated
//! attempts.

use anyhow::Result;

use crate::demo::Demo;
use crate::events::{StripeEvent, checkout, customer, invoice, paid, subscription};
use crate::receiver::REFUSED_ONCE;

/// Sends the two events of one payment, in both orders.
pub(crate) async fn two_events_one_order(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("Two events report one order, in either order of arrival: fulfilled once");
    let first = [
        paid("order1_paid", "A-1001", 4200),
        checkout("order1_checkout", "A-1001", 4200, "ada@example.com"),
    ];
    let email = format!("{REFUSED_ONCE}@example.com");
    let second = [
        checkout("order2_checkout", "A-1002", 9900, &email),
        paid("order2_paid", "A-1002", 9900),
    ];
    for event in first.iter().chain(&second) {
        demo.send_well(event, "").await?;
        demo.tell(event).await?;
    }
    for order in ["A-1001", "A-1002"] {
        let shipped = demo.requests("/warehouse", "/order", order);
        demo.account
            .expect(&format!("shipments of {order}"), shipped, 1);
        let receipts = demo.requests("/mail", "/order", order);
        demo.account
            .expect(&format!("receipts for {order}"), receipts, 1);
    }
    let received = demo.shop.received();
    let refused = received
        .values()
        .find(|r| r.body.to_string().contains(REFUSED_ONCE));
    let counts = refused.map(|r| (r.tries, r.accepted));
    demo.account.expect(
        "tries of a request that the shop refused once",
        counts,
        Some((2, 1)),
    );
    let keyless = received.contains_key("(none)");
    demo.account
        .expect("a request came without a key", keyless, false);
    Ok(())
}

/// Sends the events of a subscription whose payments fail. They arrive out of order.
pub(crate) async fn dunning(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("A subscription's payments fail, and the events arrive out of order");
    let failed = "invoice.payment_failed";
    // Each entry: the event, the day on which it happened with a remark, the number of
    // requests that it causes, and the final state of its delivery. The entries are in the
    // order of arrival.
    let story = [
        (
            invoice("dunning_1", failed, 1, 1),
            "day 1: the first failure",
            1,
            "done",
        ),
        (
            invoice("dunning_3", failed, 8, 3),
            "day 8: the third failure, before the second",
            1,
            "done",
        ),
        (
            invoice("dunning_2", failed, 4, 2),
            "day 4: the second failure, late: no letter",
            0,
            "done",
        ),
        (
            subscription("dunning_due", 16, "past_due"),
            "day 16: the grace period has ended",
            2,
            "done",
        ),
        (
            invoice("dunning_paid", "invoice.paid", 17, 5),
            "day 17: paid at last",
            2,
            "done",
        ),
        (
            invoice("dunning_4", failed, 12, 4),
            "day 12: the fourth failure, out of date",
            0,
            "ignored",
        ),
    ];
    for (event, remark, requests, end) in &story {
        demo.send_well(event, remark).await?;
        let recorded = demo.tell(event).await?;
        let what = format!("requests that {} makes", event.id);
        demo.account
            .expect(&what, recorded.requests.len(), *requests);
        let what = format!("the end of {}", event.id);
        demo.account
            .expect(&what, recorded.states, vec![(*end).to_owned()]);
    }
    for access in ["suspended", "restored"] {
        let times = demo.requests("/access", "/access", access);
        demo.account
            .expect(&format!("times that access was {access}"), times, 1);
    }
    Ok(())
}

/// Sends an event whose handler fails twice before it succeeds.
pub(crate) async fn retries(demo: &mut Demo) -> Result<()> {
    demo.account
        .act("A handler fails twice, then succeeds: its effects happen once");
    let event: StripeEvent = customer("grace", "customer.created", "Grace", 2);
    demo.send_well(&event, "").await?;
    let recorded = demo.tell(&event).await?;
    let outcomes: Vec<_> = recorded
        .attempts
        .iter()
        .map(|a| a.outcome.as_str())
        .collect();
    demo.account.expect(
        "outcomes of the attempts",
        outcomes,
        vec!["retry", "retry", "done"],
    );
    let numbers: Vec<_> = recorded.attempts.iter().map(|a| a.number).collect();
    demo.account
        .expect("numbers of the attempts", numbers, vec![1, 2, 3]);
    let letters = demo.requests("/mail", "/to", "grace@example.com");
    demo.account
        .expect("letters to the new customer", letters, 1);
    Ok(())
}
