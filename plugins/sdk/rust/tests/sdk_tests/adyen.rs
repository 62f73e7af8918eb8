//! Items of Adyen's standard webhooks, and events of its platform webhooks.

use serde_json::{Value, json};
use tollgate_handler::adyen::{Environment, EventCode, NotificationItem, Operation, PlatformEvent};

use crate::fixtures::{events, mistake, read};

#[test]
fn every_item_is_read_with_its_wrapper_and_without() {
    let mut codes = Vec::new();
    for event in events("adyen.json") {
        let bare = &event["NotificationRequestItem"];
        let item: NotificationItem = read("item", &event);
        assert_eq!(item, read("item", bare));
        let amount = item.amount.as_ref().expect("an amount");
        assert_eq!(Some(amount.value), bare["amount"]["value"].as_i64());
        assert_eq!(amount.currency, bare["amount"]["currency"]);
        assert_eq!(item.psp_reference, bare["pspReference"]);
        assert_eq!(item.event_date.as_deref(), bare["eventDate"].as_str());
        assert_eq!(
            item.merchant_account_code.as_deref(),
            Some("ExampleShopECOM")
        );
        assert!(item.success);
        assert!(item.additional("hmacSignature").is_some());
        let original = bare["originalReference"].as_str();
        assert_eq!(item.original_reference.as_deref(), original);
        assert_eq!(item.payment(), original.unwrap_or(&item.psp_reference));
        assert_eq!(item.operations.is_empty(), original.is_some());
        let reason = bare["reason"].as_str().filter(|reason| !reason.is_empty());
        assert_eq!(item.reason.as_deref(), reason);
        codes.push(item.event_code);
    }
    use EventCode::{Authorisation, Capture, Chargeback, Refund};
    assert_eq!(codes, [Authorisation, Capture, Chargeback, Refund]);
}

fn item(more: Value) -> NotificationItem {
    read("item", &with(more))
}

fn with(more: Value) -> Value {
    let mut item = json!({"pspReference": "P", "eventCode": "REFUND", "success": "true"});
    let Value::Object(more) = more else {
        panic!("an object")
    };
    item.as_object_mut().expect("an object").extend(more);
    item
}

#[test]
fn success_is_a_text_or_a_flag() {
    for (written, success) in [
        (json!("true"), true),
        (json!(true), true),
        (json!("false"), false),
        (json!(false), false),
    ] {
        assert_eq!(item(json!({"success": written})).success, success);
    }
    for odd in [json!("TRUE"), json!("yes"), json!(1), json!({})] {
        let why = mistake::<NotificationItem>(with(json!({"success": odd})).to_string().as_bytes());
        assert!(
            why.starts_with("success: ") && why.contains("true or false"),
            "{why}"
        );
    }
}

#[test]
fn what_is_not_there_is_none() {
    let bare = item(json!({}));
    assert_eq!(
        (bare.payment(), &bare.amount, &bare.reason),
        ("P", &None, &None)
    );
    assert!(bare.operations.is_empty() && bare.additional_data.is_empty());
    let empty = json!({"originalReference": "", "reason": "", "additionalData": null,
        "operations": null, "amount": null});
    assert_eq!(item(empty), bare);
    let unknown = item(
        json!({"eventCode": "NEW_CODE", "operations": ["CANCEL", "NEW"],
        "newField": {"a": [1]}}),
    );
    assert_eq!(unknown.event_code, EventCode::Other("NEW_CODE".into()));
    assert_eq!(unknown.event_code.as_str(), "NEW_CODE");
    let operations = [Operation::Cancel, Operation::Other("NEW".into())];
    assert_eq!(unknown.operations, operations);
}

#[test]
fn additional_data_may_hold_anything() {
    let odd = item(json!({"additionalData": {"a": "x", "b": 1, "c": true, "d": null, "e": {}}}));
    let read = ["a", "b", "c", "d", "e"].map(|name| odd.additional(name));
    assert_eq!(read, [Some("x"), Some("1"), Some("true"), None, None]);
}

#[test]
fn an_item_without_its_marks_is_a_mistake() {
    for (payload, name) in [
        (json!({}), "pspReference"),
        (
            json!({"pspReference": "", "eventCode": "A", "success": "true"}),
            "pspReference",
        ),
        (json!({"pspReference": "P", "success": "true"}), "eventCode"),
        (json!({"pspReference": "P", "eventCode": "A"}), "success"),
    ] {
        for payload in [json!({"NotificationRequestItem": payload}), payload] {
            let why = mistake::<NotificationItem>(payload.to_string().as_bytes());
            assert!(why.contains(&format!("`{name}`")), "{why}");
        }
    }
}

#[test]
fn every_platform_event_is_read() {
    let events = events("adyen-platform.json");
    assert_eq!(events.len(), 3);
    for event in events {
        let kind = event["type"].as_str().expect("a type");
        let read: PlatformEvent<Value> = read(kind, &event);
        assert_eq!((read.kind.as_str(), &read.data), (kind, &event["data"]));
        assert_eq!(read.environment, Some(Environment::Live));
        assert_eq!(read.time(), event["timestamp"].as_str());
        assert!(read.time().is_some() && read.event_id.is_none());
    }
    let token = json!({"type": "recurring.token.created", "environment": "test",
        "createdAt": "2026-12-01T02:48:39+01:00", "eventId": "E", "data": {}});
    let token: PlatformEvent<Value> = read("token", &token);
    assert_eq!(token.time(), Some("2026-12-01T02:48:39+01:00"));
    assert_eq!(token.event_id.as_deref(), Some("E"));
    assert_eq!(token.environment, Some(Environment::Test));
}
