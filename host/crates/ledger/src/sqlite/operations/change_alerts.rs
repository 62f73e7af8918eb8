//! Starting and ending alerts, with the notices about that.

use rusqlite::{Result, params};

use super::insert_event::insert_event;
use super::queue_requests::{Queuer, queue_request};
use super::span::Span;
use crate::engine::{BASE_WEIGHT, PreparedEvent};
use crate::sqlite::counters::Counter;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use crate::{AlertChange, AttemptOutcome, DeliveryState, LastingAlert, NewRequest, RequestHost};
use tollgate_base::event::HandlerName;

/// Carries out the changes of alerts, and keeps the watcher's memory.
pub(crate) struct ChangeAlerts {
    changes: Vec<Change>,
    memory: String,
}

struct Change {
    alert: LastingAlert,
    starts: bool,
    event: PreparedEvent,
    notices: Vec<(HandlerName, NewRequest, RequestHost)>,
}

impl ChangeAlerts {
    /// Prepares the events and reads the URLs on the caller's thread.
    pub(crate) fn new(changes: Vec<AlertChange>, memory: String) -> Self {
        let changes = changes.into_iter().map(|change| Change {
            alert: change.alert,
            starts: change.starts,
            event: PreparedEvent::from(change.event),
            notices: change
                .notices
                .into_iter()
                .map(|(name, new)| {
                    let host = RequestHost::of_url(&new.url);
                    (name, new, host)
                })
                .collect(),
        });
        Self {
            changes: changes.collect(),
            memory,
        }
    }
}

impl Operation for ChangeAlerts {
    type Answer = Vec<bool>;

    fn weight(&self) -> usize {
        let notices = self.changes.iter().flat_map(|change| &change.notices);
        let notices = notices.map(|(_, new, _)| BASE_WEIGHT + new.body.len());
        BASE_WEIGHT * (1 + self.changes.len()) + self.memory.len() + notices.sum::<usize>()
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Vec<bool>> {
        tx.execute(
            "INSERT INTO alert_memory (id, memory) VALUES (1, ?1)
             ON CONFLICT (id) DO UPDATE SET memory = excluded.memory",
            [&self.memory],
        )?;
        self.changes.iter().map(|change| change.apply(tx)).collect()
    }
}

impl Change {
    /// Changes the alert and queues the notices; false if there is nothing to change.
    fn apply(&self, tx: &mut Transaction<'_>) -> Result<bool> {
        let LastingAlert { key, since, text } = &self.alert;
        let changed = match self.starts {
            true => tx.execute(
                "INSERT INTO alerts (key, since, text) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO NOTHING",
                params![key, int(*since), text],
            )?,
            false => tx.execute(
                "DELETE FROM alerts WHERE key = ?1 AND since = ?2",
                params![key, int(*since)],
            )?,
        };
        if changed == 0 {
            return Ok(false);
        }
        if let Some((event, _)) = insert_event(tx, &self.event)? {
            for notice in &self.notices {
                self.queue(tx, event, notice)?;
            }
            if !self.notices.is_empty() {
                tx.count(Counter::Unrouted, -1);
            }
        }
        Ok(true)
    }

    /// Queues a notice as the request of a delivery that is done.
    fn queue(
        &self,
        tx: &mut Transaction<'_>,
        event: i64,
        (name, new, host): &(HandlerName, NewRequest, RequestHost),
    ) -> Result<()> {
        let handler = tx.handler(name)?;
        let delivery = tx.take_delivery();
        let now = int(tx.now().wall);
        tx.execute(
            "INSERT INTO deliveries (seq, event, handler, state, attempts, run, keys, crashes,
                 finished)
             VALUES (?1, ?2, ?3, ?4, 1, 0, 0, 0, ?5)",
            params![delivery, event, handler, DeliveryState::Done.name(), now],
        )?;
        tx.execute(
            "INSERT INTO later_deliveries (event, delivery) VALUES (?1, ?2)",
            [event, delivery],
        )?;
        tx.count(Counter::Deliveries(DeliveryState::Done), 1);
        let queuer = Queuer {
            name,
            handler,
            event: (self.event.event.id, event),
            delivery,
        };
        let mut span = Span::default();
        span.extend([queue_request(tx, &queuer, new, host)?]);
        // The requests of an event are found by its attempts.
        tx.execute(
            "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome,
                 first_request, requests)
             VALUES (?1, 0, 1, ?2, 0, ?3, ?4, ?5)",
            params![
                delivery,
                now,
                AttemptOutcome::Done.name(),
                span.first,
                span.count()
            ],
        )?;
        Ok(())
    }
}
