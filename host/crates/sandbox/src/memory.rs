//! The limits on the memories and tables of one run. All memories of an instance count together,
//! and so do all tables. (wasmtime's own limiter looks at each memory by itself.)

use std::fmt;

use wasmtime::ResourceLimiter;

use crate::guest::Limits;

/// Counts the memories and tables of one store against the handler's limits.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    memory: Account,
    tables: Account,
    /// The first limit that the guest reached. A refused growth is no trap by itself; if a trap
    /// follows, this limit is the cause.
    exceeded: Option<Exceeded>,
}

/// A limit that the guest reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    name: &'static str,
    unit: Unit,
    needed: usize,
    limit: usize,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Elements,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            unit,
            needed,
            limit,
        } = *self;
        match unit {
            Unit::Bytes => {
                let (needed, limit) = (mebibytes(needed), mebibytes(limit));
                write!(f, "{name} (needs {needed} MiB at least, has {limit} MiB)")
            }
            Unit::Elements => write!(f, "{name} (needs {needed} at least, has {limit})"),
        }
    }
}

/// Bytes in MiB, with two decimals at most.
fn mebibytes(bytes: usize) -> f64 {
    (bytes as f64 / f64::from(1 << 20) * 100.0).ceil() / 100.0
}

/// The use of one limit.
#[derive(Debug)]
struct Account {
    name: &'static str,
    unit: Unit,
    used: usize,
    limit: usize,
}

impl Account {
    fn new(name: &'static str, unit: Unit, limit: usize) -> Self {
        Self {
            name,
            unit,
            used: 0,
            limit,
        }
    }

    /// Counts a growth from `current` to `desired`, unless the growth exceeds the limit.
    fn take(&mut self, current: usize, desired: usize) -> Result<(), Exceeded> {
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            return Err(Exceeded {
                name: self.name,
                unit: self.unit,
                needed: total,
                limit: self.limit,
            });
        }
        self.used = total;
        Ok(())
    }
}

impl MemoryBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: Account::new("memory", Unit::Bytes, limits.memory),
            tables: Account::new("tables", Unit::Elements, limits.tables),
            exceeded: None,
        }
    }

    /// The bytes of all memories together. Memories never shrink.
    pub(crate) fn used(&self) -> usize {
        self.memory.used
    }

    /// The first limit that the guest reached.
    pub(crate) fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded
    }
}

/// Whether something may grow. Notes the limit that is exceeded.
fn grow(
    account: &mut Account,
    exceeded: &mut Option<Exceeded>,
    current: usize,
    desired: usize,
    maximum: Option<usize>,
) -> bool {
    // Growth beyond the maximum that the guest itself declares fails anyway.
    if maximum.is_some_and(|maximum| desired > maximum) {
        return false;
    }
    match account.take(current, desired) {
        Ok(()) => true,
        Err(reached) => {
            exceeded.get_or_insert(reached);
            false
        }
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Self {
            memory, exceeded, ..
        } = self;
        Ok(grow(memory, exceeded, current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Self {
            tables, exceeded, ..
        } = self;
        Ok(grow(tables, exceeded, current, desired, maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(memory: usize, tables: usize) -> MemoryBudget {
        MemoryBudget {
            memory: Account::new("memory", Unit::Bytes, memory),
            tables: Account::new("tables", Unit::Elements, tables),
            exceeded: None,
        }
    }

    #[test]
    fn memories_count_together() {
        const MIB: usize = 1 << 20;
        let mut budget = budget(12 * MIB, 10);
        assert!(budget.memory_growing(0, 8 * MIB, None).unwrap());
        assert!(!budget.memory_growing(0, 5 * MIB - 1, None).unwrap());
        let exceeded = budget.exceeded().unwrap().to_string();
        assert_eq!(exceeded, "memory (needs 13 MiB at least, has 12 MiB)");
        assert!(budget.memory_growing(8 * MIB, 12 * MIB, None).unwrap());
        // The first limit is the one that is told.
        assert!(!budget.table_growing(0, 11, None).unwrap());
        assert_eq!(budget.exceeded().unwrap().name, "memory");
    }

    #[test]
    fn elements_of_tables_are_counted_one_by_one() {
        let mut budget = budget(0, 10);
        assert!(!budget.table_growing(0, 11, None).unwrap());
        let exceeded = budget.exceeded().unwrap().to_string();
        assert_eq!(exceeded, "tables (needs 11 at least, has 10)");
    }

    #[test]
    fn a_guests_own_maximum_is_not_the_limit() {
        let mut budget = budget(100, 10);
        assert!(!budget.memory_growing(0, 60, Some(50)).unwrap());
        assert_eq!(budget.exceeded(), None);
    }
}
