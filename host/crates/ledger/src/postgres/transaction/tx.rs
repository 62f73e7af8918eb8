//! The writer's transaction: the connection, and the values in memory that go with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_postgres::Row;

use super::kept::Late;
use super::news::{Committed, News};
use crate::engine::Moment;
use crate::postgres::book::Books;
use crate::postgres::connection::{Connection, Params};
use crate::postgres::counters::{Counter, Counters};
use crate::postgres::error::Fault;
use crate::postgres::numbers::{Me, Numbers};
use crate::postgres::rows::{DeliveryRow, ROW};
use crate::postgres::text::Text;
use crate::postgres::values::{get, text};
use crate::{DeliveryId, DeliveryState, Token};
use tollgate_base::event::{ComponentDigest, HandlerName};

/// The present transaction.
pub(crate) struct Tx {
    conn: Arc<Connection>,
    pub(crate) now: Moment,
    pub(crate) me: Me,
    pub(crate) numbers: Numbers,
    pub(crate) news: News,
    books: Arc<Books>,
    /// The most events that a handler may have scheduled.
    pub(crate) scheduled: u32,
    counted: Counters,
    pub(super) late: Late,
    /// By how much the number of attempts that name a component changes.
    uses: HashMap<ComponentDigest, i64>,
    /// The handlers that gateways serve, if one has said so; read when first asked for.
    served: Option<Option<HashSet<String>>>,
}

impl Tx {
    /// A transaction that has begun on this connection.
    pub(crate) fn new(
        conn: Arc<Connection>,
        now: Moment,
        (me, numbers): (Me, Numbers),
        (books, scheduled): (Arc<Books>, u32),
    ) -> Self {
        Self {
            conn,
            now,
            me,
            numbers,
            news: News::default(),
            books,
            scheduled,
            counted: Counters::default(),
            late: Late::default(),
            uses: HashMap::new(),
            served: None,
        }
    }

    /// The connection.
    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// The rows of a statement.
    pub(crate) async fn query(&self, sql: &str, params: &Params<'_>) -> Result<Vec<Row>, Fault> {
        self.conn.query(sql, params).await
    }

    /// The first row of a statement, if there is one.
    pub(crate) async fn first(&self, sql: &str, params: &Params<'_>) -> Result<Option<Row>, Fault> {
        self.conn.first(sql, params).await
    }

    /// Whether a statement has a row.
    pub(crate) async fn exists(&self, sql: &str, params: &Params<'_>) -> Result<bool, Fault> {
        self.conn.exists(sql, params).await
    }

    /// Executes a statement; returns how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str, params: &Params<'_>) -> Result<u64, Fault> {
        self.conn.execute(sql, params).await
    }

    /// Changes a counter.
    pub(crate) fn count(&mut self, counter: Counter, by: i64) {
        self.counted.add(counter, by);
    }

    /// Counts that deliveries went from one state to another.
    pub(crate) fn count_moved(&mut self, from: DeliveryState, to: DeliveryState, many: i64) {
        self.counted.moved(from, to, many);
    }

    /// Counts attempts that name a component.
    pub(crate) fn count_uses(&mut self, component: ComponentDigest, by: i64) {
        *self.uses.entry(component).or_default() += by;
    }

    /// The row of a delivery, which nobody else changes until the commit.
    pub(crate) async fn delivery(&self, id: i64) -> Result<Option<DeliveryRow>, Fault> {
        if let Some(known) = self.late.known.get(&id) {
            return Ok(Some(known.clone()));
        }
        for (table, lock) in [
            ("queue", "FOR NO KEY UPDATE"),
            ("history", "FOR NO KEY UPDATE"),
        ] {
            let sql = format!("SELECT {ROW} FROM {table} WHERE id = $1 {lock}");
            if let Some(row) = self.first(&sql, &[&id]).await? {
                return DeliveryRow::read(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// Writes a row that [`Tx::delivery`] has read. `was_queued` says in which table the row was.
    pub(crate) async fn put(&mut self, row: &DeliveryRow, was_queued: bool) -> Result<(), Fault> {
        if let Some(known) = self.late.known.get_mut(&row.id) {
            *known = row.clone();
        }
        let table = |queued| if queued { "queue" } else { "history" };
        let (from, to) = (table(was_queued), table(row.is_queued()));
        let values = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
            $18, $19";
        let sql = match from == to {
            true => format!("UPDATE {to} SET ({ROW}) = ROW ({values}) WHERE id = $1"),
            false => format!(
                "WITH gone AS (DELETE FROM {from} WHERE id = $1)
                 INSERT INTO {to} ({ROW}) VALUES ({values})"
            ),
        };
        self.write(&sql, row).await
    }

    /// Writes a row that is new.
    pub(crate) async fn insert(&self, row: &DeliveryRow) -> Result<(), Fault> {
        let table = if row.is_queued() { "queue" } else { "history" };
        let sql = format!(
            "INSERT INTO {table} ({ROW}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
             $13, $14, $15, $16, $17, $18, $19)"
        );
        self.write(&sql, row).await
    }

    async fn write(&self, sql: &str, row: &DeliveryRow) -> Result<(), Fault> {
        let small = |number: Option<u32>| number.map(i64::from);
        let key = row.key.map(|key| uuid::Uuid::from_bytes(key.0));
        self.execute(
            sql,
            &[
                &row.id,
                &row.event,
                &Text(row.handler.as_str()),
                &row.state.name(),
                &i64::from(row.attempts),
                &i64::from(row.run),
                &i64::from(row.keys),
                &i64::from(row.crashes),
                &row.since,
                &i64::from(row.excused),
                &row.due,
                &row.finished,
                &row.component.map(|component| component.0.to_vec()),
                &key,
                &row.turn.map(|turn| turn as i64),
                &small(row.answers),
                &row.place,
                &row.owner,
                &row.token.0.cast_signed(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Whether gateways have said which handlers they serve, and none serves this one.
    pub(crate) async fn is_unserved(&mut self, handler: &HandlerName) -> Result<bool, Fault> {
        if self.served.is_none() {
            self.served = Some(self.read_served().await?);
        }
        let served = self.served.as_ref().and_then(Option::as_ref);
        Ok(served.is_some_and(|served| !served.contains(handler.as_str())))
    }

    /// Forgets which handlers are served: a gateway has said something else.
    pub(crate) fn forget_served(&mut self) {
        self.served = None;
    }

    /// The handlers that gateways serve; `None` if none has said so.
    pub(crate) async fn read_served(&self) -> Result<Option<HashSet<String>>, Fault> {
        let rows = self
            .query(
                "SELECT s.handler FROM gateways g LEFT JOIN served s ON s.owner = g.owner
                 WHERE g.registered AND NOT g.ended",
                &[],
            )
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut served = HashSet::new();
        for row in &rows {
            if get::<Option<String>>(row, 0)?.is_some() {
                served.insert(text(row, 0)?);
            }
        }
        Ok(Some(served))
    }

    /// Writes what was counted, and leases what is handed out.
    pub(crate) async fn finish(mut self) -> Result<(Committed, Numbers), Fault> {
        let row = (self.me.slot, self.numbers.last());
        self.counted.store(&self.conn, row).await?;
        let mut uses: Vec<_> = std::mem::take(&mut self.uses).into_iter().collect();
        uses.retain(|(_, by)| *by != 0);
        if !uses.is_empty() {
            uses.sort_unstable_by_key(|(component, _)| component.0);
            let components: Vec<_> = uses.iter().map(|(of, _)| of.0.to_vec()).collect();
            let many: Vec<i64> = uses.iter().map(|(_, by)| *by).collect();
            self.execute(
                "INSERT INTO component_uses (slot, component, attempts)
                 SELECT $1, * FROM unnest($2::bytea[], $3::bigint[])
                 ON CONFLICT (slot, component)
                 DO UPDATE SET attempts = component_uses.attempts + excluded.attempts",
                &[&self.me.slot, &components, &many],
            )
            .await?;
        }
        Ok((self.news.lease(&self.books), self.numbers))
    }

    /// Takes the lease of a row that is to be handed out; false if somebody has it.
    pub(crate) fn take(&self, row: &mut DeliveryRow) -> bool {
        // A lease of this gateway that was given back may still stand in the row.
        let given_back =
            row.owner == Some(self.me.owner) && !self.books.deliveries.is_held(DeliveryId(row.id));
        if row.owner.is_some() && !given_back {
            return false;
        }
        row.owner = Some(self.me.owner);
        row.token = Token(row.token.0 + 1);
        true
    }
}
