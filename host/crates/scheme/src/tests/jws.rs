//! Described schemes whose providers sign with a JSON Web Signature. PyJWT made the tokens
//! (tests/oracles/jws_vectors.py).

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<JwsVector>,
}

#[derive(Deserialize)]
struct JwsVector {
    name: String,
    /// The description, as TOML.
    scheme: String,
    secret: String,
    now: u64,
    headers: Vec<(String, String)>,
    body: String,
    /// The id of the event, or the code of the rejection.
    expect: String,
}

impl JwsVector {
    fn verifier(&self) -> Verifier {
        own(&self.scheme, &self.secret).unwrap_or_else(|errors| panic!("{}: {errors:?}", self.name))
    }

    fn captured(&self) -> Captured {
        let headers = self.headers.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        Captured {
            method: http::Method::POST,
            url: "/hook".to_owned(),
            headers: headers.collect(),
            body: self.body.clone().into(),
        }
    }

    fn now(&self) -> WallTime {
        WallTime::from_secs(self.now)
    }
}

fn jws_vectors() -> Vec<JwsVector> {
    let text = std::fs::read(repository().join("tests/oracles/jws.json")).unwrap();
    serde_json::from_slice::<Vectors>(&text).unwrap().vectors
}

/// A described scheme with a secret.
fn own(scheme: &str, secret: &str) -> Result<Verifier, Vec<BuildError>> {
    let template: Template = toml::from_str(scheme).unwrap();
    let settings = Settings {
        secrets: vec![Secret::new(secret.as_bytes()).into()],
        ..Settings::default()
    };
    build_template("own", &template, settings)
}

#[test]
fn tokens_of_another_library_are_judged_rightly() {
    let mut accepted = 0;
    for vector in jws_vectors() {
        let outcome = vector
            .verifier()
            .verify(&vector.captured().request(), vector.now());
        match outcome {
            Ok(found) => {
                let event = found.events.into_inner().remove(0);
                let id = event.provider_id.as_deref();
                assert_eq!(id, Some(vector.expect.as_str()), "{}", vector.name);
                assert_eq!(event.kind, "paid", "{}", vector.name);
                accepted += 1;
            }
            Err(rejection) => {
                assert_eq!(
                    rejection.code(),
                    vector.expect,
                    "{}: {rejection}",
                    vector.name
                );
            }
        }
    }
    assert!(accepted > 20, "{accepted}");
}

/// The examples of RFC 7515 (appendices A.2 is RSA, A.3 is ECDSA) and of RFC 8037 (A.4).
#[test]
fn the_examples_of_the_standards_hold() {
    let of = |algorithm: &str, key: &str, token: &str| {
        let scheme =
            format!("jws = {{ header = \"x-jws\", algorithm = {algorithm:?} }}\nkind = \"/iss\"");
        let verifier = own(&scheme, key).unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("x-jws", token.parse().unwrap());
        let captured = Captured {
            method: http::Method::POST,
            url: "/hook".to_owned(),
            headers,
            body: Bytes::new(),
        };
        let accepted = verifier.verify(&captured.request(), NOW).unwrap();
        accepted.events.into_inner().remove(0).kind
    };
    let ecdsa = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{claims}.{signature}");
    assert_eq!(of("ES256", ecdsa, &token), "joe");
    let edwards =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    // Its payload is no JSON: rightly signed, and an event that cannot be read.
    assert_eq!(of("EdDSA", edwards, token), "unreadable");
}

#[test]
fn what_does_not_fit_a_token_is_a_mistake() {
    let mistakes = |text: &str| -> Vec<String> {
        let template: Template = toml::from_str(&format!("{text}\nkind = \"/type\"")).unwrap();
        template
            .check()
            .into_iter()
            .map(|mistake| mistake.key)
            .collect()
    };
    let jws = |form: &str| mistakes(&format!("jws = {{ algorithm = \"ES256\", {form} }}"));
    assert_eq!(jws(r#"header = "x", detached = true"#), [""; 0]);
    assert_eq!(jws(r#"header = "x", at = "/x""#), ["jws.at"]);
    assert_eq!(jws(r#"time = "/iat""#), ["jws.header"]);
    assert_eq!(jws(r#"at = "/x", detached = true"#), ["jws.detached"]);
    assert_eq!(jws(r#"at = "/x", body_hash = "/h""#), ["jws.body_hash"]);
    assert_eq!(jws(r#"header = "x", body_hash = "h""#), ["jws.body_hash"]);
    assert_eq!(jws(r#"at = "x""#), ["jws.at"]);
    assert_eq!(jws(r#"header = "not a name""#), ["signature.header"]);
    let both = r#"jws = { algorithm = "ES256", header = "x" }
signature = { header = "y" }
signed = "{body}."
timestamp = { header = "z" }"#;
    let found = mistakes(both);
    for key in ["signature", "signed", "timestamp"] {
        assert!(
            found.iter().any(|mistake| mistake == key),
            "{key}: {found:?}"
        );
    }
    for wrong in ["none", "HS256", "es256"] {
        let text = format!("kind = \"/t\"\njws = {{ header = \"x\", algorithm = {wrong:?} }}");
        assert!(toml::from_str::<Template>(&text).is_err(), "{wrong}");
    }
}

#[test]
fn a_token_without_a_time_is_warned_of() {
    let warnings = |form: &str| {
        let text =
            format!("kind = \"/type\"\nid = \"/id\"\njws = {{ algorithm = \"RS256\", {form} }}");
        toml::from_str::<Template>(&text)
            .unwrap()
            .warnings()
            .join("\n")
    };
    assert!(warnings(r#"at = "/token""#).contains("no timestamp"));
    assert_eq!(warnings(r#"at = "/token", time = "/iat""#), "");
    let timed = jws_vectors()
        .into_iter()
        .find(|vector| vector.name == "300 s old");
    assert!(timed.unwrap().verifier().checks_time());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_one_byte_change_of_a_token_is_refused(at: prop::sample::Index, to in 0x21_u8..0x7f) {
        for vector in jws_vectors() {
            let mut captured = vector.captured();
            let Some(value) = captured.headers.get("x-jws") else {
                continue;
            };
            let mut value = value.as_bytes().to_vec();
            let from = if value.starts_with(b"Bearer ") { 7 } else { 0 };
            let at = from + at.index(value.len() - from);
            if value[at] == to || vector.expect != "e1" {
                continue;
            }
            value[at] = to;
            captured.headers.insert("x-jws", http::HeaderValue::from_bytes(&value).unwrap());
            let outcome = vector.verifier().verify(&captured.request(), vector.now());
            prop_assert!(outcome.is_err(), "{}: byte {}", vector.name, at);
        }
    }

    #[test]
    fn no_token_makes_a_scheme_panic(
        text in "[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,4}",
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        for vector in jws_vectors() {
            let mut captured = vector.captured();
            captured.headers.insert("x-jws", text.parse().unwrap());
            captured.body = body.clone().into();
            let outcome = vector.verifier().verify(&captured.request(), vector.now());
            prop_assert!(outcome.is_err(), "{}", vector.name);
        }
    }
}
