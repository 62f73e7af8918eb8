//! All orders in which events may arrive.
//!
//! Providers promise no order, and a replay may repeat any event. A handler of money is correct
//! only if all orders and all repetitions lead to the same end.

/// Returns all orders of the items. `n` items have `n!` orders, so pass at most eight.
pub fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, first.clone());
            all.push(order);
        }
    }
    all
}

/// Returns the items unchanged, then the items with each item repeated once at the end.
pub fn with_repeats<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let mut all = vec![items.to_vec()];
    for item in items {
        let mut repeated = items.to_vec();
        repeated.push(item.clone());
        all.push(repeated);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_orders_and_each_once() {
        let all = orders(&[1, 2, 3, 4]);
        assert_eq!(all.len(), 24);
        let distinct: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(distinct.len(), 24);
        for mut order in all {
            order.sort_unstable();
            assert_eq!(order, [1, 2, 3, 4]);
        }
    }

    #[test]
    fn each_item_is_repeated_once() {
        assert_eq!(
            with_repeats(&[1, 2]),
            [vec![1, 2], vec![1, 2, 1], vec![1, 2, 2]]
        );
    }
}
