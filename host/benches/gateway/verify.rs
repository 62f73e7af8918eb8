//! The cost of verification: a request of 2 KB, verified and parsed, compared with the MAC
//! alone.
//!
//! The two take turns in batches shorter than a scheduler's slice, so a busy machine slows
//! both or neither. The bare MAC has a prepared key too. Schemes that sign no id hash the
//! body a second time, because that hash recognises duplicates.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use md5::Md5;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use tollgate_scheme::{Request, Settings, SignedRequest, UnsignedRequest, Verifier};

use crate::options::Options;
use crate::payload;
use crate::report::Report;
use crate::stats::median;

pub(crate) const PART: &str = "verify";

/// The time at which the requests are signed and verified.
const NOW: WallTime = WallTime::from_millis(1_760_000_000_000);

/// The number of calls in a batch, which takes some hundred microseconds.
const BATCH: u32 = 50;

/// The number of batches of each in a round.
pub(crate) const BATCHES: usize = 200;

/// The schemes with a MAC, the more common forms first. Twilio's body is a form and
/// Braintree's is XML in base64 in a form, so they have no wanted ratio.
const SCHEMES: &[&str] = &[
    "stripe",
    "standard-webhooks",
    "svix",
    "square",
    "paddle",
    "checkout-com",
    "coinbase-commerce",
    "gocardless",
    "klarna",
    "mollie",
    "adyen",
    "paystack",
    "adyen-platform",
    "flutterwave",
    "github",
    "lemonsqueezy",
    "razorpay",
    "shopify",
    "airwallex",
    "authorize-net",
    "cashfree",
    "monnify",
    "phonepe-hmac",
    "polar",
    "portone",
    "recurly",
    "revenuecat",
    "revolut",
    "woocommerce",
    "worldpay",
    "dlocal",
    "midtrans-iris",
    "payu",
    "toss",
    "twilio",
    "braintree",
    "fawry",
    "iyzico",
    "mercado-pago",
    "midtrans",
    "nuvei",
    "przelewy24",
    "tap",
    "wompi",
];

/// The schemes that sign a few values and not the body. The hash of the values is faster than any
/// reading of the body, so these have no wanted ratio either.
const OF_VALUES: &[&str] = &[
    "fawry",
    "iyzico",
    "mercado-pago",
    "midtrans",
    "nuvei",
    "przelewy24",
    "tap",
    "wompi",
];

/// Measures every scheme with a MAC, on one thread.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for name in SCHEMES {
        let subject = Subject::new(name)?;
        let mut bare = Vec::new();
        let mut whole = Vec::new();
        for _ in 0..options.rounds {
            let (mac, verified) = subject.round();
            bare.push(mac);
            whole.push(verified);
        }
        let ratio = median(&whole) / median(&bare);
        report.figure(PART, format!("{name}: the MAC alone"), "ns", bare);
        report.figure(PART, format!("{name}: verified and read"), "ns", whole);
        let signs_json = !["twilio", "braintree"].contains(name) && !OF_VALUES.contains(name);
        let wanted = signs_json.then_some("at most 3");
        report.ratio(format!("{name}: verified against the MAC"), ratio, wanted);
    }
    report.remark(
        "verify: the wanted ratio is for schemes that sign a JSON body. Twilio signs the fields of \
         a form in another order, and Braintree signs base64 of XML; both are hashed again. Schemes \
         that sign a few values are compared with a MAC over the whole body",
    );
    Ok(())
}

/// A function that computes the MAC alone.
type Bare = Box<dyn Fn(&[u8])>;

/// A scheme with a request that it accepts.
struct Subject {
    verifier: Verifier,
    signed: SignedRequest,
    url: String,
    mac: Bare,
}

impl Subject {
    fn new(name: &str) -> Result<Self> {
        let verifier =
            tollgate_scheme::build(name, settings(name)).map_err(|errors| anyhow!("{errors:?}"))?;
        let mut headers = HeaderMap::new();
        for (header, value) in headers_of(name) {
            headers.insert(
                HeaderName::from_static(header),
                HeaderValue::from_static(value),
            );
        }
        let body = body(name).into();
        let signed = verifier.sign(0, UnsignedRequest { body, headers }, NOW)?;
        let mac = match name {
            "paystack" | "authorize-net" | "monnify" | "midtrans" => mac::<Hmac<Sha512>>()?,
            // Plain hashes.
            "midtrans-iris" => hash::<Sha512>(),
            "payu" => hash::<Md5>(),
            "twilio" | "braintree" => mac::<Hmac<Sha1>>()?,
            _ => mac::<Hmac<Sha256>>()?,
        };
        let query = signed.query.as_ref();
        let subject = Self {
            verifier,
            url: query.map_or("/webhooks".to_owned(), |query| format!("/webhooks?{query}")),
            signed,
            mac,
        };
        let accepted = subject.verifier.verify(&subject.request(), NOW);
        let accepted = accepted.with_context(|| format!("{name} refuses what it signed"))?;
        let events = accepted.events.get();
        let readable = events.iter().all(|event| event.unreadable.is_none());
        anyhow::ensure!(events.len() == 1 && readable, "{name}: not one event");
        Ok(subject)
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &Method::POST,
            url: &self.url,
            headers: &self.signed.headers,
            body: &self.signed.body,
        }
    }

    /// Returns the nanoseconds of the MAC alone and of the whole verification: medians over
    /// the batches.
    fn round(&self) -> (f64, f64) {
        let request = self.request();
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..BATCHES {
            bare.push(batch(|| (self.mac)(&self.signed.body)));
            whole.push(batch(|| {
                _ = black_box(self.verifier.verify(black_box(&request), NOW));
            }));
        }
        (median(&bare), median(&whole))
    }
}

pub(crate) fn batch(act: impl Fn()) -> f64 {
    let started = Instant::now();
    (0..BATCH).for_each(|_| act());
    started.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
}

/// Returns a function that computes a MAC over a body with a prepared key.
fn mac<M: Mac + KeyInit + Clone + 'static>() -> Result<Bare> {
    let key = <M as KeyInit>::new_from_slice(b"whsec_bench")?;
    Ok(Box::new(move |body| {
        let mut mac = key.clone();
        mac.update(black_box(body));
        black_box(mac.finalize().into_bytes());
    }))
}

/// Returns a function that computes a hash of a body.
fn hash<D: Digest + 'static>() -> Bare {
    Box::new(|body| {
        black_box(D::digest(black_box(body)));
    })
}

fn settings(name: &str) -> Settings {
    let secret = match name {
        "adyen" | "adyen-platform" => "00ff",
        _ => "whsec_c2VjcmV0",
    };
    let url = ["square", "twilio"].contains(&name);
    let param = match name {
        "braintree" => Some(("public_key", "pub")),
        "dlocal" => Some(("x_login", "login")),
        _ => None,
    };
    let param = param.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings {
        secrets: vec![Secret::new(secret).into()],
        url: url.then(|| "https://pay.example.com/webhooks".to_owned()),
        params: param.into_iter().collect(),
        ..Settings::default()
    }
}

fn headers_of(name: &str) -> Vec<(&'static str, &'static str)> {
    let mut headers = vec![
        ("user-agent", "Bench/1.0"),
        ("content-type", "application/json"),
    ];
    headers.extend(match name {
        "github" => vec![
            ("x-github-event", "push"),
            ("x-github-delivery", "72d3162e-cc78"),
        ],
        "shopify" => vec![
            ("x-shopify-topic", "orders/create"),
            ("x-shopify-event-id", "98880550-7158"),
            ("x-shopify-shop-domain", "a.myshopify.com"),
            ("x-shopify-triggered-at", "2026-01-31T18:00:27.877041743Z"),
        ],
        "razorpay" => vec![("x-razorpay-event-id", "evt_1")],
        "woocommerce" => vec![("x-wc-webhook-topic", "order.updated")],
        "cashfree" => vec![("x-webhook-timestamp", "1760000000000")],
        "twilio" => vec![("content-type", "application/x-www-form-urlencoded")],
        _ => vec![],
    });
    headers
}

/// Returns an event of 2 KB in the provider's form, in outline.
fn body(name: &str) -> String {
    let event = match name {
        "twilio" => {
            let filling = "y".repeat(payload::BODY - 64);
            return format!("AccountSid=AC1&CallSid=CA1&CallStatus=completed&Digits={filling}");
        }
        "braintree" => {
            let filling = "<amount>10.00</amount>".repeat(60);
            return format!("<notification><kind>check</kind>{filling}</notification>");
        }
        "adyen" => json!({ "notificationItems": [{ "NotificationRequestItem": {
            "pspReference": "7914073381342284", "eventCode": "AUTHORISATION", "success": "true",
            "merchantAccountCode": "Shop", "merchantReference": "A-1",
            "amount": { "value": 4200, "currency": "EUR" },
            "reason": "x".repeat(payload::BODY - 400),
        } }] }),
        "gocardless" => json!({ "events": [{
            "id": "EV1", "resource_type": "payments", "action": "paid_out",
            "created_at": "2026-01-31T18:00:27Z", "links": { "payment": "PM1" },
        }] }),
        "nuvei" => {
            let filling = "y".repeat(payload::BODY - 64);
            return format!("Status=APPROVED&transactionType=Sale&TransactionID=T&note={filling}");
        }
        "fawry" => json!({ "fawryRefNumber": "F", "merchantRefNumber": "M", "orderAmount": 10,
            "orderStatus": "PAID" }),
        "iyzico" => json!({ "iyziEventType": "API_AUTH", "paymentId": 1, "status": "SUCCESS" }),
        "mercado-pago" => json!({ "id": 1, "action": "paid", "data": { "id": "2" } }),
        "midtrans" => json!({ "order_id": "A", "status_code": "200", "gross_amount": "1.00",
            "transaction_id": "T", "transaction_status": "capture" }),
        "midtrans-iris" => json!({ "reference_no": "E", "status": "completed" }),
        "payu" => json!({ "order": { "orderId": "E", "status": "COMPLETED" } }),
        "przelewy24" => json!({ "merchantId": 1, "posId": 1, "sessionId": "S", "amount": 1,
            "originAmount": 1, "currency": "PLN", "orderId": 2, "methodId": 3, "statement": "x" }),
        "tap" => json!({ "id": "chg_1", "object": "charge", "amount": 1, "currency": "SAR",
            "status": "CAPTURED", "created": 1 }),
        "toss" => json!({ "eventType": "payout.changed", "eventId": "E" }),
        "wompi" => json!({ "event": "transaction.updated", "data": { "transaction": {
            "id": "E", "status": "APPROVED", "amount_in_cents": 1 } } }),
        "coinbase-commerce" => json!({ "event": { "id": "E", "type": "charge:confirmed" } }),
        "klarna" => json!({ "metadata": { "event_id": "E", "event_type": "paid" } }),
        "authorize-net" => json!({ "notificationId": "E", "eventType": "net.authorize.payment" }),
        "monnify" => json!({ "eventType": "SUCCESSFUL_TRANSACTION" }),
        "revenuecat" => json!({ "event": { "id": "E", "type": "RENEWAL" } }),
        "recurly" => json!({ "object_type": "subscription", "event_type": "renewed" }),
        "worldpay" => json!({ "eventId": "E", "eventDetails": { "type": "authorized" } }),
        "lemonsqueezy" => json!({ "meta": { "event_name": "order_created" } }),
        _ => json!({
            "id": "evt_1PgafyLkdIwHu7ixN8cFkBDx", "event_id": "E", "object": "event",
            "type": "payment_intent.succeeded", "event": "paid", "event_type": "paid",
            "name": "payment_intent.succeeded", "created": 1_760_000_000, "action": "opened",
        }),
    };
    filled(event)
}

/// Adds the object of a payment to the event, then pads it.
fn filled(mut event: Value) -> String {
    if event.get("data").is_none() {
        event["data"] = json!({ "object": payload::intent(1) });
    }
    event["filling"] = Value::from("");
    let missing = payload::BODY.saturating_sub(event.to_string().len());
    event["filling"] = Value::from("x".repeat(missing));
    event.to_string()
}
