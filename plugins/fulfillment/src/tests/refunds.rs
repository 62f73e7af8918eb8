//! Tests of amounts: captured in part, refunded, nothing at all.

use super::*;

/// Makes `charge.refunded` of the payment `pi_1`.
fn refund(refunded: bool, amount: i64) -> Event {
    stripe(
        "charge.refunded",
        json!({
            "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 4200,
            "amount_captured": 4200, "amount_refunded": amount, "refunded": refunded,
        }),
    )
}

#[test]
fn a_payment_that_is_refunded_before_it_ships_ships_nothing() {
    let named = session(order("A-17"));
    for events in arrivals(&[refund(true, 4200), named.clone()]) {
        let refund_first = events[0].kind == "charge.refunded";
        let host = after(host(), &events);
        assert_eq!(to(&host, WAREHOUSE).len(), usize::from(!refund_first));
    }
    // The payment waits for its order id when the refund arrives.
    let waiting = after(
        host_requiring_order_ids(),
        &[
            intent("pi_1", json!({"receipt_email": "ada@example.com"})),
            refund(true, 4200),
        ],
    );
    for value in waiting.state().values() {
        assert!(!String::from_utf8_lossy(value).contains("ada@"));
    }
    let host = after(waiting, &[named]);
    assert!(host.sent.is_empty() && host.emitted.is_empty());
    // The order itself is free for another payment.
    let host = after(host, &[intent("pi_2", order("A-17"))]);
    assert_eq!(to(&host, WAREHOUSE)[0]["payment"], "pi_2");
}

#[test]
fn a_refund_of_a_part_keeps_the_order() {
    for events in arrivals(&[refund(false, 100), session(order("A-17"))]) {
        let host = after(host(), &events);
        assert_eq!(to(&host, WAREHOUSE).len(), 1);
    }
}

#[test]
fn the_captured_part_is_the_amount_in_every_order_of_arrival() {
    // Captured by hand: the session is not paid when it completes.
    let completed = session(merged(order("A-17"), json!({"payment_status": "unpaid"})));
    let captured = intent(
        "pi_1",
        json!({"amount_received": 3000, "capture_method": "manual"}),
    );
    for events in arrivals(&[completed, captured]) {
        let host = after(host_requiring_order_ids(), &events);
        assert_eq!(to(&host, WAREHOUSE).len(), 1);
        assert_eq!(to(&host, WAREHOUSE)[0]["amount"], 3000);
        assert_eq!(to(&host, MAIL)[0]["amount"], 3000);
    }
}

#[test]
fn a_payment_of_nothing_ships_nothing() {
    let nothing = json!({"amount_received": 0, "metadata": {"order_id": "A-17"}});
    let canceled = json!({"status": "canceled", "metadata": {"order_id": "A-17"}});
    for more in [nothing, canceled] {
        let host = after(host(), &[intent("pi_1", more.clone())]);
        assert!(host.sent.is_empty() && host.emitted.is_empty(), "{more}");
    }
    // A full discount is another thing: the order is complete, and there is nothing to pay.
    for status in ["paid", "no_payment_required"] {
        let free = json!({
            "payment_intent": null, "payment_status": status, "amount_total": 0,
            "metadata": {"order_id": "A-0"},
        });
        let host = after(host(), &[session(free)]);
        assert_eq!(to(&host, WAREHOUSE)[0]["amount"], 0, "{status}");
    }
}

#[test]
fn a_payment_that_fails_later_ships_nothing() {
    let unpaid = json!({"payment_status": "unpaid", "metadata": {"order_id": "A-17"}});
    let events = [
        session(unpaid.clone()),
        session_event("checkout.session.async_payment_failed", unpaid),
    ];
    for events in arrivals(&events) {
        let host = after(host(), &events);
        assert!(host.sent.is_empty() && host.emitted.is_empty());
    }
}
