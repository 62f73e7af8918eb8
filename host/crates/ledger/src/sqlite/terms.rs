//! The terms by which events and deliveries are searched for, and their places in a block.
//!
//! A block covers a range of numbers in the order of arrival. The block has a small entry for each
//! term of a row: a part of the term's hash, and the place of the row in the block. The entries are
//! in [`PARTS`] parts, by the hash. So a search for one term reads one part of each block, and
//! finds the rows themselves. An entry may lead to a row that has another term with the same hash:
//! whoever searches compares the row, too.

use super::checksum::fnv1a;
use crate::RecordList;

/// The parts of a block. A part of a full block takes about 3 KB, so two fit into a page.
pub(crate) const PARTS: u64 = 16;

/// The bits of a number: numbers of rows are smaller.
const NUMBER_BITS: u32 = 52;

/// The length of an entry: four bytes of the hash and two of the place.
const ENTRY: usize = 6;

/// A term that so many rows of a block have tells little. Its rows are not in the block by their
/// places: a search looks at all rows of the block.
const MANY_ROWS: usize = 256;

/// Stands for the places of many rows.
const MANY: u16 = u16::MAX;

/// The most numbers that a block may cover: places are smaller than [`MANY`].
pub(crate) const LONGEST: i64 = MANY as i64;

/// The numbers that a block covers. So many rows without a block are quickly looked at one by one.
pub(crate) const BLOCK: i64 = 4096;

const _: () = assert!(BLOCK <= LONGEST, "places must not reach the largest");

/// A value of an event or a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term<'a> {
    ProviderId(&'a str),
    Subject(&'a str),
    Account(&'a str),
    /// The event's type.
    Kind(&'a str),
    /// The number of a source.
    Source(i64),
    /// The number of the handler of a delivery, or of a delivery that an event was recorded with.
    Handler(i64),
    /// The event was recorded without a delivery.
    Unrouted,
}

/// The hash of a term. It is in the file, so it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TermHash {
    /// Which part of a block has the term.
    pub(crate) part: u64,
    bits: u32,
}

impl Term<'_> {
    /// The term's hash.
    pub(crate) fn hash(self) -> TermHash {
        let hash = match self {
            Self::ProviderId(text) => hash(b'p', text.bytes()),
            Self::Subject(text) => hash(b's', text.bytes()),
            Self::Account(text) => hash(b'a', text.bytes()),
            Self::Kind(text) => hash(b'k', text.bytes()),
            Self::Source(number) => hash(b'o', number.to_le_bytes()),
            Self::Handler(number) => hash(b'h', number.to_le_bytes()),
            Self::Unrouted => hash(b'u', []),
        };
        TermHash {
            part: hash >> 60,
            bits: hash as u32,
        }
    }
}

fn hash(kind: u8, bytes: impl IntoIterator<Item = u8>) -> u64 {
    let hash = fnv1a([kind].into_iter().chain(bytes));
    // Ids differ in their last bytes, which FNV-1a does not spread over all bits: the finalizer of
    // MurmurHash3 does.
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The number of the row in `search_terms` that has a part of a block: the list, the part, and the
/// first number of the block. So the parts that a search reads lie side by side.
pub(crate) fn part_number(list: RecordList, part: u64, first: i64) -> i64 {
    let part = (list_number(list) as u64 * PARTS + part) << NUMBER_BITS;
    part as i64 | first.clamp(0, (1 << NUMBER_BITS) - 1)
}

/// The first number of the block whose part has this number in `search_terms`.
pub(crate) fn first_of(part_number: i64) -> i64 {
    part_number & ((1 << NUMBER_BITS) - 1)
}

/// A list's number in the file.
pub(crate) fn list_number(list: RecordList) -> i64 {
    match list {
        RecordList::Events => 0,
        RecordList::Deliveries => 1,
        RecordList::Requests => 2,
        RecordList::Rejections => 3,
    }
}

/// The terms of a block's rows, until the block is full: part, bits of the hash and place in one
/// number each, so that they are quickly sorted.
#[derive(Default)]
pub(crate) struct Entries(Vec<u64>);

impl Entries {
    /// Adds a term of the row at this place.
    pub(crate) fn add(&mut self, term: Term<'_>, place: u16) {
        let TermHash { part, bits } = term.hash();
        self.0
            .push(part << 48 | u64::from(bits) << 16 | u64::from(place));
    }

    /// Each part that has entries, with its entries.
    pub(crate) fn into_parts(mut self) -> Vec<(u64, Vec<u8>)> {
        self.0.sort_unstable();
        let mut parts: Vec<(u64, Vec<u8>)> = Vec::new();
        for rows in self.0.chunk_by(|a, b| a >> 16 == b >> 16) {
            let term = rows[0] >> 16;
            let part = term >> 32;
            if parts.last().is_none_or(|(last, _)| *last != part) {
                parts.push((part, Vec::new()));
            }
            if let Some((_, entries)) = parts.last_mut() {
                let many = [term << 16 | u64::from(MANY)];
                let rows = if rows.len() > MANY_ROWS { &many } else { rows };
                for row in rows {
                    entries.extend_from_slice(&((row >> 16) as u32).to_le_bytes());
                    entries.extend_from_slice(&(*row as u16).to_le_bytes());
                }
            }
        }
        parts
    }
}

/// The rows of a block that may have a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// The rows at these places, in order. Often none.
    At(Vec<u16>),
    /// Any row.
    Anywhere,
}

impl Places {
    /// Looks a term up in the part of a block that would have it.
    pub(crate) fn find(part: &[u8], term: TermHash) -> Self {
        let entry = |index: usize| {
            let entry = &part[index * ENTRY..][..ENTRY];
            let bits = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            (bits, u16::from_le_bytes([entry[4], entry[5]]))
        };
        let (mut low, mut high) = (0, part.len() / ENTRY);
        while low < high {
            let middle = (low + high) / 2;
            match entry(middle).0 < term.bits {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let found = (low..part.len() / ENTRY).map(entry);
        let places: Vec<_> = found
            .take_while(|(bits, _)| *bits == term.bits)
            .map(|(_, place)| place)
            .collect();
        match places.contains(&MANY) {
            true => Self::Anywhere,
            false => Self::At(places),
        }
    }

    /// The rows that are in both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Anywhere, places) | (places, Self::Anywhere) => places,
            (Self::At(mut these), Self::At(those)) => {
                these.retain(|place| those.binary_search(place).is_ok());
                Self::At(these)
            }
        }
    }

    /// The rows that are in one of the two.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(mut these), Self::At(those)) => {
                these.extend(those);
                these.sort_unstable();
                these.dedup();
                Self::At(these)
            }
            _ => Self::Anywhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_term_is_the_same_in_every_version() {
        let known = |term: Term<'_>| (term.hash().part, term.hash().bits);
        // Computed by a program of another language.
        assert_eq!(known(Term::ProviderId("evt_1")), (6, 3_914_767_013));
        assert_eq!(known(Term::Subject("evt_1")), (7, 3_771_430_054));
        assert_eq!(known(Term::Source(1)), (6, 1_826_624_592));
    }

    #[test]
    fn a_block_knows_the_places_of_its_terms() {
        let ids: Vec<String> = (0..4096).map(|n| format!("evt_{n}")).collect();
        let mut entries = Entries::default();
        for (place, id) in (0..).zip(&ids) {
            entries.add(Term::ProviderId(id), place);
            entries.add(Term::Subject(&ids[usize::from(place) % 1000]), place);
            entries.add(Term::Source(7), place);
        }
        let parts = entries.into_parts();
        assert_eq!(parts.len() as u64, PARTS, "every part has entries");
        let find = |term: Term<'_>| {
            let hash = term.hash();
            let part = parts.iter().find(|(part, _)| *part == hash.part);
            Places::find(&part.unwrap().1, hash)
        };
        for (place, id) in (0..).zip(&ids) {
            let Places::At(found) = find(Term::ProviderId(id)) else {
                panic!("{id} is anywhere");
            };
            assert!(found.contains(&place), "{id}: {found:?}");
            assert!(found.len() < 3, "{id}: {found:?}");
        }
        let Places::At(found) = find(Term::Subject("evt_3")) else {
            panic!("anywhere");
        };
        assert_eq!(found, [3, 1003, 2003, 3003, 4003]);
        assert_eq!(find(Term::Source(7)), Places::Anywhere);
        let wrong = (0..10_000).filter(|n| find(Term::Account(&n.to_string())) != none());
        assert!(wrong.count() < 5, "other terms are rarely found");
    }

    fn none() -> Places {
        Places::At(Vec::new())
    }

    #[test]
    fn places_are_combined() {
        let at = |places: &[u16]| Places::At(places.to_vec());
        assert_eq!(at(&[1, 3, 5]).and(at(&[3, 4, 5])), at(&[3, 5]));
        assert_eq!(at(&[1]).and(Places::Anywhere), at(&[1]));
        assert_eq!(Places::Anywhere.and(at(&[1])), at(&[1]));
        assert_eq!(at(&[1, 3]).or(at(&[2, 3])), at(&[1, 2, 3]));
        assert_eq!(at(&[1]).or(Places::Anywhere), Places::Anywhere);
    }

    #[test]
    fn a_part_says_whose_it_is() {
        let lists = [RecordList::Events, RecordList::Deliveries];
        let mut last = -1;
        for list in lists {
            for part in 0..PARTS {
                for first in [0, 4096, 1 << 40] {
                    let number = part_number(list, part, first);
                    assert!(number > last, "in order");
                    assert_eq!(first_of(number), first);
                    last = number;
                }
            }
        }
    }
}
