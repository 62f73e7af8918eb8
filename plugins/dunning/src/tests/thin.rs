//! Tests: thin events tell what snapshot events tell, with the object as it is when it is read.

use super::*;

/// The event in its thin form, for a host that gives it the event's own object.
fn thin_of(host: &mut Host, snapshot: &Event) -> Event {
    let body: Value = snapshot.json().unwrap();
    let thin = testing::thin(snapshot);
    host.resolve(&thin, Some(body["data"]["object"].clone()));
    thin
}

fn mails(host: &Host) -> usize {
    host.sent
        .iter()
        .filter(|sent| sent.request.url == MAIL)
        .count()
}

fn calls(host: &Host) -> Vec<Value> {
    host.sent.iter().map(|sent| sent.json()).collect()
}

#[test]
fn both_forms_lead_through_the_same_phases() {
    let events = [
        failed("in_1", 1, START),
        failed("in_1", 2, START + DAY),
        failed_at_last("in_1", 3, START + 2 * DAY),
        paid("in_1", START + 3 * DAY),
        deleted(START + 4 * DAY),
    ];
    let snapshots = after(&events);
    let mut thin = host();
    for event in &events {
        let event = thin_of(&mut thin, event);
        tell(&mut thin, &event);
    }
    assert_eq!(calls(&thin), calls(&snapshots));
    assert!(mails(&thin) > 0);
}

#[test]
fn an_invoice_that_is_paid_by_now_reminds_nobody() {
    for status in ["paid", "void"] {
        let mut host = host();
        let late = testing::thin(&failed("in_1", 1, START));
        let body: Value = changed(&failed("in_1", 1, START), json!({"status": status}))
            .json()
            .unwrap();
        host.resolve(&late, Some(body["data"]["object"].clone()));
        tell(&mut host, &late);
        assert_eq!(mails(&host), 0, "{status}");
    }
}

#[test]
fn what_is_gone_ends_what_it_was() {
    let mut host = host();
    let gone = testing::thin(&updated("active", START));
    host.resolve(&gone, None);
    let run = host.run(handle, gone);
    assert!(run.result.is_ok(), "{:?}", run.result);
    let facts: Option<Facts> = host.get("subscription/sub_1");
    assert!(facts.unwrap().deleted);
    let invoice = testing::thin(&failed("in_1", 1, START));
    host.resolve(&invoice, None);
    let Ok(Outcome::Ignored(reason)) = host.run(handle, invoice).result else {
        panic!("nothing is owed");
    };
    assert!(reason.contains("no longer has in_1"), "{reason}");
}

#[test]
fn without_its_object_a_thin_event_is_a_dead_letter() {
    let run = host().run(handle, testing::thin(&paid("in_1", START)));
    assert!(
        matches!(&run.result, Err(Failure::Reject(why)) if why.contains("`resolve`")),
        "{:?}",
        run.result
    );
}
