//! How much a page of a list may look at.

use std::cell::Cell;

/// How much a page may look at. A narrow row costs one.
pub(crate) struct Scan(Cell<usize>);

impl Scan {
    /// A page may look at so many narrow rows.
    pub(crate) fn rows(rows: usize) -> Self {
        Self(Cell::new(rows))
    }

    /// Notes that a row has cost so much more: the page looks at fewer rows.
    pub(crate) fn cost(&self, more: usize) {
        self.0.set(self.0.get().saturating_sub(more));
    }

    /// Whether the page has looked at enough.
    pub(crate) fn is_over(&self) -> bool {
        self.0.get() == 0
    }
}
