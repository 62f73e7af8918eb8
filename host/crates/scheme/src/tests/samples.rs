//! A body and a secret for each scheme.

use super::kinds::OWN_KEYS;

/// A body that the scheme accepts, with headers.
pub(super) fn sample(scheme: &str) -> (&'static str, Vec<(&'static str, &'static str)>) {
    match scheme {
        "adyen" => (
            r#"{"notificationItems":[{"NotificationRequestItem":{"pspReference":"P","eventCode":"C","success":"true","amount":{"value":1,"currency":"EUR"}}}]}"#,
            vec![],
        ),
        "braintree" => ("<notification><kind>check</kind></notification>", vec![]),
        "mollie-classic" => ("id=tr_1", vec![]),
        "twilio" => (
            "CallSid=CA1",
            vec![("content-type", "application/x-www-form-urlencoded")],
        ),
        "github" => ("{}", vec![("x-github-event", "push")]),
        "shopify" => ("{}", vec![("x-shopify-topic", "orders/create")]),
        "gocardless" => (
            r#"{"events":[{"id":"E","resource_type":"a","action":"b"}]}"#,
            vec![],
        ),
        "klarna" => (r#"{"metadata":{"event_id":"E","event_type":"a"}}"#, vec![]),
        "coinbase-commerce" => (r#"{"event":{"id":"E","type":"a"}}"#, vec![]),
        "lemonsqueezy" => (r#"{"meta":{"event_name":"a"}}"#, vec![]),
        "revenuecat" | "revenuecat-authorization" => (r#"{"event":{"id":"E","type":"a"}}"#, vec![]),
        "cashfree" => (
            r#"{"type":"a"}"#,
            vec![("x-webhook-timestamp", "1760000000000")],
        ),
        "monnify" => (r#"{"eventType":"a"}"#, vec![]),
        "recurly" => (r#"{"object_type":"a","event_type":"b"}"#, vec![]),
        "worldpay" => (r#"{"eventId":"E","eventDetails":{"type":"a"}}"#, vec![]),
        "woocommerce" => ("{}", vec![("x-wc-webhook-topic", "order.updated")]),
        "authorize-net" => (r#"{"notificationId":"E","eventType":"a"}"#, vec![]),
        other => of_values(other),
    }
}

/// A body of a scheme that signs values of the body, or of any other scheme.
fn of_values(scheme: &str) -> (&'static str, Vec<(&'static str, &'static str)>) {
    match scheme {
        "toss" | "toss-unsigned" => (r#"{"eventType":"a","eventId":"E"}"#, vec![]),
        "nuvei" => (
            "Status=APPROVED&transactionType=Sale&TransactionID=T",
            vec![],
        ),
        "fawry" => (
            r#"{"fawryRefNumber":"F","merchantRefNumber":"M","orderAmount":10,"orderStatus":"PAID"}"#,
            vec![],
        ),
        "iyzico" => (
            r#"{"iyziEventType":"a","paymentId":1,"status":"SUCCESS"}"#,
            vec![],
        ),
        "mercado-pago" => (r#"{"id":1,"action":"a","data":{"id":"2"}}"#, vec![]),
        "midtrans" => (
            r#"{"order_id":"A","status_code":"200","gross_amount":"1.00","transaction_status":"a"}"#,
            vec![],
        ),
        "midtrans-iris" => (r#"{"reference_no":"E","status":"a"}"#, vec![]),
        "payu" => (r#"{"order":{"orderId":"E","status":"a"}}"#, vec![]),
        "przelewy24" => (
            r#"{"merchantId":1,"posId":1,"sessionId":"S","amount":1,"originAmount":1,"currency":"PLN","orderId":2,"methodId":3,"statement":"x"}"#,
            vec![],
        ),
        "tap" => (
            r#"{"id":"chg_1","amount":1,"currency":"SAR","status":"CAPTURED","created":1}"#,
            vec![],
        ),
        "wompi" => (
            r#"{"event":"a","data":{"transaction":{"id":"E","status":"APPROVED","amount_in_cents":1}}}"#,
            vec![],
        ),
        _ => (
            r#"{"id":"E","event_id":"E","type":"a","event":"a","event_type":"a","name":"a"}"#,
            vec![],
        ),
    }
}

/// A secret that the scheme accepts, if its secrets are shared.
pub(super) fn secret(scheme: &str) -> Option<&'static [&'static str]> {
    match scheme {
        scheme if OWN_KEYS.contains(&scheme) => None,
        "mollie-classic" | "toss-unsigned" => Some(&[]),
        "adyen" | "adyen-platform" => Some(&["00ff"]),
        _ => Some(&["whsec_c2VjcmV0"]),
    }
}
