//! Connections that end, and databases that refuse.

use std::sync::Arc;

use super::Postgres;
use super::cluster;
use crate::conformance::{Collected, Engine, Open, START, block_on, ending, event, handler, until};
use crate::postgres::error::OpenError;
use crate::postgres::ledger::PostgresLedger;
use crate::postgres::options::PostgresOptions;
use crate::{LedgerError, NextState, Recorded};
use tollgate_base::time::ManualClock;

/// Ends all sessions of the ledger, as a restart of the server does.
const END_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name = 'tollgate'";

#[test]
fn nothing_that_was_acknowledged_is_missing_after_sessions_end() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let open = Open::new(&postgres);
    let mut acknowledged = 0;
    for n in 0..300 {
        if n % 60 == 30 {
            postgres.run(END_SESSIONS);
        }
        let answer = block_on(
            open.ledger
                .record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]),
        );
        match answer {
            Ok(recorded) => {
                assert!(matches!(recorded[..], [Recorded::New(_)]));
                acknowledged += 1;
            }
            Err(LedgerError::Unavailable(_)) => assert!(!open.ledger.writable()),
            Err(other) => panic!("{other}"),
        }
    }
    assert!((200..=300).contains(&acknowledged), "{acknowledged}");
    until(|| open.ledger.counts().is_ok());
    let counted = open.ledger.counts().unwrap().events;
    assert!(counted >= acknowledged);
    assert!(open.ledger.writable());
    // Whatever was recorded can be claimed, also what an answer that was lost had leased.
    open.give_back("a", |_| false);
    until(|| {
        open.give_back("a", |_| false);
        let claimed = open
            .ledger
            .claim(&handler("a"), crate::conformance::LATEST, 1_000, 1 << 30);
        claimed.is_ok_and(|claimed| claimed.leased.len() as u64 == counted)
    });
}

#[test]
fn a_ledger_goes_on_when_its_database_is_back() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let open = Open::new(&postgres);
    let delivery = open.deliver("evt_1", &["a"]).remove(0);
    let database = &postgres.database;
    let rename = |from: &str, to: &str| {
        let end = END_SESSIONS.replace("current_database()", &format!("'{from}'"));
        until(|| {
            postgres.cluster.run(&end);
            postgres
                .cluster
                .try_run(&format!("ALTER DATABASE {from} RENAME TO {to}"))
        });
    };
    let away = format!("{database}_away");
    rename(database, &away);
    let refused = block_on(open.ledger.record(vec![event("evt_2", b"{}", &["a"])]));
    assert!(
        matches!(refused, Err(LedgerError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(!open.ledger.writable());
    assert!(open.ledger.counts().is_err());
    rename(&away, database);
    until(|| block_on(open.ledger.record(vec![event("evt_2", b"{}", &["a"])])).is_ok());
    let done = open.complete(ending(&delivery, NextState::Done)).unwrap();
    assert_eq!(done, crate::Completed::Committed, "its lease goes on");
}

#[test]
fn one_that_cannot_be_recorded_does_not_fail_the_others() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let open = Open::new(&postgres);
    postgres.run("ALTER TABLE events ADD CHECK (kind <> 'refused')");
    let mut bad = event("bad", b"{}", &["a"]);
    bad.event.kind = "refused".to_owned();
    let mut waiting = Vec::new();
    for n in 0..20 {
        waiting.push(
            open.ledger
                .record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]),
        );
        if n == 10 {
            waiting.push(open.ledger.record(vec![bad.clone()]));
        }
    }
    let answers: Vec<_> = waiting.into_iter().map(block_on).collect();
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!((refused, answers.len()), (1, 21));
    assert_eq!(open.ledger.counts().unwrap().events, 20);
    assert!(open.ledger.writable());
}

/// What a session of the ledger has for a setting.
#[test]
fn a_role_cannot_weaken_the_acknowledgement() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let database = &postgres.database;
    postgres.cluster.run(&format!(
        "ALTER DATABASE {database} SET synchronous_commit = off;
         ALTER DATABASE {database} SET client_min_messages = error;
         ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'"
    ));
    let open = PostgresLedger::open(
        postgres.options(),
        ManualClock::at(START).steady(),
        Arc::<Collected>::default(),
    )
    .unwrap();
    let settings = open.read(|conn| async move {
        let row = conn
            .first(
                "SELECT current_setting('synchronous_commit'),
                     current_setting('client_min_messages'),
                     current_setting('transaction_isolation')",
                &[],
            )
            .await?;
        let row = row.expect("a row");
        let setting = |column| crate::postgres::values::get::<String>(&row, column);
        Ok([setting(0)?, setting(1)?, setting(2)?])
    });
    assert_eq!(settings.unwrap(), ["on", "warning", "read committed"]);
}

#[test]
fn what_is_no_ledger_is_refused() {
    let Some(postgres) = Postgres::new() else {
        return;
    };
    let open = |options: PostgresOptions| {
        let sink = Arc::<Collected>::default();
        PostgresLedger::open(options, ManualClock::at(START).steady(), sink).map(drop)
    };
    let missing = PostgresOptions::new(postgres.cluster.url("no_such_database"), "test");
    let refused = open(missing).unwrap_err();
    assert!(matches!(refused, OpenError::Database(_)), "{refused}");
    drop(postgres.open(ManualClock::at(START), Arc::<Collected>::default()));
    postgres.run("UPDATE tollgate_schema SET version = 99");
    let refused = open(postgres.options()).unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found: 99, .. }),
        "{refused}"
    );
    postgres
        .cluster
        .run("CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0");
    let latin = PostgresOptions::new(postgres.cluster.url("latin"), "test");
    let refused = open(latin).unwrap_err();
    assert!(matches!(refused, OpenError::Encoding { .. }), "{refused}");
    cluster::run(&postgres.cluster.url("postgres"), "DROP DATABASE latin");
}
