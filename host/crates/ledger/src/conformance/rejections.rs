//! Refused requests, within their bounds.

use super::*;
use tollgate_base::time::WallTime;

/// Bounds in time that no test reaches, unless it means to.
const LONG: Duration = Duration::from_secs(86_400);

fn rejection(n: u64, source: Option<&str>, code: &str) -> Rejection {
    Rejection {
        at: WallTime::from_millis(START.as_millis() + n),
        source: source.map(SourceName::new),
        code: code.to_owned(),
        reason: format!("reason {n}"),
        peer: "203.0.113.7:1".to_owned(),
        method: (n > 0).then(|| "POST".to_owned()),
        path: (n > 0).then(|| "/x".to_owned()),
        headers: vec![("user-agent".to_owned(), "<b>".to_owned())],
        body: (n > 1).then(|| b"\xff\0".to_vec()),
        more: n,
    }
}

fn bounds(keep: u64, retention: Duration) -> RejectionBounds {
    RejectionBounds { keep, retention }
}

/// Keeps a rejection.
pub(super) fn keep_one(open: &Open) {
    let one = [rejection(1, None, "memory")];
    open.ledger
        .keep_rejections(&one, bounds(9, LONG), true)
        .unwrap();
}

fn listed(open: &Open, filter: &RejectionFilter) -> Vec<RejectionView> {
    let page = Page {
        after: None,
        until: None,
        limit: 500,
        order: ListOrder::Oldest,
    };
    open.ledger.rejections(filter, &page).unwrap().items
}

pub fn refused_requests_are_kept_and_found(engine: &dyn Engine) {
    let open = Open::new(engine);
    let all = [
        rejection(0, None, "memory"),
        rejection(1, Some("shop"), "signature"),
        rejection(2, Some("shop"), "tolerance"),
    ];
    let kept = open.ledger.keep_rejections(&all, bounds(9, LONG), true);
    assert_eq!(kept, Ok(true));
    let open = open.reopen(engine);
    let found = listed(&open, &RejectionFilter::default());
    assert_eq!(found.len(), 3);
    assert_eq!((&found[0].method, &found[0].headers), (&None, &Vec::new()));
    assert_eq!(found[1].headers, all[1].headers);
    assert_eq!(found[1].reason, "reason 1");
    assert_eq!(found[2].body, Some(Payload::Base64("/wA=".to_owned())));
    assert_eq!((found[2].at_ms, found[2].more), (all[2].at, 2));
    let of = |source: Option<&str>, code: Option<&str>| {
        let filter = RejectionFilter {
            source: source.map(str::to_owned),
            code: code.map(str::to_owned),
            ..RejectionFilter::default()
        };
        listed(&open, &filter).len()
    };
    assert_eq!(of(Some("shop"), None), 2);
    assert_eq!(of(Some("-"), None), 1);
    assert_eq!(of(Some("shop"), Some("signature")), 1);
    assert_eq!(of(None, Some("none")), 0);
    let late = RejectionFilter {
        from: Some(all[1].at),
        to: Some(all[2].at),
        ..RejectionFilter::default()
    };
    assert_eq!(listed(&open, &late).len(), 1);
}

pub fn old_rejections_are_forgotten(engine: &dyn Engine) {
    let open = Open::new(engine);
    let keep = |from: u64, many: u64, bounds| {
        let new: Vec<_> = (from..from + many)
            .map(|n| rejection(n, None, "memory"))
            .collect();
        open.ledger.keep_rejections(&new, bounds, true).unwrap();
        listed(&open, &RejectionFilter::default())
    };
    assert_eq!(keep(0, 50, bounds(20, LONG)).len(), 20);
    let found = keep(50, 1, bounds(20, LONG));
    assert_eq!((found.len(), found[19].more), (20, 50));
    // With time they go, too, although nothing is new.
    assert!(keep(0, 0, bounds(20, Duration::ZERO)).len() <= 20);
    assert!(keep(0, 0, bounds(0, LONG)).is_empty());
}
