//! What the proxies do to webhooks: each statement of docs/front-proxies.md.

use super::exchange;
use crate::harness::{FrontProxy, Reaction, Software, Upstream, until};

const MIB: usize = 1 << 20;
/// Percent-escapes and segments that a proxy can write in another way, in the path and the query.
const TARGET: &str = "/webhooks/a%7Eb%2Fc//d/./e?x=%7e&y=a+b&z=%41";

/// A configuration that does nothing but pass requests on.
fn plain(software: Software) -> &'static str {
    match software {
        Software::Nginx => {
            "events {}\nhttp {\nserver { listen LISTEN; location / { proxy_pass http://UPSTREAM; } }\n}\n"
        }
        Software::Haproxy => {
            "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             frontend f\n bind LISTEN\n default_backend b\nbackend b\n server s UPSTREAM\n"
        }
        Software::Caddy => "http://:PORT {\n\treverse_proxy UPSTREAM\n}\n",
        Software::Apache => "Listen LISTEN\nProxyPass / http://UPSTREAM/\n",
        Software::Lighttpd => {
            "server.modules = ( \"mod_proxy\" )\nserver.document-root = \"/var/www/html\"\n\
             server.bind = \"127.0.0.1\"\nserver.port = PORT\n\
             proxy.server = ( \"\" => (( \"host\" => \"127.0.0.1\", \"port\" => UPPORT )) )\n"
        }
        Software::Varnish => {
            "vcl 4.1;\nbackend b { .host = \"127.0.0.1\"; .port = \"UPPORT\"; }\n\
             sub vcl_recv { return (pass); }\n"
        }
    }
}

/// Starts a proxy in front of an upstream that answers.
fn in_front(software: Software, text: &str) -> (FrontProxy, Upstream) {
    let upstream = Upstream::start(Reaction::Answer);
    let proxy = FrontProxy::start(software, text, upstream.address);
    (proxy, upstream)
}

/// The target that arrives for [`TARGET`].
fn arrives(software: Software, text: &str) -> String {
    let (proxy, upstream) = in_front(software, text);
    assert_eq!(proxy.posts(TARGET, "", b"{}"), 200, "{software:?}");
    upstream.last().target
}

#[test]
fn nginx_writes_the_path_anew_after_a_path_or_a_rewrite() {
    if !Software::Nginx.is_there() {
        return;
    }
    let with = |location: &str| {
        let text = format!("events {{}}\nhttp {{\nserver {{ listen LISTEN; {location} }}\n}}\n");
        arrives(Software::Nginx, &text)
    };
    let rewritten = "/webhooks/a~b/c/d/e?x=%7e&y=a+b&z=%41";
    assert_eq!(with("location / { proxy_pass http://UPSTREAM; }"), TARGET);
    assert_eq!(
        with("location / { proxy_pass http://UPSTREAM/; }"),
        rewritten
    );
    let rewrite = "location / { rewrite ^/(.*)$ /$1 break; proxy_pass http://UPSTREAM; }";
    assert_eq!(with(rewrite), rewritten);
    let by_variable = "location / { proxy_pass http://UPSTREAM$request_uri; }";
    assert_eq!(with(by_variable), TARGET);
}

#[test]
fn nginx_drops_headers_and_large_bodies() {
    if !Software::Nginx.is_there() {
        return;
    }
    let (proxy, upstream) = in_front(Software::Nginx, plain(Software::Nginx));
    let headers = "x_signature: a\r\nx.signature: b\r\nx-signature: c\r\n";
    assert_eq!(proxy.posts("/webhooks/x", headers, b"{}"), 200);
    let arrived = upstream.last();
    let there = ["x_signature", "x.signature", "x-signature"].map(|name| arrived.has(name));
    assert_eq!(there, [false, false, true]);
    assert_eq!(proxy.posts("/webhooks/x", "", &vec![b'x'; MIB]), 200);
    assert_eq!(proxy.posts("/webhooks/x", "", &vec![b'x'; MIB + 1]), 413);
}

#[test]
fn others_keep_headers_and_large_bodies() {
    for software in Software::ALL {
        if software == Software::Nginx || !software.is_there() {
            continue;
        }
        let (proxy, upstream) = in_front(software, plain(software));
        let headers = "x_signature: a\r\nx.signature: b\r\n";
        let body = vec![b'x'; 3 * MIB];
        assert_eq!(
            proxy.posts("/webhooks/x", headers, &body),
            200,
            "{software:?}"
        );
        let arrived = upstream.last();
        assert!(
            arrived.has("x_signature") && arrived.has("x.signature"),
            "{software:?}"
        );
        assert_eq!(arrived.body, body, "{software:?}");
    }
}

#[test]
fn apache_writes_the_path_anew_without_nocanon() {
    if !Software::Apache.is_there() {
        return;
    }
    let target = "/webhooks/a%7Eb//d/./e?x=%7e&y=a+b&z=%41";
    let with = |text: &str, target: &str| {
        let (proxy, upstream) = in_front(Software::Apache, text);
        let status = proxy.posts(target, "", b"{}");
        (
            status,
            upstream.requests().pop().map(|request| request.target),
        )
    };
    let canonical = "/webhooks/a~b/d/e?x=%7e&y=a+b&z=%41".to_owned();
    let plain = plain(Software::Apache);
    assert_eq!(with(plain, target), (200, Some(canonical)));
    let nocanon = "Listen LISTEN\nProxyPass / http://UPSTREAM/ nocanon\n";
    assert_eq!(with(nocanon, target), (200, Some(target.to_owned())));
    // A slash that is escaped is refused without AllowEncodedSlashes.
    assert_eq!(with(nocanon, TARGET), (404, None));
    let slashes = format!("{nocanon}AllowEncodedSlashes NoDecode\n");
    assert_eq!(with(&slashes, TARGET), (200, Some(TARGET.to_owned())));
}

#[test]
fn lighttpd_rewrites_the_query_by_default() {
    if !Software::Lighttpd.is_there() {
        return;
    }
    let plain = plain(Software::Lighttpd);
    let rewritten = "/webhooks/a~b/c/d/e?x=~&y=a+b&z=A";
    assert_eq!(arrives(Software::Lighttpd, plain), rewritten);
    let off = "server.http-parseopts = ( \"url-normalize\" => \"disable\" )\n";
    let text = format!("{plain}{off}");
    assert_eq!(arrives(Software::Lighttpd, &text), TARGET);
}

#[test]
fn haproxy_caddy_and_varnish_keep_the_target() {
    for software in [Software::Haproxy, Software::Caddy, Software::Varnish] {
        if software.is_there() {
            assert_eq!(arrives(software, plain(software)), TARGET, "{software:?}");
        }
    }
}

#[test]
fn apache_and_lighttpd_join_headers_that_come_twice() {
    for software in Software::ALL {
        if !software.is_there() {
            continue;
        }
        let (proxy, upstream) = in_front(software, plain(software));
        let headers = "x-signature: a\r\nx-signature: b\r\n";
        assert_eq!(
            proxy.posts("/webhooks/x", headers, b"{}"),
            200,
            "{software:?}"
        );
        let lines = upstream.last().headers;
        let joined = lines.contains(&"x-signature: a, b".to_owned());
        let joins = matches!(software, Software::Apache | Software::Lighttpd);
        assert_eq!(joined, joins, "{software:?}: {lines:?}");
    }
}

#[test]
fn caddy_answers_200_to_a_webhook_that_nothing_takes() {
    if !Software::Caddy.is_there() {
        return;
    }
    let text = "http://:PORT {\n\thandle /webhooks/* {\n\t\treverse_proxy UPSTREAM\n\t}\n}\n";
    let (proxy, upstream) = in_front(Software::Caddy, text);
    assert_eq!(proxy.posts("/webhook/stripe", "", b"{}"), 200);
    assert!(upstream.requests().is_empty());
}

/// A POST with a trailer after its body.
const WITH_TRAILER: &[u8] = b"POST /webhooks/x HTTP/1.1\r\nhost: x\r\n\
    transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n";

#[test]
fn varnish_fails_a_delivered_post_with_a_trailer() {
    for software in Software::ALL {
        if !software.is_there() {
            continue;
        }
        let (proxy, upstream) = in_front(software, plain(software));
        let expected = if software == Software::Varnish {
            503
        } else {
            200
        };
        let answer = exchange(proxy.address, WITH_TRAILER);
        assert_eq!(answer.status, expected, "{software:?}");
        let delivered = until("the POST is delivered", || upstream.requests().pop());
        assert_eq!(delivered.body, b"{}", "{software:?}");
    }
}

#[test]
fn no_proxy_repeats_a_post() {
    for software in Software::ALL {
        if !software.is_there() {
            continue;
        }
        let upstream = Upstream::start(Reaction::Close);
        let proxy = FrontProxy::start(software, plain(software), upstream.address);
        let status = proxy.posts("/webhooks/x", "", b"{}");
        let expected = match software {
            Software::Lighttpd => 500,
            Software::Varnish => 503,
            _ => 502,
        };
        assert_eq!(status, expected, "{software:?}");
        assert_eq!(upstream.requests().len(), 1, "{software:?}");
    }
}
