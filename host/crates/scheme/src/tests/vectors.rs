//! Runs the vectors in `tests/oracles/vectors`: requests that official libraries have judged, with
//! the outcome that Tollgate must reach. The scripts beside the vectors make them.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;

use super::*;
use tollgate_base::time::WallTime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scheme: String,
    made_with: BTreeMap<String, String>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vector {
    pub(super) name: String,
    headers: Vec<(String, String)>,
    secrets: Vec<String>,
    now: u64,
    body: Option<String>,
    body_base64: Option<String>,
    events: Option<Vec<ExpectedEvent>>,
    rejection: Option<String>,
    /// The reason why the signature holds and the event cannot be read. The library throws or gives
    /// an event without that value.
    unreadable: Option<String>,
    secret: Option<usize>,
    #[serde(default)]
    params: BTreeMap<String, String>,
    url: Option<String>,
    target: Option<String>,
    method: Option<String>,
    tolerance: Option<u64>,
    #[serde(rename = "library_differs")]
    _library_differs: Option<String>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct ExpectedEvent {
    id: Option<String>,
    kind: String,
    created: Option<u64>,
    subject: Option<String>,
    account: Option<String>,
    /// The payload, where it is not the whole body.
    payload: Option<String>,
}

/// A request that owns its parts.
#[derive(Clone)]
pub(super) struct Captured {
    pub(super) method: http::Method,
    pub(super) url: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

impl Captured {
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            url: &self.url,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

impl Vector {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            secrets: self
                .secrets
                .iter()
                .map(|secret| Secret::new(secret.as_bytes()).into())
                .collect(),
            tolerance: self.tolerance.map(Duration::from_secs),
            url: self.url.clone(),
            params: self.params.clone(),
            ..Settings::default()
        }
    }

    pub(super) fn captured(&self) -> Captured {
        let body = match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into(),
            (None, Some(text)) => base64::engine::general_purpose::STANDARD
                .decode(text)
                .unwrap()
                .into(),
            _ => panic!("{}: one of `body` and `body_base64`", self.name),
        };
        let mut headers = http::HeaderMap::new();
        for (name, value) in &self.headers {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(name.parse::<http::HeaderName>().unwrap(), value);
        }
        Captured {
            method: self.method.as_deref().unwrap_or("POST").parse().unwrap(),
            url: self
                .target
                .clone()
                .unwrap_or_else(|| "/webhooks".to_owned()),
            headers,
            body,
        }
    }

    pub(super) fn now(&self) -> WallTime {
        WallTime::from_secs(self.now)
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.events.is_some()
    }

    fn check(&self, scheme: &str) {
        let verifier = build(scheme, self.settings())
            .unwrap_or_else(|errors| panic!("{scheme}: {}: {errors:?}", self.name));
        let captured = self.captured();
        let outcome = verifier.verify(&captured.request(), self.now());
        match (outcome, &self.events, &self.rejection) {
            (Ok(accepted), Some(expected), None) => {
                let events: Vec<ExpectedEvent> = accepted
                    .events
                    .into_inner()
                    .into_iter()
                    .map(|event| ExpectedEvent {
                        id: event.provider_id,
                        kind: event.kind,
                        created: event.created.map(WallTime::as_millis),
                        subject: event.subject,
                        account: event.account,
                        payload: (event.payload != captured.body)
                            .then(|| String::from_utf8(event.payload.to_vec()).unwrap()),
                    })
                    .collect();
                assert_eq!(&events, expected, "{scheme}: {}", self.name);
                assert_eq!(
                    accepted.secret.unwrap_or(0),
                    self.secret.unwrap_or(0),
                    "{scheme}: {}",
                    self.name
                );
            }
            (Err(rejection), None, Some(code)) => {
                assert_eq!(
                    rejection.code(),
                    code,
                    "{scheme}: {}: {rejection}",
                    self.name
                );
            }
            (Ok(accepted), None, None) => {
                let events = accepted.events.into_inner().into_iter();
                let codes = events.filter_map(|event| Some(event.unreadable?.code()));
                let codes: Vec<&str> = codes.collect();
                let expected = self.unreadable.as_deref();
                let place = format!("{scheme}: {}", self.name);
                assert_eq!(codes, expected.into_iter().collect::<Vec<_>>(), "{place}");
                assert!(expected.is_some(), "{place}");
            }
            (outcome, ..) => panic!("{scheme}: {}: {outcome:?}", self.name),
        }
    }
}

macro_rules! vectors {
    ($($name:ident = $file:literal),+ $(,)?) => {
        /// Every file, by scheme.
        pub(super) fn all() -> Vec<(String, Vec<Vector>)> {
            vec![$(read($file)),+]
        }

        $(#[test]
        fn $name() {
            let (scheme, vectors) = read($file);
            assert!(vectors.iter().any(Vector::is_accepted));
            assert!(vectors.iter().any(|vector| !vector.is_accepted()));
            vectors.iter().for_each(|vector| vector.check(&scheme));
        })+
    };
}

fn read(file: &str) -> (String, Vec<Vector>) {
    let file = read_file(file);
    (file.scheme, file.vectors)
}

fn read_file(file: &str) -> File {
    let path = repository().join("tests/oracles/vectors").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The libraries that judged each scheme's vectors, with their versions.
pub(super) fn judges() -> BTreeMap<String, String> {
    let judged = names().map(|scheme| {
        let made_with = read_file(&format!("{scheme}.json")).made_with.into_iter();
        let libraries = made_with.map(|(library, version)| format!("{library} {version}"));
        (scheme.to_owned(), libraries.collect::<Vec<_>>().join(", "))
    });
    judged.collect()
}

vectors! {
    adyen = "adyen.json",
    adyen_platform = "adyen-platform.json",
    airwallex = "airwallex.json",
    alipay = "alipay.json",
    amazon_sns = "amazon-sns.json",
    antom = "antom.json",
    apple = "apple.json",
    authorize_net = "authorize-net.json",
    braintree = "braintree.json",
    cashfree = "cashfree.json",
    chargebee = "chargebee.json",
    checkout_com = "checkout-com.json",
    coinbase_commerce = "coinbase-commerce.json",
    conekta = "conekta.json",
    dlocal = "dlocal.json",
    fawry = "fawry.json",
    flutterwave = "flutterwave.json",
    flutterwave_v3 = "flutterwave-v3.json",
    github = "github.json",
    gocardless = "gocardless.json",
    google_play = "google-play.json",
    iyzico = "iyzico.json",
    klarna = "klarna.json",
    lemonsqueezy = "lemonsqueezy.json",
    mercado_pago = "mercado-pago.json",
    midtrans = "midtrans.json",
    midtrans_iris = "midtrans-iris.json",
    midtrans_snap = "midtrans-snap.json",
    mollie = "mollie.json",
    mollie_classic = "mollie-classic.json",
    monnify = "monnify.json",
    nuvei = "nuvei.json",
    paddle = "paddle.json",
    paypal = "paypal.json",
    paystack = "paystack.json",
    payu = "payu.json",
    phonepe = "phonepe.json",
    phonepe_hmac = "phonepe-hmac.json",
    plaid = "plaid.json",
    polar = "polar.json",
    portone = "portone.json",
    przelewy24 = "przelewy24.json",
    razorpay = "razorpay.json",
    recurly = "recurly.json",
    revenuecat = "revenuecat.json",
    revenuecat_authorization = "revenuecat-authorization.json",
    revolut = "revolut.json",
    shopify = "shopify.json",
    square = "square.json",
    standard_webhooks = "standard-webhooks.json",
    stripe = "stripe.json",
    svix = "svix.json",
    tap = "tap.json",
    toss = "toss.json",
    toss_unsigned = "toss-unsigned.json",
    twilio = "twilio.json",
    wechat_pay = "wechat-pay.json",
    wise = "wise.json",
    wompi = "wompi.json",
    woocommerce = "woocommerce.json",
    worldpay = "worldpay.json",
    xendit = "xendit.json",
}

#[test]
fn every_file_of_vectors_is_run() {
    let folder = std::fs::read_dir(repository().join("tests/oracles/vectors")).unwrap();
    let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let vectors = files.filter(|file| file.ends_with(".json"));
    assert_eq!(vectors.count(), all().len());
}
