//! Starting and ending alerts, with the notices about that.

use super::insert_event::insert_event;
use super::queue_requests::{Queuer, queue_request};
use crate::engine::{BASE_WEIGHT, PreparedEvent};
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::rows::DeliveryRow;
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::int;
use crate::{
    AlertChange, AttemptOutcome, DeliveryState, LastingAlert, NewRequest, RequestHost, Token,
};
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
        let notice = |(name, new): (HandlerName, NewRequest)| {
            let host = RequestHost::of_url(&new.url);
            (name, new, host)
        };
        let changes = changes.into_iter().map(|change| Change {
            alert: change.alert,
            starts: change.starts,
            event: PreparedEvent::from(change.event),
            notices: change.notices.into_iter().map(notice).collect(),
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

    fn handlers(&self) -> Vec<&HandlerName> {
        let notices = self.changes.iter().flat_map(|change| &change.notices);
        notices.map(|(name, ..)| name).collect()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<Vec<bool>, Fault> {
        tx.execute(
            "INSERT INTO alert_memory (id, memory) VALUES (1, $1)
             ON CONFLICT (id) DO UPDATE SET memory = excluded.memory",
            &[&Text(&self.memory)],
        )
        .await?;
        let mut answers = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            answers.push(change.apply(tx).await?);
        }
        Ok(answers)
    }
}

impl Change {
    /// Changes the alert and queues the notices; false if there is nothing to change.
    async fn apply(&self, tx: &mut Tx) -> Result<bool, Fault> {
        let LastingAlert { key, since, text } = &self.alert;
        let (key, since) = (Text(key), int(*since));
        let changed = match self.starts {
            true => {
                tx.execute(
                    "INSERT INTO alerts (key, since, text) VALUES ($1, $2, $3)
                     ON CONFLICT (key) DO NOTHING",
                    &[&key, &since, &Text(text)],
                )
                .await?
            }
            false => {
                tx.execute(
                    "DELETE FROM alerts WHERE key = $1 AND since = $2",
                    &[&key, &since],
                )
                .await?
            }
        };
        if changed == 0 {
            return Ok(false);
        }
        if let Some((event, _)) = insert_event(tx, &self.event).await? {
            for notice in &self.notices {
                self.queue(tx, event, notice).await?;
            }
            if !self.notices.is_empty() {
                tx.count(Counter::Unrouted, -1);
            }
        }
        Ok(true)
    }

    /// Queues a notice as the request of a delivery that is done.
    async fn queue(
        &self,
        tx: &mut Tx,
        event: i64,
        (name, new, host): &(HandlerName, NewRequest, RequestHost),
    ) -> Result<(), Fault> {
        let now = int(tx.now.wall);
        let row = DeliveryRow {
            id: tx.numbers.delivery(),
            event,
            handler: name.clone(),
            state: DeliveryState::Done,
            attempts: 1,
            run: 0,
            keys: 0,
            crashes: 0,
            since: int(self.event.event.received),
            excused: 0,
            due: None,
            finished: Some(now),
            component: None,
            key: None,
            turn: None,
            answers: None,
            place: tx.numbers.number(),
            owner: None,
            token: Token::default(),
        };
        tx.insert(&row).await?;
        tx.execute(
            "UPDATE events SET deliveries = deliveries || $2::bigint WHERE seq = $1",
            &[&event, &row.id],
        )
        .await?;
        tx.count(Counter::Deliveries(DeliveryState::Done), 1);
        let queuer = Queuer {
            handler: name,
            event: (self.event.event.id, event),
            delivery: row.id,
        };
        let request = queue_request(tx, &queuer, new, host).await?;
        // The requests of an event are found by its attempts.
        tx.execute(
            "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome, requests,
                 emitted)
             VALUES ($1, 0, 1, $2, 0, $3, ARRAY[$4::bigint], '{}')",
            &[&row.id, &now, &AttemptOutcome::Done.name(), &request],
        )
        .await?;
        Ok(())
    }
}
