//! From an event to its handlers and to the order keys of its deliveries.

use std::collections::HashMap;
use std::sync::Arc;

use super::keys::KeyRule;
use crate::settings::{Handler, Route};
use tollgate_base::event::{Event, HandlerName, SourceName};
use tollgate_base::json::{PointerSet, pluck};
use tollgate_ledger::Recipient;

/// The routes of one generation, by source.
#[derive(Debug, Default)]
pub struct Routes {
    by_source: HashMap<SourceName, Vec<Compiled>>,
    /// The rules of the handlers whose deliveries have an order.
    keys: HashMap<HandlerName, KeyRule>,
}

#[derive(Debug)]
struct Compiled {
    route: Route,
    pointers: PointerSet,
}

impl Routes {
    /// The routes of a manifest, and the order of its handlers.
    pub fn new<'h>(routes: &[Route], handlers: impl IntoIterator<Item = &'h Arc<Handler>>) -> Self {
        let mut by_source: HashMap<_, Vec<_>> = HashMap::new();
        for route in routes {
            let pointers: Vec<_> = route.filter.iter().map(|(pointer, _)| pointer).collect();
            let pointers =
                PointerSet::new(&pointers).expect("the manifest's pointers were checked");
            by_source
                .entry(route.source.clone())
                .or_default()
                .push(Compiled {
                    route: route.clone(),
                    pointers,
                });
        }
        let keys = handlers
            .into_iter()
            .filter_map(|handler| Some((handler.name.clone(), KeyRule::of(handler)?)))
            .collect();
        Self { by_source, keys }
    }

    /// The handlers that an event goes to, each once, in the order of the routes, with the order
    /// keys of the deliveries.
    pub fn recipients(&self, event: &Event) -> Vec<Recipient> {
        let handlers = self.handlers(&event.source, &event.kind, &event.payload);
        handlers
            .into_iter()
            .map(|handler| self.recipient(handler, event))
            .collect()
    }

    /// `handler` as the recipient of an event, whatever the routes say.
    pub fn recipient(&self, handler: HandlerName, event: &Event) -> Recipient {
        let rule = self.keys.get(&handler);
        let key = rule.and_then(|rule| rule.key(&handler, event));
        Recipient { handler, key }
    }

    fn handlers(&self, source: &SourceName, kind: &str, payload: &[u8]) -> Vec<HandlerName> {
        let mut handlers = Vec::new();
        for compiled in self.by_source.get(source).map_or(&[][..], Vec::as_slice) {
            if compiled.matches(kind, payload) {
                for handler in &compiled.route.handlers {
                    if !handlers.contains(handler) {
                        handlers.push(handler.clone());
                    }
                }
            }
        }
        handlers
    }
}

impl Compiled {
    /// Whether the type and the filter match. A payload that is no JSON matches no filter.
    fn matches(&self, kind: &str, payload: &[u8]) -> bool {
        if !self.route.takes(kind) {
            return false;
        }
        if self.route.filter.is_empty() {
            return true;
        }
        let Ok(values) = pluck(payload, &self.pointers) else {
            return false;
        };
        self.route
            .filter
            .iter()
            .zip(values)
            .all(|((_, expected), value)| value.is_some_and(|value| same(expected, &value)))
    }
}

/// Equality in a filter: numbers are equal by value, written `1` or `1.0`.
fn same(expected: &serde_json::Value, found: &serde_json::Value) -> bool {
    expected == found
        || match (expected.as_f64(), found.as_f64()) {
            (Some(expected), Some(found)) => expected == found,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tollgate_base::globs::EventPattern;

    fn route(events: &[&str], filter: &[(&str, serde_json::Value)], handlers: &[&str]) -> Route {
        Route {
            source: SourceName::new("s"),
            events: events
                .iter()
                .map(|event| EventPattern::new(*event))
                .collect(),
            thin: false,
            filter: filter
                .iter()
                .map(|(p, v)| ((*p).to_owned(), v.clone()))
                .collect(),
            handlers: handlers
                .iter()
                .map(|name| HandlerName::new(*name))
                .collect(),
        }
    }

    fn routes_of(routes: &[Route]) -> Routes {
        Routes::new(routes, std::iter::empty())
    }

    fn names(routes: &Routes, kind: &str, payload: &str) -> Vec<String> {
        routes
            .handlers(&SourceName::new("s"), kind, payload.as_bytes())
            .into_iter()
            .map(|name| name.to_string())
            .collect()
    }

    #[test]
    fn all_matching_routes_apply_and_name_a_handler_once() {
        let routes = routes_of(&[
            route(&["invoice.*"], &[], &["a", "b"]),
            route(&["invoice.paid"], &[], &["b", "c"]),
        ]);
        assert_eq!(names(&routes, "invoice.paid", ""), ["a", "b", "c"]);
        assert_eq!(names(&routes, "invoice.voided", ""), ["a", "b"]);
        assert!(names(&routes, "charge.failed", "").is_empty());
        assert!(
            routes
                .handlers(&SourceName::new("other"), "invoice.paid", b"")
                .is_empty()
        );
    }

    #[test]
    fn one_word_names_both_forms_where_the_route_says_so() {
        let plain = route(&["invoice.paid"], &[], &["a"]);
        let both = Route {
            thin: true,
            ..route(&["invoice.*"], &[], &["b"])
        };
        let routes = routes_of(&[plain, both]);
        assert_eq!(names(&routes, "invoice.paid", ""), ["a", "b"]);
        assert_eq!(names(&routes, "v1.invoice.paid", ""), ["b"]);
        assert!(names(&routes, "v1.v1.invoice.paid", "").is_empty());
        assert!(names(&routes, "v2.invoice.paid", "").is_empty());
    }

    #[test]
    fn filters_must_all_hold() {
        let routes = routes_of(&[route(
            &["*"],
            &[("/a/b", json!("usd")), ("/n", json!(1))],
            &["h"],
        )]);
        assert_eq!(names(&routes, "x", r#"{"a":{"b":"usd"},"n":1.0}"#), ["h"]);
        assert!(names(&routes, "x", r#"{"a":{"b":"usd"},"n":2}"#).is_empty());
        assert!(names(&routes, "x", r#"{"a":{"b":"eur"},"n":1}"#).is_empty());
        assert!(names(&routes, "x", r#"{"n":1}"#).is_empty());
        assert!(names(&routes, "x", "no json").is_empty());
    }
}
