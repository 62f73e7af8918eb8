//! Where requests of handlers may go.

use std::net::IpAddr;

use super::{parse_good, parse_text};
use crate::settings::Allow;

#[test]
fn allowed_origins_are_read() {
    let (manifest, _) = parse_good("full");
    let handler = manifest.handlers.get("fulfillment").expect("a handler");
    let [crm, local] = handler.allow.as_slice() else {
        panic!("{:?}", handler.allow);
    };
    assert_eq!(crm.origin.to_string(), "https://crm.example.com");
    assert!(crm.addresses.is_empty());
    let headers = |allow: &Allow| -> Vec<(String, Vec<u8>)> {
        let headers = allow.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), value.expose().to_vec()))
            .collect()
    };
    assert_eq!(
        headers(crm),
        [
            ("authorization".to_owned(), b"Bearer sk_live_token".to_vec()),
            ("x-tenant".to_owned(), b"eu".to_vec()),
        ]
    );
    // From a file, without the newline that ends it.
    assert_eq!(headers(local), [("x-key".to_owned(), b"k-1".to_vec())]);
    let reachable = |address: &str| {
        let address: IpAddr = address.parse().expect("an address");
        local
            .addresses
            .iter()
            .any(|network| network.contains(address))
    };
    // Its own address is listed without being named.
    assert!(reachable("127.0.0.1") && reachable("10.9.9.9") && reachable("fd00::1"));
    assert!(!reachable("127.0.0.2") && !reachable("fd00::2"));
}

#[test]
fn localhost_lists_loopback_and_nothing_else() {
    for (origin, loopback) in [
        ("http://localhost:9000", true),
        ("https://api.localhost", true),
        ("http://localhost.example.com", false),
        ("http://mylocalhost:9000", false),
    ] {
        let text = format!(
            "version = 1\n[handlers.a]\ncomponent = \"a.wasm\"\n\
             [[handlers.a.allow]]\norigin = \"{origin}\"\n"
        );
        let manifest = parse_text(&text).expect("a good manifest");
        let handler = manifest.handlers.get("a").expect("a handler");
        let reachable = |address: &str| {
            let address: IpAddr = address.parse().expect("an address");
            let mut networks = handler.allow[0].addresses.iter();
            networks.any(|network| network.contains(address))
        };
        assert_eq!(reachable("127.0.0.1"), loopback, "{origin}");
        assert_eq!(reachable("::1"), loopback, "{origin}");
        assert!(
            !reachable("127.0.0.2") && !reachable("10.0.0.1"),
            "{origin}"
        );
    }
}
