//! The settings of good manifests: each value, and each default.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::rate::Rate;
use tollgate_ledger::{Erasure, KeyRetention};
use tollgate_sandbox::{CompileLimits, Limits};

use super::{env, good, parse_good, parse_text};
use crate::manifest::parse;
use crate::settings::*;

const fn per_second(count: u32) -> Rate {
    Rate {
        count,
        per: Duration::from_secs(1),
    }
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn every_setting_is_read() {
    let (manifest, folder) = parse_good("full");
    assert_eq!(
        manifest.server,
        Server {
            listen: "0.0.0.0:8080".parse().expect("an address"),
            admin: "127.0.0.1:8081".parse().expect("an address"),
            body_limit: 2 << 20,
            header_timeout: seconds(5),
            body_timeout: seconds(90),
            idle_timeout: seconds(120),
            connections: 1000,
            shutdown_timeout: seconds(20),
            memory: 512 << 20,
            per_address: PerAddress {
                connections: Some(200),
                requests: Some(per_second(500)),
                failures: Some(per_second(20)),
            },
            trusted_proxies: ["10.0.0.0/8", "fd00::1"]
                .map(|network| network.parse().expect("a network"))
                .into(),
            require_https: true,
            strict: Strict {
                bare_lf: false,
                ..Strict::ON
            },
            proxy_protocol: true,
            redirect: None,
        }
    );
    assert_eq!(
        manifest.backlog,
        BacklogLimits {
            deliveries: Some(100_000),
            requests: Some(50_000),
            age: Some(seconds(600)),
            refuse: true,
        }
    );
    assert_eq!(manifest.plugins.dir, folder.join("handlers"));
    assert_eq!(manifest.plugins.max_size, 4 << 20);
    assert_eq!(
        manifest.plugins.compile,
        CompileLimits {
            memory: 256 << 20,
            time: seconds(30),
        }
    );
    assert_eq!(manifest.plugins.memory, Some(3 << 30));
    assert_eq!(
        manifest.reload,
        Reload {
            watch: Watch::Poll,
            poll_interval: seconds(5),
            debounce: Duration::from_millis(250),
        }
    );
    assert_eq!(
        manifest.secret_files,
        [folder.join("secrets/stripe"), folder.join("secrets/crm")]
    );
}

#[test]
fn retention_is_read() {
    let (manifest, folder) = parse_good("full");
    assert_eq!(manifest.ledger.path, folder.join("data/tollgate.db"));
    let days = |days: u64| seconds(days * 86_400);
    assert_eq!(manifest.retention.events, Some(days(90)));
    let erase = Erasure {
        after: days(7),
        pointers: vec!["/data/object/customer_details".into(), "/data/a~1b".into()],
        logs: false,
    };
    let stripe = &manifest.sources[&SourceName::new("stripe")].retention;
    assert_eq!(
        (stripe.keys, &stripe.erase),
        (Some(days(400)), &Some(erase))
    );
    assert_eq!(
        manifest.retention.keys("stripe"),
        KeyRetention::For(days(400))
    );
    let made = manifest.retention.erasure("handler:fulfillment").unwrap();
    assert_eq!((made.after, made.logs), (days(30), true));
    assert_eq!(made.pointers, ["/customer/email"]);
    assert_eq!(manifest.retention.erasure("handler:dunning"), None);
}

#[test]
fn the_outbox_is_read() {
    let (manifest, _) = parse_good("full");
    let limit = |concurrency, count, per| HostLimit {
        concurrency,
        rate: Some(Rate {
            count,
            per: seconds(per),
        }),
    };
    assert_eq!(
        manifest.outbox,
        OutboxSettings {
            concurrency: 32,
            hosts: Arc::new(HostLimits {
                default: limit(8, 20, 1),
                named: [
                    ("crm.example.com".to_owned(), limit(4, 50, 60)),
                    ("127.0.0.1:9000".to_owned(), limit(16, 20, 1)),
                ]
                .into(),
            }),
            timeout: seconds(10),
            retry: RetryPolicy {
                attempts: 8,
                first: Duration::from_millis(500),
                factor: 1.5,
                max: seconds(600),
                jitter: 0.0,
                total: Some(seconds(4 * 3600)),
            },
        }
    );
}

#[test]
fn sources_are_read() {
    let (manifest, _) = parse_good("full");
    let source = |name: &str| manifest.sources.get(name).expect(name);
    let stripe = source("stripe");
    assert_eq!(stripe.name.as_str(), "stripe");
    assert_eq!(stripe.path, "/webhooks/stripe");
    assert_eq!(stripe.verifier.scheme(), "stripe");
    assert_eq!(stripe.body_limit, 524_288);
    // Where a source sets no limit, the server's holds.
    assert_eq!(source("stripe-connect").body_limit, 2 << 20);
    assert_eq!(manifest.sources.len(), 2);
}

#[test]
fn handlers_are_read() {
    let (manifest, folder) = parse_good("full");
    let handler = manifest.handlers.get("fulfillment").expect("a handler");
    assert_eq!(handler.component, folder.join("handlers/fulfillment.wasm"));
    assert_eq!(handler.concurrency, 4);
    assert_eq!(
        handler.rate,
        Some(Rate {
            count: 90,
            per: Duration::from_secs(60)
        })
    );
    // What a breaker's table leaves out is the default.
    assert_eq!(
        handler.breaker,
        Some(BreakerSettings {
            failures: 0.5,
            of: 50,
            within: Duration::from_secs(60),
            open: Duration::from_secs(10),
        })
    );
    let other = manifest.handlers.get("dunning").expect("a handler");
    assert_eq!((other.rate, other.breaker), (None, None));
    assert_eq!((handler.rollback, other.rollback), (true, false));
    assert_eq!(handler.on_trap, OnTrap::Dead);
    assert_eq!(
        handler.order,
        Some(OrderSettings {
            by: OrderBy::Pointer("/data/object/customer".to_owned()),
            on_block: OnBlock::Wait,
            supersede_by: Some(SupersedeBy::Pointer("/created".to_owned())),
        })
    );
    assert_eq!(other.order, None);
    assert_eq!(other.component, Path::new("/opt/tollgate/dunning.wasm"));
}

#[test]
fn the_limits_of_runs_are_read() {
    let (manifest, folder) = parse_good("full");
    let handler = manifest.handlers.get("fulfillment").expect("a handler");
    assert_eq!(
        handler.guest.limits,
        Limits {
            timeout: Duration::from_millis(500),
            memory: 32 << 20,
            tables: 50_000,
            output: 8 << 10,
            logs: 10_000,
            calls: 500,
            effects: 256 << 10,
            response: 128 << 10,
            requests: 16,
        }
    );
    // What a retry table leaves out is the default.
    assert_eq!(
        handler.retry,
        RetryPolicy {
            attempts: 3,
            first: Duration::from_secs(1),
            factor: 3.0,
            max: Duration::from_secs(6 * 3600),
            jitter: 0.2,
            total: Some(Duration::from_secs(86_400)),
        }
    );
    assert_eq!(
        handler.fixtures,
        Some(folder.join("fixtures/fulfillment/*.json"))
    );
    let config: Vec<_> = handler
        .guest
        .config
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        config,
        [
            ("deep", r#"{"x":1}"#),
            ("dry", "false"),
            ("limit", "5"),
            ("price", "${amount}"),
            ("ratio", "0.5"),
            ("tags", r#"["a","b"]"#),
            ("warehouse", "eu-1"),
        ]
    );
}

#[test]
fn routes_are_read() {
    let (manifest, _) = parse_good("full");
    let [orders, all, emitted] = manifest.routes.as_slice() else {
        panic!("{:?}", manifest.routes);
    };
    let stripe = SourceName::new("stripe");
    assert!(orders.matches(&stripe, "payment_intent.succeeded"));
    assert!(!orders.matches(&stripe, "payment_intent.failed"));
    assert!(!orders.matches(
        &SourceName::new("stripe-connect"),
        "payment_intent.succeeded"
    ));
    let names: Vec<_> = orders.handlers.iter().map(HandlerName::as_str).collect();
    assert_eq!(names, ["fulfillment", "dunning"]);
    assert_eq!(
        all.filter,
        [
            ("/data/object/currency".to_owned(), json!("usd")),
            ("/livemode".to_owned(), json!(true)),
            ("/n".to_owned(), json!(3)),
            ("/r~1s".to_owned(), json!(1.5)),
            (String::new(), json!("${x}")),
        ]
    );
    let handler = HandlerName::new("fulfillment");
    assert!(emitted.matches(&handler.as_source(), "order.fulfilled"));
}

#[test]
fn odd_requests_are_refused_beyond_loopback() {
    let strict = |server: &str| {
        let text = format!("version = 1\n[server]\n{server}\n");
        parse_text(&text).expect("a sound manifest").server.strict
    };
    assert_eq!(strict(""), Strict::ON);
    assert_eq!(strict("listen = \"192.0.2.1:8080\""), Strict::ON);
    assert_eq!(strict("listen = \"127.0.0.1:8080\""), Strict::OFF);
    assert_eq!(strict("listen = \"[::1]:8080\""), Strict::OFF);
    assert_eq!(strict("strict = false"), Strict::OFF);
    let on = "listen = \"127.0.0.1:8080\"\nstrict = true";
    assert_eq!(strict(on), Strict::ON);
    let one = "listen = \"127.0.0.1:8080\"\nstrict = { host = true }";
    let host = Strict {
        host: true,
        ..Strict::OFF
    };
    assert_eq!(strict(one), host);
}

#[test]
fn what_is_left_out_has_its_default() {
    let (manifest, folder) = parse_good("minimal");
    let server = &manifest.server;
    assert_eq!(server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(server.admin.to_string(), "127.0.0.1:8081");
    assert_eq!((server.body_limit, server.connections), (1 << 20, 4096));
    assert_eq!(
        (server.header_timeout, server.body_timeout),
        (seconds(10), seconds(20))
    );
    assert_eq!(server.shutdown_timeout, seconds(25));
    assert_eq!(manifest.ledger.path, folder.join("data/tollgate.db"));
    assert_eq!(manifest.plugins.dir, folder.join("plugins"));
    assert_eq!(manifest.plugins.memory, None);
    assert_eq!(manifest.reload.watch, Watch::Events);
    assert_eq!(manifest.reload.poll_interval, seconds(2));
    assert_eq!(manifest.reload.debounce, Duration::from_millis(100));
    assert_eq!(
        (manifest.outbox.concurrency, manifest.outbox.timeout),
        (64, seconds(30))
    );
    let retry = |attempts, first, factor, max| RetryPolicy {
        attempts,
        first: seconds(first),
        factor,
        max: seconds(max),
        jitter: 0.2,
        total: None,
    };
    assert_eq!(manifest.outbox.retry, retry(16, 1, 2.0, 3600));
    let handler = manifest.handlers.get("log").expect("a handler");
    assert_eq!(handler.retry, retry(12, 5, 3.0, 6 * 3600));
    assert_eq!(handler.on_trap, OnTrap::Retry);
    assert_eq!(handler.concurrency, 16);
    assert_eq!(
        handler.guest.limits,
        Limits {
            timeout: seconds(2),
            memory: 64 << 20,
            tables: 100_000,
            output: 16 << 10,
            logs: 64 << 10,
            calls: 10_000,
            effects: 1 << 20,
            response: 64 << 10,
            requests: 16,
        }
    );
    assert!(handler.guest.config.is_empty() && handler.allow.is_empty());
    assert_eq!(handler.fixtures, None);
    assert!(manifest.warnings.len() == 1 && manifest.warnings[0].contains("plain HTTP"));
    assert!(manifest.secret_files.is_empty());
}

#[test]
fn inline_tables_and_the_environment_mean_the_same() {
    let (manifest, _) = parse_good("inline");
    assert_eq!(manifest.server.listen.to_string(), "127.0.0.1:0");
    assert_eq!(manifest.server.admin.to_string(), "[::1]:0");
    assert_eq!(manifest.ledger.path, Path::new("/var/lib/tollgate/t.db"));
    assert_eq!(manifest.routes.len(), 1);
    let handler = manifest.handlers.get("log").expect("a handler");
    assert_eq!(handler.allow[0].origin.to_string(), "https://a.example");
}

#[test]
fn paths_are_relative_to_the_manifest() {
    let (text, _) = good("minimal");
    let ledger = |origin: &str| {
        parse(&text, Path::new(origin), &env)
            .expect("good")
            .ledger
            .path
    };
    assert_eq!(ledger("tollgate.toml"), Path::new("data/tollgate.db"));
    assert_eq!(ledger("a/tollgate.toml"), Path::new("a/data/tollgate.db"));
    assert_eq!(
        ledger("/etc/tollgate.toml"),
        Path::new("/etc/data/tollgate.db")
    );
}

#[test]
fn keys_are_kept_for_good_where_no_time_is_checked() {
    let text = |retention: &str, more: &str| {
        format!(
            "version = 1\n[ledger]\nretention = \"{retention}\"\n\
             [sources.timed]\npath = \"/a\"\nscheme = \"stripe\"\nsecrets = [\"${{STRIPE_SECRET}}\"]\n\
             [sources.bare]\npath = \"/b\"\nscheme = \"shopify\"\nsecrets = [\"${{STRIPE_SECRET}}\"]\n{more}\n"
        )
    };
    let month = Duration::from_secs(35 * 86_400);
    let manifest = parse_text(&text("forever", "")).unwrap();
    assert_eq!(manifest.retention.events, None);
    assert_eq!(manifest.retention.keys("timed"), KeyRetention::For(month));
    assert_eq!(manifest.retention.keys("bare"), KeyRetention::Forever);
    assert_eq!(manifest.retention.keys("gone"), KeyRetention::Forever);
    assert_eq!(
        manifest.retention.keys("handler:a"),
        KeyRetention::WhileEmittable
    );
    let quiet = manifest.warnings.len();

    let risky = parse_text(&text("1h", "dedup = \"35d\"\nerase = { after = \"2h\" }")).unwrap();
    assert_eq!(risky.retention.keys("bare"), KeyRetention::For(month));
    let warnings = risky.warnings.join("\n");
    assert_eq!(risky.warnings.len(), quiet + 3, "{warnings}");
    for part in [
        "cannot be replayed",
        "captured today",
        "nothing is left to erase",
    ] {
        assert!(warnings.contains(part), "{warnings}");
    }
    let forever = parse_text(&text("35d", "dedup = \"forever\"")).unwrap();
    assert_eq!(forever.warnings.len(), quiet);
}

#[test]
fn hosts_have_limits_of_their_own_or_those_of_all() {
    let (manifest, _) = parse_good("full");
    let hosts = &manifest.outbox.hosts;
    // Named without a port: whatever the port.
    for host in ["crm.example.com:443", "crm.example.com:8443"] {
        let (name, limit) = hosts.of(host);
        assert_eq!((name, limit.concurrency), ("crm.example.com", 4));
    }
    assert_eq!(hosts.of("127.0.0.1:9000").1.concurrency, 16);
    assert_eq!(hosts.of("127.0.0.1:9001").1, &hosts.default);
    assert_eq!(hosts.of("[::1]:80"), ("[::1]:80", &hosts.default));
    // By default a host gets half of all places.
    let (manifest, _) = parse_good("minimal");
    assert_eq!(manifest.outbox.concurrency, 64);
    let half = HostLimit {
        concurrency: 32,
        rate: None,
    };
    assert_eq!(*manifest.outbox.hosts, HostLimits::all(half));
}
