//! Listings of state by prefix: keys below a prefix, and writes laid over the rows of a store.

use std::collections::BTreeMap;
use std::ops::Bound;

use tollgate_ledger::StateEntry;

/// The entries of `map` that begin with `prefix` and come after the key `after`, in order.
pub(crate) fn below<'m, T>(
    map: &'m BTreeMap<String, T>,
    prefix: &'m str,
    after: Option<&'m str>,
) -> impl Iterator<Item = (&'m String, &'m T)> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    map.range::<str, _>((from, Bound::Unbounded))
        .take_while(move |(key, _)| key.starts_with(prefix))
}

/// Writes that are laid over one page of a store's listing.
pub(crate) struct Overlay<W> {
    writes: Vec<(String, W)>,
    limit: u32,
    fetch: u32,
}

impl<W: Clone> Overlay<W> {
    /// An overlay of the writes that belong to the page, which has `limit` entries at most.
    pub(crate) fn new(
        writes: &BTreeMap<String, W>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Self {
        let writes: Vec<_> = below(writes, prefix, after)
            .map(|(key, write)| (key.clone(), write.clone()))
            .collect();
        // Each write may hide one row.
        let fetch = limit.saturating_add(u32::try_from(writes.len()).unwrap_or(u32::MAX));
        Self {
            writes,
            limit,
            fetch,
        }
    }

    /// The number of rows to read from the store.
    pub(crate) fn fetch(&self) -> u32 {
        self.fetch
    }

    /// Lays the writes over `rows`, which are the answer to a read of [`Self::fetch`] rows. `apply`
    /// returns the value of a key after a write, from its value before, or `None` if the write
    /// deletes the key.
    ///
    /// # Errors
    /// An error of `apply`.
    pub(crate) fn apply_to<E>(
        self,
        rows: Vec<StateEntry>,
        apply: impl Fn(Option<&[u8]>, W) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<impl Iterator<Item = (String, Vec<u8>)>, E> {
        // If the limit cut the listing off, keys beyond its last row are not known.
        let is_cut_off = rows.len() as u64 >= u64::from(self.fetch);
        let end = rows.last().filter(|_| is_cut_off);
        let end = end.map(|row| row.key.clone());
        let mut merged: BTreeMap<_, _> = rows.into_iter().map(|row| (row.key, row.value)).collect();
        for (key, write) in self.writes {
            if end.as_ref().is_some_and(|end| key > *end) {
                continue;
            }
            match apply(merged.get(&key).map(Vec::as_slice), write)? {
                Some(value) => drop(merged.insert(key, value)),
                None => drop(merged.remove(&key)),
            }
        }
        Ok(merged.into_iter().take(self.limit as usize))
    }
}
