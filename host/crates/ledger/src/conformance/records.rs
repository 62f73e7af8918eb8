//! Lists, page by page.

use super::*;

/// Reads a list of events from page to page. Returns the providers' ids.
fn walk(open: &Open, first: Page) -> Vec<String> {
    let mut page = first;
    let mut found = Vec::new();
    for _ in 0..100 {
        let listed = open.ledger.events(&RecordFilter::default(), &page).unwrap();
        assert!(listed.items.len() <= page.limit);
        let ids = listed.items.into_iter().map(|event| event.provider_id);
        found.extend(ids.map(Option::unwrap));
        page.after = listed.next;
        if page.after.is_none() {
            return found;
        }
    }
    panic!("a list without end");
}

fn page(order: ListOrder, limit: usize) -> Page {
    Page {
        after: None,
        until: None,
        limit,
        order,
    }
}

fn arrive(open: &Open, ids: std::ops::Range<usize>) -> Vec<String> {
    let names: Vec<String> = ids.map(|n| format!("evt_{n}")).collect();
    for name in &names {
        open.deliver(name, &["a"]);
    }
    names
}

pub fn lists_are_read_page_by_page(engine: &dyn Engine) {
    let open = Open::new(engine);
    assert!(walk(&open, page(ListOrder::Oldest, 3)).is_empty());
    let all = arrive(&open, 0..7);
    let newest: Vec<_> = all.iter().rev().cloned().collect();
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(walk(&open, page(ListOrder::Oldest, limit)), all);
        assert_eq!(walk(&open, page(ListOrder::Newest, limit)), newest);
    }
}

pub fn events_are_found_by_the_beginning_of_their_ids(engine: &dyn Engine) {
    let open = Open::new(engine);
    arrive(&open, 0..7);
    let listed = open
        .ledger
        .events(&RecordFilter::default(), &page(ListOrder::Oldest, 100));
    let listed = listed.unwrap().items;
    let mut all: Vec<EventId> = listed
        .iter()
        .map(|event| event.id.parse().unwrap())
        .collect();
    all.sort();
    for length in [4, 9, 13, 16, 20, 36] {
        for id in &all {
            let text = id.to_string();
            let beginning = &text[..length];
            let mut alike = all.clone();
            alike.retain(|id| id.to_string().starts_with(beginning));
            match (alike.len(), find_event(&*open.ledger, beginning)) {
                (1, found) => assert_eq!(found.unwrap(), *id, "{beginning}"),
                (_, Err(FindError::Ambiguous { ids, .. })) => assert_eq!(ids, alike[..ids.len()]),
                (_, other) => panic!("{beginning}: {other:?}"),
            }
        }
    }
    let [first, last] = [all[1], all[5]];
    let between = open.ledger.ids_between(first, last, 100).unwrap();
    assert_eq!(between, all[1..=5]);
    assert_eq!(open.ledger.ids_between(first, last, 2).unwrap(), all[1..3]);
    let unknown = find_event(&*open.ledger, "ffff-ffff");
    assert!(matches!(unknown, Err(FindError::Unknown(_))));
    let wrong = find_event(&*open.ledger, "evt_1");
    assert!(matches!(wrong, Err(FindError::NotAnId(_))));
}

pub fn a_walk_ends_where_it_is_told_to(engine: &dyn Engine) {
    let open = Open::new(engine);
    let none = open.ledger.last_cursor(RecordList::Events).unwrap();
    let first = arrive(&open, 0..5);
    let five = open.ledger.last_cursor(RecordList::Events).unwrap();
    let until = |order, limit, until: &Cursor| Page {
        until: Some(until.clone()),
        ..page(order, limit)
    };
    let open = open.reopen(engine);
    arrive(&open, 5..9);
    for limit in [1, 2, 5, 100] {
        assert_eq!(walk(&open, until(ListOrder::Oldest, limit, &five)), first);
        let mut newest = walk(&open, until(ListOrder::Newest, limit, &five));
        newest.reverse();
        assert_eq!(newest, first);
        assert!(walk(&open, until(ListOrder::Oldest, limit, &none)).is_empty());
        assert!(walk(&open, until(ListOrder::Newest, limit, &none)).is_empty());
    }
}

pub fn a_cursor_is_of_one_list(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let mut sends = ending(delivery, NextState::Done);
    sends.effects.outbox = vec![request("1")];
    open.complete(sends).unwrap();
    rejections::keep_one(&open);
    let ask = |list, page: &Page| match list {
        RecordList::Events => {
            let listed = open.ledger.events(&RecordFilter::default(), page);
            listed.map(|listed| listed.items.len())
        }
        RecordList::Deliveries => {
            let listed = open.ledger.deliveries(&RecordFilter::default(), page);
            listed.map(|listed| listed.items.len())
        }
        RecordList::Requests => {
            let listed = open.ledger.requests(&RequestFilter::default(), page);
            listed.map(|listed| listed.items.len())
        }
        RecordList::Rejections => {
            let listed = open.ledger.rejections(&RejectionFilter::default(), page);
            listed.map(|listed| listed.items.len())
        }
    };
    let lists = [
        RecordList::Events,
        RecordList::Deliveries,
        RecordList::Requests,
        RecordList::Rejections,
    ];
    for of in lists {
        let cursor = open.ledger.last_cursor(of).unwrap();
        for list in lists {
            for order in [ListOrder::Newest, ListOrder::Oldest] {
                let behind = Page {
                    after: Some(cursor.clone()),
                    ..page(order, 9)
                };
                let up_to = Page {
                    until: Some(cursor.clone()),
                    ..page(order, 9)
                };
                let expected = |found| match of == list {
                    true => Ok(found),
                    false => Err(ListError::InvalidCursor),
                };
                assert_eq!(ask(list, &behind), expected(0));
                assert_eq!(ask(list, &up_to), expected(1));
            }
        }
    }
    let long = "9".repeat(5000);
    for text in ["", " ", "-1", "0", "' OR 1", "\0", "\u{1f600}", &long] {
        for list in lists {
            let hostile = Page {
                after: Some(Cursor::new(text)),
                ..page(ListOrder::Newest, 9)
            };
            assert_eq!(ask(list, &hostile), Err(ListError::InvalidCursor), "{text}");
        }
    }
}
