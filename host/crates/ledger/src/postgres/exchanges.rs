//! The rows of exchanges: immediate requests of attempts, with their answers.

use tokio_postgres::Row;

use super::connection::Connection;
use super::error::Fault;
use super::text::Text;
use super::transaction::Tx;
use super::values::{get, int, maybe, maybe_text, pairs, small, status, text, unsigned};
use crate::{
    Completion, DeliveryId, Exchange, ExchangeAnswer, RequestDigest, Unanswered, without_query,
};

/// Writes the exchanges of an attempt.
pub(crate) async fn insert(tx: &Tx, completion: &Completion) -> Result<(), Fault> {
    let attempt = &completion.attempt;
    for (call, exchange) in completion.exchanges.iter().enumerate() {
        let answer = exchange.answer.as_ref().ok();
        let headers = answer.map(|answer| crate::engine::pairs_to_json(&answer.headers));
        tx.execute(
            "INSERT INTO exchanges (delivery, run, number, call, digest, method, url, after_us,
                 duration_us, recorded, status, error, headers, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            &[
                &completion.delivery.0,
                &i64::from(attempt.run),
                &i64::from(attempt.number),
                &int(call),
                &exchange.digest.map(|digest| digest.0.to_vec()),
                &Text(&exchange.method),
                &Text(&without_query(&exchange.url)),
                &int(exchange.after_us),
                &int(exchange.duration_us),
                &exchange.recorded,
                &answer.map(|answer| i64::from(answer.status)),
                &maybe(exchange.answer.as_ref().err().map(|why| why.0.as_str())),
                &headers,
                &answer.map(|answer| &answer.body[..]),
            ],
        )
        .await?;
    }
    Ok(())
}

/// The exchanges of the last attempt of a run.
pub(crate) async fn of_run(
    conn: &Connection,
    delivery: DeliveryId,
    run: u32,
) -> Result<Vec<Exchange>, Fault> {
    let last = conn
        .first(
            "SELECT number FROM attempts WHERE delivery = $1 AND run = $2
             ORDER BY number DESC LIMIT 1",
            &[&delivery.0, &i64::from(run)],
        )
        .await?;
    match last {
        Some(row) => of_attempt(conn, delivery.0, run, small(&row, 0)?).await,
        None => Ok(Vec::new()),
    }
}

/// The exchanges of an attempt, in order.
pub(crate) async fn of_attempt(
    conn: &Connection,
    delivery: i64,
    run: u32,
    number: u32,
) -> Result<Vec<Exchange>, Fault> {
    let rows = conn
        .query(
            "SELECT digest, method, url, after_us, duration_us, recorded, status, error, headers,
                 body
             FROM exchanges WHERE delivery = $1 AND run = $2 AND number = $3 ORDER BY call",
            &[&delivery, &i64::from(run), &i64::from(number)],
        )
        .await?;
    rows.iter().map(exchange).collect()
}

fn exchange(row: &Row) -> Result<Exchange, Fault> {
    let digest: Option<Vec<u8>> = get(row, 0)?;
    Ok(Exchange {
        digest: digest.and_then(|digest| digest.try_into().ok().map(RequestDigest)),
        method: text(row, 1)?,
        url: text(row, 2)?,
        after_us: unsigned(row, 3)?,
        duration_us: unsigned(row, 4)?,
        recorded: get(row, 5)?,
        answer: match status(row, 6)? {
            None => Err(Unanswered(maybe_text(row, 7)?.unwrap_or_default())),
            Some(status) => Ok(ExchangeAnswer {
                status,
                headers: pairs(row, 8)?,
                body: get::<Vec<u8>>(row, 9)?.into(),
            }),
        },
    })
}
