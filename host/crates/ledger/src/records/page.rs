//! Pages of lists, and the cursors that lead from one page to the next.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A list that is read page by page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordList {
    /// The events.
    Events,
    /// The deliveries.
    Deliveries,
    /// The requests of the outbox.
    Requests,
    /// The refused requests.
    Rejections,
}

/// A place in a list, as text. The engine that makes a cursor is the only one that reads it: the
/// text has no meaning for others, and the order of texts says nothing about the order of places.
///
/// A cursor may have passed through other hands, so any text makes one. A list answers a cursor
/// that is not its own with [`ListError::InvalidCursor`](crate::ListError::InvalidCursor).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Begins behind this place: the `next` of the page before. `None`: at the first item.
    pub after: Option<Cursor>,
    /// Leaves out items that are newer than this place, which
    /// [`Records::last_cursor`](super::Records::last_cursor) returned. A walk in several pages
    /// ends by it, however many items arrive meanwhile.
    pub until: Option<Cursor>,
    /// The most items.
    pub limit: usize,
    /// The direction.
    pub order: ListOrder,
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    /// The last arrival first.
    Newest,
    /// The first arrival first.
    Oldest,
}

/// The items of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listed<T> {
    /// The items that were found. A page looks at a bounded number of rows, so it may have fewer
    /// items than its limit although more follow.
    pub items: Vec<T>,
    /// The `after` of the next page; `None` at the end.
    pub next: Option<Cursor>,
}

impl<T> Default for Listed<T> {
    /// A list without items.
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}
