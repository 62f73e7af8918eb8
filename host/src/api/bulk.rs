//! Changes of many items in steps: the request and the report of one step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::ApiError;
use super::intervention::{Attribution, By};
use crate::server::Operator;
use tollgate_ledger::{Cursor, Intervened, ListOrder, Listed, Page};

/// The most deliveries, events or requests that one call changes. So few that their commit delays
/// no acknowledgement.
pub(crate) const STEP: usize = 100;

/// A change of deliveries or requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Try them now.
    Retry,
    /// Give them up.
    Cancel,
}

/// Selects deliveries or requests to change: one step of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BulkRequest {
    /// The numbers of the items. A request has numbers or a filter.
    #[schema(max_items = 100)]
    pub(crate) numbers: Vec<i64>,
    /// A filter that items must match, as the names and values of the list's query.
    pub(crate) filter: Option<BTreeMap<String, String>>,
    /// Whether to count only.
    pub(crate) dry_run: bool,
    /// The cursor of the step: the `next` of the step before.
    pub(crate) after: Option<Cursor>,
    /// The cursor of the last item: newer items, which arrived after the first step, are not
    /// changed. The `until` of the step before.
    pub(crate) until: Option<Cursor>,
    /// The name of the operator, for the record.
    pub(crate) who: Option<String>,
    /// The reason, for the record.
    pub(crate) why: Option<String>,
}

impl BulkRequest {
    /// Checks that the request names items in one way, and not too many.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        if self.numbers.is_empty() == self.filter.is_none() {
            return Err(ApiError::bad_request("name `numbers` or a `filter`"));
        }
        match self.numbers.len() > STEP {
            true => Err(ApiError::bad_request(format!(
                "name {STEP} at most in one call"
            ))),
            false => Ok(()),
        }
    }

    /// Changes the items of a step that can be changed. `of` returns the handler and the state of
    /// an item, and `why_not` why an item cannot be changed.
    pub(super) fn change<T>(
        &self,
        (selected, mut report): (Vec<T>, BulkReport),
        of: fn(&T) -> (&str, &str),
        why_not: impl Fn(&T) -> Option<String>,
        change: impl FnOnce(&[T]) -> Result<Vec<Intervened>, ApiError>,
    ) -> Result<BulkReport, ApiError> {
        let mut fit = Vec::with_capacity(selected.len());
        for item in selected {
            match why_not(&item) {
                Some(why) => report.refuse(why),
                None => fit.push(item),
            }
        }
        let results = if self.dry_run || fit.is_empty() {
            vec![Intervened::Done; fit.len()]
        } else {
            change(&fit)?
        };
        let what = |item: &T| {
            let (handler, state) = of(item);
            format!("{handler} {state}")
        };
        report.count_all(fit.iter().map(what), &results);
        Ok(report)
    }

    /// The operator who sent the request, and the reason.
    pub(super) fn by(&self, operator: &Operator) -> By {
        let said = Attribution {
            who: self.who.clone(),
            why: self.why.clone(),
        };
        said.by(operator)
    }
}

/// The page of a list that a step changes.
pub(super) fn step(after: Option<Cursor>, until: Cursor) -> Page {
    Page {
        after,
        until: Some(until),
        limit: STEP,
        order: ListOrder::Oldest,
    }
}

/// The result of a call that changes many items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BulkReport {
    /// The number of selected items.
    pub(crate) matched: u64,
    /// The number of items that were changed or, in a dry run, would be.
    pub(crate) done: u64,
    /// The reasons why other items were not changed, with the number of items each.
    pub(crate) refused: BTreeMap<String, u64>,
    /// The number of changed items by handler and by the state before.
    pub(crate) by: BTreeMap<String, u64>,
    /// The `after` of the next call; `None` after the last.
    pub(crate) next: Option<Cursor>,
    /// The `until` of the next call: items that arrived after the first call are not changed.
    pub(crate) until: Option<Cursor>,
}

impl BulkReport {
    /// The items of a page with their report before the change.
    pub(super) fn of_page<T>(listed: Listed<T>, page: Page) -> (Vec<T>, Self) {
        let report = Self {
            matched: listed.items.len() as u64,
            next: listed.next,
            until: page.until,
            ..Self::default()
        };
        (listed.items, report)
    }

    /// Items that were selected by name, with their report before the change.
    pub(super) fn of_named<T>(found: Vec<T>) -> (Vec<T>, Self) {
        let report = Self {
            matched: found.len() as u64,
            ..Self::default()
        };
        (found, report)
    }

    /// Counts an item that is not changed.
    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        *self.refused.entry(why.into()).or_default() += 1;
    }

    /// Counts the results of the items. `what` has the handler and the state of each item.
    pub(super) fn count_all(&mut self, what: impl Iterator<Item = String>, results: &[Intervened]) {
        for (what, result) in what.zip(results) {
            match result.refusal() {
                Some(why) => self.refuse(why),
                None => self.count(what),
            }
        }
    }

    fn count(&mut self, what: String) {
        self.done += 1;
        *self.by.entry(what).or_default() += 1;
    }

    /// Adds the report of the next call.
    pub(crate) fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.done += other.done;
        for (why, many) in other.refused {
            *self.refused.entry(why).or_default() += many;
        }
        for (what, many) in other.by {
            *self.by.entry(what).or_default() += many;
        }
        self.next = other.next;
        self.until = other.until;
    }
}
