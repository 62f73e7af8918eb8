//! The limit of a host is never exceeded, as the host counts.

use std::time::{Duration, Instant};

use super::*;

/// The number of events of a run: a few, or as many as `TOLLGATE_THIN` says (1000 in `make thin`).
fn many() -> usize {
    let many = std::env::var("TOLLGATE_THIN");
    many.map_or(120, |many| many.parse().unwrap())
}

#[test]
fn many_events_of_few_objects_never_exceed_the_limit() {
    const LIMIT: usize = 25;
    let many = many();
    let objects = (many * 3 / 10).max(1);
    let api = Receiver::with(|request| {
        // Some answers take longer than others.
        std::thread::sleep(Duration::from_millis(request.before as u64 % 7 * 10));
        Reply::Body(200, json!({ "id": last_part(&request.path) }).to_string())
    });
    // The default of a key of the test mode is Stripe's limit.
    let source = resolve(&api, "").replace(", rate = \"1000/s\"", "");
    let site = Site::new(&manifest(&source));
    let gateway = start(&site);
    let began = Instant::now();
    for n in 0..many {
        let url = format!("/v1/things/obj_{}", n % objects);
        gateway.accepts(&thin(&format!("evt_{n}"), &url));
    }
    let recorded = began.elapsed();
    crate::harness::reaches("every event is handled", many as i64, || {
        site.ledger()
            .count("SELECT count(*) FROM deliveries WHERE state = 'done'", [])
    });
    let took = began.elapsed();
    let mut seen: Vec<_> = api.requests().iter().map(|request| request.at).collect();
    seen.sort_unstable();
    let within = |from: &Instant| {
        let window = *from..*from + Duration::from_secs(1);
        seen.iter().filter(|at| window.contains(*at)).count()
    };
    let most = seen.iter().map(within).max().unwrap();
    println!(
        "{many} events of {objects} objects: recorded in {recorded:?}, resolved in {took:?}, \
         {} requests, {most} in a second at most",
        seen.len()
    );
    assert!(most <= LIMIT, "{most}");
    assert_eq!(seen.len(), many, "each event is asked about once");
    for n in [0, many / 2, many - 1] {
        let object = json!({ "id": format!("obj_{}", n % objects) });
        assert_eq!(
            told(&site, &format!("evt_{n}"))["object"],
            object.to_string()
        );
    }
}
