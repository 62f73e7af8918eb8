//! Connections whose proxy tells their client by the PROXY protocol.

use super::*;

/// A server that takes the word of these proxies, with at most two connections of each client.
async fn behind(network: &str) -> Setup {
    let limits = Limits {
        connections_per_address: Some(2),
        ..limits()
    };
    let layers = Layers {
        proxies: Some([network.parse().unwrap()].into()),
        ..Layers::default()
    };
    Setup::layered(fake(), limits, PerAddress::default(), layers).await
}

/// A header of version 2 for IPv4, with further bytes behind the addresses.
fn version_2(command: u8, client: [u8; 4], more: &[u8]) -> Vec<u8> {
    let addresses = [&client[..], &[10, 0, 0, 1, 0xc0, 1, 0, 80], more].concat();
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    let fixed = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, 0x11], &length].concat();
    [fixed, addresses].concat()
}

#[tokio::test]
async fn a_request_behind_a_header_is_answered_however_the_header_arrives() {
    let setup = behind("127.0.0.0/8").await;
    let headers = [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 49153 80\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        version_2(0x21, [192, 0, 2, 7], b""),
        version_2(0x21, [192, 0, 2, 7], &[0; 5000]),
        version_2(0x20, [0; 4], b""),
    ];
    for (n, header) in (1..).zip(headers) {
        let at_once = setup.exchange([header.clone(), signed(&event(n))].concat());
        assert_eq!(at_once.await.status, 200, "{header:?}");
        let mut client = setup.server.connect().await;
        for part in header.chunks(header.len() / 3) {
            client.send(part).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        client.send(signed(&event(n))).await;
        assert_eq!(client.answer().await.status, 200, "{header:?}");
    }
    assert_eq!(setup.codes(), []);
}

#[tokio::test]
async fn limits_are_those_of_the_client_and_not_of_its_proxy() {
    let setup = behind("127.0.0.1").await;
    let mut open = Vec::new();
    for client in [1, 1, 2, 2, 3] {
        let mut connection = setup.server.connect().await;
        connection
            .send(version_2(0x21, [192, 0, 2, client], b""))
            .await;
        connection.send(signed(&event(1))).await;
        assert_eq!(connection.answer().await.status, 200, "{client}");
        open.push(connection);
    }
    let mut third = setup.server.connect().await;
    third.send(version_2(0x21, [192, 0, 2, 1], b"")).await;
    assert_eq!(third.rest().await, b"");
    assert_eq!(setup.codes(), [("address_connections", 1)]);
}

#[tokio::test]
async fn a_peer_that_is_no_trusted_proxy_is_refused() {
    let setup = behind("10.0.0.0/8").await;
    let mut client = setup.server.connect().await;
    // The peer may already be gone when the server looks at it.
    _ = client
        .0
        .write_all(b"PROXY TCP4 10.0.0.1 10.0.0.1 1 80\r\n")
        .await;
    assert_eq!(client.rest().await, b"");
    assert_eq!(setup.codes(), [("proxy_untrusted", 1)]);
}

#[tokio::test]
async fn a_proxy_that_sends_no_header_is_refused() {
    let setup = behind("127.0.0.1").await;
    for bytes in [signed(&event(1)), b"PROXY TCP4 x\r\n".to_vec()] {
        let mut client = setup.server.connect().await;
        client.send(bytes).await;
        assert_eq!(client.rest().await, b"");
    }
    assert_eq!(setup.codes(), [("proxy_header", 2)]);
    assert!(setup.fake.recorded.lock().is_empty());
}

#[tokio::test]
async fn a_header_has_as_much_time_as_the_first_byte_of_a_request() {
    let limits = Limits {
        header_timeout: Duration::from_millis(100),
        ..limits()
    };
    let layers = Layers {
        proxies: Some(["127.0.0.1".parse().unwrap()].into()),
        ..Layers::default()
    };
    let setup = Setup::layered(fake(), limits, PerAddress::default(), layers).await;
    for begun in ["", "PROXY TCP4 "] {
        let mut client = setup.server.connect().await;
        client.send(begun).await;
        assert_eq!(client.rest().await, b"");
    }
    assert_eq!(setup.codes(), [("proxy_header", 2)]);
}

#[tokio::test]
async fn a_proxy_that_breaks_its_header_off_is_counted_and_a_health_check_is_not() {
    let setup = behind("127.0.0.1").await;
    for begun in ["", "PROXY TCP4 "] {
        let mut client = setup.server.connect().await;
        client.send(begun).await;
        client.0.shutdown().await.unwrap();
        assert_eq!(client.rest().await, b"");
    }
    assert_eq!(setup.codes(), [("proxy_header", 1)]);
}
