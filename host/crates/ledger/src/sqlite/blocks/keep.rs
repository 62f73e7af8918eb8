//! Writing one block, or removing one.

use rusqlite::{Result, params};

use super::block::{Block, Range};
use crate::engine::BASE_WEIGHT;
use crate::sqlite::terms::{PARTS, list_number, part_number};
use crate::sqlite::write::{Operation, Transaction};

/// Puts a block in the place of the one that covers its range; `None` removes that one.
pub(super) struct KeepBlock {
    pub(super) range: Range,
    pub(super) block: Option<Block>,
}

impl Operation for KeepBlock {
    type Answer = ();

    fn weight(&self) -> usize {
        let parts = self.block.iter().flat_map(|block| &block.parts);
        BASE_WEIGHT + parts.map(|(_, entries)| entries.len()).sum::<usize>()
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        let Range { list, first, last } = self.range;
        for part in 0..PARTS {
            tx.execute(
                "DELETE FROM search_terms WHERE id = ?1",
                [part_number(list, part, first)],
            )?;
        }
        let Some(block) = &self.block else {
            tx.execute(
                "DELETE FROM search_blocks WHERE list = ?1 AND first = ?2",
                [list_number(list), first],
            )?;
            return Ok(());
        };
        for (part, entries) in &block.parts {
            tx.execute(
                "INSERT INTO search_terms (id, terms) VALUES (?1, ?2)",
                params![part_number(list, *part, first), entries],
            )?;
        }
        tx.execute(
            "INSERT OR REPLACE INTO search_blocks
                 (list, first, last, kept, received, until, kinds)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                list_number(list),
                first,
                last,
                block.kept,
                block.received,
                block.until,
                block.kinds,
            ],
        )?;
        Ok(())
    }
}
