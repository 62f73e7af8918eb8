//! The rules that every ledger keeps at each commit, as queries that count what breaks them.

use rusqlite::{Connection, Result};

/// What each query counts, and the query.
const RULES: &[(&str, &str)] = &[
    (
        "deliveries of events that are not there",
        "SELECT count(*) FROM deliveries d
         LEFT JOIN events e ON e.seq = d.event WHERE e.seq IS NULL",
    ),
    (
        "events without all of their deliveries",
        "SELECT count(*) FROM events e WHERE e.deliveries <> (SELECT count(*) FROM deliveries d
         WHERE d.seq >= e.first_delivery AND d.seq < e.first_delivery + e.deliveries
           AND d.event = e.seq)",
    ),
    (
        "later deliveries that are not there",
        "SELECT count(*) FROM later_deliveries l
         LEFT JOIN deliveries d ON d.seq = l.delivery AND d.event = l.event WHERE d.seq IS NULL",
    ),
    (
        "kept events without a body, or bodies without an event",
        "SELECT (SELECT count(*) FROM events e LEFT JOIN bodies b ON b.event = e.seq
                 WHERE e.pruned IS NULL AND b.event IS NULL)
              + (SELECT count(*) FROM bodies b LEFT JOIN events e ON e.seq = b.event
                 WHERE e.seq IS NULL OR e.pruned IS NOT NULL)",
    ),
    (
        // A later event may have taken a key whose time was over.
        "events whose dedup key leads to none or to an earlier event",
        "SELECT count(*) FROM events e LEFT JOIN dedup k ON k.key = e.dedup
         WHERE e.seq <= (SELECT coalesce(max(value), 0) FROM counters WHERE name = 'folded')
           AND (k.event IS NULL OR k.event < e.seq)
           AND NOT EXISTS (SELECT 1 FROM events l WHERE l.seq > e.seq AND l.dedup = e.dedup)",
    ),
    (
        "further dedup keys that do not lead to their event",
        "SELECT count(*) FROM dedup_also a LEFT JOIN dedup k ON k.key = a.key
         WHERE k.event IS NOT a.event",
    ),
    (
        "attempts of deliveries that are not there",
        "SELECT count(*) FROM attempts a
         LEFT JOIN deliveries d ON d.seq = a.delivery WHERE d.seq IS NULL",
    ),
    (
        "components with a wrong number of attempts",
        "SELECT count(*) FROM components c WHERE c.attempts <>
         (SELECT count(*) FROM attempts a WHERE a.component = c.id)",
    ),
    (
        // A line has no head while its first delivery waits for an object.
        "order keys without exactly one delivery at their head",
        "SELECT count(*) FROM (SELECT sum(turn = 1) AS heads, min(seq) AS first FROM deliveries
             WHERE turn IS NOT NULL AND order_key IS NOT NULL GROUP BY order_key) l
         WHERE heads <> 1 AND (heads > 1 OR NOT EXISTS (SELECT 1 FROM resolutions r
             JOIN deliveries d ON d.event = r.event WHERE d.seq = l.first))",
    ),
    (
        "deliveries that wait for their turn without an order key or an object",
        "SELECT count(*) FROM deliveries d WHERE turn IS NOT NULL AND order_key IS NULL
         AND (turn = 1 OR NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.event = d.event))",
    ),
    (
        "deliveries that do not wait for an object that was never told",
        "SELECT count(*) FROM resolutions r CROSS JOIN deliveries d ON d.event = r.event
         WHERE d.turn IS NOT 2 AND d.state IN ('pending', 'running', 'retrying', 'held')
           AND NOT EXISTS (SELECT 1 FROM resolved x WHERE x.event = r.event)",
    ),
    (
        "events that wait for an object and are not there",
        "SELECT count(*) FROM resolutions r LEFT JOIN bodies b ON b.event = r.event
         WHERE b.event IS NULL",
    ),
    (
        "wrong counts of events that wait for an object",
        "SELECT count(*) FROM counters c WHERE c.name = 'resolving'
         AND c.value <> (SELECT count(*) FROM resolutions)",
    ),
    (
        "order keys without exactly one request at their head",
        "SELECT count(*) FROM (SELECT 1 FROM outbox
         WHERE state = 'waiting' AND order_key IS NOT NULL
         GROUP BY handler, order_key HAVING sum(blocked = 0) <> 1)",
    ),
    (
        "waiting requests without a body",
        "SELECT count(*) FROM outbox o LEFT JOIN outbox_bodies b ON b.request = o.seq
         WHERE o.state = 'waiting' AND b.request IS NULL",
    ),
    (
        "states with a wrong count of deliveries",
        "SELECT count(*) FROM counters c WHERE c.name LIKE 'deliveries\\_%' ESCAPE '\\'
         AND c.value <> (SELECT count(*) FROM deliveries d
                         WHERE d.state = substr(c.name, length('deliveries_') + 1))",
    ),
    (
        "states with a wrong count of requests",
        "SELECT count(*) FROM counters c WHERE c.name LIKE 'outbox\\_%' ESCAPE '\\'
         AND c.value <> (SELECT count(*) FROM outbox o
                         WHERE o.state = substr(c.name, length('outbox_') + 1))",
    ),
    (
        "wrong counts of events",
        "SELECT count(*) FROM counters c WHERE c.name = 'events'
         AND c.value <> (SELECT count(*) FROM bodies)",
    ),
];

/// Each rule that the ledger breaks, as a text.
pub(super) fn broken(conn: &Connection) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (what, query) in RULES {
        let many: i64 = conn.query_row(query, [], |row| row.get(0))?;
        if many > 0 {
            broken.push(format!("{what}: {many}"));
        }
    }
    Ok(broken)
}
