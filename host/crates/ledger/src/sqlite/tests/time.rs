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
    // The writer has nothing else to write, and notices by itself.
    let conn = engine.look();
    let kept = || row::<i64>(&conn, "SELECT wall - steady FROM kept_time");
    until(|| kept() == HOUR.as_millis() as i64);

    let reader = SqliteReader::open(engine.path()).unwrap();
    let shown = reader.delivery(of[0].id).unwrap().unwrap();
    assert_eq!(shown.delivery.due_ms, Some(START + HOUR + ms(2000)));
    let listed = reader.outbox_list(None, 9).unwrap();
    assert_eq!(listed[0].due, START + HOUR);
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

#[test]
fn a_clock_that_is_set_is_written_down_with_the_next_commit() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let conn = engine.look();
    let kept = || row::<i64>(&conn, "SELECT wall - steady FROM kept_time");
    for hours in [1, -2, 0] {
        let hour = HOUR.as_millis() as i64;
        let wall = START.as_millis().cast_signed() + hours * hour;
        open.clock.set(WallTime::from_millis(wall.cast_unsigned()));
        open.record(vec![event(&format!("evt_{hours}"), b"{}", &[])]);
        assert_eq!(kept(), hours * hour);
    }
}
