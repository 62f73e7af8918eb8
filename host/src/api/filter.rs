//! Filters and pages as they stand in a query: `source`, `kind` (a pattern), `handler`,
//! `state`, `from`, `to` (milliseconds since 1970), `after`, `limit`, `order`.

use std::collections::BTreeMap;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Order, Page, RecordFilter, StateFilter};

/// Entries of a page, unless it is said how many.
const LIMIT: usize = 50;

/// Entries of a page at most.
pub(crate) const MAX_LIMIT: usize = 500;

/// The longest text that is compared with anything.
const MAX_TEXT: usize = 512;

/// What a query means; a name that nothing has is refused rather than passed over, since a
/// misspelt filter would mean everything.
pub(crate) fn read(query: &[(String, String)]) -> Result<(RecordFilter, Page), String> {
    let mut filter = RecordFilter::default();
    let page = read_with(query, |name, value| set(&mut filter, name, value))?;
    Ok((filter, page))
}

/// The page that a query means, with `set` for the parts of its filter.
pub(crate) fn read_with(
    query: &[(String, String)],
    mut set: impl FnMut(&str, &str) -> Result<bool, String>,
) -> Result<Page, String> {
    let mut page = Page {
        after: None,
        limit: LIMIT,
        order: Order::Newest,
    };
    for (name, value) in query {
        if value.len() > MAX_TEXT {
            return Err(format!("`{name}` is longer than {MAX_TEXT} bytes"));
        }
        if set(name, value)? {
            continue;
        }
        match name.as_str() {
            "after" => page.after = Some(number(name, value)?),
            "limit" => page.limit = number::<usize>(name, value)?.clamp(1, MAX_LIMIT),
            "order" => page.order = order(value)?,
            _ => return Err(format!("`{name}` is not known here")),
        }
    }
    Ok(page)
}

/// The filter that an object in a body means.
pub(crate) fn of_parts(parts: &BTreeMap<String, String>) -> Result<RecordFilter, String> {
    let mut filter = RecordFilter::default();
    set_parts(parts, |name, value| set(&mut filter, name, value))?;
    Ok(filter)
}

/// Sets all parts of a filter by `set`, which says whether it knows one.
pub(crate) fn set_parts(
    parts: &BTreeMap<String, String>,
    mut set: impl FnMut(&str, &str) -> Result<bool, String>,
) -> Result<(), String> {
    for (name, value) in parts {
        if !set(name, value)? {
            return Err(format!("`{name}` is not known in a filter"));
        }
    }
    Ok(())
}

/// Sets the part of a filter that `name` stands for; whether it stands for one.
pub(crate) fn set(filter: &mut RecordFilter, name: &str, value: &str) -> Result<bool, String> {
    match name {
        "source" => filter.source = Some(SourceName::new(value)),
        "kind" => filter.kind = Some(EventPattern::new(value)),
        "handler" => filter.handler = Some(HandlerName::new(value)),
        "state" => {
            let state = StateFilter::from_name(value);
            filter.state = Some(state.ok_or_else(|| format!("there is no state `{value}`"))?);
        }
        "from" => filter.from = Some(moment(name, value)?),
        "to" => filter.to = Some(moment(name, value)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The query that means this filter.
pub(crate) fn write(filter: &RecordFilter) -> Vec<(&'static str, String)> {
    let RecordFilter {
        source,
        kind,
        handler,
        state,
        from,
        to,
    } = filter;
    given([
        ("source", source.as_ref().map(ToString::to_string)),
        ("kind", kind.as_ref().map(ToString::to_string)),
        ("handler", handler.as_ref().map(ToString::to_string)),
        ("state", state.map(|state| state.name().to_owned())),
        ("from", from.map(|time| time.as_millis().to_string())),
        ("to", to.map(|time| time.as_millis().to_string())),
    ])
}

/// The parts of a query that have a value.
pub(crate) fn given<const N: usize>(
    parts: [(&'static str, Option<String>); N],
) -> Vec<(&'static str, String)> {
    parts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

pub(crate) fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("`{name}` is no number: `{value}`"))
}

/// A time of day, as milliseconds.
pub(crate) fn moment(name: &str, value: &str) -> Result<WallTime, String> {
    number(name, value).map(WallTime::from_millis)
}

fn order(value: &str) -> Result<Order, String> {
    match value {
        "newest" => Ok(Order::Newest),
        "oldest" => Ok(Order::Oldest),
        _ => Err(format!("`order` is `newest` or `oldest`, not `{value}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_ledger::DeliveryState;

    fn query(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let pairs = query(&[
            ("source", "stripe"),
            ("kind", "invoice.*"),
            ("handler", "dunning"),
            ("state", "dead"),
            ("from", "5"),
            ("to", "9"),
        ]);
        let (filter, page) = read(&pairs).unwrap();
        assert_eq!(
            filter.state,
            Some(StateFilter::Delivery(DeliveryState::Dead))
        );
        assert_eq!((page.after, page.limit), (None, LIMIT));
        let written = write(&filter);
        let written: Vec<_> = written.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(query(&written), pairs);
    }

    #[test]
    fn pages_are_bounded_and_mistakes_are_told() {
        let limit = |text| read(&query(&[("limit", text)])).map(|(_, page)| page.limit);
        assert_eq!(limit("0"), Ok(1));
        assert_eq!(limit("1000000"), Ok(MAX_LIMIT));
        assert!(limit("-1").is_err());
        for wrong in [("stat", "dead"), ("state", "lost"), ("from", "yesterday")] {
            assert!(read(&query(&[wrong])).is_err(), "{wrong:?}");
        }
    }
}
