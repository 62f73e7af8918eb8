//! What completions that follow one another read and write together.
//!
//! Their deliveries are read ahead, in one statement. Deliveries without an order key that end, and
//! attempts without effects, are written late, in one statement each. Nothing that the completions
//! read in between depends on these rows: it goes by order keys.

use super::tx::Tx;
use crate::postgres::error::Fault;
use crate::postgres::rows::{DeliveryRow, ROW};
use crate::postgres::text::Text;
use crate::postgres::values::{int, non_empty};
use crate::{Attempt, DeliveryId};

impl Tx {
    /// Reads deliveries for the completions that follow.
    pub(crate) async fn read_ahead(&mut self, ids: &[i64]) -> Result<(), Fault> {
        let sql =
            format!("SELECT {ROW} FROM queue WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE");
        for row in &self.query(&sql, &[&ids]).await? {
            let row = DeliveryRow::read(row)?;
            self.late.known.insert(row.id, row);
        }
        Ok(())
    }

    /// Writes the row of a delivery that has ended with a completion.
    pub(crate) async fn put_ended(&mut self, row: DeliveryRow) -> Result<(), Fault> {
        if row.key.is_some() || row.is_queued() || !self.late.known.contains_key(&row.id) {
            return self.put(&row, true).await;
        }
        self.late.known.insert(row.id, row.clone());
        self.late.ended.push(row);
        Ok(())
    }

    /// Writes an attempt without effects.
    pub(crate) fn add_attempt(&mut self, delivery: DeliveryId, attempt: &Attempt) {
        self.late.attempts.push((delivery, attempt.clone()));
    }

    /// Writes what is left to write.
    pub(crate) async fn write_late(&mut self) -> Result<(), Fault> {
        let late = std::mem::take(&mut self.late);
        self.write_ended(&late.ended).await?;
        self.write_attempts(&late.attempts).await
    }

    async fn write_ended(&self, rows: &[DeliveryRow]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let states: Vec<&str> = rows.iter().map(|row| row.state.name()).collect();
        let attempts: Vec<i64> = rows.iter().map(|row| row.attempts.into()).collect();
        let finished: Vec<Option<i64>> = rows.iter().map(|row| row.finished).collect();
        // The other columns are those of the row that goes.
        self.execute(
            "WITH ended AS (
                 SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
                 AS e (id, state, attempts, finished)),
             gone AS (DELETE FROM queue WHERE id = ANY ($1) RETURNING *)
             INSERT INTO history (id, event, handler, state, attempts, run, keys, crashes, since,
                 excused, due, finished, component, order_key, turn, answers, place, owner, token)
             SELECT g.id, g.event, g.handler, e.state, e.attempts, g.run, g.keys, g.crashes,
                 g.since, g.excused, NULL, e.finished, g.component, NULL, NULL, g.answers, g.place,
                 NULL, g.token
             FROM gone g JOIN ended e ON e.id = g.id",
            &[&ids, &states, &attempts, &finished],
        )
        .await?;
        Ok(())
    }

    async fn write_attempts(&self, attempts: &[(DeliveryId, Attempt)]) -> Result<(), Fault> {
        if attempts.is_empty() {
            return Ok(());
        }
        let all = || attempts.iter().map(|(_, attempt)| attempt);
        let deliveries: Vec<i64> = attempts.iter().map(|(delivery, _)| delivery.0).collect();
        let runs: Vec<i64> = all().map(|of| of.run.into()).collect();
        let numbers: Vec<i64> = all().map(|of| of.number.into()).collect();
        let started: Vec<i64> = all().map(|of| int(of.started)).collect();
        let durations: Vec<i64> = all().map(|of| int(of.duration_us)).collect();
        let outcomes: Vec<&str> = all().map(|of| of.outcome.name()).collect();
        let components: Vec<Vec<u8>> = all().map(|of| of.component.0.to_vec()).collect();
        let details: Vec<Option<Text<'_>>> = all().map(|of| non_empty(&of.detail)).collect();
        let logs: Vec<Option<Text<'_>>> = all().map(|of| non_empty(&of.logs)).collect();
        self.execute(
            "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome,
                 component, detail, logs, requests, emitted)
             SELECT *, '{}', '{}' FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],
                 $4::bigint[], $5::bigint[], $6::text[], $7::bytea[], $8::text[], $9::text[])",
            &[
                &deliveries,
                &runs,
                &numbers,
                &started,
                &durations,
                &outcomes,
                &components,
                &details,
                &logs,
            ],
        )
        .await?;
        Ok(())
    }
}
