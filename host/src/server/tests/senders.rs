//! Who may send, and by which way: through sockets, as trusted and other proxies pass requests on.

use super::strangers::connect_from;
use super::*;
use crate::settings::AllowFrom;

/// A setup whose proxies are on 127.0.0.1, for a source that takes requests of 198.51.100.0/24.
async fn setup(change: impl FnOnce(&mut Fake)) -> Setup {
    let mut fake = fake();
    fake.sender_rules.trusted_proxies = ["127.0.0.1".parse().unwrap()].into();
    change(&mut fake);
    Setup::with(fake, limits()).await
}

fn allow(fake: &mut Fake, network: &str) {
    let source = Arc::get_mut(&mut fake.source).unwrap();
    source.allow_from = Some(AllowFrom {
        networks: vec![network.parse().unwrap()],
        published: None,
    });
}

fn forwarded(n: u32, headers: &str) -> Vec<u8> {
    let headers = format!("{}{headers}", signature(&event(n)));
    request("POST /hooks/stripe", &headers, &event(n))
}

#[tokio::test]
async fn a_source_takes_requests_of_its_addresses_alone() {
    let setup = setup(|fake| allow(fake, "198.51.100.0/24")).await;
    for (headers, status) in [
        ("x-forwarded-for: 198.51.100.7\r\n", 200),
        ("x-forwarded-for: 203.0.113.9, 198.51.100.7\r\n", 200),
        ("forwarded: for=\"198.51.100.7:4711\"\r\n", 200),
        ("", 403),
        ("x-forwarded-for: 198.51.100.7, 203.0.113.9\r\n", 403),
        (
            "x-forwarded-for: 198.51.100.7\r\nforwarded: for=203.0.113.9\r\n",
            403,
        ),
        ("x-forwarded-for: nonsense\r\n", 403),
    ] {
        let answer = setup.exchange(forwarded(1, headers)).await;
        assert_eq!(answer.status, status, "{headers}");
        let closes = answer.header("connection") == Some("close");
        assert_eq!(closes, status == 403, "{headers}");
    }
    assert_eq!(setup.codes(), [("address", 4)]);
    let odd: Vec<_> = setup.rejections.odd().collect();
    assert_eq!(odd, [("forwarded_differ", 1), ("forwarded_unreadable", 1)]);
    // Other paths tell nothing about addresses.
    let elsewhere = setup.exchange(request("POST /x", "", b"")).await;
    assert_eq!(elsewhere.status, 404);
}

#[tokio::test]
async fn an_unclear_sender_does_not_pass_for_the_proxy() {
    let setup = setup(|fake| allow(fake, "127.0.0.0/8")).await;
    for (headers, status) in [
        // The proxy posts for itself.
        ("", 200),
        ("x-forwarded-for: 127.0.0.9\r\n", 200),
        ("x-forwarded-for: 203.0.113.9\r\n", 403),
        (
            "x-forwarded-for: 203.0.113.9\r\nforwarded: nonsense\r\n",
            403,
        ),
        ("x-forwarded-for: \r\n", 403),
        ("x-forwarded-for: fe80::1%eth0\r\n", 403),
        ("forwarded: for=unknown\r\n", 403),
    ] {
        let answer = setup.exchange(forwarded(1, headers)).await;
        assert_eq!(answer.status, status, "{headers}");
    }
}

#[tokio::test]
async fn a_stranger_is_not_believed() {
    let setup = setup(|fake| allow(fake, "198.51.100.0/24")).await;
    let mut stranger = connect_from("127.0.0.2", &setup.server).await;
    stranger
        .send(forwarded(1, "x-forwarded-for: 198.51.100.7\r\n"))
        .await;
    assert_eq!(stranger.answer().await.status, 403);
    let direct = Setup::with(
        {
            let mut fake = fake();
            allow(&mut fake, "127.0.0.2");
            fake
        },
        limits(),
    )
    .await;
    for (address, status) in [("127.0.0.2", 200), ("127.0.0.3", 403)] {
        let mut client = connect_from(address, &direct.server).await;
        client.send(signed(&event(1))).await;
        assert_eq!(client.answer().await.status, status, "{address}");
    }
}

#[tokio::test]
async fn plain_http_is_refused_where_https_is_required() {
    let setup = setup(|fake| fake.sender_rules.require_https = true).await;
    for (headers, status) in [
        ("x-forwarded-proto: https\r\n", 200),
        ("forwarded: for=198.51.100.7;proto=https\r\n", 200),
        ("x-forwarded-proto: http\r\n", 403),
        (
            "x-forwarded-proto: https\r\nx-forwarded-proto: http\r\n",
            403,
        ),
        ("", 403),
    ] {
        let answer = setup.exchange(forwarded(1, headers)).await;
        assert_eq!(answer.status, status, "{headers}");
    }
    let mut stranger = connect_from("127.0.0.2", &setup.server).await;
    stranger
        .send(forwarded(1, "x-forwarded-proto: https\r\n"))
        .await;
    assert_eq!(stranger.answer().await.status, 403);
    assert_eq!(setup.codes(), [("plain_http", 4)]);
}

#[tokio::test]
async fn limits_count_the_senders_behind_a_proxy() {
    let mut fake = fake();
    fake.sender_rules.trusted_proxies = ["127.0.0.1".parse().unwrap()].into();
    let per_address = PerAddress {
        requests: Some(tollgate_base::rate::Rate {
            count: 2,
            per: Duration::from_secs(1),
        }),
        ..PerAddress::default()
    };
    let setup = Setup::limited(fake, limits(), per_address).await;
    // The clock stands still.
    for (n, sender, status) in [
        (1, "198.51.100.7", 200),
        (2, "198.51.100.7", 200),
        (3, "198.51.100.7", 429),
        (4, "203.0.113.9", 200),
        (5, "2001:db8::1", 200),
        (6, "[2001:db8::2]:80", 200),
        (7, "2001:db8::3", 429),
    ] {
        let header = format!("x-forwarded-for: {sender}\r\n");
        let answer = setup.exchange(forwarded(n, &header)).await;
        assert_eq!(answer.status, status, "{n} {sender}");
    }
}
