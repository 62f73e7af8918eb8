//! Tests of the inputs of a handler: the event and the config.

use serde_json::json;

use super::{any, refused_by, run};
use crate::testing::{self, Host};
use crate::{Error, Event, Failure, Outcome, config};

#[test]
fn an_event_is_as_its_payload_says() {
    let event = any();
    assert_eq!(event.provider_id.as_deref(), Some("evt_1"));
    assert_eq!(
        (event.created_ms, event.account.as_deref()),
        (Some(7000), Some("acct_1"))
    );
    assert_eq!(event.id, any().id);
    assert_ne!(event.id, testing::event("thing.happened", &json!({})).id);
    assert_eq!(event.id.len(), 36);

    let known = Event {
        headers: vec![("user-agent".into(), "Stripe/1.0".into())],
        metadata: vec![("emitted-by".into(), "other".into())],
        ..event
    };
    assert_eq!(known.header("user-agent"), Some("Stripe/1.0"));
    assert_eq!(
        (known.fact("emitted-by"), known.fact("cause")),
        (Some("other"), None)
    );
}

#[test]
fn config_is_typed() {
    let mut host = Host::new()
        .config("url", "https://a.example")
        .config("days", 7)
        .config("empty", "")
        .config("list", json!(["a", "b"]));
    let ok = run(&mut host, || {
        assert_eq!(config::get("none"), None);
        assert_eq!(config::require("url")?, "https://a.example");
        assert_eq!(
            (config::parse::<u32>("days")?, config::parse::<u32>("none")?),
            (Some(7), None)
        );
        assert_eq!(
            config::json::<Vec<String>>("list")?,
            Some(vec!["a".into(), "b".into()])
        );
        let keys: Vec<_> = config::entries().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["days", "empty", "list", "url"]);
        Ok(())
    });
    assert_eq!(ok.result, Ok(Outcome::Done));
    let with = |body: fn() -> Result<(), Error>| refused_by(host.clone(), body);
    assert!(with(|| config::require("none").map(drop)).contains("`none`: it is not set"));
    assert!(with(|| config::require("empty").map(drop)).contains("`empty`: it is not set"));
    assert!(with(|| config::parse::<u32>("url").map(drop)).contains("cannot be read"));
    assert!(with(|| config::json::<u32>("url").map(drop)).contains("`url`"));
}

#[test]
fn a_malformed_payload_is_rejected_with_its_place() {
    let event = Event {
        payload: b"{\"id\": 1}".to_vec(),
        ..any()
    };
    #[derive(serde::Deserialize, Debug)]
    struct Wanted {
        #[expect(dead_code, reason = "only its type matters")]
        id: String,
    }
    let run = Host::new().run(
        |event: Event| event.json::<Wanted>().map(|_| Outcome::Done),
        event,
    );
    let Err(Failure::Reject(why)) = run.result else {
        panic!("{run:?}")
    };
    assert!(
        why.contains("thing.happened") && why.contains("line 1 column 8"),
        "{why}"
    );
}
