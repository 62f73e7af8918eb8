use proptest::prelude::*;

use super::*;

#[test]
fn patterns_match_by_star_alone() {
    for (pattern, kind, matches) in [
        ("invoice.paid", "invoice.paid", true),
        ("invoice.paid", "invoice.paid2", false),
        ("invoice.*", "invoice.paid", true),
        ("invoice.*", "invoice.payment.failed", true),
        ("invoice.*", "invoice.", true),
        ("invoice.*", "invoice", false),
        ("*", "", true),
        ("*", "anything", true),
        ("*.deleted", "customer.subscription.deleted", true),
        ("*.deleted", "deleted", false),
        ("a*b*c", "aXbYbZc", true),
        ("a*b*c", "aXbYbZ", false),
        ("**", "x", true),
        ("", "", true),
        ("", "x", false),
        ("invoice.?", "invoice.x", false),
        ("Invoice.*", "invoice.paid", false),
        ("*é*", "caféteria", true),
    ] {
        assert_eq!(
            EventPattern::new(pattern).matches(kind),
            matches,
            "{pattern} on {kind}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The obvious recursive definition, as an oracle.
    #[test]
    fn patterns_match_as_defined(pattern in "[ab*]{0,8}", kind in "[ab]{0,10}") {
        fn oracle(pattern: &[u8], kind: &[u8]) -> bool {
            match (pattern, kind) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => {
                    (0..=kind.len()).any(|swallowed| oracle(rest, &kind[swallowed..]))
                }
                ([a, pattern @ ..], [b, kind @ ..]) if a == b => oracle(pattern, kind),
                _ => false,
            }
        }
        prop_assert_eq!(
            EventPattern::new(pattern.clone()).matches(&kind),
            oracle(pattern.as_bytes(), kind.as_bytes())
        );
    }

    #[test]
    fn origins_show_as_they_read(text in "https?://[a-z0-9.\\[\\]:]{1,20}") {
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
        }
    }

    #[test]
    fn delays_stay_within_their_bounds(
        attempts in 0u32..5000,
        first in 1u64..100_000,
        factor in 1.0f64..100.0,
        max in 1u64..10_000_000,
        jitter in 0.0f64..=1.0,
        random in 0.0f64..1.0,
    ) {
        let (first, max) = (Duration::from_millis(first), Duration::from_millis(max));
        let policy = RetryPolicy { attempts: 10, first, factor, max, jitter, total: None };
        let delay = policy.delay(attempts, random);
        prop_assert!(delay <= max);
        let least = first.min(max).mul_f64(1.0 - jitter);
        prop_assert!(delay + Duration::from_micros(1) >= least);
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy {
        attempts: 12,
        first: Duration::from_secs(5),
        factor: 3.0,
        max: Duration::from_secs(100),
        jitter: 0.2,
        total: None,
    }
}

#[test]
fn delays_grow_to_the_longest() {
    let middle = |attempts| policy().delay(attempts, 0.5).as_secs_f64();
    for (attempts, seconds) in [(0, 5.0), (1, 5.0), (2, 15.0), (3, 45.0)] {
        assert!((middle(attempts) - seconds).abs() < 1e-6, "{attempts}");
    }
    // 135 s is capped to 100 s, and spread between 80 s and 100 s.
    for attempts in [4, 50, u32::MAX] {
        assert!((middle(attempts) - 90.0).abs() < 1e-6, "{attempts}");
    }
}

#[test]
fn jitter_spreads_delays_both_ways() {
    let seconds = |attempts, random| policy().delay(attempts, random).as_secs_f64();
    assert!((seconds(1, 0.0) - 4.0).abs() < 1e-6);
    assert!((seconds(1, 1.0) - 6.0).abs() < 1e-6);
    assert!((seconds(4, 0.0) - 80.0).abs() < 1e-6);
    assert!((seconds(4, 1.0) - 100.0).abs() < 1e-6);
}

#[test]
fn origins_are_normalised() {
    for (text, https, host, port, shown) in [
        (
            "https://crm.example.com",
            true,
            "crm.example.com",
            443,
            "https://crm.example.com",
        ),
        (
            "https://CRM.Example.com/",
            true,
            "crm.example.com",
            443,
            "https://crm.example.com",
        ),
        (
            "http://localhost:9000",
            false,
            "localhost",
            9000,
            "http://localhost:9000",
        ),
        ("HTTPS://a:443", true, "a", 443, "https://a"),
        ("http://a:443", false, "a", 443, "http://a:443"),
        (
            "http://127.0.0.1:80",
            false,
            "127.0.0.1",
            80,
            "http://127.0.0.1",
        ),
        (
            "https://[::1]:8443",
            true,
            "::1",
            8443,
            "https://[::1]:8443",
        ),
        (
            "https://[2001:DB8:0:0::1]",
            true,
            "2001:db8::1",
            443,
            "https://[2001:db8::1]",
        ),
    ] {
        let origin = Origin::parse(text).expect(text);
        assert_eq!(
            (origin.https, origin.host.as_str(), origin.port),
            (https, host, port)
        );
        assert_eq!(origin.to_string(), shown);
    }
}

#[test]
fn other_origins_are_refused() {
    use OriginError::{Host, Invalid, Path, Port, Scheme, UserInfo};
    for (text, error) in [
        ("", Invalid),
        ("crm.example.com", Invalid),
        ("/path", Invalid),
        ("https://", Invalid),
        ("ftp://a", Scheme),
        ("https://user@a", UserInfo),
        ("https://user:word@a", UserInfo),
        ("https://a/path", Path),
        ("https://a?q", Path),
        ("https://a#f", Path),
        ("https://a:0", Port),
        ("https://a:", Port),
        ("https://127.1", Host),
        ("https://0x7f.0x1", Host),
        ("https://2130706433", Host),
        ("https://256.1.1.1", Host),
        ("https://a..b", Host),
        ("https://a.", Host),
        ("https://*.example.com", Host),
        ("https://[::g]", Host),
    ] {
        assert_eq!(Origin::parse(text), Err(error), "{text}");
    }
    assert!(Origin::parse("https://a:65536").is_err());
    assert!(Origin::parse("https://bücher.example").is_err());
}

#[test]
fn networks_contain_their_addresses() {
    for (network, address, inside) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.1.2.3/8", "10.9.9.9", true),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("127.0.0.1", "::ffff:127.0.0.1", true),
        ("::ffff:10.0.0.0/104", "10.1.1.1", true),
        ("::ffff:10.0.0.0/104", "11.1.1.1", false),
        ("::/0", "2001:db8::1", true),
        ("fd00::/8", "fd12::1", true),
        ("fd00::/8", "fe80::1", false),
        ("::1", "::1", true),
        ("::1/128", "::2", false),
    ] {
        let network: Network = network.parse().expect(network);
        let address: IpAddr = address.parse().expect(address);
        assert_eq!(network.contains(address), inside, "{network} and {address}");
    }
}

#[test]
fn other_networks_are_refused() {
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "::/129",
        "10.0.0",
        "a/8",
        "10.0.0.0/8/8",
    ] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
}
