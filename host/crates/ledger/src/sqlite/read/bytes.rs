//! Bounding a list by its bytes.

use rusqlite::Result;

/// Takes rows until they weigh `max_bytes` together, but at least one row.
pub(crate) fn within<T>(
    rows: impl Iterator<Item = Result<T>>,
    max_bytes: usize,
    weight: impl Fn(&T) -> usize,
) -> Result<Vec<T>> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += weight(&row);
        if bytes > max_bytes && !taken.is_empty() {
            break;
        }
        taken.push(row);
    }
    Ok(taken)
}
