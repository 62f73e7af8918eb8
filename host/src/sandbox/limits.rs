//! The limits on one run that wasmtime asks about: memory and tables, summed over all of
//! an instance's. (Its own limiter looks at each memory by itself.)

use wasmtime::ResourceLimiter;

use crate::manifest::Limits;

/// Counts what the memories and tables of one store hold.
#[derive(Debug)]
pub(super) struct Budget {
    memory: usize,
    memory_limit: usize,
    tables: usize,
    tables_limit: usize,
    /// The first limit that a guest ran into. Growth that is refused is no trap by
    /// itself; if one follows, this says why.
    exceeded: Option<&'static str>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_limit: limits.memory,
            tables: 0,
            tables_limit: limits.tables,
            exceeded: None,
        }
    }

    /// The limit that was hit, if any.
    pub(super) fn exceeded(&self) -> Option<&'static str> {
        self.exceeded
    }
}

/// Adds the growth to `used` unless that goes over `limit`.
fn take(used: &mut usize, limit: usize, current: usize, desired: usize) -> bool {
    let Some(total) = used.checked_add(desired.saturating_sub(current)) else {
        return false;
    };
    let fits = total <= limit;
    if fits {
        *used = total;
    }
    fits
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Beyond the maximum that the guest itself declares, growth fails anyway.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let fits = take(&mut self.memory, self.memory_limit, current, desired);
        if !fits {
            self.exceeded.get_or_insert("memory");
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let fits = take(&mut self.tables, self.tables_limit, current, desired);
        if !fits {
            self.exceeded.get_or_insert("tables");
        }
        Ok(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(memory: usize, tables: usize) -> Budget {
        Budget {
            memory: 0,
            memory_limit: memory,
            tables: 0,
            tables_limit: tables,
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
