//! The limits on the memories and tables of one run. All memories of an instance count together,
//! and so do all tables. (wasmtime's own limiter looks at each memory by itself.)

use wasmtime::ResourceLimiter;

use crate::guest::Limits;

/// Counts the memories and tables of one store against the handler's limits.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    memory: Account,
    tables: Account,
    /// The first limit that the guest reached. A refused growth is no trap by itself; if a trap
    /// follows, this limit is the cause.
    exceeded: Option<&'static str>,
}

/// The use of one limit.
#[derive(Debug)]
struct Account {
    name: &'static str,
    used: usize,
    limit: usize,
}

impl Account {
    fn new(name: &'static str, limit: usize) -> Self {
        Self {
            name,
            used: 0,
            limit,
        }
    }

    /// Counts a growth from `current` to `desired`. Returns false if the growth exceeds the limit.
    fn take(&mut self, current: usize, desired: usize) -> bool {
        let Some(total) = self.used.checked_add(desired.saturating_sub(current)) else {
            return false;
        };
        let fits = total <= self.limit;
        if fits {
            self.used = total;
        }
        fits
    }
}

impl MemoryBudget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: Account::new("memory", limits.memory),
            tables: Account::new("tables", limits.tables),
            exceeded: None,
        }
    }

    /// The bytes of all memories together. Memories never shrink.
    pub(crate) fn used(&self) -> usize {
        self.memory.used
    }

    /// The name of the first limit that the guest reached.
    pub(crate) fn exceeded(&self) -> Option<&'static str> {
        self.exceeded
    }
}

/// Whether something may grow. Notes the limit that is exceeded.
fn grow(
    account: &mut Account,
    exceeded: &mut Option<&'static str>,
    current: usize,
    desired: usize,
    maximum: Option<usize>,
) -> bool {
    // Growth beyond the maximum that the guest itself declares fails anyway.
    if maximum.is_some_and(|maximum| desired > maximum) {
        return false;
    }
    let fits = account.take(current, desired);
    if !fits {
        exceeded.get_or_insert(account.name);
    }
    fits
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
            memory: Account::new("memory", memory),
            tables: Account::new("tables", tables),
            exceeded: None,
        }
    }

    #[test]
    fn memories_count_together() {
        let mut budget = budget(100, 10);
        assert!(budget.memory_growing(0, 60, None).unwrap());
        assert!(!budget.memory_growing(0, 60, None).unwrap());
        assert_eq!(budget.exceeded(), Some("memory"));
        assert!(budget.memory_growing(60, 100, None).unwrap());
    }

    #[test]
    fn a_guests_own_maximum_is_not_the_limit() {
        let mut budget = budget(100, 10);
        assert!(!budget.memory_growing(0, 60, Some(50)).unwrap());
        assert_eq!(budget.exceeded(), None);
    }
}
