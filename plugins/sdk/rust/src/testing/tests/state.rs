//! Tests of the state.

use super::{refused, refused_by, run};
use crate::testing::Host;
use crate::{Outcome, state};

#[test]
fn a_handler_sees_its_own_writes() {
    let mut host = Host::new();
    host.set("old", &1);
    let run = run(&mut host, || {
        assert_eq!(state::get::<i64>("old")?, Some(1));
        assert_eq!(state::get::<i64>("none")?, None);
        state::set("new", &[1, 2])?;
        assert_eq!(state::get::<Vec<i64>>("new")?, Some(vec![1, 2]));
        state::add("count", 3)?;
        state::add("count", -5)?;
        assert_eq!(state::counter("count")?, -2);
        state::delete("old")?;
        state::delete("never there")?;
        assert!(!state::contains("old")? && state::contains("new")?);
        state::set_bytes("raw", [0xff])?;
        assert_eq!(state::get_bytes("raw")?, Some(vec![0xff]));
        Ok(())
    });
    assert_eq!(run.result, Ok(Outcome::Done));
    assert!(host.state().keys().eq(["count", "new", "raw"]));
}

#[test]
fn listings_are_in_order_and_complete() {
    let mut host = Host::new();
    for n in 0..600 {
        host.set(&format!("a/{n:03}"), &n);
    }
    host.set("b", &0);
    host.set("a", &0);
    let run = run(&mut host, || {
        let all = state::list::<i64>("a/")?;
        assert!(all.iter().map(|(_, n)| *n).eq(0..600));
        let some = state::list_bytes("a/", Some("a/100"), 2)?;
        assert_eq!(
            some,
            [
                ("a/101".into(), b"101".to_vec()),
                ("a/102".into(), b"102".to_vec())
            ]
        );
        assert!(state::list_bytes("", None, 0)?.is_empty());
        Ok(())
    });
    assert_eq!(run.result, Ok(Outcome::Done));
}

#[test]
fn misuse_of_state_is_refused() {
    assert!(refused(|| state::set("", "x")).contains("1 to 512 bytes"));
    assert!(refused(|| state::delete(&"k".repeat(513))).contains("1 to 512 bytes"));
    let text = || {
        state::set("text", "not a number")?;
        state::add("text", 1)
    };
    assert!(refused(text).contains("\"text\": not a counter"));
    let beyond = || {
        state::set("most", &i64::MAX)?;
        state::add("most", 1)
    };
    assert!(refused(beyond).contains("range"));
    let other_type = || {
        state::set("text", "x")?;
        state::get::<i64>("text").map(drop)
    };
    assert!(refused(other_type).contains("invalid type"));
    let much = || state::set("k", &"x".repeat(100));
    assert!(refused_by(Host::new().effects_limit(100), much).contains("limit on effects"));
}
