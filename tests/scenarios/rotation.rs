//! Secrets that are replaced while the gateway runs.

use serde_json::json;

use crate::harness::{Event, Gateway, Handler, Manifest, SECRET, Site, eventually, now, sign};

const NEW: &str = "whsec_the_new_one";

/// Makes a manifest with the new secret and, until a time, the old one.
fn rotating(manifest: &Manifest, expires: &str) -> String {
    let secrets = format!(
        "secrets = [\"{NEW}\", {{ value = \"${{TOLLGATE_TEST_SECRET}}\", expires = \"{expires}\" }}]"
    );
    let text = manifest.text();
    let changed = text.replace("secrets = [\"${TOLLGATE_TEST_SECRET}\"]", &secrets);
    assert_ne!(text, changed);
    changed
}

/// Posts a new event, signed with this secret.
fn post(gateway: &Gateway, secret: &str) -> u16 {
    let body = Event::new("test.done", json!({ "do": "done" })).body;
    let signature = sign(secret, now(), &body);
    gateway.post_signed(&signature, &body).status
}

#[test]
fn a_rotation_can_be_watched_to_its_end() {
    let manifest = Manifest::with_one(Handler::new("guest"));
    let site = Site::new(&manifest);
    let gateway = site.start();
    let secret = |number: u32| gateway.status_at(&format!("/secrets/stripe/{number}"));
    assert_eq!(post(&gateway, SECRET), 200);
    assert_eq!(secret(1)["matched"], 1);
    assert_eq!(secret(1)["state"], "in force");

    // The new secret comes first. The old one expires in the far future.
    site.write_manifest(&rotating(&manifest, "2999-12-31T23:59:59Z"));
    eventually("both are known", || secret(2).is_object());
    assert_eq!(secret(1)["matched"], 0, "the old one's count moved with it");
    assert_eq!(secret(2)["matched"], 1);
    assert_eq!(secret(2)["expires"], "2999-12-31T23:59:59Z");
    assert_eq!(post(&gateway, SECRET), 200);
    assert_eq!(post(&gateway, NEW), 200);
    assert_eq!(
        (&secret(1)["matched"], &secret(2)["matched"]),
        (&json!(1), &json!(2))
    );

    // The old secret has expired: it no longer matches, and its use is reported.
    site.write_manifest(&rotating(&manifest, "2020-01-01T00:00:00Z"));
    eventually("it has expired", || secret(2)["state"] == "expired");
    assert_eq!(post(&gateway, SECRET), 400);
    assert_eq!(post(&gateway, NEW), 200);
    assert_eq!(
        (&secret(1)["matched"], &secret(2)["matched"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(gateway.status_at("/rejections/stripe/expired_secret"), 1);
    assert_eq!(post(&gateway, "whsec_wrong"), 400);
    assert_eq!(
        gateway.status_at("/rejections/stripe/signature_mismatch"),
        1
    );
    assert_eq!(gateway.status_at("/rejections/stripe/expired_secret"), 1);

    let said = site.run("status", &["--admin", &gateway.admin.to_string()]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("secret 2 of stripe: expired"), "{said}");
    let said = site.run("check", &[]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("source `stripe`: secret 2 expired"), "{said}");
    assert_eq!(site.ledger().events(), 4);
    let log = gateway.stop();
    assert!(
        log.contains("the request is signed with secret 2, which expired"),
        "{log}"
    );
    assert!(log.contains("source `stripe`: secret 2 expired"), "{log}");
    for secret in [SECRET, NEW] {
        assert!(
            !log.contains(secret) && !said.contains(secret),
            "{log}{said}"
        );
    }
}
