//! Every event of every scheme, through the gateway's own signing and verifying.

use std::collections::BTreeSet;

use tollgate_base::event::{DedupKey, SourceName};
use tollgate_base::time::WallTime;
use tollgate_scheme::{ProviderEvent, SignError};

use super::*;

/// 2025-10-09T08:53:20Z.
const NOW: WallTime = WallTime::from_millis(1_760_000_000_000);

fn key(event: &ProviderEvent) -> DedupKey {
    DedupKey::new(&SourceName::new("test"), &event.dedup)
}

/// What is wrong with an event. Empty if it is read as stated.
fn wrongs(scheme: &str, name: &str) -> Vec<String> {
    let stated = Story::new(scheme, 7).unwrap().tell(name, NOW, &[]);
    let stated = match stated {
        Ok(stated) => stated,
        Err(error) => return vec![error.to_string()],
    };
    let event = match recorded(scheme, name, 7, NOW) {
        Ok(event) => event,
        Err(error) => return vec![error.to_string()],
    };
    let mut wrongs = Vec::new();
    let mut compare = |what: &str, read: String, stated: String| {
        if read != stated {
            wrongs.push(format!("{what}: read {read}, stated {stated}"));
        }
    };
    compare(
        "unreadable",
        format!("{:?}", event.unreadable),
        "None".to_owned(),
    );
    compare("kind", event.kind.clone(), stated.kind);
    compare(
        "id",
        format!("{:?}", event.provider_id),
        format!("{:?}", stated.id),
    );
    compare(
        "subject",
        format!("{:?}", event.subject),
        format!("{:?}", stated.subject),
    );
    compare(
        "created",
        format!("{:?}", event.created),
        format!("{:?}", stated.created),
    );
    wrongs
}

#[test]
fn every_event_is_accepted_and_read_as_stated() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for scheme in schemes() {
        for listed in events(scheme) {
            let name = &listed.name;
            let found = wrongs(scheme, name).into_iter();
            wrong.extend(found.map(|found| format!("{scheme} {name}: {found}")));
            assert!(!listed.about.is_empty(), "{scheme} {name}");
            seen += 1;
        }
        assert!(events(scheme).len() >= 3, "{scheme}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 200, "{seen}");
}

#[test]
fn every_built_in_scheme_has_events() {
    let all: Vec<_> = tollgate_scheme::names().collect();
    assert_eq!(schemes().collect::<Vec<_>>(), all);
}

#[test]
fn a_key_stands_in_for_a_provider_with_a_private_key_alone() {
    let with_key = schemes().filter(|scheme| LocalSource::new(scheme).unwrap().key.is_some());
    let with_key: Vec<_> = with_key.collect();
    assert_eq!(with_key.len(), 11, "{with_key:?}");
    for scheme in schemes() {
        let name = events(scheme).remove(0).name;
        let unsigned = || {
            let told = Story::new(scheme, 1).unwrap().tell(&name, NOW, &[]);
            told.unwrap().unsigned()
        };
        let source = LocalSource::new(scheme).unwrap();
        let shared = source.verifier.sign(0, unsigned(), NOW);
        assert_eq!(shared.is_ok(), source.key.is_none(), "{scheme}");
        let rsa = LocalSource::new("wise").unwrap().key.unwrap();
        let by_key = source.verifier.sign_with_key(&rsa, unsigned(), NOW);
        if source.key.is_none() {
            assert_eq!(by_key.unwrap_err(), SignError::Shared, "{scheme}");
        }
    }
}

#[test]
fn a_new_key_is_another_key() {
    let new = |scheme| new_key(scheme).unwrap().unwrap();
    assert_ne!(new("plaid").secret, new("plaid").secret);
    assert!(new_key("stripe").unwrap().is_none());
    let apple = new("apple").private;
    assert_eq!(apple.matches("BEGIN CERTIFICATE").count(), 3);
}

#[test]
fn another_seed_is_another_event_and_the_same_seed_the_same() {
    for scheme in schemes() {
        for Listed { name, .. } in events(scheme) {
            let of_seed = |seed| recorded(scheme, &name, seed, NOW).unwrap();
            assert_eq!(key(&of_seed(1)), key(&of_seed(1)), "{scheme} {name}");
            assert_ne!(key(&of_seed(1)), key(&of_seed(2)), "{scheme} {name}");
        }
    }
}

#[test]
fn stories_tell_events_that_differ_and_share_their_values() {
    let mut seen = 0;
    for scheme in schemes() {
        for (name, about) in stories(scheme) {
            assert!(!about.is_empty());
            let mut story = Story::new(scheme, 3).unwrap();
            let steps = story.steps(name).unwrap();
            let ids: BTreeSet<_> = steps
                .iter()
                .map(|step| story.tell_step(name, *step, NOW, &[]).unwrap().id)
                .collect();
            assert_eq!(ids.len(), steps.len(), "{scheme} {name}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn dunning_is_about_one_subscription() {
    let mut story = Story::new("stripe", 3).unwrap();
    let steps = story.steps("subscription-dunning").unwrap();
    let mut subscriptions = BTreeSet::new();
    for step in steps {
        let event = story
            .tell_step("subscription-dunning", step, NOW, &[])
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
        let object = &body["data"]["object"];
        let of_invoice = &object["parent"]["subscription_details"]["subscription"];
        match object["object"].as_str() {
            Some("subscription") => subscriptions.insert(object["id"].to_string()),
            Some("invoice") => subscriptions.insert(of_invoice.to_string()),
            _ => false,
        };
    }
    assert_eq!(subscriptions.len(), 1, "{subscriptions:?}");
}

#[test]
fn fields_stand_where_the_api_version_has_them() {
    let invoice = |version: &str| {
        let story = Story::new("stripe", 3).unwrap().in_version(version);
        let event = story.unwrap().tell("invoice.paid", NOW, &[]).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&event.body).unwrap();
        assert_eq!(body["api_version"], version);
        body["data"]["object"].clone()
    };
    let (old, new) = (invoice("2022-11-15"), invoice("2025-03-31.basil"));
    assert_eq!(
        old["subscription"],
        new["parent"]["subscription_details"]["subscription"]
    );
    assert!(old.get("parent").is_none() && new.get("subscription").is_none());
    let unknown = Story::new("stripe", 3).unwrap().in_version("2019-01-01");
    let unknown = unknown.err().unwrap().to_string();
    assert!(unknown.contains("2026-10-28.endive"), "{unknown}");
}

#[test]
fn values_can_be_replaced() {
    let tell = |pointer: &str, value: &str| {
        let change = Override {
            pointer: pointer.to_owned(),
            value: value.to_owned(),
        };
        let event = Story::new("stripe", 3)
            .unwrap()
            .tell("invoice.paid", NOW, &[change])?;
        Ok::<serde_json::Value, SampleError>(serde_json::from_slice(&event.body).unwrap())
    };
    assert_eq!(
        tell("/data/object/amount_paid", "500").unwrap()["data"]["object"]["amount_paid"],
        500
    );
    let text = tell("/data/object/customer_email", "x@example.com").unwrap();
    assert_eq!(text["data"]["object"]["customer_email"], "x@example.com");
    let added = tell("/data/object/metadata/order_id", "A-1").unwrap();
    assert_eq!(added["data"]["object"]["metadata"]["order_id"], "A-1");
    let line = tell("/data/object/lines/data/0/quantity", "3").unwrap();
    assert_eq!(line["data"]["object"]["lines"]["data"][0]["quantity"], 3);
    for (pointer, hint) in [
        ("/data/objekt/amount", "did you mean `object`?"),
        ("/data/object/lines/data/7/x", "the list has 1 items"),
        ("/id/x", "inside a plain value"),
        ("amount", "write `/data/object/amount`"),
    ] {
        let error = tell(pointer, "1").unwrap_err().to_string();
        assert!(error.contains(hint), "{pointer}: {error}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_what_was_meant() {
    let error = |scheme: &str, name: &str| {
        let told = Story::new(scheme, 1).map(|mut story| story.tell(name, NOW, &[]));
        match told {
            Err(error) => error.to_string(),
            Ok(told) => told.unwrap_err().to_string(),
        }
    };
    assert!(error("stripe", "invoice.payed").contains("did you mean `invoice.paid`?"));
    let similar = error("stripe", "something.with.dispute");
    assert!(similar.contains("`charge.dispute.created`"), "{similar}");
    let capitals = error("adyen", "AUTHORIZATION");
    assert!(
        capitals.contains("did you mean `AUTHORISATION`?"),
        "{capitals}"
    );
    assert!(error("stirpe", "x").contains("did you mean `stripe`?"));
}

#[test]
fn one_status_of_a_transaction_may_come_twice() {
    let source = LocalSource::new("midtrans-snap").unwrap();
    let refund = |amount: &str, sent: WallTime| {
        let change = Override {
            pointer: "/amount/value".to_owned(),
            value: format!("\"{amount}\""),
        };
        let mut story = Story::new("midtrans-snap", 5).unwrap();
        let sample = story.tell("transaction.00", NOW, &[change]).unwrap();
        let mut unsigned = sample.unsigned();
        let time = format!(
            "2026-11-01T00:00:{:02}+07:00",
            sent.as_secs() - NOW.as_secs()
        );
        unsigned
            .headers
            .insert("x-timestamp", time.parse().unwrap());
        let signed = source.sign(unsigned, sent).unwrap();
        let accepted = source.verifier.verify_signed(&signed, "/hook", sent);
        key(&accepted.unwrap().events.into_inner()[0])
    };
    let later = WallTime::from_millis(1_760_000_030_000);
    let first = refund("10000.00", NOW);
    assert_ne!(first, refund("20000.00", NOW));
    assert_eq!(first, refund("10000.00", later), "sent again");
}
