//! Challenges: requests by which a provider checks that an endpoint is ours.

use super::*;

/// The body of the answer to a request; `None` if it is no challenge.
fn answer(challenge: &str, method: &str, url: &str, body: &str, header: bool) -> Option<String> {
    let text = format!(
        "algorithm = \"hmac-sha256\"\nsignature = {{ header = \"sig\" }}\nkind = \"/type\"\n\
         challenges = [{challenge}]"
    );
    let template: Template = toml::from_str(&text).unwrap();
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        ..Settings::default()
    };
    let verifier = build_template("acme", &template, settings).unwrap();
    let mut headers = http::HeaderMap::new();
    if header {
        headers.insert("sig", "00".parse().unwrap());
    }
    let request = Request {
        method: &method.parse().unwrap(),
        url,
        headers: &headers,
        body: &Bytes::copy_from_slice(body.as_bytes()),
    };
    let answer = verifier.challenge(&request, NOW)?;
    assert_eq!(answer.status, http::StatusCode::OK);
    Some(String::from_utf8(answer.body.to_vec()).unwrap())
}

#[test]
fn challenges_of_every_shape_are_answered() {
    let text = |text: &str| Some(text.to_owned());
    // WooCommerce's first ping.
    let ping = r#"{ method = "POST", form = "webhook_id" }"#;
    assert_eq!(answer(ping, "POST", "/h", "webhook_id=12", false), text(""));
    for (body, header) in [
        ("webhook_id=12", true),
        ("webhook_id=12&x=1", false),
        ("other=12", false),
        ("", false),
    ] {
        assert_eq!(answer(ping, "POST", "/h", body, header), None, "{body}");
    }
    // Viva's GET, Circle's HEAD.
    let viva = r#"{ method = "GET", answer = '{"Key":"K1"}', content_type = "application/json" }"#;
    assert_eq!(
        answer(viva, "GET", "/h", "", false),
        text(r#"{"Key":"K1"}"#)
    );
    assert_eq!(answer(viva, "HEAD", "/h", "", false), None);
    let circle = r#"{ method = "HEAD" }"#;
    assert_eq!(answer(circle, "HEAD", "/h", "", false), text(""));
    // An echo of the query, and of a text of the body.
    let echo = r#"{ method = "GET", query = "hub.challenge", answer = "{value}" }"#;
    assert_eq!(
        answer(echo, "GET", "/h?a=1&hub.challenge=x%20y", "", false),
        text("x y")
    );
    assert_eq!(answer(echo, "GET", "/h?a=1", "", false), None);
    assert_eq!(
        answer(echo, "GET", "/h?hub.challenge=1&hub.challenge=2", "", false),
        None
    );
    let json = r#"{ method = "POST", json = "/challenge", answer = '{"challenge":"{value}"}' }"#;
    let body = r#"{"type":"url_verification","challenge":"c1"}"#;
    assert_eq!(
        answer(json, "POST", "/h", body, false),
        text(r#"{"challenge":"c1"}"#)
    );
    assert_eq!(answer(json, "POST", "/h", body, true), None);
    assert_eq!(answer(json, "POST", "/h", "no JSON", false), None);
}

#[test]
fn nothing_is_signed_for_a_stranger_that_could_be_a_body() {
    let signed = r#"{ method = "POST", json = "/payload/plainToken", answer = "{value}:{hmac}" }"#;
    let ask = |token: &str| {
        let body = serde_json::json!({ "payload": { "plainToken": token } }).to_string();
        answer(signed, "POST", "/h", &body, false)
    };
    let said = ask("qgg8vlvZRS6UYooatFL8Aw").unwrap();
    let (token, mac) = said.split_once(':').unwrap();
    assert_eq!((token, mac.len()), ("qgg8vlvZRS6UYooatFL8Aw", 64));
    for token in [
        "{\"id\":1,\"type\":\"paid\"}",
        "short",
        &"a".repeat(129),
        "1760000000.{}",
    ] {
        assert_eq!(ask(token), None, "{token}");
    }
}

#[test]
fn a_challenge_that_makes_no_sense_is_a_mistake() {
    for challenge in [
        r#"{ method = "POST" }"#,
        r#"{ method = "GET", json = "/x" }"#,
        r#"{ method = "GET", answer = "{value}" }"#,
        r#"{ method = "POST", json = "x", answer = "{value}" }"#,
        r#"{ method = "POST", json = "/x", form = "y" }"#,
    ] {
        let text = format!(
            "algorithm = \"hmac-sha256\"\nsignature = {{ header = \"sig\" }}\nkind = \"/type\"\n\
             challenges = [{challenge}]"
        );
        let template: Template = toml::from_str(&text).unwrap();
        assert_eq!(template.check()[0].key, "challenges", "{challenge}");
    }
}
