//! Tests: thin events do what snapshot events do, with the object as it is when it is read.

use super::*;

/// The event in its thin form, for a host that gives it this object.
fn thin_of(host: &mut Host, snapshot: &Event) -> Event {
    let body: Value = snapshot.json().unwrap();
    let thin = testing::thin(snapshot);
    host.resolve(&thin, Some(body["data"]["object"].clone()));
    thin
}

#[test]
fn one_order_is_shipped_once_whichever_forms_its_events_have() {
    let events = [
        intent("pi_1", json!({})),
        session(json!({"metadata": {"order_id": "A-17"}})),
    ];
    for forms in 0..4 {
        for arrival in arrivals(&events) {
            let mut host = host();
            for snapshot in arrival {
                let nth = events
                    .iter()
                    .position(|event| event.id == snapshot.id)
                    .unwrap();
                let event = match forms >> nth & 1 {
                    1 => thin_of(&mut host, &snapshot),
                    _ => snapshot,
                };
                let run = host.run(handle, event);
                assert!(run.result.is_ok(), "{:?}", run.result);
            }
            assert_eq!(to(&host, WAREHOUSE).len(), 1, "{forms}");
            assert_eq!(to(&host, MAIL).len(), 1, "{forms}");
        }
    }
}

#[test]
fn a_thin_event_goes_by_the_object_of_today() {
    let mut host = host();
    let paid = testing::thin(&intent("pi_1", order("A-1")));
    let object = json!({
        "id": "pi_1", "status": "canceled", "amount": 4200, "amount_received": 0,
        "currency": "eur", "metadata": {"order_id": "A-1"}, "invoice": null,
    });
    host.resolve(&paid, Some(object));
    let run = host.run(handle, paid);
    assert!(
        matches!(run.result, Ok(Outcome::Ignored(_))),
        "{:?}",
        run.result
    );
    assert!(host.sent.is_empty());
}

#[test]
fn an_object_that_is_gone_ships_nothing() {
    let mut host = host();
    let gone = testing::thin(&intent("pi_1", order("A-1")));
    host.resolve(&gone, None);
    let Ok(Outcome::Ignored(reason)) = host.run(handle, gone).result else {
        panic!("there is nothing to ship");
    };
    assert!(reason.contains("no longer has pi_1"), "{reason}");
    assert!(host.sent.is_empty());
}

#[test]
fn a_thin_event_without_its_object_is_a_dead_letter() {
    let run = host().run(handle, testing::thin(&intent("pi_1", order("A-1"))));
    assert!(
        matches!(&run.result, Err(Failure::Reject(why)) if why.contains("`resolve`")),
        "{:?}",
        run.result
    );
}

#[test]
fn test_events_ship_nothing_in_the_thin_form_either() {
    let mut host = host();
    let snapshot = intent("pi_1", order("A-1"));
    let mut body: Value = snapshot.json().unwrap();
    body["livemode"] = false.into();
    let thin = thin_of(&mut host, &testing::event(&snapshot.kind, &body));
    assert!(matches!(
        host.run(handle, thin).result,
        Ok(Outcome::Ignored(_))
    ));
    assert!(host.sent.is_empty());
}
