//! Rows with consecutive numbers, by which an attempt's effects are found.

/// Consecutive rows.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) first: Option<i64>,
    count: u32,
}

impl Extend<i64> for Span {
    fn extend<I: IntoIterator<Item = i64>>(&mut self, rows: I) {
        for row in rows {
            self.first.get_or_insert(row);
            self.count += 1;
        }
    }
}

impl Span {
    /// The number of rows; `None` if there are none.
    pub(super) fn count(self) -> Option<u32> {
        self.first.map(|_| self.count)
    }
}
