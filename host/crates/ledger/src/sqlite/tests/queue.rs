//! The queue before the writer, and its end.

use super::*;

/// A sink that lets the writer go on when it is told to.
struct Gate(Mutex<std::sync::mpsc::Receiver<()>>);

impl LedgerSink for Gate {
    fn recorded(&self, _: Vec<LeasedDelivery>) {
        let _ = self.0.lock().recv();
    }

    fn released(&self, _: Vec<LeasedDelivery>) {}

    fn queued(&self, _: Vec<LeasedRequest>) {}
}

#[test]
fn a_full_queue_refuses_events_at_once() {
    let engine = Sqlite {
        queue: 4,
        ..Sqlite::new()
    };
    let (go, gate) = std::sync::mpsc::channel();
    let ledger = engine.open_with(Arc::new(Gate(Mutex::new(gate))));
    let answers: Vec<_> = (0..40)
        .map(|n| ledger.record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]))
        .collect();
    drop(go);
    let answers: Vec<_> = answers.into_iter().map(block_on).collect();
    // The writer had one batch of 4 at most with it, and 4 waited.
    let recorded = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((4..=8).contains(&recorded), "{recorded}");
    let busy = |answer: &&Result<_, _>| matches!(answer, Err(LedgerError::Busy));
    assert_eq!(answers.iter().filter(busy).count(), 40 - recorded);
    assert_eq!(ledger.counts().unwrap().events, recorded as u64);
}

#[test]
fn a_closed_ledger_has_written_what_was_queued() {
    let engine = Sqlite::new();
    let ledger = engine.open_with(Arc::new(TakesNothing));
    let answers: Vec<_> = (0..200)
        .map(|n| ledger.record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]))
        .collect();
    ledger.close();
    assert!(
        answers
            .into_iter()
            .map(block_on)
            .all(|answer| answer.is_ok())
    );
    let refused = block_on(ledger.record(vec![event("late", b"{}", &[])]));
    assert!(matches!(refused, Err(LedgerError::Closed)));
    let late = &claim(&ledger, "a")[0];
    let late = conformance::ending(&late.delivery, NextState::Done);
    let (answer, answered) = std::sync::mpsc::channel();
    ledger.complete_then(late, Box::new(move |result| answer.send(result).unwrap()));
    assert!(matches!(answered.recv().unwrap(), Err(LedgerError::Closed)));
    assert_eq!(
        row::<i64>(&engine.look(), "SELECT count(*) FROM events"),
        200
    );
    let beside = |ending| open::beside(&engine.path(), ending);
    assert!(!beside(".running").exists(), "a clean end leaves no marks");
}
