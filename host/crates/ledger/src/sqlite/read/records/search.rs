//! Where the rows of a list may be that a filter takes, by the blocks of
//! [`terms`](crate::sqlite::terms).

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, Result, params};

use super::filter::Numbered;
use crate::engine::Span;
use crate::sqlite::terms::{LONGEST, Places, Term, TermHash, first_of, list_number, part_number};
use crate::sqlite::values::int;
use crate::{ListOrder, RecordList, StateFilter};
use tollgate_base::globs::EventPattern;

/// So many blocks are looked at in one statement.
const BLOCKS: usize = 256;

/// If more types of a block match a pattern than these, all rows of the block are looked at.
const KINDS: usize = 16;

/// What a list is searched for.
#[derive(Default)]
pub(crate) struct Search<'a> {
    /// Terms that a row must have, all of them.
    terms: Vec<TermHash>,
    /// A pattern with a star.
    kinds: Option<&'a EventPattern>,
    from: Option<i64>,
    to: Option<i64>,
    /// Whether `terms` name a handler of events. An event may have got another delivery after its
    /// block was made.
    of_handler: bool,
    /// If this is set, no other rows match: their numbers in ascending order.
    rows: Option<Vec<i64>>,
}

/// A part of a list, in the list's order.
pub(crate) enum Piece {
    /// The rows above one number and up to another may match.
    Rows(i64, i64),
    /// Only the rows of these numbers may match, up to this edge of the part.
    At(Vec<i64>, i64),
}

/// A block.
struct Block {
    first: i64,
    last: i64,
    received: i64,
    until: i64,
    kinds: Option<String>,
}

impl<'a> Search<'a> {
    /// The search for a list of events or deliveries.
    pub(crate) fn of(list: RecordList, numbered: &Numbered<'a>) -> Self {
        let filter = numbered.filter.filter;
        let text = |value: &'a Option<String>, term: fn(&'a str) -> Term<'a>| {
            value.as_deref().map(|value| term(value).hash())
        };
        let (literal, pattern) = match &filter.kind {
            Some(kind) if kind.as_str().contains('*') => (None, Some(kind)),
            kind => (kind.as_ref(), None),
        };
        let unrouted = filter.state == Some(StateFilter::Unrouted);
        let terms = [
            text(&filter.provider_id, Term::ProviderId),
            text(&filter.subject, Term::Subject),
            text(&filter.account, Term::Account),
            numbered
                .handler
                .map(|handler| Term::Handler(handler).hash()),
            unrouted.then(|| Term::Unrouted.hash()),
            literal.map(|kind| Term::Kind(kind.as_str()).hash()),
            numbered.source.map(|source| Term::Source(source).hash()),
        ];
        Self {
            terms: terms.into_iter().flatten().collect(),
            kinds: pattern.filter(|kind| kind.as_str() != "*"),
            from: filter.from.map(int),
            to: filter.to.map(int),
            of_handler: list == RecordList::Events && numbered.handler.is_some(),
            rows: None,
        }
    }

    /// The same search among these rows alone.
    pub(crate) fn among(self, rows: Option<Vec<i64>>) -> Self {
        let rows = rows.map(|mut rows| {
            rows.sort_unstable();
            rows.dedup();
            rows
        });
        Self { rows, ..self }
    }

    /// Whether any row may match.
    fn is_for_all(&self) -> bool {
        let has_bounds = self.from.is_some() || self.to.is_some();
        self.terms.is_empty() && self.kinds.is_none() && !has_bounds
    }

    /// Whether a block may have a row that matches, but for its terms.
    fn may_have(&self, block: &Block) -> bool {
        self.from.is_none_or(|from| block.until >= from)
            && self.to.is_none_or(|to| block.received < to)
    }
}

/// The parts of a list in which rows may match.
pub(crate) struct Pieces<'s> {
    search: &'s Search<'s>,
    span: Span,
    found: VecDeque<Piece>,
    /// Whether the whole span is in pieces.
    ended: bool,
}

impl<'s> Pieces<'s> {
    /// The pieces of a page's span.
    pub(crate) fn new(search: &'s Search<'s>, span: Span) -> Self {
        Self {
            search,
            span,
            found: VecDeque::new(),
            ended: false,
        }
    }

    /// The next piece; `None` at the end of the span.
    pub(crate) fn next(&mut self, conn: &Connection) -> Result<Option<Piece>> {
        while self.found.is_empty() && !self.ended {
            if let Some(rows) = &self.search.rows {
                let (from, to) = (self.span.above, self.span.up_to);
                let within = rows.iter().copied().filter(|row| from < *row && *row <= to);
                self.found.push_back(self.at(within.collect(), (from, to)));
                self.ended = true;
            } else if self.search.is_for_all() {
                self.rest();
            } else {
                self.look(conn)?;
            }
        }
        Ok(self.found.pop_front())
    }

    /// Ends with everything that is left.
    fn rest(&mut self) {
        let rows = Piece::Rows(self.span.above, self.span.up_to);
        self.found.push_back(rows);
        self.ended = true;
    }

    /// These rows, given in ascending order, of a part of the list.
    fn at(&self, mut rows: Vec<i64>, (above, up_to): (i64, i64)) -> Piece {
        match self.span.order {
            ListOrder::Newest => {
                rows.reverse();
                Piece::At(rows, above + 1)
            }
            ListOrder::Oldest => Piece::At(rows, up_to),
        }
    }

    /// Looks at the next blocks.
    fn look(&mut self, conn: &Connection) -> Result<()> {
        let blocks = self.blocks(conn)?;
        let is_last = blocks.len() < BLOCKS;
        let firsts = blocks.iter().map(|block| block.first);
        let bounds = firsts.clone().min().zip(firsts.max());
        let places = match bounds {
            Some(bounds) => self.places(conn, bounds)?,
            None => None,
        };
        for block in blocks {
            let places = match &places {
                Some(places) => places.get(&block.first).cloned().unwrap_or(none()),
                None => Places::Anywhere,
            };
            let places = match self.search.may_have(&block) {
                true => self.of_kinds(conn, &block, self.or_later(conn, &block, places)?)?,
                false => none(),
            };
            self.push(&block, places);
        }
        if is_last {
            self.rest();
        }
        Ok(())
    }

    /// The next blocks of the span, in the list's order.
    fn blocks(&self, conn: &Connection) -> Result<Vec<Block>> {
        let direction = match self.span.order {
            ListOrder::Newest => "DESC",
            ListOrder::Oldest => "ASC",
        };
        let sql = format!(
            "SELECT first, last, received, until, kinds FROM search_blocks
             WHERE list = ?1 AND first > ?2 AND first <= ?4 AND last > ?3
             ORDER BY first {direction} LIMIT {BLOCKS}"
        );
        let Span {
            above, up_to, list, ..
        } = self.span;
        let lowest = above.saturating_sub(LONGEST);
        conn.prepare_cached(&sql)?
            .query_map(params![list_number(list), lowest, above, up_to], |row| {
                Ok(Block {
                    first: row.get(0)?,
                    last: row.get(1)?,
                    received: row.get(2)?,
                    until: row.get(3)?,
                    kinds: row.get(4)?,
                })
            })?
            .collect()
    }

    /// Where rows of blocks with these first numbers have all terms. A block that is not in the
    /// answer has none. `None` without terms.
    fn places(
        &self,
        conn: &Connection,
        firsts: (i64, i64),
    ) -> Result<Option<BTreeMap<i64, Places>>> {
        let mut all: Option<BTreeMap<i64, Places>> = None;
        for term in &self.search.terms {
            let mut found = places_of(conn, self.span.list, *term, firsts)?;
            if let Some(before) = &mut all {
                found = found
                    .into_iter()
                    .filter_map(|(first, places)| {
                        let places = before.remove(&first)?.and(places);
                        (places != none()).then_some((first, places))
                    })
                    .collect();
            }
            all = Some(found);
        }
        Ok(all)
    }

    /// The places, and those of events that got a delivery later, if that may be of the handler.
    fn or_later(&self, conn: &Connection, block: &Block, places: Places) -> Result<Places> {
        if !self.search.of_handler {
            return Ok(places);
        }
        let later: Vec<i64> = conn
            .prepare_cached(
                "SELECT DISTINCT event FROM later_deliveries WHERE event BETWEEN ?1 AND ?2",
            )?
            .query_map([block.first, block.last], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let later = later.iter().map(|event| event - block.first);
        let later = later.filter_map(|place| u16::try_from(place).ok());
        Ok(places.or(Places::At(later.collect())))
    }

    /// Those of the places at which the event has a type that the pattern matches.
    fn of_kinds(&self, conn: &Connection, block: &Block, places: Places) -> Result<Places> {
        let (Some(pattern), Some(kinds)) = (self.search.kinds, &block.kinds) else {
            return Ok(places);
        };
        if places == none() {
            return Ok(places);
        }
        let kinds: Vec<String> = serde_json::from_str(kinds).unwrap_or_default();
        let meant: Vec<_> = kinds.iter().filter(|kind| pattern.matches(kind)).collect();
        if meant.len() > KINDS {
            return Ok(places);
        }
        let mut of_kinds = none();
        for kind in meant {
            let term = Term::Kind(kind).hash();
            let found = places_of(conn, self.span.list, term, (block.first, block.first))?;
            of_kinds = of_kinds.or(found.into_values().next().unwrap_or(none()));
        }
        Ok(places.and(of_kinds))
    }

    /// Adds a block, and the rows before it that are in no block.
    fn push(&mut self, block: &Block, places: Places) {
        let Span {
            above,
            up_to,
            order,
            ..
        } = self.span;
        let (low, high) = (above.max(block.first - 1), up_to.min(block.last));
        match order {
            ListOrder::Newest => {
                self.push_rows(high, up_to);
                self.span.up_to = low;
            }
            ListOrder::Oldest => {
                self.push_rows(above, low);
                self.span.above = high;
            }
        }
        let piece = match places {
            Places::Anywhere => Piece::Rows(low, high),
            Places::At(places) => {
                let rows = places
                    .into_iter()
                    .map(|place| block.first + i64::from(place));
                self.at(
                    rows.filter(|row| low < *row && *row <= high).collect(),
                    (low, high),
                )
            }
        };
        self.found.push_back(piece);
    }

    fn push_rows(&mut self, above: i64, up_to: i64) {
        if above < up_to {
            self.found.push_back(Piece::Rows(above, up_to));
        }
    }
}

fn none() -> Places {
    Places::At(Vec::new())
}

/// Where rows of blocks with these first numbers may have a term. A block that is not in the answer
/// has none.
fn places_of(
    conn: &Connection,
    list: RecordList,
    term: TermHash,
    (low, high): (i64, i64),
) -> Result<BTreeMap<i64, Places>> {
    let mut found = BTreeMap::new();
    let mut statement =
        conn.prepare_cached("SELECT id, terms FROM search_terms WHERE id BETWEEN ?1 AND ?2")?;
    let id = |first| part_number(list, term.part, first);
    let mut rows = statement.query([id(low), id(high)])?;
    while let Some(row) = rows.next()? {
        let places = Places::find(row.get_ref(1)?.as_blob()?, term);
        if places != none() {
            found.insert(first_of(row.get(0)?), places);
        }
    }
    Ok(found)
}
