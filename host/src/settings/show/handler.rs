//! Handlers as they are understood.

use serde_json::{Value, json};

use super::value::{SECRET, object, size, table, text, texts};
use crate::settings::{
    Allow, BreakerSettings, Handler, OnBlock, OnTrap, OrderBy, OrderSettings, SupersedeBy,
};
use tollgate_base::quantity::show_duration;
use tollgate_sandbox::Limits;

impl Handler {
    /// The handler as it is understood, with secrets masked.
    pub fn shown(&self) -> Value {
        let on_trap = match self.on_trap {
            OnTrap::Retry => "retry",
            OnTrap::Dead => "dead",
        };
        let mut shown = table([
            ("component", text(&self.component.display())),
            ("concurrency", Some(self.concurrency.into())),
            ("rate", self.rate.as_ref().and_then(|rate| text(rate))),
            (
                "breaker",
                Some(self.breaker.as_ref().map_or(false.into(), breaker)),
            ),
            ("rollback", Some(self.rollback.into())),
            ("retry", Some(self.retry.shown())),
            ("on_trap", text(&on_trap)),
            (
                "fixtures",
                self.fixtures
                    .as_ref()
                    .and_then(|path| text(&path.display())),
            ),
            ("config", Some(json!(self.guest.config))),
            ("allow", Some(self.allow.iter().map(allow).collect())),
        ]);
        if let Value::Object(shown) = &mut shown {
            let more = [limits(&self.guest.limits), order(self.order.as_ref())];
            shown.extend(more.into_iter().flat_map(|more| match more {
                Value::Object(more) => more,
                _ => serde_json::Map::new(),
            }));
        }
        shown
    }
}

fn limits(limits: &Limits) -> Value {
    table([
        ("timeout", text(&show_duration(limits.timeout))),
        ("memory", size(limits.memory)),
        ("tables", Some(limits.tables.into())),
        ("output", size(limits.output)),
        ("logs", size(limits.logs)),
        ("calls", Some(limits.calls.into())),
        ("effects", size(limits.effects)),
        ("response", size(limits.response)),
        ("requests", Some(limits.requests.into())),
    ])
}

fn breaker(breaker: &BreakerSettings) -> Value {
    json!({
        "failures": breaker.failures,
        "of": breaker.of,
        "within": show_duration(breaker.within),
        "open": show_duration(breaker.open),
    })
}

fn order(order: Option<&OrderSettings>) -> Value {
    let Some(order) = order else {
        return Value::Null;
    };
    let by = match &order.by {
        OrderBy::Account => "account",
        OrderBy::Subject => "subject",
        OrderBy::Pointer(pointer) => pointer,
    };
    let on_block = match order.on_block {
        OnBlock::SkipAfterDead => "skip-after-dead",
        OnBlock::Wait => "wait",
    };
    let supersede = order.supersede_by.as_ref().map(|by| match by {
        SupersedeBy::Created => "created",
        SupersedeBy::Pointer(pointer) => pointer,
    });
    table([
        ("order_by", text(&by)),
        ("on_block", text(&on_block)),
        ("supersede_by", supersede.map(Value::from)),
    ])
}

fn allow(allow: &Allow) -> Value {
    let headers = allow.headers.iter();
    let addresses = (!allow.addresses.is_empty()).then(|| texts(&allow.addresses));
    table([
        ("origin", text(&allow.origin)),
        ("addresses", addresses),
        (
            "headers",
            Some(object(
                headers.map(|(name, _)| (name.clone(), SECRET.into())),
            )),
        ),
        ("immediate", Some(allow.immediate.into())),
    ])
}
