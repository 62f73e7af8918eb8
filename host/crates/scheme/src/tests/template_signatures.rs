//! Described schemes with several signatures, algorithms and settings, and their mistakes.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::template_signed::{built, code, hmac256, posted};
use super::*;

#[test]
fn each_signature_that_is_there_must_hold() {
    let text = r#"
        algorithm = "hmac-sha256"
        signature = { header = "new-sig" }
        other_signatures = [{ signature = { header = "old-sig" }, algorithm = "md5", signed = "{body}{secret}" }]
        kind = "/kind"
        signed = "{body}"
    "#;
    // A hash needs the secret in its text, the HMAC does not.
    let text = text.replace("signed = \"{body}\"\n", "signed = \"{body}{secret}\"\n");
    let all = built(&text, &[]);
    let any = built(&format!("{text}\nany_signature = true"), &[]);
    let body = r#"{"kind":"a"}"#;
    let new = hmac256(&format!("{body}s3cret"));
    let old = hex::encode(Md5::digest(format!("{body}s3cret")));
    for (headers, by_all, by_any) in [
        (vec![("new-sig", new.as_str())], Ok(1), Ok(1)),
        (vec![("old-sig", old.as_str())], Ok(1), Ok(1)),
        (vec![("new-sig", &new), ("old-sig", &old)], Ok(1), Ok(1)),
        (
            vec![("new-sig", &new), ("old-sig", "00")],
            Err("signature_mismatch"),
            Ok(1),
        ),
        (
            vec![("new-sig", "00"), ("old-sig", &old)],
            Err("signature_mismatch"),
            Ok(1),
        ),
        (
            vec![("new-sig", &old)],
            Err("signature_mismatch"),
            Err("signature_mismatch"),
        ),
        (vec![], Err("missing_header"), Err("missing_header")),
    ] {
        let captured = posted(&headers, body);
        assert_eq!(code(&all, &captured), by_all, "{headers:?}");
        assert_eq!(code(&any, &captured), by_any, "{headers:?}");
    }
}

#[test]
fn a_request_names_one_of_the_algorithms() {
    let text = r#"
        algorithm = "md5"
        algorithms = { MD5 = "md5", SHA-256 = "sha256" }
        algorithm_at = "pair:algorithm"
        signature = { header = "sig", form = "pairs", separator = ";", name = "signature" }
        signed = "{body}{secret}"
        kind = "/kind"
    "#;
    let body = r#"{"kind":"a"}"#;
    let md5 = hex::encode(Md5::digest(format!("{body}s3cret")));
    let sha256 = hex::encode(Sha256::digest(format!("{body}s3cret")));
    let ask = |more: &[(&str, &str)], signature: &str, algorithm: &str| {
        let header = format!("sender=a;signature={signature};{algorithm}");
        code(&built(text, more), &posted(&[("sig", &header)], body))
    };
    assert_eq!(ask(&[], &md5, "algorithm=MD5"), Ok(1));
    assert_eq!(ask(&[], &md5, "algorithm=md5;"), Ok(1));
    assert_eq!(ask(&[], &md5, ""), Ok(1));
    assert_eq!(ask(&[], &sha256, "algorithm=SHA-256"), Ok(1));
    assert_eq!(
        ask(&[], &sha256, "algorithm=MD5"),
        Err("signature_mismatch")
    );
    assert_eq!(ask(&[], &md5, "algorithm=CRC"), Err("no_known_signature"));
    let only = [("algorithms", "sha-256")];
    assert_eq!(ask(&only, &md5, "algorithm=MD5"), Err("no_known_signature"));
    assert_eq!(ask(&only, &md5, ""), Err("signature_mismatch"));
    assert_eq!(ask(&only, &sha256, "algorithm=SHA-256"), Ok(1));
    let template: Template = toml::from_str(text).unwrap();
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        params: params(&[("algorithms", "SHA-3")]),
        ..Settings::default()
    };
    let errors = build_template("acme", &template, settings).unwrap_err();
    assert!(errors[0].message.contains("`MD5`, `SHA-256`"), "{errors:?}");
}

#[test]
fn settings_are_signed_and_expected() {
    let text = r#"
        algorithm = "hmac-sha256"
        signature = { header = "authorization", prefix = "V2, Signature: " }
        signed = "{param:login}{header:x-date}{body}"
        expect = [{ at = "header:x-key-id", param = "key_id" }, { at = "/app", param = "app_id" }]
        kind = "/kind"
    "#;
    let body = r#"{"kind":"a","app":17}"#;
    let signature = format!("V2, Signature: {}", hmac256(&format!("mytoday{body}")));
    let headers = [
        ("authorization", signature.as_str()),
        ("x-date", "today"),
        ("x-key-id", "k2"),
    ];
    let ask = |more: &[(&str, &str)]| code(&built(text, more), &posted(&headers, body));
    assert_eq!(ask(&[("login", "my")]), Ok(1));
    assert_eq!(
        ask(&[("login", "my"), ("key_id", "k1, k2"), ("app_id", "17")]),
        Ok(1)
    );
    assert_eq!(
        ask(&[("login", "my"), ("key_id", "k1")]),
        Err("unexpected_value")
    );
    assert_eq!(
        ask(&[("login", "my"), ("app_id", "18")]),
        Err("unexpected_value")
    );
    assert_eq!(ask(&[("login", "your")]), Err("signature_mismatch"));
    let template: Template = toml::from_str(text).unwrap();
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        params: params(&[("key_id", " ")]),
        ..Settings::default()
    };
    let errors = build_template("acme", &template, settings).unwrap_err();
    let settings: Vec<_> = errors.iter().map(|error| &error.setting).collect();
    let param = |name: &str| Setting::Param(name.to_owned());
    assert_eq!(settings, [&param("login"), &param("key_id")]);
}

/// The mistakes in a described scheme.
fn mistakes(template: &str) -> Vec<String> {
    let template: Template = toml::from_str(template).expect("a template");
    let mistakes = template.check().into_iter();
    mistakes.map(|mistake| mistake.to_string()).collect()
}

/// The rest of a template with a mistake, and what the mistake says.
const MISTAKES: &[(&str, &str)] = &[
    (r#"signature = {}"#, "`header` or `at`"),
    (r#"signature = { header = "a", at = "/b" }"#, "not both"),
    (
        r#"signature = { at = "sign" }"#,
        "`signature.at`: `sign` is neither",
    ),
    (
        r#"signature = { at = "/a", several = true }"#,
        "only headers",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{body}\"",
        "no {body} can be signed",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = []",
        "say which bytes",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{jsn:/id}\"",
        "unknown",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{json:id}\"",
        "must begin with `/`",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{json:/id|lowr}\"",
        "`|lowr` is unknown",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{json:/id|decimals:x}\"",
        "unknown",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"[{json:/id}\"",
        "do not match",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"[[{json:/id}]\"",
        "do not match",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{json:/id}}\"",
        "do not match",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{json:/id}{part:x}\"",
        "`parts` has no `x`",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{part:x}\"\nparts = { x = \"{json:/id}{part:x}\" }",
        "holds itself",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{query:id}\"",
        "unsigned_body = true",
    ),
    (
        "signature = { header = \"a\" }\nunsigned_body = true",
        "leave this out",
    ),
    (
        "algorithm = \"sha256\"\nsignature = { header = \"a\" }",
        "made by anybody",
    ),
    (
        "algorithm = \"sha256\"\nsignature = { header = \"a\" }\nsigned = [\"{body}{secret}\", \"{body}\"]",
        "made by anybody",
    ),
    (
        "algorithm = \"ed25519\"\nsignature = { header = \"a\" }\nsigned = \"{body}{secret}\"",
        "public key",
    ),
    (
        "signature = { header = \"a\" }\nalgorithm_at = \"form:x\"",
        "needs `algorithms`",
    ),
    (
        "signature = { header = \"a\" }\nother_signatures = [{ signature = { header = \"b\", name = \"c\" } }]",
        "other_signatures.name",
    ),
    (
        "signature = { header = \"a\" }\nexpect = [{ at = \"key\", param = \"k\" }]",
        "`expect`: `key` is neither",
    ),
    (
        "signature = { header = \"a\" }\nonce = [\"header:x\"]",
        "among the signed bytes",
    ),
    (
        "signature = { at = \"/a\" }\nsigned = \"{json:/id}\"\ndedup = [\"/other\"]",
        "among the signed bytes",
    ),
    (
        "signature = { header = \"a\" }\ntimestamp = { at = \"/ts\", header = \"b\" }",
        "one of `header`, `pair` and `at`",
    ),
    (
        "signature = { header = \"a\" }\nsigned = \"{json:/id}\"\ntimestamp = { at = \"/ts\" }",
        "anybody could change it",
    ),
];

#[test]
fn every_mistake_in_what_is_signed_is_named() {
    for (wrong, says) in MISTAKES {
        let algorithm = match wrong.contains("algorithm =") {
            true => "",
            false => "algorithm = \"hmac-sha256\"\n",
        };
        let found = mistakes(&format!("{algorithm}kind = \"/kind\"\n{wrong}"));
        let named = found.iter().any(|mistake| mistake.contains(says));
        assert!(named, "{wrong}: {found:?}");
    }
}
