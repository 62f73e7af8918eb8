//! The part of a table that a page covers, and its cursors.

use crate::{Cursor, ListError, ListOrder, Page, RecordList};

/// A page whose cursors are read. Rows are in the order of arrival of their numbers, which begin
/// at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) list: RecordList,
    /// Numbers above this one.
    pub(crate) above: i64,
    /// Numbers up to this one.
    pub(crate) up_to: i64,
    pub(crate) limit: usize,
    pub(crate) order: ListOrder,
}

impl Span {
    /// Reads the cursors of a page.
    pub(crate) fn of(list: RecordList, page: &Page) -> Result<Self, ListError> {
        let place = |cursor: &Option<Cursor>| -> Result<Option<i64>, ListError> {
            let read = |cursor| place(list, cursor).ok_or(ListError::InvalidCursor);
            cursor.as_ref().map(read).transpose()
        };
        let (after, until) = (place(&page.after)?, place(&page.until)?);
        let until = until.unwrap_or(i64::MAX);
        let (above, up_to) = match page.order {
            ListOrder::Newest => (0, after.map_or(until, |after| until.min(after - 1))),
            ListOrder::Oldest => (after.unwrap_or(0), until),
        };
        Ok(Self {
            list,
            above,
            up_to,
            limit: page.limit,
            order: page.order,
        })
    }

    /// The cursor at the row of this number.
    pub(crate) fn cursor(&self, number: i64) -> Cursor {
        cursor(self.list, number)
    }
}

/// Tells cursors of one list from those of others.
fn letter(list: RecordList) -> char {
    match list {
        RecordList::Events => 'e',
        RecordList::Deliveries => 'd',
        RecordList::Requests => 'r',
        RecordList::Rejections => 'x',
    }
}

/// The cursor at a number: the list's letter and the number in hexadecimal.
pub(crate) fn cursor(list: RecordList, number: i64) -> Cursor {
    Cursor::new(format!("{}{number:x}", letter(list)))
}

/// The number of a cursor; `None` if the cursor is not one that [`cursor`] makes.
fn place(list: RecordList, text: &Cursor) -> Option<i64> {
    let digits = text.as_str().strip_prefix(letter(list))?;
    let number = i64::from_str_radix(digits, 16).ok()?;
    (number >= 0 && cursor(list, number) == *text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [RecordList; 4] = [
        RecordList::Events,
        RecordList::Deliveries,
        RecordList::Requests,
        RecordList::Rejections,
    ];

    #[test]
    fn a_cursor_is_read_by_its_own_list() {
        for number in [0, 1, 255, i64::MAX] {
            for (made, read) in LISTS.into_iter().flat_map(|a| LISTS.map(|b| (a, b))) {
                let found = place(read, &cursor(made, number));
                assert_eq!(found, (made == read).then_some(number));
            }
        }
    }

    #[test]
    fn other_texts_are_no_cursors() {
        let long = "d".repeat(10_000);
        for text in [
            "",
            "d",
            "1",
            "d-1",
            "d+1",
            "d01",
            "dA",
            "d 1",
            "d1 ",
            "dx",
            "ee1",
            "D1",
            "e1",
            "d1\0",
            "d8000000000000000",
            "dffffffffffffffffff",
            "d\u{661}",
            &long,
        ] {
            let cursor = Cursor::new(text);
            assert_eq!(place(RecordList::Deliveries, &cursor), None, "{text}");
        }
    }

    #[test]
    fn a_page_covers_what_is_between_its_cursors() {
        let covered = |after: Option<i64>, until: Option<i64>, order| {
            let cursor = |number| cursor(RecordList::Events, number);
            let page = Page {
                after: after.map(cursor),
                until: until.map(cursor),
                limit: 9,
                order,
            };
            let span = Span::of(RecordList::Events, &page).unwrap();
            (span.above, span.up_to)
        };
        use ListOrder::{Newest, Oldest};
        assert_eq!(covered(None, None, Newest), (0, i64::MAX));
        assert_eq!(covered(Some(7), None, Newest), (0, 6));
        assert_eq!(covered(Some(7), Some(5), Newest), (0, 5));
        assert_eq!(covered(Some(0), Some(5), Newest), (0, -1));
        assert_eq!(covered(Some(7), None, Oldest), (7, i64::MAX));
        assert_eq!(covered(Some(7), Some(9), Oldest), (7, 9));
        assert_eq!(covered(None, Some(0), Oldest), (0, 0));
    }
}
