//! The rows of exchanges: immediate requests of attempts, with their answers.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::rows::{pairs, unsigned};
use super::values::int;
use super::write::Transaction;
use crate::{
    Completion, DeliveryId, Exchange, ExchangeAnswer, RequestDigest, Unanswered, without_query,
};

/// Writes the exchanges of an attempt.
pub(crate) fn insert(tx: &Transaction<'_>, completion: &Completion) -> Result<()> {
    let attempt = &completion.attempt;
    for (call, exchange) in completion.exchanges.iter().enumerate() {
        let answer = exchange.answer.as_ref().ok();
        let headers = answer.map(|answer| serde_json::to_string(&answer.headers));
        let headers = headers.map(|text| text.expect("pairs of texts have a JSON form"));
        tx.execute(
            "INSERT INTO exchanges (delivery, run, number, call, digest, method, url, after_us,
                 duration_us, recorded, status, error, headers, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                completion.delivery.0,
                attempt.run,
                attempt.number,
                call as i64,
                exchange.digest.map(|digest| digest.0),
                exchange.method,
                without_query(&exchange.url),
                int(exchange.after_us),
                int(exchange.duration_us),
                exchange.recorded,
                answer.map(|answer| answer.status),
                exchange.answer.as_ref().err().map(|why| &why.0),
                headers,
                answer.map(|answer| &answer.body[..]),
            ],
        )?;
    }
    Ok(())
}

/// The exchanges of the last attempt of a run.
pub(crate) fn of_run(conn: &Connection, delivery: DeliveryId, run: u32) -> Result<Vec<Exchange>> {
    let last: Option<u32> = conn
        .prepare_cached(
            "SELECT number FROM attempts WHERE delivery = ?1 AND run = ?2
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row(params![delivery.0, run], |row| row.get(0))
        .optional()?;
    match last {
        Some(number) => of_attempt(conn, delivery.0, run, number),
        None => Ok(Vec::new()),
    }
}

/// The exchanges of an attempt, in order.
pub(crate) fn of_attempt(
    conn: &Connection,
    delivery: i64,
    run: u32,
    number: u32,
) -> Result<Vec<Exchange>> {
    conn.prepare_cached(
        "SELECT digest, method, url, after_us, duration_us, recorded, status, error, headers, body
         FROM exchanges WHERE delivery = ?1 AND run = ?2 AND number = ?3 ORDER BY call",
    )?
    .query_map(params![delivery, run, number], exchange)?
    .collect()
}

fn exchange(row: &Row<'_>) -> Result<Exchange> {
    Ok(Exchange {
        digest: row.get::<_, Option<[u8; 32]>>(0)?.map(RequestDigest),
        method: row.get(1)?,
        url: row.get(2)?,
        after_us: unsigned(row, 3)?,
        duration_us: unsigned(row, 4)?,
        recorded: row.get(5)?,
        answer: match row.get(6)? {
            None => Err(Unanswered(
                row.get::<_, Option<String>>(7)?.unwrap_or_default(),
            )),
            Some(status) => Ok(ExchangeAnswer {
                status,
                headers: pairs(row, 8)?,
                body: row.get::<_, Vec<u8>>(9)?.into(),
            }),
        },
    })
}
