//! Due times as people see them.

use super::*;
use crate::Records;
use crate::conformance::request;
use tollgate_base::time::WallTime;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn due_times_are_shown_as_times_of_day() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let next = NextState::Retrying {
        due: STEADY + ms(2000),
    };
    let of = open.deliver("evt_1", &["a", "b"]);
    open.complete(ending(&of[0], next)).unwrap();
    let mut sends = ending(&of[1], NextState::Done);
    sends.effects.outbox = vec![request("1")];
    open.complete(sends).unwrap();
    open.clock.set(START + HOUR);
    open.ledger.keep_time().unwrap();

    let reader = SqliteReader::open(engine.path()).unwrap();
    let shown = reader.delivery(of[0].seq).unwrap().unwrap();
    assert_eq!(shown.delivery.due_ms, Some(START + HOUR + ms(2000)));
    let listed = reader.outbox_list(None, 9).unwrap();
    assert_eq!(listed[0].due, START + HOUR);
    let conn = engine.look();
    let as_text = |time: WallTime| -> String {
        conn.query_row(
            "SELECT datetime(?1 / 1000, 'unixepoch')",
            [time.as_millis() as i64],
            |row| row.get(0),
        )
        .unwrap()
    };
    let view: String = row(
        &conn,
        "SELECT due FROM v_deliveries WHERE state = 'retrying'",
    );
    assert_eq!(view, as_text(START + HOUR + ms(2000)));
    let view: String = row(&conn, "SELECT due FROM v_outbox");
    assert_eq!(view, as_text(START + HOUR));
    assert!(!open.due("a", STEADY + ms(2000)).is_empty());
}
